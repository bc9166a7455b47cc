//! A certificate authority of our own, and what it signs.

use std::fs;

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// A CA whose files lie in a folder of their own.
pub struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// Paths of a certificate and its key.
pub struct Issued {
    pub cert: String,
    pub key: String,
}

impl Authority {
    /// A new one, which nobody else trusts.
    pub fn new() -> Authority {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        named(&mut params, "test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let cert = params.self_signed(&key).unwrap();
        fs::write(folder.path().join("ca.pem"), cert.pem()).unwrap();
        Authority {
            folder,
            issuer: Issuer::new(params, key),
        }
    }

    /// The path of a file in its folder.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The path of its own certificate.
    pub fn file(&self) -> String {
        self.path("ca.pem")
    }

    /// A certificate made out to these names, in force for as long as anybody tests.
    pub fn issue(&self, name: &str, made_out_to: &[&str]) -> Issued {
        self.issue_until(name, made_out_to, 4000)
    }

    /// A certificate that is in force until the end of that year.
    pub fn issue_until(&self, name: &str, made_out_to: &[&str], year: i32) -> Issued {
        let names: Vec<String> = made_out_to.iter().map(|n| n.to_string()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        named(&mut params, name);
        params.not_after = rcgen::date_time_ymd(year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        self.write(name, &cert, &key)
    }

    /// A certificate that nobody signed but its own key; only its files are here.
    pub fn self_signed(&self, name: &str, made_out_to: &[&str]) -> Issued {
        self.self_signed_as(name, made_out_to, IsCa::NoCa)
    }

    /// The same, but it says that it is a CA, as `openssl req -x509` makes them.
    pub fn self_signed_ca(&self, name: &str, made_out_to: &[&str]) -> Issued {
        self.self_signed_as(name, made_out_to, IsCa::Ca(BasicConstraints::Unconstrained))
    }

    fn self_signed_as(&self, name: &str, made_out_to: &[&str], is_ca: IsCa) -> Issued {
        let names: Vec<String> = made_out_to.iter().map(|n| n.to_string()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        named(&mut params, name);
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let cert = params.self_signed(&key).unwrap();
        self.write(name, &cert, &key)
    }

    fn write(&self, name: &str, cert: &Certificate, key: &KeyPair) -> Issued {
        let issued = Issued {
            cert: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}.key")),
        };
        fs::write(&issued.cert, cert.pem()).unwrap();
        fs::write(&issued.key, key.serialize_pem()).unwrap();
        issued
    }
}

/// The default name would be the same for all, and the issuer of a certificate could not be told from its holder.
fn named(params: &mut CertificateParams, name: &str) {
    params.distinguished_name.push(DnType::CommonName, name);
}
