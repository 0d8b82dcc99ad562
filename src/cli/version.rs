//! What `madang --version` answers: enough for a bug report.

use madang_storage::engine::EngineKind;

/// Every optional part, and whether this binary has it. `tests/tidy.rs` compares the names with `Cargo.toml`.
/// An entry reads `("name", cfg!(feature = "name"))`.
const FEATURES: &[(&str, bool)] = &[
    ("kafka", cfg!(feature = "kafka")),
    ("mongodb", cfg!(feature = "mongodb")),
    ("redis", cfg!(feature = "redis")),
    ("ui", cfg!(feature = "ui")),
];

/// The text after the program's name.
pub(super) fn text() -> String {
    let engines = EngineKind::ALL.map(EngineKind::name);
    format!(
        "{}\nfeatures: {}\nengines:  {}",
        env!("CARGO_PKG_VERSION"),
        compiled_in(FEATURES),
        engines.join(" ")
    )
}

fn compiled_in(features: &[(&str, bool)]) -> String {
    let names: Vec<&str> = features
        .iter()
        .filter(|(_, on)| *on)
        .map(|(name, _)| *name)
        .collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_only_what_is_compiled_in() {
        assert_eq!(
            compiled_in(&[("kafka", false), ("redis", true), ("ui", true)]),
            "redis ui"
        );
        assert_eq!(compiled_in(&[("kafka", false)]), "none");
        assert_eq!(compiled_in(&[]), "none");
    }

    #[test]
    fn starts_with_the_version() {
        assert!(text().starts_with(env!("CARGO_PKG_VERSION")));
    }
}
