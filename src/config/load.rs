//! Reads settings: defaults, then the file, then the environment. What is wrong is told with its place, key and reason.

use std::fmt;
use std::path::Path;

use toml::{Table, Value};

use super::Config;

/// What stands before each variable's name.
const PREFIX: &str = "MADANG_";
/// How variables with the prefix begin that are no settings: the command line, the build and the tests read them.
const NOT_SETTINGS: &[&str] = &[
    "MADANG_BIN",
    "MADANG_CONFIG",
    "MADANG_FAULT_",
    "MADANG_HISTORIES",
    "MADANG_SEED",
    "MADANG_SIM_",
    "MADANG_TEST_",
    "MADANG_WEB_DIST",
];

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The file says something that is not understood.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What and where.
        reason: String,
    },
    /// A variable says something that is not understood.
    #[error("the environment variable {variable} ({key}): {reason}")]
    Variable {
        /// Its name.
        variable: String,
        /// The setting.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// Settings that do not fit.
    #[error("{key}: {reason}")]
    Setting {
        /// The setting.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// Everything that is wrong, as far as it can be found at once.
#[derive(Debug)]
pub struct ConfigErrors(Vec<ConfigError>);

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let line = if index == 0 { "" } else { "\n" };
            write!(f, "{line}{}", without_addresses(error.to_string().trim_end()))?;
        }
        Ok(())
    }
}

/// Reads the file, if one is given, and the environment's variables over it.
pub fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigErrors> {
    let mut errors = Vec::new();
    let mut table = match file {
        Some(path) => read_file(path, &mut errors).map_err(|error| ConfigErrors(vec![error]))?,
        None => Table::new(),
    };
    let mut variables: Vec<(String, String)> = variables
        .into_iter()
        .filter(|(name, _)| name.starts_with(PREFIX) && name.contains("__"))
        .collect();
    // The order in which wrong ones are told must not depend on the environment's.
    variables.sort();
    for (variable, text) in variables {
        errors.extend(set(&mut table, &variable, &text).err());
    }
    // What is wrong was left out of the table.
    let config: Result<Config, _> = Value::Table(table).try_into();
    match config {
        Ok(config) => {
            errors.extend(super::check::check(&config));
            if errors.is_empty() {
                return Ok(config);
            }
        }
        Err(error) => errors.push(ConfigError::Setting {
            key: "configuration",
            reason: first_line(&error.to_string()),
        }),
    }
    Err(ConfigErrors(errors))
}

/// Variables that look like settings and are none: a slip of the keyboard is told, and keeps nothing from starting.
pub fn unknown_variables(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let is_unknown = |name: &String| {
        let is_other = NOT_SETTINGS.iter().any(|other| name.starts_with(other));
        name.starts_with(PREFIX) && !name.contains("__") && !is_other
    };
    let mut unknown: Vec<String> = names.into_iter().filter(is_unknown).collect();
    unknown.sort();
    unknown
}

/// The file's settings that are understood. Of those that are not the first is told with its line.
fn read_file(path: &Path, errors: &mut Vec<ConfigError>) -> Result<Table, ConfigError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        path: shown.clone(),
        reason: error.to_string(),
    })?;
    let wrong = |reason: String| ConfigError::File {
        path: shown.clone(),
        reason,
    };
    let mut table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| wrong(error.to_string()))?;
    let Err(first) = toml::from_str::<Config>(&text) else {
        return Ok(table);
    };
    let first = first.to_string();
    let others = drop_wrong(&mut table);
    // The same mistake is told once, in the words that know its line.
    let is_other =
        |reason: &&String| !first.contains(reason.split_once(": ").map_or("", |(_, reason)| reason));
    let others: Vec<ConfigError> = others.iter().filter(is_other).cloned().map(wrong).collect();
    errors.push(wrong(first));
    errors.extend(others);
    Ok(table)
}

/// Takes out what is not understood; answers why, key by key.
fn drop_wrong(table: &mut Table) -> Vec<String> {
    let mut reasons = Vec::new();
    for (section, entries) in std::mem::take(table) {
        let Value::Table(entries) = entries else {
            reasons.extend(
                alone(&section, entries)
                    .err()
                    .map(|reason| format!("{section}: {reason}")),
            );
            continue;
        };
        let mut kept = Table::new();
        if let Err(reason) = alone(&section, Value::Table(Table::new())) {
            reasons.push(format!("{section}: {reason}"));
            continue;
        }
        for (name, value) in entries {
            let inner = Table::from_iter([(name.clone(), value.clone())]);
            match alone(&section, Value::Table(inner)) {
                Ok(()) => drop(kept.insert(name, value)),
                Err(reason) => reasons.push(format!("{section}.{name}: {reason}")),
            }
        }
        table.insert(section, Value::Table(kept));
    }
    reasons
}

/// Whether a section is understood when nothing else is said.
fn alone(section: &str, entries: Value) -> Result<(), String> {
    let alone = Table::from_iter([(section.to_owned(), entries)]);
    let understood: Result<Config, _> = Value::Table(alone).try_into();
    understood
        .map(|_| ())
        .map_err(|error| first_line(&error.to_string()))
}

/// Puts a variable's value into the table, and sees at once whether it is understood there.
fn set(table: &mut Table, variable: &str, text: &str) -> Result<(), ConfigError> {
    let key = variable
        .trim_start_matches(PREFIX)
        .to_lowercase()
        .replace("__", ".");
    let wrong = |reason: String| ConfigError::Variable {
        variable: variable.to_owned(),
        key: key.clone(),
        reason,
    };
    let Some((section, name)) = key.split_once('.') else {
        return Err(wrong("expected MADANG_<SECTION>__<KEY>".to_owned()));
    };
    // "8" and "true" and "[...]" are what TOML says they are; everything else is a text, or a list of texts.
    let parsed = format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut line| line.remove("value"));
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let list = items.map(|item| Value::String(item.to_owned())).collect();
    let candidates = [
        parsed,
        Some(Value::String(text.to_owned())),
        Some(Value::Array(list)),
    ];
    let mut reason = String::new();
    for value in candidates.into_iter().flatten() {
        let inner = Table::from_iter([(name.to_owned(), value.clone())]);
        match alone(section, Value::Table(inner)) {
            Ok(()) => {
                let entry = table
                    .entry(section.to_owned())
                    .or_insert_with(|| Value::Table(Table::new()));
                if let Value::Table(entry) = entry {
                    entry.insert(name.to_owned(), value);
                }
                return Ok(());
            }
            Err(error) if reason.is_empty() => reason = error,
            Err(_) => {}
        }
    }
    Err(wrong(reason))
}

/// Reasons quote what was not understood, and an address in it may hold a password. What follows a scheme is left out to
/// the end of its line, because a slip of the keyboard may be just what hides where the address ends.
fn without_addresses(text: &str) -> String {
    let hide = |line: &str| match line.split_once("://") {
        Some((before, _)) if !before.ends_with("http") && !before.ends_with("https") => {
            format!("{before}://...")
        }
        _ => line.to_owned(),
    };
    text.split('\n').map(hide).collect::<Vec<_>>().join("\n")
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
