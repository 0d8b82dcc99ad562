//! Reads settings: defaults, then the file, then the environment. What is wrong is told with its place, key and reason.

use std::path::Path;

use toml::{Table, Value};

use super::Config;

/// What stands before each variable's name.
const PREFIX: &str = "MADANG_";
/// Variables with the prefix that are no settings: the build and the tests read them.
const NOT_SETTINGS: &[&str] = &["MADANG_CONFIG", "MADANG_WEB_DIST"];

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

/// Reads the file, if one is given, and the environment's variables over it.
pub fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let mut table = match file {
        Some(path) => read_file(path)?,
        None => Table::new(),
    };
    let mut variables: Vec<(String, String)> = variables
        .into_iter()
        .filter(|(name, _)| name.starts_with(PREFIX) && name.contains("__"))
        .filter(|(name, _)| !NOT_SETTINGS.contains(&name.as_str()))
        .collect();
    // Which of several wrong ones is told must not depend on the environment's order.
    variables.sort();
    for (variable, text) in variables {
        set(&mut table, &variable, &text)?;
    }
    let config: Config = Value::Table(table)
        .try_into()
        .map_err(|error| ConfigError::Setting {
            key: "configuration",
            reason: first_line(&error.to_string()),
        })?;
    super::check::check(&config)?;
    Ok(config)
}

fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        path: shown.clone(),
        reason: error.to_string(),
    })?;
    // Read as settings first: this error knows line and key.
    toml::from_str::<Config>(&text).map_err(|error| ConfigError::File {
        path: shown.clone(),
        reason: error.to_string(),
    })?;
    text.parse().map_err(|error: toml::de::Error| ConfigError::File {
        path: shown,
        reason: error.to_string(),
    })
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
        let mut alone = Table::new();
        let inner = Table::from_iter([(name.to_owned(), value.clone())]);
        alone.insert(section.to_owned(), Value::Table(inner));
        match Value::Table(alone).try_into::<Config>() {
            Ok(_) => {
                let entry = table
                    .entry(section.to_owned())
                    .or_insert_with(|| Value::Table(Table::new()));
                if let Value::Table(entry) = entry {
                    entry.insert(name.to_owned(), value);
                }
                return Ok(());
            }
            Err(error) if reason.is_empty() => reason = first_line(&error.to_string()),
            Err(_) => {}
        }
    }
    Err(wrong(reason))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
