# shellcheck shell=bash
# What the scripts share: plain words on the screen, missing tools, and which Compose is here.
# Sourced, never run.

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
    warn "error: $*"
    exit 1
}

# quietly COMMAND...: shows what it printed only when it failed.
quietly() {
    local output
    output=$("$@" 2>&1) || { warn "$output"; return 1; }
}

# Runs a command as root: directly, or through sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root: $*"
    fi
}

# need COMMAND PACKAGE: installs Debian's PACKAGE unless COMMAND is there.
need() {
    command -v "$1" >/dev/null && return
    apt_install "$2"
    command -v "$1" >/dev/null || die "$2 is installed, but there is still no $1 in PATH"
}

apt_lists_are_fresh=
apt_install() {
    command -v apt-get >/dev/null ||
        die "$* is missing and this is not Debian or Ubuntu: install it by hand"
    say "installing $* (apt)"
    if [ -z "$apt_lists_are_fresh" ]; then
        as_root apt-get update -qq || warn "apt-get update failed; trying with the lists that are here"
        apt_lists_are_fresh=yes
    fi
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" ||
        die "apt could not install: $*"
}

# need_redis: a redis-server to start ourselves. Debian would also start and enable one of its own on port 6379: not so.
need_redis() {
    if ! command -v redis-server >/dev/null; then
        # With this policy dpkg starts no service.
        local policy=/usr/sbin/policy-rc.d
        if [ -e "$policy" ]; then
            apt_install redis-server
        else
            (
                trap 'as_root rm -f "$policy"' EXIT
                printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
                as_root chmod 755 "$policy"
                apt_install redis-server
            ) || exit 1
        fi
        if command -v systemctl >/dev/null; then
            as_root systemctl --quiet disable redis-server 2>/dev/null || true
        fi
        say "the system's own redis service stays off"
    fi
    need redis-cli redis-tools
}

need_rust() {
    command -v cargo >/dev/null || PATH="$HOME/.cargo/bin:$PATH"
    command -v cargo >/dev/null || die "Rust is missing: install it with rustup, then run this again"
}

# The target of the static binaries on this machine.
musl_target() { printf '%s-unknown-linux-musl' "$(uname -m)"; }

need_musl() {
    need_rust
    need musl-gcc musl-tools
    local target libdir
    target=$(musl_target)
    # A toolchain from rustup or from a distribution: what counts is the standard library on disk.
    libdir=$(rustc --print target-libdir --target "$target")
    [ -d "$libdir" ] && return
    command -v rustup >/dev/null || die "the Rust target $target is missing, and there is no rustup to add it"
    say "installing the Rust target $target (rustup)"
    rustup target add "$target"
}

# What ships. A caller who wants only some of them says so.
programs=(bootstrap rss_agg massive mesh vexy_ai healer sentinel console marketswarm)

# The profile that a program ships in (see Cargo.toml): small, but for those that hear every beat or read whole feeds.
profile_of() { case "$1" in healer | sentinel | rss_agg) printf dist ;; *) printf small ;; esac; }

# cargo_build PROFILE TARGET: the words of the command that builds the programs of that profile; none if there are none.
cargo_build() {
    local name bins=
    for name in "${programs[@]}"; do
        if [ "$(profile_of "$name")" = "$1" ]; then bins+=" --bin $name"; fi
    done
    [ -z "$bins" ] || printf 'cargo build --locked --quiet --profile %s --target %s%s' "$1" "$2" "$bins"
}

has_rust() { command -v cargo >/dev/null || [ -x "$HOME/.cargo/bin/cargo" ]; }

# build_static FOLDER: builds the static binaries that ship, and puts them there. Without Rust on this machine, or with
# BUILD_IMAGE, that happens in a container.
build_static() {
    mkdir -p "$1"
    if [ -z "${BUILD_IMAGE:-}" ] && has_rust; then build_here "$1"; else build_in_container "$1"; fi
}

build_here() {
    local target profile name build
    need_musl
    target=$(musl_target)
    say "building the static binaries (a few minutes the first time)"
    for profile in small dist; do
        # RUSTFLAGS would replace the flags of .cargo/config.toml, which make the programs small.
        build=$(cargo_build "$profile" "$target")
        # shellcheck disable=SC2086 # words
        [ -z "$build" ] || env --unset=RUSTFLAGS $build
    done
    for name in "${programs[@]}"; do
        install -m 0755 "target/$target/$(profile_of "$name")/$name" "$1/$name"
    done
}

# The image has a C compiler, Rust, and Rust's musl target (or rustup to add it), as rust:1-alpine has. What cargo
# downloads and builds there stays in target/container, so that the next time is quick.
build_in_container() {
    local image=${BUILD_IMAGE:-rust:1-alpine} kept=target/container script profile name
    docker_works || die "neither Rust nor a Docker engine is here: one of them has to build the programs"
    if ! docker image inspect "$image" >/dev/null 2>&1; then
        say "$image: pulling"
        quietly docker pull --quiet "$image" || die "BUILD_IMAGE=$image is not here and cannot be pulled"
    fi
    say "building the static binaries in a container of $image (some minutes the first time)"
    mkdir -p "$kept"
    # shellcheck disable=SC2016 # expanded in the container
    script='target=$(uname -m)-unknown-linux-musl
        [ -d "$(rustc --print target-libdir --target "$target")" ] || rustup target add "$target"
        '
    for profile in small dist; do
        # shellcheck disable=SC2016
        script+="$(cargo_build "$profile" '"$target"')"$'\n'
    done
    for name in "${programs[@]}"; do
        script+="install -m 0755 /kept/target/\$target/$(profile_of "$name")/$name /out/"$'\n'
    done
    # As the user who asked, so that what comes out is that user's. The sources stay as they are.
    docker run --rm --user "$(id -u):$(id -g)" --security-opt label=disable --workdir /src \
        --volume "$PWD:/src:ro" --volume "$PWD/$kept:/kept" --volume "$(cd "$1" && pwd):/out" \
        --env HOME=/tmp --env CARGO_HOME=/kept/cargo --env CARGO_TARGET_DIR=/kept/target \
        "$image" sh -euc "$script"
}

# Sets COMPOSE to the Compose command of this machine: v2 (`docker compose`) or v1 (`docker-compose`).
# shellcheck disable=SC2034 # used by those who source this
find_compose() {
    if docker compose version >/dev/null 2>&1; then
        COMPOSE=(docker compose)
    elif command -v docker-compose >/dev/null; then
        COMPOSE=(docker-compose)
    else
        return 1
    fi
}

# Is there a Docker engine that answers?
docker_works() { command -v docker >/dev/null && docker info >/dev/null 2>&1; }
