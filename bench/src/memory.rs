//! What a process holds in memory, as the kernel counts it.

use std::fs;

/// Resident set size of a process, in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Resident set size.
    pub(crate) rss: u64,
}

impl Memory {
    /// Reads `/proc/<process>/smaps_rollup`.
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
        let field = |name: &str| -> anyhow::Result<u64> {
            let line = text.lines().find(|line| line.starts_with(name));
            let value = line.and_then(|line| line.split_whitespace().nth(1));
            Ok(value
                .ok_or_else(|| anyhow::anyhow!("smaps_rollup has no {name}"))?
                .parse()?)
        };
        Ok(Self { rss: field("Rss:")? })
    }
}
