//! What whoever keeps the server may do from its command line, by the names of accounts, without an account of their own.

use madang_storage::model::UserId;

use super::administrators::AccountList;
use super::guilds::MAX_LIST;
use super::password_links::MadePasswordLink;
use super::{Chat, Code, Error, Result, names, secrets};

impl Chat {
    /// Makes an account, which joins the guild that open sign-ups lead into. Without a password one is made up. Answers
    /// the password that was made up.
    pub async fn operator_adds(&self, name: &str, password: Option<&str>) -> Result<Option<String>> {
        if self.store().instance().await?.is_none() {
            return Err(Error::new(
                Code::Conflict,
                "the instance is not set up: open the set-up link first",
            ));
        }
        let name = names::user_name(name)?;
        let made = password.is_none().then(secrets::code);
        let password = password.or(made.as_deref()).unwrap_or_default();
        let welcome_guild = self.registration().await?.welcome_guild;
        let user = self.found_account(name, password, welcome_guild).await?;
        self.note_deed("account.added", user).await;
        Ok(made)
    }

    /// Gives somebody another password, and ends all sessions. Without one it is made up. Answers what was made up.
    pub async fn operator_sets_password(&self, name: &str, password: Option<&str>) -> Result<Option<String>> {
        let user = self.user_named(name).await?;
        let made = password.is_none().then(secrets::code);
        let password = password.or(made.as_deref()).unwrap_or_default().to_owned();
        let chat = self.clone();
        self.to_the_end(async move {
            chat.set_password(user, &password).await?;
            chat.note_deed("password.set", user).await;
            Ok(())
        })
        .await?;
        Ok(made)
    }

    /// Makes a link by which somebody chooses another password.
    pub async fn operator_makes_password_link(&self, name: &str) -> Result<MadePasswordLink> {
        let user = self.user_named(name).await?;
        self.make_password_link(None, user).await
    }

    /// Keeps somebody out, or lets the person in again.
    pub async fn operator_deactivates(&self, name: &str, on: bool) -> Result<()> {
        let user = self.user_named(name).await?;
        let chat = self.clone();
        self.to_the_end(async move {
            if on {
                chat.deactivate_by(None, user).await?;
                chat.note_deed("account.deactivated", user).await;
            } else {
                chat.reactivate_by(None, user).await?;
                chat.note_deed("account.reactivated", user).await;
            }
            Ok(())
        })
        .await
        .map(|_| ())
    }

    /// Makes somebody an administrator of the instance, or one no more.
    pub async fn operator_makes_administrator(&self, name: &str, on: bool) -> Result<()> {
        let user = self.user_named(name).await?;
        let chat = self.clone();
        self.to_the_end(async move {
            if on {
                chat.grant(None, user).await?;
                chat.note_deed("administrator.granted", user).await;
            } else {
                chat.revoke(None, user).await?;
                chat.note_deed("administrator.revoked", user).await;
            }
            Ok(())
        })
        .await
        .map(|_| ())
    }

    /// A page of all accounts.
    pub async fn operator_lists(&self, after: Option<UserId>) -> Result<AccountList> {
        self.account_page(after, MAX_LIST).await
    }

    /// Notes what was done. Where that fails the deed stands all the same: nobody could learn a password that was made up.
    async fn note_deed(&self, kind: &str, user: UserId) {
        if let Err(error) = self.note_account(None, kind, user).await {
            tracing::error!(%error, kind, "what was done is not in the audit");
        }
    }

    async fn user_named(&self, name: &str) -> Result<UserId> {
        let nobody = || Error::new(Code::NotFound, "nobody has this name");
        let folded = names::user_name(name).map_err(|_| nobody())?.folded;
        let account = self.account_named(&folded).await?.ok_or_else(nobody)?;
        if !account.finished && !self.finish_account(account.user).await? {
            return Err(nobody());
        }
        Ok(account.user)
    }
}
