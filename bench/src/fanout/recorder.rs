//! What every receiver of every message saw.

use hdrhistogram::Histogram;

use crate::net::crowd::Sink;
use crate::net::frame::Frame;

/// What stands before the stamp in a message's text.
const MARK: &[u8] = b"@stamp:";
/// The mark, 16 digits of the scheduled moment, 8 of the message's number, and a colon between and after.
const STAMP_BYTES: usize = MARK.len() + 16 + 1 + 8 + 1;

/// A text of about so many bytes that tells when it was due and which one it is.
pub(crate) fn stamped(due: u64, number: u32, filler: &str) -> String {
    format!("@stamp:{due:016x}:{number:08x}:{filler}")
}

/// The part of a text that comes after the stamp, so that the whole has `bytes` bytes.
pub(crate) fn filler(bytes: usize) -> String {
    "the quick brown fox "
        .chars()
        .cycle()
        .take(bytes.saturating_sub(STAMP_BYTES))
        .collect()
}

/// Records one run's deliveries.
pub(crate) struct Recorder {
    /// Nanoseconds from the scheduled moment to the arrival, over all receivers.
    pub(crate) latencies: Histogram<u64>,
    /// Deliveries that counted: each message once to each reader.
    pub(crate) delivered: u64,
    /// Deliveries that came twice, or before an earlier one.
    pub(crate) disordered: u64,
    /// Connections that ended.
    pub(crate) ended: usize,
    /// The size of the last message's frame.
    pub(crate) frame_bytes: usize,
    /// Requests of the publisher that were refused.
    pub(crate) refused: u64,
    /// The slowest delivery of each message.
    slowest: Vec<u64>,
    /// The number of the next message for each member.
    next: Vec<u32>,
    /// What was due earlier belongs to an earlier run.
    start: u64,
    /// Where the stamp was last time: it moves only when a number in front of it gets longer.
    place: usize,
}

impl Recorder {
    /// For a run that begins at `start`.
    pub(crate) fn new(members: usize, messages: u32, start: u64) -> anyhow::Result<Self> {
        Ok(Self {
            latencies: Histogram::new(3)?,
            delivered: 0,
            disordered: 0,
            ended: 0,
            frame_bytes: 0,
            refused: 0,
            slowest: vec![0; usize::try_from(messages)?],
            next: vec![0; members],
            start,
            place: 0,
        })
    }

    /// How long each message took to its last receiver.
    pub(crate) fn to_last(&self) -> anyhow::Result<Histogram<u64>> {
        let mut histogram = Histogram::new(3)?;
        for slowest in &self.slowest {
            histogram.record(*slowest)?;
        }
        Ok(histogram)
    }

    fn stamp(&mut self, payload: &[u8]) -> Option<(u64, u32)> {
        let is_here = |place: usize| payload.get(place..).is_some_and(|rest| rest.starts_with(MARK));
        if !is_here(self.place) {
            self.place = payload.windows(MARK.len()).position(|window| window == MARK)?;
        }
        let stamp = payload.get(self.place + MARK.len()..self.place + STAMP_BYTES)?;
        Some((hex(&stamp[..16])?, u32::try_from(hex(&stamp[17..25])?).ok()?))
    }
}

impl Sink for Recorder {
    fn frame(&mut self, member: usize, frame: &Frame<'_>, now: u64) {
        // Answers carry the stamp, too, but only the publisher gets any.
        if frame.payload.starts_with(b"{\"id\":") {
            self.refused += u64::from(frame.payload.windows(8).any(|window| window == b"\"error\":"));
            return;
        }
        let Some((due, number)) = self.stamp(frame.payload) else {
            return;
        };
        if due < self.start {
            return;
        }
        self.frame_bytes = frame.length;
        if number < self.next[member] {
            self.disordered += 1;
            return;
        }
        // What a gap leaves out is missing from the count of deliveries.
        self.delivered += 1;
        self.next[member] = number + 1;
        let latency = now.saturating_sub(due);
        // A histogram that grows by itself takes every value.
        let _ = self.latencies.record(latency);
        if let Some(slowest) = self.slowest.get_mut(number as usize) {
            *slowest = latency.max(*slowest);
        }
    }

    fn ended(&mut self, _: usize) {
        self.ended += 1;
    }
}

fn hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| {
        Some(value << 4 | u64::from(char::from(*digit).to_digit(16)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::frame;

    #[test]
    fn the_stamp_is_found_wherever_it_is() {
        let mut recorder = Recorder::new(1, 3, 5).unwrap();
        for (number, front) in ["{\"rev\":9,", "{\"rev\":10,", "{"].into_iter().enumerate() {
            let number = u32::try_from(number).unwrap();
            let text = stamped(10, number, &filler(100));
            assert_eq!(text.len(), 100);
            let bytes = frame::from_server(&format!("{front}{text}"));
            recorder.frame(0, &frame::first(&bytes).unwrap(), 12);
        }
        let other = frame::from_server("{\"signal\":\"typing\"}");
        recorder.frame(0, &frame::first(&other).unwrap(), 12);
        let early = frame::from_server(&stamped(4, 0, ""));
        recorder.frame(0, &frame::first(&early).unwrap(), 12);
        assert_eq!((recorder.delivered, recorder.disordered), (3, 0));
        assert_eq!(recorder.latencies.max(), 2);
        assert_eq!(recorder.to_last().unwrap().max(), 2);
    }
}
