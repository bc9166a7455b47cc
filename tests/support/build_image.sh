#!/usr/bin/env bash
# build_image.sh NAME: makes an image of this machine's Rust toolchain and C compiler, as rust:1-alpine is one elsewhere,
# with what cargo has downloaded here, since a machine without a registry has nothing else. Its cargo builds quickly and
# not well: what counts is that the programs come out of it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
toolchain=$(rustc --print sysroot)
cargo_home=${CARGO_HOME:-$HOME/.cargo}

# Of Debian's packages exactly those that the compiler needs.
mapfile -t packages < <(apt-cache depends --recurse --installed --no-suggests --no-recommends --no-conflicts \
    --no-breaks --no-replaces --no-enhances gcc libc6-dev musl-tools dash coreutils sed grep | grep -v '^[ <]' | sort -u)
for package in "${packages[@]}"; do
    dpkg -L "$package" 2>/dev/null
done | sed -E 's,^/(bin|sbin|lib|lib64)/,/usr/\1/,' | grep '^/usr/' | grep -v '^/usr/share/' | sort -u >"$folder/files"

cat >"$folder/cargo" <<'SCRIPT'
#!/bin/sh
# The registry is read in place; each profile is built without optimising.
mkdir -p "$CARGO_HOME"
[ -e "$CARGO_HOME/registry" ] || cp -r /opt/registry "$CARGO_HOME/registry"
for profile in DIST SMALL; do
    export "CARGO_PROFILE_${profile}_OPT_LEVEL=0" "CARGO_PROFILE_${profile}_LTO=off" "CARGO_PROFILE_${profile}_CODEGEN_UNITS=16"
done
export CARGO_NET_OFFLINE=true
exec /opt/rust/bin/cargo "$@"
SCRIPT
chmod 755 "$folder/cargo"
cat >"$folder/Dockerfile" <<'DOCKERFILE'
FROM scratch
ADD root.tar /
ENV PATH=/opt/own:/opt/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin
DOCKERFILE

tar --create --file "$folder/root.tar" --directory / --no-recursion --files-from "$folder/files" 2>/dev/null
for link in bin sbin lib lib64; do ln -s "usr/$link" "$folder/$link"; done
ln -s /usr/bin/gcc "$folder/cc"
mkdir -m 1777 "$folder/tmp"
tar --append --file "$folder/root.tar" --directory "$folder" bin sbin lib lib64 tmp
tar --append --file "$folder/root.tar" --directory "$folder" --transform 's,^c,opt/own/c,S' cargo cc
tar --append --file "$folder/root.tar" --directory "$toolchain" --exclude=share --transform 's,^\.,opt/rust,S' .
tar --append --file "$folder/root.tar" --directory "$cargo_home/registry" --exclude=src --transform 's,^\.,opt/registry,S' .
(cd "$folder" && rm -r files bin sbin lib lib64 cc cargo tmp)
docker build --quiet --tag "$1" "$folder" >/dev/null
