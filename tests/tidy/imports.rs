//! Who may know whom.

use super::source::code_only;

/// Every module below `src/`, and what it may name besides itself: the direction in which calls go.
const MODULES: &[(&str, &[&str])] = &[
    ("main", &["app", "cli", "config"]),
    ("cli", &["app", "config"]),
    (
        "app",
        &[
            "broker", "chat", "config", "fields", "files", "gateway", "http", "hub", "origin", "presence",
            "search", "stomp", "tls",
        ],
    ),
    ("config", &[]),
    ("http", &["chat", "fields", "operations", "origin", "tls"]),
    // The gateway owns the sockets; the hub writes to them. STOMP shares the gateway's connections.
    (
        "gateway",
        &["chat", "fields", "hub", "operations", "origin", "tls"],
    ),
    ("stomp", &["chat", "gateway", "hub", "operations", "origin"]),
    // What can be asked for, once for all transports.
    ("operations", &["chat", "fields"]),
    ("chat", &["broker", "files", "hub", "presence", "search"]),
    // What every transport must ask of a request before it believes it.
    ("origin", &[]),
    // The sockets of all transports, and their certificates.
    ("tls", &[]),
    // How every transport reads a request's fields.
    ("fields", &["chat"]),
    ("hub", &[]),
    ("broker", &[]),
    ("presence", &[]),
    ("files", &[]),
    ("search", &[]),
];

const TABLE: &str = "MODULES in tests/tidy/imports.rs";

/// What the file names against the table.
pub(crate) fn against_direction(path: &str, text: &str) -> Vec<String> {
    let Some(module) = module_of(path) else {
        return Vec::new();
    };
    let Some((_, allowed)) = MODULES.iter().find(|(name, _)| *name == module) else {
        return vec![format!(
            "{path}: `{module}` is a new module: say in {TABLE} what it may name"
        )];
    };
    let mut problems = Vec::new();
    for name in named_modules(path, text) {
        if name != module && !allowed.contains(&name.as_str()) {
            problems.push(format!(
                "{path}: `{module}` must not name `{name}`: calls go main -> app -> http, gateway, stomp -> operations -> chat -> \
                 hub, broker, presence, files, search -> storage. Move the code, hand the value in from above, or, \
                 if the direction itself is wrong, change {TABLE}"
            ));
        }
    }
    problems
}

/// The module that a file below `src/` belongs to. `lib.rs` only lists them.
fn module_of(path: &str) -> Option<&str> {
    let inside = path
        .strip_prefix("src/")
        .filter(|inside| *inside != "lib.rs" && inside.ends_with(".rs"))?;
    let first = inside.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first))
}

/// The top-level modules that a file names, by `crate::`, by the crate's own name in `main.rs`, or by climbing up
/// with `super::`. A glob is named `*`.
fn named_modules(path: &str, text: &str) -> Vec<String> {
    let code = code_only(text);
    let mut names = after_path(&code, "crate");
    if path == "src/main.rs" {
        names.extend(after_path(&code, "madang"));
    }
    // Modules within the file only make the way up longer, so a chain of this length reaches the root at best.
    let depth = path.trim_end_matches("/mod.rs").matches('/').count();
    let to_root = vec!["super"; depth].join("::");
    let climbed = after_path(&code, &to_root);
    names.extend(
        climbed
            .into_iter()
            .filter(|name| MODULES.iter().any(|(module, _)| module == name)),
    );
    names.sort();
    names.dedup();
    names
}

/// The names that directly follow `start::`, those within `start::{...}` included.
fn after_path(code: &str, start: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices(start) {
        let ends_a_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        if code[..at].chars().next_back().is_some_and(ends_a_name) {
            continue;
        }
        let Some(rest) = code[at + start.len()..].trim_start().strip_prefix("::") else {
            continue;
        };
        let rest = rest.trim_start();
        match rest.strip_prefix('{') {
            Some(group) => names.extend(first_names(group)),
            None => names.extend(leading_name(rest)),
        }
    }
    names
}

/// The first names of the parts of a group, up to its closing brace.
fn first_names(group: &str) -> Vec<String> {
    let mut names: Vec<String> = leading_name(group).into_iter().collect();
    let mut depth = 1;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.extend(leading_name(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn leading_name(text: &str) -> Option<String> {
    let text = text.trim_start();
    let name: String = text
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    match name.as_str() {
        "" => text.starts_with('*').then(|| "*".to_owned()),
        "self" => None,
        _ => Some(name),
    }
}

#[test]
fn allowed_imports_pass() {
    let text = "use crate::hub::Hub; use crate::{chat::rooms, broker::{Broker, Event}, files};\npub(in crate::chat) mod x;";
    assert!(against_direction("src/chat/messages.rs", text).is_empty());
    assert!(against_direction("src/main.rs", "fn main() { madang::cli::run(); }").is_empty());
    assert!(
        against_direction(
            "src/hub/mod.rs",
            "// see crate::chat\nmod tests { use super::*; }"
        )
        .is_empty()
    );
    assert!(against_direction("storage/src/lib.rs", "use crate::whatever;").is_empty());
    assert!(against_direction("src/lib.rs", "pub mod cli;").is_empty());
}

#[test]
fn imports_against_the_direction_fail() {
    let fails = |path, text| assert_eq!(against_direction(path, text).len(), 1, "{path}: {text}");
    fails("src/chat/messages.rs", "use crate::http::Error;");
    fails(
        "src/chat/messages.rs",
        "use crate::{\n    hub::Hub,\n    gateway::{Connection, Frame},\n};",
    );
    fails("src/broker/mod.rs", "use crate::{self, hub};");
    fails("src/broker/mod.rs", "use super::hub;");
    fails("src/broker/memory.rs", "use super::super::hub::Hub;");
    fails("src/http/messages.rs", "use crate::*;");
    fails("src/main.rs", "fn main() { madang::chat::run(); }");
}

#[test]
fn a_new_module_must_be_placed() {
    let problems = against_direction("src/utilities/strings.rs", "");
    assert!(
        problems[0].contains("`utilities` is a new module"),
        "{problems:?}"
    );
    assert_eq!(against_direction("src/utilities.rs", "").len(), 1);
}
