//! How much a post writes: the same whoever is called, and however many are members.

use madang::chat::{Identity, Post, Scopes};
use madang_storage::model::{Fact, GuildId, RoomId, SessionId, StreamId, UserId};
use madang_storage::sim::{Random, Trace};

use super::nodes::Nodes;
use super::run::append;

/// How many documents a post of each of these texts writes in a guild of so many.
pub(crate) async fn writes_of_posts<const N: usize>(members: u128, texts: [&str; N]) -> [usize; N] {
    let trace = Trace::on();
    let nodes = Nodes::start(1, Random::new(1), trace.clone(), false).await;
    let store = nodes.cluster.store(0);
    let (guild, room, owner) = (
        GuildId::from_u128(1),
        RoomId::from_u128(2),
        UserId::from_u128(100),
    );
    let stream = StreamId::Guild(guild);
    let name = "guild".to_owned();
    append(&nodes, &store, stream, Fact::GuildCreated { name, owner }).await;
    for number in 1..members {
        let user = UserId::from_u128(100 + number);
        append(&nodes, &store, stream, Fact::MemberJoined { user }).await;
    }
    let channel = Fact::channel_created(guild, "general", "");
    append(&nodes, &store, StreamId::Room(room), channel).await;
    let identity = Identity {
        user: owner,
        session: SessionId::from_u128(1),
        scopes: Scopes::ALL,
    };
    let (chat, _) = nodes.of(0).unwrap();
    let post = async |text: &str| {
        let post = Post {
            text: text.to_owned(),
            reply_to: None,
            nonce: None,
        };
        chat.post(&identity, room, post).await.unwrap();
    };
    // The first post makes its author's marker, all others move it.
    post("hello").await;
    let mut writes = [0; N];
    for (text, writes) in texts.into_iter().zip(&mut writes) {
        let before = written(&trace);
        post(text).await;
        *writes = written(&trace) - before;
    }
    writes
}

fn written(trace: &Trace) -> usize {
    let is_write = |line: &&str| line.contains(": insert ") || line.contains(": update ");
    trace.text().lines().filter(is_write).count()
}
