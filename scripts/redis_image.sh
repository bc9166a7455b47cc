#!/usr/bin/env bash
# redis_image.sh [NAME]: a Redis image made of this machine's redis-server, for places without a registry.
#
# It holds redis-server, redis-cli and the libraries they load, and nothing else. NAME: marketswarm/redis:host.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

name=${1:-marketswarm/redis:host}
need_redis
need redis-cli redis-tools
docker_works || die "no Docker engine answers: is it installed and running, and may you use it?"

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir -p "$context/root/usr/local/bin" "$context/root/etc" "$context/data"
for program in redis-server redis-cli; do
    # The real file: Debian's redis-server is a link to redis-check-rdb.
    path=$(readlink -f "$(command -v "$program")")
    install -m 0755 "$path" "$context/root/usr/local/bin/$program"
    # Each library lands where the program's own loader looks for it.
    ldd "$path" | grep -oE '/[^ ]+' | sort -u | while read -r library; do
        install -D -m 0755 "$(readlink -f "$library")" "$context/root$library"
    done
done
# The user that the official image runs Redis as.
printf 'redis:x:999:1000::/data:/sbin/nologin\n' >"$context/root/etc/passwd"
printf 'redis:x:1000:\n' >"$context/root/etc/group"
cat >"$context/Dockerfile" <<'DOCKERFILE'
FROM scratch
COPY root/ /
COPY --chown=999:1000 data /data
ENV PATH=/usr/local/bin
WORKDIR /data
USER 999:1000
VOLUME /data
EXPOSE 6379
CMD ["redis-server"]
DOCKERFILE
quietly docker build --tag "$name" "$context"
version=$(docker run --rm --network none "$name" redis-server --version | grep -o 'v=[0-9.]*')
say "$name  redis-server ${version#v=}"
