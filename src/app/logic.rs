//! The logic over the data: the server's, or that of a command while no server runs.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use madang_storage::embedded::Embedded;
use madang_storage::model::NodeId;
use madang_storage::{CommitSink, Env, Store};

use super::AppError;
use super::absent::Missing;
use super::data::Data;
use super::delivery::{Delivery, Ear};
use super::nodes;
use crate::broker;
use crate::chat::{Absent, Chat, Places, Presences, Rules};
use crate::config::Config;
use crate::gateway::NativeEncoder;
use crate::hub::Hub;
use crate::presence::Presence;

/// Data that is open, and what works on it.
pub(super) struct Logic {
    pub(super) embedded: Option<Embedded>,
    pub(super) store: Store,
    pub(super) delivery: Delivery,
    pub(super) chat: Chat,
    pub(super) presence: Presence,
    pub(super) absent: Arc<Missing>,
    /// Under which id this process is known to the others.
    pub(super) node: NodeId,
}

impl Logic {
    /// Opens data by `open`, and puts the logic over it. Must be called within a runtime.
    pub(super) async fn open<Opening>(
        config: &Config,
        open: impl FnOnce(Env, Arc<dyn CommitSink>) -> Opening,
    ) -> Result<Self, AppError>
    where
        Opening: Future<Output = madang_storage::Result<Data>>,
    {
        nodes::check(config)?;
        let env = Env::system();
        let node = NodeId::from_u128(env.next_id());
        let delivery = Delivery {
            places: Places::default(),
            hub: Hub::new(Arc::new(NativeEncoder)),
            broker: nodes::broker(config, node)?,
        };
        let Data { store, embedded } = open(env.clone(), Arc::new(delivery.clone())).await?;
        let Delivery { places, hub, broker } = delivery.clone();
        let quiet = Duration::from_secs(config.presence.quiet_seconds);
        let rules = Rules {
            keeps_edits: config.messages.keep_edits,
        };
        let presence = nodes::presence(config, &env)?;
        let absent = Arc::new(Missing::default());
        let presences = Presences::new(presence.clone(), Arc::clone(&absent) as Arc<dyn Absent>, quiet);
        let chat = Chat::new(
            store.clone(),
            env,
            places,
            hub.clone(),
            broker.clone(),
            presences,
            rules,
        );
        hub.attach(store.clone(), Arc::new(chat.clone()));
        let ear = Ear {
            delivery: delivery.clone(),
            chat: chat.clone(),
        };
        let ear = Arc::new(ear);
        broker
            .start(Arc::clone(&ear) as Arc<dyn broker::Receiver>)
            .await?;
        presence.start(ear).await?;
        chat.load_switches().await?;
        chat.load_asked().await?;
        Ok(Self {
            embedded,
            store,
            delivery,
            chat,
            presence,
            absent,
            node,
        })
    }
}
