//! `madang serve`, and `madang` alone: the server.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Failure;
use super::output::{self, Stream};
use crate::app::App;
use crate::config::{self, Config, LogFormat, LogLevel};

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

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut variables: Vec<(String, String)> = std::env::vars().collect();
    let overrides = [
        (
            "MADANG_SERVER__LISTEN",
            arguments.listen.map(|listen| listen.to_string()),
        ),
        (
            "MADANG_STORAGE__FOLDER",
            arguments.data.as_ref().map(|data| data.display().to_string()),
        ),
        ("MADANG_SERVER__PUBLIC_URL", arguments.public_url.clone()),
    ];
    for (name, value) in overrides {
        if let Some(value) = value {
            variables.retain(|(known, _)| known != name);
            variables.push((name.to_owned(), value));
        }
    }
    let config = config::load(arguments.config.as_deref(), variables).map_err(failure)?;
    start_log(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(failure)?;
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> Result<(), Failure> {
    let listen = config.server.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| Failure(format!("cannot listen on {listen}: {error}")))?;
    let address = listener.local_addr().map_err(failure)?;
    let url = match config.server.public_url.as_str() {
        "" => format!("http://{address}"),
        public => public.to_owned(),
    };
    let app = App::new(config).await.map_err(failure)?;
    let mut text = format!("listening on http://{address}\n");
    match app.chat().open_setup().await.map_err(failure)? {
        Some(token) => text.push_str(&format!("set-up link: {url}/setup#token={token}\n")),
        None => text.push_str(&format!("open {url}\n")),
    }
    output::write(Stream::Out, &text).map_err(failure)?;

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
    app.run(listener, stopped).await.map_err(failure)
}

fn start_log(config: &Config) {
    let level = match config.log.level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr);
    match config.log.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

fn failure(error: impl std::fmt::Display) -> Failure {
    Failure(error.to_string())
}
