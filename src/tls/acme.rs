//! Certificates from a certificate authority (ACME, RFC 8555): ordered when there is none, renewed before it runs out.
//!
//! The names are proved over plain HTTP at port 80 (`http-01`), which answers redirects anyway. An authority that fails
//! is asked again after a while, longer each time: authorities count failures, and shut out who has too many.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, OrderStatus, RetryPolicy,
};
use jiff::Timestamp;
use rustls::crypto::CryptoProvider;

use super::authority::{self, Client};
use super::certificate::{Certificate, CertificateError, InUse, Pem};
use super::challenges::Challenges;
use super::keeping::{Keeping, Kept, KeptAccount, KeptCertificate};

/// How long one order may take, all questions and proofs together.
const ORDER_WITHIN: Duration = Duration::from_secs(5 * 60);
/// How long the authority may take to look at the proofs, and then to make the certificate.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long to wait after the first failure. Doubled after each further one.
const FIRST_RETRY: Duration = Duration::from_secs(60);
/// The longest wait after failures.
const LAST_RETRY: Duration = Duration::from_secs(6 * 60 * 60);
/// How often it is looked whether a certificate is due: clocks are set, and machines sleep.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// What an authority says of an account that it does not know (RFC 8555, section 6.7).
const UNKNOWN_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// What is ordered, and where.
#[derive(Debug, Clone)]
pub struct Order {
    /// The names that the certificate is for.
    pub domains: Vec<String>,
    /// Whom the authority writes to, as an e-mail address.
    pub contact: Option<String>,
    /// The address of the authority.
    pub directory: String,
    /// A file with the certificates by which the authority itself is known. Without it those that browsers trust.
    pub authority: Option<PathBuf>,
    /// Where the account and the certificate are kept.
    pub file: PathBuf,
}

/// Orders certificates.
pub(super) struct Acme {
    order: Order,
    keeping: Keeping,
    kept: Kept,
    in_use: InUse,
    challenges: Challenges,
    failures: u32,
}

/// Why there is no new certificate.
#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error(transparent)]
    Acme(#[from] instant_acme::Error),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("{name} was not believed to be this server: {reason}")]
    NotBelieved { name: String, reason: String },
    #[error("the authority knows no proof over HTTP for {0}")]
    NoChallenge(String),
    #[error("cannot write {path}: {error}")]
    Unwritten { path: PathBuf, error: std::io::Error },
    #[error("the order took too long")]
    TooLong,
}

impl Acme {
    pub(super) fn open(
        order: Order,
        in_use: InUse,
        challenges: Challenges,
        provider: &CryptoProvider,
    ) -> Result<Self, CertificateError> {
        authority::roots(order.authority.as_deref())?;
        let keeping = Keeping::at(order.file.clone());
        let kept = keeping.read()?;
        let acme = Self {
            order,
            keeping,
            kept,
            in_use,
            challenges,
            failures: 0,
        };
        if let Some(certificate) = acme.usable(provider) {
            acme.in_use.set(certificate);
        }
        Ok(acme)
    }

    /// The certificate that is kept, if it is what would be ordered today.
    fn usable(&self, provider: &CryptoProvider) -> Option<Certificate> {
        let kept = self.kept.certificate.as_ref()?;
        if kept.directory != self.order.directory || kept.domains != self.order.domains {
            return None;
        }
        match self.read(kept, provider) {
            Ok(certificate) => Some(certificate),
            Err(error) => {
                tracing::warn!(%error, "the certificate that was kept is of no use");
                None
            }
        }
    }

    fn read(
        &self,
        kept: &KeptCertificate,
        provider: &CryptoProvider,
    ) -> Result<Certificate, CertificateError> {
        let place = self.keeping.path().display();
        let pem = |text| Pem { place: &place, text };
        Certificate::read(&pem(kept.chain.as_bytes()), &pem(kept.key.as_bytes()), provider)
    }

    /// Orders a certificate if one is due; answers how long to wait until it is looked again.
    pub(super) async fn renew_if_due(&mut self, provider: &Arc<CryptoProvider>) -> Duration {
        let now = Timestamp::now();
        let due = self
            .in_use
            .validity()
            .is_none_or(|validity| validity.renew_at() <= now);
        if !due {
            return LOOK_EVERY;
        }
        let ordered = tokio::time::timeout(ORDER_WITHIN, self.renew(provider)).await;
        self.challenges.close_all();
        match ordered.unwrap_or(Err(OrderError::TooLong)) {
            Ok(until) => {
                self.failures = 0;
                tracing::info!(domains = ?self.order.domains, %until, "a certificate was given");
                LOOK_EVERY
            }
            Err(error) => {
                let wait = backoff(self.failures);
                self.failures = self.failures.saturating_add(1);
                let seconds = wait.as_secs();
                tracing::error!(%error, again_in_seconds = seconds, "no certificate was given");
                wait
            }
        }
    }

    async fn renew(&mut self, provider: &Arc<CryptoProvider>) -> Result<Timestamp, OrderError> {
        let account = self.account(provider).await?;
        let names: Vec<Identifier> = self.order.domains.iter().cloned().map(Identifier::Dns).collect();
        let ordered = account.new_order(&NewOrder::new(&names)).await;
        let mut order = ordered.inspect_err(|error| self.forget_account(error))?;
        self.prove(&mut order).await?;
        let key = order.finalize().await?;
        let patience = RetryPolicy::new().timeout(PATIENCE);
        let chain = order.poll_certificate(&patience).await?;
        let kept = KeptCertificate {
            directory: self.order.directory.clone(),
            domains: self.order.domains.clone(),
            chain,
            key,
        };
        let certificate = self.read(&kept, provider)?;
        let until = certificate.validity.until;
        self.in_use.set(certificate);
        self.kept.certificate = Some(kept);
        self.write()?;
        Ok(until)
    }

    /// The account at the authority: the one that is kept, or a new one, kept before anything is asked of it.
    async fn account(&mut self, provider: &Arc<CryptoProvider>) -> Result<Account, OrderError> {
        let roots = authority::roots(self.order.authority.as_deref())?;
        let builder = Account::builder_with_http(Box::new(Client::new(roots, provider)?));
        let directory = self.order.directory.clone();
        let kept = self.kept.account.as_ref();
        if let Some(kept) = kept.filter(|kept| kept.directory == directory) {
            // The credentials cannot be cloned, but written and read they can.
            let credentials = serde_json::to_value(&kept.credentials).and_then(serde_json::from_value);
            let credentials = credentials.map_err(instant_acme::Error::from)?;
            return Ok(builder.from_credentials(credentials).await?);
        }
        let contact = self.order.contact.as_ref().map(|mail| format!("mailto:{mail}"));
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let (account, credentials) = builder.create(&new, directory.clone(), None).await?;
        self.kept.account = Some(KeptAccount {
            directory,
            credentials,
        });
        self.write()?;
        Ok(account)
    }

    /// An authority that does not know the account any more is told of a new one the next time.
    fn forget_account(&mut self, error: &instant_acme::Error) {
        if let instant_acme::Error::Api(problem) = error
            && problem.r#type.as_deref() == Some(UNKNOWN_ACCOUNT)
        {
            self.kept.account = None;
        }
    }

    async fn prove(&self, order: &mut instant_acme::Order) -> Result<(), OrderError> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            // Proved not long ago.
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let name = authorization.identifier().to_string();
            let mut challenge = authorization
                .challenge(ChallengeType::Http01)
                .ok_or(OrderError::NoChallenge(name))?;
            let answer = challenge.key_authorization().as_str().to_owned();
            self.challenges.open(challenge.token.clone(), answer);
            challenge.set_ready().await?;
        }
        let status = order.poll_ready(&RetryPolicy::new().timeout(PATIENCE)).await?;
        if status == OrderStatus::Ready || status == OrderStatus::Valid {
            return Ok(());
        }
        Err(refused(order).await)
    }

    fn write(&self) -> Result<(), OrderError> {
        self.keeping
            .write(&self.kept)
            .map_err(|error| OrderError::Unwritten {
                path: self.keeping.path().to_owned(),
                error,
            })
    }
}

/// What the authority says of the first name that it did not believe.
async fn refused(order: &mut instant_acme::Order) -> OrderError {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let name = authorization.identifier().to_string();
        // What the order knows of it is from before it was judged.
        let Ok(state) = authorization.refresh().await else {
            continue;
        };
        let problems = state
            .challenges
            .iter()
            .filter_map(|challenge| challenge.error.as_ref());
        if let Some(problem) = problems.into_iter().next() {
            let reason = problem.to_string();
            return OrderError::NotBelieved { name, reason };
        }
    }
    OrderError::NotBelieved {
        name: "a name".to_owned(),
        reason: "the authority does not say why".to_owned(),
    }
}

/// How long to wait after so many failures before this one.
fn backoff(failures: u32) -> Duration {
    FIRST_RETRY
        .saturating_mul(2_u32.saturating_pow(failures))
        .min(LAST_RETRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let minutes: Vec<u64> = (0..11).map(|failures| backoff(failures).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]);
        assert_eq!(backoff(u32::MAX), LAST_RETRY);
    }
}
