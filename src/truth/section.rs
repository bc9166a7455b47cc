//! A service's own part of truth, handed to the module that owns it.

use serde::de::DeserializeOwned;

use super::json::{Kind, Reader, Syntax};
use super::problem::{push_index, push_key};
use super::url::credential_in;
use super::{Position, Problem};

// Whoever checks a section says dozens of times what is wrong where. Each call written out would be a tenth of a small
// program, for what happens once a reload: hence `inline(never)`.

/// A value of the document: its path, its place and its text. The owner deserialises it with [`Section::read`], or
/// takes it apart first, so that every wrong element is named and not only the first.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    path: String,
    start: Position,
    json: &'a str,
}

impl<'a> Section<'a> {
    pub(super) fn new(path: String, start: Position, json: &'a str) -> Section<'a> {
        Section { path, start, json }
    }

    /// Where it stands, such as `services.rss_agg.feeds[3]`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its JSON text, as it stands in the document.
    pub fn json(&self) -> &'a str {
        self.json
    }

    /// Deserialises it. The problem names the innermost value that is wrong.
    ///
    /// # Errors
    /// The value is no `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_str(self.json).map_err(|error| self.misread(&error))
    }

    /// The elements of a list; a problem when it is none.
    ///
    /// # Errors
    /// It is no list.
    #[inline(never)]
    pub fn elements(&self) -> Result<Vec<Section<'a>>, Problem> {
        let mut reader = Reader::new(self.json);
        if reader.kind().ok() != Some(Kind::Array) {
            return Err(self.problem("not a list", "write a list: [ … ]"));
        }
        let mut elements = Vec::new();
        let mut walk = || -> Result<(), Syntax> {
            reader.array()?;
            // Each place is counted from the one before it, or a long list would take its length squared.
            let (mut at, mut start) = (0, self.start);
            while let Some(nth) = reader.next_element()? {
                let mut path = self.path.clone();
                push_index(&mut path, nth);
                let from = reader.value_at();
                start = start.then(Position::of(&self.json[at..], from - at));
                at = from;
                reader.skip()?;
                let json = &self.json[from..reader.at()];
                elements.push(Section::new(path, start, json));
            }
            Ok(())
        };
        // The document was read before a section was cut out of it: this is JSON.
        walk().map_err(|syntax| self.problem(syntax.what, ""))?;
        Ok(elements)
    }

    /// The members of an object, in their order; a problem when it is none.
    ///
    /// # Errors
    /// It is no object.
    #[inline(never)]
    pub fn members(&self) -> Result<Vec<(String, Section<'a>)>, Problem> {
        let mut reader = Reader::new(self.json);
        if reader.kind().ok() != Some(Kind::Object) {
            return Err(self.problem("not an object", "write an object: { … }"));
        }
        let mut members = Vec::new();
        let mut walk = || -> Result<(), Syntax> {
            reader.object()?;
            while let Some(key) = reader.next_key()? {
                let mut path = self.path.clone();
                push_key(&mut path, &key);
                let from = reader.value_at();
                reader.skip()?;
                let start = self.start.then(Position::of(self.json, from));
                let json = &self.json[from..reader.at()];
                members.push((key.into_owned(), Section::new(path, start, json)));
            }
            Ok(())
        };
        walk().map_err(|syntax| self.problem(syntax.what, ""))?;
        Ok(members)
    }

    /// The member `name` of an object, when it is one and has it.
    #[inline(never)]
    pub fn field(&self, name: &str) -> Option<Section<'a>> {
        let mut reader = Reader::new(self.json);
        reader.object().ok()?;
        while let Some(key) = reader.next_key().ok()? {
            if key == name {
                let mut path = self.path.clone();
                push_key(&mut path, name);
                let from = reader.value_at();
                reader.skip().ok()?;
                let start = self.start.then(Position::of(self.json, from));
                return Some(Section::new(path, start, &self.json[from..reader.at()]));
            }
            reader.skip().ok()?;
        }
        None
    }

    /// A problem with this value: what is wrong, and what to write instead.
    pub fn problem(&self, what: impl Into<String>, instead: impl Into<String>) -> Problem {
        self.problem_of(what.into(), instead.into())
    }

    #[inline(never)]
    fn problem_of(&self, what: String, instead: String) -> Problem {
        Problem {
            path: self.path.clone(),
            position: self.start,
            what,
            instead,
            more_like_it: 0,
        }
    }

    /// The problem that serde_json met, with the path that it does not tell.
    #[inline(never)]
    fn misread(&self, error: &serde_json::Error) -> Problem {
        let line_start = self
            .json
            .split_inclusive('\n')
            .take(error.line().saturating_sub(1))
            .map(str::len)
            .sum::<usize>();
        // serde_json points at the last byte that it took.
        let at = line_start + error.column().saturating_sub(1);
        let (mut path, mut from) = (self.path.clone(), 0);
        if let Ok(Some((inner, start))) = innermost(&mut Reader::new(self.json), at) {
            let dot = if inner.is_empty() || inner.starts_with('[') {
                ""
            } else {
                "."
            };
            path = format!("{path}{dot}{inner}");
            from = start;
        }
        let said = error.to_string();
        let what = match said.rsplit_once(" at line ") {
            _ if credential_in(&said).is_some() => "not what belongs here",
            Some((what, _)) => what,
            None => &said,
        };
        Problem {
            path,
            position: self.start.then(Position::of(self.json, from)),
            what: what.to_owned(),
            instead: String::new(),
            more_like_it: 0,
        }
    }
}

/// Path and offset of the innermost value around the byte `at`.
fn innermost(reader: &mut Reader<'_>, at: usize) -> Result<Option<(String, usize)>, Syntax> {
    let (from, path) = (reader.value_at(), reader.path());
    match reader.kind()? {
        Kind::Object => {
            reader.object()?;
            while reader.next_key()?.is_some() {
                if let Some(found) = innermost(reader, at)? {
                    return Ok(Some(found));
                }
            }
        }
        Kind::Array => {
            reader.array()?;
            while reader.next_element()?.is_some() {
                if let Some(found) = innermost(reader, at)? {
                    return Ok(Some(found));
                }
            }
        }
        _ => reader.skip()?,
    }
    Ok((from..reader.at()).contains(&at).then_some((path, from)))
}

/// All own sections of one service, for its validator.
pub struct Sections<'a> {
    sections: Vec<(&'a str, Section<'a>)>,
}

impl<'a> Sections<'a> {
    pub(super) fn new(sections: Vec<(&'a str, Section<'a>)>) -> Sections<'a> {
        Sections { sections }
    }

    /// The section `services.<svc>.<field>`.
    pub fn get(&self, field: &str) -> Option<&Section<'a>> {
        self.sections
            .iter()
            .find(|(name, _)| *name == field)
            .map(|(_, section)| section)
    }
}
