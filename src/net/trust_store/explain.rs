//! What is wrong with a TLS connection, in words that say what to do about it and name the variable to set.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

use super::{Material, Protocol, TrustStore, tls_error};

impl TrustStore {
    /// The words for an error of I/O; `None` when it is no trouble of TLS.
    pub fn explain_io(&self, error: &io::Error, host: &str) -> Option<String> {
        tls_error(error).map(|error| self.explain(error, host))
    }

    /// The words for an error of a connection to `host`.
    pub fn explain(&self, error: &Error, host: &str) -> String {
        let held = self.held();
        let Some(material) = &held.material else {
            return format!("TLS: {error}");
        };
        match error {
            Error::InvalidCertificate(bad) => self.of_certificate(material, bad, host),
            Error::AlertReceived(alert) => self.of_alert(material, *alert),
            Error::InvalidMessage(_) => format!("it does not speak TLS: {}", self.plain()),
            other => format!("TLS: {other}"),
        }
    }

    fn of_certificate(&self, material: &Material, bad: &CertificateError, host: &str) -> String {
        use CertificateError as Bad;
        match bad {
            // The second: by a CA of the same name, but with another key.
            Bad::UnknownIssuer | Bad::BadSignature => match (&material.ca, &self.0.source.ca) {
                (Some(place), _) => format!("its certificate is signed by no CA in {place}"),
                (None, Some(ca)) => format!(
                    "its certificate is signed by no public CA; put the certificate of your CA{} into a file (PEM) and name the file in {ca}_FILE",
                    self.other_ca()
                ),
                (None, None) => "its certificate is signed by no public CA".to_owned(),
            },
            Bad::NotValidForName => format!(
                "its certificate is not made out to `{host}`: {}, or give the server another one",
                self.other_name()
            ),
            Bad::NotValidForNameContext { presented, .. } => format!(
                "its certificate is made out to {}, not to `{host}`: {}, or give the server another one",
                presented
                    .iter()
                    .map(|name| bare(name))
                    .collect::<Vec<_>>()
                    .join(", "),
                self.other_name()
            ),
            Bad::Expired | Bad::ExpiredContext { .. } => {
                "its certificate has expired: give the server a new one".to_owned()
            }
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "its certificate is not valid yet: is this machine's clock right?".to_owned()
            }
            // As webpki calls it, which is not named here for that alone.
            Bad::Other(other) if other.to_string() == "CaUsedAsEndEntity" => {
                match &self.0.source.ca {
                    Some(ca) => format!(
                        "it shows the certificate of a CA as its own, which is accepted only where {ca}_FILE names a file (PEM) with exactly that certificate"
                    ),
                    None => "it shows the certificate of a CA as its own".to_owned(),
                }
            }
            other => format!("its certificate is not accepted: {other}"),
        }
    }

    fn of_alert(&self, material: &Material, alert: AlertDescription) -> String {
        use AlertDescription as Alert;
        let is_asked = matches!(alert, Alert::CertificateRequired | Alert::HandshakeFailure);
        match &self.0.source.client {
            Some((cert, key)) if is_asked && !material.shows_certificate => format!(
                "it asks for a client certificate: name one in {cert}_FILE and its key in {key}_FILE, or say `tls-auth-clients no` to the server"
            ),
            Some((cert, _)) if material.shows_certificate => format!(
                "it does not accept the client certificate in {cert} (it says {alert:?}): is that signed by the server's `tls-ca-cert-file`?"
            ),
            _ if alert == Alert::CertificateRequired => {
                "it asks for a client certificate, and none can be shown here".to_owned()
            }
            _ => format!("TLS: it says {alert:?}"),
        }
    }

    /// What to write for a port that does not begin with TLS.
    fn plain(&self) -> &'static str {
        match self.0.source.protocol {
            Protocol::Redis => "if that is a plain port, write redis:// instead of rediss://",
            Protocol::Http => "if that is a plain port, write http:// instead of https://",
            Protocol::Smtp => {
                "if that port begins in plain, as 587 and 25 do, write starttls instead of tls"
            }
        }
    }

    fn other_name(&self) -> &'static str {
        match self.0.source.protocol {
            Protocol::Redis | Protocol::Http => "write a name that it is made out to into the URL",
            Protocol::Smtp => "name the server as it is made out to",
        }
    }

    /// Between us and a web server there may be somebody who opens TLS.
    fn other_ca(&self) -> &'static str {
        match self.0.source.protocol {
            Protocol::Http => ", or of the proxy on the way that opens TLS,",
            Protocol::Redis | Protocol::Smtp => "",
        }
    }
}

/// `DnsName("redis.example")`, as rustls shows a name, without the frame.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_matches(['"', ')'])
}
