//! Signals: told to those who are here, and to the other nodes for those who are there.

use super::Chat;
use super::notifications::Place;
use crate::{broker, hub};

impl Chat {
    /// Tells a signal to whom it concerns, on every node.
    pub(super) fn tell(&self, signal: broker::Signal) {
        self.hear_signal(&signal);
        self.broker().tell_signal(signal);
    }

    /// Tells a signal to whom it concerns on this node: also for signals that other nodes told.
    pub fn hear_signal(&self, signal: &broker::Signal) {
        match signal {
            &broker::Signal::Typing { room, user } => {
                let typing = hub::Signal::Typing { room, user };
                self.hub().signal_lookers(room, user, &typing);
            }
            &broker::Signal::Marker {
                user,
                room,
                seq,
                n,
                unread,
                is_back,
            } => {
                let marker = hub::Signal::Marker {
                    room,
                    seq,
                    n,
                    unread,
                    is_back,
                };
                if is_back {
                    // A marker that waits here would be written over it.
                    self.inner.reads.forget(user, room);
                }
                // To the connection that moved it as well: two tabs share one session.
                self.hub().signal_user(user, marker);
            }
            &broker::Signal::Switched { user, room, until } => self.hear_switch(user, room, until),
            &broker::Signal::Asked {
                user,
                room,
                guild,
                on,
            } => {
                let places = room.map(Place::Room).into_iter().chain(guild.map(Place::Guild));
                places.for_each(|place| self.hear_asked(user, place, on));
            }
            &broker::Signal::SessionEnded { session } => {
                self.inner.proofs.forget_session(session);
                self.hub().close_session(session);
            }
            broker::Signal::SessionsEnded { user, kept } => {
                self.inner.proofs.forget_user(*user, kept);
                self.hub().close_sessions_of(*user, kept);
            }
            broker::Signal::Profile {
                user,
                session,
                version,
                guilds,
            } => {
                let profile = hub::Signal::Profile {
                    user: *user,
                    version: *version,
                };
                self.hub().signal_watchers(guilds, *user, *session, profile);
            }
        }
    }
}
