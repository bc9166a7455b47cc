//! What must be true of what was told.

use super::plan::STORM;
use super::store::{Line, Said};
use super::truth::name;
use super::world::{Sent, Service, World};
use crate::notify::aggregator::simulation::People;

/// A beat that reached Redis so shortly before the verdict may still have been on its way.
const ON_ITS_WAY: u64 = 251_000;
/// The longest way of a beat, and of a word whose first answer was lost: what happens so shortly before the end of the
/// world may not be told in it.
const LATE: u64 = 4_500_000;
/// In a world where nothing but services fails, a death is told within this of its deadline.
const PROMPT: u64 = 5_000;

pub fn judge(world: &World) -> Result<(), String> {
    for (svc, service) in world.services.iter().enumerate() {
        let log: Vec<&Line> = world
            .redis
            .store
            .log
            .iter()
            .filter(|entry| {
                entry.deed.svc == svc && matches!(entry.deed.said, Said::Missed | Said::Ok)
            })
            .collect();
        no_false_death(world, service, &log).map_err(|e| format!("s{svc}: {e}"))?;
        let since = service.dropped_at.unwrap_or(0);
        let log: Vec<&Line> = log.into_iter().filter(|e| e.written_at > since).collect();
        taking_turns(&log, since > 0).map_err(|e| format!("s{svc}: {e}"))?;
        the_end_is_right(world, service, &log).map_err(|e| format!("s{svc}: {e}"))?;
        flapping_ends(world, svc, since).map_err(|e| format!("s{svc}: {e}"))?;
        if world.calm {
            prompt(world, service, &log).map_err(|e| format!("s{svc}: {e}"))?;
        }
    }
    Ok(())
}

/// What people believe, from the messages alone, is true in the end; nothing was told that is not in the log.
pub fn judge_messages(world: &World) -> Result<(), String> {
    let mut people = People::default();
    for (_, notification) in &world.people.messages {
        people.read(notification)?;
    }
    for (svc, service) in world.services.iter().enumerate() {
        let topic = format!("heartbeat_miss/{}", name(svc));
        let believed = people.down.get(&topic).copied().unwrap_or(false);
        let is_last =
            |e: &&Line| e.deed.svc == svc && e.written_at + LATE + world.longest_trip > world.now;
        if believed == service.alive && !world.redis.store.log.iter().any(|e| is_last(&e)) {
            let alive = service.alive;
            return Err(format!("s{svc}: people believe {believed}, alive {alive}"));
        }
    }
    let log = &world.redis.store.log;
    let mut carried: Vec<&str> = people.carried.iter().map(String::as_str).collect();
    carried.sort_unstable();
    if carried.windows(2).any(|two| two[0] == two[1]) {
        return Err("an alert was carried by two messages".into());
    }
    if let Some(id) = carried
        .iter()
        .find(|id| log.iter().all(|e| e.deed.id != **id))
    {
        return Err(format!("told, but not in the log: {id}"));
    }
    not_too_many(world)
}

/// No flood: at most four messages in ten seconds, and none without something new in the log.
fn not_too_many(world: &World) -> Result<(), String> {
    let times: Vec<i64> = world.people.messages.iter().map(|(at, _)| *at).collect();
    if let Some(five) = times.windows(5).find(|five| five[4] < five[0] + 10_000) {
        return Err(format!("five messages in ten seconds: {five:?}"));
    }
    let alerts = world.redis.store.log.len();
    if times.len() > alerts + world.people.drops {
        return Err(format!("{} messages of {alerts} alerts", times.len()));
    }
    Ok(())
}

/// Nobody is told dead whose beat reached Redis within its timeout, however long it lay there. A beat that ended a longer
/// silence undoes no death before Redis served it: it was one.
fn no_false_death(world: &World, service: &Service, log: &[&Line]) -> Result<(), String> {
    // Over a far bus, an echo may be under way for longer, and so may what it overtakes after a stall.
    let on_its_way = ON_ITS_WAY + world.longest_trip;
    for entry in log.iter().filter(|entry| entry.deed.said == Said::Missed) {
        let at = entry.deed.judged_at;
        let undoes = |nth: &usize| {
            let beat = service.sent[*nth];
            let is_late = beat.served.unwrap_or(u64::MAX).saturating_add(on_its_way) > at;
            beat.at <= at && is_late && ended_a_silence(service, *nth)
        };
        if (0..service.sent.len()).any(|nth| undoes(&nth)) {
            continue;
        }
        let heard = |nth: &usize| service.sent[*nth].at + on_its_way <= at;
        let last = (0..service.sent.len())
            .rfind(heard)
            .map(|nth| service.sent[nth]);
        let shortest = timeouts_since(service, last.map_or(0, |beat| beat.at), at).min();
        let (Some(Sent { at: last, next, .. }), Some(shortest)) = (last, shortest) else {
            continue;
        };
        if at < last + shortest {
            return Err(format!(
                "told dead at {at} though it beat at {last}, timeout {shortest}"
            ));
        }
        if at < next {
            return Err(format!(
                "told dead at {at} though it beat at {last} and meant to again at {next}"
            ));
        }
    }
    Ok(())
}

/// Whether the beat before this one had been longer ago than any timeout allows.
fn ended_a_silence(service: &Service, nth: usize) -> bool {
    let Some(before) = nth.checked_sub(1).map(|before| service.sent[before].at) else {
        return false;
    };
    let beat = service.sent[nth].at;
    let longest = timeouts_since(service, before, beat).max();
    longest.is_some_and(|timeout| beat > before + timeout)
}

/// A death and its end take turns: none is told twice.
fn taking_turns(log: &[&Line], dropped: bool) -> Result<(), String> {
    // A healer that stood still while its service was dropped and named again may remember the time before.
    let mut down = log
        .first()
        .is_some_and(|e| dropped && e.deed.said == Said::Ok);
    for entry in log {
        let dies = entry.deed.said == Said::Missed;
        if dies == down {
            return Err(format!("told twice: {entry:?}"));
        }
        down = dies;
    }
    Ok(())
}

/// Flapping is told once, and then, when the service has held still for long enough, steady once.
fn flapping_ends(world: &World, svc: usize, since: u64) -> Result<(), String> {
    let all = world.redis.store.log.iter();
    let log: Vec<&Line> = all
        .filter(|e| e.deed.svc == svc && e.written_at > since && e.deed.said != Said::Other)
        .collect();
    let of_flapping = |e: &&&Line| matches!(e.deed.said, Said::Flapping | Said::Steady);
    // As with deaths, a healer that stood still may remember the time before.
    let first = log.iter().find(of_flapping);
    let mut flaps = first.is_some_and(|e| since > 0 && e.deed.said == Said::Steady);
    for entry in log.iter().filter(of_flapping) {
        if flaps == (entry.deed.said == Said::Flapping) {
            return Err(format!("told twice: {entry:?}"));
        }
        flaps = !flaps;
    }
    let longest = timeouts_since(&world.services[svc], 0, world.now).max();
    let still_since = log.last().map_or(0, |e| e.written_at).max(STORM);
    // A restart or a doubt at the end of the storm begins the wait anew.
    let ends = still_since + 8 * longest.unwrap_or(0) + 10_000_000;
    if flaps && ends < world.now {
        return Err(format!("it flaps for ever: {:?}", log.last()));
    }
    Ok(())
}

/// After a long calm, who is dead was told so, and who lives was told so if he was ever told dead.
fn the_end_is_right(world: &World, service: &Service, log: &[&Line]) -> Result<(), String> {
    let down = log
        .last()
        .is_some_and(|entry| entry.deed.said == Said::Missed);
    match (service.alive, down) {
        // A beat may be so late at the very end that its timeout has passed.
        (true, true)
            if log
                .last()
                .is_some_and(|e| e.written_at + LATE + world.longest_trip > world.now) =>
        {
            Ok(())
        }
        (true, true) => Err(format!("alive, and the last word is {:?}", log.last())),
        (false, false) => Err(format!(
            "dead since {:?}, and nobody said so; the last word is {:?}",
            service.served.last(),
            log.last()
        )),
        _ => Ok(()),
    }
}

/// Every silence longer than the timeout was told right after its deadline, and its end right after the beat.
fn prompt(world: &World, service: &Service, log: &[&Line]) -> Result<(), String> {
    let timeout = u64::from(service.timeouts[0].1) * 1000;
    // Five round trips, eight where the server is looked up afresh.
    let prompt = PROMPT + 8 * world.longest_trip;
    // Over a way that jitters, the first echoes may not have taught enough.
    let ready = 8_000_000 + (10 + 10 * u64::from(world.way.1 > 0)) * world.longest_trip;
    let ends = service.served.iter().skip(1).copied().chain([world.now]);
    for (last, next) in service.served.iter().copied().zip(ends) {
        let deadline = last + timeout;
        if next <= deadline + prompt {
            continue;
        }
        // A healer must have been ready, and the lease its own, well before.
        if last < ready {
            continue;
        }
        let told = log.iter().any(|entry| {
            entry.deed.said == Said::Missed
                && (deadline..deadline + prompt).contains(&entry.written_at)
        });
        if !told {
            return Err(format!(
                "silent from {last} to {next}, and not told at {deadline}"
            ));
        }
        let ended = log.iter().any(|entry| {
            entry.deed.said == Said::Ok && (next..next + prompt).contains(&entry.written_at)
        });
        if next < world.now && !ended {
            return Err(format!("it came back at {next}, and that was not told"));
        }
    }
    Ok(())
}

/// The timeouts that were in force at some time from just before `from` to `to`, in microseconds.
fn timeouts_since(service: &Service, from: u64, to: u64) -> impl Iterator<Item = u64> {
    let from = from.saturating_sub(1_000_000);
    let timeouts = &service.timeouts;
    (0..timeouts.len())
        .filter(move |&n| {
            let until = timeouts.get(n + 1).map_or(u64::MAX, |next| next.0);
            timeouts[n].0 <= to && until >= from
        })
        .map(|n| u64::from(timeouts[n].1) * 1000)
}
