//! Whom a `rediss://` bus is believed, and what it is shown.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};

use super::BusError;

/// The CAs that are trusted instead of the public ones.
const CA: &str = "REDIS_CA";
/// The certificate that a server which asks for one is shown, with those that lead from it to a root.
const CERT: &str = "REDIS_CERT";
/// Its key.
const KEY: &str = "REDIS_KEY";

/// What a TLS connection to a bus needs; one for all buses of a process. Clones are the same.
///
/// Certificates are renewed while a process runs: before each connection it is looked whether a file has changed.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    lookup: Box<Lookup>,
    /// The files that the variables name.
    files: Vec<String>,
    held: Mutex<Held>,
}

/// The name of a variable to its value.
type Lookup = dyn Fn(&str) -> Result<Option<String>, BusError> + Send + Sync;

struct Held {
    /// Read at the start when the environment has a say in it, else made for the first connection: a process whose
    /// buses are all plain has no need of them.
    means: Option<Means>,
    /// How the files stood when they were last read.
    stamps: Vec<Stamp>,
}

/// Tells one state of a file from another: inode, length in bytes, time of the last change; `None` when it is missing.
type Stamp = Option<(u64, u64, SystemTime)>;

struct Means {
    config: Arc<ClientConfig>,
    /// Where the trusted CAs come from, when they are not the public ones.
    ca: Option<String>,
    shows_certificate: bool,
}

impl Tls {
    /// Reads `REDIS_CA`, `REDIS_CERT` and `REDIS_KEY` through `lookup` (variable name to value); each holds PEM, or is
    /// given as `…_FILE`. Without `REDIS_CA` the public CAs are trusted, with it only those that it holds.
    pub fn from_environment(
        lookup: impl Fn(&str) -> Result<Option<String>, BusError> + Send + Sync + 'static,
    ) -> Result<Tls, BusError> {
        let (mut files, mut is_named) = (Vec::new(), false);
        for name in [CA, CERT, KEY] {
            files.extend(lookup(&format!("{name}_FILE"))?);
            is_named |= lookup(name)?.is_some();
        }
        is_named |= !files.is_empty();
        let stamps = stamps_of(&files);
        let means = is_named.then(|| Means::read(&lookup)).transpose()?;
        Ok(Tls(Arc::new(Shared {
            lookup: Box::new(lookup),
            files,
            held: Mutex::new(Held { means, stamps }),
        })))
    }

    /// For a new connection. Files that changed are read again; what cannot be used leaves what was read before in
    /// force, for a renewal writes one file after the other.
    pub(super) fn config(&self) -> Arc<ClientConfig> {
        let mut held = self.held();
        let stamps = stamps_of(&self.0.files);
        if stamps != held.stamps {
            match Means::read(&self.0.lookup) {
                Ok(means) => {
                    held.means = Some(means);
                    log::info!("the certificates for the buses have changed, and were read again");
                }
                Err(error) => log::warn!("{error}; what was read before stays in force"),
            }
            held.stamps = stamps;
        }
        Arc::clone(&held.means.get_or_insert_with(Means::public).config)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wrong in words that say what to do about it; `None` when it is no trouble of TLS.
    pub(super) fn explain(&self, error: &io::Error, host: &str) -> Option<String> {
        use CertificateError as Bad;
        use rustls::Error as E;
        let error = error.get_ref()?.downcast_ref::<E>()?;
        let held = self.held();
        let means = held.means.as_ref()?;
        Some(match error {
            // The second: by a CA of the same name, but with another key.
            E::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => match &means.ca {
                None => format!(
                    "its certificate is signed by no public CA; put the certificate of your CA into a file (PEM) and name the file in {CA}_FILE"
                ),
                Some(place) => format!("its certificate is signed by no CA in {place}"),
            },
            E::InvalidCertificate(Bad::NotValidForName) => format!(
                "its certificate is not made out to `{host}`: write a name that it is made out to into the URL, or give the server another one"
            ),
            E::InvalidCertificate(Bad::NotValidForNameContext { presented, .. }) => format!(
                "its certificate is made out to {}, not to `{host}`: write a name that it is made out to into the URL, or give the server another one",
                presented.iter().map(|name| bare(name)).collect::<Vec<_>>().join(", ")
            ),
            E::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
                "its certificate has expired: give the server a new one".to_owned()
            }
            E::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
                "its certificate is not valid yet: is this machine's clock right?".to_owned()
            }
            E::InvalidCertificate(other) => format!("its certificate is not accepted: {other}"),
            E::AlertReceived(
                AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure,
            ) if !means.shows_certificate => format!(
                "it asks for a client certificate: name one in {CERT}_FILE and its key in {KEY}_FILE, or say `tls-auth-clients no` to the server"
            ),
            E::AlertReceived(alert) if means.shows_certificate => format!(
                "it does not accept the client certificate in {} (it says {alert:?}): is that signed by the server's `tls-ca-cert-file`?",
                CERT
            ),
            E::InvalidMessage(_) => {
                "it does not speak TLS: if that is a plain port, write redis:// instead of rediss://"
                    .to_owned()
            }
            other => format!("TLS: {other}"),
        })
    }
}

impl Means {
    /// The public CAs, and no certificate of our own.
    fn public() -> Means {
        let builder = ClientConfig::builder().with_root_certificates(public_roots());
        Means {
            config: Arc::new(builder.with_no_client_auth()),
            ca: None,
            shows_certificate: false,
        }
    }

    fn read(lookup: impl Fn(&str) -> Result<Option<String>, BusError>) -> Result<Means, BusError> {
        let place = |name: &str| match lookup(&format!("{name}_FILE")) {
            Ok(Some(path)) => format!("{name}_FILE (`{path}`)"),
            _ => name.to_owned(),
        };
        let bad = |name: &str, reason: String| BusError::BadSetting {
            name: place(name),
            reason,
        };
        // A file that is being written is empty for a moment: that must not mean trusting others.
        let given = |name: &str| match (lookup(name)?, lookup(&format!("{name}_FILE"))?) {
            (None, Some(_)) => Err(bad(name, "it is empty; write PEM".to_owned())),
            (value, _) => Ok(value),
        };
        let roots = match given(CA)? {
            Some(pem) => private_roots(&pem).map_err(|reason| bad(CA, reason))?,
            None => public_roots(),
        };
        let builder = ClientConfig::builder().with_root_certificates(roots);
        let (cert, key) = (given(CERT)?, given(KEY)?);
        let shows_certificate = cert.is_some();
        let config = match (cert, key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(_), None) => {
                let reason = format!("the key of the certificate in {CERT} is missing");
                return Err(bad(&format!("{KEY}_FILE"), reason));
            }
            (None, Some(_)) => {
                let reason = format!("the certificate to the key in {KEY} is missing");
                return Err(bad(&format!("{CERT}_FILE"), reason));
            }
            (Some(cert), Some(key)) => {
                let chain = certificates(&cert).map_err(|reason| bad(CERT, reason))?;
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| {
                    let reason = "it holds no private key; write PEM, without a passphrase: -----BEGIN PRIVATE KEY-----";
                    bad(KEY, reason.to_owned())
                })?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|e| match e {
                        rustls::Error::InconsistentKeys(_) => bad(
                            KEY,
                            format!("it does not go with the certificate in {CERT}"),
                        ),
                        other => bad(KEY, format!("it cannot be used: {other}")),
                    })?
            }
        };
        Ok(Means {
            config: Arc::new(config),
            ca: lookup(CA)?.map(|_| place(CA)),
            shows_certificate,
        })
    }
}

impl Default for Tls {
    /// The public CAs, and no certificate of our own.
    fn default() -> Tls {
        Tls(Arc::new(Shared {
            lookup: Box::new(|_| Ok(None)),
            files: Vec::new(),
            held: Mutex::new(Held {
                means: None,
                stamps: Vec::new(),
            }),
        }))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// `DnsName("redis.example")`, as rustls shows a name, without the frame.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_matches(['"', ')'])
}

fn stamps_of(files: &[String]) -> Vec<Stamp> {
    let stamp = |file: &String| {
        let data = std::fs::metadata(file).ok()?;
        Some((data.ino(), data.len(), data.modified().ok()?))
    };
    files.iter().map(stamp).collect()
}

fn public_roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

fn private_roots(pem: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots
            .add(certificate)
            .map_err(|e| format!("it holds a certificate that cannot be used as a CA: {e}"))?;
    }
    Ok(roots)
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err("it holds no certificate; write PEM: -----BEGIN CERTIFICATE-----".to_owned()),
        Err(e) => Err(format!("it is not PEM: {e}")),
    }
}
