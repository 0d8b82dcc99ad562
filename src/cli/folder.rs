//! Which data a subcommand works on: what the server would, by the same configuration.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::config::{self, Config};

/// Where the data is.
#[derive(Debug, Args)]
pub(super) struct Folder {
    /// The configuration file that names the data folder.
    #[arg(long, value_name = "FILE", env = "MADANG_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// The folder with the data; overrides storage.folder.
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
}

impl Folder {
    /// What to do where somebody else's database has the data.
    pub(super) const OWN_TOOLS: &str = "use that database's own tools";

    /// The folder: what is said here, or else what the configuration says.
    pub(super) fn find(&self) -> Result<PathBuf, Failure> {
        if let Some(data) = &self.data {
            return Ok(data.clone());
        }
        Ok(self.load()?.storage.folder)
    }

    /// The folder, for what works on the data in it. Where the data is elsewhere it is said what to do `instead`.
    pub(super) fn with_data(&self, instead: &str) -> Result<PathBuf, Failure> {
        if let Some(data) = &self.data {
            return Ok(data.clone());
        }
        let storage = self.load()?.storage;
        if storage.is_in_folder() {
            return Ok(storage.folder);
        }
        Err(Failure(format!(
            "this needs a data folder, but the data is elsewhere (storage.kind is \"{}\"): {instead}",
            storage.kind.name()
        )))
    }

    /// How the server is called, where the configuration says so.
    pub(super) fn public_url(&self) -> String {
        // What only makes a link longer is not worth an error: without a configuration there is a folder all the same.
        self.load()
            .map(|config| config.server.public_url)
            .unwrap_or_default()
    }

    fn load(&self) -> Result<Config, Failure> {
        let config = config::load(self.config.as_deref(), variables());
        config.map_err(|error| Failure(error.to_string()))
    }
}

/// The environment. A variable that is no text is nobody's setting; reading it as one would panic.
pub(super) fn variables() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
