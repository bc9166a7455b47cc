#!/bin/sh
# The operator's command on a host with units: `marketswarm`, with the buses that the units use.
env_file=/etc/marketswarm/marketswarm.env
if [ -r "$env_file" ]; then
    while IFS= read -r line; do
        case "$line" in [A-Z]*=*) export "${line?}" ;; esac
    done <"$env_file"
elif [ -e "$env_file" ]; then
    # It may hold secrets, so only root reads it.
    export SYSTEM_REDIS_URL="${SYSTEM_REDIS_URL:-redis://127.0.0.1:6379}"
    export MARKET_REDIS_URL="${MARKET_REDIS_URL:-redis://127.0.0.1:6380}"
fi
exec /usr/local/lib/marketswarm/marketswarm "$@"
