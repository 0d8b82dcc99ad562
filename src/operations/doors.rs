//! What can be asked for without being signed in, or ends the session that asks. These are no operations: they need the
//! visitor's address and set cookies, so HTTP carries them out itself. They are described here like everything else.

use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;

use super::describe::{Answers, Method};
use super::input::{Input, text};
use crate::chat::view::UserView;
use crate::chat::{AuditEntry, InstanceView, InviteView, PasswordLinkView};

/// A request that is no operation.
pub struct Door {
    /// OpenAPI's `operationId`.
    pub name: &'static str,
    /// How it is asked for,
    pub method: Method,
    /// and where, below `/api/v1`.
    pub path: &'static str,
    /// What it does.
    pub about: &'static str,
    /// The word for what it is about.
    pub noun: &'static str,
    /// Whether whoever asks must be signed in.
    pub is_guarded: bool,
    /// What it takes: what is not in the path is in the query of a `GET`, else in the body.
    pub inputs: Vec<Input>,
    /// What it answers.
    pub answers: Answers,
    /// The media type of the answer.
    pub media_type: &'static str,
}

/// What signs somebody in answers this.
#[derive(Serialize, JsonSchema)]
struct Session {
    user: UserView,
    /// Only with the transport `bearer`; otherwise it travels in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// Every door.
pub fn doors() -> Vec<Door> {
    vec![
        Door::new(Method::Get, "instance", "/instance")
            .about("What this server is. Open to everybody.")
            .answers::<InstanceView>(),
        Door::new(Method::Post, "set_up", "/setup")
            .about("Sets the server up, once, by the link that it printed when it started.")
            .takes(text("token", "the link's token"))
            .takes(text("instance_name", "the name of this place"))
            .takes(text("guild_name", "the name of its first guild"))
            .takes(
                text(
                    "channel_name",
                    "the name of the guild's first channel, `general` without",
                )
                .optional(),
            )
            .signs_in(),
        Door::new(Method::Post, "sign_up", "/accounts")
            .about("Makes an account, where registration is open, and signs in.")
            .signs_in(),
        Door::new(Method::Post, "sign_in", "/sessions")
            .about("Signs in.")
            .signs_in(),
        Door::new(Method::Post, "password_link", "/password-link")
            .about("Whose password a link is for. Open to everybody who has it.")
            .takes(text("token", "the link's token"))
            .answers::<PasswordLinkView>(),
        Door::new(Method::Post, "use_password_link", "/password-link/use")
            .about("Chooses another password by a link, once, and signs in. All other logins and all tokens end.")
            .takes(text("token", "the link's token"))
            .starts_session(),
        Door::new(Method::Delete, "sign_out", "/sessions/current")
            .about("Ends the session that asks.")
            .guarded(),
        Door::new(Method::Get, "invite", "/invites/{code}")
            .about("What an invite leads to. Open to everybody who has its code.")
            .answers::<InviteView>(),
        Door::new(Method::Post, "accept_invite", "/invites/{code}/accept")
            .about("Makes an account by an invite, and signs in.")
            .signs_in(),
        Door::new(Method::Get, "export_audit", "/guilds/{guild}/audit.ndjson")
            .about("All of a guild's audit that fits, the newest first, one entry in each line.")
            .exports(),
        Door::new(Method::Get, "export_instance_audit", "/instance/audit.ndjson")
            .about("All of the instance's audit that fits, the newest first, one entry in each line.")
            .exports(),
    ]
}

impl Door {
    fn new(method: Method, name: &'static str, path: &'static str) -> Self {
        Self {
            name,
            method,
            path,
            about: "",
            noun: "sessions",
            is_guarded: false,
            inputs: super::describe::parts(path).map(Input::of_path).collect(),
            answers: Answers {
                status: 204,
                may_replay: false,
                schema: None,
            },
            media_type: "application/json",
        }
    }

    const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    fn takes(mut self, input: Input) -> Self {
        self.inputs.push(input);
        self
    }

    fn answers<T: JsonSchema>(mut self) -> Self {
        self.answers = Answers {
            status: 200,
            may_replay: false,
            schema: Some(SchemaGenerator::subschema_for::<T>),
        };
        self
    }

    const fn guarded(mut self) -> Self {
        self.is_guarded = true;
        self
    }

    fn exports(mut self) -> Self {
        self.inputs.extend(super::audit::filters());
        self.noun = "audit";
        self.media_type = "application/x-ndjson";
        self.guarded().answers::<AuditEntry>()
    }

    fn signs_in(self) -> Self {
        self.takes(text("name", "the user's name")).starts_session()
    }

    fn starts_session(self) -> Self {
        let mut door = self
            .takes(text("password", "at least 8 characters"))
            .takes(text("transport", "`cookie`, which is usual, or `bearer`").optional())
            .answers::<Session>();
        door.answers.status = 201;
        door
    }
}
