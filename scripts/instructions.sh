#!/usr/bin/env bash
# instructions.sh: what the pure cores cost, in instructions, each with its limit.
#
# Unlike times, the counts of callgrind are the same on a busy machine and an idle one, to a percent.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

need_rust
need valgrind valgrind
cargo build --locked --quiet --release --example cores
cores=target/release/examples/cores

# count CORE TIMES: all instructions of a run.
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$cores" "$1" "$2" 2>&1 |
        sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}

failed=
# check CORE LIMIT WORDS...: the difference of two runs is what the times between them cost.
check() {
    local core=$1 limit=$2 few=20000 many=120000 each verdict=
    shift 2
    each=$((($(count "$core" $many) - $(count "$core" $few)) / (many - few)))
    [ "$each" -le "$limit" ] || { verdict=" TOO MANY" failed=yes; }
    printf '%6d instructions (limit %d) %s%s\n' "$each" "$limit" "$*" "$verdict"
}

# The limits are a tenth above what was counted when they were set.
check beat 3650 "a beat, from the socket's bytes to the slot of its service"
check insert 150 "a deadline moved in the wheel"
check expire 500 "a deadline that comes up, and is set again"
[ -z "$failed" ]
