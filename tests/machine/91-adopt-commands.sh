# SPDX-License-Identifier: LGPL-2.1-or-later
# The usual commands in an adopted service, unchanged, are safe.

set_up() {
        adopt_clean
}

# --- restart ------------------------------------------------------------------------------------------------------------

# Each of the ways in which commands do it.
restart_commands() {
        check_survives "systemctl --user restart $GATEWAY; echo done >$MARKER"
        check_contains "$ANSWER" ""
        check_survives "systemctl --user stop $GATEWAY; systemctl --user start $GATEWAY; echo done >$MARKER"
        script_write restart.sh <<-SCRIPT
		sleep 0.3
		systemctl --user restart $GATEWAY
		echo done >$MARKER
	SCRIPT
        check_survives "nohup bash restart.sh &"
        check_survives "nohup bash restart.sh >/dev/null 2>&1 &"
        script_write product <<-SCRIPT
		#!/usr/bin/python3
		import subprocess
		subprocess.run(["systemctl", "--user", "restart", "$GATEWAY"], check=True)
		open("$MARKER", "w").write("done\n")
	SCRIPT
        check_survives "./product"
}

test_commands_process() {
        adopt_start process
        restart_commands
}

test_commands_control_group() {
        adopt_start control-group
        restart_commands
}

test_commands_mixed() {
        adopt_start mixed
        restart_commands
}

# A gateway that waits for its commands before it stops.
test_commands_process_drain() {
        adopt_start process --drain
        restart_commands
}

test_commands_control_group_drain() {
        adopt_start control-group --drain
        restart_commands
}

test_commands_mixed_drain() {
        adopt_start mixed --drain
        restart_commands
}

test_spellings() {
        local command
        adopt_start control-group
        for command in "restart openclaw-gateway" "--no-block restart $GATEWAY" "try-restart $GATEWAY" "condrestart $GATEWAY" \
                "reload-or-restart $GATEWAY" "try-reload-or-restart $GATEWAY" "force-reload $GATEWAY" "restart -- $GATEWAY" \
                "restart 'openclaw-gate*'" "--job-mode=replace restart $GATEWAY" "restart $GATEWAY $GATEWAY"; do
                check_survives "systemctl --user $command && echo done >$MARKER"
        done
}

test_quiet() {
        adopt_start mixed
        check_survives "systemctl --user -q restart $GATEWAY 2>&1; echo done >$MARKER"
        check_equal "$ANSWER" "" "what it says with -q"
        check_survives "systemctl --user restart $GATEWAY 2>&1; echo done >$MARKER"
        check_match "$ANSWER" "^cgmove: $GATEWAY is restarted [^"$'\n'"]*\$"
}

# A restart from inside begins when nothing is in hand any more; one that has a condition of its own has that.
test_restarts_wait_for_a_condition() {
        local old when
        gateway_start mixed
        when="echo look >>$MARKER.looks; test -e \"$MARKER\""
        as alice cgmove adopt --yes --when "$when" "$GATEWAY" >/dev/null
        user_systemctl alice restart "$GATEWAY"
        wait_for gateway_answers
        check_equal "$(gateway_call 'printf %s "$CGMOVE_RESTART_WHEN"')" "$when" "condition as the commands see it"
        old=$(gateway_pid)
        gateway_call "systemctl --user restart $GATEWAY"
        wait_for condition_was_looked_at 2
        check_equal "$(gateway_answered_by)" "$old" "process that has answered"
        check_equal "$(gateway_pid)" "$old" "main process before the condition is true"
        as alice touch "$MARKER"
        wait_for gateway_is_new "$old"
        wait_for no_restart_runs
        rm "$MARKER" "$MARKER.looks"
        old=$(gateway_pid)
        gateway_call "cgmove restart --when true $GATEWAY"
        wait_for gateway_is_new "$old"
        wait_for no_restart_runs
        check_no_file "$MARKER.looks"
}

condition_was_looked_at() {
        [[ $(wc -l <"$MARKER.looks") -ge $1 ]]
}

test_other_units_in_the_same_command() {
        local other
        adopt_start control-group
        other_start
        other=$(other_invocation)
        check_survives "systemctl --user restart $OTHER $GATEWAY; echo done >$MARKER"
        [[ $(other_invocation) != "$other" ]] || fail "the other unit was not restarted"
        other=$(other_invocation)
        check_survives "systemctl --user restart '*-gateway.service' '*-helper.service'; echo done >$MARKER"
        [[ $(other_invocation) != "$other" ]] || fail "the unit of the pattern was not restarted"
        # a pattern for both
        other=$(other_invocation)
        check_survives "systemctl --user restart 'o[pt]*'; echo done >$MARKER"
        [[ $(other_invocation) != "$other" ]] || fail "the unit of the common pattern was not restarted"
        # the status is that of the real one for the others
        check_survives "systemctl --user restart $GATEWAY nowhere.service; echo \$? >status; echo done >$MARKER"
        check_equal "$(cat /home/alice/status)" 5 "status with a unit that does not exist"
}

test_alias() {
        adopt_start control-group
        as alice ln -s "$GATEWAY" /home/alice/.config/systemd/user/gw.service
        user_systemctl alice daemon-reload
        check_survives "systemctl --user restart gw; echo done >$MARKER"
        rm /home/alice/.config/systemd/user/gw.service
}

# A reload ends nobody, and is not turned into a restart.
test_reload_stays_a_reload() {
        local old
        adopt_start control-group "" "ExecReload=/bin/touch /home/alice/reloaded"
        rm -f /home/alice/reloaded
        old=$(gateway_pid)
        gateway_call "systemctl --user reload-or-restart $GATEWAY"
        check_file /home/alice/reloaded
        check_equal "$(gateway_pid)" "$old" "main process"
        rm /home/alice/reloaded
}

test_caller_that_ignores_children() {
        adopt_start control-group
        script_write product <<-SCRIPT
		#!/usr/bin/python3
		import os, signal
		signal.signal(signal.SIGCHLD, signal.SIG_IGN)
		os.execvp("sh", ["sh", "-c", "exec systemctl --user restart $GATEWAY"])
	SCRIPT
        check_survives "./product && echo done >$MARKER"
}

# A start that waits for its port (ExecStartPre=) is not left to wait for a left-over of its own.
test_left_over_is_ended_while_the_start_waits() {
        gateway_write process "--leave-child \"exec $LEFT_OVER\""
        user_systemctl alice daemon-reload
        as alice cgmove adopt --yes --port 18789 "$GATEWAY" >/dev/null
        user_systemctl alice start "$GATEWAY"
        check_survives "systemctl --user restart $GATEWAY; echo done >$MARKER"
        JOB=$(list_of alice '[.jobs[] | select(.kind == "restart") | .id] | max')
        check_outcome "done" restarted
        check_equal "$(outcome '.ended | length')" 1 "processes that were ended"
        [[ $(outcome .downtime_usec) -lt 20000000 ]] || fail "it waited for the left-over: $OUTCOME"
}

# A server that cannot bind while a connection is in TIME_WAIT: its start waits for that, and does not fail.
test_time_wait_is_waited_for() {
        GATEWAY_ADDRESS=(--port "$TIME_WAIT_PORT")
        wait_for_within 90 not port_is_in_time_wait "$TIME_WAIT_PORT"
        gateway_start mixed "--port $TIME_WAIT_PORT --no-reuseaddr"
        as alice cgmove adopt --yes "$GATEWAY" >/dev/null
        check_lacks "$(cat "$DROP_IN")" --reuse
        user_systemctl alice restart "$GATEWAY"
        time_wait_make
        check_survives "systemctl --user restart $GATEWAY; echo done >$MARKER"
}

# --- stop ---------------------------------------------------------------------------------------------------------------

test_stop_answers_and_stops() {
        local old
        adopt_start mixed
        old=$(gateway_pid)
        check_contains "$(gateway_call "systemctl --user stop $GATEWAY 2>&1; systemctl --user stop $GATEWAY; echo done >$MARKER")" "is stopped"
        check_equal "$(gateway_answered_by)" "$old" "process that has answered"
        check_file "$MARKER"
        wait_for gateway_state_is inactive
        wait_for no_restart_runs
        check_equal "$(job_field stop-openclaw-gateway result)" "done"
        gateway_state_is inactive || fail "it was started again"
}

test_stop_without_a_place_for_a_log() {
        adopt_start mixed "" Environment=HOME=/nonexistent
        check_contains "$(gateway_call "systemctl --user stop $GATEWAY 2>&1; echo done >$MARKER")" "is stopped when"
        check_file "$MARKER"
        wait_for gateway_state_is inactive
        wait_for no_restart_runs
        check_equal "$(job_field stop-openclaw-gateway result)" "done"
}

stop_runs() {
        [[ $(list_of alice '[.jobs[] | select(.name == "stop-openclaw-gateway" and .state == "running")] | length') -gt 0 ]]
}

# The second command is not promised what the job does for the first one.
test_second_stop_by_another_command() {
        adopt_start control-group
        gateway_call "systemctl --user stop $GATEWAY; until test -e $MARKER; do sleep 0.1; done" >/dev/null 2>&1 &
        wait_for stop_runs
        check_contains "$(gateway_call "systemctl --user stop $GATEWAY 2>&1")" \
                "is stopped by job $(job_id stop-openclaw-gateway) already, when the command that asked first has ended"
        gateway_state_is active || fail "it was stopped"
        as alice touch "$MARKER"
        wait_for gateway_state_is inactive
        wait
}

# What takes longer than the stop waits for is not killed with the unit.
test_stop_does_not_wait_for_ever() {
        local old
        adopt_start control-group
        old=$(gateway_pid)
        gateway_call "setsid -f sh -c 'systemctl --user stop $GATEWAY; sleep 40; systemctl --user start $GATEWAY; echo done >$MARKER' >/dev/null 2>&1"
        wait_for gateway_state_is inactive
        check_no_file "$MARKER"
        wait_for test -e "$MARKER"
        wait_for gateway_is_new "$old"
}

# A command that cannot be taken out, since the stop has the only job that there may be, is waited for to its end.
test_stop_waits_for_who_cannot_be_moved() {
        policy_only <<-POLICY
	policy "$TEST_NAME" {
	        users    = {"alice"}
	        from     = {"user:*"}
	        max-jobs = 1
	        rate     = "100000/min"
	}
	POLICY
        adopt_start control-group
        gateway_call "setsid -f sh -c 'systemctl --user stop $GATEWAY; sleep 40; echo done >$MARKER' >/dev/null 2>&1"
        wait_for test -e "$MARKER"
        wait_for gateway_state_is inactive
        wait_for no_restart_runs
        check_equal "$(job_field stop-openclaw-gateway result)" "done"
        check_contains "$(job_log stop-openclaw-gateway)" max-jobs
}

# A unit that was started anew since then is not stopped.
test_stop_of_an_earlier_start() {
        local old
        adopt_start control-group
        old=$(gateway_pid)
        gateway_call "setsid -f sh -c 'cgmove exec sh -c \"sleep 3; echo done >$MARKER\" & systemctl --user stop $GATEWAY; sleep 4' >/dev/null 2>&1"
        user_systemctl alice restart "$GATEWAY"
        wait_for no_restart_runs
        gateway_state_is active || fail "the new one was stopped"
        [[ $(gateway_pid) -ne $old ]] || fail "it was not restarted"
}

# --- one after the other ------------------------------------------------------------------------------------------------

# A start after a stop that is put off would be a restart. If that is refused, the command is told: the real systemctl would say
# that the unit runs already.
test_start_after_stop_that_is_refused() {
        local old
        adopt_start control-group
        old=$(gateway_pid)
        script_write product <<-SCRIPT
		#!/bin/bash
		systemctl --user stop $GATEWAY 2>/dev/null
		until test -e $MARKER.go; do sleep 0.1; done
		systemctl --user -q start $GATEWAY >$MARKER.said 2>&1
		echo "status \$?" >>$MARKER.said
		touch $MARKER
	SCRIPT
        rm -f "$MARKER".*
        gateway_call "setsid -f ./product >/dev/null 2>&1"
        wait_for stop_runs
        policy_only </dev/null
        as alice touch "$MARKER.go"
        wait_for test -e "$MARKER"
        check_contains "$(cat "$MARKER.said")" "runs on as it was: its stop is taken back, and cannot become a restart. "
        check_contains "$(cat "$MARKER.said")" "status 1"
        wait_for no_restart_runs
        gateway_state_is active || fail "it was stopped"
        check_equal "$(gateway_pid)" "$old" "main process"
        rm -f "$MARKER".*
}

# The last word counts: of a restart and a stop, the stop.
test_stop_after_restart() {
        local said
        adopt_start control-group
        said=$(gateway_call "systemctl --user restart $GATEWAY 2>&1; systemctl --user stop $GATEWAY 2>&1; echo done >$MARKER")
        check_contains "$said" "is restarted when this command has ended"
        check_match "$said" "is stopped when this command has ended, by job [0-9]+, and not restarted before\."
        wait_for gateway_state_is inactive
        wait_for no_restart_runs
        gateway_state_is inactive || fail "it was started again"
        check_equal "$(list_of alice '[.jobs[] | select(.kind == "restart")] | max_by(.id).result')" stopped
}

# What has begun is not taken back by halves.
test_stop_while_it_is_restarted() {
        local old said
        policy_restart
        as alice touch "$MARKER.go" # also for whoever removes the unit
        adopt_start control-group "" "ExecStop=/bin/sh -c 'until test -e $MARKER.go; do sleep 0.1; done'" "TimeoutStopSec=120"
        rm "$MARKER.go"
        old=$(gateway_pid)
        restart_inside
        wait_for gateway_state_is deactivating
        said=$(gateway_call "systemctl --user stop $GATEWAY 2>&1; echo \"status \$?\"")
        as alice touch "$MARKER.go"
        check_contains "$said" "is not stopped: job $JOB is restarting it just now"
        check_contains "$said" "status 1"
        wait_for gateway_is_new "$old"
        wait_for no_restart_runs
        gateway_state_is active || fail "it was stopped"
}

# A stop that is put off is not lost when the manager executes itself anew (daemon-reexec) just when it is asked: connections to it
# are closed, or nobody is there.
test_stop_waits_for_its_manager() {
        adopt_start control-group
        script_write product <<-'SCRIPT'
		#!/usr/bin/python3
		import os, socket
		path = "/run/user/1000/systemd/private"
		listener = socket.socket(socket.AF_UNIX)
		listener.bind(path + ".test")
		listener.listen(50)
		os.rename(path, path + ".real")
		os.rename(path + ".test", path)
		print("away", flush=True)
		listener.settimeout(50)
		try:
		        for _ in range(3):
		                listener.accept()[0].close()
		                print("asked", flush=True)
		finally:
		        os.rename(path + ".real", path)
	SCRIPT
        gateway_call "setsid -f sh -c 'systemctl --user stop $GATEWAY; until test -e $MARKER; do sleep 0.1; done' >/dev/null 2>&1"
        wait_for stop_runs
        as alice /home/alice/product >"$MARKER.said" &
        wait_for grep -q away "$MARKER.said"
        as alice touch "$MARKER"
        wait_for grep -q asked "$MARKER.said"
        wait
        wait_for gateway_state_is inactive
        wait_for no_restart_runs
        check_equal "$(job_field stop-openclaw-gateway result)" "done"
        rm -f "$MARKER".*
}
