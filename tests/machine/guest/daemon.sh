# SPDX-License-Identifier: LGPL-2.1-or-later
# What the daemon is and holds, before and after an attack.

# Before: which process it is, its descriptors and memory, and what lies in its tree and folders.
daemon_note() {
        DAEMON=$(daemon_pid)
        DAEMON_FDS=$(daemon_fds)
        DAEMON_MEMORY=$(daemon_memory)
        DAEMON_SINCE=$EPOCHREALTIME
}

daemon_fds() {
        find "/proc/$(daemon_pid)/fd" -mindepth 1 | wc -l
}

# KiB that are its own.
daemon_memory() {
        sed -n 's/^Pss: *\([0-9]*\) kB$/\1/p' "/proc/$(daemon_pid)/smaps_rollup"
}

daemon_has_no_more_fds() {
        daemon_has_fds_at_most "$DAEMON_FDS"
}

daemon_has_fds_at_most() {
        [[ $(daemon_fds) -le $1 ]]
}

# daemon_check_serves PID: it is this process still, and serves honest clients.
daemon_check_serves() {
        check_equal "$(daemon_pid)" "$1" "the daemon"
        check_status 0 in_session alice cgmove run --wait -- true
        check_status 0 as bob cgmove list
}

# daemon_check_goes_on [MORE]: it is the same process, has no descriptor more and no more memory than MORE KiB above what it had,
# and serves everybody.
daemon_check_goes_on() {
        daemon_check_serves "$DAEMON"
        wait_for daemon_has_no_more_fds
        daemon_check_memory "${1:-512}"
}

daemon_check_memory() {
        local memory
        memory=$(daemon_memory)
        [[ $memory -le $((DAEMON_MEMORY + $1)) ]] || fail "the daemon had $DAEMON_MEMORY KiB, and has $memory"
}

# What the daemon has logged since daemon_note: journalctl's further arguments choose.
daemon_logged() {
        journalctl --quiet --no-pager --since "@$DAEMON_SINCE" -u cgmoved.service "$@"
}

# The names of all groups below the pools: "job-N", "keeper" and "quarantine" are all that there can be in a pool.
pools_check_names() {
        local strange
        strange=$(find "$POOLS" -mindepth 1 -type d -printf '%P\n' | grep -v -x -E \
                'user-cgmove-[0-9]+\.slice(/cgmove@[0-9]+\.service(/(keeper|quarantine|job-[0-9]+))?)?' || true)
        check_equal "$strange" "" "groups of other names"
}
