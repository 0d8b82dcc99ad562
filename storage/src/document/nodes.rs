//! The register of nodes: one document each, which the database dates at every beat.

use super::documents::{Collection, Content, Document, Guard, Index, Inserted, Span, Update};
use super::retry::{Patience, read};
use super::{DocumentStore, names};
use crate::error::{Error, Result};
use crate::model::{NodeBeat, Timestamp};

/// How many documents are read at once.
const NODES_AT_ONCE: usize = 500;

/// A node as the database has it.
struct Known {
    document: Document,
    beat: NodeBeat,
}

impl DocumentStore {
    /// Writes the beat, then reads all. Guarded by what was read, so a try whose answer was unclear is simply made again.
    pub(super) async fn note_beat(&self, beat: &NodeBeat) -> Result<Vec<NodeBeat>> {
        check(beat)?;
        let name = beat.node.to_string();
        let mut patience = Patience::new();
        loop {
            let keys = std::slice::from_ref(&name);
            let found = read!(self.documents.find(Collection::Nodes, Index::Id, keys)).pop();
            let written = match found.map(known).transpose()? {
                None => {
                    let content = Content::Node(beat.clone());
                    let document = Document::new(name.clone(), 1, beat.life.as_u128(), content);
                    let inserted = self.documents.insert(Collection::Nodes, document).await;
                    inserted.map(|inserted| inserted == Inserted::Done)
                }
                Some(known) => {
                    if known.beat.life != beat.life {
                        self.refuse_while_it_lives(&known).await?;
                    }
                    let update = Update {
                        rev: Some(known.document.rev + 1),
                        stamp: Some(beat.life.as_u128()),
                        content: Some(Content::Node(beat.clone())),
                        touch: true,
                        ..Update::default()
                    };
                    let guard = Guard::RevIs(known.document.rev);
                    self.documents
                        .update(Collection::Nodes, &name, guard, update)
                        .await
                }
            };
            match written {
                Ok(true) => {
                    if let Some(living) = self.living_nodes(beat).await? {
                        self.known.note_company(living.len() > 1);
                        return Ok(living);
                    }
                    // Another life was faster after all: it is met at the next try.
                    patience.pause().await?;
                }
                Ok(false) => patience.pause().await?,
                Err(unclear) => patience.pause_after(unclear).await?,
            }
        }
    }

    pub(super) async fn remove_beat(&self, beat: &NodeBeat) -> Result<()> {
        let guard = Guard::StampIs(beat.life.as_u128());
        let removed = self
            .documents
            .remove(Collection::Nodes, &beat.node.to_string(), guard)
            .await;
        // Whoever leaves must not be kept: it is gone by itself in a few seconds.
        removed
            .map(drop)
            .map_err(|unclear| Error::Unavailable(unclear.to_string()))
    }

    async fn refuse_while_it_lives(&self, other: &Known) -> Result<()> {
        let now = read!(self.documents.now());
        if !lives(&other.document, now) {
            return Ok(());
        }
        let NodeBeat { node, name, life, .. } = &other.beat;
        Err(Error::NodeTaken(format!("node {node} lives as {life} at {name}")))
    }

    /// All who live at the moment of this node's last beat; `None` when that beat is not there any more. Forgets those
    /// that are dead for long.
    async fn living_nodes(&self, beat: &NodeBeat) -> Result<Option<Vec<NodeBeat>>> {
        let all = self.all_nodes().await?;
        let own = |known: &&Known| known.beat.node == beat.node && known.beat.life == beat.life;
        let Some(now) = all.iter().find(own).map(|own| own.document.stored_at) else {
            return Ok(None);
        };
        let mut living = Vec::with_capacity(all.len());
        for Known { document, beat } in all {
            if lives(&document, now) {
                living.push(beat);
            } else if document.stored_at.plus_millis(NodeBeat::KEPT_MS) < now {
                let guard = Guard::RevIs(document.rev);
                let removed = self
                    .documents
                    .remove(Collection::Nodes, &document.id, guard)
                    .await;
                if let Err(unclear) = removed {
                    tracing::debug!(%unclear, "a dead node was not forgotten: the next beat tries again");
                }
            }
        }
        Ok(Some(living))
    }

    async fn all_nodes(&self) -> Result<Vec<Known>> {
        let mut all: Vec<Known> = Vec::new();
        loop {
            let from = all
                .last()
                .map_or_else(String::new, |last| names::just_after(&last.document.id));
            let span = Span {
                from,
                until: names::end_of(""),
                limit: NODES_AT_ONCE,
            };
            let page = read!(self.documents.range(Collection::Nodes, Index::Id, span.clone()));
            let is_last = page.len() < NODES_AT_ONCE;
            for document in page {
                all.push(known(document)?);
            }
            if is_last {
                return Ok(all);
            }
        }
    }
}

fn lives(document: &Document, now: Timestamp) -> bool {
    document.stored_at.plus_millis(NodeBeat::LIVES_MS) > now
}

fn known(document: Document) -> Result<Known> {
    match document.content {
        Content::Node(ref beat) => {
            let beat = beat.clone();
            Ok(Known { document, beat })
        }
        _ => Err(Error::Damaged(format!("{} is not a node", document.id))),
    }
}

fn check(beat: &NodeBeat) -> Result<()> {
    if beat.build.len().max(beat.name.len()) > NodeBeat::MAX_TEXT_BYTES {
        return Err(Error::TooLarge {
            what: "a text in a node's beat",
            limit: NodeBeat::MAX_TEXT_BYTES,
        });
    }
    Ok(())
}
