//! What the command line does about accounts: through the running server, or on the data itself when none runs.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::control::Answer;
use super::logic::Logic;
use super::{AppError, data};
use crate::chat::{AccountView, Chat, Error, Result};
use crate::config::Config;

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum AccountAsk {
    /// Make an account.
    Add {
        /// Its name.
        name: String,
        /// Its password; without one it is made up.
        password: Option<String>,
        /// Whether the person administers the instance.
        administrator: bool,
    },
    /// Give somebody another password.
    Password {
        /// Whom.
        name: String,
        /// The password; without one it is made up.
        password: Option<String>,
    },
    /// Make a link by which somebody chooses another password.
    PasswordLink {
        /// For whom.
        name: String,
    },
    /// Keep somebody out, or let the person in again.
    Deactivate {
        /// Whom.
        name: String,
        /// Whether out.
        on: bool,
    },
    /// Make somebody an administrator, or one no more.
    Administrator {
        /// Whom.
        name: String,
        /// Whether one.
        on: bool,
    },
    /// Tell a page of the accounts.
    List {
        /// The last one of the page before.
        after: Option<String>,
    },
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountAnswer {
    /// It is done.
    Done,
    /// It is done, and this password was made up.
    Password(String),
    /// It is done, and this is what the link ends with.
    PasswordLink(String),
    /// A page of accounts.
    List {
        /// In the order of their ids.
        accounts: Vec<AccountLine>,
        /// Whether there are more.
        more: bool,
    },
}

/// An account in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccountLine {
    /// Whose.
    pub id: String,
    /// The unique name.
    pub name: String,
    /// When it came to be.
    pub created_at: String,
    /// When it was last used.
    pub last_used: Option<String>,
    /// Whether the person administers the instance.
    pub is_administrator: bool,
    /// Whether the person is kept out.
    pub is_deactivated: bool,
}

impl From<AccountView> for AccountLine {
    fn from(view: AccountView) -> Self {
        Self {
            id: view.id.to_string(),
            name: view.name,
            created_at: view.created_at.to_string(),
            last_used: view.last_used.map(|at| at.to_string()),
            is_administrator: view.is_administrator,
            is_deactivated: view.is_deactivated,
        }
    }
}

/// Does what is asked.
pub(super) async fn answer(chat: &Chat, ask: AccountAsk) -> Answer {
    match carry_out(chat, ask).await {
        Ok(answer) => Answer::Accounts(answer),
        Err(error) => Answer::Error(match error.field {
            Some(field) => format!("{field}: {}", error.message),
            None => error.message.into_owned(),
        }),
    }
}

async fn carry_out(chat: &Chat, ask: AccountAsk) -> Result<AccountAnswer> {
    let told = |made: Option<String>| made.map_or(AccountAnswer::Done, AccountAnswer::Password);
    let done = |()| AccountAnswer::Done;
    match ask {
        AccountAsk::Add {
            name,
            password,
            administrator,
        } => {
            let made = chat.operator_adds(&name, password.as_deref()).await?;
            if administrator {
                let granted = chat.operator_makes_administrator(&name, true).await;
                granted.map_err(|error| {
                    let text = format!(
                        "the account is made, but it is no administrator: {}",
                        error.message
                    );
                    Error::new(error.code, text)
                })?;
            }
            Ok(told(made))
        }
        AccountAsk::Password { name, password } => {
            let set = chat.operator_sets_password(&name, password.as_deref());
            set.await.map(told)
        }
        AccountAsk::PasswordLink { name } => {
            let made = chat.operator_makes_password_link(&name).await?;
            Ok(AccountAnswer::PasswordLink(made.token))
        }
        AccountAsk::Deactivate { name, on } => chat.operator_deactivates(&name, on).await.map(done),
        AccountAsk::Administrator { name, on } => {
            chat.operator_makes_administrator(&name, on).await.map(done)
        }
        AccountAsk::List { after } => {
            let after = after.map(|after| after.parse()).transpose();
            let after = after.map_err(|_| Error::invalid("after", "this is no id"))?;
            let page = chat.operator_lists(after).await?;
            Ok(AccountAnswer::List {
                accounts: page.accounts.into_iter().map(AccountLine::from).collect(),
                more: page.more,
            })
        }
    }
}

/// Does what is asked on the data in a folder, which no server has open. Blocks.
pub fn on_folder(folder: &Path, ask: AccountAsk) -> std::result::Result<Answer, AppError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| AppError::System {
        what: "start a runtime".to_owned(),
        error,
    })?;
    runtime.block_on(async {
        let open = |env, sink| data::open_existing(folder, env, sink);
        let logic = Logic::open(&Config::default(), open).await?;
        let answer = answer(&logic.chat, ask).await;
        logic.delivery.broker.close().await;
        logic.store.close().await?;
        Ok(answer)
    })
}
