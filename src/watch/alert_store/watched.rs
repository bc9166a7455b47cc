//! When buses were judged, and when single services were not though their bus was: for whoever adds up how long a service
//! was up.

use std::collections::VecDeque;

use redis::Value;

use super::{AlertStore, Told};
use crate::bus::BusError;
use crate::bus::script::text_of;
use crate::contract::{
    JUDGED, JUDGED_GAP, JUDGED_LOG, JUDGED_LOG_MAX, UNWATCHED_LOG, UNWATCHED_LOG_MAX,
};

/// Spans that are written at once.
const WRITTEN_AT_ONCE: usize = 1000;

/// Spans of services that were not judged, to be written: `svc,from,to`; at most as many as the log keeps.
#[derive(Default)]
pub(super) struct Unwatched(VecDeque<String>);

impl Unwatched {
    /// What was said of `svc` at `to` ends that it was unknown since then, if it was.
    pub(super) fn note(&mut self, svc: &str, since: Option<i64>, to: i64) {
        let Some(from) = since.filter(|from| *from < to) else {
            return;
        };
        if self.0.len() == UNWATCHED_LOG_MAX {
            self.0.pop_front();
        }
        self.0.push_back(format!("{svc},{from},{to}"));
    }
}

/// Since when a service was unknown, as the answer of a script says where it is not any more.
pub(super) fn unknown_since(answer: &Value) -> Option<i64> {
    let said = match answer {
        Value::Int(_) => return None,
        said => text_of(said)?,
    };
    let since = said.strip_prefix("was ")?.split(' ').next()?;
    since.parse().ok()
}

impl AlertStore {
    /// Notes that the speaker is sure of these buses at `now_ts`, each since then.
    ///
    /// # Errors
    /// As [`tell`](AlertStore::tell).
    pub fn set_judged<'b>(
        &mut self,
        sure: impl IntoIterator<Item = (&'b str, i64)>,
        now_ts: i64,
    ) -> Result<Told, BusError> {
        let mut packet = redis::pipe();
        let call = self.call(&mut packet, &self.texts.judged, &[JUDGED, JUDGED_LOG]);
        call.arg(now_ts)
            .arg(JUDGED_GAP.as_secs())
            .arg(JUDGED_LOG_MAX);
        for (bus, since_ts) in sure {
            call.arg(bus).arg(since_ts);
        }
        let answer = self.send(&packet, 1)?.into_iter().next();
        Ok(answer.map_or(Told::Already, |answer| self.outcome(answer)))
    }

    /// Writes when services were not judged, as the scripts said since this was done last; a piece at a time.
    ///
    /// # Errors
    /// When the bus does not answer or refuses it: what was not written is offered again the next time.
    pub fn set_unwatched(&mut self) -> Result<(), BusError> {
        let count = self.unwatched.0.len().min(WRITTEN_AT_ONCE);
        if count == 0 {
            return Ok(());
        }
        let mut packet = redis::pipe();
        let call = self.call(&mut packet, &self.texts.unwatched, &[UNWATCHED_LOG]);
        call.arg(UNWATCHED_LOG_MAX);
        for span in self.unwatched.0.iter().take(count) {
            call.arg(span);
        }
        let answer = self.send(&packet, 1)?.into_iter().next();
        match answer.map(|answer| self.outcome(answer)) {
            Some(Told::Refused(error)) => Err(error),
            _ => {
                self.unwatched.0.drain(..count);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_says_of_before_is_kept_within_a_limit() {
        let said = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        assert_eq!(unknown_since(&said("was 17")), Some(17));
        assert_eq!(unknown_since(&said("was 17 4711")), Some(17));
        for other in [said("done"), said("was x"), Value::Int(3), Value::Nil] {
            assert_eq!(unknown_since(&other), None, "{other:?}");
        }
        let mut all = Unwatched::default();
        all.note("a", None, 20);
        all.note("a", Some(20), 20);
        assert!(all.0.is_empty());
        for n in 0..=UNWATCHED_LOG_MAX {
            all.note(&format!("s{n}"), Some(10), 20);
        }
        assert_eq!(all.0.len(), UNWATCHED_LOG_MAX);
        assert_eq!(all.0.front().map(String::as_str), Some("s1,10,20"));
    }
}
