# SPDX-License-Identifier: LGPL-2.1-or-later
# What is done on the host: packages, the working folder, its end.

# A mount namespace of our own: whatever happens, no mount is left on the host.
host_unshare() {
        [[ -z ${CGMOVE_CHECK_NAMESPACE:-} ]] || return 0
        export CGMOVE_CHECK_NAMESPACE=1
        exec unshare --mount --propagation private -- "$@"
}

host_require_root() {
        [[ $(id -u) -ne 0 ]] || return 0
        echo "this needs root: sudo $0" >&2
        exit 2
}

# Says "12" or "13" for Debian, fails for others.
host_debian_version() {
        (. /etc/os-release && [[ $ID == debian ]] && printf '%s' "$VERSION_ID")
}

host_require_debian() {
        local version
        version=$(host_debian_version) || version=other
        case $version in
        12 | 13) ;;
        *) say "this is made for Debian 12 and 13; going on, but packages may have other names" ;;
        esac
}

host_init() {
        CACHE=${CGMOVE_CACHE:-/var/cache/cgmove-check}
        mkdir -p "$CACHE"
        host_remove_leftovers
        WORK=$CACHE/run.$$
        mkdir -m 0755 "$WORK"
        export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
        umask 022
        host_hide_nspawn
        trap host_end EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM HUP
}

# What systemd-nspawn notes in /run is seen by us alone.
host_hide_nspawn() {
        NSPAWN_NOTES=/run/systemd/nspawn
        [[ -d $NSPAWN_NOTES ]] || NSPAWN_NOTES_ARE_OURS=1
        mkdir -p "$NSPAWN_NOTES"
        mount -t tmpfs -o mode=755 tmpfs "$NSPAWN_NOTES"
}

host_show_nspawn() {
        umount --lazy "$NSPAWN_NOTES" 2>/dev/null || true
        [[ -z ${NSPAWN_NOTES_ARE_OURS:-} ]] || rmdir "$NSPAWN_NOTES" 2>/dev/null || true
}

# Folders of runs that were killed.
host_remove_leftovers() {
        local dir
        for dir in "$CACHE"/run.*; do
                [[ -d $dir ]] || continue
                kill -0 "${dir##*.}" 2>/dev/null || rm -rf --one-file-system "$dir"
        done
}

# On every way out: machines end, background work ends, the working folder goes.
host_end() {
        local status=$?
        trap - EXIT INT TERM HUP
        local pid
        for pid in $(jobs -p); do
                host_kill_tree "$pid"
        done
        wait 2>/dev/null || true
        machines_end
        host_unmount_work
        host_show_nspawn
        if [[ -n ${KEEP:-} ]]; then
                say "kept: $WORK"
        else
                rm -rf --one-file-system "$WORK"
        fi
        [[ -z ${REPORT_SUMMARY:-} ]] || host_summary || status=1
        exit "$status"
}

# What a part that failed has left mounted below the working folder, the innermost first.
host_unmount_work() {
        local mount
        awk -v dir="$WORK/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | tac | while IFS= read -r mount; do
                umount "$mount" 2>/dev/null || umount --lazy "$mount" || true
        done
}

# The last line of all; nothing may follow it.
host_summary() {
        say ""
        say "$REPORT_SUMMARY"
        [[ $REPORT_SUMMARY == *", 0 failed" ]]
}

# Ends a process that we started, and all below it.
host_kill_tree() {
        local child
        for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
                host_kill_tree "$child"
        done
        kill "$1" 2>/dev/null || true
}

package_is_installed() {
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# What is missing of "a|b|c": nothing if one is installed, else the first that apt knows.
host_missing_package() {
        local name
        for name in ${1//|/ }; do
                ! package_is_installed "$name" || return 0
        done
        for name in ${1//|/ }; do
                if apt-cache show --no-all-versions "$name" >/dev/null 2>&1; then
                        printf '%s\n' "$name"
                        return 0
                fi
        done
        echo "no package: $1" >&2
        return 1
}

# package_list LIST...: one a line, without comments.
package_list() {
        (cd "$TOP/tests/machine/packages" && sed 's/#.*//' "$@") | tr -s ' \n' '\n' | sed '/^$/d'
}

host_missing_packages() {
        local list choice choices
        for list in "$@"; do
                choices=$(package_list "$list") || return
                for choice in $choices; do
                        host_missing_package "$choice" || return
                done
        done
}

# host_install LIST...: an index that can't be fetched is no reason to stop as long as nothing is missing.
host_install() {
        local missing
        apt-get update || echo "apt-get update failed"
        missing=$(host_missing_packages "$@")
        [[ -z $missing ]] || apt-get install --yes --no-install-recommends $missing
}

# A copy of the sources without what a build has left among them: the tree itself stays as it is.
host_copy_sources() {
        local to=$1
        mkdir -p "$to"
        if [[ -e $TOP/.git ]] && command -v git >/dev/null; then
                git -c safe.directory='*' -C "$TOP" ls-files -z --cached --others --exclude-standard |
                        host_existing_files | tar -C "$TOP" --null --no-recursion -T - -c | tar -C "$to" --no-same-owner -x
        else
                tar -C "$TOP" --exclude=./.git --exclude=./build --exclude=./autom4te.cache -c . | tar -C "$to" --no-same-owner -x
        fi
}

# git lists what was deleted but not committed, too
host_existing_files() {
        local file
        while IFS= read -r -d '' file; do
                [[ ! -e $TOP/$file && ! -L $TOP/$file ]] || printf '%s\0' "$file"
        done
}
