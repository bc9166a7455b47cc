//! What an analyst says of itself in its beat; pure.

use std::collections::BTreeMap;
use std::time::Duration;

use super::upkeep::{DEAD_MANY, Sight};
use crate::clock::human;

/// What is known about how the work goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What keeps threads from their work, by who that is.
    troubles: BTreeMap<String, String>,
    sight: Sight,
}

/// The word of a beat, and the reason when that is `degraded`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub word: Option<&'static str>,
    pub reason: String,
}

impl Report {
    /// A thread has a trouble, or no more.
    pub fn trouble(&mut self, who: String, why: Option<String>) {
        match why {
            Some(why) => self.troubles.insert(who, why),
            None => self.troubles.remove(&who),
        };
    }

    /// How the work stands.
    pub fn saw(&mut self, sight: Sight) {
        self.sight = sight;
    }

    /// What to say; `word` is an operator's, `warn` how long an entry may wait.
    pub fn said(&self, word: Option<&'static str>, warn: Duration) -> Said {
        let degraded = |reason: String| Said {
            word: Some("degraded"),
            reason,
        };
        if let Some(why) = self.troubles.values().next() {
            return degraded(why.clone());
        }
        if word.is_some() {
            // What waits meanwhile waits because somebody wants it to.
            return Said {
                word,
                reason: String::new(),
            };
        }
        if self.sight.behind > warn {
            let (behind, warn) = (human(self.sight.behind), human(warn));
            return degraded(format!(
                "behind: the oldest entry has waited for {behind} (behind_warn_sec: {warn})"
            ));
        }
        if self.sight.dead >= DEAD_MANY {
            return degraded(format!(
                "{} entries or more were given up within an hour: see marketswarm vexy dead",
                self.sight.dead
            ));
        }
        Said::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_said_first_and_a_pause_is_no_fault() {
        let warn = Duration::from_secs(120);
        let mut report = Report::default();
        assert_eq!(report.said(None, warn), Said::default());
        report.saw(Sight {
            behind: Duration::from_secs(121),
            dead: 0,
        });
        let said = report.said(None, warn);
        assert_eq!(said.word, Some("degraded"));
        assert!(said.reason.contains("behind"), "{}", said.reason);
        assert_eq!(report.said(Some("paused"), warn).word, Some("paused"));
        report.trouble(
            "a:1".to_owned(),
            Some("the store cannot be used".to_owned()),
        );
        report.trouble(
            "a:2".to_owned(),
            Some("the store cannot be used".to_owned()),
        );
        let away = report.said(Some("paused"), warn);
        assert_eq!(away.reason, "the store cannot be used");
        report.trouble("a:1".to_owned(), None);
        assert_eq!(report.said(None, warn), away);
        report.trouble("a:2".to_owned(), None);
        report.saw(Sight {
            behind: warn,
            dead: 9,
        });
        assert_eq!(report.said(None, warn), Said::default());
        report.saw(Sight {
            behind: warn,
            dead: 10,
        });
        assert!(report.said(None, warn).reason.contains("given up"));
    }
}
