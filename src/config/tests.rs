//! Settings from files and variables, good and bad.

use std::io::Write as _;

use super::*;

fn from_file(text: &str) -> Result<Config, ConfigErrors> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    load(Some(file.path()), [])
}

fn from_variables(variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    load(
        None,
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

#[test]
fn nothing_is_needed() {
    assert_eq!(load(None, []).unwrap(), Config::default());
}

#[test]
fn the_example_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config.toml.example");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        kept,
        example(),
        "run: cargo run -- config example > config.toml.example"
    );
}

#[test]
fn the_example_says_the_defaults() {
    assert_eq!(from_file(&example()).unwrap(), Config::default());
    // Uncommented, too: a line of the example is either a comment or a setting behind "# ".
    let settings: String = example()
        .lines()
        .filter_map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => Some(rest),
            Some(_) => None,
            None => Some(line),
        })
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(settings.contains("listen = "));
    assert_eq!(from_file(&settings).unwrap(), Config::default());
}

#[test]
fn variables_stand_over_the_file() {
    let config = from_variables(&[
        ("MADANG_SERVER__LISTEN", "0.0.0.0:9000"),
        ("MADANG_STORAGE__KIND", "redb"),
        ("MADANG_STORAGE__CACHE_MIB", "128"),
        ("MADANG_SERVER__ALLOWED_ORIGINS", r#"["https://a.example"]"#),
        ("MADANG_LOG__FORMAT", "json"),
        ("MADANG_SOMETHING", "else"),
    ])
    .unwrap();
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:9000");
    assert_eq!(config.storage.kind.name(), "redb");
    assert_eq!(config.storage.cache_mib, 128);
    assert_eq!(config.server.allowed_origins, ["https://a.example"]);
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn lists_in_variables_have_commas() {
    for (written, read) in [
        ("https://a.example", &["https://a.example"][..]),
        (
            "https://a.example, https://b.example",
            &["https://a.example", "https://b.example"],
        ),
        (r#"["https://a.example"]"#, &["https://a.example"]),
        ("", &[]),
    ] {
        let config = from_variables(&[("MADANG_SERVER__ALLOWED_ORIGINS", written)]).unwrap();
        assert_eq!(config.server.allowed_origins, read, "{written:?}");
    }
    let config = from_variables(&[("MADANG_SERVER__TRUSTED_PROXIES", "10.0.0.1,::1")]).unwrap();
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert!(from_variables(&[("MADANG_SERVER__TRUSTED_PROXIES", "10.0.0.1,x")]).is_err());
}

#[test]
fn bad_settings_name_file_key_and_reason() {
    for (text, named) in [
        ("[server]\nlissten = \"x\"\n", "lissten"),
        ("[server]\nlisten = \"nowhere\"\n", "listen"),
        ("[storage]\nkind = \"oracle\"\n", "unknown engine \"oracle\""),
        ("[server\n", "line 1"),
        ("[nothing]\n", "nothing"),
    ] {
        let error = from_file(text).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
        assert!(error.contains("/"), "names the file: {error}");
    }
    let error = from_file("[gateway]\nmax_queue_kib = 1\n")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("gateway.max_queue_kib") && error.contains("at least 64"),
        "{error}"
    );
    let error = from_file("[server]\npublic_url = \"chat.example\"\n")
        .unwrap_err()
        .to_string();
    assert!(error.contains("server.public_url"), "{error}");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = "[server]\nlisten = \"nowhere\"\npublic_url = \"https://me:secret@chat.example\"\nmax_connections = \"x\"\n\
                [gateway]\nmax_queue_kib = 1\nheartbeat_seconds = 0\n[nothing]\nat = 1\n";
    file.write_all(text.as_bytes()).unwrap();
    let variables = [
        ("MADANG_STORAGE__CACHE_MIB", "many"),
        ("MADANG_LOG__LEVEL", "loud"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let error = load(Some(file.path()), variables).unwrap_err().to_string();
    for named in [
        "listen",
        "server.public_url",
        "max_connections",
        "gateway.max_queue_kib",
        "gateway.heartbeat_seconds",
        "nothing",
        "MADANG_STORAGE__CACHE_MIB",
        "MADANG_LOG__LEVEL",
    ] {
        assert!(error.contains(named), "{named}: {error}");
    }
    assert!(!error.contains("secret"), "{error}");
    for once in ["invalid socket address", "unknown field `nothing`"] {
        assert_eq!(error.matches(once).count(), 1, "{error}");
    }
}

#[test]
fn half_of_tls_is_none() {
    for (text, named) in [
        ("certificate = \"a.pem\"", "tls.key"),
        ("key = \"a.pem\"", "tls.certificate"),
        (
            "redirect_listen = \"0.0.0.0:80\"",
            "tls.redirect_listen: there is no https",
        ),
        ("redirect_listen = \"port 80\"", "expected an address and a port"),
        ("acme_domains = [\"chat.example\"]", "tls.acme_accept_terms"),
        ("acme_domains = [\"chat.example\"]", "tls.redirect_listen"),
        ("acme_domains = [\"*.example\"]", "\"*.example\" is no name"),
        ("acme_domains = [\"10.0.0.1\"]", "\"10.0.0.1\" is no name"),
        (
            "acme_domains = [\"a.example\"]\nacme_directory = \"http://a.example\"",
            "tls.acme_directory",
        ),
        (
            "acme_domains = [\"a.example\"]\ncertificate = \"a\"\nkey = \"a\"",
            "leave out one of both",
        ),
        (
            "certificate = \"a\"\nkey = \"a\"\nredirect_listen = \"127.0.0.1:8080\"",
            "server.listen is there already",
        ),
        (
            "certificate = \"a\"\nkey = \"a\"\n[server]\npublic_url = \"http://a.example\"",
            "server.public_url: with TLS",
        ),
    ] {
        let error = from_file(&format!("[tls]\n{text}\n")).unwrap_err().to_string();
        assert!(error.contains(named), "{text}: {error}");
    }
    let whole =
        "[tls]\nacme_domains = [\"chat.example\"]\nacme_accept_terms = true\nredirect_listen = \"[::]:80\"\n";
    assert!(from_file(whole).unwrap().tls.is_on());
}

#[test]
fn variables_that_are_no_settings_are_told() {
    let names = [
        "MADANG_FOO",
        "MADANG_CONFIG",
        "MADANG_LOG__LEVEL",
        "PATH",
        "MADANG_SERVER_LISTEN",
    ];
    let unknown = unknown_variables(names.map(str::to_owned));
    assert_eq!(unknown, ["MADANG_FOO", "MADANG_SERVER_LISTEN"]);
}

#[test]
fn bad_variables_name_variable_key_and_reason() {
    for (variable, value, key) in [
        ("MADANG_SERVER__LISSTEN", "x", "server.lissten"),
        ("MADANG_STORAGE__CACHE_MIB", "many", "storage.cache_mib"),
        ("MADANG_STORAGE__CACHE_MIB", "-1", "storage.cache_mib"),
    ] {
        let error = from_variables(&[(variable, value)]).unwrap_err().to_string();
        assert!(error.contains(variable) && error.contains(key), "{error}");
    }
    let error = from_variables(&[("MADANG_STORAGE__CACHE_MIB", "99999999999999")]).unwrap_err();
    assert!(error.to_string().contains("at most 1048576"), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let error = load(Some(std::path::Path::new("/nowhere/madang.toml")), [])
        .unwrap_err()
        .to_string();
    assert!(error.contains("/nowhere/madang.toml"), "{error}");
}

#[test]
fn a_mongodb_has_one_address_that_nobody_sees() {
    const URL: &str = "mongodb://me:secret@db.example";
    let kind = ("MADANG_STORAGE__KIND", "mongodb");
    let url = ("MADANG_STORAGE__URL", URL);
    let config = from_variables(&[kind, url]).unwrap();
    assert_eq!(config.storage.read_url().unwrap(), URL);
    assert!(!format!("{config:?}").contains("secret"));

    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{URL}").unwrap();
    let url_file = ("MADANG_STORAGE__URL_FILE", file.path().to_str().unwrap());
    let config = from_variables(&[kind, url_file]).unwrap();
    assert_eq!(config.storage.read_url().unwrap(), URL);

    for (variables, named) in [
        (&[kind][..], "storage.url"),
        (&[kind, url, url_file], "storage.url_file"),
        (&[url], "storage.kind"),
    ] {
        let error = from_variables(variables).unwrap_err().to_string();
        assert!(error.contains(named) && !error.contains("secret"), "{error}");
    }
    for wrong in [
        "[storage]\nkind = \"mongodb\"\nurl = \"mongodb://me:sec\"ret@db.example\"\n",
        "[storage]\nurl = \"mongodb://me:secret@db.example\n",
        "storage = \"mongodb://me:secret@db.example\"\n",
        "[storage]\nkind = \"mongodb://me:secret@db.example\"\n",
        "[storage]\ncache_mib = \"mongodb://me:secret@db.example\"\n",
    ] {
        let error = from_file(wrong).unwrap_err().to_string();
        assert!(error.contains("mongodb://") && !error.contains("ret@"), "{error}");
    }
    let gone = from_variables(&[kind, ("MADANG_STORAGE__URL_FILE", "/nowhere/url")]).unwrap();
    assert!(gone.storage.read_url().unwrap_err().contains("/nowhere/url"));
}

#[test]
fn a_redis_has_one_address_that_nobody_sees() {
    const URL: &str = "rediss://me:secret@redis.example";
    let kind = ("MADANG_PRESENCE__KIND", "redis");
    let given = ("MADANG_PRESENCE__URL", URL);
    let file = ("MADANG_PRESENCE__URL_FILE", "/nowhere/url");
    let beside = |more: &[(&str, &str)]| from_variables(&[&BESIDE_REDIS, more].concat());
    let config = beside(&[kind, given]).unwrap();
    assert_eq!(config.presence.read_url().unwrap(), URL);
    assert!(!format!("{config:?}").contains("secret"));
    let gone = beside(&[kind, file]).unwrap();
    assert!(gone.presence.read_url().unwrap_err().contains("/nowhere/url"));
    for (variables, key) in [
        (&[kind][..], "presence.url:"),
        (&[given][..], "presence.kind:"),
        (&[kind, given, file][..], "presence.url_file:"),
        (
            &[kind, given, ("MADANG_PRESENCE__PREFIX", "a b")][..],
            "presence.prefix:",
        ),
    ] {
        let error = beside(variables).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let [mongodb, url, kafka, servers] = BESIDE_REDIS;
    let redis = ("MADANG_PRESENCE__KIND", "redis");
    let redis_url = ("MADANG_PRESENCE__URL", "redis://localhost");
    for good in [
        &[][..],
        &[mongodb, url],
        &[mongodb, url, kafka, servers, redis, redis_url],
    ] {
        assert!(from_variables(good).is_ok(), "{good:?}");
    }
    let with_password = ("MADANG_BROKER__SERVERS", "[\"kafka://me:secret@localhost:9092\"]");
    for (bad, key) in [
        (&[kafka, servers, redis, redis_url][..], "broker.kind:"),
        (&[mongodb, url, kafka, servers], "presence.kind:"),
        (&[mongodb, url, redis, redis_url], "broker.kind:"),
        (&[redis, redis_url], "broker.kind:"),
        (&[mongodb, url, kafka, redis, redis_url], "broker.servers:"),
        (
            &[mongodb, url, kafka, with_password, redis, redis_url],
            "broker.servers:",
        ),
    ] {
        let error = from_variables(bad).unwrap_err().to_string();
        assert!(error.contains(key), "{bad:?}: {error}");
    }
}

/// What a Redis goes with.
const BESIDE_REDIS: [(&str, &str); 4] = [
    ("MADANG_STORAGE__KIND", "mongodb"),
    ("MADANG_STORAGE__URL", "mongodb://localhost"),
    ("MADANG_BROKER__KIND", "kafka"),
    ("MADANG_BROKER__SERVERS", "[\"localhost:9092\"]"),
];
