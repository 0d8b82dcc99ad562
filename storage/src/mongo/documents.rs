//! [`Documents`] on the database: each operation is one command.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mongodb::bson::{Document as Fields, doc};

use super::connection::Connection;
use super::form::{self, date, name_of};
use super::group::{Group, Write, insert_in_order, write_together};
use super::lease::Lease;
use crate::document::{
    Answer, Collection, Document, Documents, Guard, Index, Inserted, Position, Span, Unclear, Update,
};
use crate::model::Timestamp;

/// The database behind the store.
pub(super) struct MongoDocuments {
    connection: Arc<Connection>,
    /// What every post writes to. There it does not matter that one write's failure leaves others of its command
    /// unclear: whoever projects looks again anyway.
    events: Group,
    streams: Group,
    rows: Group,
    lease: Option<Lease>,
}

impl MongoDocuments {
    pub(super) fn new(connection: Arc<Connection>, lease: Option<Lease>) -> Self {
        let group = |collection| Group::start(Arc::clone(&connection), name_of(collection));
        Self {
            events: group(Collection::Events),
            streams: group(Collection::Streams),
            rows: group(Collection::Rows),
            connection,
            lease,
        }
    }

    async fn write(&self, collection: Collection, write: Write) -> Answer<bool> {
        self.check_lease()?;
        let group = match collection {
            Collection::Events => &self.events,
            Collection::Streams => &self.streams,
            Collection::Rows => &self.rows,
            // Whether a state row was changed must be told: its writer asks for a decision.
            Collection::State | Collection::Settings | Collection::Nodes => {
                let answers = write_together(&self.connection, name_of(collection), vec![write]).await;
                let none = || Unclear("a write without an outcome".to_owned());
                return answers.into_iter().next().ok_or_else(none)?;
            }
        };
        group.write(write).await
    }

    async fn read(&self, collection: Collection, limit: usize, find: Fields) -> Answer<Vec<Document>> {
        self.check_lease()?;
        let found = self.connection.find(name_of(collection), limit, find).await?;
        found.into_iter().map(form::document).collect()
    }

    fn check_lease(&self) -> Answer<()> {
        self.lease.as_ref().map_or(Ok(()), Lease::check)
    }
}

#[async_trait]
impl Documents for MongoDocuments {
    async fn insert(&self, collection: Collection, document: Document) -> Answer<Inserted> {
        let inserted = self.write(collection, insertion(collection, document)?).await?;
        Ok(if inserted { Inserted::Done } else { Inserted::Taken })
    }

    async fn insert_all(&self, collection: Collection, documents: Vec<Document>) -> Vec<Answer<Inserted>> {
        let writes = documents
            .into_iter()
            .map(|document| insertion(collection, document));
        let writes = self
            .check_lease()
            .and_then(|()| writes.collect::<Answer<Vec<Write>>>());
        let writes = match writes {
            Ok(writes) => writes,
            Err(unclear) => return vec![Err(unclear)],
        };
        insert_in_order(&self.connection, name_of(collection), writes).await
    }

    async fn update_all(
        &self,
        collection: Collection,
        updates: Vec<(String, Guard, Update)>,
    ) -> Vec<Answer<bool>> {
        let number = updates.len();
        let write = |(id, guard, update): (String, Guard, Update)| {
            Ok(Write {
                filter: form::filter(&id, guard)?,
                update: form::update_fields(&id, update)?,
                inserts: false,
            })
        };
        let writes = self
            .check_lease()
            .and_then(|()| updates.into_iter().map(write).collect::<Answer<Vec<Write>>>());
        match writes {
            Ok(writes) => write_together(&self.connection, name_of(collection), writes).await,
            Err(unclear) => vec![Err(unclear); number],
        }
    }

    async fn update(&self, collection: Collection, id: &str, guard: Guard, update: Update) -> Answer<bool> {
        let write = Write {
            filter: form::filter(id, guard)?,
            update: form::update_fields(id, update)?,
            inserts: false,
        };
        self.write(collection, write).await
    }

    async fn remove(&self, collection: Collection, id: &str, guard: Guard) -> Answer<bool> {
        self.check_lease()?;
        let command = doc! {
            "delete": name_of(collection),
            "deletes": [{ "q": form::filter(id, guard)?, "limit": 1 }],
        };
        let answer = self.connection.write(command).await?;
        if answer.contains_key("writeErrors") {
            return Err(Unclear("a removal failed".to_owned()));
        }
        Ok(answer.get_i32("n").is_ok_and(|n| n == 1))
    }

    async fn find(&self, collection: Collection, index: Index, keys: &[String]) -> Answer<Vec<Document>> {
        if !self.connection.finds_by_equality_only() || keys.len() == 1 {
            return self.read(collection, keys.len(), find_filter(index, keys)).await;
        }
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            found.extend(
                self.read(collection, 1, find_filter(index, std::slice::from_ref(key)))
                    .await?,
            );
        }
        Ok(found)
    }

    async fn range(&self, collection: Collection, index: Index, span: Span) -> Answer<Vec<Document>> {
        let limit = span.limit;
        self.read(collection, limit, range_query(collection, index, span))
            .await
    }

    async fn expired(&self, collection: Collection, now: Timestamp, limit: usize) -> Answer<Vec<Document>> {
        self.read(collection, limit, expired_query(now)).await
    }

    async fn stored(&self, collection: Collection, after: &Position, limit: usize) -> Answer<Vec<Position>> {
        self.check_lease()?;
        let query = stored_query(after);
        let found = self.connection.find(name_of(collection), limit, query).await?;
        found.into_iter().map(form::position).collect()
    }

    async fn newest(&self, collection: Collection, from: Timestamp) -> Answer<Option<Timestamp>> {
        self.check_lease()?;
        let found = self
            .connection
            .find(name_of(collection), 1, newest_query(from))
            .await?;
        let found = found.into_iter().next().map(form::position).transpose()?;
        Ok(found.map(|position| position.stored_at))
    }

    async fn now(&self) -> Answer<Timestamp> {
        self.check_lease()?;
        self.connection.now().await.map(form::timestamp)
    }

    async fn close(&self) {
        if let Some(lease) = &self.lease {
            lease.give_back().await;
        }
    }
}

/// The write that makes a document.
fn insertion(collection: Collection, document: Document) -> Answer<Write> {
    let id = document.id.clone();
    let update = doc! {
        "$setOnInsert": form::new_fields(collection, document)?,
        "$currentDate": { "stored_at": true },
    };
    Ok(Write {
        // No document has such a rev: what is there already makes the upsert fail, and is never changed.
        filter: doc! { "_id": id, "rev": { "$lt": 0_i64 } },
        update,
        inserts: true,
    })
}

/// Makes all nodes' last beats this much older.
pub(super) async fn age_beats(connection: &Connection, by: Duration) -> Answer<()> {
    let nodes = name_of(Collection::Nodes);
    for node in connection.find(nodes, 100, doc! {}).await? {
        let mut position = form::position(node)?;
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        position.stored_at = Timestamp::from_millis(position.stored_at.as_millis().saturating_sub(by));
        let aged = doc! { "$set": { "stored_at": date(position.stored_at) } };
        let update = doc! { "q": { "_id": position.id }, "u": aged };
        connection
            .write(doc! { "update": nodes, "updates": [update] })
            .await?;
    }
    Ok(())
}

const fn field(index: Index) -> &'static str {
    match index {
        Index::Id => "_id",
        Index::Message => "message",
        Index::Nonce => "nonce",
    }
}

fn find_filter(index: Index, keys: &[String]) -> Fields {
    match keys {
        [key] => doc! { "filter": { field(index): key } },
        keys => doc! { "filter": { field(index): { "$in": keys } } },
    }
}

fn range_query(collection: Collection, index: Index, span: Span) -> Fields {
    let Span { from, until, .. } = span;
    let mut filter = Fields::new();
    // The index alone would do; the list is for servers that find by equality only.
    if let Some(list) = form::list_of_span(collection, &from, &until) {
        filter.insert("list", list);
    }
    filter.insert(field(index), doc! { "$gte": from, "$lt": until });
    doc! { "filter": filter, "sort": { field(index): 1 } }
}

fn expired_query(now: Timestamp) -> Fields {
    doc! { "filter": { "expires_at": { "$lt": date(now) } } }
}

fn stored_query(after: &Position) -> Fields {
    let at = date(after.stored_at);
    // The first condition follows from the second one, and bounds the index.
    let later = doc! { "stored_at": { "$gt": at } };
    let behind = doc! { "stored_at": at, "_id": { "$gt": &after.id } };
    doc! {
        "filter": { "stored_at": { "$gte": at }, "$or": [later, behind] },
        "sort": { "stored_at": 1, "_id": 1 },
        "projection": { "stored_at": 1, "_id": 1 },
    }
}

fn newest_query(from: Timestamp) -> Fields {
    doc! {
        "filter": { "stored_at": { "$gte": date(from) } },
        "sort": { "stored_at": -1, "_id": -1 },
        "projection": { "stored_at": 1, "_id": 1 },
    }
}

/// Every kind of query, and whether its plan looks through a whole collection or sorts: those that do, in words.
#[cfg(test)]
pub(super) async fn slow_queries(connection: &Connection) -> crate::Result<Vec<String>> {
    let key = || vec!["room:x/000000000001".to_owned()];
    let keys = vec!["a/b".to_owned(), "c/d".to_owned()];
    let span = |from: &str, until: &str| Span {
        from: from.to_owned(),
        until: until.to_owned(),
        limit: 100,
    };
    let events = || span("room:x/000000000001", "room:x/~");
    let after = Position {
        stored_at: Timestamp::from_millis(1),
        id: "x".to_owned(),
    };
    let mut queries = vec![
        (Collection::Events, find_filter(Index::Message, &key())),
        (Collection::Events, find_filter(Index::Message, &keys)),
        (Collection::Events, find_filter(Index::Nonce, &key())),
        (
            Collection::Events,
            range_query(Collection::Events, Index::Id, events()),
        ),
        (
            Collection::Events,
            range_query(Collection::Events, Index::Message, events()),
        ),
        (
            Collection::Rows,
            range_query(Collection::Rows, Index::Id, span("member/x/", "member/x/~")),
        ),
        (
            Collection::State,
            range_query(Collection::State, Index::Id, span("001/", "001/~")),
        ),
        (
            Collection::Nodes,
            range_query(Collection::Nodes, Index::Id, span("", "~")),
        ),
    ];
    for collection in Collection::ALL {
        queries.push((collection, find_filter(Index::Id, &key())));
        queries.push((collection, find_filter(Index::Id, &keys)));
    }
    for collection in [Collection::Events, Collection::State] {
        queries.push((collection, stored_query(&after)));
        queries.push((collection, newest_query(Timestamp::from_millis(1))));
    }
    for collection in [Collection::Events, Collection::State, Collection::Rows] {
        queries.push((collection, expired_query(Timestamp::from_millis(1))));
    }
    let mut slow = Vec::new();
    for (collection, query) in queries {
        let mut find = doc! { "find": name_of(collection), "limit": 100 };
        find.extend(query.clone());
        let explained = connection
            .run(doc! { "explain": find, "verbosity": "queryPlanner" })
            .await;
        let plan = explained.map_err(|unclear| crate::Error::Unavailable(unclear.to_string()))?;
        let winning = plan
            .get_document("queryPlanner")
            .and_then(|plan| plan.get_document("winningPlan"));
        let winning = winning.map_or_else(|_| plan.to_string(), ToString::to_string);
        if ["COLLSCAN", "\"SORT\""]
            .iter()
            .any(|stage| winning.contains(stage))
        {
            slow.push(format!("{}: {query}: {winning}", name_of(collection)));
        }
    }
    Ok(slow)
}
