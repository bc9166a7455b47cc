#!/usr/bin/env bash
# run.sh [OPTIONS of `marketswarm up`]: the whole swarm on this host, from a fresh checkout, until Ctrl-C.
#
# Installs what is missing, builds, and hands over to `marketswarm up`, which starts two redis-servers of its own.
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

program=${CARGO_TARGET_DIR:-target}/release/marketswarm
# Help is not worth minutes of building.
case " $* " in
    *" --help "* | *" -h "*)
        [ ! -x "$program" ] || exec "$program" up --help
        sed -n '2,4s/^# \{0,1\}//p' "$0"
        exit
        ;;
esac

need_rust
need cc gcc
need_redis

say "building (the first time takes a few minutes)"
cargo build --release --locked --bins
exec "$program" up "$@"
