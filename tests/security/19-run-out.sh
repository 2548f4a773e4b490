# SPDX-License-Identifier: LGPL-2.1-or-later
# run: all
# machine: own
# What the daemon needs has really run out: descriptors, address space, disk, cgroups, inotify. What is asked for fails whole or is
# done; nothing that was accepted is lost; and when it is there again, all goes on by itself. (Threat 19.)
#
# The limits of inotify are the host's, and shared with whatever else runs there, so a system call filter plays them.

RESULTS=/var/lib/cgmove
OVERRIDE=/run/systemd/system/cgmoved.service.d/fault-more.conf

set_up() {
        fault_begin
}

tear_down() {
        rm -f $OVERRIDE
        ! mountpoint -q $RESULTS || umount --lazy $RESULTS
        ! mountpoint -q /run/cgmove/frozen || umount --lazy /run/cgmove/frozen
        [[ ! -e $POOL ]] || echo max >"$POOL/cgroup.max.descendants"
        pkill -KILL -u alice -f -x 'sleep 1000000' || true
        fault_end
}

# sleeper_begin: a process of alice in the first unit, in $PID.
sleeper_begin() {
        setpriv --reuid=alice --regid=alice --init-groups -- sleep 1000000 &
        PID=$!
        wait_for grep -q '^sleep$' "/proc/$PID/comm"
        echo "$PID" >/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/fault-1.service/cgroup.procs
}

in_source() {
        grep -q '^0::.*/fault-1\.service$' "/proc/$1/cgroup"
}

move() {
        as alice cgmove move "$@" 2>&1
}

# check_move COUNT: so many moves, each of which fails with a clear word and leaves its process in its place, or is done.
check_move() {
        local said i
        for ((i = 0; i < $1; i++)); do
                sleeper_begin
                if said=$(move --name "$TEST_NAME" "$PID"); then
                        in_job "$PID" || fail "moved, and yet in $(cat "/proc/$PID/cgroup")"
                else
                        in_source "$PID" || fail "not moved ($said), and yet in $(cat "/proc/$PID/cgroup")"
                        check_match "$said" "$2" "the error"
                fi
                [[ $(cat "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/fault-1.service/cgroup.freeze") -eq 0 ]]
                kill -KILL "$PID"
        done
}

check_serves() {
        wait_for_within 20 move_works
        wait_for not pool_has_jobs
        [[ -z $(ls /run/cgmove/frozen) ]] || fail "notes of frozen groups are left"
}

move_works() {
        sleeper_begin
        move --name honest "$PID" && in_job "$PID"
        local works=$?
        kill -KILL "$PID"
        return $works
}

pool_has_jobs() {
        compgen -G "$POOL/job-*"
}

test_descriptors() {
        local pid open room most
        check_serves
        pid=$(daemon_pid)
        most=$(prlimit --pid "$pid" --nofile --noheadings --raw --output=HARD)
        for room in {0..24}; do
                open=$(find "/proc/$pid/fd" -mindepth 1 -maxdepth 1 | wc -l)
                prlimit --pid "$pid" --nofile=$((open + room)):
                # who is not let in waits until there is room
                timeout --kill-after=1 0.4 "$here/as" alice cgmove list >/dev/null 2>&1 || true
                sleeper_begin
                timeout --kill-after=1 0.6 "$here/as" alice cgmove move "$PID" >/dev/null 2>&1 || true
                prlimit --pid "$pid" --nofile="$most":
                wait_for_within 20 rests_somewhere "$PID"
                kill -KILL "$PID"
        done
        check_equal "$(daemon_pid)" "$pid" "the daemon"
        check_serves
        tried 25 "moves with 0 to 24 descriptors left to the daemon"
}

# In its unit or in a job, not in ice, and the daemon says the same.
rests_somewhere() {
        local jobs
        jobs=$(list_of alice '[.jobs[] | select(.state == "running")] | length') || return
        if in_source "$1"; then
                [[ $jobs -eq 0 ]]
        else
                in_job "$1" && [[ $jobs -eq 1 && $(cat "$POOL"/job-*/cgroup.freeze) -eq 0 ]]
        fi
}

test_address_space() {
        local pid size room n=0
        check_serves
        pid=$(daemon_pid)
        size=$(awk '/^VmSize/ { print $2 * 1024 }' "/proc/$pid/status")
        for room in 0 4096 8192 16384 32768 65536 131072 262144 524288 1048576; do
                prlimit --pid "$pid" --as=$((size + room)):unlimited || true
                sleeper_begin
                timeout --kill-after=1 5 "$here/as" alice cgmove move "$PID" >/dev/null 2>&1 || true
                systemctl reload cgmoved.service || true
                kill -KILL "$PID"
                wait_for daemon_is_up
                pid=$(daemon_pid)
                prlimit --pid "$pid" --as=unlimited:unlimited || true # it may end for want of memory just now
                n=$((n + 1))
        done
        check_serves
        wait_for not grep -q . <(ls /run/cgmove/frozen)
        tried $n "moves and reloads with 0 to 1 MiB of address space left to the daemon"
}

# job_with_status CODE: a job that ends with it when /home/alice/go is there.
job_with_status() {
        as alice systemd-run --user --quiet --wait --pipe --collect --slice=app.slice --unit="fault-run-$1" -- \
                cgmove run --log null --name "code-$1" -- sh -c "until test -e /home/alice/go; do sleep 0.1; done; exit $1"
}

results_fill() {
        dd if=/dev/zero of=$RESULTS/filler bs=4096 status=none 2>/dev/null || true
}

check_results() {
        local code
        for code in 1 2 3 4 5; do
                [[ $(job_field "code-$code" state) == ended ]] || return
                [[ $(job_field "code-$code" result) == failed ]] || return
                [[ $(job_field "code-$code" exit_code) == "$code" ]] || return
                [[ $(find $RESULTS/1000 -name "$(job_id "code-$code").json" | wc -l) -eq 1 ]] || return
        done
}

jobs_are_over() {
        [[ -z $(cat "$POOL"/job-*/cgroup.procs 2>/dev/null) ]]
}

test_full_disk() {
        local code pid
        rm -f /home/alice/go
        systemctl stop cgmoved.socket cgmoved.service
        mount -t tmpfs -o size=256k,mode=0700 tmpfs $RESULTS
        systemctl start cgmoved.socket cgmoved.service
        for code in 1 2 3 4 5; do
                job_with_status $code
        done
        results_fill
        as alice touch /home/alice/go
        wait_for jobs_are_over
        sleep 1
        check_equal "$(compgen -G "$POOL/job-*" | wc -l)" 5 "groups that keep what cannot be written"
        # also over the daemon's end
        pid=$(daemon_pid)
        kill -KILL "$pid"
        wait_for daemon_is_new "$pid"
        check_equal "$(compgen -G "$POOL/job-*" | wc -l)" 5 "groups that keep what cannot be written"
        # no number is given to a job that is not reserved
        check_move 3 "No space left on device.*nothing was moved|The move failed: No space left on device"
        rm $RESULTS/filler
        wait_for check_results
        check_serves
        rm -f /home/alice/go
        tried 5 "ends of jobs with a full disk, over the end of the daemon, until there was room again"
        tried 3 "moves with a full disk"
}

# The source is not frozen without a note of it.
test_full_run() {
        systemctl stop cgmoved.socket cgmoved.service
        mount -t tmpfs -o size=4k,nr_inodes=1,mode=0700 tmpfs /run/cgmove/frozen
        systemctl start cgmoved.socket cgmoved.service
        for _ in 1 2 3 4 5; do
                sleeper_begin
                check_status 1 as alice cgmove move --tree "$PID"
                check_contains "$OUTPUT" "No space left"
                in_source "$PID" || fail "it is in $(cat "/proc/$PID/cgroup")"
                check_equal "$(awk '/^State/ { print $2 }' "/proc/$PID/status")" S "state of a process that was not moved"
                kill -KILL "$PID"
        done
        umount --lazy /run/cgmove/frozen
        systemctl restart cgmoved.service
        check_serves
        tried 5 "moves of a tree with a full /run"
}

# systemd removes the slice behind its last pool
pools_close() {
        mkdir -p $POOLS && echo 0 >$POOLS/cgroup.max.descendants
}

test_cgroups() {
        local used
        check_serves
        # a first job, so that the pool is there
        used=$(find "$POOL" -mindepth 1 -type d | wc -l)
        echo "$used" >"$POOL/cgroup.max.descendants"
        check_move 10 "Resource temporarily unavailable; nothing was moved"
        echo max >"$POOL/cgroup.max.descendants"
        check_serves

        # and where the pool itself is to be
        systemctl stop cgmove@1000.service
        wait_for pools_close
        sleep 0.5
        wait_for pools_close
        check_move 3 "could not be started"
        echo max >$POOLS/cgroup.max.descendants
        systemctl reset-failed cgmove@1000.service 2>/dev/null || true
        check_serves
        tried 13 "moves when no cgroup can be made any more"
}

# without CALL ERROR: the daemon has no such system call any more.
without() {
        printf '[Service]\nSystemCallFilter=~%s:%s\n' "$1" "$2" >$OVERRIDE
        systemctl daemon-reload
        systemctl restart cgmoved.service
}

check_ends_are_seen() {
        local i before
        before=$(list_of alice '[.jobs[] | select(.name == "unwatched")] | length')
        for i in 1 2 3 4 5; do
                sleeper_begin
                check_status 0 as alice cgmove move --name unwatched "$PID"
                in_job "$PID" || fail "it is not in a job"
                kill -KILL "$PID"
        done
        wait_for not pool_has_jobs
        check_equal "$(list_of alice '[.jobs[] | select(.name == "unwatched" and .state == "ended")] | length')" $((before + 5)) \
                "jobs that ended"
}

test_inotify() {
        local pid
        sleeper_begin
        check_status 0 as alice cgmove move --name found "$PID"
        pid=$PID
        without inotify_add_watch ENOSPC
        check_equal "$(job_field found state)" running "a job that was there before"
        check_ends_not_missed "$pid"
        without inotify_init1 EMFILE
        check_ends_are_seen
        rm $OVERRIDE
        systemctl daemon-reload
        systemctl restart cgmoved.service
        check_serves
        tried 11 "jobs that ended with no inotify to tell of it"
}

check_ends_not_missed() {
        kill -KILL "$1"
        wait_for not pool_has_jobs
        check_equal "$(job_field found state)" ended "the job"
        check_ends_are_seen
}
