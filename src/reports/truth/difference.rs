//! What differs between two documents, as paths. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Paths that are named; more are counted.
const CHANGES_MAX: usize = 50;
/// Bytes of one path.
const PATH_MAX_BYTES: usize = 256;

/// One place that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub how: How,
    /// As in `services.db.heartbeat.interval_sec`, and `[2]` for a place in a list.
    pub path: String,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Added,
    Changed,
    Removed,
}

impl How {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            How::Added => "added",
            How::Changed => "changed",
            How::Removed => "removed",
        }
    }
}

/// What differs between two documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    pub changes: Vec<Change>,
    /// Paths that found no room.
    pub more: usize,
}

impl Difference {
    /// From `old` to `new`. What was added or removed whole is one path.
    pub fn between(old: &Json, new: &Json) -> Difference {
        let mut difference = Difference::default();
        difference.compare(old, new, &mut String::new());
        difference
    }

    fn compare(&mut self, old: &Json, new: &Json, path: &mut String) {
        match (old, new) {
            (Json::Object(old), Json::Object(new)) => {
                for (name, value) in old {
                    self.below(path, &format!(".{name}"), Some(value), new.get(name));
                }
                for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
                    self.below(path, &format!(".{name}"), None, Some(value));
                }
            }
            (Json::Array(old), Json::Array(new)) => {
                for at in 0..old.len().max(new.len()) {
                    self.below(path, &format!("[{at}]"), old.get(at), new.get(at));
                }
            }
            _ if old == new => {}
            _ => self.add(How::Changed, path),
        }
    }

    fn below(&mut self, path: &mut String, part: &str, old: Option<&Json>, new: Option<&Json>) {
        let length = path.len();
        path.push_str(part);
        match (old, new) {
            (Some(old), Some(new)) => self.compare(old, new, path),
            (None, Some(_)) => self.add(How::Added, path),
            (Some(_), None) => self.add(How::Removed, path),
            (None, None) => {}
        }
        path.truncate(length);
    }

    fn add(&mut self, how: How, path: &str) {
        if self.changes.len() == CHANGES_MAX {
            self.more += 1;
            return;
        }
        let path = path.strip_prefix('.').unwrap_or(path);
        let path = crate::text::SafeText::cut(path, PATH_MAX_BYTES).into();
        self.changes.push(Change { how, path });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(old: &Json, new: &Json) -> Vec<String> {
        let changes = Difference::between(old, new).changes.into_iter();
        changes
            .map(|change| format!("{} {}", change.how.as_str(), change.path))
            .collect()
    }

    #[test]
    fn each_place_that_differs_is_named_once_and_what_is_new_whole() {
        let old =
            json!({"services": {"a": {"heartbeat": {"interval_sec": 5}}, "b": {}}, "list": [1, 2]});
        let new = json!({"services": {"a": {"heartbeat": {"interval_sec": 6}}, "c": {"x": {"y": 1}}}, "list": [1, 3, 4]});
        let mut found = told(&old, &new);
        found.sort_unstable();
        assert_eq!(
            found,
            [
                "added list[2]",
                "added services.c",
                "changed list[1]",
                "changed services.a.heartbeat.interval_sec",
                "removed services.b",
            ]
        );
        assert!(told(&old, &old).is_empty());
        assert_eq!(told(&json!({"a": 1}), &json!({"a": "1"})), ["changed a"]);
    }

    #[test]
    fn of_very_many_the_rest_is_counted() {
        let many = |n: usize| -> Json { (0..n).map(|n| json!({ "n": n })).collect() };
        let found = Difference::between(&many(0), &many(80));
        assert_eq!((found.changes.len(), found.more), (CHANGES_MAX, 30));
    }
}
