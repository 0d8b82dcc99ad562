//! The instance as a whole, for its administrators.

use schemars::JsonSchema;
use serde::Serialize;

use super::describe::{Method, Operation, Scope, of_noun};
use super::input::{id, page, text};
use super::{Answer, Call};
use crate::chat::view::Time;
use crate::chat::{AccountList, InstanceView, RegistrationChanges, RegistrationView, Result};

pub(super) fn operations() -> Vec<Operation> {
    let operations = [
        Operation::new(Method::Patch, "change_instance", "/instance", change)
            .about("Changes how the instance is called; what is left out stays.")
            .takes(text("name", "up to 64 characters").optional())
            .answers::<InstanceView>(),
        Operation::new(
            Method::Get,
            "registration",
            "/instance/registration",
            registration,
        )
        .about("Who may sign up, and where that leads.")
        .answers::<RegistrationView>(),
        Operation::new(
            Method::Patch,
            "change_registration",
            "/instance/registration",
            change_registration,
        )
        .about("Changes who may sign up; what is left out stays.")
        .takes(text("registration", "open, invite or closed").optional())
        .takes(
            id(
                "welcome_guild",
                "the guild that open sign-ups lead into; null for none",
            )
            .or_null(),
        )
        .answers::<RegistrationView>(),
        Operation::new(Method::Get, "accounts", "/accounts", accounts)
            .about("A page of all accounts, in the order of their ids.")
            .takes_all(page())
            .answers::<AccountList>(),
        Operation::new(
            Method::Put,
            "deactivate_account",
            "/accounts/{user}/deactivation",
            deactivate,
        )
        .about("Keeps somebody out: logins and tokens end, the name stays taken, messages stay."),
        Operation::new(
            Method::Delete,
            "reactivate_account",
            "/accounts/{user}/deactivation",
            reactivate,
        )
        .about("Lets somebody sign in again."),
        Operation::new(
            Method::Post,
            "create_password_link",
            "/accounts/{user}/password-link",
            create_password_link,
        )
        .about(
            "Makes a link by which somebody who does not administer the instance chooses another password, once and \
             within 24 hours. It cannot be read again; an earlier one works no more.",
        )
        .makes::<PasswordLinkMade>(),
        Operation::new(
            Method::Put,
            "grant_administrator",
            "/administrators/{user}",
            grant,
        )
        .about("Makes somebody an administrator of the instance. At most 100."),
        Operation::new(
            Method::Delete,
            "revoke_administrator",
            "/administrators/{user}",
            revoke,
        )
        .about("Makes somebody an administrator no more. The last one stays one."),
    ];
    let for_administrators = operations.map(|operation| operation.scope(Scope::Admin));
    of_noun("instance", for_administrators)
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MadePasswordLink")]
struct PasswordLinkMade {
    /// The link to hand over.
    url: String,
    expires_at: Time,
}

async fn change(mut call: Call) -> Result<Answer> {
    let name = call.optional_text("name")?;
    let changed = call.chat.change_instance(&call.identity, name.as_deref());
    Ok(Answer::of(changed.await?))
}

async fn registration(call: Call) -> Result<Answer> {
    let settings = call.chat.registration_settings(&call.identity);
    Ok(Answer::of(settings.await?))
}

async fn change_registration(mut call: Call) -> Result<Answer> {
    let changes = RegistrationChanges {
        mode: call.optional_text("registration")?,
        welcome_guild: call.nullable_id("welcome_guild")?,
    };
    let changed = call.chat.change_registration(&call.identity, changes);
    Ok(Answer::of(changed.await?))
}

async fn accounts(mut call: Call) -> Result<Answer> {
    let (after, limit) = (call.optional_id("after")?, call.optional_number("limit")?);
    let accounts = call.chat.accounts(&call.identity, after, limit);
    Ok(Answer::of(accounts.await?))
}

async fn deactivate(mut call: Call) -> Result<Answer> {
    let user = call.id("user")?;
    let done = call.chat.deactivate(&call.identity, user);
    done.await.map(|()| Answer::done())
}

async fn reactivate(mut call: Call) -> Result<Answer> {
    let user = call.id("user")?;
    let done = call.chat.reactivate(&call.identity, user);
    done.await.map(|()| Answer::done())
}

async fn create_password_link(mut call: Call) -> Result<Answer> {
    let user = call.id("user")?;
    let made = call.chat.create_password_link(&call.identity, user).await?;
    Ok(Answer::of(PasswordLinkMade {
        // In the fragment, which browsers keep to themselves, the secret is in no log.
        url: format!("{}/new-password#token={}", call.own_url, made.token),
        expires_at: made.expires_at,
    }))
}

async fn grant(mut call: Call) -> Result<Answer> {
    let user = call.id("user")?;
    let done = call.chat.grant_administrator(&call.identity, user);
    done.await.map(|()| Answer::done())
}

async fn revoke(mut call: Call) -> Result<Answer> {
    let user = call.id("user")?;
    let done = call.chat.revoke_administrator(&call.identity, user);
    done.await.map(|()| Answer::done())
}
