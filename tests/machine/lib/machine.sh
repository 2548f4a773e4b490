# SPDX-License-Identifier: LGPL-2.1-or-later
# Machines: a Debian with its own PID 1 in systemd-nspawn, in a cgroup of its own, on a throwaway layer over a base image.
#
# Each machine has a folder $WORK/machine/NAME with: root (its file system), pid (of the nspawn process), leader (its PID 1),
# console (its boot messages), cgroup (the cgroup we made for it; none where the host's systemd made a scope).

GUEST_DIR=/opt/cgmove-tests

# More options of systemd-nspawn, for the machines that are booted next.
MACHINE_OPTIONS=()

# With what commands run in there.
MACHINE_ENVIRONMENT=(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
        LC_ALL=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive)

# Where the cgroup v2 tree is mounted: /sys/fs/cgroup, or /sys/fs/cgroup/unified on a host with both versions.
cgroup2_mount() {
        awk '{ for (i = 7; i <= NF; i++) if ($i == "-" && $(i + 1) == "cgroup2") { print $5; exit } }' /proc/self/mountinfo
}

host_has_systemd() {
        [[ -d /run/systemd/system ]]
}

machine_dir() {
        printf '%s/machine/%s' "$WORK" "$1"
}

# machine_boot SUITE NAME: boots and waits until it is up.
machine_boot() {
        local suite=$1 name=$2 dir base
        dir=$(machine_dir "$name")
        base=$(base_get machine "$suite") || return
        rm -rf --one-file-system "$dir" # one of this name that was kept
        mkdir -p "$dir/root" "$dir/upper" "$dir/overlay" || return
        machine_mount "$base" "$dir" || return
        machine_furnish "$suite" "$dir/root" || return
        if host_has_systemd; then
                machine_start_in_scope "$name" "$dir"
        else
                machine_start_in_cgroup "$name" "$dir"
        fi
        machine_wait_up "$name"
}

# A layer where the file system can, a copy where not.
machine_mount() {
        local base=$1 dir=$2
        mount -t overlay overlay -o "lowerdir=$base,upperdir=$dir/upper,workdir=$dir/overlay" "$dir/root" 2>/dev/null ||
                cp -a --reflink=auto "$base/." "$dir/root/"
}

# What the tests need: themselves, with the programs that were built along with the package of this suite, and that package.
machine_furnish() {
        local collected=$WORK/deb/$1 root=$2
        mkdir -p "$root$GUEST_DIR" || return
        cp -a "$collected/machine/." "$collected/security/." "$root$GUEST_DIR/" || return
        cp "$collected/cgmove.deb" "$collected/upgrade.deb" "$root/opt/"
}

# The nspawn process ends with us, and the machine with it, even if we are killed.
machine_command() {
        MACHINE_COMMAND=(setpriv --pdeathsig KILL
                systemd-nspawn --quiet --directory="$2/root" --machine="$1" --keep-unit --register=no
                --private-network --console=read-only --link-journal=no --resolv-conf=off --timezone=off "${MACHINE_OPTIONS[@]}"
                --boot systemd.unit=multi-user.target)
}

machine_start_in_cgroup() {
        local name=$1 dir=$2 cgroup
        cgroup=$(cgroup2_mount)/cgmove-$$-$name
        mkdir "$cgroup" || return
        printf '%s\n' "$cgroup" >"$dir/cgroup"
        machine_command "$name" "$dir"
        (
                echo "$BASHPID" >"$cgroup/cgroup.procs"
                exec env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 setsid "${MACHINE_COMMAND[@]}" >"$dir/console" 2>&1 </dev/null
        ) &
        machine_started "$dir" $!
}

machine_start_in_scope() {
        local name=$1 dir=$2
        machine_command "$name" "$dir"
        SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 setsid systemd-run --quiet --scope --collect --unit="cgmove-$$-$name" \
                --slice=machine.slice -p Delegate=yes "${MACHINE_COMMAND[@]}" >"$dir/console" 2>&1 </dev/null &
        machine_started "$dir" $!
}

machine_started() {
        printf '%s\n' "$2" >"$1/pid"
        # the shell shall not report how it ended
        disown "$2"
}

# PID 1 of the machine: the nspawn process's only child.
machine_find_leader() {
        local dir pid
        dir=$(machine_dir "$1")
        pid=$(cat "$dir/pid")
        [[ $(cat "/proc/$pid/comm" 2>/dev/null) == systemd-nspawn ]] || return
        local -a children
        read -r -a children <"/proc/$pid/task/$pid/children" || true
        [[ ${#children[@]} -eq 1 && $(cat "/proc/${children[0]}/comm" 2>/dev/null) == systemd ]] || return
        printf '%s\n' "${children[0]}" >"$dir/leader"
}

machine_wait_up() {
        local name=$1 dir try state=
        dir=$(machine_dir "$name")
        for ((try = 0; try < 1200; try++)); do
                kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
                if [[ -e $dir/leader ]] || machine_find_leader "$name"; then
                        state=$(machine_exec "$name" systemctl is-system-running 2>/dev/null) || true
                        [[ $state != running && $state != degraded ]] || return 0
                fi
                sleep 0.1
        done
        echo "the machine $name does not come up (state: ${state:-none}); its console:"
        tail -n 60 "$dir/console"
        return 1
}

# machine_exec NAME COMMAND...: as root in the machine, outside of all of its units.
machine_exec() {
        local leader
        leader=$(cat "$(machine_dir "$1")/leader") || return
        shift
        nsenter -t "$leader" -m -u -i -n -p -C -r -w -- "${MACHINE_ENVIRONMENT[@]}" "$@"
}

# A file of the host into the machine, and back.
machine_push() {
        install -D -m "${4:-0644}" "$2" "$(machine_dir "$1")/root$3"
}

machine_pull() {
        cp -a "$(machine_dir "$1")/root$2" "$3"
}

# No orderly shutdown: nothing of the machine is wanted any more.
machine_end() {
        local dir pid leader
        dir=$(machine_dir "$1")
        [[ -e $dir/pid ]] || return 0
        pid=$(cat "$dir/pid")
        # PID 1 of the machine takes every process of it along
        leader=$(cat "$dir/leader" 2>/dev/null) && kill -KILL "$leader" 2>/dev/null
        kill -KILL "$pid" 2>/dev/null || true
        machine_wait_gone "$pid" "${leader:-}"
        rm -f "$dir/pid"
        umount "$dir/root" 2>/dev/null || umount --lazy "$dir/root" 2>/dev/null || true
        machine_remove_cgroup "$dir"
        [[ -n ${KEEP:-} ]] || rm -rf --one-file-system "$dir"
}

machine_wait_gone() {
        local try
        for ((try = 0; try < 100; try++)); do
                if ! kill -0 "$1" 2>/dev/null && { [[ -z $2 ]] || ! kill -0 "$2" 2>/dev/null; }; then
                        return 0
                fi
                sleep 0.05
        done
        return 0
}

machine_remove_cgroup() {
        local cgroup try
        cgroup=$(cat "$1/cgroup" 2>/dev/null) || return 0
        for ((try = 0; try < 50; try++)); do
                [[ -d $cgroup ]] || return 0
                find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
                sleep 0.05
        done
        echo "left: $cgroup" >&2
}

machines_end() {
        local dir
        for dir in "$WORK"/machine/*/; do
                [[ ! -e $dir/pid ]] || machine_end "$(basename "$dir")"
        done
}
