//! Which versions of Madang can use the data.

use mongodb::bson::doc;

use super::connection::Connection;
use super::form::name_of;
use crate::document::Collection;
use crate::error::{Error, Result};

/// Changes whenever an older version could not use what a newer one wrote.
const FORMAT: i32 = 1;
const ID: &str = "format";

/// Notes the format in new data, and refuses data that a newer version wrote.
pub(super) async fn check(connection: &Connection) -> Result<()> {
    let settings = name_of(Collection::Settings);
    let unreachable =
        |unclear| Error::CannotOpen(format!("the MongoDB does not say what it holds: {unclear}"));
    // Either there or made now: whoever was first.
    let command = doc! {
        "update": settings,
        "updates": [{ "q": { "_id": ID }, "u": { "$setOnInsert": { "number": FORMAT } }, "upsert": true }],
    };
    connection.write(command).await.map_err(unreachable)?;
    let find = doc! { "filter": { "_id": ID } };
    let found = connection.find(settings, 1, find).await.map_err(unreachable)?;
    let number = found.first().and_then(|format| format.get_i32("number").ok());
    match number {
        Some(FORMAT) => Ok(()),
        Some(newer) => Err(Error::CannotOpen(format!(
            "the data has format {newer}, written by a newer version of Madang: this version knows format {FORMAT}. \
             Use the newer version, or another database"
        ))),
        None => Err(Error::Damaged("the format of the data is not told".to_owned())),
    }
}
