#!/usr/bin/env bash
# uninstall.sh [--root DIR]: stops and removes what install.sh installed. Settings and data stay.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

root=
case "${1:-}" in
    "") ;;
    --root) root=${2:?--root needs a folder} ;;
    *) die "usage: scripts/systemd/uninstall.sh [--root DIR]" ;;
esac
root=${root%/}
remove() { if [ -n "$root" ]; then rm -rf -- "$@"; else as_root rm -rf -- "$@"; fi; }

units=$root/etc/systemd/system
if [ -z "$root" ] && [ -e "$units/marketswarm.target" ]; then
    # The target's parts stop with it.
    as_root systemctl stop marketswarm.target 'marketswarm-*.service'
fi
remove "$units"/marketswarm.target "$units"/marketswarm-*.service "$units/marketswarm-.service.d" \
    "$units/marketswarm.target.wants" "$units/multi-user.target.wants/marketswarm.target" \
    "$root/usr/local/lib/marketswarm" "$root/usr/local/bin/marketswarm"
[ -n "$root" ] || as_root systemctl daemon-reload

say "removed the programs and units; left as they are:"
for left in "$root/etc/marketswarm" "$root/var/lib/marketswarm" "$root/var/lib/private/marketswarm"; do
    [ -e "$left" ] && say "  $left"
done
exit 0
