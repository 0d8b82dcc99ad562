//! Whether everything is there.

use std::time::Instant;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::Room;
use crate::net::client::Client;
use crate::net::http::Asker;
use crate::report::Report;
use crate::senders::Draft;
use crate::world::World;

const PAGE: usize = 200;
/// The most that is counted as unread.
const MOST_UNREAD: u64 = 100;
/// How many messages a second user leaves unread, channel by channel.
const LEFT_UNREAD: [u64; 6] = [0, 7, 1, 99, 100, 250];

/// Knows what must be there.
pub(super) struct Checker {
    rooms: Vec<Room>,
    /// A second user.
    reader: Asker,
    /// What is unread for the second user, channel by channel.
    unread: Vec<u64>,
}

impl Checker {
    pub(super) fn new(rooms: Vec<Room>, reader: Asker) -> Self {
        let unread = rooms
            .iter()
            .map(|room| (room.len() as u64).min(MOST_UNREAD))
            .collect();
        Self {
            rooms,
            reader,
            unread,
        }
    }

    /// Reads every room forwards over the gateway and backwards over HTTP, and compares the totals.
    pub(super) fn everything(&self, world: &World, report: &mut Report, row: &str) -> anyhow::Result<()> {
        let mut client = world.connect(0)?;
        let mut pages = Histogram::<u64>::new(3)?;
        for (index, room) in self.rooms.iter().enumerate() {
            let id = &world.rooms[index];
            self.forwards(&mut client, id, room, &mut pages)
                .with_context(|| format!("channel {index}, read forwards"))?;
            self.backwards(&world.owner, id, room)
                .with_context(|| format!("channel {index}, read backwards"))?;
        }
        let ms = |quantile| pages.value_at_quantile(quantile) as f64 / 1e6;
        report.add(row, "page of 200 p50 ms", ms(0.5));
        report.add(row, "page of 200 p99 ms", ms(0.99));
        Ok(())
    }

    fn forwards(
        &self,
        client: &mut Client,
        id: &str,
        room: &Room,
        latencies: &mut Histogram<u64>,
    ) -> anyhow::Result<()> {
        let mut read = 0;
        loop {
            let asked = Instant::now();
            let page = client.request("history", json!({"room": id, "after": read, "limit": PAGE}))?;
            latencies.record(u64::try_from(asked.elapsed().as_nanos())?)?;
            let messages = messages(&page, room)?;
            if messages.is_empty() {
                break;
            }
            for message in messages {
                read += 1;
                compare(message, read, room)?;
            }
        }
        anyhow::ensure!(read == room.len(), "{read} messages instead of {}", room.len());
        Ok(())
    }

    fn backwards(&self, asker: &Asker, id: &str, room: &Room) -> anyhow::Result<()> {
        let mut next = room.len();
        let mut anchor = String::new();
        loop {
            let path = format!("/api/v1/rooms/{id}/messages?limit={PAGE}{anchor}");
            let page = asker.get(&path)?;
            let messages = messages(&page, room)?;
            if messages.is_empty() {
                break;
            }
            // A page is in the room's order, whichever way one goes.
            for message in messages.iter().rev() {
                compare(message, next, room)?;
                next = next.saturating_sub(1);
            }
            anchor = format!("&before={}", next + 1);
        }
        anyhow::ensure!(next == 0, "the first {next} messages are missing");
        Ok(())
    }

    /// The second user reads, and leaves a different rest in each channel.
    pub(super) fn mark_some(&mut self, world: &World) -> anyhow::Result<()> {
        let mut client = self.connect(world)?.0;
        for (index, room) in self.rooms.iter().enumerate() {
            let total = room.len() as u64;
            let left = LEFT_UNREAD[index % LEFT_UNREAD.len()];
            if left >= total {
                continue;
            }
            let args = json!({"room": world.rooms[index], "seq": total - left});
            let marked = client.request("mark", args)?;
            self.unread[index] = left.min(MOST_UNREAD);
            anyhow::ensure!(
                marked["unread"] == self.unread[index],
                "channel {index}: {left} are unread, and the answer was {marked}"
            );
        }
        Ok(())
    }

    /// What is unread for the second user, and the totals, as the snapshot tells them.
    pub(super) fn unread(&self, world: &World) -> anyhow::Result<()> {
        let ready = self.connect(world)?.1;
        let channels = ready["guilds"][0]["channels"]
            .as_array()
            .context("a snapshot without channels")?;
        for (index, room) in self.rooms.iter().enumerate() {
            let channel = channels
                .iter()
                .find(|channel| channel["id"] == *world.rooms[index])
                .with_context(|| format!("channel {index} is missing from the snapshot"))?;
            let is_right = channel["unread"] == self.unread[index]
                && channel["seq"] == room.len()
                && channel["n"] == room.len();
            anyhow::ensure!(
                is_right,
                "channel {index}: expected {} messages and {} unread, found {channel}",
                room.len(),
                self.unread[index]
            );
        }
        Ok(())
    }

    /// Some posts are sent again, as by clients that never heard the answer: they are the same messages.
    pub(super) fn retry_some(&self, world: &World) -> anyhow::Result<()> {
        let mut client = world.connect(0)?;
        for room in &self.rooms {
            for (place, draft) in room.iter().enumerate().step_by(97) {
                let Some(draft) = draft else { continue };
                let answer = client.request("post", draft.args(world))?;
                anyhow::ensure!(
                    answer["replayed"] == true && answer["message"]["seq"] == place + 1,
                    "message {} was posted again: {answer}",
                    place + 1
                );
            }
        }
        Ok(())
    }

    /// The next message has the next number.
    pub(super) fn go_on(&mut self, world: &World) -> anyhow::Result<()> {
        let mut client = world.connect(0)?;
        for (index, room) in self.rooms.iter_mut().enumerate() {
            let args = json!({"room": world.rooms[index], "text": "and on it goes"});
            let answer = client.request("post", args)?;
            anyhow::ensure!(
                answer["message"]["seq"] == room.len() + 1,
                "channel {index}: after {} messages came {answer}",
                room.len()
            );
        }
        Ok(())
    }

    fn connect(&self, world: &World) -> anyhow::Result<(Client, Value)> {
        let token = self.reader.token.as_deref().context("no session")?;
        Client::sign_in(world.process.address, 0, token)
    }
}

/// The messages of a page whose head is right.
fn messages<'a>(page: &'a Value, room: &Room) -> anyhow::Result<&'a Vec<Value>> {
    let head = &page["head"];
    anyhow::ensure!(
        head["seq"] == room.len() && head["n"] == room.len(),
        "the room has {} messages, and its head is {head}",
        room.len()
    );
    page["messages"].as_array().context("a page without messages")
}

fn compare(message: &Value, seq: usize, room: &Room) -> anyhow::Result<()> {
    let draft: Option<&Draft> = seq
        .checked_sub(1)
        .and_then(|place| room.get(place))
        .and_then(Option::as_ref);
    let is_right = draft
        .is_some_and(|draft| message["seq"] == seq && message["n"] == seq && message["text"] == draft.text);
    anyhow::ensure!(
        is_right,
        "expected message {seq}, {:?}, found {message}",
        draft.map(|draft| &draft.text)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_not_the_one_posted_is_found() {
        let draft = Draft {
            room: 0,
            text: "안녕하세요".to_owned(),
            nonce: String::new(),
        };
        let room = vec![Some(draft), None];
        let message = |seq, n, text| json!({"seq": seq, "n": n, "text": text});
        assert!(compare(&message(1, 1, "안녕하세요"), 1, &room).is_ok());
        for (wrong, seq) in [
            (message(1, 1, "안녕"), 1),
            (message(2, 1, "안녕하세요"), 1),
            (message(1, 2, "안녕하세요"), 1),
            (message(2, 2, ""), 2),
            (message(3, 3, ""), 3),
            (message(0, 0, ""), 0),
        ] {
            assert!(compare(&wrong, seq, &room).is_err(), "{wrong}");
        }
        let page = json!({"head": {"seq": 1, "n": 1}, "messages": []});
        assert!(messages(&page, &room).is_err(), "the head of a shorter room");
    }
}
