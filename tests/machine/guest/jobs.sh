# SPDX-License-Identifier: LGPL-2.1-or-later
# Jobs, as their owner sees them and as they lie in the cgroup tree.

POOLS=/sys/fs/cgroup/user.slice/user-cgmove.slice
POOL=$POOLS/user-cgmove-1000.slice/cgmove@1000.service

# list_of USER FILTER: `cgmove list --all` through jq.
list_of() {
        as "$1" cgmove list --all --json | jq -r "$2"
}

# The newest job of alice with this name.
job_id() {
        local id
        id=$(list_of alice "[.jobs[] | select(.name == \"$1\") | .id] | max")
        [[ $id != null && -n $id ]] || fail "there is no job $1"
        printf '%s' "$id"
}

# job_field NAME FIELD: of `cgmove status`.
job_field() {
        as alice cgmove status --json "$(job_id "$1")" | jq -r ".job.$2"
}

job_log() {
        as alice cgmove logs "$(job_id "$1")"
}

job_cgroup() {
        printf '%s/job-%s' "$POOL" "$(job_id "$1")"
}

job_pids() {
        cat "$(job_cgroup "$1")/cgroup.procs"
}

# Whether a process is in a job of alice.
in_job() {
        grep -q '^0::.*/cgmove@1000\.service/job-[0-9]*$' "/proc/$1/cgroup"
}

# The command of a job that runs until job_finish, says "finished" and ends with 7.
waiting_command() {
        printf 'until test -e $HOME/finish-%s; do sleep 0.1; done; echo finished; exit 7' "$1"
}

# job_begin NAME: such a job, begun by a command of the gateway.
job_begin() {
        gateway_call_strict "cgmove run --name $1 -- sh -c '$(waiting_command "$1")'"
        job_watch "$1"
}

# Notes the processes of the job, to compare with later.
job_watch() {
        wait_for job_is_waiting "$1"
        job_pids "$1" >"$TEST_DIR/pids-$1"
        job_shell "$1" >"$TEST_DIR/shell-$1"
}

job_is_waiting() {
        pgrep -u alice -x sleep >/dev/null && [[ -n $(job_shell "$1") ]]
}

# The shell that runs waiting_command.
job_shell() {
        local pid
        for pid in $(pgrep -u alice -x sh); do
                if in_job "$pid" && grep -q "finish-$1;" < <(tr '\0' ' ' <"/proc/$pid/cmdline"); then
                        printf '%s\n' "$pid"
                        return
                fi
        done
}

# The same process that was there at the beginning is still in its job.
job_check_alive() {
        local pid
        pid=$(cat "$TEST_DIR/shell-$1")
        kill -0 "$pid" 2>/dev/null || fail "the job $1 has not survived"
        in_job "$pid" || fail "the job $1 is not in its pool: $(cat "/proc/$pid/cgroup")"
}

job_finish() {
        as alice touch "/home/alice/finish-$1"
}

# It ends with its own status, and its owner learns of it.
job_check_end() {
        local id
        job_finish "$1"
        id=$(job_id "$1")
        check_status 7 timeout 60 "$here/as" alice cgmove wait "$id"
        check_equal "$(job_field "$1" exit_code)" 7 "exit code of $1"
        check_contains "$(job_log "$1")" finished "log of $1"
}

# All jobs and pools end; their results go.
jobs_reset() {
        rm -f /home/alice/finish-* /home/bob/finish-* /home/carol/finish-*
        if [[ -d $POOLS ]] && grep -q 'populated 1' "$POOLS/cgroup.events"; then
                systemctl stop 'cgmove@*.service'
        fi
        systemctl reset-failed 2>/dev/null || true
}

# results_forget USER: as if he had never had a job.
results_forget() {
        systemctl stop cgmoved.service
        rm -rf "/var/lib/cgmove/$(id -u "$1")"
        systemctl start cgmoved.socket cgmoved.service
}
