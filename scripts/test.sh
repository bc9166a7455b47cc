#!/usr/bin/env bash
# test.sh [--quick|--full]: everything that must hold before a change lands.
#
# Installs what is missing, then checks style, dependencies and documentation, runs the unit and integration
# tests against real redis-servers, and runs the swarm under Compose and under systemd.
# --quick leaves Compose and systemd out. --full plays the long proofs whole, which are a sample otherwise: more seeds of
# the simulation, more cases of each property, more kills.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

quick=
case "${1:-}" in
    "") ;;
    --quick) quick=yes ;;
    --full) export MARKETSWARM_FULL=1 SIM_SEEDS=${SIM_SEEDS:-100000} PROPTEST_CASES=${PROPTEST_CASES:-4096} ;;
    *) die "usage: scripts/test.sh [--quick|--full]" ;;
esac

export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
passed=0 failed=() skipped=()

# check NAME COMMAND...: runs one check, says how long it took, and goes on whatever came of it.
check() {
    local name=$1 begin=$SECONDS
    shift
    say "== $name"
    if "$@"; then
        passed=$((passed + 1))
        say "-- $name: passed in $((SECONDS - begin)) s"
    else
        failed+=("$name")
        say "-- $name: FAILED after $((SECONDS - begin)) s"
    fi
}

# begin NAME COMMAND...: a check that runs beside others, since it waits most of its time. What it says is shown by `finish`.
begun=()
begin() {
    local name=$1
    shift
    say "== $name: begins"
    # A group of its own, so that all of it can be ended.
    set -m
    (
        start=$SECONDS
        "$@" >"$beside/$name" 2>&1
        code=$?
        echo "$((SECONDS - start))" >"$beside/$name.took"
        exit "$code"
    ) &
    set +m
    begun+=("$!:$name")
}

# Waits for what was begun.
finish() {
    local each name code
    for each in "${begun[@]}"; do
        name=${each#*:} code=0
        wait "${each%%:*}" || code=$?
        say "== $name"
        cat "$beside/$name"
        if [ "$code" = 0 ]; then
            passed=$((passed + 1))
            say "-- $name: passed in $(cat "$beside/$name.took") s"
        else
            failed+=("$name")
            say "-- $name: FAILED after $(cat "$beside/$name.took") s"
        fi
    done
    begun=()
}

beside=$(mktemp -d)
end_begun() {
    local each
    for each in "${begun[@]}"; do kill -- "-${each%%:*}" 2>/dev/null; done
    rm -rf "$beside"
}
trap end_begun EXIT
trap 'exit 130' INT TERM

skip() {
    skipped+=("$1")
    say "== $1: SKIPPED, $2"
}

# What the checks need. A new test's tool goes here: `need COMMAND PACKAGE`.
install_tools() {
    need_rust
    need cc gcc
    need_redis
    need redis-cli redis-tools
    need shellcheck shellcheck
    need valgrind valgrind
    need openssl openssl
    need faketime faketime
    need_python_packages
    need_browser
    need_axe
    need_promtool
    need_component rustfmt
    need_component clippy
    if ! cargo deny --version >/dev/null 2>&1; then
        say "installing cargo-deny (a minute or two)"
        # Unoptimised it is built in half the time, and still answers within seconds.
        cargo install --debug --locked --quiet cargo-deny || return 1
    fi
    [ -n "$quick" ] && return
    need_musl
    need debootstrap debootstrap
    need systemd-analyze systemd
}

# The mail tests talk to a real server, and a heartbeat of the README is sent from Python.
need_python_packages() {
    local package
    for package in aiosmtpd redis; do
        /usr/bin/python3 -c "import $package" 2>/dev/null || apt_install "python3-$package"
    done
}

# The pages are judged by axe-core, the script of it that this package carries.
need_axe() {
    local wheel
    [ -e target/tools/axe.min.js ] && return
    wheel=$(mktemp -d)
    if python3 -m venv "$wheel/venv" &&
        "$wheel/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$wheel" axe-playwright-python==0.1.8 &&
        python3 -m zipfile -e "$wheel"/*.whl "$wheel"; then
        mkdir -p target/tools
        cp "$wheel/axe_playwright_python/axe.min.js" target/tools/
    else
        say "NOT INSTALLED: axe-core; the pages are not judged by it"
    fi
    rm -rf "$wheel"
}

# The metrics are read by the tool of Prometheus. Unpacked only: installed, its package would start a server.
need_promtool() {
    local folder
    command -v promtool >/dev/null && return
    [ -x target/tools/usr/bin/promtool ] && return
    folder=$(mktemp -d)
    chmod 755 "$folder"
    if (cd "$folder" && apt-get download -qq prometheus 2>/dev/null) && dpkg -x "$folder"/prometheus_*.deb "$folder/all"; then
        mkdir -p target/tools/usr/bin
        cp "$folder/all/usr/bin/promtool" target/tools/usr/bin/
    else
        say "NOT INSTALLED: promtool; the metrics are not read by it"
    fi
    rm -rf "$folder"
}

# The pages are looked at in a browser. Where none can be had, that one test says so and is left out.
need_browser() {
    local package
    command -v chromium >/dev/null && command -v chromedriver >/dev/null && /usr/bin/python3 -c "import selenium" 2>/dev/null && return
    for package in chromium chromium-driver python3-selenium; do
        (apt_install "$package") || say "NOT INSTALLED: $package; the pages are not looked at in a browser"
    done
}

need_component() {
    cargo "${1/rustfmt/fmt}" --version >/dev/null 2>&1 && return
    say "installing $1 (rustup)"
    rustup component add "$1"
}

shell_scripts() {
    local file scripts=()
    # The first line tells a script, whatever its name.
    while read -r file; do
        if [[ $file == *.sh ]] || head -n 1 "$file" | grep -qE '^#!.*\b(ba)?sh\b'; then scripts+=("$file"); fi
    done < <(git ls-files --cached --others --exclude-standard scripts .ci tests)
    say "${#scripts[@]} scripts"
    shellcheck -x "${scripts[@]}"
}

no_async_runtime() {
    local found
    # Cargo answers with an error or an empty tree when the package is nowhere among our dependencies.
    found=$(cargo tree --locked -e normal --target all -i tokio 2>/dev/null)
    [ -z "$found" ] || { say "$found"; return 1; }
    say "cargo tree -e normal -i tokio finds nothing"
}

dependencies() {
    cargo deny --locked check bans licenses sources || return 1
    if cargo deny --locked fetch db >/dev/null 2>&1; then
        cargo deny --locked check advisories
    else
        say "NOT CHECKED: advisories (the advisory database cannot be reached from here)"
    fi
}

documentation() { RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items --quiet; }

unit_and_integration() {
    cargo test --locked --quiet --no-fail-fast -- --skip compose:: --skip systemd:: --skip images::
}

# The container tests bring up whole swarms: one after the other, and with their steps on the screen.
container_tests() {
    MARKETSWARM_CONTAINER_TESTS=1 cargo test --locked --quiet --test swarm "$1" -- --test-threads=1 --nocapture
}

say "== tools"
install_tools || die "not everything that the checks need could be installed"

# The images take minutes to build, and the tests wait more than they compute: so the build gets what the tests leave.
containers=
if [ -z "$quick" ] && docker_works; then
    containers=yes
    begin "images" nice -n 19 scripts/images.sh
fi

check "format" cargo fmt --all --check
check "shell scripts" shell_scripts
check "no async runtime" no_async_runtime
check "dependencies" dependencies
check "clippy" cargo clippy --locked --all-targets --quiet -- -D warnings
check "documentation" documentation
check "unit and integration tests" unit_and_integration

if [ -n "$quick" ]; then
    skip "compose" "--quick"
    skip "systemd" "--quick"
elif [ -z "$containers" ]; then
    skip "compose" "no Docker engine answers here"
    skip "systemd" "no Docker engine answers here"
else
    finish
    if find_compose; then
        check "images, measured" container_tests images::
        begin "compose" container_tests compose::
    else
        skip "compose" "neither docker compose nor docker-compose is installed"
    fi
    begin "systemd" container_tests systemd::
fi
# Whole swarms wait for deadlines most of their time, and a busy neighbour changes no count of instructions.
begin "instructions of the pure cores" scripts/instructions.sh
finish

say ""
for name in "${skipped[@]}"; do say "skipped: $name"; done
for name in "${failed[@]}"; do say "FAILED: $name"; done
say "checks: $passed passed, ${#failed[@]} failed, ${#skipped[@]} skipped"
[ "${#failed[@]}" -eq 0 ]
