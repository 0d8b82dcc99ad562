//! The logic over a real store, in states that are hard to reach from outside: cut off between two writes, and by count
//! instead of by clock.

mod limits;
mod password_links;
mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use madang_storage::Command;
use madang_storage::model::{
    EventId, Fact, GuildId, Head, Rows, StateKey, StateOutcome, StateTable, StreamId, UserId,
};

use super::registration::RegistrationRow;
use super::{Code, Identity, NewAccessToken, Once, Scopes};
use crate::hub::{FrameKey, Outlet};
use world::{Ear, Line, PASSWORD, World, credentials, identity, visitor};

#[tokio::test]
async fn a_wrong_name_costs_the_same_work_as_a_wrong_password() {
    let world = World::new().await;
    let gone = world.add("gone").await;
    world
        .chat
        .deactivate(&world.owner(), gone.user.id)
        .await
        .expect("done");
    let compared = || world.chat.inner.passwords.compared.load(Ordering::SeqCst);
    for (name, password) in [
        ("owner", "a wrong password"),
        ("nobody", PASSWORD),
        ("no name at all! ", PASSWORD),
        ("gone", PASSWORD),
    ] {
        let before = compared();
        let refused = world.chat.sign_in(&credentials(name, password), &visitor()).await;
        let error = refused.expect_err(name);
        assert_eq!(error.code, Code::WrongCredentials, "{name}");
        assert_eq!(error.field, None, "{name}");
        assert_eq!(compared() - before, 1, "{name}");
    }
}

#[tokio::test]
async fn a_session_that_no_index_knows_ends_with_all_others() {
    let world = World::new().await;
    let jiho = world.add("jiho").await;
    let lost = world.sign_in("jiho").await;
    // Cut off between the two writes, the other way round than they are made.
    world.lose::<super::sessions::Entry>().await;
    world.chat.prove(&lost.token).await.expect("it works");
    world
        .chat
        .revoke_other_sessions(&identity(&jiho))
        .await
        .expect("revoked");
    world
        .chat
        .prove(&jiho.token)
        .await
        .expect("the one that asks goes on");
    let error = world.chat.prove(&lost.token).await.expect_err("it has ended");
    assert_eq!(error.code, Code::Unauthenticated);
    let listed = world.chat.sessions(&identity(&jiho)).await.expect("a list");
    assert!(listed.sessions.iter().all(|session| session.id != lost.session));

    // The other way round there is an entry and no session: it is no login, and opens nothing.
    let other = world.sign_in("jiho").await;
    world.lose::<super::sessions::Session>().await;
    assert!(world.chat.prove(&other.token).await.is_err());
    let listed = world.chat.sessions(&identity(&jiho)).await.expect("a list");
    assert_eq!(listed.sessions, []);
    let revoked = world.chat.revoke_session(&identity(&jiho), other.session).await;
    assert_eq!(revoked.expect_err("there is none").code, Code::NotFound);
}

#[tokio::test]
async fn whoever_changes_the_password_first_ends_the_login_that_was_being_made() {
    let world = World::new().await;
    let jiho = world.add("jiho").await;
    let generation = world.account(jiho.user.id).await.generation;
    let asks = identity(&jiho);
    let changed = world.chat.change_password(&asks, PASSWORD, "battery staple");
    changed.await.expect("changed");
    // The password was proved before, the session is written after.
    let late = world
        .chat
        .start_session(jiho.user.id, generation, &visitor())
        .await
        .expect("a session");
    assert!(world.chat.prove(&late.token).await.is_err());
    world.chat.prove(&jiho.token).await.expect("the one that asked");
}

#[tokio::test]
async fn one_long_socket_keeps_its_login() {
    const DAY: u64 = 24 * 60 * 60;
    let world = World::new().await;
    let jiho = world.add("jiho").await;
    let asks = identity(&jiho);
    for _ in 0..4 {
        world.pass(20 * DAY).await;
        world.chat.note_session_use(&asks).await.expect("noted");
    }
    world.chat.prove(&jiho.token).await.expect("it goes on");
    assert_eq!(
        world.chat.sessions(&asks).await.expect("a list").sessions.len(),
        1
    );
    // What has ended is not begun again.
    world.chat.sign_out(&jiho.token).await.expect("signed out");
    world.chat.note_session_use(&asks).await.expect("nothing");
    assert!(world.chat.prove(&jiho.token).await.is_err());
}

#[tokio::test]
async fn what_is_used_goes_on_and_stays_listed() {
    const DAY: u64 = 24 * 60 * 60;
    let world = World::new().await;
    let jiho = world.add("jiho").await;
    let forgotten = world.sign_in("jiho").await;
    let new = NewAccessToken {
        name: "bot".to_owned(),
        scopes: vec!["read".to_owned()],
        expires_in_seconds: Some(40 * DAY),
    };
    let asks = identity(&jiho);
    let token = world.chat.create_access_token(&asks, new).await.expect("a token");
    let token = token.token.expect("its secret");
    let versions = async || {
        let session = world.version::<super::sessions::Session>(&jiho.token).await;
        (session, world.version::<super::tokens::AccessToken>(&token).await)
    };
    let prove = async || {
        world.chat.prove(&jiho.token).await.expect("it goes on");
        world.chat.prove(&token).await.expect("it goes on");
    };
    prove().await;
    assert_eq!(versions().await, (Some(1), Some(2)), "a new login was just used");
    prove().await;
    assert_eq!(versions().await, (Some(1), Some(2)), "at most once a minute");
    world.pass(61).await;
    prove().await;
    assert_eq!(versions().await, (Some(2), Some(3)));
    for _ in 0..2 {
        world.pass(16 * DAY).await;
        prove().await;
    }
    // What is listed is what works, to the last day.
    world.pass(30 * DAY - 60).await;
    let listed = world.chat.sessions(&asks).await.expect("a list").sessions;
    assert_eq!(listed.len(), 1, "the forgotten one has ended");
    assert!(world.chat.prove(&forgotten.token).await.is_err());
    world
        .chat
        .prove(&jiho.token)
        .await
        .expect("used not quite 30 days ago");
    assert!(
        world.chat.prove(&token).await.is_err(),
        "however often it was used"
    );
    assert_eq!(world.chat.access_tokens(&asks).await.expect("a list").tokens, []);
    world.pass(31 * DAY).await;
    assert!(world.chat.prove(&jiho.token).await.is_err());
}

#[tokio::test]
async fn people_have_so_many_sessions_and_the_oldest_makes_room() {
    let world = World::new().await;
    let first = world.add("jiho").await;
    world.pass(1).await;
    let mut last = None;
    for _ in 0..super::sessions::MAX_SESSIONS {
        let made = world.chat.start_session(first.user.id, 0, &visitor()).await;
        last = Some(made.expect("a session"));
    }
    let last = last.expect("the last one");
    assert!(world.chat.prove(&first.token).await.is_err());
    let listed = world.chat.sessions(&identity(&last)).await.expect("a list");
    assert_eq!(listed.sessions.len(), super::sessions::MAX_SESSIONS);
}

#[tokio::test]
async fn a_deactivation_that_was_cut_off_is_carried_to_its_end() {
    let world = World::new().await;
    let jiho = world.add("jiho").await;
    let user = jiho.user.id;
    world
        .chat
        .grant_administrator(&world.owner(), user)
        .await
        .expect("granted");
    let token = NewAccessToken {
        name: "bot".to_owned(),
        scopes: vec!["read".to_owned()],
        expires_in_seconds: None,
    };
    let token = world.chat.create_access_token(&identity(&jiho), token).await;
    let token = token.expect("a token").token.expect("its secret");
    world.chat.prove(&token).await.expect("it works");

    let row = world.row::<super::tokens::AccessToken>(&token).await;
    // Only the first write: the right is gone, and what is to be done is noted.
    world.chat.intend_deactivation(None, user).await.expect("noted");
    assert!(!world.account(user).await.deactivated);
    let error = world
        .chat
        .grant_administrator(&world.owner(), user)
        .await
        .expect_err("nobody gives it back");
    assert_eq!(error.code, Code::Conflict);
    assert!(world.account(user).await.deactivated, "carried to its end");

    world.chat.reactivate(&world.owner(), user).await.expect("let in");
    let again = world.sign_in("jiho").await;
    // As if its row had not been cleared away.
    let key = super::secrets::key(StateTable::AccessTokens, &token).expect("a key");
    let put_back = world.chat.store().state_insert(key, &row, None).await;
    assert!(matches!(put_back, Ok(StateOutcome::Written { .. })));
    for ended in [&jiho.token, &token] {
        assert!(world.chat.prove(ended).await.is_err(), "what ended stays so");
    }
    world.chat.intend_deactivation(None, user).await.expect("noted");
    let (next_life, _) = world.other_node();
    assert_eq!(next_life.open_setup().await, Ok(None));
    assert!(world.account(user).await.deactivated, "by the next start");
    assert!(next_life.prove(&again.token).await.is_err());
}

#[tokio::test]
async fn there_is_always_an_administrator() {
    let world = World::new().await;
    let jiho = world.add("jiho").await;
    let (minji, jiho) = (world.owner(), identity(&jiho));
    let code = |done: super::Result<()>| done.expect_err("refused").code;
    let last = world.chat.revoke_administrator(&minji, minji.user).await;
    assert_eq!(code(last), Code::Conflict);
    assert_eq!(
        code(world.chat.deactivate(&minji, minji.user).await),
        Code::Conflict
    );
    assert_eq!(
        code(world.chat.deactivate(&jiho, minji.user).await),
        Code::Forbidden
    );
    let mut winners = [0, 0];
    for _ in 0..20 {
        world
            .chat
            .operator_makes_administrator("owner", true)
            .await
            .expect("granted");
        world
            .chat
            .operator_makes_administrator("jiho", true)
            .await
            .expect("granted");
        let (one, other) = tokio::join!(
            world.chat.revoke_administrator(&minji, jiho.user),
            world.chat.revoke_administrator(&jiho, minji.user),
        );
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        winners[usize::from(other.is_ok())] += 1;
        let left = world.chat.account_page(None, 10).await.expect("a page").accounts;
        assert_eq!(left.iter().filter(|account| account.is_administrator).count(), 1);
    }
    assert_eq!(winners[0] + winners[1], 20);
}

#[tokio::test]
async fn data_without_a_list_of_administrators_gets_one() {
    let world = World::new().await;
    let jiho = world.add("jiho").await;
    // As data of an earlier version is.
    for key in world.keys(StateTable::Settings).await {
        let key = StateKey {
            table: StateTable::Settings,
            key,
        };
        world.chat.store().state_delete(key, 1).await.expect("deleted");
    }
    let me = world.chat.me(&world.owner()).await.expect("me");
    assert!(me.owner);
    assert!(!world.chat.me(&identity(&jiho)).await.expect("me").owner);
}

#[tokio::test]
async fn no_token_allows_more_than_its_maker_may() {
    let world = World::new().await;
    let jiho = world.add("jiho").await;
    let make = |maker: Identity, scopes: &[&str], seconds: u64| {
        let new = NewAccessToken {
            name: "bot".to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            expires_in_seconds: Some(seconds),
        };
        let chat = world.chat.clone();
        async move { chat.create_access_token(&maker, new).await }
    };
    let at_fault = |made: super::Result<super::AccessTokenView>| {
        let error = made.expect_err("refused");
        (error.code, error.field.map(|field| field.into_owned()))
    };
    let about = |code, field: &str| (code, Some(field.to_owned()));
    let own = identity(&jiho);
    assert_eq!(
        at_fault(make(own, &["admin"], 60).await),
        about(Code::Forbidden, "scopes")
    );
    assert_eq!(
        at_fault(make(own, &[], 60).await),
        about(Code::InvalidField, "scopes")
    );
    for seconds in [0, u64::MAX] {
        let refused = at_fault(make(own, &["read"], seconds).await);
        assert_eq!(refused, about(Code::InvalidField, "expires_in_seconds"));
    }
    let made = make(own, &["read", "account"], 600).await.expect("a token");
    let secret = made.token.expect("its secret");
    let by_token = world.chat.prove(&secret).await.expect("it works").identity;
    assert_eq!(by_token.scopes, Scopes::READ | Scopes::ACCOUNT);
    assert_eq!(
        at_fault(make(by_token, &["read", "write"], 60).await),
        about(Code::Forbidden, "scopes")
    );
    assert_eq!(
        at_fault(make(by_token, &["read"], 6_000).await),
        about(Code::Forbidden, "expires_in_seconds")
    );
    make(by_token, &["read"], 60).await.expect("less is fine");
    // Exact, also when all come at once.
    let many = (0..60).map(|_| make(own, &["read"], 60));
    let mut made = 0;
    let mut tasks = tokio::task::JoinSet::new();
    for one in many {
        tasks.spawn(one);
    }
    while let Some(one) = tasks.join_next().await {
        match one.expect("no panic") {
            Ok(_) => made += 1,
            Err(error) => assert!(matches!(error.code, Code::TooMany | Code::Conflict), "{error}"),
        }
    }
    assert!(made <= 48, "{made}");
    let listed = world.chat.access_tokens(&own).await.expect("a list").tokens;
    assert_eq!(listed.len(), made + 2);
    assert!(listed.iter().all(|token| token.token.is_none()));
}

#[tokio::test]
async fn a_guild_that_is_gone_keeps_nobody_from_coming_in() {
    let world = World::new().await;
    let row = RegistrationRow {
        welcome_guild: Some(GuildId::from_u128(404)),
        ..RegistrationRow::default()
    };
    let key = StateKey::new(StateTable::Settings, &[b"registration"]);
    let written = world.chat.store().state_insert(key, &row, None).await;
    written.expect("written");
    let jiho = world.add("jiho").await;
    assert_eq!(world.chat.guilds_of(&identity(&jiho)).await, Ok(Vec::new()));
}

#[tokio::test]
async fn what_ends_on_one_node_closes_sockets_on_another() {
    let world = World::new().await;
    let jiho = world.add("jiho").await;
    let beside = world.sign_in("jiho").await;
    let (other_node, broker) = world.other_node();
    let started = broker.start(Arc::new(Ear(other_node.clone()))).await;
    started.expect("it hears");
    let connect = |identity: Identity| {
        let line = Arc::new(Line::default());
        let outlet: Arc<dyn Outlet> = line.clone();
        let (user, session) = (identity.user, identity.session);
        other_node.hub().enter(user, session, FrameKey(0), outlet);
        line
    };
    let token = NewAccessToken {
        name: "bot".to_owned(),
        scopes: vec!["read".to_owned()],
        expires_in_seconds: None,
    };
    let token = world.chat.create_access_token(&identity(&jiho), token).await;
    let token = token.expect("a token").token.expect("its secret");
    let by_token = other_node.authenticate(&token).await.expect("it works");
    let (own, others) = (connect(identity(&jiho)), connect(identity(&beside)));
    let (programs, owners) = (connect(by_token), connect(world.owner()));
    // Proved there a moment ago: what has ended is forgotten at once all the same.
    other_node.authenticate(&beside.token).await.expect("it works");
    let asks = identity(&jiho);
    world.chat.revoke_other_sessions(&asks).await.expect("revoked");
    others.closed().await;
    assert!(other_node.authenticate(&beside.token).await.is_err());
    for line in [&own, &programs, &owners] {
        assert!(!line.is_closed.load(Ordering::SeqCst));
    }
    world
        .chat
        .deactivate(&world.owner(), asks.user)
        .await
        .expect("done");
    own.closed().await;
    programs.closed().await;
    for ended in [&jiho.token, &token] {
        assert!(other_node.authenticate(ended).await.is_err());
    }
    assert!(!owners.is_closed.load(Ordering::SeqCst), "nobody else's");
}

#[tokio::test]
async fn the_last_place_on_a_list_is_given_once() {
    let world = World::new().await;
    let (jiho, sora) = (world.add("jiho").await, world.add("sora").await);
    let guild = world
        .chat
        .create_guild(&world.owner(), &Once::default(), "together", None)
        .await
        .expect("a guild");
    for user in [&jiho, &sora] {
        world
            .chat
            .join_guild(guild.id, user.user.id)
            .await
            .expect("joined");
    }
    let owner = world.owner();
    let mut appends = tokio::task::JoinSet::new();
    for number in 1..1_000 {
        let (chat, user) = (world.chat.clone(), owner.user);
        appends.spawn(async move {
            let command = Command {
                stream: StreamId::User(user),
                event_id: EventId::from_u128(chat.env().next_id()),
                actor: Some(user),
                access_rev: 0,
                nonce: None,
                rows: Vec::new(),
            };
            let followed = UserId::from_u128(number);
            let fact = Fact::FollowChanged {
                user: followed,
                on: true,
            };
            let decide = move |_: &Head, _: &Rows| Ok::<_, ()>(fact.clone().into());
            chat.store().append(command, decide).await.expect("appended");
        });
    }
    appends.join_all().await;
    let (one, other) = tokio::join!(
        world.chat.follow(&owner, jiho.user.id, true),
        world.chat.follow(&owner, sora.user.id, true),
    );
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let error = one.and(other).expect_err("one is too many");
    assert_eq!(error.code, Code::TooMany);
    // A list of its own, and a place that is given back can be taken again.
    world
        .chat
        .block(&owner, jiho.user.id, true)
        .await
        .expect("blocked");
    assert_eq!(world.chat.has_blocked(owner.user, jiho.user.id).await, Ok(true));
    assert_eq!(world.chat.has_blocked(jiho.user.id, owner.user).await, Ok(false));
    assert_eq!(world.chat.has_blocked(owner.user, sora.user.id).await, Ok(false));
    world
        .chat
        .follow(&owner, UserId::from_u128(1), false)
        .await
        .expect("given back");
    for user in [&jiho, &sora] {
        let followed = world.chat.follow(&owner, user.user.id, true).await;
        assert!(followed.is_ok() || followed.is_err_and(|error| error.code == Code::TooMany));
    }
    let page = world
        .chat
        .followed(&owner, None, Some(500))
        .await
        .expect("a page");
    assert!(page.more);
}
