//! The snapshot that a client starts with.

use madang_storage::model::{Epoch, SessionId};
use serde::Serialize;

use super::view::{ChannelView, GuildView, UserView};
use super::{Chat, Identity, Result};

/// What somebody sees right after signing in.
#[derive(Debug, Clone, Serialize)]
pub struct Ready {
    /// The data's epoch.
    pub epoch: Epoch,
    /// Who.
    pub user: UserView,
    /// Which login.
    pub session: SessionId,
    /// Where the person is a member.
    pub guilds: Vec<ReadyGuild>,
}

/// A guild with its channels.
#[derive(Debug, Clone, Serialize)]
pub struct ReadyGuild {
    /// The guild.
    #[serde(flatten)]
    pub guild: GuildView,
    /// Its channels, at most 500.
    pub channels: Vec<ChannelView>,
    /// Whether there are more.
    pub more_channels: bool,
}
impl Chat {
    pub async fn ready(&self, _identity: &Identity) -> Result<Ready> {
        Err(super::Error::not_found())
    }
    pub async fn authenticate(&self, _t: &str) -> Result<Identity> {
        Err(super::Error::not_found())
    }
}
