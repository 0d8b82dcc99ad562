//! Telling who came and went: once a second, what adds up, to those who watch.
//!
//! A change is told to the user's own connections; to those in whose window the user is; to DM partners; to all of a guild,
//! and all who have the user's room open, while these are few. What it costs depends on how many watch, never on how many
//! members there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use madang_storage::model::{GuildId, RoomId, StreamId, UserId};
use tokio::time::Instant;

use super::lists::{own_view, view};
use super::windows::Window;
use super::{MAX_WATCHED, Presences};
use crate::chat::places::GuildCopy;
use crate::chat::{Chat, Result};
use crate::hub::{Audience as _, Listener, Seen, Signal};
use crate::presence::{Change, State};

/// With more connections than that in a guild or room, only those are told of somebody who have asked for it.
const MAX_UNASKED: usize = 250;
/// After so many people others get a turn.
const TOLD_PER_TURN: usize = 64;

/// What became different since the last telling.
#[derive(Default)]
pub(super) struct Noted {
    users: HashMap<UserId, Sum>,
}

/// All changes of one user.
struct Sum {
    first: u64,
    last: u64,
    before: State,
    after: State,
    rooms: Vec<RoomId>,
}

impl Sum {
    fn is_more_than_one(&self) -> bool {
        self.first != self.last
    }
}

impl Noted {
    /// Adds a change. Nodes tell at the same time, so an older one may come later.
    pub(super) fn add(&mut self, change: &Change) {
        let sum = self.users.entry(change.user).or_insert_with(|| Sum {
            first: change.number,
            last: change.number,
            before: change.before.clone(),
            after: change.after.clone(),
            rooms: change.rooms.clone(),
        });
        if change.number < sum.first {
            (sum.first, sum.before) = (change.number, change.before.clone());
        }
        if change.number > sum.last {
            (sum.last, sum.after) = (change.number, change.after.clone());
            sum.rooms.clone_from(&change.rooms);
        }
    }

    fn take(&mut self) -> HashMap<UserId, Sum> {
        std::mem::take(&mut self.users)
    }
}

/// Connections by what they are told.
type Groups = HashMap<Vec<usize>, Vec<Arc<Listener>>>;

/// Who is told what. Users stand in the order of their ids, so that equal lists are equal.
#[derive(Default)]
struct Round {
    seen: Vec<Seen>,
    receivers: HashMap<u64, (Arc<Listener>, Vec<usize>)>,
    /// Of whom the user that was added last wants nothing: these are not told.
    unwanted: BTreeSet<UserId>,
}

impl Round {
    /// Tells a connection of the user that was added last, once.
    fn tell(&mut self, listener: &Arc<Listener>) {
        let Some(place) = self.seen.len().checked_sub(1) else {
            return;
        };
        if listener.user() == self.seen[place].user || self.unwanted.contains(&listener.user()) {
            return;
        }
        let receiver = self.receivers.entry(listener.number());
        let (_, places) = receiver.or_insert_with(|| (Arc::clone(listener), Vec::new()));
        if places.last() != Some(&place) {
            places.push(place);
        }
    }

    /// Connections that are told the same, and what.
    fn groups(self) -> (Vec<Seen>, Groups) {
        let mut groups = Groups::new();
        for (listener, places) in self.receivers.into_values() {
            groups.entry(places).or_default().push(listener);
        }
        (self.seen, groups)
    }
}

impl Chat {
    /// This node lives. Called every second; while it fails nobody knows who is there.
    pub async fn beat(&self) {
        if let Err(error) = self.presences().backend.beat().await {
            tracing::warn!(%error, "nobody can be told who is there");
        }
    }

    /// Tells what became different since the last time. Called every second; not to be called twice at a time.
    pub async fn tell_presence(&self) {
        // What was answered a moment ago is compared with what is so now: a change may have overtaken the answer.
        let fresh = self.presences().lock_windows().take_fresh();
        if Instant::now() >= self.presences().quiet_until {
            let noted = self.presences().lock_noted().take();
            self.tell_changes(noted).await;
        }
        for window in fresh {
            self.tell_window(&window).await;
        }
        if self.presences().is_unsure.swap(false, Ordering::AcqRel) {
            let windows = self.presences().lock_windows().all();
            for window in windows {
                self.tell_window(&window).await;
            }
        }
    }

    async fn tell_changes(&self, noted: HashMap<UserId, Sum>) {
        let now = self.env().now();
        let mut round = Round::default();
        let noted: BTreeMap<UserId, Sum> = noted.into_iter().collect();
        for (index, (user, sum)) in noted.into_iter().enumerate() {
            if index % TOLD_PER_TURN == TOLD_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
            if sum.before != sum.after || sum.is_more_than_one() {
                let own = own_view(user, Some(&sum.after), now);
                self.tell_seen(&self.hub().connections_of(user), &[own]);
            }
            let seen = view(user, Some(&sum.after), now);
            // Who went and came back may have been looked up in between.
            if seen == view(user, Some(&sum.before), now) && !sum.is_more_than_one() {
                continue;
            }
            round.seen.push(seen);
            if let Err(error) = self.find_wanted_watchers(user, &sum.rooms, &mut round).await {
                // What is not told now is asked for again by whoever wants to know.
                tracing::warn!(%user, %error, "not everybody was told who is there");
                self.doubt_presence();
            }
        }
        let (seen, groups) = round.groups();
        for (places, listeners) in groups {
            let seen: Vec<Seen> = places.iter().map(|place| seen[*place].clone()).collect();
            self.tell_seen(&listeners, &seen);
        }
    }

    /// Somebody wants nothing of another one from now on, or does again: to the other one that is as if the person had gone,
    /// or come. Nothing is told that would not be told of somebody who did.
    pub(in crate::chat) async fn tell_of_block(&self, user: UserId, other: UserId) -> Result<()> {
        let states = self.presences().backend.states(&[user]).await;
        let Some(state) = states.ok().and_then(|mut states| states.pop()) else {
            return Ok(());
        };
        if view(user, Some(&state), self.env().now()) == view(user, Some(&State::default()), self.env().now())
        {
            return Ok(());
        }
        let mut round = Round {
            seen: self.appearing_to(other, &[user]).await?,
            ..Round::default()
        };
        self.find_watchers(user, &[], &mut round).await?;
        let watchers = round.receivers.into_values().map(|(listener, _)| listener);
        let watchers: Vec<_> = watchers.filter(|listener| listener.user() == other).collect();
        self.tell_seen(&watchers, &round.seen);
        Ok(())
    }

    /// Who is told of a user, but for those of whom the user wants nothing.
    async fn find_wanted_watchers(&self, user: UserId, rooms: &[RoomId], round: &mut Round) -> Result<()> {
        round.unwanted = self.look_at_user(user, |copy| copy.blocked().clone()).await?;
        self.find_watchers(user, rooms, round).await
    }

    /// Who is told of a user. What somebody could see before, and may not any more, is nobody's business.
    async fn find_watchers(&self, user: UserId, rooms: &[RoomId], round: &mut Round) -> Result<()> {
        let windows = self.presences().lock_windows().watchers_of(user);
        for (listener, guild) in windows {
            self.tell_members(guild, user, std::slice::from_ref(&listener), round)
                .await?;
        }
        for guild in self.guild_ids(user).await? {
            if let Some(watchers) = self.hub().few_watchers(guild, MAX_UNASKED) {
                self.tell_members(guild, user, &watchers, round).await?;
            }
        }
        for room in rooms {
            // Whoever was sent away may still say that it looks.
            if self.may_hear(user, StreamId::Room(*room)) == Some(true) {
                let lookers = self.hub().few_lookers(*room, MAX_UNASKED).unwrap_or_default();
                lookers.iter().for_each(|listener| round.tell(listener));
            }
        }
        for partner in self.partners_of(user).await? {
            let connections = self.hub().connections_of(partner);
            connections.iter().for_each(|listener| round.tell(listener));
        }
        Ok(())
    }

    /// Tells those of some connections whose users share the guild with the user, as it is now.
    async fn tell_members(
        &self,
        guild: GuildId,
        user: UserId,
        listeners: &[Arc<Listener>],
        round: &mut Round,
    ) -> Result<()> {
        let share = self.sharing(guild, user, listeners).await?;
        let sharing = listeners.iter().zip(share).filter(|(_, shares)| *shares);
        sharing.for_each(|(listener, _)| round.tell(listener));
        Ok(())
    }

    async fn sharing(&self, guild: GuildId, user: UserId, listeners: &[Arc<Listener>]) -> Result<Vec<bool>> {
        let look = |copy: &GuildCopy| {
            let is_member = copy.member(user).is_some();
            let share = |listener: &Arc<Listener>| is_member && copy.member(listener.user()).is_some();
            listeners.iter().map(share).collect()
        };
        self.look_at_guild(guild, look).await
    }

    /// Tells a connection who of its window is seen in another way than it was answered; everybody where it was answered
    /// longer ago.
    async fn tell_window(&self, window: &Window) {
        let Ok(mut seen) = self.appearing_to(window.listener.user(), &window.users).await else {
            // What cannot be read now is told with the next round.
            self.doubt_presence();
            return;
        };
        if let Some(answered) = &window.answered {
            seen.retain(|seen| !answered.contains(seen));
        }
        let look = |copy: &GuildCopy| {
            let shares = |seen: &Seen| copy.member(seen.user).is_some();
            let is_member = copy.member(window.listener.user()).is_some();
            seen.iter().map(|seen| is_member && shares(seen)).collect()
        };
        // A guild that cannot be looked at shows nobody.
        let share: Vec<bool> = self.look_at_guild(window.guild, look).await.unwrap_or_default();
        let mut share = share.into_iter();
        seen.retain(|_| share.next().unwrap_or(false));
        if !seen.is_empty() {
            self.tell_seen(std::slice::from_ref(&window.listener), &seen);
        }
    }

    fn tell_seen(&self, listeners: &[Arc<Listener>], seen: &[Seen]) {
        if listeners.is_empty() {
            return;
        }
        for users in seen.chunks(MAX_WATCHED) {
            let users = users.to_vec();
            self.hub().signal_all(listeners, &Signal::Presence { users });
            let told = listeners.len() as u64;
            self.presences().told.fetch_add(told, Ordering::Relaxed);
        }
    }
}

impl Presences {
    pub(super) fn lock_noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
