//! TLS: sockets that speak it, and where certificates come from. Knows nothing of what is said over them.
//!
//! A certificate comes from files, which are followed, or from a certificate authority that speaks ACME. Whatever goes
//! wrong with the next one, the one in use stays in use.

mod acme;
mod authority;
mod certificate;
mod challenges;
mod files;
mod keeping;
mod socket;
mod validity;

use std::sync::Arc;

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use tokio::signal::unix::{Signal, SignalKind, signal};

use acme::Acme;
pub use acme::Order;
pub use certificate::CertificateError;
use certificate::InUse;
pub use challenges::Challenges;
pub use files::Files;
use files::Watch;
pub use socket::Socket;

/// Where certificates come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// From files that somebody else keeps fresh.
    Files(Files),
    /// From a certificate authority.
    Acme(Order),
}

/// What is wrong with a source, as far as it can be seen without asking anybody: for who only wants to know.
pub fn check(source: &Source) -> Result<(), CertificateError> {
    match source {
        Source::Files(files) => {
            let certificate = files.judge(&files.content()?, &provider())?;
            let until = certificate.validity.until;
            if certificate.validity.is_over(Timestamp::now()) {
                let place = files.certificate.display().to_string();
                return Err(CertificateError::RunOut { place, until });
            }
            Ok(())
        }
        Source::Acme(order) => authority::roots(order.authority.as_deref()).map(drop),
    }
}

/// Certificates for a server.
pub struct Tls {
    provider: Arc<CryptoProvider>,
    in_use: InUse,
    challenges: Challenges,
    keeper: Keeper,
}

/// Who sees to it that there is a certificate.
enum Keeper {
    Files(Watch),
    Acme(Box<Acme>),
}

impl Tls {
    /// Reads what there is. What cannot work is an error now, not when the first client comes.
    pub fn open(source: Source) -> Result<Self, CertificateError> {
        let provider = provider();
        let in_use = InUse::default();
        let challenges = Challenges::default();
        let keeper = match source {
            Source::Files(files) => {
                let content = files.content()?;
                in_use.set(files.judge(&content, &provider)?);
                Keeper::Files(Watch::new(files, in_use.clone(), content))
            }
            Source::Acme(order) => {
                let acme = Acme::open(order, in_use.clone(), challenges.clone(), &provider)?;
                Keeper::Acme(Box::new(acme))
            }
        };
        Ok(Self {
            provider,
            in_use,
            challenges,
            keeper,
        })
    }

    /// How connections are accepted. New ones get the certificate that is in use by then.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, CertificateError> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.in_use.clone()));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// What a certificate authority finds at this server.
    pub fn challenges(&self) -> Challenges {
        self.challenges.clone()
    }

    /// Keeps the certificate fresh until it is dropped. SIGHUP makes it look at once.
    pub async fn keep_fresh(self) {
        let mut hangups = Hangups::listen();
        match self.keeper {
            Keeper::Files(mut watch) => loop {
                // Two small files; and it is rare.
                watch.look(&self.provider);
                hangups.or_after(files::LOOK_EVERY).await;
            },
            Keeper::Acme(mut acme) => loop {
                let wait = acme.renew_if_due(&self.provider).await;
                hangups.or_after(wait).await;
            },
        }
    }
}

/// Requests of whoever runs the server to look again.
struct Hangups(Option<Signal>);

impl Hangups {
    fn listen() -> Self {
        let signal = signal(SignalKind::hangup());
        if let Err(error) = &signal {
            tracing::warn!(%error, "SIGHUP is not listened to");
        }
        Self(signal.ok())
    }

    async fn or_after(&mut self, wait: std::time::Duration) {
        let asked = async {
            match &mut self.0 {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        };
        // It is time, or it was asked for: both are reasons to look.
        tokio::time::timeout(wait, asked).await.ok();
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
