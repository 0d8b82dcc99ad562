//! Lists that take long to fill through a door.

use madang_storage::Command;
use madang_storage::model::{EventId, Fact, Head, RoomId, Rows, StreamId};

use super::world::World;
use crate::chat::{Chat, Code, NewChannel, Once};

async fn append(chat: &Chat, stream: StreamId, fact: Fact) {
    let command = Command {
        stream,
        event_id: EventId::from_u128(chat.env().next_id()),
        actor: None,
        access_rev: 0,
        nonce: None,
        rows: Vec::new(),
    };
    let decide = move |_: &Head, _: &Rows| Ok::<_, ()>(fact.clone().into());
    chat.store().append(command, decide).await.expect("appended");
}

#[tokio::test]
async fn a_guild_has_so_many_channels() {
    let world = World::new().await;
    let (chat, owner) = (&world.chat, world.owner());
    let guild = chat
        .create_guild(&owner, &Once::default(), "many", None)
        .await
        .expect("a guild")
        .id;
    // The first one is there already, and the last one is made like any other.
    let mut appends = tokio::task::JoinSet::new();
    for number in 2..crate::chat::channels::MAX_CHANNELS {
        let chat = chat.clone();
        appends.spawn(async move {
            let stream = StreamId::Room(RoomId::from_u128(number as u128));
            append(
                &chat,
                stream,
                Fact::channel_created(guild, format!("channel {number}"), ""),
            )
            .await;
        });
    }
    appends.join_all().await;
    let make = async |name: &str| {
        let once = Once::default();
        {
            let new = NewChannel {
                name: name.to_owned(),
                ..NewChannel::default()
            };
            chat.create_channel(&owner, &once, guild, new).await
        }
    };
    let last = make("the last one").await.expect("a channel");
    let error = make("one more").await.expect_err("it is full");
    assert_eq!(error.code, Code::TooMany);
    chat.delete_channel(&owner, last.id, None).await.expect("deleted");
    make("one more").await.expect("a place that was given back");
}

#[tokio::test]
async fn somebody_is_in_so_many_guilds() {
    let world = World::new().await;
    let (chat, owner) = (&world.chat, world.owner());
    // One was made when the instance was set up.
    let mut last = None;
    for number in 1..crate::chat::founding::MAX_GUILDS {
        let name = format!("guild {number}");
        let made = chat.create_guild(&owner, &Once::default(), &name, None).await;
        last = Some(made.expect("a guild"));
    }
    let error = chat
        .create_guild(&owner, &Once::default(), "one more", None)
        .await;
    assert_eq!(error.expect_err("it is full").code, Code::TooMany);
    let last = last.expect("a guild");
    let deleted = chat.delete_guild(&owner, last.id, &last.name, None);
    deleted.await.expect("deleted");
    chat.create_guild(&owner, &Once::default(), "one more", None)
        .await
        .expect("a place that was given back");
}
