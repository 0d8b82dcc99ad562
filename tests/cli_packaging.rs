//! What lies in `packaging/` names settings that there are, and values that the server would start with.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail their test; clippy's own allowance covers test functions only"
)]

use std::process::Command;

const COMPOSE: &str = include_str!("../packaging/compose/compose.yaml");
const SECRETS: &str = include_str!("../packaging/compose/secrets.sh");

/// The settings of the nodes: variables as they stand in the file, with what its reader has to say put in.
fn settings() -> Vec<(String, String)> {
    let lines = COMPOSE.lines().map(str::trim);
    let pairs = lines.filter_map(|line| line.split_once(": "));
    let settings = pairs.filter(|(name, _)| name.starts_with("MADANG_"));
    let settings = settings.map(|(name, value)| (name.to_owned(), put_in(value.trim_matches('"'))));
    settings.collect()
}

/// `${NAME:?what is missing}` is what somebody has to say.
fn put_in(value: &str) -> String {
    match value.strip_prefix("${PUBLIC_URL:?") {
        Some(_) => "https://chat.example.org".to_owned(),
        None => value.to_owned(),
    }
}

fn check(settings: &[(String, String)]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_madang"))
        .args(["config", "check"])
        .env_clear()
        .envs(settings.iter().cloned())
        .output()
        .expect("the binary runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("text"))
}

/// A binary without what several nodes need says just that, once every setting has been found to be good.
fn is_good(settings: &[(String, String)]) -> bool {
    let (passed, text) = check(settings);
    let is_small = !cfg!(all(feature = "kafka", feature = "mongodb", feature = "redis"));
    let is_clear = !text.contains("is no setting");
    is_clear && (passed || is_small && text.contains("but this binary was built without it"))
}

#[test]
fn the_server_takes_every_setting_of_the_compose_file() {
    let settings = settings();
    for name in [
        "STORAGE__KIND",
        "BROKER__KIND",
        "PRESENCE__KIND",
        "SERVER__TRUSTED_PROXIES",
    ] {
        let name = format!("MADANG_{name}");
        assert!(settings.iter().any(|(known, _)| *known == name), "{name}");
    }
    assert!(is_good(&settings), "{}", check(&settings).1);
}

#[test]
fn a_wrong_setting_would_be_found() {
    let with = |name: &str, value: &str| {
        let mut settings = settings();
        settings.push((name.to_owned(), value.to_owned()));
        settings
    };
    assert!(!is_good(&with("MADANG_BROKER__SERVER", "kafka:9092")));
    assert!(!is_good(&with("MADANG_BROKER_SERVERS", "kafka:9092")));
    let mut alone = settings();
    alone.retain(|(name, _)| !name.starts_with("MADANG_PRESENCE__"));
    assert!(!is_good(&alone), "several nodes need a Redis");
}

#[test]
fn every_secret_of_the_compose_file_is_made() {
    let files: Vec<&str> = COMPOSE
        .lines()
        .filter_map(|line| line.trim().strip_prefix("file: ./secrets/"))
        .collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        assert!(SECRETS.contains(&format!("put {file} ")), "{file}");
        assert!(
            COMPOSE.contains(&format!("/run/secrets/{file}")) || is_read_by_script(file),
            "{file}"
        );
    }
}

fn is_read_by_script(file: &str) -> bool {
    include_str!("../packaging/compose/replica-set.js").contains(&format!("secret(\"{file}\")"))
}

/// What a password is called in a service's own settings always names a file.
#[test]
fn no_password_stands_in_the_compose_file() {
    for line in COMPOSE.lines().map(str::trim) {
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        let is_password = name.ends_with("PASSWORD") || name.ends_with("PASSWORD_FILE");
        assert!(!is_password || value.starts_with("/run/secrets/"), "{line}");
    }
}
