//! How many parts each member may hold, and which it would rather have. Pure.

use ring::digest::{Context, SHA256};

/// How many parts a member holds, by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load<'a> {
    /// The instance.
    pub inst: &'a str,
    /// How many parts it holds.
    pub held: u32,
}

/// How many of `parts` the member `inst` may hold among `members`, all of which work: an equal share, and one more for the
/// fullest where it does not come out even (ties by id). 0 when it is none of them.
///
/// That the fullest keep the odd ones moves the least.
pub fn share(parts: u32, inst: &str, members: &[Load<'_>]) -> u32 {
    let Ok(n) = u32::try_from(members.len()) else {
        return 0;
    };
    let Some(me) = members.iter().find(|member| member.inst == inst) else {
        return 0;
    };
    // n is above 0: there is one of them.
    let (even, odd) = (parts / n, parts % n);
    let is_fuller = |other: &&Load<'_>| {
        (other.held, std::cmp::Reverse(other.inst)) > (me.held, std::cmp::Reverse(me.inst))
    };
    let fuller = members.iter().filter(is_fuller).count();
    even + u32::from(fuller < odd as usize)
}

/// How much a member would like to have a part: the first 8 bytes of SHA-256 of `<inst>/<part>`.
pub fn rank(inst: &str, part: u32) -> u64 {
    let mut context = Context::new(&SHA256);
    context.update(inst.as_bytes());
    context.update(b"/");
    context.update(part.to_string().as_bytes());
    let digest = context.finish();
    let first = digest.as_ref().first_chunk().copied().unwrap_or_default();
    u64::from_be_bytes(first)
}
