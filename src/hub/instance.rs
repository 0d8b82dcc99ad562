//! How the instance is called, for everybody who is here.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use madang_storage::Store;
use madang_storage::model::StreamId;

use super::signal::RECEIVERS_AT_ONCE;
use super::{Hub, Listener, Signal};

impl Hub {
    /// Tells every connection how the instance is called, unless that was told by this `rev` before.
    pub(super) fn hear_of_instance(&self, rev: u64) {
        if self.inner.instance_told.fetch_max(rev, Ordering::SeqCst) >= rev {
            return;
        }
        let Some(attached) = self.inner.attached.get() else {
            return;
        };
        let (hub, store) = (self.clone(), attached.store.clone());
        self.inner.runtime.spawn(async move {
            match read(&store).await {
                Ok(signal) => hub.tell_all(signal).await,
                // Whoever connects anew learns of it.
                Err(error) => tracing::warn!(%error, "nobody was told how the instance is called"),
            }
        });
    }

    async fn tell_all(&self, signal: Option<Signal>) {
        let Some(signal) = signal else { return };
        let everybody: Vec<Arc<Listener>> = self.people().users.values().flatten().cloned().collect();
        for some in everybody.chunks(RECEIVERS_AT_ONCE) {
            self.signal_all(some, &signal);
            tokio::task::yield_now().await;
        }
    }
}

async fn read(store: &Store) -> madang_storage::Result<Option<Signal>> {
    // The head first: the name is at least as new, and of two that are told at once the newer one has the higher `rev`.
    let rev = store.head(StreamId::Instance).await?.rev;
    let instance = store.instance().await?;
    Ok(instance.map(|instance| Signal::Instance {
        name: instance.name,
        rev,
    }))
}
