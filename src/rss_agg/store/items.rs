//! Items: in at once with everything that belongs to them, or not at all.

use redis::Pipeline;
use serde_json::Value;

use super::{Store, count, marks};
use crate::bus::BusError;
use crate::contract::feeds;
use crate::feed::identity::Key;
use crate::feed::item::Item;
use crate::feed::seen::Mark;

/// Items that go into one transaction.
pub const CHUNK_ITEMS: usize = 64;
/// Bytes of item text after which a transaction is closed.
pub const CHUNK_BYTES: usize = 256 * 1024;
/// How long a link is remembered: as long as the shortest life of a mark.
const LINK_SEC: u64 = 7 * 24 * 3600;

/// An item on its way into the store.
#[derive(Clone, Debug)]
pub struct NewItem {
    pub item: Item,
    pub key: Key,
    pub mark: Mark,
    /// Of the feed, from truth.
    pub category: Option<String>,
}

impl Store {
    /// For each link and the uid that comes with it: the uid of the first item seen anywhere with that link.
    pub fn first_with_links(&mut self, links: &[(Key, &str)]) -> Result<Vec<String>, BusError> {
        if links.is_empty() {
            return Ok(Vec::new());
        }
        let mut ask = redis::pipe();
        ask.atomic();
        for (link, uid) in links {
            let key = feeds::link_key(&link.to_string());
            ask.cmd("SET")
                .arg(&key)
                .arg(uid)
                .arg("NX")
                .arg("EX")
                .arg(LINK_SEC)
                .ignore();
            ask.cmd("GET").arg(&key);
        }
        let found: Vec<Option<String>> = self.write(&ask)?;
        // A key that ran out between its SET and its GET names nobody, so the item itself is the first.
        let first =
            |(found, (_, uid)): (Option<String>, &(Key, &str))| found.unwrap_or((*uid).to_owned());
        Ok(found.into_iter().zip(links).map(first).collect())
    }

    /// New items: all of them are in afterwards, or none is. Gives how many were added: what another reader of the
    /// same feed, or an attempt whose answer was lost, has put in before is not put in again.
    pub fn add(&mut self, feed: &str, items: &[NewItem]) -> Result<usize, BusError> {
        if items.is_empty() {
            return Ok(0);
        }
        let key = feeds::seen_key(feed);
        let uids: Vec<&[u8]> = items.iter().map(|new| &new.key.0[..]).collect();
        let mut added = 0;
        // From the look at the marks to the end of the transaction nobody else may change them.
        self.write_watching::<(), _>(&[&key], |connection| {
            let mut look = redis::cmd("HMGET");
            let marks: Vec<Option<Vec<u8>>> = look.arg(&key).arg(&uids).query(connection)?;
            let new = items.iter().zip(marks).filter(|(_, mark)| mark.is_none());
            let new: Vec<&NewItem> = new.map(|(new, _)| new).collect();
            added = new.len();
            Ok(add_all(feed, &new))
        })?;
        Ok(added)
    }

    /// A known item whose text changed. Beyond retention only its mark is written. `true` when it was still there.
    pub fn update(&mut self, feed: &str, changed: &NewItem) -> Result<bool, BusError> {
        let uid = &changed.item.uid;
        let key = feeds::item_key(uid);
        let mut ask = redis::cmd("HMGET");
        ask.arg(&key).arg(&[
            "fetched_ts",
            "published_ts",
            "published_supplied",
            "dup_of",
            "rev",
        ]);
        type Old = (
            Option<i64>,
            Option<i64>,
            Option<String>,
            Option<String>,
            Option<u64>,
        );
        let old: Old = self.bus.query(&ask)?;
        let mut write = redis::pipe();
        write.atomic();
        put_mark(&mut write, feed, changed);
        let (Some(fetched_ts), published_ts, supplied, dup_of, rev) = old else {
            self.write::<()>(&write)?;
            return Ok(false);
        };
        let mut item = changed.item.clone();
        // It is kept from its first fetch on, and a date that we gave stays the one that we gave.
        item.fetched_ts = fetched_ts;
        item.dup_of = dup_of;
        if let (Some(published_ts), true) = (published_ts, item.published_supplied.is_some()) {
            item.published_ts = published_ts;
            if supplied.is_none() {
                item.published_supplied = None;
            }
        }
        let rev = rev.unwrap_or(1).saturating_add(1);
        write.cmd("DEL").arg(&key).ignore();
        put_item(&mut write, &item, changed.category.as_deref(), rev);
        put_change(&mut write, &item, rev);
        count(&mut write, "updated", 1);
        let told = serde_json::json!({"uid": uid, "feed": feed}).to_string();
        write.cmd("PUBLISH").arg(feeds::UPDATED).arg(told).ignore();
        self.write::<()>(&write)?;
        Ok(true)
    }
}

/// The transaction that adds these items.
fn add_all(feed: &str, items: &[&NewItem]) -> Pipeline {
    let mut write = redis::pipe();
    write.atomic();
    for new in items {
        let (item, uid) = (&new.item, &new.item.uid);
        put_item(&mut write, item, new.category.as_deref(), 1);
        write
            .cmd("ZADD")
            .arg(feeds::FETCHED)
            .arg(item.fetched_ts)
            .arg(uid)
            .ignore();
        put_mark(&mut write, feed, new);
        let entry = write.cmd("XADD").arg(feeds::QUEUE).arg("*");
        for (field, value) in queue_entry(item, new.category.as_deref()) {
            entry.arg(field).arg(value);
        }
        entry.ignore();
    }
    write
        .cmd("HINCRBY")
        .arg(feeds::TOTALS)
        .arg("queued")
        .arg(items.len())
        .ignore();
    write
}

fn put_mark(write: &mut Pipeline, feed: &str, new: &NewItem) {
    let key = feeds::seen_key(feed);
    write
        .cmd("HSET")
        .arg(key)
        .arg(&new.key.0[..])
        .arg(marks::bytes(&new.mark))
        .ignore();
}

/// An update, for those who work on items and not only show them.
fn put_change(write: &mut Pipeline, item: &Item, rev: u64) {
    let entry = write.cmd("XADD").arg(feeds::CHANGES);
    entry
        .arg("MAXLEN")
        .arg("~")
        .arg(feeds::CHANGES_MAX)
        .arg("*");
    let rev = rev.to_string();
    let values = [&item.uid, &item.feed, &rev];
    for (field, value) in feeds::CHANGES_FIELDS.into_iter().zip(values) {
        entry.arg(field).arg(value);
    }
    if let Some(title) = &item.title {
        entry.arg("title").arg(title);
    }
    entry.ignore();
}

/// The item: a hash with one field each, what is no text or number as JSON, and its place in the index. `rev` counts how
/// often it was written.
fn put_item(write: &mut Pipeline, item: &Item, category: Option<&str>, rev: u64) {
    let command = write.cmd("HSET").arg(feeds::item_key(&item.uid));
    command.arg("rev").arg(rev);
    if let Some(category) = category {
        command.arg("category").arg(category);
    }
    // An item has string keys and finite numbers only, so serialising cannot fail.
    if let Ok(Value::Object(fields)) = serde_json::to_value(item) {
        for (name, value) in fields {
            match value {
                Value::Null => {}
                Value::String(text) => {
                    command.arg(name).arg(text);
                }
                other => {
                    command.arg(name).arg(other.to_string());
                }
            }
        }
    }
    command.ignore();
    write
        .cmd("ZADD")
        .arg(feeds::INDEX)
        .arg(item.published_ts)
        .arg(&item.uid)
        .ignore();
}

/// What a consumer needs to skip an item without a second read; see [`feeds::QUEUE_FIELDS`].
fn queue_entry(item: &Item, category: Option<&str>) -> Vec<(&'static str, String)> {
    let values = [
        Some(item.uid.clone()),
        Some(item.feed.clone()),
        category.map(str::to_owned),
        item.title.clone(),
        item.url.clone(),
        Some(item.published_ts.to_string()),
        Some(item.fetched_ts.to_string()),
        item.language.clone(),
        item.dup_of.clone(),
    ];
    feeds::QUEUE_FIELDS
        .into_iter()
        .zip(values)
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}
