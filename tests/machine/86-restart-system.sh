# SPDX-License-Identifier: LGPL-2.1-or-later
# A gateway that is a unit of the system manager and runs as alice: no user manager, no bus, no polkit; the daemon restarts it, for
# those whom the policy lets.

SYSTEM_GATEWAY=openclaw.service
SYSTEM_UNIT=/run/systemd/system/$SYSTEM_GATEWAY
SYSTEM_CGROUP=/sys/fs/cgroup/system.slice/$SYSTEM_GATEWAY

set_up() {
        system_gateway_remove
        thief_stop
        policy_system
        user_manager_stop alice
        rm -f /home/alice/{go,now,said,answer,after}
}

tear_down() {
        system_gateway_remove
}

policy_system() {
        policy_only <<-POLICY
	policy "$TEST_NAME" {
	        users    = {"alice", "bob"}
	        from     = {"system:*", "session"}
	        restart  = {"${1:-system:$SYSTEM_GATEWAY}"}
	        max-jobs = 500
	        rate     = "100000/min"
	}
	POLICY
}

# system_gateway_start KILLMODE [OPTIONS [LINE...]]: as gateway_start.
system_gateway_write() {
        local killmode=$1 options=${2:-}
        shift $(($# < 2 ? $# : 2))
        gateway_text "$killmode" "$options" User=alice "$@" >"$SYSTEM_UNIT"
}

system_gateway_start() {
        system_gateway_write "$@"
        systemctl daemon-reload
        systemctl start "$SYSTEM_GATEWAY"
}

system_gateway_remove() {
        [[ -e $SYSTEM_UNIT || -L $SYSTEM_UNIT ]] || return 0
        systemctl kill --signal=KILL "$SYSTEM_GATEWAY" 2>/dev/null || true
        systemctl stop "$SYSTEM_GATEWAY" || true
        [[ ! -e $SYSTEM_CGROUP ]] || echo 1 >"$SYSTEM_CGROUP/cgroup.kill" || true
        rm -f "$SYSTEM_UNIT"
        systemctl daemon-reload
        systemctl reset-failed "$SYSTEM_GATEWAY" 2>/dev/null || true
}

system_pid() {
        systemctl show --value -p MainPID "$SYSTEM_GATEWAY"
}

system_has() {
        [[ $(systemctl show --value -p "$1" "$SYSTEM_GATEWAY") == "$2" ]]
}

system_answers() {
        local pid
        pid=$(gateway_who) && [[ $pid -gt 0 && $pid == $(system_pid) ]] && system_has ActiveState active
}

# system_restart [OPTION...]: by a command of the gateway.
system_restart() {
        local old answer
        old=$(gateway_who)
        answer=$(gateway_call_strict "cgmove restart --system --json $(quoted "$@") $SYSTEM_GATEWAY 2>$RESTART_ERRORS; id -u") ||
                fail "no answer: $answer; errors: $(cat $RESTART_ERRORS)"
        check_equal "$(gateway_answered_by)" "$old" "process that has answered"
        check_equal "$(tail -n 1 <<<"$answer")" 1000 "user of the command"
        restart_take "$(sed '$d' <<<"$answer")"
}

check_system_outcome() {
        restart_end
        check_equal "$(outcome '.state + " " + .reason')" "$1 $2" "outcome ($OUTCOME)"
        check_equal "$(outcome .unit)" "$SYSTEM_GATEWAY" "unit of the outcome"
}

check_system_restarted() {
        check_system_outcome "done" restarted
        [[ $(system_pid) -ne $1 ]] || fail "it is still the same process"
        system_answers || fail "it does not answer"
        system_has NRestarts 0 || fail "NRestarts is $(systemctl show --value -p NRestarts "$SYSTEM_GATEWAY")"
}

check_system_untouched() {
        check_equal "$(system_pid)" "$1" "main process"
        system_answers || fail "it does not answer"
}

# --- without cgmove ------------------------------------------------------------------------------------------------------

test_without_cgmove_there_is_no_way() {
        local old
        system_gateway_start mixed
        old=$(system_pid)
        not gateway_call "systemctl --user restart $SYSTEM_GATEWAY" || fail "there is a user bus"
        not gateway_call "systemctl --no-ask-password restart $SYSTEM_GATEWAY" || fail "polkit lets her"
        check_system_untouched "$old"
}

# --- restarts ------------------------------------------------------------------------------------------------------------

restarts_system() {
        local old
        system_gateway_start "$1"
        old=$(system_pid)
        system_restart --then 'echo $CGMOVE_RESULT >$HOME/after'
        check_system_restarted "$old"
        check_equal "$(outcome '.ports | join(" ")')" 18789 ports
        check_equal "$(cat /home/alice/after)" "done"
}

test_under_process() {
        restarts_system process
}

test_under_control_group() {
        restarts_system control-group
}

test_under_mixed() {
        restarts_system mixed
}

test_draining_is_no_deadlock() {
        local old
        system_gateway_start mixed --drain
        old=$(system_pid)
        system_restart
        check_system_restarted "$old"
}

# Where its user has no home, or may not see it, there is no log, and nothing else is missing. What goes nowhere is told.
test_without_a_place_for_a_log() {
        local old
        system_gateway_start mixed "" Environment=HOME=/nonexistent
        old=$(system_pid)
        system_restart --then "echo \$CGMOVE_RESULT >/home/alice/after"
        check_contains "$(tr -s ' \n' ' ' <$RESTART_ERRORS)" "job $JOB has no log"
        check_system_restarted "$old"
        check_equal "$(cat /home/alice/after)" "done"
        check_status 1 as alice cgmove logs "$JOB"
        system_gateway_remove
        system_gateway_start mixed "" ProtectHome=yes
        old=$(system_pid)
        restart_take "$(gateway_call_strict "cgmove restart --system --json $SYSTEM_GATEWAY")"
        check_system_restarted "$old"
}

# --- healing -------------------------------------------------------------------------------------------------------------

system_leftover() {
        local old
        system_gateway_start process "--leave-child \"exec $LEFT_OVER\"" "$@"
        old=$(system_pid)
        system_restart
        check_system_outcome "done" restarted
        [[ $(system_pid) -ne $old ]] || fail "it is still the same process"
        system_answers || fail "it does not answer"
        check_equal "$(outcome '.ended | length')" 1 "number of what was ended ($OUTCOME)"
}

test_left_over_without_automatic_restart() {
        system_leftover Restart=no
}

test_left_over_with_automatic_restart() {
        system_leftover
}

test_left_over_and_start_limit_hit() {
        local restart
        system_gateway_start process "--leave-child \"exec $LEFT_OVER\"" "${STRICT_LIMIT[@]}"
        restart="cgmove restart --system --json $SYSTEM_GATEWAY >~/answer.new 2>$RESTART_ERRORS; mv ~/answer.new ~/answer"
        gateway_call "setsid -f sh -c 'until test -e ~/go; do sleep 0.1; done; $restart' >/dev/null 2>&1 </dev/null"
        systemctl restart "$SYSTEM_GATEWAY" || true
        wait_for system_has ActiveState failed
        as alice touch /home/alice/go
        wait_for test -e /home/alice/answer
        restart_take "$(cat /home/alice/answer)"
        check_system_outcome "done" restarted
        system_answers || fail "it does not answer"
}

# The daemon dies whenever it likes; if between a reset and a start, the next one completes it.
test_daemon_killed_at_random() {
        local round
        systemctl kill --signal=KILL cgmoved.service
        mkdir -p /run/systemd/system/cgmoved.service.d
        printf '[Unit]\nStartLimitIntervalSec=0\n' >/run/systemd/system/cgmoved.service.d/test.conf
        systemctl daemon-reload
        wait_for daemon_is_up
        system_gateway_start process "--leave-child \"exec $LEFT_OVER\"" Restart=no
        for ((round = $(often 20); round > 0; round--)); do
                wait_for daemon_is_up
                echo "round $round"
                system_restart
                sleep "$((RANDOM % 3)).$((RANDOM % 10))"
                systemctl kill --signal=KILL cgmoved.service || true
                wait_for system_settled
        done
}

system_settled() {
        not pgrep -u alice -f 'restart-(job|guard)' && system_answers
}

# No guard is spoken of, where it is the daemon that looks after the unit.
test_cut_off_says_who_looks_after_the_unit() {
        local old
        system_gateway_start mixed
        old=$(system_pid)
        system_restart --delay 60
        echo 1 >"$POOL/job-$JOB/cgroup.kill"
        restart_end
        OUTPUT=$(as alice cgmove status "$JOB" | tr -s ' \n' ' ')
        check_contains "$OUTPUT" "The restart was cut off"
        check_contains "$OUTPUT" "the daemon, see the journal of cgmoved"
        check_lacks "$OUTPUT" guard
        check_system_untouched "$old"
}

# Which of the processes above it is the main one, a command cannot tell where none of them listens: the daemon says it.
test_waits_inside_for_a_restart_that_is_under_way() {
        local old answer
        system_command_start "cgmove restart --system --wait --json $SYSTEM_GATEWAY"
        old=$(system_pid)
        restart_take "$(in_session alice cgmove restart --system --json --when 'test -e /home/alice/now' "$SYSTEM_GATEWAY")"
        as alice touch /home/alice/go
        wait_for grep -q "is job\|error" /home/alice/said /home/alice/answer
        # what comes after does not ask again
        rm /home/alice/go
        as alice touch /home/alice/now
        check_system_outcome "done" restarted
        wait_for test -e /home/alice/after
        answer=$(cat /home/alice/answer)
        check_equal "$(jq -c '[.joined, .job.id, .job.outcome.reason]' <<<"$answer")" "[true,$JOB,\"restarted\"]" "answer ($answer)"
        check_match "$(cat /home/alice/after)" '/job-[0-9]+$' "where the command is"
        [[ $(system_pid) -ne $old ]] || fail "it is still the same process"
}

# system_command_start COMMAND: a unit that runs COMMAND as soon as there is ~/go, in a shell of its own that says what has come of it.
system_command_start() {
        cat >"$SYSTEM_UNIT" <<-UNIT
		[Service]
		User=alice
		ExecStart=/bin/sh -c 'until test -e /home/alice/go; do sleep 0.1; done; sh -c "$1 >/home/alice/answer 2>/home/alice/said; \
		        cat /proc/self/cgroup >/home/alice/after"; sleep infinity'
	UNIT
        systemctl daemon-reload
        systemctl start "$SYSTEM_GATEWAY"
}

# --- bounds --------------------------------------------------------------------------------------------------------------

refused_system() {
        check_status 77 gateway_call "cgmove restart --system $1"
}

test_what_the_policy_does_not_list() {
        local old
        system_gateway_start mixed
        old=$(system_pid)
        policy_system "system:other.service"
        # inside of it or not: a unit of the system is restarted for those only whom root has named
        refused_system "$SYSTEM_GATEWAY"
        check_contains "$OUTPUT" "$TEST_NAME"
        check_match "$OUTPUT" "restart = \{.*system:$SYSTEM_GATEWAY.\}"
        check_system_untouched "$old"
}

test_an_alias_is_what_it_stands_for() {
        local old
        system_gateway_start mixed
        old=$(system_pid)
        ln -s "$SYSTEM_UNIT" /run/systemd/system/alias-of-it.service
        systemctl daemon-reload
        policy_system "system:alias-of-it.service"
        system_restart_fails alias-of-it
        rm /run/systemd/system/alias-of-it.service
        check_system_untouched "$old"
}

# It is refused at once, or by the end of the job.
system_restart_fails() {
        local status=0 answer
        answer=$(gateway_call "cgmove restart --system --json $1 2>$RESTART_ERRORS") || status=$?
        [[ $status -eq 0 ]] || return 0
        restart_take "$answer"
        restart_end
        check_equal "$(outcome .state)" failed "state ($OUTCOME)"
}

test_what_no_policy_can_list() {
        local name before
        system_gateway_start mixed
        policy_system "system:*"
        for name in dbus systemd-journald systemd-logind cgmoved cgmove@1000 user@1001; do
                before=$(systemctl show --value -p InvocationID "$name.service")
                system_restart_fails "$name.service"
                check_equal "$(systemctl show --value -p InvocationID "$name.service")" "$before" "invocation of $name"
        done
}

test_only_what_is_up_or_failed() {
        system_gateway_start mixed
        printf '[Service]\nExecStart=/bin/sleep 10000\nUser=alice\n' >/run/systemd/system/asleep.service
        systemctl daemon-reload
        policy_system "system:*"
        system_restart_fails asleep
        not systemctl is-active asleep.service || fail "it was started"
        rm /run/systemd/system/asleep.service
}

test_changed_unit_file_is_not_reloaded_for_a_user() {
        local old
        system_gateway_start mixed
        old=$(system_pid)
        system_gateway_write mixed "--ports 18789,18790"
        system_restart
        check_system_outcome failed refused
        check_contains "$(outcome .text)" "daemon-reload"
        check_system_untouched "$old"
}

# Two users, one unit: the second one, whose client tries again for a while, is told that it is being restarted.
test_busy_with_another_users_restart() {
        local old
        system_gateway_start mixed
        old=$(system_pid)
        system_restart --delay 60
        check_status 75 in_session bob cgmove restart --system "$SYSTEM_GATEWAY"
        check_match "$OUTPUT" 'restart'
        as alice cgmove stop "$JOB"
        check_system_untouched "$old"
}

test_root_needs_no_rule() {
        system_gateway_start mixed
        check_status 0 systemd-run --quiet --wait --pipe --collect -- sh -c "cgmove restart --system --dry-run $SYSTEM_GATEWAY && true"
        check_contains "$OUTPUT" "root, who needs no rule"
}

test_others_are_not_let() {
        local old
        system_gateway_start mixed
        old=$(system_pid)
        check_status 77 in_session carol cgmove restart --system "$SYSTEM_GATEWAY"
        check_system_untouched "$old"
}
