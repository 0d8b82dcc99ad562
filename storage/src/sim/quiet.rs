//! The simulated database on a good day: for suites that ask what a store promises, not how it survives.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::database::{Database, Write, inserted};
use crate::Clock;
use crate::document::{
    Answer, Collection, Document, DocumentStore, Documents, Guard, Index, Inserted, Options, Position, Span,
    Update,
};
use crate::model::Timestamp;

/// A database in memory in which nothing goes wrong. Cheap to clone; all clones are the same data.
#[derive(Clone, Default)]
pub struct QuietDatabase(Arc<Mutex<Database>>);

impl QuietDatabase {
    /// An empty database.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store on it. Several may be open at a time, like nodes.
    pub fn open(&self, options: Options) -> DocumentStore {
        let clock = Arc::clone(&options.env.clock);
        let database = self.clone();
        DocumentStore::new(Arc::new(QuietDocuments { database, clock }), options)
    }

    fn lock(&self) -> MutexGuard<'_, Database> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A store on an empty database in memory in which nothing goes wrong.
pub fn open_quiet(options: Options) -> DocumentStore {
    QuietDatabase::new().open(options)
}

struct QuietDocuments {
    database: QuietDatabase,
    clock: Arc<dyn Clock>,
}

impl QuietDocuments {
    /// Whether there was anything to do. A majority has it at once.
    fn write(&self, write: Write) -> Option<super::database::LogPlace> {
        let mut database = self.database.lock();
        let place = database.write(write, self.clock.now())?;
        database.commit(place);
        Some(place)
    }
}

#[async_trait]
impl Documents for QuietDocuments {
    async fn insert(&self, collection: Collection, document: Document) -> Answer<Inserted> {
        Ok(inserted(self.write(Write::Insert(collection, document))))
    }

    async fn update(&self, collection: Collection, id: &str, guard: Guard, update: Update) -> Answer<bool> {
        Ok(self
            .write(Write::Update(collection, id.to_owned(), guard, update))
            .is_some())
    }

    async fn remove(&self, collection: Collection, id: &str, guard: Guard) -> Answer<bool> {
        Ok(self
            .write(Write::Remove(collection, id.to_owned(), guard))
            .is_some())
    }

    async fn find(&self, collection: Collection, index: Index, keys: &[String]) -> Answer<Vec<Document>> {
        Ok(self.database.lock().find(false, collection, index, keys))
    }

    async fn range(&self, collection: Collection, index: Index, span: Span) -> Answer<Vec<Document>> {
        Ok(self.database.lock().range(false, collection, index, &span))
    }

    async fn expired(&self, collection: Collection, now: Timestamp, limit: usize) -> Answer<Vec<Document>> {
        Ok(self.database.lock().expired(false, collection, now, limit))
    }

    async fn stored(&self, collection: Collection, after: &Position, limit: usize) -> Answer<Vec<Position>> {
        Ok(self.database.lock().stored(false, collection, after, limit))
    }

    async fn newest(&self, collection: Collection, from: Timestamp) -> Answer<Option<Timestamp>> {
        Ok(self.database.lock().newest(false, collection, from))
    }

    async fn now(&self) -> Answer<Timestamp> {
        Ok(self.clock.now())
    }
}
