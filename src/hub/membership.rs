//! What an event changes about who listens: people who come begin to watch, and people who go are let go of, on sockets that
//! are open all the while.

use std::sync::Arc;

use madang_storage::model::{Commit, Event, Fact, GuildId, StreamId, UserId};

use super::{Hub, Signal};

/// Whether the event may take something from somebody who could hear it before.
fn narrows(event: &Event) -> bool {
    matches!(
        event.fact,
        Fact::GuildChanged { .. }
            | Fact::GuildDeleted { .. }
            | Fact::MemberChanged { .. }
            | Fact::MemberLeft { .. }
            | Fact::MemberBanned { .. }
            | Fact::RoleChanged { .. }
            | Fact::RoleDeleted { .. }
            | Fact::RoomAccessChanged { .. }
            | Fact::RoomDeleted { .. }
            | Fact::RoomMemberChanged { on: false, .. }
    )
}

/// The guild of a channel that others see now, or nobody.
fn guild_of_channel(fact: &Fact) -> Option<GuildId> {
    match fact {
        Fact::RoomAccessChanged { room } | Fact::RoomDeleted { room } => room.kind.guild(),
        _ => None,
    }
}

impl Hub {
    /// Follows what an event says about who belongs where. Only starts the work: it is called on the committing thread.
    pub(super) fn follow_membership(&self, commit: &Arc<Commit>) {
        let event = &commit.event;
        let (came, went) = match (event.stream, &event.fact) {
            (StreamId::Guild(guild), Fact::MemberJoined { user }) => (Some((guild, *user)), None),
            (StreamId::Guild(guild), Fact::GuildCreated { owner, .. }) => (Some((guild, *owner)), None),
            (StreamId::Guild(guild), Fact::MemberLeft { user, .. } | Fact::MemberBanned { user, .. }) => {
                (None, Some((guild, *user)))
            }
            _ => (None, None),
        };
        if came.is_none() && !narrows(event) {
            return;
        }
        let (hub, stream, commit) = (self.clone(), event.stream, Arc::clone(commit));
        self.inner.runtime.spawn(async move {
            if let Some((guild, user)) = came {
                hub.came(guild, user).await;
            }
            if let Some((guild, user)) = went {
                hub.went(guild, user);
            }
            if let (StreamId::Guild(guild), Fact::GuildDeleted { .. }) = (stream, &commit.event.fact) {
                hub.let_go_of(guild).await;
            }
            match stream {
                StreamId::Guild(guild) => hub.judge_guild(guild).await,
                other => hub.judge(other).await,
            }
            // The threads of a channel are for those who see the channel.
            if let Some(guild) = guild_of_channel(&commit.event.fact) {
                hub.judge_guild(guild).await;
            }
            hub.tell_of_rooms(&commit.event);
        });
    }

    /// Whoever is connected begins to watch the guild, and is told of it.
    async fn came(&self, guild: GuildId, user: UserId) {
        for listener in self.connections_of(user) {
            let joined = Signal::GuildJoined { guild };
            self.signal_to(&listener, &joined);
            if let Err(error) = self.watch_guild(&listener, guild, None, |_| {}).await {
                // The connection is good for everything else; it learns of the guild when it connects again.
                tracing::warn!(%guild, %user, %error, "a new guild cannot be watched");
            }
            // It may have closed meanwhile: then whoever forgot it did not know of this guild.
            if !self.is_connected(&listener) {
                self.leave(&listener);
            }
        }
    }

    /// Whoever is connected watches the guild no more, and is told of it, once.
    fn went(&self, guild: GuildId, user: UserId) {
        for listener in self.connections_of(user) {
            if self.unwatch_guild(&listener, guild) {
                self.signal_to(&listener, &Signal::GuildLeft { guild });
            }
        }
    }

    /// Nobody watches the guild any more, and all who did are told of it.
    async fn let_go_of(&self, guild: GuildId) {
        let watchers = self.people().guilds.get(&guild).cloned().unwrap_or_default();
        for (index, watcher) in watchers.iter().enumerate() {
            if index > 0 && index % 256 == 0 {
                tokio::task::yield_now().await;
            }
            if self.unwatch_guild(watcher, guild) {
                self.signal_to(watcher, &Signal::GuildLeft { guild });
            }
        }
    }

    /// Other rooms are there for some people now than before: they read the list again.
    fn tell_of_rooms(&self, event: &Event) {
        let Some(attached) = self.inner.attached.get() else {
            return;
        };
        match (event.stream, &event.fact) {
            (StreamId::Guild(guild), Fact::MemberChanged { user, .. }) => {
                self.reset_guild(guild, |watcher| watcher == *user);
            }
            (StreamId::Guild(guild), Fact::RoleChanged { id, .. } | Fact::RoleDeleted { id }) => {
                let has_role = |watcher| attached.audience.has_role(watcher, guild, *id);
                self.reset_guild(guild, |watcher| has_role(watcher) != Some(false));
            }
            (
                StreamId::Room(room),
                Fact::RoomAccessChanged { room: now } | Fact::RoomDeleted { room: now },
            ) => {
                // Those who see it now are told what it is. Those who saw it before hear no name and no id, only that
                // something is different; and whoever saw nothing of it hears nothing.
                if let Some(guild) = now.kind.guild() {
                    let (stream, audience) = (StreamId::Room(room), &attached.audience);
                    self.reset_guild(guild, |watcher| {
                        audience.may_hear(watcher, stream) != Some(true)
                            && audience.saw_before(watcher, room, event.rev()) != Some(false)
                    });
                }
            }
            _ => {}
        }
    }
}
