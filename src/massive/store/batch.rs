//! Commands that go out together: all of them are done, or none.

use crate::contract::market;
use crate::massive::record::Fields;

/// Commands in their order, ready to be handed to the script that runs them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// For each command the number of its words, then the words.
    words: Vec<String>,
    commands: usize,
}

impl Batch {
    /// Adds a command.
    pub fn add<W: Into<String>>(&mut self, words: impl IntoIterator<Item = W>) {
        let at = self.words.len();
        self.words.push(String::new());
        self.words.extend(words.into_iter().map(Into::into));
        self.words[at] = (self.words.len() - at - 1).to_string();
        self.commands += 1;
    }

    /// Puts a hash in place of what was there.
    pub fn hash(&mut self, key: &str, fields: &Fields) {
        self.add(["DEL", key]);
        if fields.is_empty() {
            return;
        }
        let words = fields
            .iter()
            .flat_map(|(name, field)| [(*name).to_owned(), field.text()]);
        self.add(["HSET".to_owned(), key.to_owned()].into_iter().chain(words));
        self.keep(key);
    }

    /// A string that readers without a clock of their own may use for so long; past it there is none.
    pub fn fresh(&mut self, key: &str, value: String, fresh_ms: i64) {
        if fresh_ms <= 0 {
            return self.add(["DEL", key]);
        }
        let words = ["SET".to_owned(), key.to_owned(), value, "PX".to_owned()];
        let fresh_ms = fresh_ms.min(market::KEEP_MS).to_string();
        self.add(words.into_iter().chain([fresh_ms]));
    }

    /// Lets a key live as long as keys do.
    pub fn keep(&mut self, key: &str) {
        self.expire(key, market::KEEP_MS);
    }

    /// Lets a key live so long.
    pub fn expire(&mut self, key: &str, ms: i64) {
        self.add(["PEXPIRE".to_owned(), key.to_owned(), ms.to_string()]);
    }

    /// Adds to a stream that keeps about so many entries. `id` may be `*`.
    pub fn stream(&mut self, key: &str, max: usize, id: &str, fields: Vec<(&str, String)>) {
        let head = ["XADD", key, "MAXLEN", "~", &max.to_string(), id].map(str::to_owned);
        let fields = fields
            .into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value]);
        self.add(head.into_iter().chain(fields));
        self.keep(key);
    }

    /// Adds to a counter of `massive:totals`.
    pub fn count(&mut self, name: &str, by: u64) {
        if by > 0 {
            self.add(["HINCRBY", market::TOTALS, name, &by.to_string()]);
            self.keep(market::TOTALS);
        }
    }

    /// The words for the script.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// How many commands there are.
    pub fn len(&self) -> usize {
        self.commands
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.commands == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::massive::record::Field;

    #[test]
    fn each_command_is_counted_before_its_words() {
        let mut batch = Batch::default();
        assert!(batch.is_empty());
        batch.hash("h", &vec![("price", Field::Number("1.50".into()))]);
        batch.fresh("k", "v".to_owned(), 5);
        batch.fresh("k", "v".to_owned(), 0);
        assert_eq!(
            batch.words().join(" "),
            "2 DEL h 4 HSET h price 1.50 3 PEXPIRE h 604800000 5 SET k v PX 5 2 DEL k"
        );
        assert_eq!(batch.len(), 5);
    }
}
