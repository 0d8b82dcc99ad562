//! Pages: the bounded answers of reads.

use crate::model::{Commit, Head, MessageRecord, Row, RowKey, StateRow};

/// The most messages in a page.
pub const MAX_MESSAGES_PER_PAGE: usize = 200;
/// The most events in a page.
pub const MAX_EVENTS_PER_PAGE: usize = 500;
/// The most rows in a page or a request.
pub const MAX_ROWS_PER_PAGE: usize = 1_000;

/// Where in a room a page lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The newest messages.
    Latest,
    /// The messages right before this `seq`, without it.
    Before(u64),
    /// The messages right after this `seq`, without it.
    After(u64),
    /// Half of the page before this `seq`, the rest from it on.
    Around(u64),
}

impl Anchor {
    /// The seqs of a page of `limit` messages in a room whose newest message is `newest`: `(first, last)`, or `None`
    /// for an empty page.
    pub fn bounds(self, newest: u64, limit: usize) -> Option<(u64, u64)> {
        let limit = limit as u64;
        let (first, last) = match self {
            Self::Latest => (newest.saturating_sub(limit.saturating_sub(1)), newest),
            Self::Before(seq) => {
                let last = seq.saturating_sub(1).min(newest);
                (last.saturating_sub(limit.saturating_sub(1)), last)
            }
            Self::After(seq) => (seq.saturating_add(1), seq.saturating_add(limit).min(newest)),
            Self::Around(seq) => {
                let first = seq.saturating_sub(limit / 2).max(1);
                (first, first.saturating_add(limit.saturating_sub(1)).min(newest))
            }
        };
        let first = first.max(1);
        (limit > 0 && first <= last).then_some((first, last))
    }
}

/// A page of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// The room's head from before the messages were read: a record's `rev` may be above the head's.
    pub head: Head,
    /// Ascending and dense in `seq`, tombstones included.
    pub messages: Vec<MessageRecord>,
}

/// A page of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// The stream's head from before the events were read.
    pub head: Head,
    /// Ascending and dense in `rev`. Starts at the stream's `first_rev` when more was asked for than is kept.
    pub commits: Vec<Commit>,
}

/// A page of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPage {
    /// In key order.
    pub rows: Vec<(RowKey, Row)>,
    /// Whether the list goes on.
    pub more: bool,
}

/// A page of state rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatePage {
    /// In byte order of their keys.
    pub rows: Vec<(Vec<u8>, StateRow)>,
    /// Whether the list goes on.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::Anchor;

    #[test]
    fn bounds_stay_inside_the_room() {
        assert_eq!(Anchor::Latest.bounds(0, 50), None);
        assert_eq!(Anchor::Latest.bounds(10, 50), Some((1, 10)));
        assert_eq!(Anchor::Latest.bounds(100, 50), Some((51, 100)));
        assert_eq!(Anchor::Before(1).bounds(100, 50), None);
        assert_eq!(Anchor::Before(11).bounds(100, 5), Some((6, 10)));
        assert_eq!(Anchor::Before(u64::MAX).bounds(100, 5), Some((96, 100)));
        assert_eq!(Anchor::After(0).bounds(100, 5), Some((1, 5)));
        assert_eq!(Anchor::After(98).bounds(100, 5), Some((99, 100)));
        assert_eq!(Anchor::After(100).bounds(100, 5), None);
        assert_eq!(Anchor::After(u64::MAX).bounds(100, 5), None);
        assert_eq!(Anchor::Around(50).bounds(100, 10), Some((45, 54)));
        assert_eq!(Anchor::Around(1).bounds(100, 10), Some((1, 10)));
        assert_eq!(Anchor::Latest.bounds(10, 0), None);
    }
}
