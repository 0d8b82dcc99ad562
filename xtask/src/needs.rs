//! What tests need besides a Rust toolchain.

use crate::apt::Apt;
use crate::steps::Steps;
use crate::workspace::{has, on_path, output_of, target};

/// Something that tests need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Compiles the fault recorder.
    CCompiler,
    /// What Kafka's library is built with.
    KafkaLibraries,
    /// Runs the UI's scripts and the browser tests.
    Node,
    /// Runs the UI in browser tests.
    Browser,
    /// Gives certificates to a server that is tested.
    Pebble,
    /// Without it Korean is boxes in screenshots.
    CjkFont,
    /// Without it emoji are boxes in screenshots.
    EmojiFont,
}

/// How a tool is recognised and where it comes from.
struct Need {
    tool: Tool,
    /// The file in the repository whose tests need it: without the file there is no need.
    wanted_by: &'static str,
    present: fn() -> bool,
    /// Debian's packages; none when Debian's are too old.
    packages: &'static [&'static str],
    /// What to do elsewhere.
    advice: &'static str,
}

/// Where the browser tests are.
pub(crate) const E2E: &str = "tests/e2e/package.json";
/// Where certificates are asked for.
const ACME: &str = "tests/scenarios/acme.rs";
/// The authority that the tests ask, as Go names it.
const PEBBLE: &str = "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1";
/// Where Kafka's library is used.
const KAFKA: &str = "src/broker/kafka/mod.rs";
/// Where the fault tests are.
pub(crate) const FAULTS: &str = "tests/faults/Cargo.toml";

const OLDEST_NODE: u32 = 20;

const NEEDS: &[Need] = &[
    Need {
        tool: Tool::CCompiler,
        wanted_by: FAULTS,
        present: || on_path(&["cc", "gcc", "clang"]).is_some(),
        packages: &["gcc", "libc6-dev"],
        advice: "no C compiler: install gcc or clang with the C library's headers",
    },
    Need {
        tool: Tool::KafkaLibraries,
        wanted_by: KAFKA,
        present: has_kafka_libraries,
        packages: &["g++", "libssl-dev", "make", "pkg-config", "zlib1g-dev"],
        advice: "Kafka's library cannot be built: install a C++ compiler, make, and the headers of OpenSSL and zlib",
    },
    Need {
        tool: Tool::Node,
        wanted_by: E2E,
        present: node_is_new_enough,
        packages: &[],
        advice: "no Node.js of version 20.19 or newer with npm: get it from https://nodejs.org",
    },
    Need {
        tool: Tool::Browser,
        wanted_by: E2E,
        present: || browser().is_some(),
        packages: &["chromium"],
        advice: "no browser: install Chromium or Chrome so that it is on the path",
    },
    Need {
        tool: Tool::Pebble,
        wanted_by: ACME,
        present: || pebble().is_file(),
        packages: &[],
        advice: "no ACME server: install Go, with which pebble is built",
    },
    Need {
        tool: Tool::CjkFont,
        wanted_by: E2E,
        present: || has_font(":lang=ko"),
        packages: &["fontconfig", "fonts-noto-cjk"],
        advice: "no font for Korean: install Noto Sans CJK",
    },
    Need {
        tool: Tool::EmojiFont,
        wanted_by: E2E,
        present: || has_font(":lang=und-zsye"),
        packages: &["fontconfig", "fonts-noto-color-emoji"],
        advice: "no font for emoji: install Noto Color Emoji",
    },
];

/// Installs what is needed and missing where that is possible, and tells what is still missing.
pub(crate) fn provide(steps: &mut Steps) {
    let missing: Vec<&Need> = NEEDS
        .iter()
        .filter(|need| has(need.wanted_by))
        .filter(|need| !(need.present)())
        .collect();
    let mut packages: Vec<&str> = missing.iter().flat_map(|need| need.packages).copied().collect();
    packages.sort_unstable();
    packages.dedup();
    if !packages.is_empty()
        && let Some(apt) = Apt::find()
    {
        apt.install(steps, &packages);
    }
    if missing.iter().any(|need| need.tool == Tool::Pebble) && on_path(&["go"]).is_some() {
        build_pebble(steps);
    }
    for need in missing.into_iter().filter(|need| !(need.present)()) {
        steps.missing("needed for tests", need.advice);
    }
}

/// Where the ACME server of the tests is, once it is built.
pub(crate) fn pebble() -> std::path::PathBuf {
    target().join("tools/pebble")
}

fn build_pebble(steps: &mut Steps) {
    let mut build = std::process::Command::new("go");
    build
        .args(["install", PEBBLE])
        .env("GOBIN", target().join("tools"));
    steps.fetch("pebble", &mut build);
}

/// Whether a tool is here.
pub(crate) fn is_present(tool: Tool) -> bool {
    need(tool).is_some_and(|need| (need.present)())
}

/// What to say when a tool is not here.
pub(crate) fn advice(tool: Tool) -> &'static str {
    need(tool).map_or("", |need| need.advice)
}

fn need(tool: Tool) -> Option<&'static Need> {
    NEEDS.iter().find(|need| need.tool == tool)
}

/// An installed browser that Playwright can drive.
pub(crate) fn browser() -> Option<std::path::PathBuf> {
    on_path(&[
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ])
}

fn has_kafka_libraries() -> bool {
    let has_library = |name: &str| {
        let is_known = std::process::Command::new("pkg-config")
            .args(["--exists", name])
            .status();
        is_known.is_ok_and(|status| status.success())
    };
    on_path(&["c++", "g++", "clang++"]).is_some()
        && on_path(&["make"]).is_some()
        && ["openssl", "zlib"].into_iter().all(has_library)
}

fn node_is_new_enough() -> bool {
    let version = output_of("node", &["--version"]);
    on_path(&["npm"]).is_some()
        && version
            .and_then(|text| major(&text))
            .is_some_and(|major| major >= OLDEST_NODE)
}

/// The first number of a version like `v20.19.2`.
fn major(version: &str) -> Option<u32> {
    version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()?
        .parse()
        .ok()
}

fn has_font(pattern: &str) -> bool {
    output_of("fc-list", &[pattern]).is_some_and(|fonts| !fonts.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_described_once() {
        for tool in [
            Tool::CCompiler,
            Tool::KafkaLibraries,
            Tool::Node,
            Tool::Browser,
            Tool::Pebble,
            Tool::CjkFont,
            Tool::EmojiFont,
        ] {
            assert_eq!(
                NEEDS.iter().filter(|need| need.tool == tool).count(),
                1,
                "{tool:?}"
            );
            assert!(!advice(tool).is_empty());
        }
    }

    #[test]
    fn reads_node_versions() {
        assert_eq!(major("v20.19.2\n"), Some(20));
        assert_eq!(major("nonsense"), None);
    }
}
