use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::CertificateError as Bad;
use rustls::Error;

use super::*;

const HOST: &str = "hook.example.org";

/// A certificate for [`HOST`]: what it says of itself and who signs it.
struct Made {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn params(is_ca: IsCa, until_year: i32) -> CertificateParams {
    let mut params = CertificateParams::new(vec![HOST.to_owned()]).expect("a name");
    params.is_ca = is_ca;
    params.not_after = rcgen::date_time_ymd(until_year, 12, 31);
    params
}

fn self_signed(is_ca: IsCa, until_year: i32) -> Made {
    let key = KeyPair::generate().expect("a key");
    let params = params(is_ca, until_year);
    let cert = params.self_signed(&key).expect("signed");
    let (pem, der) = (cert.pem(), cert.der().clone());
    let issuer = Issuer::new(params, key);
    Made { pem, der, issuer }
}

fn signed_by(issuer: &Made) -> CertificateDer<'static> {
    let key = KeyPair::generate().expect("a key");
    let cert = params(IsCa::NoCa, 4000).signed_by(&key, &issuer.issuer);
    cert.expect("signed").der().clone()
}

const CA: IsCa = IsCa::Ca(BasicConstraints::Unconstrained);

fn store(pem: &str) -> TrustStore {
    let env = Env::from_pairs([("WEBHOOK_CA", pem)]);
    TrustStore::read(&env, Source::ca(Protocol::Http, "WEBHOOK_CA")).expect("usable")
}

#[test]
fn a_certificate_that_is_given_itself_is_believed_and_signs_for_nobody_unless_it_is_a_ca() {
    for (is_ca, signs) in [(CA, true), (IsCa::NoCa, false), (IsCa::ExplicitNoCa, false)] {
        let (given, other) = (self_signed(is_ca, 4000), self_signed(is_ca, 4000));
        let store = store(&given.pem);
        let judge = |cert: CertificateDer<'static>, host: &str| store.judge(&[cert], host);
        assert_eq!(judge(given.der.clone(), HOST), Ok(()), "itself");
        assert!(judge(given.der.clone(), "elsewhere.example.org").is_err());
        assert!(judge(other.der, HOST).is_err(), "another of the same name");
        let child = judge(signed_by(&given), HOST);
        assert_eq!(child.is_ok(), signs, "signed by it: {child:?}");
    }
    assert!(store(&self_signed(CA, 4000).pem).judge(&[], HOST).is_err());
}

#[test]
fn a_certificate_that_is_given_itself_is_not_believed_once_it_has_expired() {
    for is_ca in [CA, IsCa::NoCa] {
        let given = self_signed(is_ca, 2001);
        let judged = store(&given.pem).judge(&[given.der], HOST);
        assert!(
            matches!(
                judged,
                Err(Error::InvalidCertificate(
                    Bad::Expired | Bad::ExpiredContext { .. }
                ))
            ),
            "{judged:?}"
        );
    }
}

#[test]
fn what_is_wrong_is_said_with_the_variable_to_set() {
    let (own, other) = (self_signed(CA, 4000), self_signed(CA, 4000));
    let read = |pairs: &[(&str, &str)]| {
        let env = Env::from_pairs(pairs.iter().copied());
        let store = TrustStore::read(&env, Source::ca(Protocol::Http, "WEBHOOK_CA"));
        store.expect("usable")
    };
    let words = |store: &TrustStore, cert: CertificateDer<'static>, host: &str| {
        let error = store.judge(&[cert], host).expect_err("not believed");
        store.explain(&error, host)
    };
    let public = read(&[]);
    let said = words(&public, signed_by(&own), HOST);
    assert!(
        said.contains("signed by no public CA") && said.contains("WEBHOOK_CA_FILE"),
        "{said}"
    );
    let said = words(&public, own.der.clone(), HOST);
    assert!(
        said.contains("the certificate of a CA as its own") && said.contains("WEBHOOK_CA_FILE"),
        "{said}"
    );
    let private = read(&[("WEBHOOK_CA", &other.pem)]);
    let said = words(&private, signed_by(&own), HOST);
    assert!(said.contains("signed by no CA in WEBHOOK_CA"), "{said}");
    let said = words(
        &read(&[("WEBHOOK_CA", &own.pem)]),
        signed_by(&own),
        "else.example.org",
    );
    assert!(
        said.contains(&format!("made out to {HOST}, not to `else.example.org`")),
        "{said}"
    );
    let said = public.explain(
        &Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
        HOST,
    );
    assert!(said.contains("write http:// instead of https://"), "{said}");
}

#[test]
fn what_cannot_be_used_is_refused_with_the_name_of_the_variable() {
    for (pem, says) in [
        ("hello", "holds no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----",
            "cannot be used",
        ),
        ("-----BEGIN CERTIFICATE-----\n!\n", "not PEM"),
    ] {
        let env = Env::from_pairs([("FEEDS_CA", pem)]);
        let error = TrustStore::read(&env, Source::ca(Protocol::Http, "FEEDS_CA"));
        let error = error.expect_err(pem).to_string();
        assert!(
            error.contains("FEEDS_CA") && error.contains(says),
            "{error}"
        );
    }
}

#[test]
fn a_file_that_changed_is_read_again_and_one_that_is_unusable_changes_nothing() {
    let (old, new) = (self_signed(IsCa::NoCa, 4000), self_signed(IsCa::NoCa, 4000));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ca.pem");
    fs::write(&path, &old.pem).expect("written");
    let env = Env::from_pairs([("SMTP_CA_FILE", path.to_str().expect("text"))]);
    let source = || Source::ca(Protocol::Smtp, "SMTP_CA");
    let store = TrustStore::read(&env, source()).expect("usable");
    assert_eq!(store, TrustStore::read(&env, source()).expect("usable"));
    assert_ne!(store, TrustStore::public(Protocol::Smtp));

    let believes = |made: &Made| store.judge(std::slice::from_ref(&made.der), HOST).is_ok();
    assert!(believes(&old) && !believes(&new));
    for unusable in ["", "half a certif", "-----BEGIN CERTIFICATE-----\n"] {
        fs::write(&path, unusable).expect("written");
        assert!(believes(&old), "{unusable:?}");
    }
    fs::remove_file(&path).expect("removed");
    assert!(believes(&old), "the file is gone");
    let draft = folder.path().join("draft");
    fs::write(&draft, &new.pem).expect("written");
    fs::rename(&draft, &path).expect("renamed");
    assert!(!believes(&old) && believes(&new));
}
