//! What is kept of a certificate authority between two starts: the account there, and the newest certificate. One file
//! for its owner only, replaced as a whole.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use instant_acme::AccountCredentials;
use serde::{Deserialize, Serialize};

use super::certificate::CertificateError;

/// What is kept.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    pub(super) account: Option<KeptAccount>,
    pub(super) certificate: Option<KeptCertificate>,
}

/// An account at an authority.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptAccount {
    /// The authority that knows it.
    pub(super) directory: String,
    pub(super) credentials: AccountCredentials,
}

/// A certificate, and what was ordered when it was made: after a change of that it is of no use.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptCertificate {
    pub(super) directory: String,
    pub(super) domains: Vec<String>,
    /// In PEM.
    pub(super) chain: String,
    /// In PEM.
    pub(super) key: String,
}

/// The file.
pub(super) struct Keeping(PathBuf);

impl Keeping {
    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// What is there; nothing before the first order.
    pub(super) fn read(&self) -> Result<Kept, CertificateError> {
        let text = match std::fs::read(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => {
                return Err(CertificateError::Unreadable {
                    path: self.0.clone(),
                    error,
                });
            }
        };
        serde_json::from_slice(&text).map_err(|error| CertificateError::BadKeeping {
            path: self.0.clone(),
            reason: error.to_string(),
        })
    }

    /// Writes a new file and puts it in the old one's place, so that a crash leaves one of both.
    pub(super) fn write(&self, kept: &Kept) -> io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let new = self.0.with_extension("new");
        // One that a crash left behind may have any mode.
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&serde_json::to_vec(kept)?)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.0)?;
        File::open(folder)?.sync_all()
    }
}
