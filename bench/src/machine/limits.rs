//! How many files a process may have open.

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a process needs besides its connections.
const BESIDES: usize = 200;

/// Raises the limit of open files as far as the system allows, for this process and those that it starts, and makes
/// sure that `connections` fit.
pub(crate) fn allow_connections(connections: usize) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).context("cannot raise the limit of open files")?;
    }
    let needed = u64::try_from(connections + BESIDES)?;
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    anyhow::ensure!(
        needed <= allowed,
        "{connections} connections need {needed} open files, and this process may have {allowed}: raise the hard \
         limit (ulimit -Hn) or ask for fewer"
    );
    Ok(())
}
