# SPDX-License-Identifier: LGPL-2.1-or-later
# What is refused: exit status 77, one sentence that says why, and nothing has moved.

cgroup_of() {
        sed -n 's/^0:://p' "/proc/$1/cgroup"
}

# check_refused PID TEXT: as alice.
check_refused() {
        local before
        before=$(cgroup_of "$1")
        check_status 77 as alice cgmove move "$1"
        check_match "$OUTPUT" "$2" "refusal"
        check_equal "$(cgroup_of "$1")" "$before" "cgroup of $1"
        check_equal "$(list_of alice '.jobs | length')" "$JOBS_BEFORE" "number of jobs"
}

set_up() {
        JOBS_BEFORE=$(list_of alice '.jobs | length')
}

test_user_without_policy() {
        user_manager_start bob
        check_status 77 in_session bob cgmove run -- true
        check_match "$OUTPUT" 'cgmove policy allow (bob|1001) --from session'
        check_status 125 in_session bob cgmove exec -- true
        check_contains "$OUTPUT" 'cgmove policy allow'
        check_status 125 in_session bob cgmove run --wait -- true
}

test_exec_falls_back_only_when_told() {
        check_status 0 in_session bob cgmove exec --fallback -- echo in place
        check_contains "$OUTPUT" "in place"
        check_contains "$OUTPUT" "cgmove"
}

test_shipped_policy_refuses_everybody() {
        touch /run/policy-touched
        rm -rf "${POLICY_DIR:?}"/*
        policy_reload
        check_status 77 in_session alice cgmove run -- true
        check_match "$OUTPUT" 'cgmove policy allow (alice|1000) --from session'
        check_status 77 as alice cgmove policy explain --from user:openclaw-gateway.service
}

test_process_of_another_user() {
        as bob systemd-run --user --quiet --unit=bobs sleep 4777
        wait_for pgrep -u bob -f 'sleep 4777$'
        check_refused "$(pgrep -u bob -f 'sleep 4777$')" '[Nn]ot yours|another user|belongs to'
        user_systemctl bob stop bobs.service
}

test_own_user_manager() {
        check_refused "$(systemctl show --value -p MainPID user@1000.service)" .
}

test_sd_pam() {
        check_refused "$(pgrep -u root -f '^\(sd-pam\)' -P "$(systemctl show --value -p MainPID user@1000.service)" || pgrep -f '^\(sd-pam\)' | head -n 1)" .
}

test_main_process_of_a_user_unit() {
        gateway_start mixed
        check_refused "$(gateway_pid)" 'main process|cgmove run'
}

test_main_process_of_a_system_unit() {
        systemd-run --quiet --unit=alices --uid=alice -p Type=exec sleep 4778
        check_refused "$(systemctl show --value -p MainPID alices.service)" 'main process|cgmove run'
        systemctl stop alices.service
}

test_pid_1() {
        check_refused 1 .
}

test_kernel_thread() {
        # a container has none of its own; where there is one, it is no process of alice
        local pid
        pid=$(pgrep -x kthreadd) || return 0
        check_refused "$pid" .
}

test_the_daemon() {
        check_refused "$(daemon_pid)" .
}

test_the_keeper() {
        gateway_start mixed
        job_begin lasting
        JOBS_BEFORE=$(list_of alice '.jobs | length')
        check_refused "$(cat "$POOL/keeper/cgroup.procs")" .
}

# root is not held to a policy, but to what would break a manager or the daemon
test_root_is_refused_managers_too() {
        check_status 77 cgmove move 1
        check_status 77 cgmove move "$(systemctl show --value -p MainPID user@1000.service)"
        check_status 77 cgmove move "$(daemon_pid)"
}

test_no_such_process() {
        check_status 1 as alice cgmove move 4194300
        check_contains "$OUTPUT" 4194300
}

tear_down() {
        [[ -d $SLOW_POOL ]] || return 0
        touch /run/pool-may-start
        systemctl stop going.service 2>/dev/null || true
        rm -rf "$SLOW_POOL"
        systemctl daemon-reload
}
SLOW_POOL=/run/systemd/system/cgmove@.service.d

members() {
        grep -v -x "$(systemctl show --value -p MainPID "$1")" "/sys/fs/cgroup/system.slice/$1/cgroup.procs"
}

# A pool takes its time to start, and meanwhile the process may end, and its unit with it.
test_ended_while_the_pool_started() {
        local how pid status
        policy_only <<-'POLICY'
	policy "going" {
	        users = {"alice"}
	        from = {"system:going.service"}
	}
	POLICY
        mkdir -p "$SLOW_POOL"
        printf '[Service]\nExecStartPre=+/bin/sh -c "while [ ! -e /run/pool-may-start ]; do sleep 0.1; done"\n' \
                >"$SLOW_POOL/slow.conf"
        systemctl daemon-reload
        for how in process unit; do
                systemctl stop cgmove@1000.service
                rm -f /run/pool-may-start
                systemd-run --quiet --collect --unit=going.service --uid=alice sh -c 'sleep 1000 & sleep 2000'
                wait_for members going.service
                pid=$(members going.service | head -n 1)
                as alice cgmove move "$pid" >"$TEST_DIR/said" 2>&1 &
                wait_for sh -c '[ "$(systemctl is-active cgmove@1000.service)" = activating ]'
                if [[ $how == process ]]; then
                        kill -KILL "$pid"
                        wait_for not kill -0 "$pid"
                else
                        systemctl stop going.service
                        wait_for test ! -e /sys/fs/cgroup/system.slice/going.service
                fi
                touch /run/pool-may-start
                status=0
                wait $! || status=$?
                check_equal "$status" 1 "status, when the $how ended"
                check_contains "$(<"$TEST_DIR/said")" "ended before it could be moved" "what is said when the $how ended"
                systemctl stop going.service 2>/dev/null || true
        done
}

test_bad_arguments_are_usage_errors() {
        check_status 2 as alice cgmove move 0
        check_status 2 as alice cgmove move -- -1
        check_status 2 as alice cgmove move 99999999999
        check_status 2 as alice cgmove move x
        check_status 2 as alice cgmove nonsense
        check_status 2 as alice cgmove run
        check_status 2 in_session alice cgmove run --name 'a/b' -- true
        check_status 2 in_session alice cgmove run --name ../x -- true
}

test_jobs_of_others_are_not_there() {
        results_forget bob
        gateway_start mixed
        job_begin private
        local id
        id=$(job_id private)
        check_equal "$(list_of bob '.jobs | length')" 0
        local verb
        for verb in status logs wait stop kill; do
                check_status 1 as bob cgmove "$verb" "$id"
        done
        job_check_alive private
}

test_daemon_not_reachable() {
        systemctl stop cgmoved.socket cgmoved.service
        check_status 69 in_session alice cgmove run -- true
        check_status 125 in_session alice cgmove exec -- true
        check_status 0 in_session alice cgmove exec --fallback -- true
        check_status 69 as alice cgmove list
        systemctl start cgmoved.socket cgmoved.service
}
