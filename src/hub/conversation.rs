//! Conversations: DMs, groups, and threads in them. Their events reach everybody who is in them, whatever rooms a
//! connection has open.
//!
//! Nothing is registered before something happens: a connection begins to follow a conversation with the first event that
//! it has to hear, and hears that one. So a person with a thousand conversations costs as much as one with none.

use std::sync::Arc;
use std::time::Duration;

use madang_storage::model::{Commit, RoomId, StreamId, UserId};

use super::listener::CloseReason;
use super::{Hub, Listener, Signal};

/// How often it is tried to find out who is in a conversation.
const MAX_TRIES: u32 = 6;
/// How long to wait before the second try; before each further one twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

impl Hub {
    /// Lets everybody hear an event who is in its conversation. Only starts the work: it is called on the committing
    /// thread.
    pub(super) fn follow_conversation(&self, commit: &Arc<Commit>) {
        let event = &commit.event;
        let StreamId::Room(room) = event.stream else {
            return;
        };
        // Where a guild decides who may hear, the event says at which of its revs that was judged.
        if event.access_rev != 0 {
            return;
        }
        let (hub, before) = (self.clone(), event.rev() - 1);
        self.inner.runtime.spawn(async move {
            for listener in hub.not_following(room).await {
                hub.follow(&listener, room, before).await;
            }
        });
    }

    /// Notes that a conversation may have come further than anybody told this node: whoever is in it and hears of it
    /// otherwise not is told to read it anew.
    pub async fn hear_of_conversation(&self, room: RoomId) {
        let Some(attached) = self.inner.attached.get() else {
            return;
        };
        let stream = StreamId::Room(room);
        for listener in self.not_following(room).await {
            let head = match attached.store.head(stream).await {
                Ok(head) => head,
                Err(error) => {
                    tracing::warn!(%room, %error, "a conversation cannot be read");
                    listener.outlet.close(CloseReason::Lost);
                    continue;
                }
            };
            self.signal_to(&listener, &Signal::Reset { stream, head });
            self.follow(&listener, room, head.rev).await;
        }
    }

    /// Connections of those who are in a conversation that do not hear of it.
    async fn not_following(&self, room: RoomId) -> Vec<Arc<Listener>> {
        let members = self.members_of(room).await;
        let connections = members.into_iter().flat_map(|user| self.connections_of(user));
        // Noted before it listens: of two events that come at once the first one decides where it begins.
        connections
            .filter(|listener| !listener.has_open(room) && listener.note_following(room))
            .collect()
    }

    /// Who is in a conversation; nobody for other rooms.
    async fn members_of(&self, room: RoomId) -> Vec<UserId> {
        let Some(attached) = self.inner.attached.get() else {
            return Vec::new();
        };
        let mut pause = FIRST_PAUSE;
        for _ in 0..MAX_TRIES {
            match attached.audience.conversation(room).await {
                Ok(members) => return members.unwrap_or_default(),
                Err(error) => tracing::warn!(%room, %error, "who is in a conversation cannot be read"),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        // A store that answers nothing for so long closes every connection by itself.
        Vec::new()
    }

    /// Listens from `before` on. A connection that cannot is closed: it has to know that it missed something.
    async fn follow(&self, listener: &Arc<Listener>, room: RoomId, before: u64) {
        let stream = StreamId::Room(room);
        let begin = |opened: super::Opened| {
            if opened.reset {
                let reset = Signal::Reset {
                    stream,
                    head: opened.head,
                };
                self.signal_to(listener, &reset);
            }
        };
        if let Err(error) = self.listen(listener, stream, Some(before), begin).await {
            tracing::warn!(%room, %error, "a conversation cannot be followed");
            listener.note_closed(room);
            listener.outlet.close(CloseReason::Lost);
        }
        // It may have closed meanwhile: then whoever forgot it did not know of this room.
        if !self.is_connected(listener) {
            self.leave(listener);
        }
    }
}
