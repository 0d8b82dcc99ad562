//! Which connection watches whom: an index from the watched to their watchers, so that whoever comes or goes costs as much
//! as there are watchers.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use madang_storage::model::{GuildId, UserId};

use super::Presences;
use crate::hub::{Listener, Seen};

/// The members that a connection has in view.
#[derive(Clone)]
pub(super) struct Window {
    pub(super) listener: Arc<Listener>,
    pub(super) guild: GuildId,
    pub(super) users: Vec<UserId>,
    /// What its client was answered a moment ago, as long as a change may have come between.
    pub(super) answered: Option<Vec<Seen>>,
}

/// All windows of this node.
#[derive(Default)]
pub(super) struct Windows {
    by_connection: HashMap<u64, Window>,
    by_user: HashMap<UserId, Vec<u64>>,
    /// Windows that were answered since the last telling.
    fresh: Vec<u64>,
}

impl Windows {
    /// A connection looks through this window, and no other.
    pub(super) fn open(&mut self, window: Window) {
        let number = window.listener.number();
        self.close(number);
        for user in &window.users {
            self.by_user.entry(*user).or_default().push(number);
        }
        self.by_connection.insert(number, window);
    }

    pub(super) fn close(&mut self, number: u64) {
        let Some(window) = self.by_connection.remove(&number) else {
            return;
        };
        for user in &window.users {
            if let Some(watchers) = self.by_user.get_mut(user) {
                watchers.retain(|known| *known != number);
                if watchers.is_empty() {
                    self.by_user.remove(user);
                }
            }
        }
    }

    /// Notes what a client is about to be answered, unless it has moved its window.
    pub(super) fn answer(&mut self, number: u64, users: &[UserId], seen: Vec<Seen>) {
        if let Some(window) = self
            .by_connection
            .get_mut(&number)
            .filter(|window| window.users == users)
        {
            window.answered = Some(seen);
            self.fresh.push(number);
        }
    }

    pub(super) fn watchers_of(&self, user: UserId) -> Vec<(Arc<Listener>, GuildId)> {
        let numbers = self.by_user.get(&user).into_iter().flatten();
        let windows = numbers.filter_map(|number| self.by_connection.get(number));
        windows
            .map(|window| (Arc::clone(&window.listener), window.guild))
            .collect()
    }

    /// The windows that were answered since the last time, each once.
    pub(super) fn take_fresh(&mut self) -> Vec<Window> {
        let fresh = std::mem::take(&mut self.fresh);
        let windows = fresh.iter().filter_map(|number| {
            let window = self.by_connection.get_mut(number)?;
            let answered = window.answered.take()?;
            Some(Window {
                answered: Some(answered),
                ..window.clone()
            })
        });
        windows.collect()
    }

    pub(super) fn all(&self) -> Vec<Window> {
        self.by_connection.values().cloned().collect()
    }
}

impl Presences {
    pub(super) fn lock_windows(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
