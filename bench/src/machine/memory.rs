//! What a process holds in memory, as the kernel counts it.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// The memory of a process, in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Resident set size.
    pub(crate) rss: u64,
    /// Proportional set size: what is shared with other processes counts in part.
    pub(crate) pss: u64,
}

impl Memory {
    /// Reads `/proc/<process>/smaps_rollup`.
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
        Ok(Self {
            rss: field(&text, "Rss:")?,
            pss: field(&text, "Pss:")?,
        })
    }

    /// Waits until the process holds the same for two seconds, or half a minute has passed.
    pub(crate) fn settled(process: u32) -> anyhow::Result<Self> {
        let start = Instant::now();
        let mut since = start;
        let mut last = Self::of(process)?;
        while since.elapsed() < Duration::from_secs(2) && start.elapsed() < Duration::from_secs(30) {
            thread::sleep(Duration::from_millis(200));
            let now = Self::of(process)?;
            // A page or two come and go in every process that has a timer.
            if now.pss.abs_diff(last.pss) > 64 {
                since = Instant::now();
                last = now;
            }
        }
        Self::of(process)
    }
}

/// What the kernel's own structures hold, sockets among them, in KiB.
pub(crate) fn kernel_slab() -> anyhow::Result<u64> {
    field(&fs::read_to_string("/proc/meminfo")?, "Slab:")
}

fn field(text: &str, name: &str) -> anyhow::Result<u64> {
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(value
        .with_context(|| format!("the kernel tells no {name}"))?
        .parse()?)
}
