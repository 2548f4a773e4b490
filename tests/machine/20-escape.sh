# SPDX-License-Identifier: LGPL-2.1-or-later
# The model case: a command inside the gateway restarts the gateway by way of cgmove, and lives to tell.

MARKER=/home/alice/marker
SLOW_POOL=/run/systemd/system/cgmove@.service.d

set_up() {
        rm -f "$MARKER"
}

tear_down() {
        [[ ! -e $SLOW_POOL/slow.conf ]] || { rm -r "$SLOW_POOL" && systemctl daemon-reload; }
}

# escape KILLMODE CALL: the answer must be there before the restart, and everything after it must have happened.
escape() {
        local old answer
        gateway_start "$1"
        old=$(gateway_pid)
        answer=$("$2" "cgmove run --name escape -- sh -c 'systemctl --user restart $GATEWAY; echo outcome; echo done >$MARKER'") ||
                fail "no answer: $answer"
        # by the gateway of before: so it came before the restart
        check_equal "$(gateway_answered_by)" "$old" "process that has answered"
        check_match "$answer" '[0-9]+' "what run says"
        wait_for gateway_is_new "$old"
        wait_for test -s "$MARKER"
        check_equal "$(cat "$MARKER")" "done" marker
        check_outcome
}

# Another process of the user asks how it went.
check_outcome() {
        check_status 0 as alice cgmove wait "$(job_id escape)"
        check_equal "$(job_field escape result)" "done" result
        check_contains "$(job_log escape)" outcome log
}

test_process_stdio() {
        escape process gateway_call
}

test_process_descriptors() {
        escape process gateway_call_strict
}

test_control_group_stdio() {
        escape control-group gateway_call
}

test_control_group_descriptors() {
        escape control-group gateway_call_strict
}

test_mixed_stdio() {
        escape mixed gateway_call
}

test_mixed_descriptors() {
        escape mixed gateway_call_strict
}

# A gateway that waits for its running commands before it stops is not kept from stopping.
test_no_drain_deadlock() {
        local old
        gateway_start mixed --drain TimeoutStopSec=90
        old=$(gateway_pid)
        gateway_call_strict "cgmove run --name drain -- sh -c 'systemctl --user restart $GATEWAY; echo done >$MARKER'"
        wait_for gateway_is_new "$old" # sooner than it would be killed
        wait_for test -e "$MARKER"
}

# `exec` keeps what the caller waits for: the answer comes from the command itself.
test_exec_answers_with_the_command() {
        local answer
        gateway_start control-group
        answer=$(gateway_call_strict 'cgmove exec -- sh -c "echo from inside; grep 0:: /proc/self/cgroup"')
        check_contains "$answer" "from inside"
        check_match "$answer" 'cgmove@1000\.service/job-[0-9]+'
}

test_run_leaves_nothing_of_the_gateway() {
        gateway_start control-group
        gateway_call_strict "cgmove run --name clean --wait -- sh -c 'ls -l /proc/self/fd; env; grep -E ^Sig /proc/self/status; ps -o sid=,pid= -p \$\$'" >/dev/null
        local log
        log=$(job_log clean)
        check_lacks "$log" OPENCLAW_SERVICE_MARKER
        check_lacks "$log" NOTIFY_SOCKET
        check_lacks "$log" "INVOCATION_ID="
        check_match "$log" 'SigBlk:[[:space:]]+0000000000000000'
        check_match "$log" 'SigIgn:[[:space:]]+0000000000000000'
        check_contains "$log" "0 -> /dev/null"
        check_contains "$log" "XDG_RUNTIME_DIR=/run/user/1000"
}

test_delay_waits() {
        local begun=${EPOCHREALTIME/./}
        gateway_start mixed
        gateway_call_strict "cgmove run --name delayed --delay 2 -- touch $MARKER"
        wait_for test -e "$MARKER"
        [[ $(date -r "$MARKER" +%s%6N) -ge $((begun + 1990000)) ]] || fail "it has not waited"
}

# What is ignored stays so over an execution, and agents often do not want to know how their children end.
IGNORE_CHILDREN='import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execvp(sys.argv[1], sys.argv[1:])'

ignored_signals() {
        sed -n 's/^SigIgn:[[:space:]]*//p' <<<"$1"
}

test_caller_that_ignores_its_children() {
        local answer how
        answer=$(in_session alice python3 -c "$IGNORE_CHILDREN" cgmove run --json -- grep SigIgn /proc/self/status) ||
                fail "run: $answer"
        check_status 0 as alice cgmove wait "$(jq .job.id <<<"$answer")"
        check_equal "$(ignored_signals "$(as alice cgmove logs "$(jq .job.id <<<"$answer")")")" 0000000000000000 "what a job ignores"

        # exec is the command itself, which gets what its caller has set (SIGCHLD is the 17th)
        for how in "exec --" "exec --name deaf --"; do
                # shellcheck disable=SC2086
                answer=$(in_session alice python3 -c "$IGNORE_CHILDREN" cgmove $how grep SigIgn /proc/self/status)
                check_equal "$((0x$(ignored_signals "$answer") >> 16 & 1))" 1 "what the command of $how ignores"
        done
}

test_restart_by_one_that_ignores_its_children() {
        local old answer
        policy_restart
        gateway_start mixed
        old=$(gateway_pid)
        answer=$(in_session alice python3 -c "$IGNORE_CHILDREN" cgmove restart --json "$GATEWAY") || fail "restart: $answer"
        check_status 0 as alice cgmove wait "$(jq .job.id <<<"$answer")"
        wait_for gateway_is_new "$old"
}

test_rule_by_one_that_ignores_its_children() {
        local answer
        policy_only </dev/null
        answer=$(python3 -c "$IGNORE_CHILDREN" cgmove policy allow alice --from session --json) || fail "policy allow: $answer"
        check_equal "$(jq .allow.reloaded <<<"$answer")" true reloaded
}

# More than the daemon has in hand for one user, while his pool is being started: those that find it busy ask again.
test_exec_of_many_at_once() {
        mkdir -p "$SLOW_POOL"
        printf '[Service]\nExecStartPre=sleep 1\n' >"$SLOW_POOL/slow.conf"
        systemctl daemon-reload
        # shellcheck disable=SC2016
        check_status 0 in_unit alice bash -c 'for i in {1..48}; do cgmove exec -- true & pids+=($!); done
                for pid in "${pids[@]}"; do wait "$pid" || exit; done'
}
