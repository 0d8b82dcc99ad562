//! The logic over the data in a folder: the server's, or that of a command while no server runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use madang_storage::embedded::{Embedded, Options};
use madang_storage::{Env, Store};

use super::AppError;
use super::delivery::{Delivery, Ear};
use crate::broker::memory::Bus;
use crate::chat::{Chat, Places};
use crate::gateway::NativeEncoder;
use crate::hub::Hub;

/// Data that is open, and what works on it.
pub(super) struct Logic {
    pub(super) embedded: Embedded,
    pub(super) store: Store,
    pub(super) delivery: Delivery,
    pub(super) chat: Chat,
}

impl Logic {
    /// Opens data by `open`, and puts the logic over it. Must be called within a runtime.
    pub(super) async fn open(
        folder: PathBuf,
        options: Options,
        open: fn(&Path, Options) -> madang_storage::Result<Embedded>,
    ) -> Result<Self, AppError> {
        let env = Env::system();
        let delivery = Delivery {
            places: Places::default(),
            hub: Hub::new(Arc::new(NativeEncoder)),
            broker: Bus::new().join(),
        };
        let options = Options {
            env: env.clone(),
            sink: Arc::new(delivery.clone()),
            ..options
        };
        let opening = tokio::task::spawn_blocking(move || open(&folder, options)).await;
        let embedded = opening.map_err(|error| madang_storage::Error::CannotOpen(error.to_string()))??;
        let store = embedded.store();
        let Delivery { places, hub, broker } = delivery.clone();
        let chat = Chat::new(store.clone(), env, places, hub.clone(), broker.clone());
        hub.attach(store.clone(), Arc::new(chat.clone()));
        let ear = Ear {
            delivery: delivery.clone(),
            chat: chat.clone(),
        };
        broker.start(Arc::new(ear)).await?;
        Ok(Self {
            embedded,
            store,
            delivery,
            chat,
        })
    }
}
