//! Days on which something is cut, lost or wrong.

use super::*;
use crate::presence::conformance::{ANA, BO, Ear, HALL, here, in_room, live, saying, started, status};
use crate::presence::{Choice, Status};

async fn started_behind(meeting: &Meeting, proxy: &Proxy) -> (Presence, Arc<Ear>) {
    let (presence, ear) = (meeting.node_behind(proxy), Arc::new(Ear::default()));
    presence
        .start(Arc::clone(&ear) as Arc<dyn Receiver>)
        .await
        .unwrap();
    (presence, ear)
}

#[tokio::test]
async fn a_node_that_is_cut_off_dies_for_the_others_and_comes_back() {
    let meeting = meeting_or_return!();
    let (one, ear) = started(&meeting).await;
    let proxy = meeting.proxy();
    let (cut, cut_ear) = started_behind(&meeting, &proxy).await;
    cut.put(1, in_room(ANA, HALL));
    meeting.settle().await;
    for ear in [&ear, &cut_ear] {
        assert_eq!(ear.take(), [(ANA, Status::Offline, Status::Online)]);
    }
    proxy.set_cut(true).await;
    assert!(cut.beat().await.is_err());
    cut.put(2, here(BO));
    cut.say(BO, saying(1, Choice::DoNotDisturb));
    for _ in 0..20 {
        meeting.pass(Duration::from_secs(1)).await;
        one.beat().await.unwrap();
        assert!(cut.beat().await.is_err());
    }
    assert!(cut.states(&[ANA]).await.is_err(), "unknown is not offline");
    assert_eq!(status(&one, ANA).await, Status::Offline);
    proxy.set_cut(false).await;
    live(&meeting, &[&cut, &one], Duration::from_secs(1)).await;
    let mut heard = ear.take();
    heard[1..].sort_by_key(|(user, ..)| *user);
    let expected = [
        (ANA, Status::Online, Status::Offline),
        (ANA, Status::Offline, Status::Online),
        (BO, Status::Offline, Status::DoNotDisturb),
    ];
    assert_eq!(heard, expected);
    assert_eq!(
        cut_ear.take().len(),
        3,
        "what happened meanwhile is heard afterwards"
    );
    assert_eq!(cut_ear.unsure.load(Ordering::SeqCst), 2);
    assert_eq!(ear.unsure.load(Ordering::SeqCst), 0);
    assert_eq!(one.lookers(HALL, 1).await.unwrap().users, [ANA]);
}

#[tokio::test]
async fn what_is_lost_is_told_again() {
    let meeting = meeting_or_return!();
    let (one, ear) = started(&meeting).await;
    let (two, two_ear) = started(&meeting).await;
    one.put(1, in_room(ANA, HALL));
    two.put(1, here(ANA));
    two.put(2, here(BO));
    two.say(BO, saying(1, Choice::Idle));
    meeting.settle().await;
    ear.take();
    let before = meeting.newest().await;
    meeting.lose_everything().await;
    two.end(1);
    for _ in 0..3 {
        live(&meeting, &[&one, &two], Duration::from_secs(1)).await;
    }
    assert_eq!(status(&two, ANA).await, Status::Online);
    assert_eq!(status(&one, BO).await, Status::Idle);
    assert_eq!(two.lookers(HALL, 10).await.unwrap().users, [ANA]);
    assert!(
        meeting.newest().await > before,
        "of two changes the later one has the higher number"
    );
    let mut heard = ear.take();
    heard.sort_by_key(|(user, ..)| *user);
    assert_eq!(
        heard,
        [
            (ANA, Status::Offline, Status::Online),
            (BO, Status::Offline, Status::Idle)
        ]
    );
    for ear in [ear, two_ear] {
        assert_eq!(ear.unsure.load(Ordering::SeqCst), 1, "once");
    }
}

#[tokio::test]
async fn what_an_older_redis_does_not_know_is_told_again() {
    let meeting = meeting_or_return!();
    let (one, ear) = started(&meeting).await;
    one.put(1, here(ANA));
    meeting.settle().await;
    // It comes back without what it knew, and with a clock that is behind.
    meeting.set_away(true).await;
    meeting.lose_everything().await;
    meeting.clock.fetch_sub(60_000, Ordering::SeqCst);
    meeting.set_away(false).await;
    one.beat().await.unwrap();
    meeting.settle().await;
    assert_eq!(status(&one, ANA).await, Status::Online);
    ear.take();
    one.put(2, here(BO));
    meeting.settle().await;
    assert_eq!(
        ear.take(),
        [(BO, Status::Offline, Status::Online)],
        "it hears where that one goes on"
    );
}

#[tokio::test]
async fn times_are_those_of_redis() {
    let meeting = meeting_or_return!();
    let settings = Settings {
        grace: Duration::from_millis(20),
        ..meeting.settings(meeting.proxy.address())
    };
    let (one, ear) = (presence(settings).unwrap(), Arc::new(Ear::default()));
    one.start(Arc::clone(&ear) as Arc<dyn Receiver>).await.unwrap();
    let time = async || {
        let (seconds, micros): (u64, u64) = redis::cmd("TIME")
            .query_async(&mut meeting.connection().await)
            .await
            .unwrap();
        Timestamp::from_millis(seconds * 1000 + micros / 1000)
    };
    let before = time().await;
    one.put(1, in_room(ANA, HALL));
    one.end(1);
    let mut heard = Vec::new();
    let offline = async {
        while heard.len() < 2 {
            one.beat().await.unwrap();
            heard.extend(ear.take());
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(IN_TIME, offline).await.unwrap();
    assert_eq!(
        heard,
        [
            (ANA, Status::Offline, Status::Online),
            (ANA, Status::Online, Status::Offline)
        ]
    );
    let left = one.left(ANA).await.unwrap().unwrap();
    assert!(before <= left.at && left.at <= time().await);
}

#[tokio::test]
async fn a_node_starts_without_redis_but_not_with_a_wrong_password() {
    let meeting = meeting_or_return!();
    meeting.set_away(true).await;
    let (one, _) = started(&meeting).await;
    one.put(1, here(ANA));
    assert!(one.states(&[ANA]).await.is_err());
    meeting.set_away(false).await;
    one.beat().await.unwrap();
    assert_eq!(status(&one, ANA).await, Status::Online);
    let settings = Settings {
        url: format!("redis://somebody:wrong@{}", meeting.proxy.address()),
        ..meeting.settings(meeting.proxy.address())
    };
    let refused = presence(settings).unwrap().start(Arc::new(Ear::default())).await;
    assert!(matches!(refused, Err(Error::Settings(_))), "{refused:?}");
}

#[tokio::test]
async fn a_redis_that_does_not_speak_tls_is_away_for_who_wants_it() {
    let meeting = meeting_or_return!();
    let settings = Settings {
        url: format!("rediss://{}", meeting.proxy.address()),
        ..meeting.settings(meeting.proxy.address())
    };
    let one = presence(settings).unwrap();
    one.start(Arc::new(Ear::default())).await.unwrap();
    assert!(one.beat().await.is_err());
}

#[test]
fn the_address_is_a_secret() {
    let settings = Settings {
        url: "redis://:hush@localhost".to_owned(),
        prefix: "madang:".to_owned(),
        grace: GRACE,
    };
    assert!(!format!("{settings:?}").contains("hush"));
    let wrong = Settings {
        url: "hush".to_owned(),
        ..settings
    };
    let error = presence(wrong).unwrap_err();
    assert!(!error.to_string().contains("hush"), "{error}");
}

#[tokio::test]
async fn holes_in_what_was_heard_are_noticed() {
    let settings = Settings {
        url: "redis://127.0.0.1:1".to_owned(),
        prefix: String::new(),
        grace: GRACE,
    };
    let node = Node::new(Link::new(settings).unwrap());
    let fields = |user: &str| {
        let fields = [
            ("user", user),
            ("before", "offline"),
            ("after", "online"),
            ("rooms", ""),
        ];
        let owned = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        owned.into_iter().collect()
    };
    let user = ANA.to_string();
    node.hears_from(4);
    node.note(5, &fields(&user));
    assert!(!node.own().has_missed);
    node.note(5, &fields(&user));
    assert_eq!(node.changes(), 1, "each is told once");
    node.note(7, &fields(&user));
    assert!(node.own().has_missed);
    node.own().has_missed = false;
    node.note(8, &fields("what a later version calls a user"));
    assert!(node.own().has_missed, "what is not understood was missed");
}
