//! The little of HTTP that setting up and checking needs: one request, one connection.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

/// A request's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The body; null when there is none or it is no JSON.
    pub(crate) body: Value,
}

/// Somebody who asks: an address, and a session's token where one is needed.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    /// Where the server listens.
    pub(crate) address: SocketAddr,
    /// The session.
    pub(crate) token: Option<String>,
}

impl Asker {
    /// Asks and takes any answer.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.address
        );
        if let Some(token) = &self.token {
            request += &format!("Authorization: Bearer {token}\r\n");
        }
        if !body.is_empty() {
            request += &format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n",
                body.len()
            );
        }
        request += "\r\n";
        request += &body;
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let head_end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .context("the answer has no end of its head")?;
        let head = String::from_utf8_lossy(&answer[..head_end]);
        let status = head
            .split_whitespace()
            .nth(1)
            .context("the answer has no status")?;
        Ok(Answer {
            status: status.parse()?,
            body: serde_json::from_slice(&answer[head_end + 4..]).unwrap_or(Value::Null),
        })
    }

    /// Asks, and takes nothing but success.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.succeed("GET", path, None)
    }

    /// Sends a body, and takes nothing but success.
    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.succeed("POST", path, Some(body))
    }

    fn succeed(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let answer = self.ask(method, path, body)?;
        anyhow::ensure!(
            (200..300).contains(&answer.status),
            "{method} {path} answered {}: {}",
            answer.status,
            answer.body
        );
        Ok(answer.body)
    }
}
