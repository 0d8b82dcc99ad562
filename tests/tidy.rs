//! Rules about the source itself: which file may know what, how long it may be, what every crate must say.
//!
//! Each rule is a function from a text to its problems, with a test that shows a bad sample failing, beside it in
//! `tests/tidy/`. The tests here put the whole repository through each rule.

#![expect(
    clippy::unwrap_used,
    reason = "a file or manifest that cannot be read fails the test, as it should"
)]

#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/manifests.rs"]
mod manifests;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/words.rs"]
mod words;

use source::{root, sources};

/// A rule that looks at one file at a time: from its path and text to what is wrong.
type Rule = fn(&str, &str) -> Vec<String>;

#[track_caller]
fn everywhere(rule: Rule) {
    none(
        sources()
            .iter()
            .flat_map(|source| rule(&source.path, &source.text))
            .collect(),
    );
}

#[track_caller]
fn none(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn manifests() -> Vec<(String, String)> {
    let path = |member: String| {
        if member == "." {
            "Cargo.toml".to_owned()
        } else {
            format!("{member}/Cargo.toml")
        }
    };
    let members = manifests::members(&read("Cargo.toml")).into_iter().map(path);
    members.map(|path| (path.clone(), read(&path))).collect()
}

#[test]
fn no_file_is_too_long() {
    everywhere(words::too_long);
}

#[test]
fn imports_go_one_way() {
    everywhere(imports::against_direction);
}

#[test]
fn the_chat_knows_no_transport_and_no_backend() {
    everywhere(words::impure_chat);
}

#[test]
fn backends_are_named_in_few_places() {
    everywhere(words::named_backends);
}

#[test]
fn engines_stay_in_their_files() {
    everywhere(words::leaked_engines);
}

#[test]
fn features_choose_whole_files() {
    everywhere(words::misplaced_cfg);
}

#[test]
fn no_code_is_unsafe() {
    everywhere(words::unsafe_code);
}

#[test]
fn no_path_of_a_single_machine() {
    everywhere(words::machine_paths);
}

#[test]
fn storage_depends_on_nothing_above_it() {
    none(manifests::storage_looking_up(&read("storage/Cargo.toml")));
}

#[test]
fn crates_inherit_the_workspace_rules() {
    none(
        manifests()
            .iter()
            .flat_map(|(path, text)| manifests::not_inheriting(path, text))
            .collect(),
    );
}

#[test]
fn every_crate_is_linted() {
    let sets = read("xtask/src/features.rs");
    none(
        manifests()
            .iter()
            .flat_map(|(_, text)| manifests::unlinted(text, &sets))
            .collect(),
    );
}

#[test]
fn the_version_tells_every_feature() {
    none(manifests::untold_features(
        &read("Cargo.toml"),
        &read("src/cli/version.rs"),
    ));
}

#[test]
fn the_changelog_has_room_for_what_comes_next() {
    none(words::changelog_without_unreleased(&read("CHANGELOG.md")));
}
