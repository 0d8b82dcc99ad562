//! What a person wants of others: to follow them, or to hear nothing of them. Nobody is told of either.

use std::collections::BTreeMap;

use madang_storage::model::{EventId, Fact, Head, RowKey, RowPrefix, Rows, StreamId, UserId};
use madang_storage::{AppendError, Command, MAX_ROWS_PER_PAGE};

use super::profiles::kept_changing;
use super::reactions::People;
use super::{Chat, Code, Error, Identity, Result, list_limit};

/// How many people one can follow, and how many one can block.
const MAX_RELATIONS: usize = 1_000;
/// How often a change is tried again because something else came first.
const MAX_TRIES: usize = 16;

/// What one person does about another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Follow,
    Block,
}

/// Why nothing was appended.
enum Refusal {
    /// It is so already.
    AlreadySo,
    /// Something else was appended since the list was counted.
    Moved,
}

impl Relation {
    fn key(self, user: UserId, other: UserId) -> RowKey {
        match self {
            Self::Follow => RowKey::Follow {
                user,
                followed: other,
            },
            Self::Block => RowKey::Block { user, blocked: other },
        }
    }

    fn list(self, user: UserId) -> RowPrefix {
        match self {
            Self::Follow => RowPrefix::FollowedBy(user),
            Self::Block => RowPrefix::BlockedBy(user),
        }
    }

    fn fact(self, user: UserId, on: bool) -> Fact {
        match self {
            Self::Follow => Fact::FollowChanged { user, on },
            Self::Block => Fact::BlockChanged { user, on },
        }
    }
}

impl Chat {
    /// Follows somebody whom the asker can know, or follows no more. Asking for what is already so changes nothing.
    pub async fn follow(&self, identity: &Identity, user: UserId, on: bool) -> Result<()> {
        self.relate(identity, Relation::Follow, user, on).await
    }

    /// Blocks somebody whom the asker can know, or takes it back. Asking for what is already so changes nothing.
    pub async fn block(&self, identity: &Identity, user: UserId, on: bool) -> Result<()> {
        self.relate(identity, Relation::Block, user, on).await?;
        if let Err(error) = self.tell_of_block(identity.user, user).await {
            // Whoever asks again is answered rightly.
            tracing::warn!(%error, "a block was not told to those who watch");
        }
        Ok(())
    }

    /// A page of those whom the asker follows.
    pub async fn followed(
        &self,
        identity: &Identity,
        after: Option<UserId>,
        limit: Option<u64>,
    ) -> Result<People> {
        let user = identity.user;
        let after = after.map(|after| Relation::Follow.key(user, after));
        self.people(user, RowPrefix::FollowedBy(user), after, limit).await
    }

    /// A page of those who follow the asker.
    pub async fn followers(
        &self,
        identity: &Identity,
        after: Option<UserId>,
        limit: Option<u64>,
    ) -> Result<People> {
        let user = identity.user;
        let after = after.map(|follower| RowKey::Follower { user, follower });
        self.people(user, RowPrefix::FollowersOf(user), after, limit)
            .await
    }

    /// A page of those whom the asker has blocked.
    pub async fn blocked(
        &self,
        identity: &Identity,
        after: Option<UserId>,
        limit: Option<u64>,
    ) -> Result<People> {
        let user = identity.user;
        let after = after.map(|after| Relation::Block.key(user, after));
        self.people(user, RowPrefix::BlockedBy(user), after, limit).await
    }

    /// Whether `by` wants nothing of `whom`.
    pub async fn has_blocked(&self, by: UserId, whom: UserId) -> Result<bool> {
        self.look_at_user(by, |copy| copy.has_blocked(whom)).await
    }

    /// Of people whom the asker does not see any more only the name is told, by which the list is of use: it never changes
    /// and was known to the asker before.
    async fn people(
        &self,
        asker: UserId,
        prefix: RowPrefix,
        after: Option<RowKey>,
        limit: Option<u64>,
    ) -> Result<People> {
        let limit = list_limit(limit)?;
        let page = self.store().list_rows(&prefix, after.as_ref(), limit).await?;
        let ids = page.rows.iter().filter_map(|(key, _)| match key {
            RowKey::Follow { followed, .. } => Some(*followed),
            RowKey::Follower { follower, .. } => Some(*follower),
            RowKey::Block { blocked, .. } => Some(*blocked),
            _ => None,
        });
        let ids: Vec<UserId> = ids.collect();
        let known = self.known_to(asker, &ids).await?;
        let known: BTreeMap<UserId, bool> = ids.iter().copied().zip(known).collect();
        let mut users = self.views_of(ids).await?;
        for user in &mut users {
            if known.get(&user.id) != Some(&true) {
                (user.display_name, user.colour) = (None, None);
            }
        }
        Ok(People {
            users,
            more: page.more,
        })
    }

    async fn relate(&self, identity: &Identity, relation: Relation, other: UserId, on: bool) -> Result<()> {
        if other == identity.user {
            return Err(Error::new(
                Code::Conflict,
                "this is about others, and not oneself",
            ));
        }
        let user = identity.user;
        let is_so = self.store().rows(&[relation.key(user, other)]).await?;
        if is_so.first().is_some_and(Option::is_some) == on {
            return Ok(());
        }
        // Taking back is open to everybody: the other one may be out of sight by now.
        if on {
            self.check_knows(identity, other).await?;
        }
        for _ in 0..MAX_TRIES {
            // Where the stream stands, before the list is counted: nothing may come between.
            let rev = self.store().head(StreamId::User(user)).await?.rev;
            if on {
                self.check_count(relation, user).await?;
            }
            match self.append_relation(relation, user, other, on, rev).await? {
                Some(Refusal::Moved) => {}
                None | Some(Refusal::AlreadySo) => return Ok(()),
            }
        }
        Err(kept_changing())
    }

    async fn check_count(&self, relation: Relation, user: UserId) -> Result<()> {
        let prefix = relation.list(user);
        let page = self.store().list_rows(&prefix, None, MAX_ROWS_PER_PAGE).await?;
        if page.rows.len() < MAX_RELATIONS {
            return Ok(());
        }
        let text = format!("at most {MAX_RELATIONS} people can be on this list");
        Err(Error::new(Code::TooMany, text))
    }

    async fn append_relation(
        &self,
        relation: Relation,
        user: UserId,
        other: UserId,
        on: bool,
        rev: u64,
    ) -> Result<Option<Refusal>> {
        let key = relation.key(user, other);
        let command = Command {
            stream: StreamId::User(user),
            event_id: EventId::from_u128(self.env().next_id()),
            actor: Some(user),
            access_rev: 0,
            nonce: None,
            rows: vec![key.clone()],
        };
        let decide = move |head: &Head, rows: &Rows| {
            if rows.contains(&key) == on {
                Err(Refusal::AlreadySo)
            } else if head.rev != rev {
                Err(Refusal::Moved)
            } else {
                Ok(relation.fact(other, on).into())
            }
        };
        match self.store().append(command, decide).await {
            Ok(_) => Ok(None),
            Err(AppendError::Refused(refusal)) => Ok(Some(refusal)),
            Err(AppendError::Store(error)) => Err(error.into()),
        }
    }
}
