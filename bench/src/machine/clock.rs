//! The clock that stamps messages: the same for every process of the machine, and never set back.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Now, in nanoseconds of `CLOCK_MONOTONIC`.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // Neither part is ever negative on this clock.
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// Sleeps until then; at once when it has passed.
pub(crate) fn sleep_until(moment: u64) {
    std::thread::sleep(until(moment));
}

/// How long it is until then; nothing when it has passed.
pub(crate) fn until(moment: u64) -> Duration {
    Duration::from_nanos(moment.saturating_sub(now()))
}

/// The processor time that this process has used.
pub(crate) fn own_cpu() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        used.tv_sec.unsigned_abs(),
        u32::try_from(used.tv_nsec).unwrap_or_default(),
    )
}
