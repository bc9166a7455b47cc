#!/usr/bin/env bash
# test_image.sh: a Debian image whose first process is systemd, to run the units in for real.
#
# Prints the image's name. Building it takes about a minute; it is kept in the Docker engine under a name that
# changes with this file, so that only the first run pays.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

suite=bookworm
name=marketswarm/systemd-test:$suite-$(sha256sum <scripts/systemd/test_image.sh | cut -c1-12)
if docker image inspect "$name" >/dev/null 2>&1; then
    say "$name"
    exit 0
fi

need debootstrap debootstrap >&2
folder=$(mktemp -d)
trap 'as_root rm -rf "$folder"' EXIT
warn "building $name: debootstrap, about a minute"
quietly as_root debootstrap --variant=minbase --include=systemd,systemd-sysv,redis-server,procps "$suite" "$folder/root"
# The units bring their own Redis; and nothing here has a console, a network or a clock of its own to manage.
quietly as_root chroot "$folder/root" systemctl mask redis-server.service \
    console-getty.service systemd-networkd.service systemd-resolved.service systemd-timesyncd.service
as_root rm -rf "$folder/root/var/cache/apt" "$folder/root/var/lib/apt/lists" "$folder/root/usr/share/doc" \
    "$folder/root/usr/share/locale" "$folder/root/usr/share/man"
as_root tar -C "$folder/root" -c . |
    docker import --change 'CMD ["/sbin/init"]' --change 'ENV container=docker' - "$name" >/dev/null
say "$name"
