# SPDX-License-Identifier: LGPL-2.1-or-later
# A job outlives everything that could end it, but the administrator's word.

set_up() {
        gateway_start mixed
        job_begin lasting
}

# The job is still the same, it ends as it should, and its result can be read.
check_survived() {
        job_check_alive lasting
        user_manager_start alice
        job_check_end lasting
}

test_stop_of_the_gateway() {
        user_systemctl alice stop "$GATEWAY"
        check_survived
}

test_terminate_user() {
        loginctl terminate-user alice
        sleep 1
        check_survived
}

test_end_of_the_user_manager() {
        user_manager_stop alice
        check_survived
}

test_end_of_the_user_slice() {
        systemctl stop user-1000.slice
        check_survived
}

# The last logout of somebody who does not linger ends the manager by itself. (Where logind kills processes, see 61-logout.sh.)
test_end_of_lingering() {
        # as a unit: newer logind refuses what comes from outside of all cgroups of the machine
        systemd-run --quiet --wait loginctl disable-linger alice
        in_session alice true
        wait_for not loginctl show-user alice
        job_check_alive lasting
        systemd-run --quiet --wait loginctl enable-linger alice
        check_survived
}

test_kill_of_the_daemon() {
        local old
        old=$(daemon_pid)
        systemctl kill --signal=KILL cgmoved.service
        wait_for daemon_is_new "$old"
        check_equal "$(job_field lasting state)" running
        check_survived
}

test_end_while_the_daemon_is_killed_again_and_again() {
        local i old
        for i in 1 2 3; do
                old=$(daemon_pid)
                systemctl kill --signal=KILL cgmoved.service
                [[ $i -ne 2 ]] || job_finish lasting
                wait_for daemon_is_new "$old"
                systemctl reset-failed cgmoved.service
        done
        job_check_end lasting
}

# Nobody is there to be told of the status: it must not be lost.
test_end_while_the_daemon_is_stopped() {
        systemctl stop cgmoved.socket cgmoved.service
        job_check_alive lasting
        job_finish lasting
        wait_for not kill -0 "$(cat "$TEST_DIR/shell-lasting")"
        sleep 1
        systemctl start cgmoved.socket cgmoved.service
        job_check_end lasting
}

test_restart_of_the_daemon() {
        systemctl restart cgmoved.service
        check_survived
}

test_daemon_reload() {
        systemctl daemon-reload
        check_survived
}

test_daemon_reexec() {
        systemctl daemon-reexec
        check_survived
}

test_isolate() {
        systemctl isolate multi-user.target
        check_survived
}

test_package_again() {
        apt-get install --yes --reinstall /opt/cgmove.deb
        check_survived
}

no_job_is_running() {
        [[ $(list_of alice '[.jobs[] | select(.state == "running")] | length') -eq 0 ]]
}

# As shipped, 30 s are waited for a job that ignores SIGTERM.
pool_stops_soon() {
        local dir=/run/systemd/system/cgmove@1000.service.d
        mkdir -p "$dir"
        printf '[Service]\nTimeoutStopSec=2\n' >"$dir/test.conf"
        systemctl daemon-reload
        rm -r "$dir"
}

# pool_said SINCE KIND WORDS
pool_said() {
        [[ $(journalctl --quiet --no-pager --output=cat --since "@$1" -t cgmoved "CGMOVE_EVENT=pool-$2" CGMOVE_UID=1000) == *"$3"* ]]
}

test_stop_of_the_pool_ends_all_jobs() {
        local since
        since=$(date +%s)
        pool_stops_soon
        gateway_call_strict "cgmove run --name second -- sleep 1000"
        gateway_call_strict "cgmove run --name third -- sh -c 'trap : TERM HUP; while :; do sleep 1; done'"
        systemctl stop cgmove@1000.service
        wait_for not kill -0 "$(cat "$TEST_DIR/shell-lasting")"
        wait_for no_job_is_running
        check_equal "$(job_field lasting result)" pool-stopped
        check_equal "$(job_field third result)" pool-stopped
        # and the next one gets a new pool
        gateway_call_strict "cgmove run --name fourth -- sh -c '$(waiting_command fourth)'"
        job_watch fourth
        job_check_end fourth
        wait_for pool_said "$since" stopped "somebody else"
        wait_for pool_said "$since" started cgmove@1000.service
}

# Whenever the stop comes, no job is forgotten, and none goes on.
test_stop_of_the_pool_at_any_moment() {
        local i
        for i in 0 0 0.01 0.02 0.05 0.1 0.2 0.3; do
                gateway_call_strict "cgmove run --name short -- sleep 1000; cgmove run --name long -- sleep 1000"
                sleep "$i"
                systemctl stop cgmove@1000.service
        done
        wait_for no_job_is_running
        check_equal "$(list_of alice '[.jobs[] | select(.name == "short" or .name == "long") | select(.state == "ended")] | length')" 16
}

# Not every container may lower it.
lowest_oom_score() {
        systemd-run --quiet --wait --pipe -p OOMScoreAdjust=-1000 cat /proc/self/oom_score_adj
}

# The keeper needs nothing and has nothing.
test_the_keeper_has_no_capability() {
        local pid
        pid=$(cat "$POOL/keeper/cgroup.procs")
        check_match "$(cat "/proc/$pid/status")" 'CapEff:[[:space:]]+0000000000000000'
        check_match "$(cat "/proc/$pid/status")" 'CapBnd:[[:space:]]+0000000000000000'
        check_equal "$(cat "/proc/$pid/oom_score_adj")" "$(lowest_oom_score)"
}
