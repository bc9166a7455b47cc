//! What is known of a word: its classes, and what it weighs.

/// A direction: more.
pub(super) const UP: u32 = 1;
/// A direction: less.
pub(super) const DOWN: u32 = 1 << 1;
/// A direction whose measure stands before it: `profit rose`; as a noun, after it: `a rise in profit`.
pub(super) const MOVES: u32 = 1 << 2;
/// A direction that takes an object: `raised its dividend`.
pub(super) const TAKES: u32 = 1 << 3;
/// A direction that stands before its measure: `higher costs`.
pub(super) const BEFORE: u32 = 1 << 4;
/// `up`, `down`: a direction where a number, a measure or an end is beside it.
pub(super) const PARTICLE: u32 = 1 << 5;
/// A measure of which more is better.
pub(super) const GOOD: u32 = 1 << 6;
/// A measure of which more is worse.
pub(super) const BAD: u32 = 1 << 7;
/// A measure of which more is neither.
pub(super) const FLAT: u32 = 1 << 8;
/// `not`, `without`.
pub(super) const NEGATES: u32 = 1 << 9;
/// Parts clauses: `while`.
pub(super) const CLAUSE: u32 = 1 << 10;
/// What follows weighs little: `despite`.
pub(super) const CONCEDES: u32 = 1 << 11;
/// What follows weighs more than what stands before: `but`.
pub(super) const TURNS: u32 = 1 << 12;
pub(super) const PREPOSITION: u32 = 1 << 13;
/// `in`, `of`, `for`: what a noun of direction has before its measure.
pub(super) const INTO: u32 = 1 << 14;
/// What stands between two numbers that are compared, or between two results.
pub(super) const COMPARES: u32 = 1 << 15;
/// `may`, `could`: not yet so.
pub(super) const DEFERS: u32 = 1 << 16;
pub(super) const PROFITS: u32 = 1 << 17;
pub(super) const LOSES: u32 = 1 << 18;
/// What stands beside a number.
pub(super) const UNIT: u32 = 1 << 19;
/// A later word of a phrase: the phrase stands at its first.
pub(super) const PART: u32 = 1 << 20;
/// Counted already.
pub(super) const USED: u32 = 1 << 21;
/// Punctuation that parts clauses.
pub(super) const BREAK: u32 = 1 << 22;
pub(super) const NUMBER: u32 = 1 << 23;
/// Phrases begin with it.
pub(super) const STARTS: u32 = 1 << 24;
/// The sentence is of something that hardly moved: `mixed`, `flat`.
pub(super) const DAMPS: u32 = 1 << 25;
pub(super) const DETERMINER: u32 = 1 << 26;
/// Stands after a verb as well: `ends higher`.
pub(super) const PREDICATE: u32 = 1 << 27;

/// A unit of hundredths.
pub(super) const PERCENT: u32 = 1 << 28;

/// In a part that begins with `despite`.
pub(super) const CONCEDED: u32 = 1 << 29;

pub(super) const MEASURE: u32 = GOOD | BAD | FLAT;
pub(super) const DIRECTION: u32 = UP | DOWN;

/// What is known of a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) class: u32,
    /// What it says by itself, in hundredths.
    pub(super) polarity: i16,
    /// How much it counts as a measure, in hundredths.
    pub(super) weight: i16,
    /// What it adds to the word beside it, in hundredths.
    pub(super) degree: i8,
}

/// What is known of a token in its place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    pub(super) entry: Entry,
    /// Tokens of the phrase that begins here; 1 for a word.
    pub(super) len: u8,
}

impl Mark {
    pub(super) fn is(&self, classes: u32) -> bool {
        self.entry.class & classes != 0
    }
}
