//! The document simulator: databases of single documents on good days and on bad ones.
//!
//! - [`Cluster`]: nodes that share a database in which writes are late, lost, unclear or rolled back, while nodes die
//!   and clocks jump; all of it decided by a seed.
//! - [`history`]: what clients did and saw, and the rules that every such history must keep.
//! - [`QuietDatabase`]: the same database with nothing going wrong.

mod cluster;
mod database;
mod faults;
pub mod history;
mod looks;
mod node;
mod quiet;
mod random;
mod recorder;
mod run;
mod state_work;
mod surroundings;
mod trace;
mod workload;

pub use cluster::{Cluster, ClusterOptions};
pub use faults::Faults;
pub use quiet::{QuietDatabase, open_quiet};
pub use random::Random;
pub use recorder::{Invoked, Recorder};
pub use run::{Run, RunOptions, run};
pub use surroundings::{SimClock, SimIds};
pub use trace::Trace;
