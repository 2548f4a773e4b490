# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 900
# A restart is killed at a random moment, 200 times in all with `./check --all`: the gateway is up at the end of each.
#
# Ways to kill: group (all of the job at once), engine (SIGKILL of the process that restarts), pool (`systemctl stop` of all jobs
# of alice), daemon (SIGKILL of cgmoved). What is still to be done then is up to the manager, and to what cgmove has left there.

set_up() {
        policy_restart
        # stopping a pool again and again is no failure
        mkdir -p /run/systemd/system/cgmoved.service.d
        printf '[Unit]\nStartLimitIntervalSec=0\n' >/run/systemd/system/cgmoved.service.d/test.conf
        systemctl daemon-reload
}

engine_pid() {
        pgrep -u alice -f restart-job
}

kill_group() {
        echo 1 >"$POOL/job-$JOB/cgroup.kill" || true
}

kill_engine() {
        local pid
        pid=$(engine_pid) && kill -KILL $pid || true
}

kill_pool() {
        systemctl stop cgmove@1000.service
}

kill_daemon() {
        systemctl kill --signal=KILL cgmoved.service || true
}

# A moment within the first MILLISECONDS, all of them alike.
random_moment() {
        local milliseconds=$((RANDOM * $1 / 32768))
        printf '%d.%03d' $((milliseconds / 1000)) $((milliseconds % 1000))
}

# kill_at_random ROUNDS HOW MILLISECONDS: a restart, killed within so long after the answer.
kill_at_random() {
        local round moment
        for ((round = 1; round <= $1; round++)); do
                wait_for daemon_is_up
                gateway_answers || fail "round $round: it does not answer before"
                moment=$(random_moment "$3")
                echo "round $round: $2 after $moment s"
                restart_inside
                sleep "$moment"
                "kill_$2"
                wait_for restart_has_settled
        done
        echo "$(gateway_property InvocationID)"
}

# --- a restart in which nothing is to be healed ---------------------------------------------------------------------------

test_job_killed_at_random() {
        gateway_start control-group
        kill_at_random "$(often 40)" group 1500
}

test_engine_killed_at_random() {
        gateway_start mixed
        kill_at_random "$(often 40)" engine 1500
}

test_pool_stopped_at_random() {
        gateway_start mixed
        kill_at_random "$(often 20)" pool 1500
}

test_daemon_killed_at_random() {
        gateway_start process
        kill_at_random "$(often 20)" daemon 1500
}

# --- a left-over holds the port: who dies has not healed yet, or is at it ----------------------------------------------

# check_no_leftover: of all the instances before, none has left what holds the port.
test_job_killed_at_random_with_a_left_over() {
        leftover_start Restart=no
        kill_at_random "$(often 30)" group 3000
}

test_engine_killed_at_random_with_a_left_over() {
        leftover_start RestartSec=100ms StartLimitIntervalSec=10 StartLimitBurst=3
        kill_at_random "$(often 20)" engine 3000
}

test_pool_stopped_at_random_with_a_left_over() {
        leftover_start Restart=no
        kill_at_random "$(often 15)" pool 3000
}

test_daemon_killed_at_random_with_a_left_over() {
        leftover_start RestartSec=2
        kill_at_random "$(often 15)" daemon 3000
}

# --- what is left to the manager ---------------------------------------------------------------------------------------

# The guard alone brings the restart to its end when the engine is dead from the moment on at which the old instance ended.
test_the_guard_heals_what_the_dead_engine_cannot() {
        local old
        leftover_start Restart=no "ExecStopPost=/bin/sleep 1"
        old=$(gateway_pid)
        restart_inside
        wait_for gateway_state_is deactivating
        kill_group
        wait_for restart_has_settled
        [[ $(gateway_pid) -ne $old ]] || fail "it is still the same process"
}

test_nothing_stays_behind_in_the_manager() {
        gateway_start mixed
        restart_inside
        check_outcome "done" restarted
        wait_for not restart_helpers
        check_equal "$(user_systemctl alice list-units --all --plain --no-legend 'cgmove-restart-*')" "" "units of cgmove"
}
