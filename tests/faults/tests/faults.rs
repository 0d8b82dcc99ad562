//! The fault tests, each by name for each engine.
//!
//! `MADANG_FAULT_SEED` repeats the choices of a failed run; `MADANG_FAULT_CYCLES`, `MADANG_FAULT_IMAGES` and
//! `MADANG_FAULT_FLIPS` make runs longer.

// A test tells what it counted.
#![allow(clippy::print_stderr)]

mod scenarios;

use scenarios::{damage, full, kill, power, processes};

/// Defines the tests of one engine in a module of its name.
macro_rules! engine {
    ($name:ident, $kind:expr) => {
        mod $name {
            use madang_storage::engine::EngineKind;

            const KIND: EngineKind = $kind;

            #[test]
            fn kill_9_loses_nothing() {
                super::kill::kill_9_loses_nothing(KIND);
            }

            #[test]
            fn power_loss_loses_nothing_acknowledged_or_seen() {
                super::power::power_loss_loses_nothing(KIND);
            }

            #[test]
            fn full_disk_stops_writes_and_loses_nothing() {
                super::full::full_disk_loses_nothing(KIND);
            }

            #[test]
            fn nearly_full_disk_refuses_writes_until_space_is_free() {
                super::full::nearly_full_disk_recovers(KIND);
            }

            #[test]
            fn flipped_bytes_are_never_silent() {
                super::damage::flipped_bytes_are_never_silent(KIND);
            }

            #[test]
            fn second_process_is_refused() {
                super::processes::second_process_is_refused(KIND);
            }
        }
    };
}

engine!(sled, EngineKind::Sled);
engine!(redb, EngineKind::Redb);

/// What only sled leaves behind.
mod sled_only {
    #[test]
    fn leftover_snapshot_garbage_is_harmless() {
        super::damage::leftover_snapshot_garbage_is_harmless();
    }
}
