//! `madang user`: accounts, for whoever keeps the server.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

use clap::{Args, Subcommand};

use super::folder::Folder;
use super::output::{self, Stream};
use super::{Failure, report};
use crate::app::accounts::{self, AccountAnswer, AccountAsk, AccountLine};
use crate::app::control::{self, Answer, Ask};

/// Makes accounts and looks after them.
///
/// Asks the running server, if there is one; otherwise works on the data itself.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    folder: Folder,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes an account. Prints a password that was made up, once, unless one is given.
    Add {
        /// The name that the person signs in with.
        name: String,
        /// Read the password from standard input, as one line.
        #[arg(long)]
        password_stdin: bool,
        /// Make the person an administrator of the instance.
        #[arg(long)]
        admin: bool,
    },
    /// Gives somebody another password and ends all logins. Prints it, once, unless one is given.
    Passwd {
        /// Whom.
        name: String,
        /// Read the password from standard input, as one line.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Prints a link by which somebody chooses another password, once and within 24 hours.
    PasswordLink {
        /// For whom.
        name: String,
    },
    /// Keeps somebody out: logins and tokens end, the name stays taken, messages stay.
    Deactivate {
        /// Whom.
        name: String,
    },
    /// Lets somebody sign in again.
    Reactivate {
        /// Whom.
        name: String,
    },
    /// Makes somebody an administrator of the instance, or one no more.
    Admin {
        /// Whom.
        name: String,
        #[command(flatten)]
        which: Which,
    },
    /// Prints all accounts.
    List {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// From now on.
    #[arg(long)]
    grant: bool,
    /// No more.
    #[arg(long)]
    revoke: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let data = &arguments.folder.find()?;
    match &arguments.command {
        Command::Add {
            name,
            password_stdin,
            admin,
        } => {
            let ask = AccountAsk::Add {
                name: name.clone(),
                password: password(*password_stdin)?,
                administrator: *admin,
            };
            change(data, ask, &format!("{name} can sign in"))
        }
        Command::Passwd { name, password_stdin } => {
            let ask = AccountAsk::Password {
                name: name.clone(),
                password: password(*password_stdin)?,
            };
            change(data, ask, &format!("{name} has another password"))
        }
        Command::PasswordLink { name } => {
            let ask = AccountAsk::PasswordLink { name: name.clone() };
            let done = format!("{name} can choose another password, once and within 24 hours");
            link(data, ask, &done, &arguments.folder.public_url())
        }
        Command::Deactivate { name } => deactivate(data, name, true),
        Command::Reactivate { name } => deactivate(data, name, false),
        Command::Admin { name, which } => {
            let ask = AccountAsk::Administrator {
                name: name.clone(),
                on: which.grant,
            };
            let what = if which.grant { "is" } else { "is not" };
            change(data, ask, &format!("{name} {what} an administrator now"))
        }
        Command::List { json } => list(data, *json),
    }
}

fn deactivate(data: &Path, name: &str, on: bool) -> Result<(), Failure> {
    let ask = AccountAsk::Deactivate {
        name: name.to_owned(),
        on,
    };
    let what = if on { "is kept out" } else { "may sign in again" };
    change(data, ask, &format!("{name} {what}"))
}

fn change(data: &Path, ask: AccountAsk, done: &str) -> Result<(), Failure> {
    let text = match answer(data, ask)? {
        AccountAnswer::Password(password) => format!("{done}\npassword: {password}\n"),
        _ => format!("{done}\n"),
    };
    output::write(Stream::Out, &text).map_err(|error| Failure(format!("cannot write the answer: {error}")))
}

/// Where nobody has said how the server is called, what follows its address is all that can be said.
fn link(data: &Path, ask: AccountAsk, done: &str, public_url: &str) -> Result<(), Failure> {
    let AccountAnswer::PasswordLink(token) = answer(data, ask)? else {
        return Err(unexpected());
    };
    let what = if public_url.is_empty() {
        "to open at the server's address"
    } else {
        "link"
    };
    let text = format!("{done}\n{what}: {public_url}/new-password#token={token}\n");
    output::write(Stream::Out, &text).map_err(|error| Failure(format!("cannot write the answer: {error}")))
}

fn list(data: &Path, json: bool) -> Result<(), Failure> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let AccountAnswer::List { accounts, more } = answer(data, AccountAsk::List { after })? else {
            return Err(unexpected());
        };
        all.extend(accounts);
        after = all.last().map(|last: &AccountLine| last.id.clone());
        if !more {
            break;
        }
    }
    report::print(json, &all, || all.iter().map(line).collect())
}

fn line(account: &AccountLine) -> String {
    let mut text = format!(
        "{}  {}  made {}, last used {}",
        account.id,
        account.name,
        account.created_at,
        account.last_used.as_deref().unwrap_or("never")
    );
    if account.is_administrator {
        text.push_str(", administrator");
    }
    if account.is_deactivated {
        text.push_str(", deactivated");
    }
    text.push('\n');
    text
}

/// A running server has the data to itself: it is asked. Otherwise the data is opened.
fn answer(data: &Path, what: AccountAsk) -> Result<AccountAnswer, Failure> {
    let ask = Ask::Accounts { what };
    let answered = control::ask(data, &ask)
        .map_err(|error| Failure(format!("cannot ask the running server: {error}")))?;
    let answer = match (answered, ask) {
        (Some(answer), _) => answer,
        (None, Ask::Accounts { what }) => {
            accounts::on_folder(data, what).map_err(|error| Failure(error.to_string()))?
        }
        (None, Ask::Backup { .. } | Ask::Health) => return Err(unexpected()),
    };
    match answer {
        Answer::Accounts(answer) => Ok(answer),
        Answer::Error(reason) => Err(Failure(reason)),
        Answer::Backup(_) | Answer::Healthy => Err(unexpected()),
    }
}

fn unexpected() -> Failure {
    Failure("the running server answered something else; is it another version?".to_owned())
}

/// The password from standard input, or nothing when one is to be made up.
fn password(from_stdin: bool) -> Result<Option<String>, Failure> {
    if !from_stdin {
        return Ok(None);
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        // What is typed there can be read over one's shoulder.
        let text = "password (it will be shown): ";
        output::write(Stream::Err, text).map_err(|error| Failure(format!("cannot ask: {error}")))?;
    }
    let mut line = String::new();
    stdin
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure(format!("cannot read the password: {error}")))?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure("there is no password on standard input".to_owned()));
    }
    Ok(Some(password.to_owned()))
}
