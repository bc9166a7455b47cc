//! Where work comes from: the streams, the group in which the analysts share them, and what one of them has in hand.

use std::time::Duration;

use super::config::Analysis;
use crate::bus::stream::{
    Consumer, DeadLetters, Delivery, EntryId, Grave, Group, Policy, Settings, Several,
};
use crate::contract::{analysis, feeds};
use crate::truth::Truth;

/// The streams of the first stage: what is new, what was updated, what somebody wants once more.
pub const STREAMS: [&str; 3] = [feeds::QUEUE, feeds::CHANGES, analysis::REDO];
/// The number of the last of them, whose entries count whatever is known of their items.
const REDO: usize = 2;
/// Bytes of an entry: as many as its title and address may have.
const ENTRY_BYTES: usize = 1024 * 1024;
/// Entries that others left are looked for this often at most.
const CLAIM_EVERY_MAX: Duration = Duration::from_secs(15);

/// One entry, and the item that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The number of its stream.
    pub stream: usize,
    pub entry: EntryId,
    pub uid: String,
    /// The same text counts, too.
    pub anew: bool,
    /// An answer that a model gave before does not count.
    pub model_anew: bool,
}

/// What the consumers of one process are called, but for their threads: where truth says that several instances of the
/// service may run, each on its machine is another.
pub fn consumer_base(truth: &Truth, name: &str, host: &str) -> String {
    let service = truth.service(name);
    match service.and_then(|service| service.instances()) {
        Some(_) => format!("{name}@{host}"),
        None => name.to_owned(),
    }
}

/// `<name>:<thread>`, or `<name>@<host>:<thread>` of one of several; the same after every start.
pub fn consumer_name(base: &str, thread: usize) -> String {
    format!("{base}:{thread}")
}

/// The consumer of one thread on the first stage's streams, in the order of [`STREAMS`].
pub fn consumers(config: &Analysis, consumer: &str) -> Several {
    let policy = Policy {
        batch: config.batch,
        max_deliveries: config.max_deliveries,
        ..policy(config)
    };
    let all = STREAMS.into_iter();
    Several::new(all.map(|key| member(key, consumer, policy)).collect())
}

/// The limits of a worker that takes one entry at a time and gives none up.
pub fn policy(config: &Analysis) -> Policy {
    let claim_idle = config.claim_idle();
    Policy {
        batch: 1,
        max_bytes: ENTRY_BYTES,
        max_deliveries: u64::MAX,
        claim_idle,
        claim_every: (claim_idle / 4).min(CLAIM_EVERY_MAX),
    }
}

/// One consumer of the group on the stream at `key`, from its beginning on.
pub fn member(key: &str, consumer: &str, policy: Policy) -> Consumer {
    Consumer::new(Settings {
        group: Group::new(key, analysis::GROUP, consumer),
        policy,
        dead: DeadLetters {
            key: analysis::DEAD.to_owned(),
            max_len: analysis::DEAD_MAX,
            items: feeds::ITEM,
        },
        from: EntryId::ZERO,
    })
}

/// What there is to do about an entry; an entry that names no item is given up.
///
/// # Errors
/// Why it is.
pub fn job(stream: usize, delivery: &Delivery) -> Result<Job, Grave> {
    let entry = &delivery.entry;
    let uid = entry.text("uid").filter(|uid| !uid.is_empty());
    let model = entry.text("model");
    match uid {
        Some(uid) => Ok(Job {
            stream,
            entry: entry.id,
            uid: uid.into_owned(),
            anew: stream == REDO,
            model_anew: model.is_some_and(|word| !matches!(&*word, "" | "0")),
        }),
        None => Err(Grave {
            id: entry.id,
            deliveries: delivery.deliveries,
            reason: "it names no item".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::stream::Entry;

    fn delivery(fields: &[(&str, &str)]) -> Delivery {
        let bytes = |(k, v): &(&str, &str)| (k.as_bytes().to_vec(), v.as_bytes().to_vec());
        Delivery {
            entry: Entry {
                id: EntryId { ms: 5, seq: 1 },
                fields: Some(fields.iter().map(bytes).collect()),
            },
            deliveries: 2,
        }
    }

    #[test]
    fn what_somebody_wants_once_more_counts_and_what_names_no_item_is_given_up() {
        let new = job(0, &delivery(&[("uid", "u"), ("title", "t")])).expect("a job");
        assert_eq!((&*new.uid, new.anew, new.model_anew), ("u", false, false));
        let again = job(REDO, &delivery(&[("uid", "u")])).expect("a job");
        assert_eq!((again.anew, again.model_anew), (true, false));
        let model = job(REDO, &delivery(&[("model", "1"), ("uid", "u")])).expect("a job");
        assert_eq!((model.anew, model.model_anew), (true, true));
        for fields in [&[][..], &[("uid", "")][..]] {
            let grave = job(1, &delivery(fields)).expect_err("it names nothing");
            assert_eq!((grave.deliveries, grave.id.ms), (2, 5));
        }
    }

    #[test]
    fn what_others_left_is_looked_for_in_time() {
        let of = |claim_idle_sec| {
            policy(&Analysis {
                claim_idle_sec,
                ..Analysis::default()
            })
        };
        assert_eq!(of(5).claim_every, Duration::from_millis(1_250));
        assert_eq!(of(3_600).claim_every, CLAIM_EVERY_MAX);
    }
}
