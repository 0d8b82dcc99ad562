//! The guild, users and rooms that everything else happens in. Safe to repeat after any crash.

use madang_storage::model::{EventId, Fact, StreamId, UserId};
use madang_storage::{AppendError, Command, Error};

use super::{ROOMS, Run, USERS, room, user};
use crate::knowledge::{How, Lines};

/// Makes what is missing.
pub(super) async fn make(run: &Run) -> Result<(), Error> {
    let owner = user(0);
    start(
        run,
        StreamId::Instance,
        owner,
        Fact::InstanceCreated {
            name: "Faults".to_owned(),
        },
    )
    .await?;
    let guild = StreamId::Guild(run.guild);
    start(
        run,
        guild,
        owner,
        Fact::GuildCreated {
            name: "Guild".to_owned(),
            owner,
        },
    )
    .await?;
    for number in 0..u64::try_from(USERS).expect("few users") {
        let user = user(number);
        start(
            run,
            StreamId::User(user),
            user,
            Fact::UserCreated {
                name: format!("user{number}"),
            },
        )
        .await?;
        if !run.store.is_member(run.guild, user).await? {
            append(run, guild, user, Fact::MemberJoined { user }, false).await?;
        }
    }
    for number in 0..u64::try_from(ROOMS).expect("few rooms") {
        make_room(run, number, owner).await?;
    }
    Ok(())
}

/// Makes a room, if it is missing.
pub(super) async fn make_room(run: &Run, number: u64, actor: UserId) -> Result<(), Error> {
    let fact = Fact::channel_created(run.guild, format!("room{number}"), String::new());
    start(run, StreamId::Room(room(number)), actor, fact).await
}

async fn start(run: &Run, stream: StreamId, actor: UserId, fact: Fact) -> Result<(), Error> {
    if run.store.head(stream).await?.exists() {
        Ok(())
    } else {
        append(run, stream, actor, fact, true).await
    }
}

/// Appends a fact, unless it would have to be the first of its stream and is not.
async fn append(run: &Run, stream: StreamId, actor: UserId, fact: Fact, first: bool) -> Result<(), Error> {
    let command = Command {
        stream,
        event_id: EventId::from_u128(run.env.next_id()),
        actor: Some(actor),
        access_rev: 0,
        nonce: None,
        rows: Vec::new(),
    };
    let decided = run
        .store
        .append(command, move |head, _rows| {
            if first && head.exists() {
                Err(())
            } else {
                Ok(fact.clone().into())
            }
        })
        .await;
    match decided {
        Ok(appended) => {
            let mut lines = Lines::default();
            lines.event(How::Acknowledged, &appended.commit.event);
            run.journal.write(&lines);
            Ok(())
        }
        Err(AppendError::Refused(())) => Ok(()),
        Err(AppendError::Store(error)) => Err(error),
    }
}
