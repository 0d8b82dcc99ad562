//! Many writes in one command: what comes while others are under way waits, and goes together.
//!
//! No timer: a write that comes alone goes at once. What an answer does not say for certain of one write is unclear,
//! and its writer looks for itself.

use std::sync::Arc;

use mongodb::bson::{Bson, Document as Fields, doc};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::connection::Connection;
use crate::document::{Answer, Inserted, Unclear};

/// How many writes may wait; whoever comes then waits to wait.
const MAX_WAITING: usize = 1_024;
/// How many go together: with the largest events still far below what one command may hold.
const MAX_TOGETHER: usize = 100;
/// How many commands of one collection are under way. Two: one is filled while the other is written.
const COMMANDS_AT_ONCE: usize = 2;
/// The server's word for a name that is taken.
const DUPLICATE_KEY: i32 = 11_000;

/// One write of one document.
pub(super) struct Write {
    /// Which documents it is about: at most one.
    pub(super) filter: Fields,
    /// What becomes of it.
    pub(super) update: Fields,
    /// Whether it makes a document, and never changes one.
    pub(super) inserts: bool,
}

struct Waiting {
    write: Write,
    told: oneshot::Sender<Answer<bool>>,
}

/// The writes of one collection. Ends with its last handle.
pub(super) struct Group(mpsc::Sender<Waiting>);

impl Group {
    /// Starts the task that sends the commands.
    pub(super) fn start(connection: Arc<Connection>, collection: &'static str) -> Self {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        tokio::spawn(send_groups(connection, collection, receiver));
        Self(sender)
    }

    /// Writes; answers whether there was anything to do.
    pub(super) async fn write(&self, write: Write) -> Answer<bool> {
        let (told, answer) = oneshot::channel();
        let ended = || Unclear("the store is closed".to_owned());
        self.0.send(Waiting { write, told }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

async fn send_groups(
    connection: Arc<Connection>,
    collection: &'static str,
    mut waiting: mpsc::Receiver<Waiting>,
) {
    let commands = Arc::new(Semaphore::new(COMMANDS_AT_ONCE));
    // Nobody closes the semaphore.
    while let Ok(turn) = Arc::clone(&commands).acquire_owned().await {
        let mut group = Vec::new();
        if waiting.recv_many(&mut group, MAX_TOGETHER).await == 0 {
            return;
        }
        let connection = Arc::clone(&connection);
        tokio::spawn(async move {
            let (writes, told): (Vec<_>, Vec<_>) = group
                .into_iter()
                .map(|waiting| (waiting.write, waiting.told))
                .unzip();
            let answers = write_together(&connection, collection, writes).await;
            for (told, answer) in told.into_iter().zip(answers) {
                // Whoever asked may have gone.
                let _ = told.send(answer);
            }
            drop(turn);
        });
    }
}

/// Carries out writes with one command, and answers what became of each.
pub(super) async fn write_together(
    connection: &Connection,
    collection: &str,
    writes: Vec<Write>,
) -> Vec<Answer<bool>> {
    let asked: Vec<Asked> = writes.iter().map(Asked::of).collect();
    match connection.write(command_of(collection, writes, false)).await {
        Ok(answer) => outcomes(&asked, &answer),
        Err(unclear) => asked.iter().map(|_| Err(unclear.clone())).collect(),
    }
}

/// Makes documents with one command that stops at the first that cannot be made. Answers up to that one.
pub(super) async fn insert_in_order(
    connection: &Connection,
    collection: &str,
    writes: Vec<Write>,
) -> Vec<Answer<Inserted>> {
    let names: Vec<Option<Bson>> = writes
        .iter()
        .map(|write| write.filter.get("_id").cloned())
        .collect();
    match connection.write(command_of(collection, writes, true)).await {
        Ok(answer) => made_in_order(&names, &answer),
        Err(unclear) => vec![Err(unclear)],
    }
}

fn command_of(collection: &str, writes: Vec<Write>, ordered: bool) -> Fields {
    let entry = |write: Write| {
        Bson::from(doc! { "q": write.filter, "u": write.update, "upsert": write.inserts, "multi": false })
    };
    let updates: Vec<Bson> = writes.into_iter().map(entry).collect();
    doc! { "update": collection, "updates": updates, "ordered": ordered }
}

/// What an answer says of documents that were to be made in this order. Which one failed some servers tell wrongly, and
/// some do not tell which were made before: what is not said to be made counts as taken, at the first such place.
fn made_in_order(names: &[Option<Bson>], answer: &Fields) -> Vec<Answer<Inserted>> {
    let parts = |name: &str| {
        let parts = answer.get_array(name).map(Vec::as_slice).unwrap_or_default();
        parts.iter().filter_map(Bson::as_document)
    };
    let is_made = |name: &&Option<Bson>| {
        let made = |part: &Fields| part.get("_id") == name.as_ref();
        name.is_some() && parts("upserted").any(made)
    };
    let made = names.iter().take_while(is_made).count();
    let mut answers = vec![Ok(Inserted::Done); made];
    if made < names.len() {
        answers.push(match parts("writeErrors").next() {
            Some(error) if code(error) == Some(DUPLICATE_KEY) => Ok(Inserted::Taken),
            Some(error) => Err(Unclear(
                error.get_str("errmsg").unwrap_or("a write failed").to_owned(),
            )),
            None => Err(Unclear(
                "what became of a write among others is not told".to_owned(),
            )),
        });
    }
    answers
}

/// What must be known of a write to tell what became of it.
enum Asked {
    /// To make the document with this name.
    Insert(Option<Bson>),
    Update,
}

impl Asked {
    fn of(write: &Write) -> Self {
        if write.inserts {
            Self::Insert(write.filter.get("_id").cloned())
        } else {
            Self::Update
        }
    }
}

/// What an answer says of each write. `Ok` only where it says so for certain: some servers count in another way which
/// write an answer is about, and none says which of several updates found their documents.
fn outcomes(asked: &[Asked], answer: &Fields) -> Vec<Answer<bool>> {
    let parts = |name: &str| {
        let parts = answer.get_array(name).map(Vec::as_slice).unwrap_or_default();
        parts.iter().filter_map(Bson::as_document)
    };
    let made: Vec<&Bson> = parts("upserted").filter_map(|part| part.get("_id")).collect();
    let errors: Vec<&Fields> = parts("writeErrors").collect();
    let failure_at = |at: usize| {
        let is_at = |error: &&&Fields| index(error) == Some(at);
        errors.iter().find(is_at)
    };
    let updates = asked
        .iter()
        .filter(|asked| matches!(asked, Asked::Update))
        .count();
    let fitted = answer.get_i32("n").ok().and_then(|n| usize::try_from(n).ok());
    let all_fitted = errors.is_empty() && fitted == Some(made.len() + updates);
    let is_alone = asked.len() == 1;
    let outcome = |(at, asked): (usize, &Asked)| match asked {
        Asked::Insert(Some(id))
            if made.iter().filter(|made| **made == id).count() == 1 && failure_at(at).is_none() =>
        {
            Ok(true)
        }
        Asked::Update if all_fitted => Ok(true),
        Asked::Update if is_alone && errors.is_empty() && fitted == Some(0) => Ok(false),
        _ => match failure_at(at) {
            Some(error) if code(error) == Some(DUPLICATE_KEY) => Ok(false),
            Some(error) => Err(Unclear(
                error.get_str("errmsg").unwrap_or("a write failed").to_owned(),
            )),
            None => Err(Unclear(
                "what became of a write among others is not told".to_owned(),
            )),
        },
    };
    asked.iter().enumerate().map(outcome).collect()
}

fn index(part: &Fields) -> Option<usize> {
    usize::try_from(part.get_i32("index").ok()?).ok()
}

fn code(error: &Fields) -> Option<i32> {
    error.get_i32("code").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(id: &str) -> Asked {
        Asked::Insert(Some(id.into()))
    }

    #[test]
    fn a_group_without_errors_is_certain() {
        let answer = doc! { "n": 3, "upserted": [{ "index": 0, "_id": "a" }, { "index": 1, "_id": "b" }] };
        let asked = [insert("a"), Asked::Update, insert("b")];
        assert_eq!(outcomes(&asked, &answer), [Ok(true), Ok(true), Ok(true)]);
    }

    #[test]
    fn an_ordered_group_is_told_up_to_the_first_that_failed() {
        let names = ["a", "b", "c"].map(|name| Some(Bson::from(name)));
        let upserted = |names: &[&str]| -> Vec<Bson> {
            let part = |name: &&str| Bson::from(doc! { "index": 0, "_id": *name });
            names.iter().map(part).collect()
        };
        let all = doc! { "n": 3, "upserted": upserted(&["a", "b", "c"]) };
        assert_eq!(made_in_order(&names, &all), vec![Ok(Inserted::Done); 3]);
        let taken = doc! { "index": 0, "code": 11000, "errmsg": "taken" };
        let one = doc! { "n": 1, "upserted": upserted(&["a"]), "writeErrors": [taken.clone()] };
        assert_eq!(
            made_in_order(&names, &one),
            [Ok(Inserted::Done), Ok(Inserted::Taken)]
        );
        // As FerretDB answers, whatever was made before.
        assert_eq!(
            made_in_order(&names, &doc! { "writeErrors": [taken] }),
            [Ok(Inserted::Taken)]
        );
        let other = doc! { "writeErrors": [{ "index": 0, "code": 50, "errmsg": "out of time" }] };
        assert!(matches!(made_in_order(&names, &other)[..], [Err(_)]));
        assert!(matches!(made_in_order(&names, &doc! { "n": 3 })[..], [Err(_)]));
    }

    #[test]
    fn a_single_write_is_certain() {
        assert_eq!(outcomes(&[Asked::Update], &doc! { "n": 0 }), [Ok(false)]);
        assert_eq!(outcomes(&[Asked::Update], &doc! { "n": 1 }), [Ok(true)]);
        let taken = doc! { "n": 0, "writeErrors": [{ "index": 0, "code": 11000, "errmsg": "taken" }] };
        assert_eq!(outcomes(&[insert("a")], &taken), [Ok(false)]);
    }

    #[test]
    fn which_of_several_updates_fitted_is_unclear() {
        let outcomes = outcomes(&[Asked::Update, Asked::Update], &doc! { "n": 1 });
        assert!(outcomes.iter().all(Result::is_err));
    }

    #[test]
    fn an_error_leaves_what_is_not_told_unclear() {
        let answer = doc! {
            "n": 1,
            "upserted": [{ "index": 1, "_id": "b" }],
            "writeErrors": [{ "index": 0, "code": 11000, "errmsg": "taken" }],
        };
        let told = outcomes(&[insert("a"), insert("b"), insert("c"), Asked::Update], &answer);
        assert_eq!(told[..2], [Ok(false), Ok(true)]);
        assert!(told[2..].iter().all(Result::is_err));
    }

    #[test]
    fn an_insert_that_is_not_told_is_unclear() {
        assert!(outcomes(&[insert("a")], &doc! { "n": 0 })[0].is_err());
        assert!(outcomes(&[insert("a")], &doc! {})[0].is_err());
        assert!(outcomes(&[Asked::Update], &doc! {})[0].is_err());
    }

    #[test]
    fn of_two_that_make_the_same_document_one_failed() {
        let answer = doc! {
            "n": 1,
            "upserted": [{ "index": 0, "_id": "a" }],
            "writeErrors": [{ "index": 1, "code": 11000, "errmsg": "taken" }],
        };
        assert_eq!(
            outcomes(&[insert("a"), insert("a")], &answer),
            [Ok(true), Ok(false)]
        );
    }
}
