//! The instance as a whole: what everybody may know of it, and how it is called.

use std::collections::BTreeMap;

use madang_storage::AppendError;
use madang_storage::model::{Draft, Fact, Head, Instance, Row, RowKey, Rows, Sealed, StreamId};
use schemars::JsonSchema;
use serde::Serialize;

use super::registration::Registration;
use super::{Chat, Code, Error, Identity, Result, names};

/// The instance as everybody may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Instance")]
pub struct InstanceView {
    /// Its name; empty before it is set up.
    pub name: String,
    /// Where it stands: of two names the one with the higher `rev` is newer.
    pub rev: u64,
    /// Whether it has an owner.
    pub set_up: bool,
    /// The server's version.
    pub version: &'static str,
    /// Who may sign up.
    pub registration: Registration,
}

/// How the instance is called, for whoever begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstanceName {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub rev: u64,
}

impl Chat {
    /// The instance.
    pub async fn instance(&self) -> Result<InstanceView> {
        let rev = self.instance_rev().await?;
        let instance = self.store().instance().await?;
        Ok(InstanceView {
            set_up: instance.is_some(),
            name: instance.map(|instance| instance.name).unwrap_or_default(),
            rev,
            version: env!("CARGO_PKG_VERSION"),
            registration: self.registration().await?.mode,
        })
    }

    /// Gives the instance another name, for everybody who is here at once.
    pub async fn change_instance(&self, identity: &Identity, name: Option<&str>) -> Result<InstanceView> {
        self.require_administrator(identity).await?;
        let name = name.map(|name| names::title("name", name)).transpose()?;
        if let Some(name) = name {
            let (chat, identity) = (self.clone(), *identity);
            self.to_the_end(async move { chat.rename_instance(&identity, name.shown).await })
                .await?;
        }
        self.instance().await
    }

    pub(super) async fn instance_name(&self) -> Result<InstanceName> {
        let rev = self.instance_rev().await?;
        let instance = self.store().instance().await?;
        let name = instance.map(|instance| instance.name).unwrap_or_default();
        Ok(InstanceName { name, rev })
    }

    /// Read before the name, which is at least as new then.
    async fn instance_rev(&self) -> Result<u64> {
        Ok(self.store().head(StreamId::Instance).await?.rev)
    }

    async fn rename_instance(&self, identity: &Identity, name: String) -> Result<()> {
        let mut command = self.server_command(StreamId::Instance);
        (command.actor, command.rows) = (Some(identity.user), vec![RowKey::Instance]);
        let decide = move |_: &Head, rows: &Rows| {
            let Some(Row::Instance(present)) = rows.get(&RowKey::Instance) else {
                return Err(Some(not_set_up()));
            };
            if present.name == name {
                return Err(None);
            }
            Ok(renamed(present, name.clone()))
        };
        let details = match self.store().append(command, decide).await {
            Ok(appended) => {
                appended
                    .commit
                    .event
                    .sealed
                    .clone()
                    .unwrap_or_else(nothing)
                    .details
            }
            Err(AppendError::Refused(None)) => return Ok(()),
            Err(AppendError::Refused(Some(error))) => return Err(error),
            Err(AppendError::Store(error)) => return Err(error.into()),
        };
        let details: Vec<(&str, String)> = details
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        self.note(None, Some(identity.user), "instance.changed", None, &details)
            .await
    }
}

fn renamed(present: &Instance, name: String) -> Draft {
    let details = [("before.name", &present.name), ("after.name", &name)];
    let details = details.map(|(field, value)| (field.to_owned(), value.clone()));
    Draft {
        sealed: Some(Sealed {
            details: BTreeMap::from(details),
            ..nothing()
        }),
        fact: Fact::InstanceChanged {
            instance: Instance {
                name,
                ..present.clone()
            },
        },
    }
}

const fn nothing() -> Sealed {
    Sealed {
        reason: String::new(),
        details: BTreeMap::new(),
    }
}

fn not_set_up() -> Error {
    Error::new(Code::Conflict, "the instance is not set up")
}
