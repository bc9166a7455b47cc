#!/usr/bin/env bash
# install.sh [--root DIR] [--bin DIR] [--with-redis]: installs MarketSwarm as systemd units.
#
#   --root DIR     install into the file system under DIR instead of this host (for an image or a container)
#   --bin DIR      take the binaries from DIR instead of building them
#   --with-redis   also run the two buses as units, from this host's redis-server (127.0.0.1:6379 and :6380)
#
# Run it again to update: binaries and units are replaced, /etc/marketswarm and all data stay as they are.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

root='' bin='' with_redis=''
while [ $# -gt 0 ]; do
    case "$1" in
        --root) root=${2:?--root needs a folder} && shift 2 ;;
        --bin) bin=${2:?--bin needs a folder} && shift 2 ;;
        --with-redis) with_redis=yes && shift ;;
        *) die "usage: scripts/systemd/install.sh [--root DIR] [--bin DIR] [--with-redis]" ;;
    esac
done
root=${root%/}

if [ -z "$bin" ]; then
    bin=target/static
    build_static "$bin"
fi
for name in "${programs[@]}"; do
    [ -x "$bin/$name" ] || die "there is no program $bin/$name"
done

# As root on the host; a folder of one's own needs no root.
put() { if [ -n "$root" ]; then install "$@"; else as_root install "$@"; fi; }
link() { if [ -n "$root" ]; then ln -sfn "$@"; else as_root ln -sfn "$@"; fi; }

lib=/usr/local/lib/marketswarm
units=/etc/systemd/system
etc=/etc/marketswarm

put -d -m 0755 "$root$lib" "$root/usr/local/bin" "$root$etc" \
    "$root$units/marketswarm-.service.d" "$root$units/multi-user.target.wants" "$root$units/marketswarm.target.wants"
for name in "${programs[@]}"; do
    put -m 0755 "$bin/$name" "$root$lib/$name"
done
put -m 0755 scripts/simulate_failure.sh "$root$lib/simulate_failure.sh"
put -m 0644 scripts/lib.sh "$root$lib/lib.sh"
put -m 0755 scripts/systemd/command.sh "$root/usr/local/bin/marketswarm"
put -m 0644 scripts/systemd/*.service scripts/systemd/*.target "$root$units/"
put -m 0644 scripts/systemd/marketswarm-.service.d/*.conf "$root$units/marketswarm-.service.d/"
link ../marketswarm.target "$root$units/multi-user.target.wants/marketswarm.target"
say "installed ${#programs[@]} programs in $root$lib and the units in $root$units"

if [ -n "$with_redis" ]; then
    [ -x "$root/usr/bin/redis-server" ] || die "--with-redis needs /usr/bin/redis-server: apt-get install redis-server"
    for bus in system market; do
        link "../marketswarm-$bus-redis.service" "$root$units/marketswarm.target.wants/marketswarm-$bus-redis.service"
    done
    say "the buses run as marketswarm-system-redis and marketswarm-market-redis"
fi

# What people edit is never overwritten: a new version lies beside it.
configure() { # SOURCE NAME MODE
    local target=$root$etc/$2
    if ! [ -e "$target" ]; then
        put -m "$3" "$1" "$target"
        say "wrote $target"
    elif cmp -s "$1" "$target" || ! [ -r "$target" ]; then
        say "kept $target"
    else
        put -m "$3" "$1" "$target.new"
        say "kept $target; what this version ships is $target.new"
    fi
}
# The environment may hold secrets: systemd reads it as root, the daemons never see the file.
configure scripts/systemd/marketswarm.env marketswarm.env 0600
configure truth.json truth.json 0644

if [ -z "$root" ]; then
    as_root systemctl daemon-reload
    say "start or restart it:  systemctl restart marketswarm.target"
    say "look at it:           marketswarm status"
fi
