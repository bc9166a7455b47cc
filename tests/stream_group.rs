//! Workers of a consumer group on a real redis-server.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use marketswarm::bus::stream::{
    Consumer, DeadLetters, Delivery, EntryId, Grave, Group, Policy, Producer, Settings, Several,
};
use marketswarm::bus::{Address, BusError, Commands, Limits};

use crate::support::RedisServer;

const STREAM: &str = "test:work";
const DEAD: &str = "test:dead";
const POLICY: Policy = Policy {
    batch: 8,
    max_bytes: 1000,
    max_deliveries: 8,
    claim_idle: Duration::from_secs(2),
    claim_every: Duration::from_millis(200),
};
/// One in so many entries ends its worker.
const POISON: u64 = 97;

struct Worker {
    commands: Commands,
    consumer: Consumer,
    /// With each, whether it is done and only the acknowledgement is owed.
    hand: Vec<(Delivery, bool)>,
}

fn commands(redis: &RedisServer, name: &str) -> Commands {
    let address = Address::parse(&redis.url(), "TEST").expect("valid");
    Commands::new(address, name, Limits::default())
}

fn worker(redis: &RedisServer, n: usize) -> Worker {
    let settings = Settings {
        group: Group::new(STREAM, "workers", &format!("worker-{n}")),
        policy: POLICY,
        dead: DeadLetters {
            key: DEAD.to_owned(),
            max_len: 10_000,
            items: "",
        },
        from: EntryId::ZERO,
    };
    Worker {
        commands: commands(redis, &format!("worker-{n}")),
        consumer: Consumer::new(settings),
        hand: Vec::new(),
    }
}

/// What was done, by number: each result is kept under the name of its entry, as a real worker would.
type Done = BTreeMap<u64, u32>;

fn number(delivery: &Delivery) -> u64 {
    let text = delivery.entry.text("n").expect("a number");
    text.parse().expect("a number")
}

impl Worker {
    fn read(&mut self) -> Result<(), BusError> {
        let block = Duration::from_millis(1);
        let delivered = self.consumer.next(&mut self.commands, block)?;
        self.hand
            .extend(delivered.into_iter().map(|delivery| (delivery, false)));
        Ok(())
    }

    /// Does one entry; false when that ends the worker.
    fn work(&mut self, done: &mut Done) -> bool {
        let Some((delivery, is_done)) = self.hand.first_mut() else {
            return true;
        };
        let n = number(delivery);
        if n.is_multiple_of(POISON) {
            return false;
        }
        let id = delivery.entry.id;
        if !std::mem::replace(is_done, true) {
            *done.entry(n).or_default() += 1;
        }
        if self.consumer.acknowledge(&mut self.commands, &[id]).is_ok() {
            self.hand.remove(0);
        }
        true
    }
}

#[test]
fn an_entry_that_ends_its_worker_takes_no_neighbour_with_it() {
    let redis = RedisServer::start();
    let producer = Producer::new(STREAM, None, 1000);
    let mut giver = commands(&redis, "giver");
    for n in [1, 2, POISON, 4, 5] {
        producer
            .append(&mut giver, &[("n", n.to_string())])
            .expect("added");
    }
    let mut done = Done::new();
    for _ in 0..=POLICY.max_deliveries {
        let mut mortal = worker(&redis, 0);
        for _ in 0..20 {
            mortal.read().expect("an answer");
            if !mortal.work(&mut done) {
                break;
            }
        }
    }
    let all: Vec<u64> = done.keys().copied().collect();
    assert_eq!(all, [1, 2, 4, 5]);
    assert!(done.values().all(|times| *times == 1));
    let dead: u64 = redis.query(&["XLEN", DEAD]);
    assert_eq!(dead, 1);
}

#[test]
fn work_that_goes_on_is_not_taken_over_and_what_is_given_back_is_at_once() {
    let redis = RedisServer::start();
    let producer = Producer::new(STREAM, None, 1000);
    let mut giver = commands(&redis, "giver");
    producer.append(&mut giver, &[("n", "1")]).expect("added");
    let (mut slow, mut other) = (worker(&redis, 0), worker(&redis, 1));
    slow.read().expect("an answer");
    assert_eq!(slow.hand.len(), 1);
    let end = Instant::now() + 3 * POLICY.claim_idle;
    while Instant::now() < end {
        slow.consumer.renew(&mut slow.commands).expect("renewed");
        other.read().expect("an answer");
        assert!(other.hand.is_empty(), "it is being worked on");
    }
    let ids = slow.consumer.in_hand();
    slow.consumer
        .give_back(&mut slow.commands, &ids)
        .expect("given");
    let end = Instant::now() + Duration::from_secs(20);
    while other.hand.is_empty() {
        assert!(Instant::now() < end);
        other.read().expect("an answer");
    }
    assert_eq!(other.hand[0].0.deliveries, 2);
    // Whose it is now, the other can neither renew nor give away.
    slow.consumer
        .give_back(&mut slow.commands, &ids)
        .expect("answered");
    let state = other
        .consumer
        .group()
        .state(&mut giver)
        .expect("an answer")
        .expect("a group");
    assert_eq!(state.pending, 1);
    assert_eq!(
        other
            .consumer
            .acknowledge(&mut other.commands, &ids)
            .expect("acknowledged"),
        1
    );
    assert_eq!(
        slow.consumer
            .tidy(&mut slow.commands, Duration::from_secs(3600))
            .expect("tidied"),
        0
    );
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(
        slow.consumer
            .tidy(&mut slow.commands, Duration::from_millis(1))
            .expect("tidied"),
        2
    );
}

#[test]
fn a_group_that_is_gone_is_made_anew_from_its_beginning() {
    let redis = RedisServer::start();
    let producer = Producer::new(STREAM, None, 1000);
    let mut giver = commands(&redis, "giver");
    producer.append(&mut giver, &[("n", "1")]).expect("added");
    let mut one = worker(&redis, 0);
    let mut done = Done::new();
    one.read().expect("an answer");
    assert!(one.work(&mut done));
    redis.query::<()>(&["XGROUP", "DESTROY", STREAM, "workers"]);
    producer.append(&mut giver, &[("n", "2")]).expect("added");
    let end = Instant::now() + Duration::from_secs(20);
    while !done.contains_key(&2) {
        assert!(Instant::now() < end);
        one.read().expect("an answer");
        one.work(&mut done);
    }
    redis.query::<()>(&["DEL", STREAM]);
    producer.append(&mut giver, &[("n", "3")]).expect("added");
    while !done.contains_key(&3) {
        assert!(Instant::now() < end);
        one.read().expect("an answer");
        one.work(&mut done);
    }
}

/// One worker of three streams.
fn worker_of_three(redis: &RedisServer, n: usize) -> (Commands, Several) {
    let consumer = |key: &str| {
        Consumer::new(Settings {
            group: Group::new(key, "workers", &format!("worker-{n}")),
            policy: POLICY,
            dead: DeadLetters {
                key: DEAD.to_owned(),
                max_len: 10_000,
                items: "",
            },
            from: EntryId::ZERO,
        })
    };
    let streams = ["test:a", "test:b", "test:c"].map(consumer);
    let commands = commands(redis, &format!("worker-{n}"));
    (commands, Several::new(streams.into()))
}

fn read_of_three(commands: &mut Commands, several: &mut Several) -> Vec<(usize, u64)> {
    let read = several.next(commands, Duration::from_millis(50));
    let read = read.expect("an answer").into_iter();
    read.map(|(nth, delivery)| (nth, number(&delivery)))
        .collect()
}

#[test]
fn one_worker_of_several_streams_waits_for_all_and_gets_what_was_left_alone() {
    let redis = RedisServer::start();
    let mut giver = commands(&redis, "giver");
    let mut give = |key: &str, n: u64| {
        let producer = Producer::new(key, None, 1000);
        let fields = [("n", n.to_string())];
        producer.append(&mut giver, &fields).expect("added");
    };
    let (mut commands, mut several) = worker_of_three(&redis, 0);
    assert_eq!(read_of_three(&mut commands, &mut several), []);
    give("test:b", 1);
    give("test:c", 2);
    give("test:c", 3);
    let all = [(1, 1), (2, 2), (2, 3)];
    assert_eq!(read_of_three(&mut commands, &mut several), all);
    // It dies. What it had comes again before anything new, and one by one.
    give("test:a", 4);
    let (mut commands, mut several) = worker_of_three(&redis, 0);
    for entry in all {
        assert_eq!(read_of_three(&mut commands, &mut several), [entry]);
        let consumer = several.get(entry.0).expect("a stream");
        let ids = consumer.in_hand();
        consumer
            .acknowledge(&mut commands, &ids)
            .expect("acknowledged");
    }
    assert_eq!(read_of_three(&mut commands, &mut several), [(0, 4)]);
    let consumer = several.get(0).expect("a stream");
    let grave = Grave {
        id: consumer.in_hand()[0],
        deliveries: 1,
        reason: "it names nothing".to_owned(),
    };
    consumer.give_up(&mut commands, &grave).expect("buried");
    assert!(consumer.in_hand().is_empty());
    assert_eq!(redis.query::<u64>(&["XLEN", DEAD]), 1);
    // One of the groups is lost, then all of the data.
    redis.query::<()>(&["XGROUP", "DESTROY", "test:c", "workers"]);
    give("test:a", 5);
    let end = Instant::now() + Duration::from_secs(20);
    let mut got = Vec::new();
    while got.len() < 3 {
        assert!(Instant::now() < end, "{got:?}");
        got.extend(read_of_three(&mut commands, &mut several));
    }
    got.sort_unstable();
    assert_eq!(got, [(0, 5), (2, 2), (2, 3)]);
    redis.query::<()>(&["FLUSHALL"]);
    give("test:b", 6);
    for consumer in several.iter_mut() {
        consumer.group_is_gone();
    }
    let mut got = Vec::new();
    while got.is_empty() {
        assert!(Instant::now() < end);
        got.extend(read_of_three(&mut commands, &mut several));
    }
    assert_eq!(got, [(1, 6)]);
}
