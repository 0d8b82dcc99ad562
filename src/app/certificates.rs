//! From settings to certificates, and to what the server is called.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::origin::OwnUrl;
use crate::tls::{self, CertificateError, Files, Order, Source};

/// The folder within the data folder where what an authority has given is kept.
const FOLDER: &str = "tls";

/// Says what is wrong with the certificates that are set, without asking anybody.
pub fn check(config: &Config) -> Result<(), CertificateError> {
    source(config).map_or(Ok(()), |source| tls::check(&source))
}

/// Where certificates come from, if the server speaks TLS.
pub(super) fn source(config: &Config) -> Option<Source> {
    let settings = &config.tls;
    if !settings.is_on() {
        return None;
    }
    if settings.acme_domains.is_empty() {
        return Some(Source::Files(Files {
            certificate: settings.certificate.clone(),
            key: settings.key.clone(),
        }));
    }
    let domains = settings.acme_domains.iter();
    Some(Source::Acme(Order {
        domains: domains.map(|name| name.to_ascii_lowercase()).collect(),
        contact: Some(settings.acme_contact.clone()).filter(|contact| !contact.is_empty()),
        directory: settings.acme_directory.clone(),
        authority: given(&settings.acme_authority),
        file: config.storage.folder.join(FOLDER).join("acme.json"),
    }))
}

/// How links to the server begin.
pub(super) fn own_url(config: &Config) -> OwnUrl {
    if config.server.public_url.is_empty() {
        let encrypted = config.tls.is_on();
        return OwnUrl::AsCalled { encrypted };
    }
    OwnUrl::Known(config.server.public_url.clone())
}

fn given(path: &Path) -> Option<PathBuf> {
    Some(path.to_owned()).filter(|path| !path.as_os_str().is_empty())
}
