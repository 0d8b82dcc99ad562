//! Links for a new password, by the clock and cut off between two writes.

use super::world::{World, credentials, visitor};
use crate::chat::{Code, Identity};

const HOUR: u64 = 60 * 60;

async fn link(world: &World, by: &Identity, user: madang_storage::model::UserId) -> String {
    let made = world.chat.create_password_link(by, user).await;
    made.expect("a link").token
}

async fn is_void(world: &World, token: &str) -> bool {
    match world.chat.password_link(token, &visitor()).await {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(
                (error.code, error.field.as_deref()),
                (Code::InvalidField, Some("token"))
            );
            true
        }
    }
}

#[tokio::test]
async fn a_link_ends_after_a_day() {
    let world = World::new().await;
    let jiho = world.add("jiho").await.user.id;
    let token = link(&world, &world.owner(), jiho).await;
    world.pass(23 * HOUR).await;
    assert!(!is_void(&world, &token).await);
    world.pass(HOUR).await;
    assert!(is_void(&world, &token).await);
    let used = world
        .chat
        .use_password_link(&token, "battery staple", &visitor())
        .await;
    assert_eq!(used.expect_err("too late").code, Code::InvalidField);
    world.sign_in("jiho").await;
}

#[tokio::test]
async fn a_link_opens_nothing_once_its_password_or_its_makers_right_is_gone() {
    let world = World::new().await;
    let (jiho, hana) = (world.add("jiho").await, world.add("hana").await);
    let (owner, chat) = (world.owner(), &world.chat);
    let asks = super::world::identity(&jiho);

    let token = link(&world, &owner, jiho.user.id).await;
    let changed = chat.change_password(&asks, super::world::PASSWORD, "battery staple");
    changed.await.expect("changed");
    assert!(is_void(&world, &token).await, "the password was remembered");

    let token = link(&world, &owner, jiho.user.id).await;
    chat.deactivate(&owner, jiho.user.id).await.expect("done");
    let made = chat.create_password_link(&owner, jiho.user.id).await;
    assert_eq!(made.expect_err("kept out").code, Code::Conflict);
    assert!(is_void(&world, &token).await);
    chat.reactivate(&owner, jiho.user.id).await.expect("done");
    assert!(is_void(&world, &token).await, "it does not come back to life");

    chat.grant_administrator(&owner, hana.user.id)
        .await
        .expect("done");
    let by_hana = super::world::identity(&hana);
    let token = link(&world, &by_hana, jiho.user.id).await;
    chat.revoke_administrator(&owner, hana.user.id)
        .await
        .expect("done");
    assert!(is_void(&world, &token).await, "its maker may make none any more");

    let token = link(&world, &owner, jiho.user.id).await;
    chat.grant_administrator(&owner, jiho.user.id)
        .await
        .expect("done");
    assert!(is_void(&world, &token).await, "nobody becomes who stands as high");
    let token = chat
        .operator_makes_password_link("jiho")
        .await
        .expect("a link")
        .token;
    assert!(
        !is_void(&world, &token).await,
        "whoever keeps the server stands above all"
    );
}

#[tokio::test]
async fn what_is_left_of_a_used_link_opens_nothing() {
    let world = World::new().await;
    let jiho = world.add("jiho").await.user.id;
    let token = link(&world, &world.owner(), jiho).await;
    let kept = world.keys(madang_storage::model::StateTable::OneTimeTokens).await;
    assert_eq!(kept.len(), 1);
    // Cut off right after the write that counts: the row is still there.
    let hash = world.chat.inner.passwords.hash("battery staple").await;
    let mut account = world.account(jiho).await;
    account.password_hash = hash.expect("a hash");
    let found = world.chat.account(jiho).await.expect("read").expect("there");
    let written = world.chat.replace_account(found.version, &account).await;
    assert!(written.expect("written"));
    assert!(is_void(&world, &token).await);
    let signed_in = world
        .chat
        .sign_in(&credentials("jiho", "battery staple"), &visitor())
        .await;
    signed_in.expect("the new one works");
}
