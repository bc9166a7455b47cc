//! Lists of events that the oracle once complained about, each with what was wrong: in the swarm, or in the simulation.
//!
//! They are kept as they happened, without what had no part in it, because a seed means another world as soon as there is
//! one more kind of fault.

use super::plan::Fault::*;
use super::plan::Move::*;
use super::plan::Planned::*;
use super::plan::{Plan, Planned, Rhythm};

/// Every list, by what it shows.
pub fn plans() -> Vec<(&'static str, Plan)> {
    vec![
        (
            "unnamed while its channel passes on",
            unnamed_while_its_channel_passes_on(),
        ),
        (
            "unnamed for long and named elsewhere",
            unnamed_for_long_and_named_elsewhere(),
        ),
        (
            "a healer starts while it is unnamed",
            a_healer_starts_while_it_is_unnamed(),
        ),
        ("back before the third echo", back_before_the_third_echo()),
        (
            "back before the third echo, two healers",
            back_before_the_third_echo_of_two_healers(),
        ),
        (
            "a grace that outlasts the calm",
            a_grace_that_outlasts_the_calm(),
        ),
        (
            "faster while it is on its way",
            faster_while_it_is_on_its_way(),
        ),
        ("dead and named anew at once", dead_and_named_anew()),
    ]
}

/// Truth drops a service, gives its channel to another, and names it again within two seconds with the channel that it
/// had all the time. The complaint: told dead though it beat. It beat on a channel that it had from the truth in between,
/// which did not name it, and which no watcher had to do with. Wrong was the simulation: a service that took something from
/// such a truth now reads the next one at once.
fn unnamed_while_its_channel_passes_on() -> Plan {
    let events = [
        (1_066_974, Mend(CrashHealer(1))),
        (1_358_490, Mend(CrashHealer(0))),
        (1_329_696, Return(2)),
        (1_649_089, Return(0)),
        (1_686_979, Return(1)),
        (33_298_297, Fail(Rename(2, 0))),
        (34_909_061, Mend(Rename(2, 0))),
        (37_290_660, Fail(Watch(1))),
        (37_601_142, Fail(Rename(1, 2))),
        (39_006_049, Fail(Channels(Rotate))),
        (39_278_681, Mend(Watch(1))),
        (40_096_891, Die(1)),
    ];
    plan(
        &[(313, 1333), (1716, 6148), (807, 2614), (1107, 4321)],
        2,
        (0, 0),
        &events,
    )
}

/// Truth drops a service for twelve seconds, gives its channel to another, and names it again with a new one. The
/// complaint: told dead though it beat. It beat where it used to, and learnt of its new place two seconds later. Of one
/// that nobody watched for longer than services have to learn of a truth, no watcher knows that it lives by an older one:
/// its first deadline counts from the proven subscription, as the design has it. Wrong was the simulation, which now has
/// such a service read the truth at once.
fn unnamed_for_long_and_named_elsewhere() -> Plan {
    let events = [
        (1_035_198, Mend(CrashHealer(1))),
        (1_310_197, Mend(CrashHealer(0))),
        (2_451_280, Return(0)),
        (2_657_683, Return(1)),
        (7_548_849, Fail(Watch(1))),
        (18_989_890, Fail(Channels(TakeOver(0, 1)))),
        (19_735_157, Mend(Watch(1))),
        (21_538_253, Die(1)),
    ];
    plan(&[(220, 1009), (455, 1053), (246, 1014)], 2, (0, 0), &events)
}

/// A healer starts while truth does not name a service, and less than a second later truth does, on the channel that it
/// always had. The complaint: told dead though it beat. As in the first list, it had taken another channel from a truth
/// that did not name it. Wrong was the simulation.
fn a_healer_starts_while_it_is_unnamed() -> Plan {
    let events = [
        (1_271_944, Mend(CrashHealer(0))),
        (2_355_502, Return(1)),
        (2_866_227, Return(0)),
        (4_988_800, Fail(CrashHealer(0))),
        (11_375_715, Fail(Rename(1, 0))),
        (11_416_090, Mend(CrashHealer(0))),
        (11_732_326, Fail(Channels(Rotate))),
        (11_764_362, Mend(Rename(1, 0))),
    ];
    plan(&[(1266, 3532), (1203, 3406)], 1, (0, 0), &events)
}

/// Over a far bus, a service that was silent for longer than its timeout comes back while the third echo is under way, and
/// Redis, which stood still just then, serves that echo first. The complaint: told dead though it beat. It had been dead
/// for seconds when it came back, and its return is told next: both are true. Wrong was the oracle, which took the beat
/// that ended a silence for one that was within it. (It still complains of a beat that was in time, however long it lay
/// in Redis: that is what three echoes are for.)
fn back_before_the_third_echo() -> Plan {
    let events = [
        (1_189_196, Return(0)),
        (1_243_820, Mend(CrashHealer(0))),
        (34_896_235, Die(0)),
        (35_011_002, Fail(Stall)),
        (36_166_439, Mend(Stall)),
        (42_925_976, Fail(Stall)),
        (43_036_323, Return(0)),
        (43_828_262, Mend(Stall)),
    ];
    plan(&[(1485, 5455)], 1, (130_262, 127_224), &events)
}

/// The same, where the timeout was made longer before, and with a second healer.
fn back_before_the_third_echo_of_two_healers() -> Plan {
    let slower = Rhythm {
        interval_ms: 3480,
        timeout_ms: 5674,
    };
    let events = [
        (1_307_602, Mend(CrashHealer(0))),
        (1_361_107, Mend(CrashHealer(1))),
        (2_247_210, Return(2)),
        (20_627_433, Fail(Timing(2, slower))),
        (22_422_830, Fail(CrashHealer(0))),
        (23_085_995, Mend(CrashHealer(0))),
        (36_570_706, Die(2)),
        (38_071_146, Fail(Stall)),
        (38_366_863, Fail(StopHealer(0))),
        (38_698_889, Mend(Stall)),
        (41_074_127, Fail(Stall)),
        (41_100_184, Return(2)),
        (41_905_139, Mend(Stall)),
        (44_384_223, Mend(StopHealer(0))),
    ];
    plan(
        &[(401, 949), (355, 1490), (286, 1181)],
        2,
        (170_124, 0),
        &events,
    )
}

/// A service with a timeout of 22 s is named again, the link turns out to be half-open, and the service dies. The
/// complaint: dead, and nobody said so. Until the link is proven anew over a bus that is a second away, ten seconds pass,
/// and the grace after it is as long as the timeout: the death is due two seconds before the world ended, and told after
/// it. Wrong was the simulation, which was not calm for long enough.
fn a_grace_that_outlasts_the_calm() -> Plan {
    let slow = Rhythm {
        interval_ms: 5280,
        timeout_ms: 22_120,
    };
    let events = [
        (1_142_853, Mend(CrashHealer(0))),
        (1_451_324, Mend(CrashHealer(1))),
        (2_616_064, Return(0)),
        (2_773_458, Return(2)),
        (15_884_607, Fail(Timing(0, slow))),
        (25_737_123, Fail(CrashHealer(1))),
        (25_995_273, Fail(StopHealer(0))),
        (26_954_694, Mend(StopHealer(0))),
        (31_714_391, Mend(CrashHealer(1))),
        (38_736_488, Fail(Way(479_505, 0))),
        (41_907_972, Fail(Rename(0, 1))),
        (42_357_849, Mend(Rename(0, 1))),
        (43_104_506, Fail(HalfOpen(1))),
        (43_789_599, Die(0)),
    ];
    plan(
        &[(507, 2521), (235, 1398), (554, 1049)],
        2,
        (166_201, 0),
        &events,
    )
}

/// Truth gives a service another channel, and five seconds later another pace. The complaint: told dead though it beat. It
/// beat on its new channel, from which the detector concluded that it knew all that truth said; but it had read the first
/// of the two truths only, and went on by the slower pace. Wrong was the detector.
fn faster_while_it_is_on_its_way() -> Plan {
    let slow = Rhythm {
        interval_ms: 5294,
        timeout_ms: 6843,
    };
    let fast = Rhythm {
        interval_ms: 271,
        timeout_ms: 1813,
    };
    let events = [
        (1_100_000, Mend(CrashHealer(0))),
        (1_300_000, Mend(CrashHealer(1))),
        (1_200_000, Return(0)),
        (3_931_613, Fail(Timing(0, slow))),
        (4_028_646, Fail(Channels(TakeOver(0, 0)))),
        (8_631_542, Fail(Timing(0, fast))),
    ];
    plan(&[(271, 900)], 2, (0, 0), &events)
}

/// A service is dead, which was told; truth drops it and names it again half a millisecond later, before its record was
/// removed. The complaint: dead, and nobody said so. Its end was told with its removal, and the record, which was kept,
/// said that its death was known. A record of before truth named a service keeps no death from being told now.
fn dead_and_named_anew() -> Plan {
    let events = [
        (1_100_000, Mend(CrashHealer(0))),
        (1_200_000, Return(0)),
        (10_000_000, Die(0)),
        (30_000_000, Fail(Watch(0))),
        (30_000_500, Mend(Watch(0))),
    ];
    plan(&[(500, 1600)], 1, (0, 0), &events)
}

/// `services` by interval and timeout, in milliseconds.
fn plan(
    services: &[(u32, u32)],
    healers: usize,
    way: (u64, u64),
    events: &[(u64, Planned)],
) -> Plan {
    let rhythm = |&(interval_ms, timeout_ms): &(u32, u32)| Rhythm {
        interval_ms,
        timeout_ms,
    };
    Plan {
        services: services.iter().map(rhythm).collect(),
        healers,
        way,
        is_calm: false,
        is_chained: false,
        rate_limit_ms: 0,
        events: events.to_vec(),
    }
}
