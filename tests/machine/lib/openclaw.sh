# SPDX-License-Identifier: LGPL-2.1-or-later
# The real OpenClaw, for scenarios with a line "# needs: openclaw": what npm installs for tests/machine/openclaw, some hundred MiB,
# made once and kept in the cache. A machine sees it, read-only, at OPENCLAW_GUEST_DIR.

OPENCLAW_GUEST_DIR=/opt/openclaw

# What npm reads; no more of that folder matters.
OPENCLAW_SOURCES=(package.json package-lock.json libsignal node)

openclaw_dir() {
        printf '%s/openclaw-%s' "$CACHE" "$(cd "$TOP/tests/machine/openclaw" &&
                find "${OPENCLAW_SOURCES[@]}" -type f -exec sha256sum {} + | sort | sha256sum | cut -c 1-12)"
}

openclaw_is_prepared() {
        [[ -d $(openclaw_dir) ]]
}

# Makes sure of it.
openclaw_prepare() {
        local dir
        dir=$(openclaw_dir)
        (
                flock 9
                [[ -d $dir ]] || openclaw_make "$dir"
        ) 9>"$CACHE/openclaw.lock"
}

# The versions of the lock files, and no script of a package: none of them has to be compiled. Debian's node is too old for OpenClaw,
# and its npm for the overrides, so it gets no more than packages that are node and npm.
openclaw_make() {
        local dir=$1 new=$1.new
        command -v npm >/dev/null || host_install openclaw || return
        rm -rf --one-file-system "$CACHE"/openclaw-*
        mkdir "$new" || return
        (cd "$TOP/tests/machine/openclaw" && cp -r "${OPENCLAW_SOURCES[@]}" "$new/") || return
        openclaw_npm "$new/node" npm || return
        openclaw_npm "$new" "$(echo "$new"/node/node_modules/node-linux-*/bin/node)" "$new/node/node_modules/npm/bin/npm-cli.js" || return
        rm -rf "$new/npm-cache"
        mv "$new" "$dir"
}

# openclaw_npm FOLDER NPM...: installs what its lock file says.
openclaw_npm() {
        local folder=$1
        shift
        (cd "$folder" && "$@" ci --cache "$new/npm-cache" --omit=dev --ignore-scripts --legacy-peer-deps --no-audit --no-fund --loglevel=error)
}

# The option of systemd-nspawn that shows it to a machine.
openclaw_bind() {
        printf '%s\n' "--bind-ro=$(openclaw_dir):$OPENCLAW_GUEST_DIR"
}
