//! How much processor time a process used.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use anyhow::Context as _;

/// The processor time of each thread of a process at one moment.
///
/// `/proc/<process>/stat` counts in hundredths of a second, too coarse for a run of ten messages a second;
/// `schedstat` counts nanoseconds, but for one thread at a time.
#[derive(Debug, Clone)]
pub(crate) struct Cpu {
    process: u32,
    threads: HashMap<String, u64>,
}

impl Cpu {
    /// What the process has used until now.
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let folder = format!("/proc/{process}/task");
        let mut threads = HashMap::new();
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))? {
            let thread = entry?.file_name().to_string_lossy().into_owned();
            // A thread may end between the list and the look at it.
            let Ok(text) = fs::read_to_string(format!("{folder}/{thread}/schedstat")) else {
                continue;
            };
            let used = text.split_whitespace().next().unwrap_or_default();
            threads.insert(thread, used.parse().context("schedstat is not a number")?);
        }
        anyhow::ensure!(
            !threads.is_empty(),
            "the kernel does not count processor time in {folder}/*/schedstat"
        );
        Ok(Self { process, threads })
    }

    /// What the same process has used since. Threads that ended in between are missing.
    pub(crate) fn elapsed(&self) -> anyhow::Result<Duration> {
        let now = Self::of(self.process)?;
        let used = now.threads.iter().map(|(thread, used)| {
            let before = self.threads.get(thread).copied().unwrap_or_default();
            used.saturating_sub(before)
        });
        Ok(Duration::from_nanos(used.sum()))
    }
}

/// How much processor time the whole machine has used since it started, this process and the measured one included.
/// Counted in hundredths of a second.
pub(crate) fn machine() -> anyhow::Result<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().context("/proc/stat is empty")?;
    let fields = line
        .split_whitespace()
        .skip(1)
        .map(str::parse)
        .collect::<Result<Vec<u64>, _>>()?;
    // user nice system idle iowait irq softirq steal; what is stolen by other virtual machines is missing here, too.
    let busy = [0, 1, 2, 5, 6, 7].iter().filter_map(|index| fields.get(*index));
    Ok(Duration::from_millis(busy.sum::<u64>() * 10))
}
