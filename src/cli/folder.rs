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
    /// The folder: what is said here, or else what the configuration says.
    pub(super) fn find(&self) -> Result<PathBuf, Failure> {
        if let Some(data) = &self.data {
            return Ok(data.clone());
        }
        Ok(self.load()?.storage.folder)
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
