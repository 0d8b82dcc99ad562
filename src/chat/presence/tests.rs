mod world;

use std::sync::Arc;
use std::time::Duration;

use madang_storage::model::{Fact, Mentions, MessageRecord, StreamId, UserId};

use super::*;
use crate::chat::Code;
use world::{ANA, BO, CHANNEL, CY, DM, GRACE, GUILD, OTHERS, PATIENCE, World, post, who};

#[tokio::test]
async fn whoever_shares_nothing_learns_nothing() {
    let world = World::new().await;
    let (_, guild_mate) = world.connect(BO).await;
    let (_, partner) = world.connect(CY).await;
    world.tick(Duration::ZERO).await;
    guild_mate.take();
    partner.take();
    let (ana, own) = world.connect(ANA).await;
    world.tick(Duration::ZERO).await;
    assert_eq!(guild_mate.take(), ["10=online"]);
    assert_eq!(partner.take(), ["10=online"]);
    assert_eq!(own.take(), ["10=online"], "to itself, once");
    assert_eq!(world.status_of(ANA, BO).await, Some("online"));
    assert_eq!(world.status_of(ANA, CY).await, Some("online"), "they share a DM");
    assert_eq!(world.status_of(BO, CY).await, None);
    world.leave(&ana);
    world.tick(GRACE / 2).await;
    assert!(guild_mate.take().is_empty() && partner.take().is_empty());
    world.tick(GRACE).await;
    assert_eq!(guild_mate.take(), ["10=offline"]);
    assert_eq!(partner.take(), ["10=offline"]);
}

#[tokio::test]
async fn the_invisible_are_seen_by_nobody() {
    let world = World::new().await;
    let (_, watcher) = world.connect(BO).await;
    world.chat.set_status(&who(ANA), "invisible").await.unwrap();
    let words = NewCustom {
        text: "hidden".to_owned(),
        ..NewCustom::default()
    };
    world
        .chat
        .set_custom_status(&who(ANA), Some(words))
        .await
        .unwrap();
    world.tick(Duration::ZERO).await;
    watcher.take();
    let (ana, own) = world.connect(ANA).await;
    world
        .chat
        .look(&who(ANA), &ana, Some(CHANNEL), false)
        .await
        .unwrap();
    world.tick(Duration::ZERO).await;
    assert_eq!(watcher.take(), Vec::<String>::new());
    assert_eq!(own.take(), ["10=invisible"]);
    let seen = world.chat.presence_of(&who(BO), &[ANA]).await.unwrap();
    assert_eq!((seen[0].status, seen[0].custom.is_none()), ("offline", true));
    let room = world.chat.room_presence(&who(BO), CHANNEL).await.unwrap();
    assert_eq!((room.users.len(), room.count), (0, Some(0)));
    let own = world.chat.own_presence(&who(ANA)).await.unwrap();
    assert_eq!(own.seen.status, "invisible");
    assert_eq!(own.seen.custom.unwrap().text, "hidden");
    world.leave(&ana);
    world.tick(GRACE * 2).await;
    assert_eq!(watcher.take(), Vec::<String>::new(), "nor that they go");
    let (_ana, _) = world.connect(ANA).await;
    world.chat.set_status(&who(ANA), "online").await.unwrap();
    world.tick(Duration::ZERO).await;
    assert_eq!(watcher.take(), ["10=online"]);
}

#[tokio::test]
async fn in_a_large_guild_only_windows_are_told() {
    let world = World::new().await;
    let mut lines = Vec::new();
    for number in 0..260 {
        let user = UserId::from_u128(1_000 + number);
        world.join(user).await;
        lines.push(world.connect(user).await);
    }
    world.tick(Duration::ZERO).await;
    for (_, line) in &lines {
        line.take();
    }
    let (looking, _) = &lines[7];
    let asked = [BO, CY, UserId::from_u128(1_001)];
    let seen = world
        .chat
        .watch(&who(looking.user()), looking, GUILD, &asked)
        .await
        .unwrap();
    assert_eq!(
        seen.iter().map(|seen| seen.user).collect::<Vec<_>>(),
        [BO, UserId::from_u128(1_001)]
    );
    world.tick(Duration::ZERO).await;
    assert_eq!(
        lines[7].1.take(),
        Vec::<String>::new(),
        "it was answered that already"
    );
    let (bo, _) = world.connect(BO).await;
    world.tick(Duration::ZERO).await;
    let told = lines
        .iter()
        .filter(|(_, line)| line.take() == ["11=online"])
        .count();
    assert_eq!(told, 1);
    // Another window, and it is not told any more.
    world
        .chat
        .watch(&who(looking.user()), looking, GUILD, &[ANA])
        .await
        .unwrap();
    world.leave(&bo);
    world.tick(GRACE * 2).await;
    assert!(lines.iter().all(|(_, line)| line.take().is_empty()));
    let many: Vec<UserId> = (0..=100).map(UserId::from_u128).collect();
    let error = world
        .chat
        .watch(&who(looking.user()), looking, GUILD, &many)
        .await
        .unwrap_err();
    assert_eq!(error.code, Code::TooLarge);
    let error = world
        .chat
        .watch(&who(looking.user()), looking, OTHERS, &[CY])
        .await
        .unwrap_err();
    assert_eq!(error.code, Code::NotFound);
}

#[tokio::test]
async fn whoever_is_sent_away_is_told_of_nobody() {
    let world = World::new().await;
    let (bo, line) = world.connect(BO).await;
    world.chat.watch(&who(BO), &bo, GUILD, &[ANA]).await.unwrap();
    world.tick(Duration::ZERO).await;
    line.take();
    let fact = Fact::MemberLeft {
        user: BO,
        kicked_by: Some(ANA),
    };
    world.append(StreamId::Guild(GUILD), fact).await;
    world.connect(ANA).await;
    world.tick(Duration::ZERO).await;
    assert_eq!(line.take(), Vec::<String>::new());
}

#[tokio::test]
async fn many_who_come_and_go_at_once_are_one_batch() {
    let world = World::new().await;
    let (_, watcher) = world.connect(ANA).await;
    let users: Vec<UserId> = (0..150).map(|number| UserId::from_u128(1_000 + number)).collect();
    for user in &users {
        let name = user.to_string();
        world
            .append(StreamId::User(*user), Fact::UserCreated { name })
            .await;
        world.join(*user).await;
    }
    world.tick(Duration::ZERO).await;
    watcher.take();
    for _ in 0..7 {
        let mut here = Vec::new();
        for user in &users {
            here.push(world.connect(*user).await.0);
        }
        here.iter().for_each(|listener| world.leave(listener));
    }
    world.tick(Duration::ZERO).await;
    let told = watcher.take();
    assert_eq!(told.len(), 2, "150 people in frames of at most 100");
    assert_eq!(
        told.iter().map(|told| told.split(' ').count()).sum::<usize>(),
        150
    );
    world.tick(GRACE).await;
    assert_eq!(watcher.take().len(), 2);
}

#[tokio::test]
async fn while_it_is_quiet_changes_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(folder, Duration::from_secs(3_600), true).await;
    let (_, watcher) = world.connect(BO).await;
    let (_ana, _) = world.connect(ANA).await;
    world.chat.set_status(&who(ANA), "idle").await.unwrap();
    world.tick(Duration::ZERO).await;
    assert_eq!(watcher.take(), Vec::<String>::new());
    assert_eq!(
        world.status_of(ANA, BO).await,
        Some("idle"),
        "whoever asks is answered"
    );
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(3_600)).await;
    tokio::time::resume();
    world.tick(Duration::ZERO).await;
    assert_eq!(watcher.take(), ["11=online", "10=idle"]);
}

#[tokio::test]
async fn while_nobody_knows_people_are_unknown() {
    let world = World::new().await;
    let (bo, line) = world.connect(BO).await;
    let (_ana, _) = world.connect(ANA).await;
    world.chat.watch(&who(BO), &bo, GUILD, &[ANA]).await.unwrap();
    world.tick(Duration::ZERO).await;
    line.take();
    world.commons.set_away(true);
    world.tick(Duration::ZERO).await;
    assert_eq!(line.take(), ["10=unknown"]);
    assert_eq!(world.status_of(ANA, BO).await, Some("unknown"));
    let room = world.chat.room_presence(&who(BO), CHANNEL).await.unwrap();
    assert_eq!((room.users.len(), room.count), (0, None));
    world.commons.set_away(false);
    world.tick(Duration::ZERO).await;
    assert_eq!(line.take(), ["10=online"]);
}

#[tokio::test]
async fn whoever_is_off_does_not_post() {
    let world = World::new().await;
    world.chat.switch(&who(BO), CHANNEL, false).await.unwrap();
    world.chat.switch(&who(BO), CHANNEL, false).await.unwrap();
    let refused = world
        .chat
        .post(&who(BO), CHANNEL, post("hello"))
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::SwitchedOff);
    assert_eq!(
        world
            .chat
            .switch(&who(CY), CHANNEL, false)
            .await
            .unwrap_err()
            .code,
        Code::NotFound
    );
    // It outlives the process, and ends by itself.
    let World { embedded, folder, .. } = world;
    embedded.store().close().await.unwrap();
    drop(embedded);
    let world = World::with(folder, Duration::ZERO, false).await;
    let refused = world
        .chat
        .post(&who(BO), CHANNEL, post("hello"))
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::SwitchedOff);
    world.chat.switch(&who(BO), CHANNEL, true).await.unwrap();
    world.chat.post(&who(BO), CHANNEL, post("hello")).await.unwrap();
    world.chat.switch(&who(BO), CHANNEL, false).await.unwrap();
    world.tick(Duration::from_secs(14 * 24 * 60 * 60)).await;
    world.chat.post(&who(BO), CHANNEL, post("again")).await.unwrap();
}

#[tokio::test]
async fn who_misses_a_message_is_told_of() {
    let world = World::new().await;
    let mut missed = world.absent.0.subscribe();
    let (cy, _) = world.connect(CY).await;
    world.chat.post(&who(ANA), DM, post("one")).await.unwrap();
    missed.wait_for(|all| all.contains(&(1, vec![CY]))).await.unwrap();
    world.chat.look(&who(CY), &cy, Some(DM), false).await.unwrap();
    world.chat.post(&who(ANA), DM, post("two")).await.unwrap();
    // Who looks is asked after the post. One comes after the other, so the second is done when the third is told.
    world.chat.post(&who(CY), DM, post("three")).await.unwrap();
    missed
        .wait_for(|all| all.contains(&(3, vec![ANA])))
        .await
        .unwrap();
    world.leave(&cy);
    world.chat.post(&who(ANA), DM, post("four")).await.unwrap();
    let all = tokio::time::timeout(PATIENCE, missed.wait_for(|all| all.len() == 3)).await;
    let mut all = all.unwrap().unwrap().clone();
    all.sort();
    assert_eq!(all, [(1, vec![CY]), (3, vec![ANA]), (4, vec![CY])]);
    world.absent.0.send_modify(Vec::clear);
    // In a channel only those who are called by name, and may see it.
    let posted = world.chat.post(&who(ANA), CHANNEL, post("all")).await.unwrap();
    let access = world.chat.room_access(&who(ANA), CHANNEL).await.unwrap();
    let calling = MessageRecord {
        seq: 9,
        mentions: Mentions {
            users: vec![ANA, BO, CY],
            ..Mentions::default()
        },
        ..(*posted.record).clone()
    };
    world.chat.look_for_absent(&access, &Arc::new(calling));
    let all = tokio::time::timeout(PATIENCE, missed.wait_for(|all| !all.is_empty())).await;
    assert_eq!(all.unwrap().unwrap().clone(), [(9, vec![BO])]);
    // While nobody knows who looks, everybody is told.
    world.absent.0.send_modify(Vec::clear);
    world.commons.set_away(true);
    world.chat.post(&who(CY), DM, post("five")).await.unwrap();
    let all = tokio::time::timeout(PATIENCE, missed.wait_for(|all| !all.is_empty())).await;
    assert_eq!(all.unwrap().unwrap().clone(), [(5, vec![ANA])]);
}

#[tokio::test]
async fn words_are_checked_and_end() {
    let world = World::new().await;
    let (_ana, _) = world.connect(ANA).await;
    let words = |text: &str, emoji: Option<&str>, seconds: Option<u64>| NewCustom {
        text: text.to_owned(),
        emoji: emoji.map(str::to_owned),
        expires_in_seconds: seconds,
    };
    let ana = who(ANA);
    let set = |custom: NewCustom| world.chat.set_custom_status(&ana, Some(custom));
    let too_long = "가".repeat(101);
    for (custom, field) in [
        (words(&too_long, None, None), "text"),
        (words("", None, None), "text"),
        (words("a\nb", None, None), "text"),
        (words("\u{3164}", None, None), "text"),
        (words("a", Some("ab"), None), "emoji"),
        (words("a", None, Some(0)), "expires_in_seconds"),
        (words("a", None, Some(1_209_601)), "expires_in_seconds"),
    ] {
        assert_eq!(set(custom).await.unwrap_err().field.as_deref(), Some(field));
    }
    set(words(&"가".repeat(100), Some("❤"), Some(60))).await.unwrap();
    let seen = world.chat.presence_of(&who(BO), &[ANA]).await.unwrap();
    let custom = seen[0].custom.clone().unwrap();
    assert_eq!(
        (custom.text.chars().count(), custom.emoji.as_deref()),
        (100, Some("❤\u{fe0f}"))
    );
    world.tick(Duration::from_secs(61)).await;
    let seen = world.chat.presence_of(&who(BO), &[ANA]).await.unwrap();
    assert_eq!(seen[0].custom, None);
    set(words("", Some("🍜"), None)).await.unwrap();
    world.chat.set_custom_status(&who(ANA), None).await.unwrap();
    assert_eq!(
        world.chat.own_presence(&who(ANA)).await.unwrap().seen.custom,
        None
    );
    assert_eq!(
        world
            .chat
            .set_status(&who(ANA), "away")
            .await
            .unwrap_err()
            .field
            .as_deref(),
        Some("status")
    );
    for _ in 0..12 {
        let refused = world.chat.set_status(&who(ANA), "idle").await;
        if refused.is_err_and(|error| error.code == Code::RateLimited) {
            return;
        }
    }
    panic!("nobody needs to change that fast");
}
