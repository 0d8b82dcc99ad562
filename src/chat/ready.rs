//! What a client needs to begin: who it is, its guilds, their channels.

use madang_storage::model::{Epoch, SessionId};
use serde::Serialize;

use super::instance::InstanceName;
use super::view::{ChannelView, ConversationView, GuildView, UserView};
use super::{Chat, Error, Identity, Result};

/// At most so many channels are told at once, over all guilds.
pub(super) const MAX_CHANNELS: usize = 500;

/// At most so many conversations are told at once.
const MAX_CONVERSATIONS: u64 = 100;

/// The snapshot that a connection begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// The data's epoch: with another one a client starts over.
    pub epoch: Epoch,
    /// How the instance is called.
    pub instance: InstanceName,
    /// Who the client speaks for.
    pub user: UserView,
    /// The login.
    pub session: SessionId,
    /// Whether the connection goes on where another one ended. Only the transport knows; `false` until it says so.
    pub resumed: bool,
    /// In the order of their ids.
    pub guilds: Vec<ReadyGuild>,
    /// DMs and groups, the one with the newest event first.
    pub conversations: Vec<ConversationView>,
    /// Whether there are more conversations, which are read as pages.
    pub more_conversations: bool,
}

/// A guild with its channels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadyGuild {
    /// The guild.
    #[serde(flatten)]
    pub guild: GuildView,
    /// In the order of their ids.
    pub channels: Vec<ChannelView>,
    /// Whether there are more channels, which are read as pages.
    pub more_channels: bool,
}

impl Chat {
    /// What somebody's client needs to begin.
    pub async fn ready(&self, identity: &Identity) -> Result<Ready> {
        let epoch = self.store().epoch().await?;
        let user = self.views_of(vec![identity.user]).await?.pop();
        let user = user.ok_or_else(Error::unauthenticated)?;
        let mut left = MAX_CHANNELS;
        let mut guilds = Vec::new();
        for guild in self.guilds_of(identity).await? {
            let page = if left == 0 {
                None
            } else {
                Some(self.channels_page(identity.user, guild.id, None, left).await?)
            };
            let (channels, more_channels) =
                page.map_or((Vec::new(), true), |page| (page.channels, page.more));
            left -= channels.len();
            guilds.push(ReadyGuild {
                guild,
                channels,
                more_channels,
            });
        }
        let page = self
            .conversations(identity, None, Some(MAX_CONVERSATIONS))
            .await?;
        Ok(Ready {
            epoch,
            instance: self.instance_name().await?,
            user,
            session: identity.session,
            resumed: false,
            guilds,
            conversations: page.conversations,
            more_conversations: page.more,
        })
    }
}
