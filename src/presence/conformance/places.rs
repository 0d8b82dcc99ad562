//! Rooms, what is remembered, and what happens while the backend is away.

use std::sync::atomic::Ordering;

use super::{ANA, BO, GRACE, HALL, Home, MOMENT, YARD, here, in_room, live, saying, started, status};
use crate::presence::{Choice, KEPT_FOR, Left, Status};

pub(crate) async fn a_room_knows_who_looks_at_it(home: &impl Home) {
    let (one, _) = started(home).await;
    let (two, _) = started(home).await;
    one.put(1, in_room(ANA, HALL));
    one.put(2, in_room(ANA, HALL));
    two.put(1, in_room(BO, HALL));
    home.settle().await;
    let seen = two.lookers(HALL, 10).await.unwrap();
    assert_eq!((seen.users, seen.count), (vec![ANA, BO], 2), "each once");
    let seen = two.lookers(HALL, 1).await.unwrap();
    assert_eq!((seen.users.len(), seen.count), (1, 2));
    one.put(1, in_room(ANA, YARD));
    home.settle().await;
    assert_eq!(two.lookers(HALL, 10).await.unwrap().count, 2);
    one.end(2);
    home.settle().await;
    assert_eq!(
        two.lookers(HALL, 10).await.unwrap().users,
        vec![BO],
        "at once, without a grace"
    );
    assert_eq!(two.lookers(YARD, 10).await.unwrap().users, vec![ANA]);
    assert_eq!(one.looking(HALL, &[ANA, BO]).await.unwrap(), vec![false, true]);
    two.put(1, here(BO));
    home.settle().await;
    assert_eq!(one.lookers(HALL, 10).await.unwrap().count, 0);
}

pub(crate) async fn the_invisible_are_in_no_room_for_others(home: &impl Home) {
    let (one, _) = started(home).await;
    one.put(1, in_room(ANA, HALL));
    one.say(ANA, saying(1, Choice::Invisible));
    home.settle().await;
    assert_eq!(one.lookers(HALL, 10).await.unwrap().count, 0);
    assert_eq!(
        one.looking(HALL, &[ANA]).await.unwrap(),
        vec![true],
        "nobody needs to be told what they read"
    );
    one.put(1, in_room(ANA, YARD));
    home.settle().await;
    assert_eq!(one.lookers(YARD, 10).await.unwrap().count, 0);
    one.say(ANA, saying(2, Choice::Online));
    home.settle().await;
    assert_eq!(one.lookers(YARD, 10).await.unwrap().users, vec![ANA]);
    assert_eq!(one.lookers(HALL, 10).await.unwrap().count, 0);
}

pub(crate) async fn the_last_room_and_when_it_was_left_are_known(home: &impl Home) {
    let (one, one_ear) = started(home).await;
    let (two, two_ear) = started(home).await;
    one.put(1, in_room(ANA, HALL));
    two.put(1, in_room(ANA, YARD));
    home.settle().await;
    assert_eq!(one.left(ANA).await.unwrap(), None);
    live(home, &[&one, &two], MOMENT).await;
    one.put(1, here(ANA));
    home.settle().await;
    let moved = Left {
        room: HALL,
        at: home.now(),
    };
    assert_eq!(two.left(ANA).await.unwrap(), Some(moved));
    live(home, &[&one, &two], MOMENT).await;
    two.end(1);
    home.settle().await;
    let went = Left {
        room: YARD,
        at: home.now(),
    };
    live(home, &[&one, &two], GRACE * 2).await;
    one.end(1);
    live(home, &[&one, &two], GRACE * 2).await;
    assert_eq!(one.left(ANA).await.unwrap(), Some(went));
    // The node that ended the session is told, and no other.
    assert_eq!(*one_ear.left.lock().unwrap(), [(ANA, moved)]);
    assert_eq!(*two_ear.left.lock().unwrap(), [(ANA, went)]);
}

pub(crate) async fn nothing_is_kept_longer_than_two_weeks(home: &impl Home) {
    let (one, ear) = started(home).await;
    one.put(1, in_room(ANA, HALL));
    one.end(1);
    one.put(2, in_room(BO, HALL));
    home.settle().await;
    home.pass(KEPT_FOR - MOMENT).await;
    one.beat().await.unwrap();
    one.beat().await.unwrap();
    assert!(one.left(ANA).await.unwrap().is_some());
    home.pass(MOMENT).await;
    one.beat().await.unwrap();
    assert_eq!(one.left(ANA).await.unwrap(), None);
    ear.take();
    home.pass(KEPT_FOR).await;
    one.beat().await.unwrap();
    assert_eq!(status(&one, BO).await, Status::Online, "who is here stays");
    assert_eq!(one.lookers(HALL, 1).await.unwrap().count, 1);
}

pub(crate) async fn while_it_is_away_nobody_knows_and_then_all_is_well(home: &impl Home) {
    let (one, one_ear) = started(home).await;
    let (two, two_ear) = started(home).await;
    one.put(1, here(ANA));
    one.put(2, in_room(BO, HALL));
    home.set_away(true).await;
    assert!(one.states(&[ANA]).await.is_err());
    assert!(one.lookers(HALL, 1).await.is_err());
    assert!(one.looking(HALL, &[ANA]).await.is_err());
    assert!(one.left(ANA).await.is_err());
    one.end(2);
    home.settle().await;
    assert!(one.beat().await.is_err());
    assert!(one.beat().await.is_err());
    assert_eq!(one_ear.unsure.load(Ordering::SeqCst), 1, "once when it goes");
    one.put(1, in_room(ANA, HALL));
    one.put(3, here(ANA));
    one.say(ANA, saying(1, Choice::DoNotDisturb));
    home.pass(MOMENT).await;
    home.set_away(false).await;
    one_ear.take();
    two_ear.take();
    live(home, &[&one, &two], MOMENT).await;
    assert_eq!(
        one_ear.unsure.load(Ordering::SeqCst),
        2,
        "and once when it comes back"
    );
    assert_eq!(status(&two, ANA).await, Status::DoNotDisturb);
    assert_eq!(two.lookers(HALL, 10).await.unwrap().users, vec![ANA]);
    live(home, &[&one, &two], GRACE).await;
    assert_eq!(status(&two, BO).await, Status::Offline);
    let mut heard = two_ear.take();
    heard.sort_by_key(|(user, ..)| *user);
    assert_eq!(
        heard,
        vec![
            (ANA, Status::Online, Status::DoNotDisturb),
            (BO, Status::Online, Status::Offline)
        ]
    );
}
