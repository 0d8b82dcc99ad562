//! What people say of themselves, and who may read it.

use std::time::{Duration, Instant};

use madang_storage::model::{EventId, Fact, GuildId, Head, Row, RowKey, Rows, StreamId, User, UserId};
use madang_storage::{AppendError, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::limits::Buckets;
use super::view::{ColourView, UserView};
use super::{Chat, Code, Error, Identity, Result, names, text};
use crate::broker::Signal;

/// How many users can be asked for at once.
pub const MAX_USERS: usize = 100;
/// The longest text about oneself, in characters.
const MAX_BIO: usize = 500;

/// The asking user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Me {
    /// Who.
    pub user: UserView,
    /// Whether the person administers the instance.
    pub owner: bool,
}

/// A profile, and which state of it this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Profile {
    /// Who.
    pub id: UserId,
    /// The unique name.
    pub name: String,
    /// What the person wants to be called.
    pub display_name: Option<String>,
    /// What the person says of itself; may be empty.
    pub bio: String,
    /// A colour for the name.
    pub colour: Option<ColourView>,
    /// One that is higher is newer.
    pub version: u64,
}

/// What is to be changed about a profile; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct ProfileChanges {
    /// What the person wants to be called; an empty one takes it back.
    pub display_name: Option<String>,
    /// What the person says of itself.
    pub bio: Option<String>,
    /// A colour for the name, as 24 bits; `Some(None)` takes it back.
    pub colour: Option<Option<u32>>,
}

/// How often somebody may change a profile: each change is told to everybody who sees the person.
#[derive(Debug)]
pub(super) struct Changes(Buckets<UserId>);

impl Changes {
    pub(super) fn new() -> Self {
        Self(Buckets::new(20, Duration::from_secs(15)))
    }

    pub(super) fn share(&self, nodes: u32) {
        self.0.share(nodes);
    }
}

/// What a change makes of a field: as it was, gone, or new.
struct Checked {
    display_name: Option<Option<String>>,
    bio: Option<String>,
    colour: Option<Option<u32>>,
}

impl Checked {
    fn of(changes: ProfileChanges) -> Result<Self> {
        let display_name = match changes.display_name {
            None => None,
            Some(name) if name.trim().is_empty() => Some(None),
            Some(name) => Some(Some(names::title("display_name", &name)?.shown)),
        };
        Ok(Self {
            display_name,
            bio: changes.bio.map(bio).transpose()?,
            colour: changes.colour,
        })
    }

    fn applied_to(&self, present: &User) -> User {
        User {
            display_name: self
                .display_name
                .clone()
                .unwrap_or_else(|| present.display_name.clone()),
            bio: self.bio.clone().unwrap_or_else(|| present.bio.clone()),
            colour: self.colour.unwrap_or(present.colour),
            ..present.clone()
        }
    }
}

impl Chat {
    /// Who asks, as they see themselves.
    pub async fn me(&self, identity: &Identity) -> Result<Me> {
        let user = self.views_of(vec![identity.user]).await?.pop();
        Ok(Me {
            user: user.ok_or_else(Error::unauthenticated)?,
            owner: self.is_administrator(identity.user).await?,
        })
    }

    /// What somebody says of itself, for those who share a guild or a conversation with the person.
    pub async fn profile(&self, identity: &Identity, user: UserId) -> Result<Profile> {
        self.check_knows(identity, user).await?;
        self.profile_of(user).await
    }

    /// Changes what the asking person says of itself.
    pub async fn change_profile(&self, identity: &Identity, changes: ProfileChanges) -> Result<Profile> {
        let changes = Checked::of(changes)?;
        let user = identity.user;
        let taken = self.inner.profile_changes.0.take(&user, Instant::now());
        taken.map_err(|wait| Error::rate_limited(wait.as_secs() + 1))?;
        let (chat, identity) = (self.clone(), *identity);
        self.to_the_end(async move {
            if let Some(version) = chat.append_profile(user, changes).await? {
                let guilds = chat.guild_ids(user).await?;
                chat.tell_profile(&identity, version, guilds);
            }
            Ok(())
        })
        .await?;
        self.profile_of(user).await
    }

    fn tell_profile(&self, identity: &Identity, version: u64, guilds: Vec<GuildId>) {
        self.tell(Signal::Profile {
            user: identity.user,
            session: identity.session,
            version,
            guilds,
        });
    }

    /// Answers the new version, or `None` when it was so already.
    async fn append_profile(&self, user: UserId, changes: Checked) -> Result<Option<u64>> {
        let row = RowKey::User(user);
        let command = Command {
            stream: StreamId::User(user),
            event_id: EventId::from_u128(self.env().next_id()),
            actor: Some(user),
            access_rev: 0,
            nonce: None,
            rows: vec![row.clone()],
        };
        let decide = move |_: &Head, rows: &Rows| {
            let Some(Row::User(present)) = rows.get(&row) else {
                return Err(Some(Error::unauthenticated()));
            };
            let mut user = changes.applied_to(present);
            if user == *present {
                return Err(None);
            }
            user.version += 1;
            Ok(Fact::UserChanged { user }.into())
        };
        match self.store().append(command, decide).await {
            Ok(appended) => match &appended.commit.event.fact {
                Fact::UserChanged { user } => Ok(Some(user.version)),
                _ => Ok(None),
            },
            Err(AppendError::Refused(None)) => Ok(None),
            Err(AppendError::Refused(Some(error))) => Err(error),
            Err(AppendError::Store(error)) => Err(error.into()),
        }
    }

    async fn profile_of(&self, id: UserId) -> Result<Profile> {
        let user = self.store().user(id).await?.ok_or_else(Error::not_found)?;
        Ok(Profile {
            id,
            name: user.name,
            display_name: user.display_name,
            bio: user.bio,
            colour: user.colour.map(ColourView),
            version: user.version,
        })
    }

    /// Users by their ids, in the order asked; those whom the asker cannot know are left out.
    pub async fn users(&self, identity: &Identity, ids: &[UserId]) -> Result<Vec<UserView>> {
        if ids.len() > MAX_USERS {
            let text = format!("at most {MAX_USERS} ids can be asked for at once");
            return Err(Error::too_large("ids", text));
        }
        let known = self.known_to(identity.user, ids).await?;
        let known = ids.iter().zip(known).filter(|(_, known)| *known);
        self.views_of(known.map(|(id, _)| *id).collect()).await
    }

    /// Refuses whom the asker cannot know, exactly as one who does not exist.
    pub(super) async fn check_knows(&self, identity: &Identity, user: UserId) -> Result<()> {
        let known = self.known_to(identity.user, &[user]).await?;
        known.contains(&true).then_some(()).ok_or_else(Error::not_found)
    }

    /// For each of these whether it is the asker, or shares a guild, a DM or a group with the asker.
    pub(super) async fn known_to(&self, asker: UserId, ids: &[UserId]) -> Result<Vec<bool>> {
        let mut known: Vec<bool> = ids.iter().map(|id| *id == asker).collect();
        for guild in self.guild_ids(asker).await? {
            if known.iter().all(|known| *known) {
                return Ok(known);
            }
            let member = |user: &UserId| RowKey::Member { guild, user: *user };
            let keys: Vec<RowKey> = ids.iter().map(member).collect();
            let rows = self.store().rows(&keys).await?;
            for (known, row) in known.iter_mut().zip(rows) {
                *known |= matches!(row, Some(Row::Member(_)));
            }
        }
        self.note_partners(asker, ids, &mut known).await?;
        Ok(known)
    }

    /// Users as others see them, in the order asked; unknown ones are left out.
    pub(super) async fn views_of(&self, ids: Vec<UserId>) -> Result<Vec<UserView>> {
        let keys: Vec<RowKey> = ids.iter().copied().map(RowKey::User).collect();
        let rows = self.store().rows(&keys).await?;
        let views = ids.into_iter().zip(rows).filter_map(|(id, row)| match row {
            Some(Row::User(user)) => Some(UserView::new(id, user)),
            _ => None,
        });
        Ok(views.collect())
    }
}

/// A text of several lines about oneself.
fn bio(raw: String) -> Result<String> {
    const FIELD: &str = "bio";
    if raw.chars().count() > MAX_BIO {
        return Err(Error::too_large(
            FIELD,
            format!("at most {MAX_BIO} characters are allowed"),
        ));
    }
    let text = text::normalised(raw);
    names::check_lines(FIELD, &text)?;
    Ok(text.trim().to_owned())
}

/// Too many changes were made to one stream at a time.
pub(super) fn kept_changing() -> Error {
    Error::new(Code::Conflict, "this kept changing; try again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_say_of_themselves_has_limits() {
        let kept = |raw: &str| bio(raw.to_owned());
        assert_eq!(kept(" tea\r\nand ☕ \n"), Ok("tea\nand ☕".to_owned()));
        assert_eq!(kept(&"가".repeat(500)).map(|text| text.chars().count()), Ok(500));
        assert_eq!(kept(&"a".repeat(501)).expect_err("long").code, Code::TooLarge);
        for bad in ["a\0b", "a\u{202e}b", "a\u{301}\u{301}\u{301}\u{301}"] {
            assert_eq!(kept(bad).expect_err(bad).code, Code::InvalidField, "{bad:?}");
        }
    }

    #[test]
    fn a_change_says_what_stays_and_what_goes() {
        let user = User {
            display_name: Some("Jo".to_owned()),
            bio: "tea".to_owned(),
            colour: Some(1),
            ..User::new("jo".to_owned(), Default::default())
        };
        let change = |changes| Checked::of(changes).map(|checked| checked.applied_to(&user));
        assert_eq!(change(ProfileChanges::default()), Ok(user.clone()));
        let taken_back = ProfileChanges {
            display_name: Some(" ".to_owned()),
            bio: Some(String::new()),
            colour: Some(None),
        };
        let nothing = User::new("jo".to_owned(), Default::default());
        assert_eq!(change(taken_back), Ok(nothing));
        let turned = ProfileChanges {
            display_name: Some("a\u{202e}b".to_owned()),
            ..Default::default()
        };
        let error = change(turned).expect_err("turned");
        assert_eq!(error.field.as_deref(), Some("display_name"));
    }
}
