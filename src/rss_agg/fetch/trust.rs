//! Whose word for a publisher is taken over TLS, and what to say when it is not.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, RootCertStore};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::env::{Env, EnvError};

/// The CAs that are trusted instead of the public ones, as PEM; `FEEDS_CA_FILE` names a file.
const CA: &str = "FEEDS_CA";

/// The CAs by which publishers are known.
#[derive(Clone, Default)]
pub struct Trust {
    /// Without, the public ones, which are part of the program.
    private: Option<Arc<Vec<Certificate<'static>>>>,
}

impl Trust {
    /// Reads `FEEDS_CA` or `FEEDS_CA_FILE`; what holds no usable certificate is refused.
    pub fn from_env(env: &Env) -> Result<Trust, EnvError> {
        let Some(pem) = env.get(CA)? else {
            return Ok(Trust::default());
        };
        let certificates = usable(&pem).map_err(|reason| EnvError {
            name: CA.to_owned(),
            reason,
        })?;
        Ok(Trust {
            private: Some(Arc::new(certificates)),
        })
    }

    pub(super) fn tls_config(&self) -> TlsConfig {
        let roots = match &self.private {
            Some(certificates) => RootCerts::Specific(certificates.clone()),
            None => RootCerts::WebPki,
        };
        TlsConfig::builder().root_certs(roots).build()
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let private = self.private.as_ref().map(|certificates| certificates.len());
        write!(f, "Trust({private:?})")
    }
}

fn usable(pem: &str) -> Result<Vec<Certificate<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.map_err(|e| format!("it is not PEM: {e}"))?;
    if all.is_empty() {
        return Err("it holds no certificate; write PEM: -----BEGIN CERTIFICATE-----".to_owned());
    }
    let mut store = RootCertStore::empty();
    for certificate in &all {
        store
            .add(certificate.clone())
            .map_err(|e| format!("it holds a certificate that cannot be used as a CA: {e}"))?;
    }
    let owned = all
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned());
    Ok(owned.collect())
}

/// Why there is no TLS, in words.
pub(super) fn in_words(error: &rustls::Error) -> String {
    use CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else {
        return match error {
            rustls::Error::InvalidMessage(_) => "it does not speak TLS on this port".to_owned(),
            other => other.to_string(),
        };
    };
    match bad {
        // The second: by a CA of the same name, but with another key.
        Bad::UnknownIssuer | Bad::BadSignature => format!(
            "its certificate is signed by no CA that is trusted; behind a proxy that opens TLS, name that one's CA in {CA}_FILE"
        ),
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            "its certificate is made out to another name".to_owned()
        }
        Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired".to_owned(),
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
            "its certificate is not valid yet; is this machine's clock right?".to_owned()
        }
        other => format!("its certificate is not accepted: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_certificate_is_refused_with_the_name_of_the_variable() {
        for (pem, says) in [
            ("hello", "holds no certificate"),
            (
                "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----",
                "cannot be used",
            ),
            ("-----BEGIN CERTIFICATE-----\n!\n", "not PEM"),
        ] {
            let error = Trust::from_env(&Env::from_pairs([(CA, pem)]))
                .expect_err(pem)
                .to_string();
            assert!(error.contains(CA) && error.contains(says), "{error}");
        }
        let trust = Trust::from_env(&Env::from_pairs([("OTHER", "x")])).expect("the public ones");
        assert!(trust.private.is_none());
    }
}
