#!/bin/sh
# build-stand-ins.sh: of the images that our compose files name, those that are not here and cannot be pulled, made from
# Debian's packages. Each does what the official one does as far as those files use it: users by the same number, the same
# folders, commands and signals, and nothing beside. Wants root and debootstrap; a run takes some ten minutes, once.
set -eu
export DOCKER_BUILDKIT=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

is_here() { docker image inspect "$1" >/dev/null 2>&1 || timeout 300 docker pull --quiet "$1" >/dev/null 2>&1; }

# base SUITE: a small Debian, once for all that is made from it.
base() {
  ! docker image inspect "3cx-relay-test/base:$1" >/dev/null 2>&1 || return 0
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $1" 2>/dev/null | head -n 1)
  # A suite that is younger than this debootstrap is put up as the youngest that it knows.
  script=/usr/share/debootstrap/scripts/$1
  [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
  debootstrap --variant=minbase --include=ca-certificates "$1" "$folder/root" \
    "${mirror:-http://deb.debian.org/debian}" "$script"
  # The certificates that this machine trusts: a build inside must reach what this machine reaches.
  cat /etc/ssl/certs/ca-certificates.crt >"$folder/root/etc/ssl/certs/ca-certificates.crt"
  printf '#!/bin/sh\nexit 101\n' >"$folder/root/usr/sbin/policy-rc.d"
  chmod 755 "$folder/root/usr/sbin/policy-rc.d"
  rm -rf "$folder"/root/var/lib/apt/lists/* "$folder"/root/var/cache/apt/archives/*.deb
  tar -C "$folder/root" -c . | docker import - "3cx-relay-test/base:$1" >/dev/null
  rm -rf "$folder/root"
}

# image NAME: from the Dockerfile on stdin and what lies in the folder beside it.
image() {
  mkdir -p "$folder/context"
  cat >"$folder/context/Dockerfile"
  docker build --network host --tag "$1" "$folder/context"
  rm -rf "$folder/context"
}

if ! is_here node:24-bookworm-slim; then
  base bookworm
  mkdir -p "$folder/context"
  # Node is that of the package that our scripts run on; npm is this machine's.
  cp "$(dirname "$0")/../../node_modules/node/bin/node" "$folder/context/node"
  cp -RL "$(npm root --global)/npm" "$folder/context/npm"
  image node:24-bookworm-slim <<DOCKERFILE
FROM 3cx-relay-test/base:bookworm
RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --create-home node
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
RUN chmod 755 /usr/local/bin/node && cd /usr/local/bin && \\
    ln -s ../lib/node_modules/npm/bin/npm-cli.js npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js npx && npm --version
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
CMD ["node"]
DOCKERFILE
fi

if ! is_here redis:7; then
  base bookworm
  image redis:7 <<'DOCKERFILE'
FROM 3cx-relay-test/base:bookworm
RUN groupadd --system --gid 999 redis && useradd --system --gid redis --uid 999 redis && \
    apt-get update -qq && apt-get install -y -qq --no-install-recommends redis-server && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb && mkdir /data && chown redis:redis /data
# The official one answers other machines also where it has no password: what is published is for the compose file to say.
RUN printf '#!/bin/sh\n[ "$1" != redis-server ] || set -- "$@" --protected-mode no\nexec "$@"\n' >/entrypoint && \
    chmod 755 /entrypoint
VOLUME /data
WORKDIR /data
ENTRYPOINT ["/entrypoint"]
EXPOSE 6379
CMD ["redis-server"]
DOCKERFILE
fi

if ! is_here postgres:17; then
  base trixie
  mkdir -p "$folder/context"
  cp "$(dirname "$0")/postgres-stand-in.sh" "$folder/context/docker-entrypoint.sh"
  image postgres:17 <<'DOCKERFILE'
FROM 3cx-relay-test/base:trixie
RUN groupadd --system --gid 999 postgres && \
    useradd --system --gid postgres --uid 999 --home-dir /var/lib/postgresql --shell /bin/bash postgres && \
    mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf && \
    apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql-17 && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb && \
    mkdir -p /docker-entrypoint-initdb.d /var/run/postgresql /var/lib/postgresql/data && \
    chown postgres:postgres /var/run/postgresql /var/lib/postgresql/data && \
    chmod 3777 /var/run/postgresql && chmod 1777 /var/lib/postgresql/data
COPY docker-entrypoint.sh /usr/local/bin/
RUN chmod 755 /usr/local/bin/docker-entrypoint.sh && \
    echo "listen_addresses = '*'" >>/usr/share/postgresql/17/postgresql.conf.sample
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["docker-entrypoint.sh"]
STOPSIGNAL SIGINT
EXPOSE 5432
CMD ["postgres"]
DOCKERFILE
fi

# `resolve` in an upstream came with 1.27.3, and only the newest Debian has that. Of one that is not released yet the list
# of a mirror may have ended, which elsewhere would be an error.
if ! is_here nginx:stable; then
  base forky
  image nginx:stable <<'DOCKERFILE'
FROM 3cx-relay-test/base:forky
RUN groupadd --system --gid 101 nginx && useradd --system --gid nginx --uid 101 --no-create-home nginx && \
    apt-get -o Acquire::Check-Valid-Until=false update -qq && \
    apt-get install -y -qq --no-install-recommends nginx curl && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb && \
    rm -rf /var/lib/nginx && ln -s ../cache/nginx /var/lib/nginx && \
    mkdir -p /var/cache/nginx && chown nginx:nginx /var/cache/nginx && \
    ln -sf /dev/stdout /var/log/nginx/access.log && ln -sf /dev/stderr /var/log/nginx/error.log
STOPSIGNAL SIGQUIT
EXPOSE 80
CMD ["nginx", "-g", "daemon off;"]
DOCKERFILE
fi
