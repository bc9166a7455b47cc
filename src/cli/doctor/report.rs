//! What was found, and how it is shown. Pure.

use std::fmt::Write;

use serde_json::{Value as Json, json};

/// How much it matters, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    /// The swarm does not do now what it is for.
    Wrong,
    /// It will, or might, not do it one day.
    Risk,
    /// Good to know; nothing is to be done.
    Note,
}

impl Grade {
    fn as_str(self) -> &'static str {
        match self {
            Grade::Wrong => "wrong",
            Grade::Risk => "risk",
            Grade::Note => "note",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) grade: Grade,
    /// What it is about: a bus, a service, a folder, `truth`.
    pub(super) about: String,
    /// What is so.
    pub(super) what: String,
    /// What to do about it; may be empty for a note.
    pub(super) remedy: String,
}

impl Finding {
    /// The swarm does not do what it is for.
    pub(super) fn wrong(
        about: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding::new(Grade::Wrong, about, what, remedy)
    }

    /// It might not, one day.
    pub(super) fn risk(
        about: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding::new(Grade::Risk, about, what, remedy)
    }

    /// Good to know.
    pub(super) fn note(about: impl Into<String>, what: impl Into<String>) -> Finding {
        Finding::new(Grade::Note, about, what, "")
    }

    fn new(
        grade: Grade,
        about: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding {
            grade,
            about: about.into(),
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
    /// What was looked at, in few words each.
    checked: Vec<String>,
    /// The bus that carries control does not answer.
    pub(super) is_bus_away: bool,
}

impl Report {
    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(super) fn add_all(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    /// Says that `what` was looked at.
    pub(super) fn checked(&mut self, what: impl Into<String>) {
        self.checked.push(what.into());
    }

    /// 0 well, 1 something is to be done, 3 no bus.
    pub(super) fn exit_code(&self) -> u8 {
        let to_do = self.findings.iter().any(|f| f.grade != Grade::Note);
        match (self.is_bus_away, to_do) {
            (true, _) => 3,
            (false, to_do) => u8::from(to_do),
        }
    }

    /// For people: a finding on two lines, the worst first; then what was looked at.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        for finding in self.sorted() {
            let grade = match finding.grade {
                Grade::Wrong => "WRONG",
                Grade::Risk => "RISK",
                Grade::Note => "note",
            };
            let _ = writeln!(out, "{grade:<5}  {}: {}", finding.about, finding.what);
            if !finding.remedy.is_empty() {
                let _ = writeln!(out, "       do: {}", finding.remedy);
            }
        }
        if !out.is_empty() {
            out.push('\n');
        }
        let count = |grade| self.findings.iter().filter(|f| f.grade == grade).count();
        let verdict = match (count(Grade::Wrong), count(Grade::Risk)) {
            (0, 0) => "all is well".to_owned(),
            (wrong, risks) => {
                let risks = if risks == 1 {
                    "1 risk".into()
                } else {
                    format!("{risks} risks")
                };
                format!("{wrong} wrong, {risks}")
            }
        };
        let _ = writeln!(out, "{verdict}; looked at: {}", self.checked.join(", "));
        out
    }

    /// For programs.
    pub(super) fn json(&self) -> Json {
        let findings = self.sorted().into_iter().map(|finding| {
            json!({"grade": finding.grade.as_str(), "about": finding.about, "what": finding.what,
                "remedy": finding.remedy})
        });
        json!({"well": self.exit_code() == 0, "findings": findings.collect::<Vec<_>>(), "looked_at": self.checked})
    }

    /// The worst first; else in the order in which they were found.
    fn sorted(&self) -> Vec<&Finding> {
        let mut sorted: Vec<&Finding> = self.findings.iter().collect();
        sorted.sort_by_key(|finding| finding.grade);
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_comes_first_and_decides_the_exit_code() {
        let mut report = Report::default();
        report.checked("2 buses");
        assert_eq!(report.exit_code(), 0);
        assert_eq!(report.text(), "all is well; looked at: 2 buses\n");
        report.add(Finding::note("db", "is silenced"));
        assert_eq!(report.exit_code(), 0, "nothing is to be done");
        report.add(Finding::risk("disk", "fills up", "make room"));
        report.add(Finding::wrong("db", "is down", "start it"));
        assert_eq!(report.exit_code(), 1);
        let expected = "WRONG  db: is down\n       do: start it\nRISK   disk: fills up\n       do: make room\n\
                        note   db: is silenced\n\n1 wrong, 1 risk; looked at: 2 buses\n";
        assert_eq!(report.text(), expected);
        assert_eq!(report.json()["findings"][0]["grade"], "wrong");
        report.is_bus_away = true;
        assert_eq!(report.exit_code(), 3);
    }
}
