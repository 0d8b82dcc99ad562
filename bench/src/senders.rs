//! Connections that post, each waiting for the answer before it posts again.

use madang_storage::Env;
use madang_storage::model::Nonce;
use serde_json::{Value, json};

use crate::machine::clock;
use crate::net::crowd::{Crowd, Sink};
use crate::net::frame::{self, Frame};
use crate::world::World;

/// How long a post may take before the run counts as failed, in nanoseconds.
const PATIENCE: u64 = 60_000_000_000;

/// One message that is to be posted.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// The room's place in the world.
    pub(crate) room: usize,
    /// What it says.
    pub(crate) text: String,
    /// Makes a retry the same message, as every real client has it.
    pub(crate) nonce: String,
}

impl Draft {
    /// A message with a nonce of its own.
    pub(crate) fn new(env: &Env, room: usize, text: String) -> Self {
        Self {
            room,
            text,
            nonce: Nonce::from_u128(env.next_id()).to_string(),
        }
    }

    /// The request's arguments.
    pub(crate) fn args(&self, world: &World) -> Value {
        json!({"room": world.rooms[self.room], "text": self.text, "nonce": self.nonce})
    }
}

/// What a sender's answer says.
pub(crate) struct Answered<'a> {
    /// What was posted.
    pub(crate) draft: Draft,
    /// When it was sent, on [`clock::now`].
    pub(crate) sent: u64,
    /// When the answer came.
    pub(crate) at: u64,
    /// The answer as it came.
    pub(crate) payload: &'a [u8],
}

/// Posts what `next` says until it says nothing more, from so many connections at once, and hands each answer to `done`.
pub(crate) fn post_all(
    world: &World,
    senders: usize,
    mut next: impl FnMut(usize) -> Option<Draft>,
    done: impl FnMut(Answered<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut crowd = Crowd::new()?;
    for index in 0..senders {
        let (stream, pending) = world.connect(index)?.into_socket();
        crowd.add(stream, pending)?;
    }
    let mut sink = Answers {
        waiting: vec![None; senders],
        free: (0..senders).collect(),
        done,
        failure: None,
    };
    let mut last_progress = clock::now();
    loop {
        for sender in std::mem::take(&mut sink.free) {
            last_progress = clock::now();
            let Some(draft) = next(sender) else { continue };
            let request = json!({"id": 1_000, "op": "post", "args": draft.args(world)});
            let bytes = frame::from_client(&request.to_string());
            sink.waiting[sender] = Some((draft, clock::now()));
            crowd.write(sender, &bytes)?;
        }
        if sink.waiting.iter().all(Option::is_none) {
            return Ok(());
        }
        let deadline = clock::now() + 1_000_000_000;
        crowd.pump_until(deadline, &mut sink, |sink| {
            !sink.free.is_empty() || sink.failure.is_some()
        })?;
        if let Some(failure) = sink.failure.take() {
            return Err(failure);
        }
        anyhow::ensure!(
            clock::now() - last_progress < PATIENCE,
            "the server has answered no post for a minute"
        );
    }
}

struct Answers<F> {
    waiting: Vec<Option<(Draft, u64)>>,
    /// Whose answer has come.
    free: Vec<usize>,
    done: F,
    failure: Option<anyhow::Error>,
}

impl<F: FnMut(Answered<'_>) -> anyhow::Result<()>> Sink for Answers<F> {
    fn frame(&mut self, member: usize, frame: &Frame<'_>, now: u64) {
        // Anything else is an event or signal.
        if !frame.payload.starts_with(b"{\"id\":") {
            return;
        }
        let Some((draft, sent)) = self.waiting[member].take() else {
            return;
        };
        if frame.payload.starts_with(b"{\"id\":1000,\"ok\":") {
            self.free.push(member);
            let answered = Answered {
                draft,
                sent,
                at: now,
                payload: frame.payload,
            };
            if let Err(failure) = (self.done)(answered) {
                self.failure = Some(failure);
            }
        } else {
            let answer = String::from_utf8_lossy(frame.payload);
            self.failure = Some(anyhow::anyhow!("a post was refused: {answer}"));
        }
    }

    fn ended(&mut self, member: usize) {
        self.failure = Some(anyhow::anyhow!("the connection of sender {member} ended"));
    }
}
