//! What holds anywhere in a document: the right kind of value, no key twice, no secrets; and how errors are noted.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::json::{Kind, Reader, Syntax};
use super::naming_rules::{did_you_mean, is_env_field, is_env_name, is_reference, is_secret};
use super::{
    BusId, KEY_MAX_BYTES, Position, Problem, Problems, Rejected, Rules, ServiceSchema,
    TIMEOUT_MAX_SEC, Truth, url,
};
use crate::contract::NAME_MAX_BYTES;
use crate::text::cut;

/// Keys that an object may have before a set takes over from looking through them.
const FEW_KEYS: usize = 32;

/// The state of the visitor.
pub(super) struct Visitor<'a> {
    pub(super) text: &'a str,
    pub(super) rules: Rules,
    pub(super) reader: Reader<'a>,
    pub(super) truth: Truth,
    pub(super) errors: Problems,
    pub(super) warnings: Problems,
    /// What is read belongs to somebody who can do without it: what is wrong there does not make the document bad.
    pub(super) spares: bool,
    /// Its owner judges each field of it, names of variables too.
    pub(super) owner_judges: bool,
    /// Which warnings were said, and where in the list; at most as many as are kept.
    said: Vec<(&'static str, Box<str>, usize)>,
    /// The byte whose place was asked for last.
    counted: (usize, Position),
    /// The keys of all objects that are open, to find one that is there twice.
    keys: Vec<Cow<'a, str>>,
    /// `services`, or its older name, once met.
    pub(super) services_key: Option<&'static str>,
    /// Where each service's value begins, for what is only judged at the end. Offsets fit: the document is bounded.
    pub(super) starts: Vec<u32>,
    pub(super) rhythm_ids: HashMap<[u64; 3], u32>,
    /// Dependencies on services that were not met yet: who, which in the list, and where the name stands.
    pub(super) unmet: Vec<(u32, u32, u32)>,
    /// Buses whose URL names a database: which, the path and the place of the URL, and the database.
    pub(super) databases: Vec<(BusId, String, Position, u16)>,
    pub(super) last_url: (Cow<'a, str>, BusId),
}

/// The keys of one object that is being read.
pub(super) struct Keys<'a> {
    base: usize,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Visitor<'a> {
    pub(super) fn new(text: &'a str, rules: Rules) -> Visitor<'a> {
        Visitor {
            text,
            reader: Reader::new(text),
            truth: Truth::empty(rules.defaults),
            rules,
            errors: Problems::default(),
            warnings: Problems::default(),
            spares: false,
            owner_judges: false,
            said: Vec::new(),
            counted: (0, Position::START),
            keys: Vec::new(),
            services_key: None,
            starts: Vec::new(),
            rhythm_ids: HashMap::from([([0; 3], 0)]),
            unmet: Vec::new(),
            databases: Vec::new(),
            last_url: (Cow::Borrowed(""), BusId::default()),
        }
    }

    pub(super) fn done(mut self) -> Result<Truth, Rejected> {
        self.errors.sort();
        self.warnings.sort();
        if !self.errors.is_empty() {
            return Err(Rejected {
                errors: self.errors,
                warnings: self.warnings,
            });
        }
        self.truth.warnings = self.warnings;
        self.truth.shrink();
        Ok(self.truth)
    }

    /// A field that nobody reads: a warning once for all of its kind, but an error when it holds a secret.
    pub(super) fn unknown(
        &mut self,
        of: &'static str,
        field: &str,
        known: &[&str],
    ) -> Result<(), Syntax> {
        let at = self.reader.key_at();
        if !self.secret_field(at, field) {
            self.warn(of, field, at, || {
                match did_you_mean(field, known.iter().copied()) {
                    Some(meant) => format!("an unknown field; did you mean `{meant}`?"),
                    None => format!("an unknown field; {of} has {}", known.join(", ")),
                }
            });
        }
        self.pass_over(is_env_field(field))
    }

    /// Passes over a value that is not read here. What holds everywhere still holds in it: no key twice, no secrets.
    /// Inside a `*_env` field every string names an environment variable.
    pub(super) fn pass_over(&mut self, env: bool) -> Result<(), Syntax> {
        match self.reader.kind()? {
            Kind::Object => {
                self.reader.object()?;
                let mut keys = self.keys();
                while let Some(key) = self.field(&mut keys)? {
                    if !env {
                        self.secret_field(self.reader.key_at(), &key);
                    }
                    self.pass_over(env || is_env_field(&key))?;
                }
                Ok(())
            }
            Kind::Array => {
                self.reader.array()?;
                while self.reader.next_element()?.is_some() {
                    self.pass_over(env)?;
                }
                Ok(())
            }
            Kind::String => {
                let at = self.reader.value_at();
                let text = self.reader.string()?;
                self.credential(at, &text);
                if env && !self.owner_judges && !is_env_name(&text) {
                    // The text may be the secret itself: it is not repeated.
                    let what = "not the name of an environment variable".to_owned();
                    self.error(
                        at,
                        what,
                        "write the variable's name, such as FEED_TOKEN, and set it there",
                    );
                }
                Ok(())
            }
            _ => self.reader.skip(),
        }
    }

    /// The next key of the object that is being read. One that is there twice is an error, and passed over.
    pub(super) fn field(&mut self, keys: &mut Keys<'a>) -> Result<Option<Cow<'a, str>>, Syntax> {
        while let Some(key) = self.reader.next_key()? {
            if self.is_new(keys, key.clone()) {
                return Ok(Some(key));
            }
            let at = self.reader.key_at();
            let spares = self.spares;
            // The first of two sections counts.
            let place = |schema: &&ServiceSchema| {
                let services = self.services_key.unwrap_or_default();
                self.reader.path() == format!("{services}.{}.{key}", schema.svc)
            };
            let owner = self.rules.schemas.iter().find(place);
            self.spares |= owner.is_some_and(|own| self.is_spared(own.svc, &key));
            self.error(
                at,
                "a key that is there twice".to_owned(),
                "leave one of them out",
            );
            self.spares = spares;
            self.pass_over(false)?;
        }
        self.keys.truncate(keys.base);
        Ok(None)
    }

    fn is_new(&mut self, keys: &mut Keys<'a>, key: Cow<'a, str>) -> bool {
        let few = &self.keys[keys.base..];
        if few.len() < FEW_KEYS {
            let new = !few.contains(&key);
            if new {
                self.keys.push(key);
            }
            return new;
        }
        if keys.many.is_empty() {
            keys.many.extend(few.iter().cloned());
        }
        keys.many.insert(key)
    }

    pub(super) fn keys(&self) -> Keys<'a> {
        Keys {
            base: self.keys.len(),
            many: HashSet::new(),
        }
    }

    pub(super) fn begins_object(&mut self, example: &str) -> Result<bool, Syntax> {
        if self.reader.kind()? == Kind::Object {
            self.reader.object().map(|()| true)
        } else {
            self.wrong("an object", example).map(|()| false)
        }
    }

    pub(super) fn begins_list(&mut self, example: &str) -> Result<bool, Syntax> {
        if self.reader.kind()? == Kind::Array {
            self.reader.array().map(|()| true)
        } else {
            self.wrong("a list", example).map(|()| false)
        }
    }

    /// A string, and where it stands; `None`, and an error, when it is none or holds a credential.
    pub(super) fn string(
        &mut self,
        example: &str,
    ) -> Result<Option<(usize, Cow<'a, str>)>, Syntax> {
        let string = self.any_string(example)?;
        Ok(string.filter(|(at, text)| !self.credential(*at, text)))
    }

    /// A string whose credentials the caller looks for.
    pub(super) fn any_string(
        &mut self,
        example: &str,
    ) -> Result<Option<(usize, Cow<'a, str>)>, Syntax> {
        if self.reader.kind()? != Kind::String {
            return self.wrong("a string", example).map(|()| None);
        }
        let at = self.reader.value_at();
        let text = self.reader.string()?;
        Ok(Some((at, text)))
    }

    /// A channel or key.
    pub(super) fn key_text(&mut self, example: &str) -> Result<Option<Cow<'a, str>>, Syntax> {
        let Some((at, text)) = self.string(example)? else {
            return Ok(None);
        };
        let what = if text.is_empty() {
            "empty".to_owned()
        } else if text.len() > KEY_MAX_BYTES {
            format!("longer than {KEY_MAX_BYTES} bytes")
        } else if text.chars().any(char::is_control) {
            "a control character inside".to_owned()
        } else {
            return Ok(Some(text));
        };
        self.error(
            at,
            what,
            &format!("write a channel or key such as {example}"),
        );
        Ok(None)
    }

    /// A length of time in seconds.
    pub(super) fn seconds(&mut self, example: &str) -> Result<Option<f64>, Syntax> {
        if self.reader.kind()? != Kind::Number {
            return self.wrong("a number of seconds", example).map(|()| None);
        }
        let at = self.reader.value_at();
        let seconds = self.reader.number()?;
        let written = cut(&self.text[at..self.reader.at()], 32);
        let what = if seconds <= 0.0 {
            format!("{written} is not above zero")
        } else if seconds > TIMEOUT_MAX_SEC {
            format!("{written} is over {TIMEOUT_MAX_SEC} s (32 days)")
        } else if seconds < 0.001 {
            format!("{written} is under a millisecond")
        } else {
            return Ok(Some(seconds));
        };
        self.error(at, what, &format!("write seconds, such as {example}"));
        Ok(None)
    }

    pub(super) fn description(&mut self) -> Result<(), Syntax> {
        match self.reader.kind()? {
            Kind::String => self.pass_over(false),
            _ => self.wrong("a string", "\"what it is for\""),
        }
    }

    /// A value of the wrong kind: told, and passed over.
    pub(super) fn wrong(&mut self, wanted: &str, example: &str) -> Result<(), Syntax> {
        let (at, kind) = (self.reader.value_at(), self.reader.kind()?);
        self.pass_over(false)?;
        let what = format!("{} where {wanted} belongs", kind.said());
        self.error(at, what, &format!("write {example}"));
        Ok(())
    }

    fn credential(&mut self, at: usize, text: &str) -> bool {
        let found = url::credential_in(text);
        if let Some(what) = found {
            let instead = "put it into the environment, and its variable's name into a *_env field";
            self.error(at, what.to_owned(), instead);
        }
        found.is_some()
    }

    pub(super) fn secret_field(&mut self, at: usize, field: &str) -> bool {
        let secret = is_secret(field) && !is_reference(field);
        if secret {
            let what = "a field named like a secret; truth holds none".to_owned();
            let instead = format!(
                "put the secret into the environment and its variable's name into {:?}",
                format!("{}_env", cut(field, NAME_MAX_BYTES))
            );
            self.error(at, what, &instead);
        }
        secret
    }

    /// Notes an error at the value that is being read.
    pub(super) fn error(&mut self, at: usize, what: String, instead: &str) {
        let is_full = match self.spares {
            true => self.warnings.is_full(),
            false => self.errors.is_full(),
        };
        let problem = (!is_full).then(|| Problem {
            path: self.reader.path(),
            position: self.position(at),
            what,
            instead: instead.to_owned(),
            more_like_it: 0,
        });
        let problems = match self.spares {
            true => &mut self.warnings,
            false => &mut self.errors,
        };
        match problem {
            Some(problem) => problems.push(problem),
            None => problems.count_one_more(),
        }
    }

    /// Whether the owner of this section goes on without what is wrong in it, and this is not who writes the document.
    pub(super) fn is_spared(&self, svc: &str, section: &str) -> bool {
        let own = self.rules.schema_of(svc);
        let is_its = own.is_some_and(|own| own.is_spared && own.fields_of(section).is_some());
        self.rules.is_lenient && is_its
    }

    /// Notes a warning, once for all fields of this name in such a place: there may be a million of them.
    pub(super) fn warn(
        &mut self,
        of: &'static str,
        field: &str,
        at: usize,
        what: impl FnOnce() -> String,
    ) {
        let same = |said: &(&str, Box<str>, usize)| said.0 == of && *said.1 == *field;
        if let Some((_, _, i)) = self.said.iter().find(|said| same(said)) {
            self.warnings.list_mut()[*i].more_like_it += 1;
        } else if self.warnings.is_full() {
            self.warnings.count_one_more();
        } else {
            self.said
                .push((of, field.into(), self.warnings.list().len()));
            let problem = Problem {
                path: self.reader.path(),
                position: self.position(at),
                what: what(),
                instead: String::new(),
                more_like_it: 0,
            };
            self.warnings.push(problem);
        }
    }

    /// The place of the byte `at`, counted from the last one that was asked for when that lies before it: a document
    /// may be one long line.
    pub(super) fn position(&mut self, at: usize) -> Position {
        let (from, start) = match self.counted {
            (from, start) if from <= at => (from, start),
            _ => (0, Position::START),
        };
        let position = start.then(Position::of(&self.text[from..], at - from));
        self.counted = (at, position);
        position
    }
}
