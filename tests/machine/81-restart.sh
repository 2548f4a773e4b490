# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 900
# The safe restart: a command inside the gateway restarts the gateway, all goes well, and the outcome says so.

MARKERS=/home/alice/markers

set_up() {
        policy_restart
        rm -f "$MARKERS" /home/alice/starts /home/alice/port
}

tear_down() {
        daemon_continue
        thief_stop
}

# --- again and again -------------------------------------------------------------------------------------------------

restart_once() {
        local old
        old=$(gateway_pid)
        restart_inside_then "sleep 0.2; echo $1 >>$MARKERS"
        check_restarted "$old"
        check_equal "$(gateway_property NRestarts)" 0 NRestarts
}

# None of their commands is lost. What the downtime may be, tests/bench measures.
many_in_a_row() {
        local i times
        times=$(often 20)
        gateway_start "$1"
        for ((i = 1; i <= times; i++)); do
                restart_once "$i"
        done
        check_equal "$(paste -s -d ' ' "$MARKERS")" "$(seq -s ' ' "$times")" "commands that ran to their end"
}

test_many_in_a_row_under_process() {
        many_in_a_row process
}

test_many_in_a_row_under_control_group() {
        many_in_a_row control-group
}

test_many_in_a_row_under_mixed() {
        many_in_a_row mixed
}

# --- a gateway that waits for its commands ------------------------------------------------------------------------------

# The restart waits until the command that asked for it has ended, and the gateway has no reason to wait.
test_draining_is_no_deadlock() {
        local old
        gateway_start mixed --drain
        old=$(gateway_pid)
        restart_inside_then "sleep 8; echo done >>$MARKERS"
        check_restarted "$old"
        check_equal "$(cat "$MARKERS")" "done" marker
        # it would be down as long as the command goes on
        [[ $(outcome .downtime_usec) -lt 6000000 ]] || fail "the gateway had to wait: $OUTCOME"
}

# Another command of the gateway keeps it from ending: the restart waits for that one, and both get their answer.
test_draining_for_another_command() {
        local old
        gateway_start mixed --drain
        old=$(gateway_pid)
        gateway_call "echo begun >>$MARKERS; sleep 15; echo other" >"$TEST_DIR/other" &
        wait_for test -s "$MARKERS"
        restart_inside
        wait_for gateway_has SubState stop-sigterm
        check_restarted "$old"
        wait
        check_equal "$(cat "$TEST_DIR/other")" other
        check_equal "$(gateway_property NRestarts)" 0 NRestarts
}

# A command that waits for the outcome would be waited for by the restart: it is taken out of the unit first, lives, and is told.
test_a_command_that_waits_for_the_outcome() {
        local old
        gateway_start control-group
        old=$(gateway_pid)
        gateway_call "cgmove restart --wait --json $GATEWAY >/home/alice/port; echo \$? >>$MARKERS" || true
        wait_for test -s "$MARKERS"
        check_equal "$(cat "$MARKERS")" 0 "exit status of the command"
        restart_take "$(cat /home/alice/port)"
        check_restarted "$old"
}

# The command goes on and on. At the bound it is taken out of the unit and lives on, and the restart goes its way.
test_a_command_that_does_not_end() {
        local old pid
        gateway_start control-group
        old=$(gateway_pid)
        gateway_call "cgmove restart --json --patience 5 $GATEWAY >/home/alice/port; echo \$\$ >>$MARKERS; while :; do sleep 1; done" &
        wait_for test -s "$MARKERS"
        pid=$(cat "$MARKERS")
        restart_take "$(cat /home/alice/port)"
        wait_for gateway_is_new "$old"
        kill -0 "$pid" || fail "the command was killed"
        in_job "$pid" || fail "the command is in $(cat "/proc/$pid/cgroup")"
        check_restarted "$old"
        kill "$pid"
}

# policy_jobs N: so many she may have, the restart itself being one.
policy_jobs() {
        policy_only <<-POLICY
	policy "$TEST_NAME" {
	        users    = {"alice"}
	        from     = {"user:*"}
	        max-jobs = $1
	        rate     = "100000/min"
	}
	POLICY
}

# A command that cannot be taken out is not killed: nothing is stopped, and it is told why.
test_a_command_that_waits_and_cannot_be_moved() {
        local old
        policy_jobs 1
        gateway_start control-group
        old=$(gateway_pid)
        gateway_call "cgmove restart --wait --json $GATEWAY >/home/alice/port; echo \$? >>$MARKERS" || true
        wait_for test -s "$MARKERS"
        check_equal "$(cat "$MARKERS")" 1 "exit status of the command"
        restart_take "$(cat /home/alice/port)"
        check_outcome failed refused
        check_match "$(outcome .text)" "could not be moved out of $GATEWAY, so nothing was stopped: .*max-jobs"
        check_equal "$(gateway_pid)" "$old" "main process"
        gateway_answers || fail "it does not answer"
}

# A limit that is reached now may not be so in a few seconds.
test_a_command_that_can_be_moved_a_little_later() {
        local old
        policy_jobs 2
        gateway_start control-group
        old=$(gateway_pid)
        gateway_call "cgmove run -- sleep 2; cgmove restart --wait --json $GATEWAY >/home/alice/port; echo \$? >>$MARKERS" || true
        wait_for test -s "$MARKERS"
        check_equal "$(cat "$MARKERS")" 0 "exit status of the command"
        restart_take "$(cat /home/alice/port)"
        check_restarted "$old"
}

test_a_command_that_does_not_end_and_cannot_be_moved() {
        local old pid
        policy_jobs 1
        gateway_start control-group
        old=$(gateway_pid)
        gateway_call "cgmove restart --json --patience 1 $GATEWAY >/home/alice/port; echo \$\$ >>$MARKERS; while :; do sleep 1; done" &
        wait_for test -s "$MARKERS"
        pid=$(cat "$MARKERS")
        restart_take "$(cat /home/alice/port)"
        check_outcome failed refused
        check_contains "$(outcome .text)" "nothing was stopped"
        kill -0 "$pid" || fail "the command was killed"
        check_equal "$(gateway_pid)" "$old" "main process"
        kill "$pid"
}

# Who joins a restart, waits for it inside of the unit, and cannot get out, is told so instead of being killed while he waits.
test_who_joins_and_cannot_be_moved() {
        local old
        policy_jobs 1
        gateway_start control-group
        old=$(gateway_pid)
        restart_inside --delay 20
        gateway_call "cgmove restart --wait --json $GATEWAY >/home/alice/port 2>/dev/null; echo \$? >>$MARKERS" || true
        wait_for test -s "$MARKERS"
        check_equal "$(cat "$MARKERS")" 75 "exit status of the command"
        check_equal "$(jq -r .error.code </home/alice/port)" LimitReached "code of the failure"
        check_restarted "$old"
}

# What is waited for is what the caller has named, and not the whole command of the gateway.
test_after_a_process_of_the_command() {
        local old
        gateway_start control-group
        old=$(gateway_pid)
        gateway_call "sh -c 'cgmove restart --json --after \$\$ $GATEWAY >port; sleep 1; echo inner >>$MARKERS'; sleep 600" || true
        check_equal "$(cat "$MARKERS")" inner marker
        restart_take "$(cat /home/alice/port)"
        check_restarted "$old"
        gateway_call "cgmove restart --after \$PPID --dry-run --json $GATEWAY; echo \$PPID" >"$TEST_DIR/dry-run"
        check_equal "$(head -n 1 "$TEST_DIR/dry-run" | jq .dry_run.waits_for_pid)" "$(tail -n 1 "$TEST_DIR/dry-run")"
        check_status 2 gateway_call "cgmove restart --after 1 $GATEWAY 2>&1"
        check_contains "$OUTPUT" "Process 1 is none of those"
        check_status 2 in_session alice sh -c "cgmove restart --after \$PPID $GATEWAY"
        check_status 2 in_session alice cgmove restart --after x "$GATEWAY"
}

# --- a daemon that hangs ------------------------------------------------------------------------------------------------

daemon_continue() {
        systemctl kill --signal=CONT cgmoved.service || true
}

# Who asks it gives up after a while; the restart does not wait for even so long, and the outcome is told when it answers again.
test_daemon_that_hangs() {
        local old
        gateway_start mixed
        old=$(gateway_pid)
        restart_inside --delay 2
        systemctl kill --signal=STOP cgmoved.service
        {
                as alice cgmove list || true
                as alice cgmove list || true
                touch "$TEST_DIR/given-up"
        } >/dev/null 2>&1 &
        wait_for_within 120 gateway_is_new "$old"
        check_no_file "$TEST_DIR/given-up"
        daemon_continue
        check_restarted "$old"
        wait
}

# --- several at once ----------------------------------------------------------------------------------------------------

check_one_restart() {
        check_equal "$(sort -u "$1" | wc -l)" 1 "number of jobs ($(sort "$1" | uniq -c))"
        JOB=$(head -n 1 "$1")
        check_restarted "$2"
        check_equal "$(gateway_starts)" 2 "starts of the gateway"
}

restarts_running() {
        list_of alice '.jobs[] | select(.kind == "restart" and .state == "running") | .id'
}

restart_runs() {
        [[ -n $(restarts_running) ]]
}

test_two_at_once_are_one_restart() {
        local old first
        gateway_start mixed "" "$COUNT_STARTS"
        old=$(gateway_pid)
        restart_inside --delay 6 &
        wait_for restart_runs
        first=$(restarts_running)
        restart_outside
        wait
        printf '%s\n' "$first" "$JOB" >"$TEST_DIR/jobs"
        check_one_restart "$TEST_DIR/jobs" "$old"
}

fifty_at_once() {
        printf 'for i in $(seq 50); do cgmove restart --json %s >~/answer-$i 2>%s & done; wait; ' "$GATEWAY" "$RESTART_ERRORS"
        printf 'cat ~/answer-*; rm ~/answer-*'
}

test_fifty_at_once_are_one_restart() {
        local old answer
        gateway_start mixed "" "$COUNT_STARTS"
        old=$(gateway_pid)
        answer=$(gateway_call_strict "$(fifty_at_once)") || fail "no answer: $answer"
        jq -r .job.id <<<"$answer" >"$TEST_DIR/jobs" || fail "no JSON: $answer"
        check_equal "$(wc -l <"$TEST_DIR/jobs")" 50 "number of answers"
        check_one_restart "$TEST_DIR/jobs" "$old"
}

# Who joins and waits gets the outcome of the one who came first.
test_who_joins_gets_the_outcome() {
        local old first i
        gateway_start mixed "" "$COUNT_STARTS"
        old=$(gateway_pid)
        restart_inside --delay 8
        first=$JOB
        for i in 1 2 3; do
                restart_outside --wait >"$TEST_DIR/outside-$i" 2>&1 &
        done
        check_status 0 in_session alice cgmove restart --wait --json "$GATEWAY"
        restart_take "$OUTPUT"
        check_equal "$JOB" "$first" job
        check_equal "$(jq -r .job.outcome.state <<<"$OUTPUT")" "done" "outcome for who joined"
        wait
        check_restarted "$old"
        check_equal "$(gateway_starts)" 2 "starts of the gateway"
}

test_after_the_end_the_next_one_is_another() {
        local old first
        gateway_start mixed "" "$COUNT_STARTS"
        restart_inside
        check_outcome "done" restarted
        first=$JOB
        old=$(gateway_pid)
        restart_inside
        [[ $JOB -ne $first ]] || fail "it is the same job"
        check_restarted "$old"
        check_equal "$(gateway_starts)" 3 "starts of the gateway"
}

# --- what it listens on -------------------------------------------------------------------------------------------------

test_several_ports() {
        local old port
        gateway_start mixed "--ports 18789,18790,18791"
        old=$(gateway_pid)
        restart_inside
        check_restarted "$old"
        check_equal "$(outcome '.ports | sort | join(" ")')" "18789 18790 18791" ports
        for port in 18789 18790 18791; do
                gateway_answers --port "$port" || fail "it does not answer on $port"
        done
}

test_ipv6_only() {
        local old
        GATEWAY_ADDRESS=(--ipv6-only)
        gateway_start mixed --ipv6-only
        old=$(gateway_pid)
        restart_inside
        check_restarted "$old"
        check_equal "$(outcome '.ports | join(" ")')" 18789 ports
}

# The same number at the other protocol's address is somebody else's right.
test_ipv6_only_beside_somebody_on_ipv4() {
        local old
        GATEWAY_ADDRESS=(--ipv6-only)
        thief_start
        wait_for thief_has_the_port
        gateway_start mixed --ipv6-only
        old=$(gateway_pid)
        restart_inside
        check_restarted "$old"
        check_equal "$(outcome '.holders | length')" 0 holders
        thief_has_the_port || fail "who listens: $(port_listeners 18789)"
        thief_stop
}

test_port_chosen_at_start() {
        local old before
        gateway_start mixed "--any-port /home/alice/port"
        before=$(cat /home/alice/port)
        GATEWAY_ADDRESS=(--port "$before")
        old=$(gateway_pid)
        restart_inside
        restart_end
        GATEWAY_ADDRESS=(--port "$(cat /home/alice/port)")
        [[ $(cat /home/alice/port) != "$before" ]] || fail "it is the same port"
        check_restarted "$old"
}

# A server takes its time until it listens; so long the restart is not said to be done.
test_slow_start() {
        local old
        gateway_start mixed "--start-delay 4" Type=simple
        wait_for gateway_answers
        old=$(gateway_pid)
        restart_inside
        check_restarted "$old"
        [[ $(outcome .downtime_usec) -ge 3500000 ]] || fail "downtime: $OUTCOME"
        check_equal "$(outcome '.ports | join(" ")')" 18789 ports
}

test_service_without_any_port() {
        local old
        gateway_start mixed
        gateway_write mixed "" "ExecStart=" "ExecStart=/bin/sleep 100000" Type=simple
        user_systemctl alice daemon-reload
        user_systemctl alice restart "$GATEWAY"
        old=$(gateway_pid)
        restart_outside
        check_outcome "done" restarted
        [[ $(gateway_pid) -ne $old ]] || fail "it is still the same process"
        check_equal "$(outcome '.ports | length')" 0 ports
}
