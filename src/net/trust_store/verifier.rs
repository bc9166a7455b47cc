//! Judges the certificate of a server: by the CAs that are trusted, or as one that was given itself.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, client::WantsClientCert,
};

/// Believes whom its roots sign, as rustls itself would, and whoever shows one of the `exact` certificates.
#[derive(Debug)]
pub(super) struct Verifier {
    roots: RootCertStore,
    exact: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// `exact`: certificates that are believed as they are, though no root signs them.
    pub(super) fn new(roots: RootCertStore, exact: Vec<CertificateDer<'static>>) -> Arc<Verifier> {
        Arc::new(Verifier {
            roots,
            exact,
            provider: Arc::new(ring::default_provider()),
        })
    }

    /// A client that judges so.
    pub(super) fn builder(self: Arc<Self>) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .expect("ring speaks every version of TLS that is compiled in")
            // The name is rustls' for every verifier of one's own; this one takes no check away.
            .dangerous()
            .with_custom_certificate_verifier(self)
    }

    /// Judges `chain`, whose first certificate is the server's own, for `host`.
    pub(super) fn judge_chain(
        &self,
        chain: &[CertificateDer<'_>],
        host: &str,
    ) -> Result<(), Error> {
        let Some((own, rest)) = chain.split_first() else {
            return Err(Error::NoCertificatesPresented);
        };
        let name = ServerName::try_from(host)
            .map_err(|e| Error::General(format!("`{host}` is no name of a server: {e}")))?;
        self.judge(own, rest, &name, UnixTime::now())
    }

    fn judge(
        &self,
        own: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(own)?;
        let algorithms = self.algorithms().all;
        let signed =
            verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, rest, now, algorithms);
        match signed {
            // It was given, byte for byte, and only who signed it is in question: whether it is in force is looked at
            // before that.
            Err(Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::Other(_),
            )) if self.exact.contains(own) => {}
            other => other?,
        }
        verify_server_name(&parsed, name)
    }

    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.provider.signature_verification_algorithms
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(own, rest, name, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, self.algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, self.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms().supported_schemes()
    }
}

/// Whether others may be believed because this certificate signed them (RFC 5280, 4.2.1.9): it says that it is a CA, or
/// it is of a version that could not say so yet.
pub(super) fn may_sign(certificate: &[u8]) -> bool {
    /// The object identifier of "basic constraints", with its header.
    const BASIC_CONSTRAINTS: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x13];
    const CRITICAL: [u8; 3] = [0x01, 0x01, 0xff];
    const CA: [u8; 3] = [0x01, 0x01, 0xff];
    /// How the part that is signed begins from version 3 on: a tag, and the version in it.
    const VERSION_3: [u8; 5] = [0xa0, 0x03, 0x02, 0x01, 0x02];

    let inner = content(certificate).and_then(content);
    if !inner.is_some_and(|inner| inner.starts_with(&VERSION_3)) {
        return true;
    }
    let at = memchr::memmem::find(certificate, &BASIC_CONSTRAINTS);
    let value = at.map(|at| &certificate[at + BASIC_CONSTRAINTS.len()..]);
    let value = value.map(|value| value.strip_prefix(&CRITICAL).unwrap_or(value));
    // An octet string with a sequence in it, whose first element is the flag.
    let constraints = value.and_then(content).and_then(content);
    constraints.is_some_and(|constraints| constraints.starts_with(&CA))
}

/// What is in the first element of DER.
fn content(der: &[u8]) -> Option<&[u8]> {
    match der.get(1)? {
        short @ ..0x80 => der.get(2..2 + usize::from(*short)),
        long => {
            let digits = usize::from(long & 0x7f);
            let length = der.get(2..2 + digits).filter(|_| digits <= 4)?;
            let length = length
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
            der.get(2 + digits..(2 + digits).checked_add(length)?)
        }
    }
}
