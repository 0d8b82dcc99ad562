//! How bad a simulated day is.

use super::random::Random;

/// How often what goes wrong, of 1,000 operations on documents, and for how long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// An operation is delayed before and after it is carried out, so that others overtake it.
    pub delay: u64,
    /// The longest delay.
    pub delay_ms: u64,
    /// How long a write takes at most to reach a majority; until then only the primary has it.
    pub replication_ms: u64,
    /// An operation gets no clear answer and was not carried out.
    pub lost: u64,
    /// A write gets no clear answer, although it was carried out.
    pub unclear: u64,
    /// A write gets no clear answer and is carried out later.
    pub late: u64,
    /// The node that asks dies.
    pub kill: u64,
    /// Another primary takes over and does not have what a majority does not have.
    pub fail_over: u64,
    /// A clock jumps.
    pub clock: u64,
}

impl Faults {
    /// Some mixture; many leave most things out, so that rare combinations get their days too.
    pub fn random(random: &Random) -> Self {
        let some = |most: u64| {
            if random.chance(500) {
                0
            } else {
                random.between(1, most)
            }
        };
        Self {
            delay: some(700),
            delay_ms: random.between(1, 40),
            replication_ms: some(40),
            lost: some(80),
            unclear: some(150),
            late: some(150),
            kill: some(30),
            fail_over: some(150),
            clock: some(30),
        }
    }
}
