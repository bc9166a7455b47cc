#!/usr/bin/env bash
# bench.sh [--quick] [--json FILE] [PART...]: measures the swarm on this machine, against a real redis-server.
# bench.sh feeds [PART...]: measures the feed reader (size parse damage store crowd memory idle), GOFEED_DATA beside feedparser.
# bench.sh market [SECONDS]: measures what makes facts of the vendor's answers and of its stream, beside the vendor's own
# Python client, and the shipped massive in a flood of so many seconds (60).
# bench.sh console [PART...]: measures the console, in Chromium too (size many crowd rest alert).
# bench.sh vexy [rate]: measures the analyst, from the queue to what is published, beside the usual Python libraries.
#
# Prints a table: for each measure its goal, and median, least and most over the runs. The whole takes up to 15 minutes,
# --quick up to 2, building not counted. PARTs: lateness far flood start lateness-100k reload burst million rest mesh curve.
# A machine that does other work meanwhile gives larger figures.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

need_rust
need cc gcc
need_redis

if [ "${1:-}" = feeds ]; then
    shift
    need_musl
    python3 -c 'import feedparser' 2>/dev/null || say "python3 has no feedparser: the comparison with it is skipped"
    say "building the shipped programs and the benchmark in the same way (some minutes the first time)"
    exec cargo bench --locked --quiet --profile "$(profile_of rss_agg)" --target "$(musl_target)" --bench feeds -- "$@"
fi

if [ "${1:-}" = market ]; then
    shift
    need_musl
    # The peer: in a folder of its own, so that nothing is installed on this machine.
    peer=target/bench-peer
    if ! "$peer/bin/python" -c 'import massive, redis' 2>/dev/null; then
        if ! { python3 -m venv "$peer" && "$peer/bin/pip" install --quiet massive==2.9.1 redis; } >/dev/null 2>&1; then
            say "the vendor's Python client (massive 2.9.1) and redis-py cannot be had: the comparison with them is not measured"
        fi
    fi
    say "building the shipped programs, and the benchmark as massive is shipped (some minutes the first time)"
    build_static target/static
    PEER_PYTHON=$peer/bin/python MASSIVE_PROGRAM=target/static/massive \
        exec cargo run --locked --quiet --profile "$(profile_of massive)" --target "$(musl_target)" --example market -- "$@"
fi

if [ "${1:-}" = console ]; then
    shift
    say "building the shipped programs (some minutes the first time)"
    build_static target/static
    # The one of the system: selenium is a package of it.
    python=/usr/bin/python3
    "$python" -c 'import selenium' 2>/dev/null || say "python3 has no selenium: from an alert to the page is not measured"
    exec "$python" tests/bench/console.py target/static/console target/static/healer "$@"
fi

if [ "${1:-}" = vexy ]; then
    shift
    need_musl
    # The peer: in a folder of its own, so that nothing is installed on this machine.
    peer=target/bench-peer-vexy
    if ! "$peer/bin/python" -c 'import numpy, redis, sumy, vaderSentiment' 2>/dev/null; then
        if ! { python3 -m venv "$peer" && "$peer/bin/pip" install --quiet redis vaderSentiment sumy numpy; } >/dev/null 2>&1; then
            say "redis-py, vaderSentiment and sumy cannot be had: the comparison with them is not measured"
        fi
    fi
    say "building the shipped programs and the benchmark (some minutes the first time)"
    build_static target/static
    PEER_PYTHON=$peer/bin/python VEXY_PROGRAM=target/static/vexy_ai \
        exec cargo run --locked --quiet --release --example vexy -- "$@"
fi

# Sizes, memory and starts are measured on what is shipped: the static programs. --quick is content with those of an
# earlier build.
shipped=target/static
case " $* " in
    *" --quick "*) [ -e "$shipped/rss_agg" ] || build_static "$shipped" ;;
    *) build_static "$shipped" ;;
esac
set -- --shipped "$PWD/$shipped" "$@"

say "building the programs and the benchmark"
cargo bench --locked --quiet --bench bench --no-run
say "$(nproc) cores, $(redis-server --version | cut -d' ' -f3), load before: $(cut -d' ' -f1 /proc/loadavg)"
exec cargo bench --locked --quiet --bench bench -- "$@"
