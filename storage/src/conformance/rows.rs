//! Rows by key and in lists.

use super::Fixture;
use super::fold::all_rows;
use super::support::{guild, message_key, reaction_key, room, user};
use crate::model::{Member, Row, RowKey, RowPrefix};
use crate::{Error, MAX_ROWS_PER_PAGE};

const CRAB: &str = "\u{1f980}";

/// Numbers of identifiers whose bytes lie at the edges of ranges, ascending.
const EDGES: [u128; 8] = [0, 1, 255, 256, 257, u128::MAX >> 8, u128::MAX - 1, u128::MAX];

/// Rows come in the order asked, as often as asked, with nothing in the place of those that do not exist.
pub async fn rows_come_in_the_order_asked(fixture: &mut Fixture) {
    let room_id = fixture.make_room().await;
    fixture.writer().post_all(room_id, 1..4).await;
    let (first, third) = (message_key(room_id, 1), message_key(room_id, 3));
    let asked = [
        third.clone(),
        RowKey::Instance,
        first.clone(),
        RowKey::Room(room(2)),
        message_key(room_id, 4),
        third,
        first,
    ];
    let rows = fixture.store().rows(&asked).await.expect("rows");
    let seqs: Vec<Option<u64>> = rows
        .iter()
        .map(|row| match row {
            Some(Row::Message(record)) => Some(record.seq),
            Some(other) => panic!("{other:?} was not asked for"),
            None => None,
        })
        .collect();
    assert_eq!(seqs, [Some(3), None, Some(1), None, None, Some(3), Some(1)]);
    assert_eq!(fixture.store().rows(&[]).await.expect("rows"), []);
}

/// As many rows as a page holds may be asked for, and no more.
pub async fn rows_have_a_limit(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post_all(room, 1..3).await;
    let mut keys: Vec<RowKey> = (1..=MAX_ROWS_PER_PAGE as u64)
        .map(|seq| message_key(room, seq))
        .collect();
    let rows = fixture.store().rows(&keys).await.expect("rows");
    assert_eq!(
        (rows.len(), rows.iter().flatten().count()),
        (MAX_ROWS_PER_PAGE, 2)
    );
    keys.push(RowKey::Instance);
    let answer = fixture.store().rows(&keys).await;
    assert!(
        matches!(
            answer,
            Err(Error::TooLarge {
                limit: MAX_ROWS_PER_PAGE,
                ..
            })
        ),
        "{answer:?}"
    );
}

/// Fails unless the list has these keys, in this order, in pages of every size and with `more` always right.
async fn assert_list(fixture: &Fixture, prefix: &RowPrefix, expected: &[RowKey]) {
    let count = expected.len();
    for limit in [
        1,
        2,
        3,
        count.max(2) - 1,
        count.max(1),
        count + 1,
        MAX_ROWS_PER_PAGE,
    ] {
        let rows = all_rows(fixture.store(), prefix, limit).await;
        let keys: Vec<RowKey> = rows.into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, expected, "{prefix:?} in pages of {limit}");
    }
    for (place, after) in expected.iter().enumerate() {
        let page = fixture
            .store()
            .list_rows(prefix, Some(after), 1)
            .await
            .expect("a page");
        let keys: Vec<RowKey> = page.rows.into_iter().map(|(key, _)| key).collect();
        let next: Vec<RowKey> = expected[place + 1..].iter().take(1).cloned().collect();
        assert_eq!(
            (keys, page.more),
            (next, place + 2 < count),
            "{prefix:?} after {after:?}"
        );
    }
}

/// The members of a guild, by user, and the guilds of a user, by guild.
pub async fn list_rows_of_members_and_their_guilds(fixture: &mut Fixture) {
    for number in EDGES {
        let owner = fixture.writer().by(user(0));
        owner.create_guild(guild(number)).await.expect("made");
    }
    // Joined backwards, so that the order of a list is not that of its making. The owner is a member already.
    for number in EDGES.into_iter().rev() {
        if number != 0 {
            join(fixture, number, 256).await;
        }
        if number != 256 {
            join(fixture, u128::MAX, number).await;
        }
    }
    let members = EDGES.map(|number| RowKey::Member {
        guild: guild(256),
        user: user(number),
    });
    assert_list(fixture, &RowPrefix::MembersOf(guild(256)), &members).await;
    for number in [0, u128::MAX] {
        let user = user(number);
        let guilds = EDGES.map(|number| RowKey::GuildOf {
            user,
            guild: guild(number),
        });
        assert_list(fixture, &RowPrefix::GuildsOf(user), &guilds).await;
    }
    for number in EDGES.into_iter().filter(|number| *number != 256) {
        let guild = guild(number);
        let two = [0, u128::MAX].map(|number| RowKey::Member {
            guild,
            user: user(number),
        });
        assert_list(fixture, &RowPrefix::MembersOf(guild), &two).await;
    }
    let page = fixture
        .store()
        .list_rows(&RowPrefix::GuildsOf(user(1)), None, 1)
        .await
        .expect("a page");
    assert!(
        matches!(&page.rows[..], [(_, Row::Member(Member { joined_at, .. }))] if *joined_at == Fixture::START)
    );
}

async fn join(fixture: &Fixture, who: u128, what: u128) {
    let writer = fixture.writer().by(user(who));
    writer.join(guild(what)).await.expect("joined");
}

/// The channels of a guild, by room.
pub async fn list_rows_of_channels(fixture: &mut Fixture) {
    for number in EDGES.into_iter().rev() {
        fixture
            .writer()
            .create_room(guild(u128::MAX), room(number))
            .await
            .expect("made");
    }
    fixture
        .writer()
        .create_room(guild(0), room(5))
        .await
        .expect("made");
    let channels = EDGES.map(|number| RowKey::Channel {
        guild: guild(u128::MAX),
        room: room(number),
    });
    assert_list(fixture, &RowPrefix::ChannelsOf(guild(u128::MAX)), &channels).await;
    let one = [RowKey::Channel {
        guild: guild(0),
        room: room(5),
    }];
    assert_list(fixture, &RowPrefix::ChannelsOf(guild(0)), &one).await;
    assert_list(fixture, &RowPrefix::ChannelsOf(guild(1)), &[]).await;
    assert_list(fixture, &RowPrefix::MembersOf(guild(u128::MAX)), &[]).await;
}

/// Who reacted to a message with an emoji, by user.
pub async fn list_rows_of_reactions(fixture: &mut Fixture) {
    let room = room(u128::MAX);
    fixture.writer().create_room(guild(1), room).await.expect("made");
    fixture.writer().post_all(room, 1..3).await;
    for number in EDGES.into_iter().rev() {
        fixture
            .writer()
            .by(user(number))
            .react(room, 2, CRAB, true)
            .await
            .expect("reacted");
    }
    fixture
        .writer()
        .by(user(7))
        .react(room, 2, CRAB, true)
        .await
        .expect("reacted");
    fixture
        .writer()
        .by(user(7))
        .react(room, 2, CRAB, false)
        .await
        .expect("taken back");
    let reactions = EDGES.map(|number| reaction_key(room, 2, CRAB, user(number)));
    let prefix = RowPrefix::ReactionsOf {
        room,
        seq: 2,
        emoji: CRAB.to_owned(),
    };
    assert_list(fixture, &prefix, &reactions).await;
    let other = RowPrefix::ReactionsOf {
        room,
        seq: 1,
        emoji: CRAB.to_owned(),
    };
    assert_list(fixture, &other, &[]).await;
}

/// A list goes on behind a row that is gone, or never was.
pub async fn list_rows_goes_on_behind_a_missing_row(fixture: &mut Fixture) {
    fixture.writer().create_guild(guild(1)).await.expect("made");
    for number in [10, 20, 30] {
        fixture
            .writer()
            .by(user(number))
            .join(guild(1))
            .await
            .expect("joined");
    }
    for (after, expected) in [
        (1, vec![10, 20, 30]),
        (10, vec![20, 30]),
        (15, vec![20, 30]),
        (31, vec![]),
    ] {
        let after = RowKey::Member {
            guild: guild(1),
            user: user(after),
        };
        let page = fixture
            .store()
            .list_rows(&RowPrefix::MembersOf(guild(1)), Some(&after), 10)
            .await;
        let page = page.expect("a page");
        let keys: Vec<RowKey> = page.rows.into_iter().map(|(key, _)| key).collect();
        let expected: Vec<RowKey> = expected
            .into_iter()
            .map(|number| RowKey::Member {
                guild: guild(1),
                user: user(number),
            })
            .collect();
        assert_eq!((keys, page.more), (expected, false));
    }
}

/// More than a page may hold is an error, not a shorter page.
pub async fn list_rows_has_a_limit(fixture: &mut Fixture) {
    let answer = fixture
        .store()
        .list_rows(&RowPrefix::MembersOf(guild(1)), None, MAX_ROWS_PER_PAGE + 1)
        .await;
    assert!(
        matches!(
            answer,
            Err(Error::TooLarge {
                limit: MAX_ROWS_PER_PAGE,
                ..
            })
        ),
        "{answer:?}"
    );
}
