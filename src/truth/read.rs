//! The visit of the document, from its first byte to its last, once.

use super::json::{Kind, Reader, Syntax};
use super::store::{Bus, Known};
use super::visitor::Visitor;
use super::{BUSES_MAX, BusId, Position, Problem, Problems, Rejected, Rules, Truth, url};
use crate::contract::{NAME_MAX_BYTES, TRUTH_MAX_BYTES, is_name};
use crate::text::cut;

mod instances;
mod service;

/// Reads a document into a [`Truth`].
pub(super) fn document(document: &[u8], rules: Rules) -> Result<Truth, Rejected> {
    let whole = |at: usize, what: String, instead: &str| {
        let mut errors = Problems::default();
        let text = str::from_utf8(&document[..at]).unwrap_or_default();
        errors.push(Problem {
            path: String::new(),
            position: Position::of(text, at),
            what,
            instead: instead.to_owned(),
            more_like_it: 0,
        });
        Rejected {
            errors,
            warnings: Problems::default(),
        }
    };
    if document.len() > TRUTH_MAX_BYTES {
        let what = format!(
            "{} bytes are more than the limit of {TRUTH_MAX_BYTES}",
            document.len()
        );
        return Err(whole(
            0,
            what,
            "leave out what the services can know by themselves",
        ));
    }
    let text = str::from_utf8(document).map_err(|error| {
        let what = "not UTF-8 from here on".to_owned();
        whole(error.valid_up_to(), what, "save the file as UTF-8")
    })?;
    if text.starts_with('\u{feff}') {
        let what = "a byte order mark, which is no JSON".to_owned();
        return Err(whole(0, what, "save the file as UTF-8 without it"));
    }
    let mut visitor = Visitor::new(text, rules);
    if let Some(names) = buses_behind_services(text) {
        visitor.expect_buses(&names);
    }
    match visitor.root() {
        Ok(()) => visitor.check_whole(),
        Err(Syntax { at, what }) => visitor.error(at, format!("not JSON: {what}"), ""),
    }
    visitor.done()
}

/// The names of the buses where services stand before them: their URLs may mean one of these. A document
/// with the buses first is not read twice. What is wrong in it, the visit says.
fn buses_behind_services(text: &str) -> Option<Vec<String>> {
    text.find("\"services\"")
        .or_else(|| text.find("\"components\""))
        .filter(|at| text[*at..].contains("\"buses\""))?;
    let mut reader = Reader::new(text);
    let mut names = Vec::new();
    let mut read = || -> Result<(), Syntax> {
        reader.object()?;
        while let Some(key) = reader.next_key()? {
            if key != "buses" || reader.kind()? != Kind::Object {
                reader.skip()?;
                continue;
            }
            reader.object()?;
            while let Some(name) = reader.next_key()? {
                if names.len() < BUSES_MAX {
                    names.push(name.into_owned());
                }
                reader.skip()?;
            }
        }
        Ok(())
    };
    read().ok()?;
    Some(names)
}

impl Visitor<'_> {
    /// These buses are named further down.
    fn expect_buses(&mut self, names: &[String]) {
        for name in names.iter().filter(|name| is_name(name)) {
            if self.truth.buses.len() < BUSES_MAX {
                self.bus(name, Known::Named);
            }
        }
    }

    fn root(&mut self) -> Result<(), Syntax> {
        if self.begins_object("{\"services\": { … }}")? {
            let mut keys = self.keys();
            while let Some(key) = self.field(&mut keys)? {
                match &*key {
                    "services" => self.services("services")?,
                    "components" => self.services("components")?,
                    "buses" => self.buses()?,
                    "version" => match self.reader.kind()? {
                        Kind::String | Kind::Number => self.pass_over(false)?,
                        _ => self.wrong("a string", "\"1.0\"")?,
                    },
                    "description" => self.description()?,
                    other => {
                        let known = ["services", "buses", "version", "description"];
                        self.unknown("the document", other, &known)?;
                    }
                }
            }
        }
        self.reader.end()
    }

    fn buses(&mut self) -> Result<(), Syntax> {
        if !self.begins_object("{\"system-redis\": {\"url\": \"redis://system-redis:6379\"}}")? {
            return Ok(());
        }
        let mut keys = self.keys();
        while let Some(name) = self.field(&mut keys)? {
            let bus = if is_name(&name) {
                self.bus(&name, Known::Named)
            } else {
                self.bad_name("bus", &name);
                None
            };
            if !self.begins_object("{\"url\": \"redis://host:6379\"}")? {
                continue;
            }
            let mut keys = self.keys();
            while let Some(key) = self.field(&mut keys)? {
                match &*key {
                    "url" => {
                        let Some((at, url)) = self.any_string("\"redis://host:6379\"")? else {
                            continue;
                        };
                        match (url::redis_location(&url), bus) {
                            (Err(what), _) => self.bad_url(at, what),
                            (Ok(place), Some(bus)) => {
                                self.note_database(bus, at, place.database);
                                self.truth.buses[bus.index()].url = Some(url.into());
                            }
                            (Ok(_), None) => {}
                        }
                    }
                    "description" => self.description()?,
                    other => self.unknown("a bus", other, &["url", "description"])?,
                }
            }
        }
        Ok(())
    }

    fn services(&mut self, key: &'static str) -> Result<(), Syntax> {
        if self.services_key.is_some() {
            let at = self.reader.key_at();
            let what = "`services` and its older name `components` in one document".to_owned();
            self.error(at, what, "put all services under `services`");
            return self.pass_over(false);
        }
        self.services_key = Some(key);
        if !self.begins_object("{\"rss_agg\": {\"heartbeat\": {}}}")? {
            return Ok(());
        }
        // Not `self.field`: the index of names finds what is there twice.
        while let Some(name) = self.reader.next_key()? {
            if !is_name(&name) {
                self.bad_name("service", &name);
                self.pass_over(false)?;
            } else if self.truth.find(&name).is_some() {
                let at = self.reader.key_at();
                self.error(
                    at,
                    "a service that is there twice".to_owned(),
                    "merge the two",
                );
                self.pass_over(false)?;
            } else {
                let id = self.truth.add(&name);
                let at = self.reader.value_at();
                self.starts.push(at as u32);
                self.service(id, &name)?;
            }
        }
        Ok(())
    }

    fn redis_url(&mut self) -> Result<Option<BusId>, Syntax> {
        let Some((at, url)) = self.any_string("\"redis://system-redis:6379\"")? else {
            return Ok(None);
        };
        // A million services usually share one URL.
        if self.last_url.0 == url && !url.is_empty() {
            return Ok(Some(self.last_url.1));
        }
        let place = match url::redis_location(&url) {
            Ok(place) => place,
            Err(what) => {
                self.bad_url(at, what);
                return Ok(None);
            }
        };
        let named = |bus: &Bus| bus.known == Known::Named && *bus.name == *place.host;
        let bus = match self.truth.buses.iter().position(named) {
            // There are at most BUSES_MAX buses.
            Some(i) => Some(BusId(i as u8)),
            None => self.bus(&format!("{}:{}", place.host, place.port), Known::ByUrl),
        };
        if let Some(bus) = bus {
            self.note_database(bus, at, place.database);
            let at = &mut self.truth.buses[bus.index()];
            if at.known == Known::ByUrl && at.url.is_none() {
                at.url = Some((&*url).into());
            }
            self.last_url = (url, bus);
        }
        Ok(bus)
    }

    /// A database keeps no beats apart; whether any are there is known at the end.
    fn note_database(&mut self, bus: BusId, at: usize, database: u16) {
        if database != 0 {
            let (path, position) = (self.reader.path(), self.position(at));
            self.databases.push((bus, path, position, database));
        }
    }

    /// The bus of this name, new when it was not known; `None`, and an error, when there are too many.
    fn bus(&mut self, name: &str, known: Known) -> Option<BusId> {
        let buses = &mut self.truth.buses;
        if let Some(i) = buses.iter().position(|bus| *bus.name == *name) {
            if known == Known::Named {
                buses[i].known = known;
            }
            return Some(BusId(i as u8));
        }
        if buses.len() == BUSES_MAX {
            let what = format!("more than {BUSES_MAX} buses");
            self.error(self.reader.key_at(), what, "let services share a bus");
            return None;
        }
        buses.push(Bus {
            name: name.into(),
            url: None,
            known,
        });
        Some(BusId(buses.len() as u8 - 1))
    }

    fn bad_name(&mut self, of: &str, name: &str) {
        let what = match url::credential_in(name) {
            Some(found) => format!("{found} where a {of} name belongs"),
            None => format!("{:?} is no {of} name", cut(name, NAME_MAX_BYTES)),
        };
        let instead = "use 1 to 64 of the characters A-Z a-z 0-9 _ . -";
        self.error(self.reader.key_at(), what, instead);
    }

    fn bad_url(&mut self, at: usize, what: &str) {
        let instead = if what.contains("password") {
            "put them into the environment: SYSTEM_REDIS_URL, MARKET_REDIS_URL"
        } else {
            "write redis://host:6379, with the name of a bus as host"
        };
        self.error(at, what.to_owned(), instead);
    }
}
