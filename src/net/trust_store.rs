//! Which servers are believed over TLS, and what they are shown: one store for buses, feeds, channels and vendors.
//!
//! Certificates are renewed while a process runs: before each connection the files are looked at, and read again when
//! they have changed. What cannot be used then leaves what was read before in force, because a renewal writes one file
//! after the other.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::env::{Env, EnvError};

mod explain;
mod verifier;

use crate::fail_stop::lock;
use verifier::Verifier;

/// What is spoken inside TLS. It decides only how an error is worded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `rediss://`
    Redis,
    /// `https://`
    Http,
    /// Mail, encrypted from the first byte or by STARTTLS.
    Smtp,
}

/// The variables that a store is read from. Each holds PEM, or is given as `…_FILE` and names a file with PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What is spoken inside.
    pub protocol: Protocol,
    /// The CAs that are trusted instead of the public ones. `None`: only the public ones ever are.
    pub ca: Option<String>,
    /// The certificate that is shown to a server which asks for one, with those that lead from it to a root; and its
    /// key.
    pub client: Option<(String, String)>,
}

impl Source {
    /// Only the public CAs.
    pub fn public(protocol: Protocol) -> Source {
        Source {
            protocol,
            ca: None,
            client: None,
        }
    }

    /// The CAs of the variable `ca`, the public ones where it is not set.
    pub fn ca(protocol: Protocol, ca: &str) -> Source {
        Source {
            ca: Some(ca.to_owned()),
            ..Source::public(protocol)
        }
    }

    /// The same, with a certificate of our own in the variable `cert` and its key in `key`.
    pub fn with_client(mut self, cert: &str, key: &str) -> Source {
        self.client = Some((cert.to_owned(), key.to_owned()));
        self
    }

    fn variables(&self) -> impl Iterator<Item = &str> {
        let client = self.client.iter().flat_map(|(cert, key)| [cert, key]);
        self.ca.iter().chain(client).map(String::as_str)
    }
}

/// Which servers are believed. Clones are the same store.
///
/// Two stores are equal when they read the same variables, and these hold the same.
#[derive(Clone)]
pub struct TrustStore(Arc<Shared>);

struct Shared {
    env: Env,
    source: Source,
    /// What the variables hold: PEM, or the path of a file. The PEM of a key is a secret.
    origin: Vec<Option<String>>,
    /// The files that the variables name.
    files: Vec<String>,
    held: Mutex<Held>,
}

struct Held {
    /// Read at the start when the environment has a say in it, else made for the first connection: a process that
    /// speaks no TLS has no need of it.
    material: Option<Material>,
    /// How the files stood when they were last read.
    stamps: Vec<Stamp>,
}

/// Tells one state of a file from another: inode, length in bytes, time of the last change; `None` when it is missing.
type Stamp = Option<(u64, u64, SystemTime)>;

/// What one reading of the variables gave.
struct Material {
    config: Arc<ClientConfig>,
    verifier: Arc<Verifier>,
    /// Where the trusted CAs come from, when they are not the public ones.
    ca: Option<String>,
    shows_certificate: bool,
}

impl TrustStore {
    /// Reads the variables of `source`.
    ///
    /// # Errors
    /// When one of them cannot be read or used; the error names the variable and, where there is one, the file.
    pub fn read(env: &Env, source: Source) -> Result<TrustStore, EnvError> {
        let (mut origin, mut files) = (Vec::new(), Vec::new());
        for name in source.variables() {
            let file = env.get(&file_variable(name))?;
            files.extend(file.clone());
            origin.push(match file {
                Some(file) => Some(file),
                None => env.get(name)?,
            });
        }
        let stamps = stamps_of(&files);
        let is_given = origin.iter().any(Option::is_some);
        let material = is_given.then(|| Material::read(env, &source)).transpose()?;
        Ok(TrustStore(Arc::new(Shared {
            env: env.clone(),
            source,
            origin,
            files,
            held: Mutex::new(Held { material, stamps }),
        })))
    }

    /// The public CAs, whatever the environment says.
    pub fn public(protocol: Protocol) -> TrustStore {
        TrustStore(Arc::new(Shared {
            env: Env::from_pairs::<String, String>([]),
            source: Source::public(protocol),
            origin: Vec::new(),
            files: Vec::new(),
            held: Mutex::new(Held {
                material: None,
                stamps: Vec::new(),
            }),
        }))
    }

    /// For a new connection. Files that changed are read again first.
    pub fn config(&self) -> Arc<ClientConfig> {
        self.with_current(|material| Arc::clone(&material.config))
    }

    /// Whether the server that showed `chain`, its own certificate first, is to be believed that it is `host`. For a
    /// client that shakes hands by itself; it must see to it that the server holds the key.
    ///
    /// # Errors
    /// What is wrong with the certificates.
    pub fn judge(&self, chain: &[CertificateDer<'_>], host: &str) -> Result<(), rustls::Error> {
        let verifier = self.with_current(|material| Arc::clone(&material.verifier));
        verifier.judge_chain(chain, host)
    }

    fn with_current<T>(&self, take: impl FnOnce(&Material) -> T) -> T {
        let shared = &self.0;
        let mut held = self.held();
        let stamps = stamps_of(&shared.files);
        if stamps != held.stamps {
            let names: Vec<&str> = shared.source.variables().collect();
            match Material::read(&shared.env, &shared.source) {
                Ok(material) => {
                    held.material = Some(material);
                    log::info!(
                        "the certificates of {} have changed, and were read again",
                        names.join(", ")
                    );
                }
                Err(error) => log::warn!("{error}; what was read before stays in force"),
            }
            held.stamps = stamps;
        }
        take(held.material.get_or_insert_with(Material::public))
    }

    /// Held while files are read, so that nobody connects with half of them; nothing in it can panic half-way.
    fn held(&self) -> MutexGuard<'_, Held> {
        lock(&self.0.held)
    }
}

impl PartialEq for TrustStore {
    fn eq(&self, other: &TrustStore) -> bool {
        self.0.source == other.0.source && self.0.origin == other.0.origin
    }
}

impl fmt::Debug for TrustStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TrustStore").field(&self.0.source).finish()
    }
}

impl Material {
    /// The public CAs, and no certificate of our own.
    fn public() -> Material {
        let verifier = Verifier::new(public_roots(), Vec::new());
        Material {
            config: Arc::new(verifier.clone().builder().with_no_client_auth()),
            verifier,
            ca: None,
            shows_certificate: false,
        }
    }

    fn read(env: &Env, source: &Source) -> Result<Material, EnvError> {
        let ca = match &source.ca {
            Some(name) => given(env, name)?.map(|pem| (name, pem)),
            None => None,
        };
        let verifier = match &ca {
            Some((name, pem)) => private(pem).map_err(|reason| bad(env, name, reason))?,
            None => Verifier::new(public_roots(), Vec::new()),
        };
        let own = match &source.client {
            Some((cert, key)) => client(env, cert, key)?,
            None => None,
        };
        let shows_certificate = own.is_some();
        let builder = Arc::clone(&verifier).builder();
        let config = match (own, &source.client) {
            (Some(own), Some((cert, key))) => builder
                .with_client_auth_cert(own.chain, own.key)
                .map_err(|e| match e {
                    rustls::Error::InconsistentKeys(_) => {
                        let reason = format!("it does not go with the certificate in {cert}");
                        bad(env, key, reason)
                    }
                    other => bad(env, key, format!("it cannot be used: {other}")),
                })?,
            _ => builder.with_no_client_auth(),
        };
        Ok(Material {
            config: Arc::new(config),
            verifier,
            ca: ca.map(|(name, _)| place(env, name)),
            shows_certificate,
        })
    }
}

/// What a server is shown that asks who we are.
struct Client {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Reads the variables `cert` and `key`; both are there or neither is.
fn client(env: &Env, cert: &str, key: &str) -> Result<Option<Client>, EnvError> {
    let (chain, secret) = match (given(env, cert)?, given(env, key)?) {
        (None, None) => return Ok(None),
        (Some(chain), Some(secret)) => (chain, secret),
        (Some(_), None) => {
            let reason = format!("the key of the certificate in {cert} is missing");
            return Err(bad(env, &file_variable(key), reason));
        }
        (None, Some(_)) => {
            let reason = format!("the certificate to the key in {key} is missing");
            return Err(bad(env, &file_variable(cert), reason));
        }
    };
    let chain = certificates(&chain).map_err(|reason| bad(env, cert, reason))?;
    let secret = PrivateKeyDer::from_pem_slice(secret.as_bytes()).map_err(|_| {
        let reason =
            "it holds no private key; write PEM, without a passphrase: -----BEGIN PRIVATE KEY-----";
        bad(env, key, reason.to_owned())
    })?;
    Ok(Some(Client { chain, key: secret }))
}

/// The PEM of a variable. A file that is being written is empty for a moment: that must not mean trusting others.
fn given(env: &Env, name: &str) -> Result<Option<String>, EnvError> {
    match (env.get(name)?, env.get(&file_variable(name))?) {
        (None, Some(_)) => Err(bad(env, name, "it is empty; write PEM".to_owned())),
        (value, _) => Ok(value),
    }
}

fn bad(env: &Env, name: &str, reason: String) -> EnvError {
    EnvError {
        name: place(env, name),
        reason,
    }
}

fn file_variable(name: &str) -> String {
    format!("{name}_FILE")
}

/// A variable as people know it: with the file that it names.
fn place(env: &Env, name: &str) -> String {
    match env.get(&file_variable(name)) {
        Ok(Some(path)) => format!("{name}_FILE (`{path}`)"),
        _ => name.to_owned(),
    }
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

/// CAs are trusted with whatever they sign; what may sign nothing is trusted as what it is.
fn private(pem: &str) -> Result<Arc<Verifier>, String> {
    let given = certificates(pem)?;
    let mut roots = RootCertStore::empty();
    for certificate in &given {
        // Read by the store in any case, because what it cannot read nobody can use.
        let store = if verifier::may_sign(certificate) {
            &mut roots
        } else {
            &mut RootCertStore::empty()
        };
        store
            .add(certificate.clone())
            .map_err(|e| format!("it holds a certificate that cannot be used as a CA: {e}"))?;
    }
    Ok(Verifier::new(roots, given))
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err("it holds no certificate; write PEM: -----BEGIN CERTIFICATE-----".to_owned()),
        Err(e) => Err(format!("it is not PEM: {e}")),
    }
}

/// The error of TLS in an error of I/O.
pub fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests;
