//! The disk's own floor: one small write and one sync.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use hdrhistogram::Histogram;

/// Appends 4 KiB and syncs, `times` times; answers the latencies in microseconds.
pub(crate) fn sync_floor(folder: &Path, times: u64) -> anyhow::Result<Histogram<u64>> {
    let path = folder.join("floor");
    let file = File::create(&path)?;
    let block = [7; 4096];
    let mut histogram = Histogram::new(3)?;
    for index in 0..times {
        let start = Instant::now();
        file.write_all_at(&block, index * 4096)?;
        file.sync_data()?;
        histogram.record(u64::try_from(start.elapsed().as_micros())?)?;
    }
    std::fs::remove_file(path)?;
    Ok(histogram)
}
