//! In which form Madang runs, and how a node is told.

use std::hash::{Hash as _, Hasher as _};
use std::path::Path;
use std::process::Command;

/// In which form Madang runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One node that keeps its data with sled.
    Sled,
    /// One node that keeps its data with redb.
    Redb,
    /// One node that keeps its data in a MongoDB.
    Mongodb,
    /// Two nodes over MongoDB, Kafka and Redis. Whoever connects comes to another one than who connected last, and requests
    /// go there, too, until the next one connects.
    Cluster,
    /// One node over MongoDB, Kafka and Redis.
    ClusterOfOne,
}

/// Where the services of the tests are.
const MONGODB: &str = "MADANG_TEST_MONGO_URL";
const KAFKA: &str = "MADANG_TEST_KAFKA";
const REDIS: &str = "MADANG_TEST_REDIS_URL";

/// Scenarios about one process, or whole nouns of them: its certificates, its folder, its log, its figures, how many sockets
/// it takes, how it ends.
/// Also those that try as often as one node allows: of several each allows its part.
const OF_ONE_PROCESS: [&str; 12] = [
    "acme",
    "keeper",
    "operation",
    "sockets",
    "tls",
    "the_figures_tell_what_happened",
    "a_name_that_looks_like_another_is_taken",
    "guessing_from_many_addresses_locks_nobody_out_at_home",
    "guessing_passwords_is_slowed_and_the_owner_still_gets_in",
    "of_two_who_use_a_link_one_does_and_guesses_are_slowed",
    "of_two_who_want_one_name_one_gets_it_and_floods_are_slowed",
    "whoever_has_the_link_chooses_a_password_once",
];

impl Form {
    /// The form in which a scenario of a noun runs.
    pub(crate) fn of(self, noun: &str, scenario: &str) -> Self {
        let is_of_one = OF_ONE_PROCESS.contains(&noun) || OF_ONE_PROCESS.contains(&scenario);
        match self {
            Self::Cluster if is_of_one => Self::ClusterOfOne,
            form => form,
        }
    }

    /// Whether the data is in the folder.
    pub(crate) const fn is_embedded(self) -> bool {
        matches!(self, Self::Sled | Self::Redb)
    }

    /// How many nodes there are.
    pub(super) const fn nodes(self) -> usize {
        match self {
            Self::Cluster => 2,
            _ => 1,
        }
    }

    /// Whether the services are here that this form needs. If not it is said, and where all are required it fails.
    #[allow(clippy::print_stderr, reason = "what was not run must be seen")]
    pub(crate) fn is_here(self) -> bool {
        let needs = match self {
            Self::Sled | Self::Redb => &[][..],
            Self::Mongodb => &[MONGODB],
            Self::Cluster | Self::ClusterOfOne => &[MONGODB, KAFKA, REDIS],
        };
        let Some(missing) = needs.iter().find(|need| std::env::var_os(need).is_none()) else {
            return true;
        };
        let why = format!("{missing} is not set: see `cargo xtask services up`");
        let is_required = std::env::var("REQUIRE_SERVICES").is_ok_and(|value| value == "1");
        assert!(!is_required, "{why}");
        eprintln!("NOT RUN: {why}");
        false
    }

    /// Tells a node where the data of a world is, and how it meets the others.
    pub(super) fn configure(self, command: &mut Command, world: &Path) {
        let kind = match self {
            Self::Sled => "sled",
            Self::Redb => "redb",
            Self::Mongodb | Self::Cluster | Self::ClusterOfOne => "mongodb",
        };
        command.env("MADANG_STORAGE__KIND", kind);
        if self.is_embedded() {
            return;
        }
        // As many databases as worlds; `cargo xtask services down` removes them.
        let mut hasher = std::hash::DefaultHasher::new();
        world.hash(&mut hasher);
        let name = format!("test_{:x}", hasher.finish());
        command
            .env("MADANG_STORAGE__URL", given(MONGODB))
            .env("MADANG_STORAGE__DATABASE", &name);
        if self == Self::Mongodb {
            return;
        }
        command
            .env("MADANG_BROKER__KIND", "kafka")
            .env("MADANG_BROKER__SERVERS", format!("[\"{}\"]", given(KAFKA)))
            .env("MADANG_BROKER__TOPICS", &name)
            .env("MADANG_BROKER__PARTITIONS", "2")
            .env("MADANG_BROKER__REPLICAS", "1")
            .env("MADANG_PRESENCE__KIND", "redis")
            .env("MADANG_PRESENCE__URL", given(REDIS))
            .env("MADANG_PRESENCE__PREFIX", format!("{name}:"));
    }
}

fn given(variable: &str) -> String {
    std::env::var(variable).expect("it was looked for before")
}
