//! A certificate from files, and their changes.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use rustls::crypto::CryptoProvider;

use super::certificate::{Certificate, CertificateError, InUse, Pem, read_file};

/// How often the files are looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(30);
/// So long before a certificate runs out it is told, once a day.
const WARN_BEFORE_SECONDS: i64 = 14 * DAY_SECONDS;
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Where the certificate and its key are.
#[derive(Debug, Clone)]
pub struct Files {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
}

/// What was found in the files.
#[derive(PartialEq, Eq)]
pub(super) struct Content {
    chain: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    pub(super) fn content(&self) -> Result<Content, CertificateError> {
        Ok(Content {
            chain: read_file(&self.certificate)?,
            key: read_file(&self.key)?,
        })
    }

    pub(super) fn judge(
        &self,
        content: &Content,
        provider: &CryptoProvider,
    ) -> Result<Certificate, CertificateError> {
        let chain = Pem {
            place: &self.certificate.display(),
            text: &content.chain,
        };
        let key = Pem {
            place: &self.key.display(),
            text: &content.key,
        };
        Certificate::read(&chain, &key, provider)
    }
}

/// Looks at the files again and again.
pub(super) struct Watch {
    files: Files,
    in_use: InUse,
    /// What was looked at last, good or bad: the same is not judged, and not told, twice.
    seen: Option<Content>,
    /// Why they could not be read the last time.
    unreadable: Option<String>,
    /// When it was told last that the certificate runs out.
    warned: Option<Timestamp>,
}

impl Watch {
    pub(super) fn new(files: Files, in_use: InUse, seen: Content) -> Self {
        Self {
            files,
            in_use,
            seen: Some(seen),
            unreadable: None,
            warned: None,
        }
    }

    /// Takes over what has changed, if it is good. Whatever is wrong, what is in use stays so: the files may be about to
    /// be replaced one after the other.
    pub(super) fn look(&mut self, provider: &CryptoProvider) {
        self.take_over(provider);
        self.warn_in_time(Timestamp::now());
    }

    fn take_over(&mut self, provider: &CryptoProvider) {
        let content = match self.files.content() {
            Ok(content) => content,
            Err(error) => {
                let told = Some(error.to_string());
                if self.unreadable != told {
                    tracing::warn!(%error, "the certificate stays the one that was read before");
                    self.unreadable = told;
                }
                return;
            }
        };
        self.unreadable = None;
        if self.seen.as_ref() == Some(&content) {
            return;
        }
        match self.files.judge(&content, provider) {
            Ok(certificate) => {
                let until = certificate.validity.until;
                self.in_use.set(certificate);
                self.warned = None;
                tracing::info!(%until, "another certificate is in use");
            }
            Err(error) => tracing::warn!(%error, "the certificate stays the one that was read before"),
        }
        self.seen = Some(content);
    }

    fn warn_in_time(&mut self, now: Timestamp) {
        let Some(validity) = self.in_use.validity() else {
            return;
        };
        let is_soon = validity.until.as_second() - now.as_second() < WARN_BEFORE_SECONDS;
        let was_told = self
            .warned
            .is_some_and(|then| now.as_second() - then.as_second() < DAY_SECONDS);
        if !is_soon || was_told {
            return;
        }
        self.warned = Some(now);
        let until = validity.until;
        if validity.is_over(now) {
            tracing::error!(%until, "the certificate has run out: nobody can connect who checks it");
        } else {
            tracing::warn!(%until, "the certificate runs out soon");
        }
    }
}
