//! Requests that were acknowledged are found again by their nonces, and the store still takes new ones.

use madang_storage::model::{EventId, Fact, StreamId};
use madang_storage::{AppendError, Command, Env, Error, NonceUse, Store};

use super::Findings;
use crate::content::text_for;
use crate::knowledge::{Knowledge, Request};

/// Tries the last requests again, then appends one message.
pub(super) async fn check(store: &Store, knowledge: &Knowledge, findings: &mut Findings) {
    for request in &knowledge.requests {
        retry(store, request, findings).await;
    }
    let Some(request) = knowledge.requests.back() else {
        return;
    };
    if let Err(error) = post(store, request).await {
        findings.error("a new message", &error);
    }
}

async fn retry(store: &Store, request: &Request, findings: &mut Findings) {
    let Request {
        stream,
        actor,
        nonce,
        fingerprint,
        event,
        rev,
    } = request;
    let command = Command {
        stream: *stream,
        event_id: EventId::from_u128(Env::system().next_id()),
        actor: Some(*actor),
        access_rev: 1,
        nonce: Some(NonceUse {
            nonce: *nonce,
            fingerprint: *fingerprint,
        }),
        rows: Vec::new(),
    };
    match store.append(command, |_head, _rows| Err(())).await {
        Ok(appended) => {
            let found = &appended.commit.event;
            findings.check(
                appended.replayed && found.id == *event && found.rev() == *rev,
                || {
                    format!(
                        "the nonce of {stream} {rev} answers {} at {}",
                        found.id,
                        found.rev()
                    )
                },
            );
        }
        Err(AppendError::Refused(())) => findings.lose(format!("the nonce of {stream} {rev} is forgotten")),
        Err(AppendError::Store(error)) => findings.error("a retry", &error),
    }
}

async fn post(store: &Store, like: &Request) -> Result<(), Error> {
    let event_id = EventId::from_u128(Env::system().next_id());
    let author = like.actor;
    let StreamId::Room(room) = like.stream else {
        return Ok(());
    };
    let command = Command {
        stream: like.stream,
        event_id,
        actor: Some(author),
        access_rev: 1,
        nonce: None,
        rows: Vec::new(),
    };
    let fact = Fact::MessagePosted {
        author,
        text: text_for(event_id),
        reply_to: None,
        reply_to_author: None,
        mentions: Default::default(),
        system: None,
    };
    let posted = store
        .append::<()>(command, move |_head, _rows| Ok(fact.clone().into()))
        .await;
    let appended = match posted {
        Ok(appended) => appended,
        Err(AppendError::Store(error)) => return Err(error),
        Err(AppendError::Refused(())) => return Err(Error::InvalidFact("nothing refuses".to_owned())),
    };
    let seq = appended.commit.event.head.seq;
    let record = store.message(room, seq).await?;
    let text = record.map(|record| record.text);
    if text == Some(text_for(event_id)) {
        Ok(())
    } else {
        Err(Error::Damaged(format!("a new message reads back as {text:?}")))
    }
}
