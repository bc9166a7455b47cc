#!/usr/bin/env bash
# images.sh: builds the static binaries and one image for each, and sees to it that there is a Redis image.
#
# Afterwards `docker compose up` (or docker-compose) finds everything it needs. Run it again after a change.
#   TAG=1.2.0 scripts/images.sh     tags the images so (default: latest; Compose then needs MARKETSWARM_TAG=1.2.0)
#   REDIS_IMAGE=NAME                the Redis to use (default: redis:7-alpine)
#   BUILD_IMAGE=NAME                builds in a container of it, as happens where there is no Rust (then: rust:1-alpine)
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

[ $# -eq 0 ] || die "usage: [TAG=...] scripts/images.sh"
tag=${TAG:-latest}
context=scripts/images

docker_works || die "no Docker engine answers: is it installed and running, and may you use it?"

# A context of its own keeps the sources and target/ out of what is sent to the engine. It is tracked (empty),
# since Compose v1 refuses every command, also `down`, while a build context is missing.
mkdir -p "$context/state"
build_static "$context"

for name in "${programs[@]}"; do
    quietly docker build --target "$name" --tag "marketswarm/$name:$tag" --file Dockerfile "$context"
    say "marketswarm/$name:$tag  $(stat -c %s "$context/$name") bytes"
done

from_host=marketswarm/redis:host
chosen=${REDIS_IMAGE:-}
[ -n "$chosen" ] || ! [ -f .env ] || chosen=$(sed -n 's/^REDIS_IMAGE=//p' .env | tail -n 1)
redis=${chosen:-redis:7-alpine}
if docker image inspect "$redis" >/dev/null 2>&1; then
    say "$redis  (here already)"
elif [ "$redis" = "$from_host" ]; then
    scripts/redis_image.sh "$from_host"
elif timeout 120 docker pull --quiet "$redis" >/dev/null 2>&1; then
    say "$redis  (pulled)"
elif [ -n "$chosen" ]; then
    die "REDIS_IMAGE=$redis cannot be pulled"
else
    say "$redis cannot be pulled from here: taking this machine's own redis-server instead"
    scripts/redis_image.sh "$from_host"
    # Compose reads .env: with this line its commands stay the same on a machine without a registry.
    printf 'REDIS_IMAGE=%s\n' "$from_host" >>.env
    say "wrote REDIS_IMAGE=$from_host to .env, where Compose finds it"
fi
