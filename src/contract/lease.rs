//! How several instances of a service share its work: keys on the system bus, and the fence beside the results.
//!
//! An instance is a *member* while its session lives. The work has *parts*, each held by one member at most, under a token
//! that grows with every holding. Whoever writes results of a part carries its token; the bus that takes them compares it
//! with the highest that was seen there ([`fence_key`]) and refuses a lower one.

/// How long a session lasts after it was renewed last, in milliseconds.
pub const SESSION_MS: u64 = 10_000;
/// Members of one service at most; further ones stand by.
pub const MEMBERS_MAX: usize = 1000;
/// Parts of a service's work at most.
pub const PARTS_MAX: u32 = 4096;
/// Hash: `svc:<svc>`, `inst:<inst>` or `host:<host>` to the wall time at which somebody drained it.
pub const DRAIN: &str = "mesh:drain";
/// The field of [`parts_key`] that holds in how many parts the work is shared at present.
pub const PARTS_FIELD: &str = "parts";

/// What the keys of all sessions of a service begin with; the instance's id follows.
pub fn session_prefix(svc: &str) -> String {
    format!("mesh:session:{svc}:")
}

/// The session of one instance: a string that runs out, with the name of its host.
pub fn session_key(svc: &str, inst: &str) -> String {
    format!("mesh:session:{svc}:{inst}")
}

/// The set of the instances that had a session.
pub fn members_key(svc: &str) -> String {
    format!("mesh:members:{svc}")
}

/// The hash of who holds which part: part to `<inst>|<token>`, and the number of parts in force.
pub fn parts_key(svc: &str) -> String {
    format!("mesh:parts:{svc}")
}

/// The last token that was given out.
pub fn token_key(svc: &str) -> String {
    format!("mesh:token:{svc}")
}

/// On the bus that takes the results: the highest token in whose name something was written. It never runs out.
pub fn fence_key(svc: &str, part: u32) -> String {
    format!("fence:{svc}:{part}")
}

/// The part of the work that a name belongs to: CRC-16 (XMODEM, the one of Redis Cluster) modulo the number of parts.
pub fn part_of(name: &str, parts: u32) -> u32 {
    let mut crc: u16 = 0;
    for byte in name.bytes() {
        crc ^= u16::from(byte) << 8;
        for _ in 0..8 {
            let carry = crc & 0x8000 != 0;
            crc <<= 1;
            if carry {
                crc ^= 0x1021;
            }
        }
    }
    u32::from(crc) % parts.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_that_redis_cluster_counts() {
        // The check value of the specification, and a slot that CLUSTER KEYSLOT tells.
        assert_eq!(part_of("123456789", u32::from(u16::MAX) + 1), 0x31C3);
        assert_eq!(part_of("foo", 16_384), 12_182);
        assert_eq!(part_of("anything", 1), 0);
        assert_eq!(part_of("anything", 0), 0);
    }
}
