//! A person's own account: the password, logins, and access tokens. Signing up, in and out are no operations: they need to
//! know from where a request comes, and what a browser keeps.

use super::describe::{Method, Operation, Scope, of_noun};
use super::input::{number, text, texts};
use super::{Answer, Call};
use crate::chat::{AccessTokenView, AccessTokens, NewAccessToken, Result, Scopes, SessionList};

pub(super) fn operations() -> Vec<Operation> {
    let operations = [
        Operation::new(Method::Put, "change_password", "/me/password", change_password)
            .about("Changes the password. All other logins end.")
            .takes(text("password", "the present one"))
            .takes(text("new_password", "at least 8 characters, at most 256 bytes")),
        Operation::new(Method::Get, "sessions", "/sessions", sessions)
            .about("All logins of the asking person, the one that was used last first.")
            .answers::<SessionList>(),
        Operation::new(Method::Delete, "revoke_session", "/sessions/{session}", revoke_session)
            .about("Ends a login. Its sockets close."),
        Operation::new(Method::Delete, "revoke_other_sessions", "/sessions", revoke_others)
            .about("Ends all logins but the one that asks. Their sockets close."),
        Operation::new(Method::Get, "tokens", "/tokens", tokens)
            .about("All access tokens of the asking person, the oldest first.")
            .answers::<AccessTokens>(),
        Operation::new(Method::Post, "create_token", "/tokens", create_token)
            .about("Makes an access token. It cannot be read again. At most 50 a person.")
            .takes(text("name", "what it is for, up to 64 characters"))
            .takes(texts(
                "scopes",
                Scopes::COUNT,
                "what it may be used for: read, write, manage, account, admin; nothing that the asking token is not good for",
            ))
            .takes(number("expires_in_seconds", "up to ten years; without it 90 days").optional())
            .makes::<AccessTokenView>(),
        Operation::new(Method::Delete, "revoke_token", "/tokens/{token}", revoke_token)
            .about("Ends an access token. Its sockets close."),
    ];
    let own = operations.map(|operation| operation.scope(Scope::Account));
    of_noun("accounts", own)
}

async fn change_password(mut call: Call) -> Result<Answer> {
    let (present, new) = (call.text("password")?, call.text("new_password")?);
    let changed = call.chat.change_password(&call.identity, &present, &new);
    changed.await.map(|()| Answer::done())
}

async fn sessions(call: Call) -> Result<Answer> {
    Ok(Answer::of(call.chat.sessions(&call.identity).await?))
}

async fn revoke_session(mut call: Call) -> Result<Answer> {
    let session = call.id("session")?;
    let revoked = call.chat.revoke_session(&call.identity, session);
    revoked.await.map(|()| Answer::done())
}

async fn revoke_others(call: Call) -> Result<Answer> {
    let revoked = call.chat.revoke_other_sessions(&call.identity);
    revoked.await.map(|()| Answer::done())
}

async fn tokens(call: Call) -> Result<Answer> {
    Ok(Answer::of(call.chat.access_tokens(&call.identity).await?))
}

async fn create_token(mut call: Call) -> Result<Answer> {
    let new = NewAccessToken {
        name: call.text("name")?,
        scopes: call.optional_texts("scopes")?.unwrap_or_default(),
        expires_in_seconds: call.optional_number("expires_in_seconds")?,
    };
    let made = call.chat.create_access_token(&call.identity, new);
    Ok(Answer::of(made.await?))
}

async fn revoke_token(mut call: Call) -> Result<Answer> {
    let token = call.id("token")?;
    let revoked = call.chat.revoke_access_token(&call.identity, token);
    revoked.await.map(|()| Answer::done())
}
