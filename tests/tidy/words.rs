//! What must not be named where.

use super::source::code_only;

const LONGEST: usize = 500;
/// The parts of names that say which backend is meant.
const BACKENDS: [&str; 7] = ["kafka", "mongo", "mongodb", "rdkafka", "redb", "redis", "sled"];
/// What only transports know.
const TRANSPORTS: [&str; 3] = ["axum", "hyper", "tungstenite"];
const SEAMS: [&str; 4] = ["broker", "presence", "files", "search"];

/// Source files that nobody can read in one go.
pub(crate) fn too_long(path: &str, text: &str) -> Vec<String> {
    let is_source = [".rs", ".ts", ".svelte", ".css", ".c"]
        .iter()
        .any(|ending| path.ends_with(ending));
    let lines = text.lines().count();
    if !is_source || lines <= LONGEST {
        return Vec::new();
    }
    vec![format!(
        "{path}: {lines} lines, at most {LONGEST} are allowed: split it by what its parts are about"
    )]
}

/// Transports and backends in the logic of the chat.
pub(crate) fn impure_chat(path: &str, text: &str) -> Vec<String> {
    if !path.starts_with("src/chat/") || !path.ends_with(".rs") {
        return Vec::new();
    }
    let code = code_only(text);
    let mut found = words_among(&code, &[&TRANSPORTS[..], &BACKENDS[..]].concat());
    if code.contains("tokio::net") || code.contains("std::net::Tcp") {
        found.push("tokio::net".to_owned());
    }
    found
        .into_iter()
        .map(|word| {
            format!(
                "{path}: `{word}` in the chat's logic, which is written once for every transport and backend: \
                 go through a seam, or do it in the transport"
            )
        })
        .collect()
}

/// Backends outside the composition root, the configuration, the seams' lists and the backend's own file.
pub(crate) fn named_backends(path: &str, text: &str) -> Vec<String> {
    let is_seam_list = SEAMS.iter().any(|seam| path == format!("src/{seam}/mod.rs"));
    let may_name_all = path == "src/app/data.rs"
        || path == "src/app/nodes.rs"
        || path == "src/cli/version.rs"
        || path.starts_with("src/config/");
    if !path.starts_with("src/") || !path.ends_with(".rs") || is_seam_list || may_name_all {
        return Vec::new();
    }
    let in_seam = SEAMS
        .iter()
        .find_map(|seam| path.strip_prefix(&format!("src/{seam}/")))
        .unwrap_or_default();
    let files: Vec<&str> = in_seam
        .split(['/', '.'])
        .filter(|part| !part.is_empty())
        .collect();
    let own = |word: &str| {
        files
            .iter()
            .any(|file| word.ends_with(file) || file.starts_with(word))
    };
    let found = words_among(&code_only(text), &BACKENDS);
    found
        .into_iter()
        .filter(|word| !own(word))
        .map(|word| {
            format!(
                "{path}: `{word}` is a backend; only src/app/data.rs, src/app/nodes.rs, src/config/ and its own file may name it"
            )
        })
        .collect()
}

/// Engines and databases outside their own part of the storage crate.
pub(crate) fn leaked_engines(path: &str, text: &str) -> Vec<String> {
    const HOMES: [(&str, &str); 3] = [
        ("sled", "storage/src/engine/"),
        ("redb", "storage/src/engine/"),
        ("mongodb", "storage/src/mongo"),
    ];
    if !path.starts_with("storage/src/") || !path.ends_with(".rs") {
        return Vec::new();
    }
    let code = code_only(text);
    HOMES
        .iter()
        .filter(|(name, home)| !path.starts_with(home) && code.contains(&format!("{name}::")))
        .map(|(name, home)| {
            format!("{path}: `{name}::` outside {home}: no type of an engine leaves its own file")
        })
        .collect()
}

/// Conditional compilation by feature, outside the places that put the program together.
pub(crate) fn misplaced_cfg(path: &str, text: &str) -> Vec<String> {
    const PLACES: [&str; 5] = [
        "src/app/data.rs",
        "src/app/nodes.rs",
        "src/cli/version.rs",
        "src/http/ui.rs",
        "storage/src/lib.rs",
    ];
    let is_seam = SEAMS.iter().any(|seam| path == format!("src/{seam}/mod.rs"));
    let is_ours = path.starts_with("src/") || path.starts_with("storage/src/");
    if !is_ours || !path.ends_with(".rs") || is_seam || PLACES.contains(&path) {
        return Vec::new();
    }
    let code = code_only(text);
    let conditions = ["cfg(", "cfg!(", "cfg_attr("]
        .iter()
        .flat_map(|start| code.match_indices(start));
    conditions
        .filter(|(at, start)| words(arguments(&code[at + start.len()..])).any(|word| word == "feature"))
        .map(|(at, _)| {
            format!(
                "{path}:{}: a feature is asked for in the logic: features choose whole files, in {}, or in a seam's \
                 mod.rs",
                line(&code, at),
                PLACES.join(", ")
            )
        })
        .collect()
}

/// `unsafe` in Rust.
pub(crate) fn unsafe_code(path: &str, text: &str) -> Vec<String> {
    if !path.ends_with(".rs") || !words(&code_only(text)).any(|word| word == "unsafe") {
        return Vec::new();
    }
    vec![format!(
        "{path}: unsafe code: find the safe way, or a crate that has been looked at by many"
    )]
}

/// Paths that only exist on the machine of whoever wrote them.
pub(crate) fn machine_paths(path: &str, text: &str) -> Vec<String> {
    // In parts, so that this file does not find itself.
    const PLACES: [&str; 4] = [
        concat!("/wo", "rk/"),
        concat!("/tmp", "/wt"),
        concat!("/Use", "rs/"),
        concat!("/ro", "ot/"),
    ];
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let starts_here = |place: &&&str| {
            line.match_indices(**place).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && !"._-/~}".contains(c))
            })
        };
        if let Some(place) = PLACES.iter().find(starts_here) {
            problems.push(format!(
                "{path}:{}: `{place}` exists on one machine only: name places from the repository's root",
                number + 1
            ));
        }
    }
    problems
}

/// The changelog without a place for what comes next.
pub(crate) fn changelog_without_unreleased(text: &str) -> Vec<String> {
    if text.lines().any(|line| line.trim_end() == "## [Unreleased]") {
        return Vec::new();
    }
    vec!["CHANGELOG.md: add the line `## [Unreleased]` on top, for what comes next".to_owned()]
}

/// Those of `searched` that a name in the code consists of, wholly or in part: `kafka` in `KafkaBroker`.
fn words_among(code: &str, searched: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = words(code)
        .flat_map(parts)
        .map(|part| part.to_lowercase())
        .filter(|part| searched.contains(&part.as_str()))
        .collect();
    found.sort();
    found.dedup();
    found
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// The parts of a name: `snake_case` and `CamelCase` come apart.
fn parts(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in name.split('_') {
        let mut start = 0;
        for (at, pair) in part.as_bytes().windows(2).enumerate() {
            if pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase() {
                parts.push(&part[start..=at]);
                start = at + 1;
            }
        }
        parts.push(&part[start..]);
    }
    parts
}

/// What stands up to the parenthesis that closes one opened just before.
fn arguments(text: &str) -> &str {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..at];
        }
    }
    text
}

fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_fail() {
        let text = "//\n".repeat(LONGEST);
        assert!(too_long("src/chat/rooms.rs", &text).is_empty());
        assert_eq!(too_long("src/chat/rooms.rs", &format!("{text}//")).len(), 1);
        assert_eq!(too_long("web/src/App.svelte", &format!("{text}//")).len(), 1);
        assert!(too_long("Cargo.lock", &format!("{text}//")).is_empty());
    }

    #[test]
    fn transports_and_backends_in_the_logic_fail() {
        let path = "src/chat/messages.rs";
        assert_eq!(impure_chat(path, "use axum::Json;").len(), 1);
        assert_eq!(impure_chat(path, "use tokio::net::TcpStream;").len(), 1);
        assert_eq!(
            impure_chat(path, "fn f(broker: KafkaBroker, s: crate::store::MongoDb) {}").len(),
            2
        );
        assert!(
            impure_chat(
                path,
                "// not redis\nfn redistribute(sledge: &str) { log(\"kafka\") }"
            )
            .is_empty()
        );
        assert!(impure_chat("src/http/messages.rs", "use axum::Json;").is_empty());
    }

    #[test]
    fn backends_named_elsewhere_fail() {
        assert_eq!(
            named_backends("src/hub/mod.rs", "let broker = KafkaBroker::new();").len(),
            1
        );
        assert_eq!(
            named_backends("src/broker/memory.rs", "use super::kafka::Kafka;").len(),
            1
        );
        assert_eq!(named_backends("src/cli/sled.rs", "EngineKind::Sled").len(), 1);
        assert!(named_backends("src/broker/kafka.rs", "use rdkafka::Message; struct Kafka;").is_empty());
        assert!(named_backends("src/presence/redis/mod.rs", "use redis::Client;").is_empty());
        assert!(named_backends("src/broker/mod.rs", "mod kafka;").is_empty());
        assert!(named_backends("src/app/data.rs", "EngineKind::Sled").is_empty());
        assert!(named_backends("src/config/store.rs", "enum Store { Sled, Mongodb }").is_empty());
    }

    #[test]
    fn engines_outside_their_file_fail() {
        assert_eq!(
            leaked_engines("storage/src/embedded/mod.rs", "fn f(db: sled::Db) {}").len(),
            1
        );
        assert!(leaked_engines("storage/src/embedded/mod.rs", "EngineKind::Sled // sled::Db").is_empty());
        assert!(leaked_engines("storage/src/engine/sled.rs", "use sled::Db; sled::open();").is_empty());
    }

    #[test]
    fn features_asked_for_in_the_logic_fail() {
        let condition = "#[cfg(all(unix, feature = \"kafka\"))]\nmod kafka;";
        assert_eq!(misplaced_cfg("src/chat/messages.rs", condition).len(), 1);
        assert_eq!(
            misplaced_cfg("storage/src/embedded/mod.rs", "if cfg!(feature = \"x\") {}").len(),
            1
        );
        assert_eq!(
            misplaced_cfg("src/hub/mod.rs", "#[cfg_attr(feature = \"x\", allow(y))]").len(),
            1
        );
        assert!(misplaced_cfg("src/broker/mod.rs", condition).is_empty());
        assert!(misplaced_cfg("src/chat/messages.rs", "#[cfg(test)] mod tests; fn feature() {}").is_empty());
        assert!(misplaced_cfg("storage/tests/conformance.rs", condition).is_empty());
    }

    #[test]
    fn unsafe_code_fails() {
        assert_eq!(unsafe_code("storage/src/lib.rs", "unsafe { x() }").len(), 1);
        assert!(unsafe_code("src/lib.rs", "#![forbid(unsafe_code)] // unsafe").is_empty());
    }

    #[test]
    fn machine_paths_fail() {
        assert_eq!(
            machine_paths("README.md", concat!("see `/wo", "rk/notes.md`")).len(),
            1
        );
        assert_eq!(
            machine_paths("docs/a.md", concat!("one\nin /tmp", "/wt/main")).len(),
            1
        );
        let elsewhere = concat!("https://example.org/wo", "rk/x and src/wo", "rk/y");
        assert!(machine_paths("docs/a.md", elsewhere).is_empty());
    }

    #[test]
    fn a_changelog_without_unreleased_fails() {
        assert_eq!(
            changelog_without_unreleased("# Changelog\n\n## [0.1.0]\n").len(),
            1
        );
        assert!(changelog_without_unreleased("# Changelog\n\n## [Unreleased]\n").is_empty());
    }
}
