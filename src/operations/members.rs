//! Members of a guild: who they are in it, and how they go.

use madang_storage::model::Member;

use super::describe::{Method, Operation, Scope, of_noun};
use super::input::{ids, number, page, text};
use super::{Answer, Call};
use crate::chat::{Bans, Members, Result};

pub(super) fn operations() -> Vec<Operation> {
    of_noun(
        "members",
        [
            Operation::new(Method::Get, "members", "/guilds/{guild}/members", members)
                .about("A page of a guild's members, in the order of their ids.")
                .takes_all(page())
                .answers::<Members>(),
            Operation::new(
                Method::Patch,
                "set_nickname",
                "/guilds/{guild}/members/{user}",
                nickname,
            )
            .about("Says what somebody is called in a guild.")
            .takes(text("nickname", "an empty one takes it back")),
            Operation::new(Method::Delete, "kick", "/guilds/{guild}/members/{user}", kick)
                .about("Sends somebody away, who may come back.")
                .scope(Scope::Manage)
                .takes(text("reason", "for the audit log").optional()),
            Operation::new(
                Method::Put,
                "set_roles",
                "/guilds/{guild}/members/{user}/roles",
                roles,
            )
            .about("Gives somebody exactly these roles.")
            .scope(Scope::Manage)
            .takes(ids("roles", Member::MAX_ROLES, "all that the member is to have")),
            Operation::new(Method::Get, "bans", "/guilds/{guild}/bans", bans)
                .about("A page of those who may not join, in the order of their ids.")
                .scope(Scope::Manage)
                .takes_all(page())
                .answers::<Bans>(),
            Operation::new(Method::Put, "ban", "/guilds/{guild}/bans/{user}", ban)
                .about("Sends somebody away for good.")
                .scope(Scope::Manage)
                .takes(text("reason", "for the audit log").optional())
                .takes(
                    number(
                        "purge_hours",
                        "also deletes what the person wrote here in so many hours, 1 to 168",
                    )
                    .optional(),
                ),
            Operation::new(
                Method::Delete,
                "lift_ban",
                "/guilds/{guild}/bans/{user}",
                lift_ban,
            )
            .about("Lets somebody join again.")
            .scope(Scope::Manage),
        ],
    )
}

async fn members(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    let (after, limit) = (call.optional_id("after")?, call.optional_number("limit")?);
    let members = call.chat.members(&call.identity, guild, after, limit);
    Ok(Answer::of(members.await?))
}

async fn nickname(mut call: Call) -> Result<Answer> {
    let (guild, user) = (call.id("guild")?, call.id("user")?);
    let nickname = call.text("nickname")?;
    let set = call.chat.set_nickname(&call.identity, guild, user, &nickname);
    set.await.map(|()| Answer::done())
}

async fn kick(mut call: Call) -> Result<Answer> {
    let (guild, user) = (call.id("guild")?, call.id("user")?);
    let reason = call.optional_text("reason")?;
    let kicked = call.chat.kick(&call.identity, guild, user, reason);
    kicked.await.map(|()| Answer::done())
}

async fn roles(mut call: Call) -> Result<Answer> {
    let (guild, user) = (call.id("guild")?, call.id("user")?);
    let roles = call.ids("roles")?;
    let set = call.chat.set_roles(&call.identity, guild, user, roles);
    set.await.map(|()| Answer::done())
}

async fn bans(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    let (after, limit) = (call.optional_id("after")?, call.optional_number("limit")?);
    let bans = call.chat.bans(&call.identity, guild, after, limit);
    Ok(Answer::of(bans.await?))
}

async fn ban(mut call: Call) -> Result<Answer> {
    let (guild, user) = (call.id("guild")?, call.id("user")?);
    let (reason, hours) = (
        call.optional_text("reason")?,
        call.optional_number("purge_hours")?,
    );
    let banned = call.chat.ban(&call.identity, guild, user, reason, hours);
    banned.await.map(|()| Answer::done())
}

async fn lift_ban(mut call: Call) -> Result<Answer> {
    let (guild, user) = (call.id("guild")?, call.id("user")?);
    let lifted = call.chat.lift_ban(&call.identity, guild, user);
    lifted.await.map(|()| Answer::done())
}
