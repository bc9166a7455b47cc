use super::*;
use crate::net::permits::hosts::HostLimits;
use proptest::prelude::*;

fn at(secs: f64) -> Mono {
    Mono::from_secs(secs)
}

fn done(
    plan: &mut Plan,
    hosts: &mut Hosts,
    feed: &str,
    host: &str,
    due: Option<Mono>,
    slow: bool,
) -> bool {
    hosts.finish(host);
    plan.done(feed, due, slow)
}

fn take(plan: &mut Plan, hosts: &mut Hosts, now: Mono) -> Option<Arc<str>> {
    plan.take(hosts, now).map(|turn| turn.feed)
}

fn hosts() -> Hosts {
    Hosts::new(HostLimits {
        rps: 1.0,
        connections: 2,
    })
}

#[test]
fn a_feed_sleeps_until_it_is_due_and_is_taken_once() {
    let (mut plan, mut hosts) = (Plan::new(4), hosts());
    plan.put("a", "h:80", Some(at(5.0)));
    assert_eq!(take(&mut plan, &mut hosts, at(4.9)), None);
    assert_eq!(plan.next_deadline(), Some(at(5.0)));
    assert_eq!(take(&mut plan, &mut hosts, at(5.0)).as_deref(), Some("a"));
    assert_eq!(take(&mut plan, &mut hosts, at(9.0)), None);
    assert_eq!(plan.next_deadline(), None);
    assert!(done(
        &mut plan,
        &mut hosts,
        "a",
        "h:80",
        Some(at(60.0)),
        false
    ));
    assert_eq!(plan.next_deadline(), Some(at(60.0)));
}

#[test]
fn feeds_of_one_host_wait_for_each_other_and_feeds_of_others_do_not() {
    let (mut plan, mut hosts) = (Plan::new(9), hosts());
    for feed in ["a1", "a2", "a3"] {
        plan.put(feed, "a:80", Some(at(1.0)));
    }
    plan.put("b", "b:80", Some(at(1.0)));
    let mut taken: Vec<_> = std::iter::from_fn(|| take(&mut plan, &mut hosts, at(1.0))).collect();
    taken.sort();
    assert_eq!(taken, ["a1".into(), Arc::<str>::from("b")]);
    assert_eq!(plan.next_deadline(), Some(at(2.0)), "one a second");
    assert_eq!(take(&mut plan, &mut hosts, at(2.0)).as_deref(), Some("a2"));
    assert_eq!(take(&mut plan, &mut hosts, at(3.0)), None, "two at once");
    done(&mut plan, &mut hosts, "a1", "a:80", None, false);
    assert_eq!(take(&mut plan, &mut hosts, at(3.6)).as_deref(), Some("a3"));
}

#[test]
fn slow_feeds_hold_half_of_the_pollers_at_most() {
    let (mut plan, mut hosts) = (Plan::new(4), hosts());
    for i in 0..8 {
        let (feed, host) = (format!("slow{i}"), format!("s{i}:80"));
        plan.put(&feed, &host, Some(at(1.0)));
    }
    // Nobody knows yet that they are slow.
    let first: Vec<_> = std::iter::from_fn(|| take(&mut plan, &mut hosts, at(1.0))).collect();
    assert_eq!(first.len(), 4);
    for feed in &first {
        let host = feed.replace("slow", "s") + ":80";
        done(&mut plan, &mut hosts, feed, &host, Some(at(30.0)), true);
    }
    while let Some(feed) = take(&mut plan, &mut hosts, at(20.0)) {
        let host = feed.replace("slow", "s") + ":80";
        done(&mut plan, &mut hosts, &feed, &host, Some(at(30.0)), true);
    }
    plan.put("quick", "q:80", Some(at(31.0)));
    let now: Vec<_> = std::iter::from_fn(|| take(&mut plan, &mut hosts, at(31.0))).collect();
    assert_eq!(now.len(), 3, "{now:?}");
    assert!(now.contains(&"quick".into()));
    // A slow one that is done lets the next slow one in.
    let slow_one = now.iter().find(|f| f.starts_with("slow")).expect("one");
    let host = slow_one.replace("slow", "s") + ":80";
    done(&mut plan, &mut hosts, slow_one, &host, Some(at(90.0)), true);
    assert!(take(&mut plan, &mut hosts, at(33.0)).is_some());
}

#[test]
fn a_feed_removed_while_under_way_is_not_planned_again() {
    let (mut plan, mut hosts) = (Plan::new(4), hosts());
    plan.put("a", "h:80", Some(at(1.0)));
    assert!(take(&mut plan, &mut hosts, at(1.0)).is_some());
    plan.remove("a");
    assert!(!plan.contains("a"));
    assert!(!done(
        &mut plan,
        &mut hosts,
        "a",
        "h:80",
        Some(at(9.0)),
        false
    ));
    assert_eq!(plan.next_deadline(), None);
    // Removed and added again in the meantime: it goes on.
    plan.put("b", "h:80", Some(at(3.0)));
    assert!(take(&mut plan, &mut hosts, at(3.0)).is_some());
    plan.remove("b");
    plan.put("b", "h:80", Some(at(4.0)));
    assert!(done(
        &mut plan,
        &mut hosts,
        "b",
        "h:80",
        Some(at(9.0)),
        false
    ));
    assert_eq!(plan.next_deadline(), Some(at(9.0)));
}

#[test]
fn a_start_of_many_feeds_is_spread_and_a_start_of_few_is_quick() {
    assert_eq!(turn_delay(0, 1), Duration::ZERO);
    assert_eq!(turn_delay(4, 5), Duration::from_secs(4));
    assert!(turn_delay(499, 500) < Duration::from_secs(30));
    assert!(turn_delay(1, 500) > Duration::from_millis(50));
}

proptest! {
    /// Random feeds, hosts, durations: no host is ever asked faster or wider than allowed, no more polls than
    /// pollers, and every feed is polled.
    #[test]
    fn whatever_happens_the_limits_hold_and_every_feed_has_its_turn(
        feeds in proptest::collection::vec((0u8..5, 0u64..20, 1u64..30, any::<bool>()), 1..40),
        pollers in 1usize..8,
    ) {
        let (mut plan, mut hosts) = (Plan::new(pollers), hosts());
        for (i, (host, due, _, _)) in feeds.iter().enumerate() {
            plan.put(&i.to_string(), &format!("h{host}:80"), Some(at(*due as f64)));
        }
        let (mut now, mut running, mut polled) = (at(0.0), Vec::<(Mono, usize)>::new(), 0);
        let mut last_start: HashMap<u8, Mono> = HashMap::new();
        while polled < feeds.len() {
            while let Some(id) = take(&mut plan, &mut hosts, now) {
                let i: usize = id.parse().expect("an index");
                let (host, due, takes, _) = feeds[i];
                prop_assert!(at(due as f64) <= now);
                if let Some(last) = last_start.insert(host, now) {
                    prop_assert!(now.since(last) >= Duration::from_secs(1));
                }
                running.push((now + Duration::from_secs(takes), i));
                prop_assert!(running.len() <= pollers);
                prop_assert!(running.iter().filter(|(_, r)| feeds[*r].0 == host).count() <= 2);
            }
            running.sort();
            let first_done = running.first().map(|(at, _)| *at);
            let Some(next) = plan.next_deadline().into_iter().chain(first_done).min() else {
                prop_assert!(false, "stuck at {now:?} with {polled} polled");
                unreachable!();
            };
            prop_assert!(next >= now);
            now = next;
            if first_done.is_some_and(|at| at <= now) {
                let (_, i) = running.remove(0);
                done(&mut plan, &mut hosts, &i.to_string(), &format!("h{}:80", feeds[i].0), None, feeds[i].3);
                polled += 1;
            }
        }
    }
}
