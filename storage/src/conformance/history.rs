//! Pages of messages.

use super::Fixture;
use super::support::{at_once, guild, in_time, room, user};
use crate::model::{Head, RoomId, StreamId};
use crate::{Anchor, Error, MAX_MESSAGES_PER_PAGE, Store};

/// How many messages the rooms of these cases have.
const MESSAGES: u64 = 30;

/// What a page must have: said by filters over all numbers, and so independent of `Anchor::bounds`.
fn expected(anchor: Anchor, limit: usize) -> Vec<u64> {
    let all = 1..=MESSAGES;
    let last = |seqs: Vec<u64>| seqs[seqs.len().saturating_sub(limit)..].to_vec();
    match anchor {
        Anchor::Latest => last(all.collect()),
        Anchor::Before(seq) => last(all.filter(|number| *number < seq).collect()),
        Anchor::After(seq) => all.filter(|number| *number > seq).take(limit).collect(),
        Anchor::Around(seq) => {
            let half = limit as u64 / 2;
            all.filter(|number| number.saturating_add(half) >= seq)
                .take(limit)
                .collect()
        }
    }
}

/// Every anchor at every place with pages of every kind of size answers what a plain model answers.
pub async fn history_pages_from_every_anchor(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post_all(room, 1..MESSAGES + 1).await;
    let places = [0, 1, 2, 5, 15, 29, 30, 31, 32, 100, u64::MAX - 1, u64::MAX];
    let anchors = places
        .iter()
        .flat_map(|seq| [Anchor::Before(*seq), Anchor::After(*seq), Anchor::Around(*seq)]);
    for anchor in anchors.chain([Anchor::Latest]) {
        for limit in [0, 1, 2, 3, 10, 29, 30, 31, MAX_MESSAGES_PER_PAGE] {
            let page = fixture
                .store()
                .history(room, anchor, limit)
                .await
                .expect("a page");
            let seqs: Vec<u64> = page.messages.iter().map(|record| record.seq).collect();
            assert_eq!(seqs, expected(anchor, limit), "{anchor:?} with {limit}");
            assert!(
                page.messages
                    .iter()
                    .all(|record| record.text == record.seq.to_string())
            );
            assert_eq!((page.head.rev, page.head.seq), (31, 30));
        }
    }
}

/// Tombstones stand in pages like any message.
pub async fn history_shows_tombstones(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post_all(room, 1..6).await;
    for seq in [1, 3, 5] {
        fixture.writer().delete(room, seq).await.expect("deleted");
    }
    let page = fixture
        .store()
        .history(room, Anchor::Latest, 10)
        .await
        .expect("a page");
    let shown: Vec<_> = page
        .messages
        .iter()
        .map(|record| (record.seq, record.deleted.is_some(), record.text.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (1, true, ""),
            (2, false, "2"),
            (3, true, ""),
            (4, false, "4"),
            (5, true, "")
        ]
    );
}

/// A room that nobody made, and one without messages, have empty pages.
pub async fn history_of_an_unknown_room_is_empty(fixture: &mut Fixture) {
    let empty = fixture.make_room().await;
    for anchor in [
        Anchor::Latest,
        Anchor::Before(10),
        Anchor::After(0),
        Anchor::Around(1),
    ] {
        let page = fixture
            .store()
            .history(room(99), anchor, 50)
            .await
            .expect("a page");
        assert_eq!((page.head, page.messages), (Head::default(), Vec::new()));
        let page = fixture.store().history(empty, anchor, 50).await.expect("a page");
        assert_eq!((page.head.rev, page.messages), (1, Vec::new()));
    }
}

/// More than a page may hold is an error, not a shorter page.
pub async fn history_page_has_a_limit(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    for anchor in [
        Anchor::Latest,
        Anchor::Before(10),
        Anchor::After(0),
        Anchor::Around(1),
    ] {
        let answer = fixture
            .store()
            .history(room, anchor, MAX_MESSAGES_PER_PAGE + 1)
            .await;
        assert!(
            matches!(
                answer,
                Err(Error::TooLarge {
                    limit: MAX_MESSAGES_PER_PAGE,
                    ..
                })
            ),
            "{answer:?}"
        );
    }
}

/// A full page is full, over whatever rows it is spread.
pub async fn history_gives_full_pages(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let tasks = (1..=16).map(|number| {
        let writer = fixture.writer().by(user(number));
        async move { writer.post_all(room, 0..16).await }
    });
    at_once(tasks).await;
    let page = fixture
        .store()
        .history(room, Anchor::Latest, MAX_MESSAGES_PER_PAGE)
        .await
        .expect("a page");
    let seqs: Vec<u64> = page.messages.iter().map(|record| record.seq).collect();
    assert_eq!(seqs, (57..=256).collect::<Vec<_>>());
}

/// Neighbouring rooms do not show in each other's pages, wherever their identifiers lie.
pub async fn history_of_neighbours_stays_apart(fixture: &mut Fixture) {
    let numbers = [0, 1, 255, 256, u128::MAX - 1, u128::MAX];
    for number in numbers {
        fixture
            .writer()
            .create_room(guild(1), room(number))
            .await
            .expect("made");
        fixture.writer().post_all(room(number), 0..3).await;
    }
    for number in numbers {
        for anchor in [
            Anchor::Latest,
            Anchor::Before(u64::MAX),
            Anchor::After(0),
            Anchor::Around(2),
        ] {
            let page = fixture
                .store()
                .history(room(number), anchor, 10)
                .await
                .expect("a page");
            let texts: Vec<_> = page.messages.iter().map(|record| record.text.as_str()).collect();
            assert_eq!(texts, ["0", "1", "2"]);
        }
    }
}

/// Reading backwards and forwards finds every old message exactly once while new ones arrive.
pub async fn history_is_stable_under_concurrent_appends(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post_all(room, 1..MESSAGES + 1).await;
    let writers = (1..=3).map(|number| {
        let writer = fixture.writer().by(user(number));
        tokio::spawn(async move { writer.post_all(room, 0..40).await })
    });
    let writers: Vec<_> = writers.collect();
    for round in 0..10 {
        let (mut backwards, mut forwards) = (Vec::new(), Vec::new());
        while backwards.last() != Some(&1) {
            let anchor = Anchor::Before(backwards.last().copied().unwrap_or(MESSAGES + 1));
            let page = fixture.store().history(room, anchor, 7).await.expect("a page");
            assert!(!page.messages.is_empty() && page.messages.is_sorted_by_key(|record| record.seq));
            backwards.extend(page.messages.iter().rev().map(|record| record.seq));
        }
        while forwards.len() < MESSAGES as usize {
            let anchor = Anchor::After(forwards.last().copied().unwrap_or(0));
            let page = fixture.store().history(room, anchor, 6).await.expect("a page");
            forwards.extend(page.messages.iter().map(|record| record.seq));
        }
        backwards.reverse();
        assert_eq!(backwards, (1..=MESSAGES).collect::<Vec<_>>(), "round {round}");
        assert_eq!(forwards, backwards, "round {round}");
    }
    for writer in writers {
        writer.await.expect("no writer panics");
    }
}

/// A page shows at least everything up to its own head, so that a client that resumes behind the head misses nothing.
pub async fn history_head_is_from_before_the_page(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post(room, "0").await.expect("posted");
    let writers = (1..=3).map(|number| {
        let writer = fixture.writer().by(user(number));
        tokio::spawn(async move {
            for round in 0..30 {
                // Everything that happens in this room happens to message 1 or posts a message.
                if round % 3 == 0 {
                    writer.post(room, "more").await.expect("posted");
                } else {
                    writer.edit(room, 1, &round.to_string()).await.expect("edited");
                }
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    in_time(read_until(fixture.store(), room, 92)).await;
    for writer in writers {
        writer.await.expect("no writer panics");
    }
    assert_eq!(
        fixture
            .store()
            .head(StreamId::Room(room))
            .await
            .expect("head")
            .rev,
        92
    );
}

/// Reads the newest page again and again until its head has this rev. Fails when a page lacks what its head has.
async fn read_until(store: &Store, room: RoomId, rev: u64) {
    let mut head = Head::default();
    while head.rev < rev {
        let page = store
            .history(room, Anchor::Latest, MAX_MESSAGES_PER_PAGE)
            .await
            .expect("a page");
        let newest_change = page.messages.iter().map(|record| record.rev).max();
        assert!(
            newest_change >= Some(page.head.rev),
            "{newest_change:?} with {:?}",
            page.head
        );
        assert!(page.messages.len() as u64 >= page.head.seq);
        let dense = page
            .messages
            .iter()
            .zip(1..)
            .all(|(record, seq)| record.seq == seq);
        assert!(dense && page.head.rev >= head.rev);
        head = page.head;
        tokio::task::yield_now().await;
    }
}
