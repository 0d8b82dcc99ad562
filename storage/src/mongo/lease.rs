//! The lease: without a broker only one node may use a database, because a second one would not hear of the first
//! one's events.
//!
//! - The lease is a document with its holder and the time of its last renewal, by the server's clock. A node that wants
//!   it compares that time with the server's present time: no node's clock counts.
//! - It is changed under the guard of what was read, so of two that take it over one fails.
//! - Its holder counts on it for a shorter time than others wait, from before it asked for the renewal. In between
//!   nobody writes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mongodb::bson::{DateTime, Document as Fields, doc};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::connection::Connection;
use super::form::name_of;
use crate::Env;
use crate::document::{Answer, Collection, Unclear};
use crate::error::{Error, Result};

const ID: &str = "lease";
/// How often its holder renews it.
const RENEWED_EVERY: Duration = Duration::from_secs(3);
/// How long its holder counts on a renewal.
const COUNTED_ON: Duration = Duration::from_secs(10);
/// How long others leave it alone after a renewal.
const LEFT_ALONE_MS: i64 = 15_000;
/// How often a node that waits for it looks.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(500);

/// This node's lease. Dropped, it is renewed no more.
pub(super) struct Lease {
    held: Arc<Held>,
    renewing: AbortHandle,
}

struct Held {
    connection: Arc<Connection>,
    holder: String,
    until: Mutex<Instant>,
    lost: AtomicBool,
}

impl Lease {
    /// Takes the lease, and waits until a holder that is gone has lost it. Refuses while another node renews it.
    pub(super) async fn take(connection: &Arc<Connection>, env: &Env) -> Result<Self> {
        let holder = format!("{:032x} of process {}", env.next_id(), std::process::id());
        let unclear = |unclear: Unclear| {
            Error::CannotOpen(format!("the lease of the MongoDB cannot be taken: {unclear}"))
        };
        let mut first_seen: Option<(String, i64)> = None;
        let since = loop {
            let asked_at = Instant::now();
            if try_to_take(connection, &holder).await.map_err(unclear)? {
                break asked_at;
            }
            let seen = look(connection)
                .await
                .map_err(unclear)?
                .map(|lease| (lease.holder, lease.renewals));
            match (&first_seen, seen) {
                (Some(first), Some(now)) if *first != now => return Err(refused(&now.0)),
                (_, now) => first_seen = now,
            }
            tokio::time::sleep(LOOKED_AT_EVERY).await;
        };
        let held = Arc::new(Held {
            connection: Arc::clone(connection),
            holder,
            until: Mutex::new(since + COUNTED_ON),
            lost: AtomicBool::new(false),
        });
        let renewing = tokio::spawn(renew(Arc::clone(&held))).abort_handle();
        Ok(Self { held, renewing })
    }

    /// Whether this node may still count on it.
    pub(super) fn check(&self) -> Answer<()> {
        if self.held.lost.load(Ordering::SeqCst) {
            return Err(Unclear(
                "another node has taken this database over: restart this one".to_owned(),
            ));
        }
        let until = *self.held.until.lock().unwrap_or_else(PoisonError::into_inner);
        if Instant::now() >= until {
            return Err(Unclear(
                "whether another node uses this database cannot be told at present".to_owned(),
            ));
        }
        Ok(())
    }

    /// Leaves it to whoever comes next. If that does not work, it ends by itself.
    pub(super) async fn give_back(&self) {
        self.renewing.abort();
        let command = doc! {
            "delete": name_of(Collection::Settings),
            "deletes": [{ "q": { "_id": ID, "holder": &self.held.holder }, "limit": 1 }],
        };
        if let Err(unclear) = self.held.connection.write(command).await {
            tracing::warn!(%unclear, "the lease of the MongoDB was not given back: it ends in a few seconds");
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// The lease as it was read.
struct Seen {
    holder: String,
    renewals: i64,
    renewed_at: DateTime,
}

/// Makes the lease, or takes one over that has ended; answers whether this node has it now.
async fn try_to_take(connection: &Connection, holder: &str) -> Answer<bool> {
    let Some(seen) = look(connection).await? else {
        // Whether it was this node that made it is seen at the next look.
        let make = doc! {
            "q": { "_id": ID, "renewals": { "$lt": 0_i64 } },
            "u": { "$setOnInsert": { "holder": holder, "renewals": 0_i64 }, "$currentDate": { "renewed_at": true } },
            "upsert": true,
        };
        write(connection, make).await?;
        return is_ours(connection, holder).await;
    };
    let age = connection.now().await?.timestamp_millis() - seen.renewed_at.timestamp_millis();
    if seen.holder != holder && age > LEFT_ALONE_MS {
        let take = doc! {
            "q": { "_id": ID, "holder": &seen.holder, "renewals": seen.renewals },
            "u": { "$set": { "holder": holder, "renewals": 0_i64 }, "$currentDate": { "renewed_at": true } },
        };
        write(connection, take).await?;
    }
    is_ours(connection, holder).await
}

async fn is_ours(connection: &Connection, holder: &str) -> Answer<bool> {
    Ok(look(connection).await?.is_some_and(|seen| seen.holder == holder))
}

async fn renew(held: Arc<Held>) {
    loop {
        tokio::time::sleep(RENEWED_EVERY).await;
        let asked_at = Instant::now();
        let renewal = doc! {
            "q": { "_id": ID, "holder": &held.holder },
            "u": { "$inc": { "renewals": 1_i64 }, "$currentDate": { "renewed_at": true } },
        };
        match write(&held.connection, renewal)
            .await
            .map(|answer| answer.get_i32("n"))
        {
            Ok(Ok(1)) => {
                *held.until.lock().unwrap_or_else(PoisonError::into_inner) = asked_at + COUNTED_ON;
            }
            Ok(_) => {
                tracing::error!(
                    "another node has taken this database over: nothing more is read or written here"
                );
                held.lost.store(true, Ordering::SeqCst);
                return;
            }
            Err(unclear) => tracing::warn!(%unclear, "the lease of the MongoDB was not renewed"),
        }
    }
}

async fn look(connection: &Connection) -> Answer<Option<Seen>> {
    let find = doc! { "filter": { "_id": ID } };
    let Some(found) = connection
        .find(name_of(Collection::Settings), 1, find)
        .await?
        .pop()
    else {
        return Ok(None);
    };
    let strange = |_| Unclear("the lease is not as it should be".to_owned());
    Ok(Some(Seen {
        holder: found.get_str("holder").map_err(strange)?.to_owned(),
        renewals: found.get_i64("renewals").map_err(strange)?,
        renewed_at: *found.get_datetime("renewed_at").map_err(strange)?,
    }))
}

async fn write(connection: &Connection, update: Fields) -> Answer<Fields> {
    let command = doc! { "update": name_of(Collection::Settings), "updates": [update] };
    connection.write(command).await
}

fn refused(holder: &str) -> Error {
    Error::CannotOpen(format!(
        "another node ({holder}) uses this database. Without a broker only one node can: stop the other one, or give \
         this one another storage.database"
    ))
}
