#!/usr/bin/env bash
# mutations.sh [NAME]: does the simulation notice when a rule of judging silence is broken?
#
# Breaks one rule after the other in a copy of the source and plays the simulation on it, which must complain each time.
# With a NAME, only the mutations whose names contain it. The copy and what is built of it lie in target/mutations; the
# first takes some minutes to build, each further one about one. SIM_SEEDS says how many worlds are played (10000).
#
# The fence is not among them: in the simulation all that it keeps out is kept out by the comparison of ids, too. A test on
# a real server holds it (tests/regressions/refusals/together.rs).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

need_rust
only=${1:-}
copy=target/mutations/tree
export CARGO_TARGET_DIR=$PWD/target/mutations/build SIM_SEEDS=${SIM_SEEDS:-10000} RUST_BACKTRACE=0
log=target/mutations/log
missed=0 caught=0

mkdir -p "$copy"
# Only what differs is written, so that the compiler need not look at the rest again.
fresh() {
    tar -c --exclude=./target --exclude=./.git . | tar -x -C "$copy" --skip-old-files
    local file=${1:-}
    [ -z "$file" ] || cp "$file" "$copy/$file"
}

# play: the simulation on the copy, and what it says.
play() {
    (cd "$copy" && cargo test --locked --quiet --lib detector::sim) >"$log" 2>&1
}

# mutation NAME FILE OLD NEW: in FILE below src/watch, OLD becomes NEW; both are plain text, OLD stands there once.
mutation() {
    local name=$1 file=src/watch/$2
    [[ $name == *"$only"* ]] || return 0
    fresh
    OLD=$3 NEW=$4 perl -0pi -e '
        my ($old, $new) = @ENV{qw(OLD NEW)};
        my $count = () = /\Q$old\E/g;
        die "$ARGV: found $count times: $old\n" unless $count == 1;
        s/\Q$old\E/$new/;
    ' "$copy/$file"
    if play; then
        printf 'MISSED  %s\n' "$name"
        missed=$((missed + 1))
    elif ! grep -q 'SIM_SEED=\|with the delays of seed' "$log"; then
        cat "$log" >&2
        die "$name does not compile"
    else
        printf 'caught  %s: %s\n' "$name" "$(grep -m1 -o 'seed [0-9]*: .*' "$log" | cut -c1-100)"
        caught=$((caught + 1))
    fi
    fresh "$file"
}

rm -rf "$copy"
mkdir -p "$copy"
fresh
play || { cat "$log" >&2; die "the simulation complains of the rules as they are"; }

mutation "one echo instead of three" detector/link_prober.rs \
    'const ROUND_ECHOES: u8 = 3;' 'const ROUND_ECHOES: u8 = 1;'
mutation "a doubt leaves nobody time to be heard" detector/link_prober.rs \
    'self.sure_from = Some(now + self.slowest() * RETURN_TRIPS);' ''
mutation "a lost link raises no doubt" detector/link_prober.rs \
    'self.begin_uncertainty(Uncertainty::NoLink);' ''
mutation "deaths without room are lost" detector/evaluate.rs \
    '        while self
            .evaluation
            .undelivered
' \
    '        self.evaluation.undelivered.clear();
        while self
            .evaluation
            .undelivered
'
mutation "the record is not compared at a take-over" detector/restore.rs \
    '(State::Down, _) => self.judge_again(index, record, now),' '(State::Down, _) => {}'
mutation "a return that the record does not know is not told" detector/restore.rs \
    'self.emit(index, Change::Recovered { down_since_ts }, now);' ''
mutation "who moves to another channel has no time to learn of it" detector/subscriptions.rs \
    'slot.settle(ELSEWHERE, settled);
        // Who' '// Who'
mutation "who beats where it shall knows all of truth" detector/subscriptions.rs \
    'slot.flags.set(Flags::RUSHED, may_be_elsewhere);' ''
mutation "steady is never told" detector/flapping.rs \
    'self.emit(index, Change::Steady(flapping(matter, flap)), now);' ''
mutation "dropped services are swept before the new truth is watched" detector/sim/healer.rs \
    '        self.detector.begin_reload(now.mono);
' '        self.detector.begin_reload(now.mono);
        while !self.detector.sweep(3, &mut Vec::new()) {}
'
mutation "what got no answer is not offered again" writer/speaking.rs \
    'Err(error) => return self.give_up_turn(&error),
        };
        self.has_answered();' 'Err(error) => {
                self.owed.clear();
                return self.give_up_turn(&error);
            }
        };
        self.has_answered();'
mutation "who begins to speak does not read how things stand" writer/lease.rs \
    'Standing::Kept | Standing::Taken => self.take_over(),' \
    'Standing::Kept | Standing::Taken => self.next([Step::Begin]),'
mutation "what another said is not taken in" writer/speaking.rs \
    'if self.spoken.is_empty() {' 'if !self.spoken.is_empty() || self.spoken.is_empty() {'

printf '%d caught, %d missed\n' "$caught" "$missed"
[ "$missed" = 0 ]
