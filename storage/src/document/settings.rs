//! The epoch, consumers' cursors, sweeping and status.

use super::documents::{Collection, Content, Document, Guard, Index, Inserted, Update};
use super::retry::{Patience, read};
use super::{DocumentStore, names};
use crate::error::{Error, Result};
use crate::model::Epoch;
use crate::store::changes::Cursor;
use crate::store::status::{Readiness, Space, Status};

/// The most documents of one collection that one sweep looks at.
const SWEPT_AT_ONCE: usize = 100;

impl DocumentStore {
    /// The epoch; made by whoever asks first.
    pub(super) async fn read_epoch(&self) -> Result<Epoch> {
        let mut patience = Patience::new();
        loop {
            if let Some(document) = self.setting(names::EPOCH).await? {
                let bytes = setting_bytes(document)?;
                let bytes: [u8; 16] = bytes
                    .try_into()
                    .map_err(|_| Error::Damaged("the epoch has another length".to_owned()))?;
                return Ok(Epoch::from_bytes(bytes));
            }
            let epoch = Epoch::from_u128(self.env.next_id());
            let content = Content::Bytes(epoch.to_bytes().to_vec());
            let document = Document::new(names::EPOCH.to_owned(), 0, epoch.as_u128(), content);
            match self.documents.insert(Collection::Settings, document).await {
                Ok(Inserted::Done) => return Ok(epoch),
                Ok(Inserted::Taken) => patience.pause().await?,
                Err(unclear) => patience.pause_after(unclear).await?,
            }
        }
    }

    pub(super) async fn read_consumer(&self, name: &str) -> Result<Option<Cursor>> {
        let found = self.setting(&names::consumer(name)).await?;
        found
            .map(|document| setting_bytes(document).map(Cursor::from_bytes))
            .transpose()
    }

    pub(super) async fn write_consumer(&self, name: &str, cursor: &Cursor) -> Result<()> {
        let name = names::consumer(name);
        let stamp = self.env.next_id();
        let content = Content::Bytes(cursor.as_bytes().to_vec());
        let mut patience = Patience::new();
        loop {
            let done = match self.setting(&name).await? {
                Some(document) if document.stamp == stamp => return Ok(()),
                Some(document) => {
                    let content = Some(content.clone());
                    let update = Update {
                        stamp: Some(stamp),
                        content,
                        ..Update::default()
                    };
                    let guard = Guard::StampIs(document.stamp);
                    self.documents
                        .update(Collection::Settings, &name, guard, update)
                        .await
                }
                None => {
                    let document = Document::new(name.clone(), 0, stamp, content.clone());
                    let inserted = self.documents.insert(Collection::Settings, document).await;
                    inserted.map(|inserted| inserted == Inserted::Done)
                }
            };
            match done {
                Ok(true) => return Ok(()),
                Ok(false) => patience.pause().await?,
                Err(unclear) => patience.pause_after(unclear).await?,
            }
        }
    }

    async fn setting(&self, name: &str) -> Result<Option<Document>> {
        let keys = [name.to_owned()];
        Ok(read!(self.documents.find(Collection::Settings, Index::Id, &keys)).pop())
    }

    /// Removes what has expired. Whatever was changed since it was found is left for the next sweep, and so is
    /// whatever had no clear answer.
    pub(super) async fn sweep_once(&self) -> Result<usize> {
        let now = self.env.now();
        let mut removed = 0;
        for collection in [Collection::State, Collection::Rows, Collection::Events] {
            for document in read!(self.documents.expired(collection, now, SWEPT_AT_ONCE)) {
                let done = match collection {
                    Collection::Events => self.forget_nonce(&document).await,
                    Collection::State => {
                        self.documents
                            .remove(collection, &document.id, Guard::StampIs(document.stamp))
                            .await
                    }
                    _ => {
                        self.documents
                            .remove(collection, &document.id, Guard::RevIs(document.rev))
                            .await
                    }
                };
                removed += usize::from(done == Ok(true));
            }
        }
        Ok(removed)
    }

    async fn forget_nonce(&self, document: &Document) -> super::Answer<bool> {
        let update = Update {
            forget_nonce: true,
            expires_at: Some(None),
            ..Update::default()
        };
        self.documents
            .update(
                Collection::Events,
                &document.id,
                Guard::RevIs(document.rev),
                update,
            )
            .await
    }

    pub(super) async fn read_status(&self) -> Status {
        let asked = self
            .documents
            .find(Collection::Settings, Index::Id, &[names::EPOCH.to_owned()])
            .await;
        let readiness = match asked {
            Ok(_) => Readiness::Ready,
            Err(unclear) => Readiness::Unreachable(unclear.to_string()),
        };
        Status {
            readiness,
            space: Space::default(),
        }
    }
}

fn setting_bytes(document: Document) -> Result<Vec<u8>> {
    match document.content {
        Content::Bytes(bytes) => Ok(bytes),
        _ => Err(Error::Damaged(format!("{} is not a setting", document.id))),
    }
}
