//! The stored model: identifiers, streams, events, what follows from them, and state rows.
//!
//! Nothing in here does I/O. `advance` and `project` are pure functions used by every store and by every
//! store's overlay, so that all of them agree on what an event does.

mod earlier;
mod event;
mod head;
mod ids;
mod nodes;
mod permissions;
mod project;
mod records;
mod rows;
mod state;
mod stream;
mod time;

pub use earlier::EarlierText;
pub use event::{Commit, Draft, Event, Fact, Sealed};
pub use head::{Head, advance};
pub use ids::{
    CategoryId, Epoch, EventId, GuildId, InvalidId, NodeId, NodeLife, Nonce, NonceAge, RoleId, RoomId,
    SessionId, TargetId, UserId,
};
pub use nodes::NodeBeat;
pub use permissions::{Override, OverrideTarget, Permissions};
pub use project::{MAX_CHANGES_PER_EVENT, ProjectError, RowChange, project, rows_needed};
pub use records::{
    Audited, Ban, BuiltInRole, Called, Category, Deletion, Guild, Instance, Marker, Member, Mentions,
    MessageRecord, Pin, Reaction, ReactionCount, Relation, Role, Room, RoomKind, RoomMember, SystemMessage,
    User,
};
pub use rows::{Row, RowKey, RowPrefix, Rows};
pub use state::{StateKey, StateOutcome, StateRow, StateTable, StateWrite, StateWriteKind};
pub use stream::{StreamId, StreamKind};
pub use time::Timestamp;
