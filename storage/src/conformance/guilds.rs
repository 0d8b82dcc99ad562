//! Guilds that everybody may join.

use super::Fixture;
use super::support::{guild, user};
use crate::model::{Fact, Guild, GuildId, Row, RowKey, RowPrefix, StreamId};

async fn open_guilds(fixture: &Fixture, after: Option<GuildId>, limit: usize) -> (Vec<GuildId>, bool) {
    let after = after.map(RowKey::PublicGuild);
    let list = fixture
        .store()
        .list_rows(&RowPrefix::PublicGuilds, after.as_ref(), limit);
    let page = list.await.expect("listed");
    let guilds = page.rows.into_iter().map(|entry| match entry {
        (RowKey::PublicGuild(guild), Row::PublicGuild) => guild,
        other => panic!("{other:?} is no open guild"),
    });
    (guilds.collect(), page.more)
}

/// A guild is found among those that everybody may join for as long as that is so, and it is not deleted.
pub async fn open_guilds_are_found(fixture: &mut Fixture) {
    for number in 1..=4 {
        let made = fixture.writer().create_guild(guild(number)).await;
        made.expect("made");
    }
    let change = |number, is_public| {
        let mut changed = Guild::new("a guild".to_owned(), user(1), Fixture::START);
        changed.is_public = is_public;
        (
            StreamId::Guild(guild(number)),
            Fact::GuildChanged { guild: changed },
        )
    };
    for (stream, fact) in [
        change(1, true),
        change(2, true),
        change(3, true),
        change(2, false),
    ] {
        fixture.writer().fact(stream, fact).await.expect("changed");
    }
    assert_eq!(open_guilds(fixture, None, 1).await, (vec![guild(1)], true));
    assert_eq!(
        open_guilds(fixture, Some(guild(1)), 9).await,
        (vec![guild(3)], false)
    );
    let (stream, fact) = change(3, true);
    if let Fact::GuildChanged { guild } = fact {
        let deleted = Fact::GuildDeleted { guild };
        fixture.writer().fact(stream, deleted).await.expect("deleted");
    }
    fixture.reopen().await;
    assert_eq!(open_guilds(fixture, None, 9).await, (vec![guild(1)], false));
}
