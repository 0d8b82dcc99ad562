//! The indexes, made at the start. `docs/operating.md` says which query each serves.

use mongodb::bson::{Document as Fields, doc};

use super::connection::Connection;
use super::form::name_of;
use crate::document::Collection;
use crate::error::{Error, Result};

/// Makes the indexes that are missing, and with them their collections. One at a time: FerretDB breaks off at several.
pub(super) async fn make(connection: &Connection) -> Result<()> {
    for collection in Collection::ALL {
        for index in indexes_of(collection) {
            let command = doc! { "createIndexes": name_of(collection), "indexes": [index] };
            let made = connection.run(command).await;
            made.map_err(|unclear| {
                Error::CannotOpen(format!("the MongoDB's indexes cannot be made: {unclear}"))
            })?;
        }
    }
    Ok(())
}

fn indexes_of(collection: Collection) -> Vec<Fields> {
    let stored = || index("stored", doc! { "stored_at": 1, "_id": 1 }, false);
    let expires = || index("expires", doc! { "expires_at": 1 }, false);
    match collection {
        Collection::Events => vec![
            index("message", doc! { "message": 1 }, false),
            index("nonce", doc! { "nonce": 1 }, true),
            stored(),
            expires(),
        ],
        Collection::State => vec![stored(), expires()],
        Collection::Rows => vec![expires()],
        Collection::Streams | Collection::Settings | Collection::Nodes => Vec::new(),
    }
}

fn index(name: &str, key: Fields, unique: bool) -> Fields {
    let mut index = doc! { "name": name, "key": key };
    if unique {
        index.insert("unique", true);
    }
    index
}
