//! What a person says of itself, and what it wants of others.

use super::{RowChange, put};
use crate::model::{Fact, Relation, Row, RowKey, Timestamp, User, UserId};

/// The changes of a user's fact; `None` for the fact of another kind of stream.
pub(super) fn project(user: UserId, fact: &Fact, at: Timestamp) -> Option<Vec<RowChange>> {
    let relation = Row::Relation(Relation { at });
    let set = |key: RowKey, on: bool| {
        if on {
            put(key, relation.clone())
        } else {
            RowChange::Delete(key)
        }
    };
    Some(match fact {
        Fact::UserCreated { name } => {
            let row = User::new(name.clone(), at);
            vec![put(RowKey::User(user), Row::User(row))]
        }
        Fact::UserChanged { user: row } => vec![put(RowKey::User(user), Row::User(row.clone()))],
        Fact::FollowChanged { user: followed, on } => {
            let followed = *followed;
            let found_by_followed = RowKey::Follower {
                user: followed,
                follower: user,
            };
            vec![
                set(RowKey::Follow { user, followed }, *on),
                set(found_by_followed, *on),
            ]
        }
        Fact::BlockChanged { user: blocked, on } => {
            let blocked = *blocked;
            vec![set(RowKey::Block { user, blocked }, *on)]
        }
        _ => return None,
    })
}
