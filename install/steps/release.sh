# shellcheck shell=sh
# The program: one folder for each version, a link to the one that runs, and the Node that runs it.

NODE_MAJOR=24
NODESOURCE=${NODESOURCE_URL:-https://deb.nodesource.com}
NODESOURCE_KEY=/usr/share/keyrings/nodesource.gpg
NODESOURCE_LIST=/etc/apt/sources.list.d/nodesource.sources

install_release() {
  release=$PREFIX/releases/$VERSION
  running=$(readlink "$PREFIX/current" 2>/dev/null || :)
  newest=$(printf '%s\n' "${running#releases/}" "$VERSION" | sort -V | tail -n 1)
  [ "$newest" = "$VERSION" ] ||
    die "version ${running#releases/} is here, which is newer: to go back say 3cx-relay rollback"
  if [ ! -e "$release/.complete" ]; then
    changing "unpack version $VERSION" copy_release
  fi
  put "$PREFIX/bin/node" 755 root:root <"$SOURCE/install/steps/node-wrapper"
  put "$PREFIX/bin/split-settings" 755 root:root <"$SOURCE/install/steps/split-settings"
  put "$PREFIX/bin/3cx-relay" 755 root:root <<WRAPPER
#!/bin/sh
exec $PREFIX/bin/node $PREFIX/current/install/cli/main.ts "\$@"
WRAPPER
  link /usr/local/bin/3cx-relay "$PREFIX/bin/3cx-relay"
  if [ -z "$running" ]; then
    link "$PREFIX/current" "releases/$VERSION"
    todo restart
  elif [ "$running" != "releases/$VERSION" ]; then
    # It restarts one service after another, looks whether they become ready, and goes back when they do not.
    changing "upgrade from ${running#releases/} to $VERSION" "$PREFIX/bin/3cx-relay" upgrade "$release"
  fi
  unchanged
}

# Copied under another name and renamed: what stands under a version's name is whole but for its packages, and what has
# .complete is whole.
copy_release() {
  rm -rf "$release" "$PREFIX/releases/.$VERSION"
  mkdir "$PREFIX/releases/.$VERSION" &&
    cp -a "$SOURCE/." "$PREFIX/releases/.$VERSION/" &&
    chown -R root:root "$PREFIX/releases/.$VERSION" &&
    chmod -R u=rwX,go=rX "$PREFIX/releases/.$VERSION" || return 1
  mv -T "$PREFIX/releases/.$VERSION" "$release" || return 1
  obtain_node "$release" || return 1
  if [ ! -d "$release/node_modules" ]; then
    [ -z "$OFFLINE" ] || die "this release has no packages: make it with --with-modules for a server without network"
    (cd "$release" && quietly npm ci --omit=dev --ignore-scripts --no-audit --no-fund) || return 1
  fi
  sync -f "$release" && : >"$release/.complete"
}

is_recent() { [ "$("$1" -p 'parseInt(process.versions.node)' 2>/dev/null || echo 0)" -ge $NODE_MAJOR ]; }

# What the release carries, what is here, NodeSource, and the npm package that carries a runtime.
obtain_node() {
  if [ -x "$1/runtime/bin/node" ] && is_recent "$1/runtime/bin/node"; then return 0; fi
  if is_recent node; then return 0; fi
  [ -z "$OFFLINE" ] || die "Node $NODE_MAJOR is not here, and this release carries none: make it with --with-modules"
  if add_nodesource && is_recent node; then return 0; fi
  command -v npm >/dev/null ||
    die "Node $NODE_MAJOR cannot be had: $NODESOURCE does not answer and npm is not here; take a release with its runtime"
  say "$NODESOURCE does not answer: taking the runtime from the npm package node"
  npm_folder=$(mktemp -d)
  quietly npm install --prefix "$npm_folder" --no-audit --no-fund "node@$NODE_MAJOR" || die 'npm could not bring Node'
  mkdir -p "$1/runtime/bin" && cp -L "$npm_folder/node_modules/node/bin/node" "$1/runtime/bin/node"
  rm -rf "$npm_folder"
  is_recent "$1/runtime/bin/node"
}

# Nothing of it stays when it fails: a source that does not answer breaks every later update of the machine. One that
# somebody else set up is his.
add_nodesource() {
  if [ -e "$NODESOURCE_LIST" ] && ! is_our_nodesource; then return 1; fi
  quietly apt-get install -y --no-install-recommends ca-certificates curl gnupg || return 1
  if curl -fsSL --max-time 20 "$NODESOURCE/gpgkey/nodesource-repo.gpg.key" 2>/dev/null |
    gpg --batch --yes --dearmor -o "$NODESOURCE_KEY" 2>/dev/null &&
    nodesource_text >"$NODESOURCE_LIST" &&
    quietly apt-get update && quietly apt-get install -y nodejs; then
    return 0
  fi
  rm -f "$NODESOURCE_LIST" "$NODESOURCE_KEY"
  return 1
}

nodesource_text() {
  cat <<SOURCES
Types: deb
URIs: $NODESOURCE/node_$NODE_MAJOR.x
Suites: nodistro
Components: main
Signed-By: $NODESOURCE_KEY
SOURCES
}

is_our_nodesource() { [ -f "$NODESOURCE_LIST" ] && [ "$(cat "$NODESOURCE_LIST")" = "$(nodesource_text)" ]; }

remove_nodesource() {
  is_our_nodesource || return 0
  say 'Node gets no updates from NodeSource any more: whoever uses it still sets up a source of his own'
  remove "$NODESOURCE_LIST"
  remove "$NODESOURCE_KEY"
}
