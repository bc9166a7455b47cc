#!/usr/bin/env bash
# simulate_failure.sh [SVC] [--mode crash|hang|stop] [--on run|compose|systemd]
#
# Makes a service of the running swarm fail, waits until the swarm has said so, brings the service back, and waits
# until the swarm has said that too. Prints both alerts and how late each was. Exit code 0 only if both came.
# Of rss_agg it also shows that no item was lost or came twice, of vexy_ai that none was left out or analysed twice.
#
#   SVC      rss_agg unless named; for `healer` it is the sentinel that speaks (healer_miss, healer_ok). Of rss_agg the
#            queue is checked afterwards, of massive that every price is shown as old meanwhile, and fresh again.
#   --mode   crash: SIGKILL (default).  hang: SIGSTOP, or a paused container.  stop: an orderly stop.
#   --on     where the swarm runs: scripts/run.sh, Compose, or systemd. Found out when not given.
#
# The supervisor would bring a crashed service back long before anyone missed it. So the script holds it down until
# the miss was heard, and lets it go in any case, also when it is interrupted.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"

usage="usage: simulate_failure.sh [SVC] [--mode crash|hang|stop] [--on run|compose|systemd]"
usage() { die "$usage"; }

svc='' mode=crash on=''
while [ $# -gt 0 ]; do
    case "$1" in
        --mode) mode=${2:-} && shift ;;
        --on) on=${2:-} && shift ;;
        -h | --help)
            say "$usage"
            sed -n '3,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0"
            exit
            ;;
        -*) usage ;;
        *)
            [ -z "$svc" ] || usage
            svc=$1
            ;;
    esac
    shift || usage
done
svc=${svc:-rss_agg}
case "$mode" in crash | hang | stop) ;; *) usage ;; esac
case "$on" in '' | run | compose | systemd) ;; *) usage ;; esac
[[ $svc =~ ^[A-Za-z0-9_.-]{1,64}$ ]] || die "'$svc' is no name of a service"

channel=${ALERT_CHANNEL:-healer:alerts}
if [ "$svc" = healer ]; then
    miss=healer_miss ok=healer_ok
else
    miss=heartbeat_miss ok=heartbeat_ok
fi

# --- Where the swarm runs: each place can find it, reach its system bus, hold a service down and let it go. --------

# run: `marketswarm up` keeps its children in up.json, and does not restart one while hold/SVC exists.
run_dir=${MARKETSWARM_DATA:-$here/../data}/run
run_number() { grep -oE "\"$1\": *[0-9]+" "$run_dir/up.json" 2>/dev/null | grep -oE '[0-9]+$' | head -n 1; }
run_found() { local pid; pid=$(run_number pid) && kill -0 "$pid" 2>/dev/null; }
run_redis() { redis-cli -h 127.0.0.1 -p "$(run_number system_port)" "$@"; }
run_market() { redis-cli -h 127.0.0.1 -p "$(run_number market_port)" "$@"; }
run_command() { MARKETSWARM_DATA=$run_dir/.. "/proc/$(run_number pid)/exe" "$@"; }
run_break() {
    pid=$(run_number "$svc") || die "marketswarm up runs no $svc"
    mkdir -p "$run_dir/hold"
    : >"$run_dir/hold/$svc"
    send_signal "$pid"
}
run_release() {
    rm -f "$run_dir/hold/$svc"
    [ "$mode" != hang ] || kill -CONT "$pid" 2>/dev/null || true
}

# compose: the containers of this folder's project (of COMPOSE_PROJECT_NAME, when that is set).
compose_container() {
    local filters=(--filter "label=com.docker.compose.service=$1" --filter label=com.docker.compose.oneoff=False)
    if [ -n "${COMPOSE_PROJECT_NAME:-}" ]; then
        filters+=(--filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME")
    else
        filters+=(--filter "label=com.docker.compose.project.working_dir=$(realpath "$here/..")")
    fi
    docker ps --quiet "${filters[@]}"
}
compose_found() { docker_works && [ -n "$(compose_container system-redis)" ]; }
compose_redis() { docker exec -i "$bus_container" redis-cli "$@"; }
compose_market() { docker exec -i "$(compose_container market-redis)" redis-cli "$@"; }
# The command is in an image of its own: it looks at the buses from beside one of them.
compose_command() {
    docker run --rm --pull never --network "container:$bus_container" --env SYSTEM_REDIS_URL=redis://127.0.0.1:6379 \
        "marketswarm/marketswarm:${MARKETSWARM_TAG:-latest}" "$@"
}
compose_prepare() {
    bus_container=$(compose_container system-redis)
    container=$(compose_container "$svc")
    [ -n "$container" ] || die "there is no running container of $svc"
    [ "$(wc -w <<<"$bus_container $container")" -eq 2 ] ||
        die "more than one project runs from this folder: set COMPOSE_PROJECT_NAME"
    restart_policy=$(docker inspect --format '{{.HostConfig.RestartPolicy.Name}}' "$container")
}
compose_break() {
    docker update --restart no "$container" >/dev/null
    case "$mode" in
        crash) docker kill --signal KILL "$container" ;;
        hang) docker pause "$container" ;;
        stop) docker stop "$container" ;;
    esac >/dev/null
}
compose_release() {
    docker update --restart "$restart_policy" "$container" >/dev/null
    if [ "$mode" = hang ]; then docker unpause "$container"; else docker start "$container"; fi >/dev/null
}

# systemd: a drop-in of the running system forbids the restart. A unit that hangs is killed by its watchdog meanwhile.
systemd_unit() { printf 'marketswarm-%s.service' "$1"; }
systemd_found() {
    # Any of the two will do: the service alone may have been started, or be the one that is down.
    command -v systemctl >/dev/null &&
        systemctl --quiet is-active marketswarm.target "$(systemd_unit "$svc")" 2>/dev/null
}
systemd_redis() { redis-cli -u "$bus_url" --no-auth-warning "$@"; }
systemd_market() {
    local url
    url=${MARKET_REDIS_URL:-$(as_root sed -n 's/^MARKET_REDIS_URL=//p' /etc/marketswarm/marketswarm.env)}
    redis-cli -u "${url:-$bus_url}" --no-auth-warning "$@"
}
systemd_command() { marketswarm "$@"; }
systemd_prepare() {
    unit=$(systemd_unit "$svc")
    hold_dir=/run/systemd/system/$unit.d
    bus_url=${SYSTEM_REDIS_URL:-$(as_root sed -n 's/^SYSTEM_REDIS_URL=//p' /etc/marketswarm/marketswarm.env)}
    bus_url=${bus_url:-redis://127.0.0.1:6379}
}
systemd_break() {
    as_root mkdir -p "$hold_dir"
    printf '[Service]\nRestart=no\n' | as_root tee "$hold_dir/90-hold.conf" >/dev/null
    as_root systemctl daemon-reload
    pid=$(systemctl show --property MainPID --value "$unit")
    case "$mode" in
        stop) as_root systemctl stop "$unit" ;;
        *) as_root kill "$(signal_of "$mode")" "$pid" ;;
    esac
}
systemd_release() {
    as_root rm -rf "$hold_dir"
    as_root systemctl daemon-reload
    if [ "$(systemctl show --property MainPID --value "$unit")" = "$pid" ] && [ "$mode" = hang ]; then
        as_root kill -CONT "$pid"
    else
        as_root systemctl start --no-block "$unit"
    fi
}

signal_of() { case "$1" in crash) printf -- -KILL ;; hang) printf -- -STOP ;; stop) printf -- -TERM ;; esac; }
send_signal() { kill "$(signal_of "$mode")" "$1"; }

find_swarm() {
    local place found=()
    for place in run compose systemd; do
        if "${place}_found"; then found+=("$place"); fi
    done
    case ${#found[@]} in
        0) die "no running swarm found: neither from scripts/run.sh, nor under Compose, nor under systemd" ;;
        1) on=${found[0]} ;;
        *) die "the swarm runs more than once here (${found[*]}): say which with --on" ;;
    esac
}

# --- Listening ------------------------------------------------------------------------------------------------------

heard=$(mktemp)
listener_name=simulate-failure-$$
broken=''

cleanup() {
    local code=$?
    trap - EXIT
    if [ -n "$broken" ]; then
        warn "letting $svc go"
        "${on}_release" || true
    fi
    stop_listening
    rm -f "$heard"
    exit "$code"
}

start_listening() {
    printf 'CLIENT SETNAME %s\nSUBSCRIBE %s\n' "$listener_name" "$channel" | "${on}_redis" >"$heard" 2>&1 &
    local tries
    for tries in {1..50}; do
        grep -qx subscribe "$heard" && return
        sleep 0.1
    done
    die "cannot listen to $channel after $tries tries: $(cat "$heard")"
}

# Its connection is closed on the bus: ending `docker exec` here would leave it running over there.
stop_listening() {
    local id
    id=$("${on}_redis" CLIENT LIST TYPE pubsub 2>/dev/null |
        sed -n "s/^id=\([0-9]*\) .* name=$listener_name .*/\1/p") || true
    [ -z "$id" ] || "${on}_redis" CLIENT KILL ID "$id" >/dev/null || true
}

# The first alert of type $1 about the service, or nothing.
alert() { grep -E "\"type\": *\"$1\"" "$heard" | grep -E -m 1 "\"svc\": *\"$svc\"" || true; }
number() { grep -oE "\"$1\": *[0-9.]+" <<<"$2" | grep -oE '[0-9.]+$'; }

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }

# wait_for TYPE LIMIT_SEC WORDS: waits for that alert, saying how long it has been.
wait_for() {
    local begin=$SECONDS told=0 waited
    while [ -z "$(alert "$1")" ]; do
        waited=$((SECONDS - begin))
        if [ "$waited" -gt "$2" ]; then
            [ ! -t 1 ] || say ""
            die "no $1 about $svc within $2 s"
        fi
        if [ -t 1 ]; then
            printf '\r%s ... %d s ' "$3" "$waited"
        elif [ "$waited" -ge "$((told + 5))" ]; then
            told=$waited
            say "$3 ... $waited s"
        fi
        sleep 0.2
    done
    [ ! -t 1 ] || printf '\r\033[K'
}

# The service's timeout as the truth on the bus has it: its own, else the cadence of all, else 30 s.
timeout_sec() {
    "${on}_redis" EVAL '
        local truth = cjson.decode(redis.call("GET", KEYS[1]) or "{}")
        local services = truth.services or truth.components or {}
        local beat = (services[ARGV[1]] or {}).heartbeat or {}
        local cadence = ((services.healer or {}).threshold or {}).heartbeat_cadence
        return tostring(beat.timeout_sec or cadence or ARGV[2])' \
        1 "${TRUTH_REDIS_KEY:-truth:doc}" "$svc" "${DEFAULT_TIMEOUT_SEC:-30}"
}

# What the feed reader queued: how many items, how many of them twice, and how many the demo served (its items are
# numbered without a gap) that are not there, from a minute before the failure on.
queue_facts() {
    "${on}_market" EVAL '
        local seen, last, total, twice, missing, demo = {}, {}, 0, 0, 0, 0
        for _, entry in ipairs(redis.call("XRANGE", KEYS[1], "-", "+")) do
            local item = {}
            for i = 1, #entry[2], 2 do item[entry[2][i]] = entry[2][i + 1] end
            total = total + 1
            if seen[item.uid] then twice = twice + 1 end
            seen[item.uid] = true
            local number = tonumber(string.match(item.title or "", "^DEMO (%d+):"))
            if number and tonumber(string.match(entry[1], "^%d+")) >= tonumber(ARGV[1]) then
                demo = demo + 1
                if last[item.feed] then missing = missing + number - last[item.feed] - 1 end
                last[item.feed] = number
            end
        end
        return string.format("%d %d %d %d", total, twice, missing, demo)' 1 rss:queue "$began_ms"
}

# Waits for items that came after the failure, then says whether one was lost or came twice.
check_queue() {
    local before total twice missing demo tries
    before=$("${on}_market" XLEN rss:queue)
    for tries in {1..100}; do
        [ "$("${on}_market" XLEN rss:queue)" -eq "$before" ] || break
        sleep 0.2
    done
    read -r total twice missing demo <<<"$(queue_facts)"
    [ "$total" -gt 0 ] || { say "no item was queued yet: scripts/run.sh --demo has feeds that bring some" && return; }
    say "rss:queue: $total items, $twice of them twice"
    if [ "$demo" -gt 0 ]; then
        say "the demo's items are numbered: $missing of $((demo + missing)) are missing"
    fi
    [ "$twice" -eq 0 ] && [ "$missing" -eq 0 ]
}

# What was queued from a minute before the failure on: how many items, how many of them are not analysed though they
# are there, how many were analysed twice, and how many were given up.
analysis_facts() {
    "${on}_market" EVAL '
        local function fields(entry)
            local is = {}
            for i = 1, #entry[2], 2 do is[entry[2][i]] = entry[2][i + 1] end
            return is
        end
        local times, total, missing, twice, dead = {}, 0, 0, 0, 0
        for _, entry in ipairs(redis.call("XRANGE", KEYS[2], ARGV[1], "+")) do
            local is = fields(entry)
            if is.kind == "analysis" then times[is.uid] = (times[is.uid] or 0) + 1 end
        end
        for _, n in pairs(times) do
            if n > 1 then twice = twice + 1 end
        end
        local given_up = {}
        for _, entry in ipairs(redis.call("XRANGE", KEYS[3], ARGV[1], "+")) do
            given_up[fields(entry).uid or ""] = true
            dead = dead + 1
        end
        for _, entry in ipairs(redis.call("XRANGE", KEYS[1], ARGV[1], "+")) do
            local uid = fields(entry).uid or ""
            total = total + 1
            if redis.call("EXISTS", "rss:analysis:" .. uid) == 0 and not given_up[uid]
                and redis.call("EXISTS", "rss:item:" .. uid) == 1 then missing = missing + 1 end
        end
        return string.format("%d %d %d %d", total, missing, twice, dead)' \
        3 rss:queue rss:analysis:log vexy:dead "$began_ms"
}

# Waits until what was queued is analysed, then says whether something was left out or analysed twice.
check_analyses() {
    local total missing twice dead tries
    for tries in {1..150}; do
        read -r total missing twice dead <<<"$(analysis_facts)"
        [ "$missing" -gt 0 ] || break
        sleep 0.2
    done
    [ "$total" -gt 0 ] || { say "no item was queued: scripts/run.sh --demo has feeds that bring some" && return; }
    say "of $total items queued since a minute before the failure, $missing are not analysed, $twice were analysed twice," \
        "$dead were given up"
    [ "$missing" -eq 0 ] && [ "$twice" -eq 0 ] && [ "$dead" -eq 0 ]
}

# What massive wrote of prices, by the rule that every reader keeps: how many records there are, how many of them are
# fresh, and for how many seconds the last of these will be.
market_facts() {
    "${on}_market" EVAL '
        local now, total, fresh, last = redis.call("TIME")[1] * 1000, 0, 0, 0
        for _, key in ipairs(redis.call("KEYS", "market:snapshot:*")) do
            local record = redis.call("HMGET", key, "stale", "fresh_until_ms")
            total = total + 1
            local left = (tonumber(record[2]) or 0) - now
            if record[1] == "0" and left >= 0 then
                fresh = fresh + 1
                last = math.max(last, left)
            end
        end
        return string.format("%d %d %d", total, fresh, math.ceil(last / 1000))' 0
}

# Nobody writes any more: each price becomes old by itself, and the command shows it as old.
show_old_prices() {
    local total fresh last table
    read -r total fresh last <<<"$(market_facts)"
    [ "$total" -gt 0 ] || { say "massive holds no price: scripts/run.sh --demo has some without a key" && return; }
    if [ "$last" -gt "$patience" ]; then
        say "$fresh of $total prices count as fresh for $last s yet: the market is closed, and they are of its last session"
        return
    fi
    while [ "$fresh" -gt 0 ]; do
        sleep 0.5
        read -r total fresh last <<<"$(market_facts)"
    done
    say "every one of the $total prices is old by itself:"
    if table=$("${on}_command" market 2>/dev/null); then
        die "marketswarm market takes a price for fresh that nobody vouches for: $table"
    fi
    [ -n "$table" ] || { say "  (there is no marketswarm here to show them)" && return; }
    while IFS= read -r line; do say "  $line"; done <<<"$table"
    # The last column, of lines of prices, says the state.
    ! grep -qE ' fresh$' <<<"$table" || die "marketswarm market calls a price fresh that nobody vouches for"
}

await_fresh_prices() {
    local total fresh last begin=$SECONDS
    # None was before either: of yesterday, say, or not in the plan.
    [ "$fresh_before" -gt 0 ] || return 0
    read -r total fresh last <<<"$(market_facts)"
    while [ "$fresh" -eq 0 ]; do
        [ $((SECONDS - begin)) -le "$patience" ] || die "no price is fresh again after $patience s"
        sleep 0.5
        read -r total fresh last <<<"$(market_facts)"
    done
    say "$fresh of $total prices are fresh again, $(since "$released") s after it was let go"
}

# --- The failure ----------------------------------------------------------------------------------------------------

[ -n "$on" ] || find_swarm
"${on}_found" || die "no swarm runs here under '$on'"
! declare -F "${on}_prepare" >/dev/null || "${on}_prepare"
[ "$("${on}_redis" PING)" = PONG ] || die "the system bus does not answer"
limit=$(timeout_sec)
[[ $limit =~ ^[0-9.]+$ ]] || die "the truth on the bus cannot be read: $limit"
[[ $("${on}_redis" GET "health:$svc") =~ \"status\":\ *\"(up|degraded)\" ]] ||
    die "$svc is not up, so its failure would show nothing: see marketswarm status"

# That holds only while somebody vouches for it: a healer that speaks, and that can judge the bus of the service.
[ "$("${on}_redis" EXISTS healer:lease)" = 1 ] ||
    die "no healer judges now, so nobody would tell the failure: see marketswarm status"
bus=$("${on}_redis" GET "health:$svc" | grep -oE '"bus": *"[^"]*"' | head -n 1 | cut -d '"' -f 4) || true
[[ $("${on}_redis" HGET healer:buses "${bus:-system-redis}") =~ \"judged\":\ *false ]] &&
    die "${bus:-system-redis} cannot be judged now, so nobody would tell the failure: see marketswarm status"

trap cleanup EXIT
trap 'exit 130' INT TERM
start_listening

say "$mode of $svc, which runs under '$on'; its limit is $limit s"
# A miss comes one limit after the last beat. Twice that and some covers a watcher that was in doubt.
patience=$(awk -v t="$limit" 'BEGIN { printf "%d", 2 * t + 20 }')

began_ms=$(($(date +%s) - 60))000
[ "$svc" != massive ] || read -r _ fresh_before _ <<<"$(market_facts)"
broken=yes
"${on}_break"
wait_for "$miss" "$patience" "$svc is down, waiting for $miss (limit $limit s)"
alert=$(alert "$miss")
late=$(number late_sec "$alert")
timeout=$(number timeout_sec "$alert")
say "$miss: told ${late} s after its last sign of life, $(awk -v l="$late" -v t="$timeout" \
    'BEGIN { printf "%.0f", (l - t) * 1000 }') ms past the limit of ${timeout} s"
say "  $alert"

[ "$svc" != massive ] || show_old_prices

released=$(now)
broken=''
"${on}_release"
wait_for "$ok" "$patience" "$svc is let go, waiting for $ok"
alert=$(alert "$ok")
if age=$(number age_sec "$alert"); then
    say "$ok: told ${age} s after the beat that ended the silence, $(since "$released") s after it was let go"
else
    say "$ok: told $(since "$released") s after it was let go"
fi
say "  $alert"

[ "$svc" != rss_agg ] || check_queue || die "the failure cost items, or repeated some"
[[ $svc != vexy_ai* ]] || check_analyses || die "the failure cost analyses, or repeated some"
[ "$svc" != massive ] || await_fresh_prices
