//! One publisher, many readers, and a schedule that waits for nobody.

use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::json;

use super::recorder::{Recorder, filler, stamped};
use crate::floor;
use crate::machine::clock;
use crate::machine::cpu::{self, Cpu};
use crate::net::crowd::{Crowd, Forget, write_whole};
use crate::net::frame;
use crate::server::Process;
use crate::world::World;

/// How long deliveries may be late before they count as lost, in nanoseconds.
const GRACE: u64 = 10_000_000_000;

/// What is sent, and how fast.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Messages a second.
    pub(crate) rate: u32,
    /// How many in all.
    pub(crate) messages: u32,
    /// The size of each message's text.
    pub(crate) text_bytes: usize,
}

/// What one run showed.
pub(crate) struct Outcome {
    /// Microseconds of the server's processor for each delivery.
    pub(crate) cpu_us: f64,
    /// Nanoseconds from the scheduled send to each receiver.
    pub(crate) latencies: Histogram<u64>,
    /// Nanoseconds from the scheduled send to the last receiver.
    pub(crate) to_last: Histogram<u64>,
    /// Deliveries that did not come, came twice or out of order.
    pub(crate) lost: u64,
    /// The share of one processor that this client used.
    pub(crate) client_share: f64,
    /// The share of the machine that neither the server nor this client used: whoever else was there.
    pub(crate) others_share: f64,
    /// How late the publisher itself was at worst, in milliseconds.
    pub(crate) slip_ms: f64,
    /// The size of a delivered frame.
    pub(crate) frame_bytes: usize,
}

/// How a message is sent.
#[derive(Clone)]
enum Envelope {
    /// As a request to post it.
    Post { room: String },
    /// As the very frame that the receivers get, of this size.
    Frame { bytes: usize },
}

/// Everything in its place.
pub(crate) struct Stage {
    /// The server that is measured.
    pub(crate) process: u32,
    /// The readers, and the publisher last.
    crowd: Crowd,
    readers: usize,
    publisher: TcpStream,
    envelope: Envelope,
}

impl Stage {
    /// Readers of the world's first room, and a publisher who does not read it.
    pub(crate) fn of_world(world: &World, readers: usize) -> anyhow::Result<Self> {
        let crowd = world.gather(readers)?;
        let (publisher, pending) = world.connect(readers)?.into_socket();
        let room = world.rooms[0].clone();
        Self::new(&world.process, crowd, publisher, pending, Envelope::Post { room })
    }

    /// Readers of the yardstick, whose frames have this size.
    pub(crate) fn of_floor(process: &Process, readers: usize, frame_bytes: usize) -> anyhow::Result<Self> {
        let mut crowd = Crowd::new()?;
        for index in 0..readers {
            crowd.add(floor::subscribe(process.address, index)?, Vec::new())?;
        }
        let publisher = floor::publish(process.address, readers)?;
        let envelope = Envelope::Frame { bytes: frame_bytes };
        Self::new(process, crowd, publisher, Vec::new(), envelope)
    }

    fn new(
        process: &Process,
        mut crowd: Crowd,
        publisher: TcpStream,
        pending: Vec<u8>,
        envelope: Envelope,
    ) -> anyhow::Result<Self> {
        let readers = crowd.len();
        let reading_half = publisher.try_clone()?;
        crowd.add(reading_half, pending)?;
        Ok(Self {
            process: process.id(),
            crowd,
            readers,
            publisher,
            envelope,
        })
    }

    /// Sends by the plan and records every delivery.
    pub(crate) fn measure(&mut self, plan: Plan) -> anyhow::Result<Outcome> {
        let interval = 1_000_000_000 / u64::from(plan.rate);
        // The first message is due when everything is ready for it.
        let start = clock::now() + 50_000_000;
        let mut recorder = Recorder::new(self.crowd.len(), plan.messages, start)?;
        let expected = self.readers as u64 * u64::from(plan.messages);
        let (machine_before, began) = (cpu::machine()?, clock::now());
        let (server_before, own_before) = (Cpu::of(self.process)?, clock::own_cpu());

        let publisher = self.publisher.try_clone()?;
        let envelope = self.envelope.clone();
        let sending = thread::spawn(move || publish(publisher, &envelope, plan, start, interval));
        let deadline = start + interval * u64::from(plan.messages) + GRACE;
        self.crowd
            .pump_until(deadline, &mut recorder, |recorder| recorder.delivered >= expected)?;

        let elapsed = Duration::from_nanos(clock::now() - began);
        let client = clock::own_cpu().saturating_sub(own_before);
        let server = server_before.elapsed()?;
        let machine = cpu::machine()?.saturating_sub(machine_before);
        let others = machine.saturating_sub(client + server);
        let cores = thread::available_parallelism()?.get() as f64;
        let slip = match sending.join() {
            Ok(slip) => slip?,
            Err(_) => anyhow::bail!("the publisher panicked"),
        };
        anyhow::ensure!(recorder.refused == 0, "{} posts were refused", recorder.refused);
        anyhow::ensure!(recorder.ended == 0, "{} connections ended", recorder.ended);
        Ok(Outcome {
            cpu_us: server.as_secs_f64() * 1e6 / recorder.delivered.max(1) as f64,
            to_last: recorder.to_last()?,
            lost: expected - recorder.delivered + recorder.disordered,
            client_share: client.as_secs_f64() / elapsed.as_secs_f64(),
            others_share: others.as_secs_f64() / elapsed.as_secs_f64() / cores,
            slip_ms: slip as f64 / 1e6,
            frame_bytes: recorder.frame_bytes,
            latencies: recorder.latencies,
        })
    }

    /// Takes what is still on its way, and says for everybody that they are there.
    pub(crate) fn rest(&mut self) -> anyhow::Result<()> {
        match self.envelope {
            Envelope::Post { .. } => self.crowd.heartbeat(),
            Envelope::Frame { .. } => {
                let deadline = clock::now() + 200_000_000;
                self.crowd.pump_until(deadline, &mut Forget, |_| false)
            }
        }
    }
}

/// Sends each message when it is due, whatever has or has not come back; answers the worst delay in nanoseconds.
fn publish(
    mut stream: TcpStream,
    envelope: &Envelope,
    plan: Plan,
    start: u64,
    interval: u64,
) -> anyhow::Result<u64> {
    let filler = filler(plan.text_bytes);
    let mut slip = 0;
    for number in 0..plan.messages {
        let due = start + interval * u64::from(number);
        let bytes = envelope.seal(number, &stamped(due, number, &filler));
        clock::sleep_until(due);
        slip = clock::now().saturating_sub(due).max(slip);
        write_whole(&mut stream, &bytes)?;
    }
    Ok(slip)
}

impl Envelope {
    fn seal(&self, number: u32, text: &str) -> Vec<u8> {
        match self {
            Self::Post { room } => {
                let id = u64::from(number) + 1_000;
                let request = json!({"id": id, "op": "post", "args": {"room": room, "text": text}});
                frame::from_client(&request.to_string())
            }
            Self::Frame { bytes } => {
                // Four bytes of header for everything from 126 bytes on.
                let missing = bytes.saturating_sub(text.len() + 4);
                frame::from_server(&format!("{}{text}", " ".repeat(missing)))
            }
        }
    }
}
