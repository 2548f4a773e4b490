# SPDX-License-Identifier: LGPL-2.1-or-later
# What a restart looks at before it stops anything, what it says of a start that fails, and its options.

set_up() {
        journal_on_disk
        policy_restart
        rm -f /home/alice/{after,otherwise,starts,now}
}

# Where the journal is kept on disk, and only there, users may read what their services say.
journal_on_disk() {
        local file=/etc/systemd/journald.conf.d/zz-on-disk.conf
        [[ ! -e $file ]] || return 0
        mkdir -p /var/log/journal
        printf '[Journal]\nStorage=persistent\n' >"$file"
        systemctl restart systemd-journald.service
        journalctl --flush
}

# Nothing has been stopped or started.
check_untouched() {
        check_equal "$(gateway_pid)" "$1" "main process"
        gateway_answers || fail "it does not answer"
}

# --- unit files ------------------------------------------------------------------------------------------------------------

test_changed_unit_file_is_read_again() {
        local old
        gateway_start mixed
        old=$(gateway_pid)
        gateway_write mixed "--ports 18789,18790"
        restart_inside
        check_restarted "$old"
        gateway_answers --port 18790 || fail "it does not answer on the new port"
}

test_new_drop_in_is_read() {
        local old
        # older managers do not see it in a folder that is new as well
        as alice mkdir -p "$GATEWAY_UNIT.d"
        gateway_start mixed
        old=$(gateway_pid)
        printf '[Service]\nEnvironment=ADDED=yes\n' >"$GATEWAY_UNIT.d/added.conf"
        restart_inside
        check_restarted "$old"
        rm -r "$GATEWAY_UNIT.d"
        check_contains "$(tr '\0' ' ' <"/proc/$(gateway_pid)/environ")" ADDED=yes
}

mask_gateway() {
        rm "$GATEWAY_UNIT"
        as alice ln -s /dev/null "$GATEWAY_UNIT"
        user_systemctl alice daemon-reload
}

test_masked_unit_is_refused_before_anything_is_stopped() {
        local old
        gateway_start mixed
        old=$(gateway_pid)
        mask_gateway
        check_status 1 gateway_call "cgmove restart $GATEWAY"
        check_contains "$OUTPUT" mask
        check_equal "$(gateway_call "cgmove restart --json $GATEWAY 2>/dev/null; true" | jq -r .error.code)" masked
        check_untouched "$old"
}

# check_code_is_in_manual CODE: what the manual says of the codes of failures of a restart has it.
check_code_is_in_manual() {
        check_match " $(zcat /usr/share/man/man1/cgmove.1.gz | sed -n '/^A failure is an object$/,/^\.SH/p' |
                sed -n '/^\.BR restart ,$/,$p' | tr -d '\\"' | tr '\n' ' ') " \
                "[ (]$1[ ,;)]" "codes of failures"
}

# restart_code COMMAND...: that of its failure.
restart_code() {
        { "$@" 2>/dev/null || true; } | jq -r .error.code
}

# Those of a restart that is refused before there is a job.
test_codes_are_in_the_manual() {
        local code
        gateway_start mixed
        code=$(restart_code in_session alice cgmove restart --json no-such-thing)
        check_equal "$code" not-loaded
        check_code_is_in_manual "$code"
        mask_gateway
        code=$(restart_code in_session alice cgmove restart --json "$GATEWAY")
        check_equal "$code" masked
        check_code_is_in_manual "$code"
        gateway_remove
        user_manager_stop alice
        code=$(restart_code as alice cgmove restart --json "$GATEWAY")
        user_manager_start alice
        check_equal "$code" ManagerGone
        check_code_is_in_manual "$code"
}

# As it would be started now, not as it was when somebody asked.
test_unit_masked_after_the_request() {
        local old
        gateway_start mixed
        old=$(gateway_pid)
        restart_inside --delay 6
        mask_gateway
        check_outcome failed masked
        check_contains "$(outcome .text)" mask
        check_untouched "$old"
}

test_unit_that_does_not_exist() {
        check_status 1 in_session alice cgmove restart no-such-thing
        check_match "$OUTPUT" 'no-such-thing\.service.*\.$'
}

test_names_that_are_no_service() {
        local name
        for name in '' a.socket 'a b' ../x.service /etc/x.service 'x@.service' '*' x.service/y; do
                check_status 2 in_session alice cgmove restart -- "$name"
        done
}

test_name_without_suffix() {
        local old
        gateway_start mixed
        old=$(gateway_pid)
        gateway_call_strict "cgmove restart ${GATEWAY%.service}"
        JOB=$(list_of alice '[.jobs[] | select(.kind == "restart") | .id] | max')
        check_restarted "$old"
}

# --- starts that fail --------------------------------------------------------------------------------------------------------

# check_start_failed: with the lines of the unit, and no loop of ours. Those that its process said itself, or at least what its manager
# said of it: journald does not know of what unit a process was that has ended before it looks, as it may on a busy machine.
check_start_failed() {
        check_outcome failed start-failed
        check_equal "$(outcome '.log | any(contains("there is no answer to everything") or contains("Main process exited, code=exited, status=3"))')" \
                true "lines of the unit ($OUTCOME)"
        [[ $(gateway_starts) -le $1 ]] || fail "it was started $(gateway_starts) times"
        not restart_helpers || fail "somebody is still at it: $(restart_helpers)"
}

broken_gateway() {
        gateway_start mixed "" "$COUNT_STARTS"
        gateway_write mixed "--exit-after 0" "$COUNT_STARTS" "$@"
}

# The first instance, the restart, and at most two attempts to heal.
test_new_command_that_fails_at_once() {
        broken_gateway Restart=no
        restart_inside
        check_start_failed 4
        gateway_state_is failed || fail "it is $(gateway_property ActiveState)"
}

test_new_command_that_fails_at_once_of_a_simple_service() {
        broken_gateway Restart=no Type=simple
        restart_inside
        check_start_failed 4
}

# The loop is systemd's, and ends at systemd's limit: none of ours is added to it.
test_new_command_that_fails_at_once_with_automatic_restart() {
        local starts
        broken_gateway "${STRICT_LIMIT[@]}"
        restart_inside
        check_start_failed 15
        wait_for gateway_state_is failed
        starts=$(gateway_starts)
        sleep 3
        check_equal "$(gateway_starts)" "$starts" "starts of the gateway"
}

# What was wrong has been put right, but systemd does not try any more: the starts in vain still count.
test_repaired_unit_whose_start_limit_is_hit() {
        broken_gateway "${STRICT_LIMIT[@]}"
        user_systemctl alice daemon-reload
        run_into_start_limit
        gateway_write mixed "" "${STRICT_LIMIT[@]}"
        restart_outside
        check_outcome "done" restarted
        gateway_answers || fail "it does not answer"
}

test_new_command_that_does_not_exist() {
        gateway_start mixed
        gateway_write mixed "" "ExecStart=" "ExecStart=/no/such/program" Restart=no
        restart_inside
        check_outcome failed start-failed
        check_equal "$(outcome '.log | length > 0')" true "lines of the unit"
}

# Up, and down again a second later, again and again: that is no success.
test_new_command_that_fails_a_little_later() {
        gateway_start mixed
        gateway_write mixed "--exit-after 1" RestartSec=100ms
        restart_inside
        restart_end
        check_equal "$(outcome .state)" failed "state ($OUTCOME)"
        check_match "$(outcome .reason)" '^(unstable|start-failed)$' "reason ($OUTCOME)"
}

test_start_that_takes_too_long() {
        gateway_start mixed
        gateway_write mixed "--start-delay 1000"
        restart_inside --timeout 4
        check_outcome failed timeout
}

test_stopped_by_somebody_meanwhile() {
        gateway_start mixed
        gateway_write mixed "--start-delay 8"
        restart_inside
        wait_for gateway_state_is activating
        user_systemctl alice stop "$GATEWAY"
        check_outcome failed stopped-meanwhile
        gateway_state_is inactive || fail "it was started against the user's will"
}

# --- the user manager ----------------------------------------------------------------------------------------------------

# The reason is told, and no manager is started by us.
check_manager_gone() {
        restart_end
        check_equal "$(outcome '.state + " " + .reason')" "failed manager-gone" "outcome ($OUTCOME)"
        not restart_helpers || fail "somebody is still at it: $(restart_helpers)"
        not systemctl is-active user@1000.service || fail "somebody has started the user manager"
        user_manager_start alice
}

test_user_manager_stops_while_the_new_instance_starts() {
        gateway_start mixed
        gateway_write mixed "--start-delay 6"
        restart_inside
        wait_for gateway_state_is activating
        user_manager_stop alice
        check_manager_gone
}

test_user_manager_stops_while_the_old_instance_stops() {
        gateway_start mixed "" "ExecStop=/bin/sleep 5"
        restart_inside
        wait_for gateway_state_is deactivating
        user_manager_stop alice
        check_manager_gone
}

test_user_manager_stops_before_anything_is_stopped() {
        gateway_start mixed
        restart_inside --delay 5
        user_manager_stop alice
        check_manager_gone
}

test_user_manager_is_killed_while_the_new_instance_starts() {
        gateway_start mixed
        gateway_write mixed "--start-delay 6"
        restart_inside
        wait_for gateway_state_is activating
        # the manager and all that it has started
        systemctl kill --signal=KILL user@1000.service
        check_manager_gone
}

# It closes all connections then, and keeps its units and jobs.
test_manager_is_executed_anew_while_the_restart_waits() {
        local old
        gateway_start mixed
        old=$(gateway_pid)
        restart_inside --delay 5
        wait_for restart_is_at delaying
        user_systemctl alice daemon-reexec
        check_restarted "$old"
}

test_manager_is_executed_anew_while_the_new_instance_starts() {
        local old
        gateway_start mixed
        gateway_write mixed "--start-delay 6"
        old=$(gateway_pid)
        restart_inside
        wait_for gateway_state_is activating
        user_systemctl alice daemon-reexec
        check_restarted "$old"
}

test_manager_is_executed_anew_while_the_old_instance_stops() {
        local old
        gateway_start mixed "" "ExecStop=/bin/sleep 5"
        old=$(gateway_pid)
        restart_inside
        wait_for gateway_state_is deactivating
        user_systemctl alice daemon-reexec
        check_restarted "$old"
}

# As one that reads its unit files again: for longer than one answer is waited for.
test_manager_is_silent_for_a_while() {
        local old manager
        gateway_start mixed
        old=$(gateway_pid)
        manager=$(systemctl show --value -p MainPID user@1000.service)
        restart_inside --delay 3
        wait_for restart_is_at delaying
        kill -STOP "$manager"
        sleep 16
        kill -CONT "$manager"
        check_restarted "$old"
}

restart_is_at() {
        [[ $(restart_field 'phases[-1].name') == "$1" ]]
}

test_no_user_manager_from_the_beginning() {
        user_manager_stop alice
        check_status 1 systemd-run --quiet --wait --pipe --collect --uid=alice cgmove restart --wait "$GATEWAY"
        check_match "$OUTPUT" 'user manager|systemd --user'
        not systemctl is-active user@1000.service || fail "somebody has started the user manager"
        user_manager_start alice
}

# --- options ---------------------------------------------------------------------------------------------------------------

test_dry_run_touches_nothing() {
        local old answer
        gateway_start mixed
        old=$(gateway_pid)
        answer=$(gateway_call_strict "cgmove restart --dry-run $GATEWAY") || fail "no answer: $answer"
        check_contains "$answer" "$GATEWAY"
        check_contains "$answer" 18789
        answer=$(gateway_call_strict "cgmove restart --dry-run --json $GATEWAY") || fail "no answer: $answer"
        check_equal "$(jq .schema <<<"$answer")" 1 schema
        check_equal "$(jq .dry_run.when <<<"$answer")" null "no condition"
        answer=$(gateway_call_strict "cgmove restart --dry-run --when 'test -e /go' $GATEWAY") || fail "no answer: $answer"
        check_contains "$answer" "succeeds: test -e /go"
        answer=$(gateway_call_strict "CGMOVE_RESTART_WHEN=true cgmove restart --dry-run --json $GATEWAY") || fail "no answer: $answer"
        check_equal "$(jq -r .dry_run.when <<<"$answer")" true "the unit's condition"
        sleep 2
        check_untouched "$old"
        check_equal "$(list_of alice '[.jobs[] | select(.kind == "restart" and .state == "running")] | length')" 0 jobs
}

test_dry_run_says_what_would_be_refused() {
        gateway_start mixed
        mask_gateway
        check_status 1 in_session alice cgmove restart --dry-run "$GATEWAY"
        check_contains "$OUTPUT" mask
        check_contains "$(tr -s ' \n' ' ' <<<"$OUTPUT")" "\"systemctl --user unmask $GATEWAY\" first"
}

# The code is that of the refusal, as without --dry-run.
test_dry_run_tells_the_code() {
        touch /run/policy-touched
        policy_write broken <<<'nonsense'
        systemctl restart cgmoved.service
        gateway_start mixed
        check_equal "$(restart_code in_session alice cgmove restart --json "$GATEWAY")" PolicyInvalid
        check_equal "$(restart_code in_session alice cgmove restart --dry-run --json "$GATEWAY")" PolicyInvalid
}

# Who is root means one of the system, mostly.
test_root_is_told_of_system_units() {
        check_status 1 systemd-run --quiet --wait --pipe --collect -- cgmove restart "$GATEWAY"
        check_contains "$(tr -s ' \n' ' ' <<<"$OUTPUT")" "For a unit of the system manager give --system."
}

test_then_is_told_the_outcome() {
        local old
        gateway_start mixed
        old=$(gateway_pid)
        restart_inside --then 'env >$HOME/after.new; mv $HOME/after.new $HOME/after' --else 'touch $HOME/otherwise'
        check_restarted "$old"
        check_file /home/alice/after
        check_no_file /home/alice/otherwise
        check_told after CGMOVE_RESULT "done"
        check_told after CGMOVE_REASON restarted
        check_told after CGMOVE_UNIT "$GATEWAY"
        check_told after CGMOVE_JOB "$JOB"
        check_told after CGMOVE_TEXT "$(outcome .text)"
        check_told after CGMOVE_DOWNTIME_USEC "$(outcome .downtime_usec)"
        check_equal "$(told after CGMOVE_OUTCOME | jq -r .reason)" restarted "the outcome as JSON"
        check_equal "$(stat -c %U /home/alice/after)" alice
}

# told FILE VARIABLE
told() {
        sed -n "s/^$2=//p" "/home/alice/$1"
}

check_told() {
        check_equal "$(told "$1" "$2")" "$3" "$2"
}

test_else_is_told_the_outcome() {
        broken_gateway Restart=no
        restart_inside --then 'touch $HOME/after' --else 'env >$HOME/otherwise'
        check_start_failed 4
        check_file /home/alice/otherwise
        check_no_file /home/alice/after
        check_told otherwise CGMOVE_RESULT failed
        check_told otherwise CGMOVE_REASON start-failed
        check_match "$(told otherwise CGMOVE_OUTCOME)" "there is no answer to everything|code=exited, status=3"
        check_told otherwise CGMOVE_DOWNTIME_USEC ""
}

# It runs in the job, after the restart, where nothing of the new instance can end it.
test_then_runs_in_the_job() {
        local old
        gateway_start mixed
        old=$(gateway_pid)
        restart_inside --then "cat /proc/self/cgroup >\$HOME/after; cgmove restart --json $GATEWAY >\$HOME/otherwise"
        restart_end
        wait_for test -s /home/alice/otherwise
        check_contains "$(cat /home/alice/after)" "cgmove@1000.service/job-$JOB"
        check_restarted "$old"
}

test_delay_waits() {
        local old
        gateway_start mixed
        old=$(gateway_pid)
        restart_inside --delay 8
        sleep 1.5
        check_untouched "$old"
        check_restarted "$old"
}

test_when_waits_until_the_command_succeeds() {
        local old
        gateway_start mixed
        old=$(gateway_pid)
        restart_inside --when 'test -e $HOME/now'
        sleep 3
        check_untouched "$old"
        as alice touch /home/alice/now
        check_restarted "$old"
}

test_when_does_not_wait_for_ever() {
        local old
        gateway_start mixed
        old=$(gateway_pid)
        restart_inside --when false --patience 3
        check_outcome failed when-timeout
        check_untouched "$old"
}

test_wait_has_an_exit_status() {
        local old
        gateway_start mixed
        old=$(gateway_pid)
        check_status 0 in_session alice cgmove restart --wait "$GATEWAY"
        check_contains "$OUTPUT" "$GATEWAY"
        [[ $(gateway_pid) -ne $old ]] || fail "it is still the same process"
        gateway_write mixed "--exit-after 0" Restart=no
        check_status 1 in_session alice cgmove restart --wait "$GATEWAY"
        check_match "$OUTPUT" 'there is no answer|failed'
}

test_wait_with_json() {
        gateway_start mixed
        check_status 0 in_session alice cgmove restart --wait --json "$GATEWAY"
        check_equal "$(jq -r '.schema, .job.kind, .job.outcome.state, .job.outcome.reason' <<<"$OUTPUT" | paste -s -d ' ')" \
                "1 restart done restarted"
}

test_status_and_logs_tell_the_outcome() {
        gateway_start mixed
        restart_inside
        check_outcome "done" restarted
        check_status 0 as alice cgmove status "$JOB"
        check_contains "$OUTPUT" "$GATEWAY"
        check_contains "$OUTPUT" "$(outcome .text)"
        check_status 0 as alice cgmove logs "$JOB"
        check_match "$OUTPUT" "restart"
        # it is hers alone
        check_status 1 as bob cgmove status "$JOB"
}

test_usage() {
        check_status 2 in_session alice cgmove restart
        check_status 2 in_session alice cgmove restart a b
        check_status 2 in_session alice cgmove restart --port 0 "$GATEWAY"
        check_status 2 in_session alice cgmove restart --port 65536 "$GATEWAY"
        check_status 2 in_session alice cgmove restart --port http "$GATEWAY"
        check_status 2 in_session alice cgmove restart --timeout soon "$GATEWAY"
        check_status 2 in_session alice cgmove restart --delay -1 "$GATEWAY"
}

# --- policy -----------------------------------------------------------------------------------------------------------------

policy_without_restart() {
        # what was used up of a rate is remembered by name
        policy_only <<-POLICY
	policy "$TEST_NAME-$RANDOM" {
	        users    = {"alice"}
	        from     = {"user:*", "session"}
	        rate     = "${1:-1000/min}"
	}
	POLICY
}

# Its own unit a process may restart without another word of the policy; from elsewhere, the list decides.
test_from_inside_no_list_is_needed_from_outside_it_is() {
        local old
        policy_without_restart
        gateway_start mixed
        old=$(gateway_pid)
        check_status 77 in_session alice cgmove restart "$GATEWAY"
        check_contains "$OUTPUT" "$TEST_NAME"
        check_match "$OUTPUT" "restart = \{.user:$GATEWAY.\}"
        check_untouched "$old"
        restart_inside
        check_restarted "$old"
}

test_who_may_not_leave_may_not_restart() {
        local old
        policy_only <<<"policy \"$TEST_NAME\" { users = {\"bob\"}
                from = {\"user:*\"} }"
        gateway_start mixed
        old=$(gateway_pid)
        check_status 77 gateway_call "cgmove restart $GATEWAY"
        check_untouched "$old"
}

test_rate() {
        policy_without_restart 2/h
        gateway_start mixed
        restart_inside
        check_outcome "done" restarted
        # who joins takes nothing
        restart_inside --delay 10
        check_status 0 gateway_call "cgmove restart $GATEWAY"
        check_status 0 gateway_call "cgmove restart $GATEWAY"
        check_outcome "done" restarted
        check_status 75 gateway_call "cgmove restart $GATEWAY"
        check_match "$OUTPUT" 'rate|2/h|often'
        # moves have a bucket of their own
        check_status 0 gateway_call "cgmove run -- true"
}
