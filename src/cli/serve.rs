//! `madang serve`, and `madang` alone: the server.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::folder::variables;
use super::greeting::Greeting;
use super::output::{self, Stream};
use super::{Failure, log};
use crate::app::{App, Listeners};
use crate::config::{self, Config};

/// Starts the server.
#[derive(Debug, Default, Args)]
pub(super) struct Arguments {
    /// The configuration file. None is needed.
    #[arg(long, value_name = "FILE", env = "MADANG_CONFIG")]
    config: Option<PathBuf>,
    /// Address and port to listen on; overrides server.listen.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The data folder; overrides storage.folder.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The address that people type; overrides server.public_url.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

impl Arguments {
    /// What holds, from the file, the environment and the arguments.
    pub(super) fn load(&self) -> Result<Config, Failure> {
        let mut variables = variables();
        let overrides = [
            (
                "MADANG_SERVER__LISTEN",
                self.listen.map(|listen| listen.to_string()),
            ),
            (
                "MADANG_STORAGE__FOLDER",
                self.data.as_ref().map(|data| data.display().to_string()),
            ),
            ("MADANG_SERVER__PUBLIC_URL", self.public_url.clone()),
        ];
        for (name, value) in overrides {
            if let Some(value) = value {
                variables.retain(|(known, _)| known != name);
                variables.push((name.to_owned(), value));
            }
        }
        config::load(self.config.as_deref(), variables).map_err(failure)
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.load()?;
    log::start(&config);
    for variable in unknown_variables() {
        tracing::warn!(%variable, "this variable is no setting");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(failure)?;
    runtime.block_on(serve(config))
}

/// What looks like a setting in the environment, and is none.
pub(super) fn unknown_variables() -> Vec<String> {
    config::unknown_variables(variables().into_iter().map(|(name, _)| name))
}

async fn serve(config: Config) -> Result<(), Failure> {
    let main = bind(config.server.listen).await?;
    let redirect = match config.tls.redirect_listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let address = main.local_addr().map_err(failure)?;
    let greeting = Greeting::of(&config, address);
    let app = App::new(config).await.map_err(failure)?;
    let token = app.chat().open_setup().await.map_err(failure)?;
    let mut text = greeting.text(token.as_deref());
    if let Some(redirect) = &redirect {
        let address = redirect.local_addr().map_err(failure)?;
        text.push_str(&format!("http://{address} leads to https\n"));
    }
    // The server does its work also when nobody can read where it listens.
    if let Err(error) = output::write(Stream::Out, &text) {
        tracing::warn!(%error, "cannot print where the server listens");
    }

    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).map_err(failure)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failure)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Whoever waits for it may be gone already.
        stop.send(true).ok();
        std::future::pending::<()>().await;
    });
    app.run(Listeners { main, redirect }, stopped)
        .await
        .map_err(failure)
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| Failure(format!("cannot listen on {address}: {error}")))
}

fn failure(error: impl std::fmt::Display) -> Failure {
    Failure(error.to_string())
}
