//! The control socket: how the command line asks a running server, which has the data folder to itself.
//!
//! A Unix socket in the data folder, for its owner only: whoever can open it could read the data anyway. One line of
//! JSON asks, one line answers.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use madang_storage::Store;
use madang_storage::embedded::{BackupReport, Embedded};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::accounts::{self, AccountAnswer, AccountAsk};
use crate::chat::Chat;
use crate::http;

/// The longest line that is read.
const MAX_LINE_BYTES: u64 = 64 * 1024;
/// How long a client has to say what it wants.
const ASK_WITHIN: Duration = Duration::from_secs(10);

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
pub enum Ask {
    /// Write a backup.
    Backup {
        /// The file, as an absolute path.
        to: PathBuf,
    },
    /// Do something about accounts.
    Accounts {
        /// What.
        what: AccountAsk,
    },
    /// Say whether the server works.
    Health,
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The backup is written.
    Backup(Box<BackupReport>),
    /// It is done about accounts.
    Accounts(AccountAnswer),
    /// It works: it reads and writes.
    Healthy,
    /// It did not work, for this reason.
    Error(String),
}

/// Where the socket of a data folder is.
pub fn path(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Listens in a data folder. A socket at which nobody answers was left behind by a server that is gone. With a database of
/// its own nothing else locks the folder, so a second server is refused here.
pub(super) fn listen(data: &Path) -> io::Result<UnixListener> {
    let path = path(data);
    if std::os::unix::net::UnixStream::connect(&path).is_ok() {
        let why = format!(
            "another server runs on {}: give each a folder of its own",
            data.display()
        );
        return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers until it is dropped.
pub(super) async fn serve(listener: UnixListener, embedded: Option<Embedded>, store: Store, chat: Chat) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (embedded, store, chat) = (embedded.clone(), store.clone(), chat.clone());
                tokio::spawn(async move {
                    if let Err(error) = answer(stream, embedded.as_ref(), &store, &chat).await {
                        tracing::warn!(%error, "a control connection failed");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a control connection");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer(
    stream: UnixStream,
    embedded: Option<&Embedded>,
    store: &Store,
    chat: &Chat,
) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(MAX_LINE_BYTES));
    tokio::time::timeout(ASK_WITHIN, reader.read_line(&mut line)).await??;
    let answer = match serde_json::from_str(&line) {
        Ok(Ask::Backup { to }) => backup(embedded, &to).await,
        Ok(Ask::Accounts { what }) => accounts::answer(chat, what).await,
        Ok(Ask::Health) => health(store).await,
        Err(error) => Answer::Error(format!("this cannot be asked: {error}")),
    };
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    writer.write_all(text.as_bytes()).await
}

async fn health(store: &Store) -> Answer {
    match http::why_not_ready(&store.status().await.readiness) {
        None => Answer::Healthy,
        Some(reason) => Answer::Error(reason),
    }
}

async fn backup(embedded: Option<&Embedded>, to: &Path) -> Answer {
    let Some(embedded) = embedded else {
        let why = "the data is in a database of its own and not in a folder: back it up with that database's own tools";
        return Answer::Error(why.to_owned());
    };
    if !to.is_absolute() {
        return Answer::Error("the file must be an absolute path".to_owned());
    }
    tracing::info!(file = %to.display(), "a backup was asked for");
    match embedded.backup(to).await {
        Ok(report) => Answer::Backup(Box::new(report)),
        Err(error) => Answer::Error(error.to_string()),
    }
}

/// Asks a running server. `Ok(None)` when none listens there. Blocks.
pub fn ask(data: &Path, ask: &Ask) -> io::Result<Option<Answer>> {
    use std::io::{BufRead, Write};
    let mut stream = match std::os::unix::net::UnixStream::connect(path(data)) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut text = serde_json::to_string(ask)?;
    text.push('\n');
    stream.write_all(text.as_bytes())?;
    let mut line = String::new();
    std::io::BufReader::new(stream).read_line(&mut line)?;
    Ok(Some(serde_json::from_str(&line)?))
}
