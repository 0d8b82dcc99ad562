//! A server with people and channels, made through the public door.

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::net::client::Client;
use crate::net::crowd::Crowd;
use crate::net::http::Asker;
use crate::server::Process;

const PASSWORD: &str = "correct horse battery staple";

/// A server that is set up.
pub(crate) struct World {
    /// The server.
    pub(crate) process: Process,
    /// Further nodes on the same data: connections take turns with all of them.
    pub(crate) more: Vec<Process>,
    /// Who set it up.
    pub(crate) owner: Asker,
    /// The one guild.
    pub(crate) guild: String,
    /// Its channels.
    pub(crate) rooms: Vec<String>,
}

impl World {
    /// Sets a fresh server up, with so many channels.
    pub(crate) fn build(process: Process, channels: usize) -> anyhow::Result<Self> {
        let token = process
            .setup_token
            .clone()
            .context("the server printed no set-up link")?;
        process.wait_ready()?;
        let answer = process.stranger().post(
            "/api/v1/setup",
            &json!({
                "token": token, "instance_name": "bench", "guild_name": "bench",
                "name": "owner", "password": PASSWORD, "transport": "bearer",
            }),
        )?;
        let owner = asker(&process, &answer)?;
        Self::furnish(process, Vec::new(), owner, channels)
    }

    /// Nodes that are set up already, and an owner's session there.
    pub(crate) fn found(
        process: Process,
        more: Vec<Process>,
        token: &str,
        channels: usize,
    ) -> anyhow::Result<Self> {
        let owner = Asker {
            address: process.address,
            token: Some(token.to_owned()),
        };
        Self::furnish(process, more, owner, channels)
    }

    fn furnish(process: Process, more: Vec<Process>, owner: Asker, channels: usize) -> anyhow::Result<Self> {
        let guilds = owner.get("/api/v1/guilds")?;
        let guild = text(&guilds["guilds"][0]["id"])?;
        // Nothing is said in the rooms but what is measured: nobody tells who came.
        let path = format!("/api/v1/guilds/{guild}");
        let silent = owner.ask("PATCH", &path, Some(&json!({ "welcome_room": null })))?;
        anyhow::ensure!(
            silent.status == 200,
            "the guild does not keep silent: {}",
            silent.body
        );
        let channels_path = format!("/api/v1/guilds/{guild}/channels");
        let listed = owner.get(&channels_path)?;
        let mut rooms = listed["channels"]
            .as_array()
            .context("a list of channels without one")?
            .iter()
            .map(|channel| text(&channel["id"]))
            .collect::<anyhow::Result<Vec<_>>>()?;
        while rooms.len() < channels {
            let name = format!("room-{}", rooms.len());
            let channel = owner.post(&channels_path, &json!({"name": name}))?;
            rooms.push(text(&channel["id"])?);
        }
        rooms.truncate(channels);
        Ok(Self {
            process,
            more,
            owner,
            guild,
            rooms,
        })
    }

    /// Goes on with another process over the same data.
    pub(crate) fn restart(&mut self, process: Process) -> anyhow::Result<()> {
        self.process = process;
        self.owner.address = self.process.address;
        self.process.wait_ready()
    }

    /// Invites somebody, who comes.
    pub(crate) fn invite(&self, name: &str) -> anyhow::Result<Asker> {
        let invite = self
            .owner
            .post("/api/v1/invites", &json!({"guild": self.guild}))?;
        let path = format!("/api/v1/invites/{}/accept", text(&invite["code"])?);
        let person = json!({"name": name, "password": PASSWORD, "transport": "bearer"});
        let answer = self.process.stranger().post(&path, &person)?;
        asker(&self.process, &answer)
    }

    /// All nodes.
    pub(crate) fn processes(&self) -> impl Iterator<Item = &Process> {
        std::iter::once(&self.process).chain(&self.more)
    }

    /// One more connection of the owner. All share one session: signing in is made slow on purpose, and not what is
    /// measured.
    pub(crate) fn connect(&self, index: usize) -> anyhow::Result<Client> {
        let token = self.owner.token.as_deref().context("no session")?;
        let place = index % (1 + self.more.len());
        let node = place
            .checked_sub(1)
            .map_or(&self.process, |place| &self.more[place]);
        Ok(Client::sign_in(node.address, index, token)?.0)
    }

    /// A crowd of connections, one after the other, each with one room open; the rooms take turns.
    pub(crate) fn gather(&self, connections: usize) -> anyhow::Result<Crowd> {
        let mut crowd = Crowd::new()?;
        for index in 0..connections {
            let mut client = self.connect(index)?;
            client.request("open", json!({"room": self.rooms[index % self.rooms.len()]}))?;
            let (stream, pending) = client.into_socket();
            crowd.add(stream, pending)?;
        }
        Ok(crowd)
    }
}

fn asker(process: &Process, session: &Value) -> anyhow::Result<Asker> {
    Ok(Asker {
        address: process.address,
        token: Some(text(&session["token"])?),
    })
}

/// A string out of an answer.
pub(crate) fn text(value: &Value) -> anyhow::Result<String> {
    Ok(value
        .as_str()
        .with_context(|| format!("expected a text, found {value}"))?
        .to_owned())
}
