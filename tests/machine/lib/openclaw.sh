# SPDX-License-Identifier: LGPL-2.1-or-later
# The real OpenClaw, for scenarios with a line "# needs: openclaw": what npm installs for tests/machine/openclaw, some hundred MiB,
# made once and kept in the cache. A machine sees it, read-only, at OPENCLAW_GUEST_DIR.

OPENCLAW_GUEST_DIR=/opt/openclaw

openclaw_sources() {
        printf '%s\n' "$TOP"/tests/machine/openclaw/{package.json,package-lock.json,libsignal/package.json,libsignal/index.js}
}

openclaw_dir() {
        local -a sources
        mapfile -t sources < <(openclaw_sources)
        printf '%s/openclaw-%s' "$CACHE" "$(cat "${sources[@]}" | sha256sum | cut -c 1-12)"
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

# The versions of the lock file, and no script of a package: none of them has to be compiled, and node comes as a package.
openclaw_make() {
        local dir=$1 new=$1.new
        command -v npm >/dev/null || host_install openclaw || return
        rm -rf --one-file-system "$CACHE"/openclaw-*
        mkdir "$new" || return
        cp -r "$TOP"/tests/machine/openclaw/{package.json,package-lock.json,libsignal} "$new/"
        (cd "$new" && npm ci --cache "$new/.npm" --omit=dev --ignore-scripts --legacy-peer-deps --no-audit --no-fund) || return
        rm -rf "$new/.npm"
        mv "$new" "$dir"
}

# The option of systemd-nspawn that shows it to a machine.
openclaw_bind() {
        printf '%s\n' "--bind-ro=$(openclaw_dir):$OPENCLAW_GUEST_DIR"
}
