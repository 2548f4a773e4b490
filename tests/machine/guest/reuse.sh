# SPDX-License-Identifier: LGPL-2.1-or-later
# PID reuse on purpose: units to take processes from, and the program that plays both sides.

REUSE_PROGRAM=/opt/cgmove-tests/pid-reuse
REUSE_APP=/user.slice/user-1000.slice/user@1000.service/app.slice
REUSE_SOURCE=$REUSE_APP/reuse-source.service
REUSE_OWN=$REUSE_APP/reuse-own.service
REUSE_SYSTEM=/system.slice/reuse-system.service
REUSE_HOME=/system.slice/reuse-home.service

reuse_begin() {
        local unit
        for unit in reuse-source reuse-own; do
                as alice systemd-run --quiet --user --collect --unit="$unit" sleep infinity
        done
        systemd-run --quiet --collect --uid=alice --unit=reuse-system sleep infinity
        systemd-run --quiet --collect --uid=bob --unit=reuse-home sleep infinity
        REUSE_DAEMON=$(daemon_pid)
        REUSE_SINCE=$(date +%s.%N)
}

reuse_end() {
        local group
        for group in "$REUSE_SOURCE" "$REUSE_OWN" "$REUSE_SYSTEM" "$REUSE_HOME"; do
                [[ ! -e /sys/fs/cgroup$group ]] || echo 1 >"/sys/fs/cgroup$group/cgroup.kill"
        done
        pkill -KILL -x pid-reuse || true
        systemctl stop reuse-system.service reuse-home.service 2>/dev/null || true
        user_systemctl alice stop reuse-source.service reuse-own.service 2>/dev/null || true
        rmdir /sys/fs/cgroup/reuse-a /sys/fs/cgroup/reuse-b 2>/dev/null || true
}

# reuse KIND [OPTION...]: runs it; what it has counted is in the variables COUNTED[NAME]. Whatever happened nobody has come to harm.
declare -A COUNTED
reuse() {
        local kind=$1 line pair
        shift
        line=$("$REUSE_PROGRAM" --source "${REUSE_FROM:-$REUSE_SOURCE}" --home "$REUSE_HOME" --own "$REUSE_OWN" --kind "$kind" "$@" 2>&1) ||
                fail "strangers of kind $kind ($*) have come to harm: $line"
        for pair in ${line##*$'\n'}; do
                COUNTED[${pair%%=*}]=${pair#*=}
        done
        REUSE_LINE=${line##*$'\n'}
}

# reuse_events EVENT: how many of the daemon's lines since the beginning tell of it.
reuse_events() {
        journalctl --sync
        journalctl --quiet --since "@$REUSE_SINCE" -o json --output-fields=CGMOVE_EVENT -u cgmoved | jq -r .CGMOVE_EVENT | grep -c -x "$1" || true
}

# After all: nobody is in a job, nor frozen; the daemon is the one it was, and serves those who are honest.
reuse_check() {
        local group
        for group in "$POOL"/job-*; do
                [[ ! -d $group ]] || wait_for_within 20 not grep -q 'populated 1' "$group/cgroup.events"
        done
        for group in "$REUSE_SOURCE" "$REUSE_OWN" "$REUSE_SYSTEM" "$REUSE_HOME"; do
                check_equal "$(cat "/sys/fs/cgroup$group/cgroup.freeze")" 0 "cgroup.freeze of $group"
                grep -q 'frozen 0' "/sys/fs/cgroup$group/cgroup.events" || fail "$group is frozen"
        done
        check_equal "$(ls -A /run/cgmove/frozen)" "" "groups noted as frozen"
        daemon_check_serves "$REUSE_DAEMON"
        check_equal "$(reuse_events internal-failure)" 0 "failures in the journal"
}
