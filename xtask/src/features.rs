//! The feature sets that must compile without a warning. The one list of them; `tests/tidy.rs` checks that every
//! crate with features stands in it.

/// A crate, and the flags that choose its features.
pub(crate) struct FeatureSet {
    /// The crate.
    pub(crate) package: &'static str,
    /// Flags for cargo.
    pub(crate) flags: &'static [&'static str],
}

const DEFAULT: &[&str] = &[];
const NONE: &[&str] = &["--no-default-features"];
const MONGODB: &[&str] = &["--no-default-features", "--features", "mongodb"];
const KAFKA: &[&str] = &["--no-default-features", "--features", "kafka"];
const REDIS: &[&str] = &["--no-default-features", "--features", "redis"];
const ALL: &[&str] = &["--all-features"];
/// The tests that run by their name only.
const BAD_DAYS: &[&str] = &["--all-features", "--test", "cluster"];
/// Without tests, and therefore without what only tests switch on: the crate as others get it.
const SHIPPED: &[&str] = &["--lib", "--bins"];

/// Each set is checked in turn, with its tests where nothing else is said.
pub(crate) const SETS: &[FeatureSet] = &[
    FeatureSet {
        package: "madang",
        flags: SHIPPED,
    },
    FeatureSet {
        package: "madang",
        flags: DEFAULT,
    },
    FeatureSet {
        package: "madang",
        flags: NONE,
    },
    FeatureSet {
        package: "madang",
        flags: MONGODB,
    },
    FeatureSet {
        package: "madang",
        flags: KAFKA,
    },
    FeatureSet {
        package: "madang",
        flags: REDIS,
    },
    FeatureSet {
        package: "madang",
        flags: ALL,
    },
    FeatureSet {
        package: "madang",
        flags: BAD_DAYS,
    },
    FeatureSet {
        package: "madang-storage",
        flags: DEFAULT,
    },
    FeatureSet {
        package: "madang-storage",
        flags: NONE,
    },
    FeatureSet {
        package: "madang-storage",
        flags: MONGODB,
    },
    FeatureSet {
        package: "madang-storage",
        flags: ALL,
    },
    FeatureSet {
        package: "madang-bench",
        flags: DEFAULT,
    },
    FeatureSet {
        package: "madang-faults",
        flags: DEFAULT,
    },
    FeatureSet {
        package: "madang-web",
        flags: DEFAULT,
    },
    FeatureSet {
        package: "xtask",
        flags: DEFAULT,
    },
];

impl FeatureSet {
    /// What the step is called.
    pub(crate) fn name(&self) -> String {
        let flags = if self.flags.is_empty() {
            "default features".to_owned()
        } else {
            self.flags.join(" ")
        };
        format!("clippy: {}, {flags}", self.package)
    }

    /// Cargo's arguments for clippy.
    pub(crate) fn clippy(&self) -> Vec<&'static str> {
        let mut arguments = vec!["clippy", "--locked", "--package", self.package];
        arguments.extend(self.flags);
        if self.flags != SHIPPED && self.flags != BAD_DAYS {
            arguments.push("--all-targets");
        }
        arguments.extend(["--", "-D", "warnings"]);
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_linted_unless_the_set_is_as_shipped() {
        let shipped = FeatureSet {
            package: "madang",
            flags: SHIPPED,
        };
        assert!(!shipped.clippy().contains(&"--all-targets"));
        let all = FeatureSet {
            package: "madang",
            flags: ALL,
        };
        assert!(all.clippy().contains(&"--all-targets"));
        assert_eq!(all.name(), "clippy: madang, --all-features");
    }
}
