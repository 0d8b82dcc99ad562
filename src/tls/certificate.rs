//! A certificate with its key, judged before it is used, and the one that is in use.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::validity::Validity;

/// Why a certificate cannot be used, for whoever runs the server.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// There is no certificate.
    #[error("{0}: no certificate in it (expected PEM: -----BEGIN CERTIFICATE-----)")]
    NoCertificate(String),
    /// There is something else than a certificate.
    #[error("{place}: the certificate cannot be read: {reason}")]
    BadCertificate {
        /// Where it stands.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no key.
    #[error("{0}: no private key in it (expected PEM: -----BEGIN PRIVATE KEY-----, without a password)")]
    NoKey(String),
    /// There is something else than a key.
    #[error("{place}: the private key cannot be used: {reason}")]
    BadKey {
        /// Where it stands.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key are not of one pair.
    #[error("{key} is the key of another certificate than the one in {certificate}")]
    OtherKey {
        /// Where the certificate stands.
        certificate: String,
        /// Where the key stands.
        key: String,
    },
    /// It was a certificate once.
    #[error("{place}: the certificate has run out on {until}")]
    RunOut {
        /// Where it stands.
        place: String,
        /// Its last moment.
        until: Timestamp,
    },
    /// The certificate authority's own certificates are of no use.
    #[error("{place}: no certificate authority can be known by it: {reason}")]
    BadAuthority {
        /// Where they stand.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// What was kept of earlier days cannot be read.
    #[error("{path}: not what was kept there: {reason}. Moved away it is made anew")]
    BadKeeping {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The cryptography cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Rustls(#[from] rustls::Error),
}

/// A certificate that can be used.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) validity: Validity,
}

/// What is in PEM, and how to call its place when it is wrong.
pub(super) struct Pem<'a> {
    pub(super) place: &'a dyn fmt::Display,
    pub(super) text: &'a [u8],
}

impl Certificate {
    /// Reads a chain, the server's own certificate first, and the key that belongs to it. One that has run out is read,
    /// too: clients refuse it, but that is no reason to be gone altogether.
    pub(super) fn read(
        chain: &Pem<'_>,
        key: &Pem<'_>,
        provider: &CryptoProvider,
    ) -> Result<Self, CertificateError> {
        let certificates = certificates(chain)?;
        let own = certificates
            .first()
            .ok_or_else(|| CertificateError::NoCertificate(chain.place.to_string()))?;
        let bad = |reason: String| CertificateError::BadCertificate {
            place: chain.place.to_string(),
            reason,
        };
        let validity = Validity::of(own).ok_or_else(|| bad("it is no X.509 certificate".to_owned()))?;
        let private = private_key(key)?;
        let certified = CertifiedKey::from_der(certificates, private, provider);
        let certified = certified.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => CertificateError::OtherKey {
                certificate: chain.place.to_string(),
                key: key.place.to_string(),
            },
            rustls::Error::InvalidCertificate(error) => bad(error.to_string()),
            error => CertificateError::BadKey {
                place: key.place.to_string(),
                reason: error.to_string(),
            },
        })?;
        Ok(Self {
            key: Arc::new(certified),
            validity,
        })
    }
}

/// All certificates of a text.
pub(super) fn certificates(pem: &Pem<'_>) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.text).collect();
    read.map_err(|error| CertificateError::BadCertificate {
        place: pem.place.to_string(),
        reason: error.to_string(),
    })
}

fn private_key(key: &Pem<'_>) -> Result<PrivateKeyDer<'static>, CertificateError> {
    PrivateKeyDer::from_pem_slice(key.text).map_err(|error| match error {
        pem::Error::NoItemsFound => CertificateError::NoKey(key.place.to_string()),
        // Nothing of the key itself is told: this ends up in logs.
        _ => CertificateError::BadKey {
            place: key.place.to_string(),
            reason: "it is not in PEM".to_owned(),
        },
    })
}

/// A file's content.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(path).map_err(|error| CertificateError::Unreadable {
        path: path.to_owned(),
        error,
    })
}

/// The certificate that new connections get. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct InUse(Arc<RwLock<Option<Certificate>>>);

impl InUse {
    pub(super) fn set(&self, certificate: Certificate) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(certificate);
    }

    pub(super) fn validity(&self) -> Option<Validity> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|certificate| certificate.validity)
    }
}

impl ResolvesServerCert for InUse {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|certificate| Arc::clone(&certificate.key))
    }
}
