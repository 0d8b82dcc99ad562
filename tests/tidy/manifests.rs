//! What the manifests of the crates must say.

use toml::{Table, Value};

/// What storage must never depend on, not even by way of a small helper.
const ABOVE_STORAGE: [&str; 10] = [
    "axum",
    "clap",
    "http",
    "hyper",
    "madang",
    "rdkafka",
    "redis",
    "reqwest",
    "tokio-tungstenite",
    "tungstenite",
];

/// The folders of the workspace's crates, from the root's manifest.
pub(crate) fn members(root_manifest: &str) -> Vec<String> {
    let manifest = table(root_manifest);
    let members = manifest["workspace"]["members"].as_array().unwrap();
    let listed = members.iter().map(|member| member.as_str().unwrap().to_owned());
    std::iter::once(".".to_owned()).chain(listed).collect()
}

/// A crate that sets its own rules.
pub(crate) fn not_inheriting(path: &str, text: &str) -> Vec<String> {
    let manifest = table(text);
    let inherits =
        |value: Option<&Value>| value.and_then(|value| value.get("workspace")) == Some(&Value::Boolean(true));
    let mut problems = Vec::new();
    if !inherits(manifest.get("lints")) {
        problems.push(format!(
            "{path}: add `[lints]` with `workspace = true`: all crates keep the same rules"
        ));
    }
    for key in ["edition", "license", "repository", "rust-version", "version"] {
        if !inherits(manifest.get("package").and_then(|package| package.get(key))) {
            problems.push(format!("{path}: write `{key}.workspace = true` in `[package]`"));
        }
    }
    problems
}

/// Dependencies that would teach the storage crate about transports or other backends.
pub(crate) fn storage_looking_up(text: &str) -> Vec<String> {
    let manifest = table(text);
    let of = |section: &str| {
        let names = manifest
            .get(section)
            .and_then(Value::as_table)
            .map(|table| table.keys().cloned().collect::<Vec<_>>());
        names.unwrap_or_default()
    };
    [
        of("dependencies"),
        of("build-dependencies"),
        of("dev-dependencies"),
    ]
    .concat()
    .into_iter()
    .filter(|name| ABOVE_STORAGE.contains(&name.as_str()))
    .map(|name| {
        format!("storage/Cargo.toml: `{name}` belongs above storage, which knows nothing of transports")
    })
    .collect()
}

/// Features of the binary that `madang --version` does not tell of.
pub(crate) fn untold_features(root_manifest: &str, version_source: &str) -> Vec<String> {
    let manifest = table(root_manifest);
    let Some(features) = manifest.get("features").and_then(Value::as_table) else {
        return Vec::new();
    };
    // A feature made of others only is told by them.
    let stands_for_others = |parts: &Value| {
        let parts: Vec<&str> = parts
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        !parts.is_empty() && parts.iter().all(|part| features.contains_key(*part))
    };
    features
        .iter()
        .filter(|(name, parts)| *name != "default" && !stands_for_others(parts))
        .filter(|(name, _)| !version_source.contains(&format!("(\"{name}\", cfg!(feature = \"{name}\"))")))
        .map(|(name, _)| {
            format!("src/cli/version.rs: add (\"{name}\", cfg!(feature = \"{name}\")) to FEATURES")
        })
        .collect()
}

/// Crates that no feature set of `cargo xtask ci` lints.
pub(crate) fn unlinted(manifest: &str, feature_sets: &str) -> Vec<String> {
    let manifest = table(manifest);
    let name = manifest["package"]["name"].as_str().unwrap();
    if feature_sets.contains(&format!("package: \"{name}\"")) {
        return Vec::new();
    }
    vec![format!(
        "xtask/src/features.rs: add the feature sets of {name} to SETS, so that they are linted"
    )]
}

fn table(text: &str) -> Table {
    text.parse().unwrap()
}

#[test]
fn a_crate_with_its_own_rules_fails() {
    let bad =
        "[package]\nname = \"x\"\nlicense = \"GPL-3.0\"\nversion = \"1.0.0\"\n[lints]\nworkspace = false";
    assert_eq!(not_inheriting("x/Cargo.toml", bad).len(), 6);
    let keys = ["edition", "license", "repository", "rust-version", "version"];
    let package: String = keys
        .iter()
        .map(|key| format!("{key}.workspace = true\n"))
        .collect();
    let good = format!("[package]\nname = \"x\"\n{package}[lints]\nworkspace = true");
    assert!(not_inheriting("x/Cargo.toml", &good).is_empty());
}

#[test]
fn storage_with_a_transport_fails() {
    assert_eq!(
        storage_looking_up("[dependencies]\naxum = \"0.8\"\nserde = \"1\"").len(),
        1
    );
    assert_eq!(
        storage_looking_up("[dev-dependencies]\nmadang = \"0.1\"").len(),
        1
    );
    assert!(storage_looking_up("[dependencies]\nserde = \"1\"").is_empty());
}

#[test]
fn features_unknown_to_the_version_fail() {
    let manifest = "[features]\ndefault = [\"ui\"]\nui = [\"dep:web\"]\nkafka = []\ncluster = [\"kafka\"]";
    let told = "(\"ui\", cfg!(feature = \"ui\"))";
    assert_eq!(untold_features(manifest, told).len(), 1);
    assert!(
        untold_features(
            manifest,
            &format!("{told} (\"kafka\", cfg!(feature = \"kafka\"))")
        )
        .is_empty()
    );
}

#[test]
fn crates_without_a_feature_set_fail() {
    let manifest = "[package]\nname = \"madang-web\"";
    assert_eq!(
        unlinted(manifest, "FeatureSet { package: \"madang\", flags: ALL }").len(),
        1
    );
    assert!(unlinted(manifest, "FeatureSet { package: \"madang-web\", flags: ALL }").is_empty());
}

#[test]
fn members_include_the_root() {
    assert_eq!(members("[workspace]\nmembers = [\"storage\"]"), [".", "storage"]);
}
