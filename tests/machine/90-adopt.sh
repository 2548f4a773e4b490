# SPDX-License-Identifier: LGPL-2.1-or-later
# Adoption: what commands inside a service do today, unchanged, becomes safe; and everything else is as it was.
# timeout: 300

set_up() {
        adopt_clean
}

# --- adopt and release --------------------------------------------------------------------------------------------------

test_adopt_needs_a_yes() {
        gateway_start mixed
        check_status 0 as alice cgmove adopt --dry-run "$GATEWAY"
        check_contains "$OUTPUT" "$DROP_IN"
        check_contains "$OUTPUT" "Environment=\"PATH=$SHIMS:"
        check_contains "$OUTPUT" "cgmove wait-port"
        check_no_file "$DROP_IN"
        check_status 1 as alice cgmove adopt "$GATEWAY"
        check_contains "$OUTPUT" "--yes"
        check_no_file "$DROP_IN"
        check_status 0 as alice sh -c "echo n | script -qec 'cgmove adopt $GATEWAY || true' /dev/null"
        check_contains "$OUTPUT" "Nothing was changed"
        check_no_file "$DROP_IN"
        check_status 0 as alice sh -c "echo y | script -qec 'cgmove adopt $GATEWAY' /dev/null"
        check_contains "$OUTPUT" "next start"
        check_file "$DROP_IN"
}

test_adopt_writes_and_release_removes() {
        local before
        gateway_start mixed
        before=$(gateway_property Environment)
        as alice cgmove adopt --yes openclaw-gateway
        check_equal "$(stat -c '%U %a' "$DROP_IN")" "alice 644"
        check_match "$(gateway_property Environment)" "PATH=$SHIMS:.*/usr/bin"
        check_contains "$(gateway_property ExecStartPre)" 18789
        check_equal "$(as alice cgmove adopt --yes --json "$GATEWAY" | jq -c '[.adopt.changed, .adopt.ports, .adopt.addresses, .schema]')" '[false,[18789],["127.0.0.1:18789"],1]'
        check_equal "$(grep -o "$SHIMS" "$DROP_IN" | wc -l)" 1 "shims in the PATH"
        as alice cgmove adopt --yes -p 4711 "$GATEWAY"
        check_contains "$(gateway_property ExecStartPre)" 4711
        as alice cgmove adopt --yes -p "[::1]:4711" "$GATEWAY"
        check_contains "$(gateway_property ExecStartPre)" "[::1]:4711"
        as alice cgmove release "$GATEWAY"
        check_no_file "$GATEWAY_UNIT.d"
        check_equal "$(gateway_property Environment)" "$before" "environment after the release"
        check_status 0 as alice cgmove release "$GATEWAY"
        check_contains "$OUTPUT" "not adopted"
}

test_only_what_is_ours() {
        gateway_start mixed
        as alice mkdir "$GATEWAY_UNIT.d"
        echo "[Service]" >"$DROP_IN"
        check_status 1 as alice cgmove adopt --yes "$GATEWAY"
        check_contains "$OUTPUT" "not written by cgmove"
        check_status 1 as alice cgmove release "$GATEWAY"
        check_equal "$(cat "$DROP_IN")" "[Service]" "the file of someone else"
        rm "$DROP_IN"
        echo "[Service]" >"$GATEWAY_UNIT.d/10-mine.conf"
        as alice cgmove adopt --yes "$GATEWAY"
        as alice cgmove release "$GATEWAY"
        check_file "$GATEWAY_UNIT.d/10-mine.conf"
        check_no_file "$DROP_IN"
}

test_adopt_refuses() {
        check_status 1 as alice cgmove adopt --yes nowhere
        check_contains "$OUTPUT" "no unit nowhere.service"
        check_status 2 as alice cgmove adopt --yes default.target
        check_status 2 as alice cgmove adopt --yes 'open*'
        check_status 2 as alice cgmove adopt
        check_status 2 as alice cgmove adopt -p 0 "$GATEWAY"
        check_status 2 as alice cgmove adopt --when "" "$GATEWAY"
        check_status 2 as alice cgmove adopt --when $'true\nExecStart=/bin/sh' "$GATEWAY"
        check_status 1 as alice cgmove adopt --system --yes dbus
        check_contains "$OUTPUT" "sudo"
        check_status 1 cgmove adopt --system --yes nowhere
}

# A folder that a user controls does not lead root astray.
test_root_writes_in_no_users_folder() {
        gateway_start mixed
        check_status 1 env HOME=/home/alice XDG_RUNTIME_DIR=/run/user/1000 cgmove adopt --yes "$GATEWAY"
        check_no_file "$DROP_IN"
}

test_difficult_paths() {
        # as systemd takes it: %% and \" in quotes
        gateway_start mixed "" 'Environment="PATH=/opt/a b:/opt/50%%:/opt/%%h:/opt/q\"q:/opt/b\\s:/usr/bin:/bin"'
        local wanted='/opt/a b:/opt/50%:/opt/%h:/opt/q"q:/opt/b\s:/usr/bin:/bin'
        check_equal "$(gateway_call 'printf %s "$PATH"')" "$wanted" "PATH before"
        as alice cgmove adopt --yes "$GATEWAY"
        user_systemctl alice restart "$GATEWAY"
        wait_for gateway_answers
        check_equal "$(gateway_call 'printf %s "$PATH"')" "$SHIMS:$wanted" "PATH after"
        as alice cgmove adopt --yes "$GATEWAY"
        user_systemctl alice restart "$GATEWAY"
        wait_for gateway_answers
        check_equal "$(gateway_call 'printf %s "$PATH"')" "$SHIMS:$wanted" "PATH after another one"
        check_survives "systemctl --user restart $GATEWAY; echo done >$MARKER"
}

test_later_drop_in_is_told() {
        gateway_start mixed
        as alice mkdir "$GATEWAY_UNIT.d"
        printf '[Service]\nEnvironment=PATH=/usr/bin:/bin\n' >"$GATEWAY_UNIT.d/90-path.conf"
        check_status 0 as alice cgmove adopt --yes "$GATEWAY"
        check_contains "$OUTPUT" "no effect"
}

test_ports() {
        gateway_start mixed "--ports 18789,18790"
        check_contains "$(as alice cgmove adopt --dry-run "$GATEWAY")" " --reuse --timeout=30 127.0.0.1:18789 127.0.0.1:18790"
        gateway_remove
        # a port of its own: here a connection of a test before, in TIME_WAIT, would matter
        gateway_start mixed "--port 18797 --no-reuseaddr" "TimeoutStartSec=40"
        check_contains "$(as alice cgmove adopt --dry-run "$GATEWAY")" "wait-port --timeout=30 127.0.0.1:18797"
        user_systemctl alice stop "$GATEWAY"
        check_status 0 as alice cgmove adopt --dry-run "$GATEWAY"
        check_lacks "$OUTPUT" "wait-port"
        check_contains "$OUTPUT" "does not run"
}

# Somebody else's listener on another address of the same port is not waited for.
test_other_addresses_do_not_delay_a_start() {
        local start
        adopt_start mixed
        as bob systemd-run --user --quiet --collect --unit=holder.service -p Type=notify -p NotifyAccess=all \
                python3 /opt/cgmove-tests/holder.py --address 127.0.0.2 18789
        start=$EPOCHREALTIME
        user_systemctl alice restart "$GATEWAY"
        [[ $(((${EPOCHREALTIME/./} - ${start/./}) / 1000000)) -lt 20 ]] || fail "the start was delayed"
        user_systemctl bob stop holder.service
        wait_for gateway_answers
}

# What was started before, and a unit whose cgmove is gone, work on.
test_without_cgmove_it_starts_too() {
        adopt_start mixed
        mv /usr/bin/cgmove /usr/bin/cgmove.away
        mv "$SHIMS" "$SHIMS.away"
        user_systemctl alice restart "$GATEWAY" || { mv "$SHIMS.away" "$SHIMS"; mv /usr/bin/cgmove.away /usr/bin/cgmove; fail "no start"; }
        mv "$SHIMS.away" "$SHIMS"
        mv /usr/bin/cgmove.away /usr/bin/cgmove
        wait_for gateway_answers
}

# --- the usual commands, unchanged --------------------------------------------------------------------------------------

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

# --- all else is as it was ----------------------------------------------------------------------------------------------

# A program that tells all it was given.
spy_write() {
        as alice mkdir -p /home/alice/bin
        script_write bin/systemctl <<-'SCRIPT'
		#!/bin/bash
		printf '<%s>' "$0" "$@"
		echo
		env | grep -v '^_=' | sort
		ls -l /proc/self/fd | sed -E -e 's/.* ([0-9]+ -> )/\1/' -e 's/pipe:.*/pipe/' | grep -v /proc/
		grep -E '^Sig(Blk|Ign)' /proc/self/status
		readlink /proc/self/cwd
		cat
		exit 42
	SCRIPT
}

test_transparent() {
        local shim real
        adopt_start mixed
        spy_write
        script_write compare <<-SCRIPT
		exec 7</dev/null 9>/home/alice/nine
		trap '' USR1 CHLD
		for p in "$SHIMS:/home/alice/bin" /home/alice/bin; do
		        echo "input" | PATH=\$p:/usr/bin:/bin bash -c 'PATH=\$PATH; systemctl --user status "a b" -- "*" ""; echo "status \$?"' |
		                grep -v ^PATH= >out-\${#p}
		done
	SCRIPT
        gateway_call "bash compare"
        shim=$(cat "/home/alice/out-$(printf %s "$SHIMS:/home/alice/bin" | wc -c)")
        real=$(cat "/home/alice/out-$(printf %s /home/alice/bin | wc -c)")
        check_contains "$real" "<status><a b><--><*><>"
        check_contains "$real" "9 -> /home/alice/nine"
        check_contains "$real" "status 42"
        check_equal "$shim" "$real" "what a program gets through the shim"
        rm -f /home/alice/out-* /home/alice/compare /home/alice/nine
}

# Command lines of systemctl that are none of ours; each is run twice in a row, by way of the shim and without it.
command_lines() {
        cat <<-LINES
		--version
		--help
		--user --version
		--user is-active $GATEWAY
		--user is-active nowhere
		--user is-failed $GATEWAY
		--user is-enabled $GATEWAY
		--user show -p Id,ActiveState,MainPID,NRestarts $GATEWAY
		--user show --value -p MainPID $GATEWAY
		--user -P MainPID show $GATEWAY
		--user cat $GATEWAY
		--user list-units --no-legend --plain 'openclaw*'
		--user list-unit-files --no-pager 'openclaw*'
		--user list-dependencies --plain default.target
		--user list-jobs
		--user show-environment
		--user status nowhere
		--user -n0 --no-pager status $OTHER
		--user start nowhere
		--user stop nowhere
		--user restart nowhere
		--user try-restart nowhere
		--user reload-or-restart nowhere
		--user restart
		--user restart --dry-run
		--user restart $OTHER
		--user try-restart $OTHER
		--user stop $OTHER
		--user start $OTHER
		--user start $GATEWAY
		--user -q restart $OTHER
		--user --no-block restart $OTHER
		--user reload $OTHER
		--user restart --wait=x $GATEWAY
		--user restart --nonsense $GATEWAY
		--user --job-mode=nonsense restart $GATEWAY
		--user try-restart --wait $GATEWAY
		--user restart -t nonsense $GATEWAY
		--user -H restart
		--user --re $GATEWAY
		--user reset-failed
		--user daemon-reload
		--user kill -s 0 $OTHER
		--user get-default
		--user mask --runtime $OTHER
		--user unmask --runtime $OTHER
		--user --root=/nowhere restart $GATEWAY
		is-active dbus.service
		get-default
		show -p Version
		restart $GATEWAY
		restart nowhere
		stop dbus.service
		reboot --dry-run --help
		nonsense
		'' $GATEWAY
		--user restart /nowhere
		--user restart $OTHER nowhere
	LINES
}

compare_lines() {
        local old
        old=$(gateway_pid)
        command_lines >/home/alice/lines
        [[ $(wc -l </home/alice/lines) -ge 40 ]] || fail "too few lines"
        script_write compare <<-'SCRIPT'
		export SYSTEMD_COLORS=0 LC_ALL=C.UTF-8
		real=${PATH#*:}
		n=0
		while read -r line; do
		        # what it changes is changed already for both
		        eval "PATH=$real; systemctl $line" >/dev/null 2>&1 </dev/null
		        PATH=/usr/libexec/cgmove/shims:$real
		        eval "systemctl $line" >shim.out 2>shim.err </dev/null
		        echo "status $?" >>shim.out
		        eval "PATH=$real; systemctl $line" >real.out 2>real.err </dev/null
		        echo "status $?" >>real.out
		        PATH=/usr/libexec/cgmove/shims:$real
		        sed -i -e 's/^PATH=.*//' -e 's/; [0-9a-z ]* ago$//' shim.out real.out
		        cmp -s shim.out real.out && cmp -s shim.err real.err || {
		                echo "different: $line"
		                diff real.out shim.out
		                diff real.err shim.err
		        }
		        n=$((n + 1))
		done <lines
		echo "compared $n"
	SCRIPT
        check_equal "$(gateway_call "bash compare 2>&1")" "compared $(wc -l </home/alice/lines)" "differences"
        check_equal "$(gateway_pid)" "$old" "main process"
        rm -f /home/alice/{lines,compare,shim.out,shim.err,real.out,real.err}
}

test_other_command_lines() {
        adopt_start control-group
        other_start
        compare_lines
}

test_other_command_lines_without_the_daemon() {
        adopt_start control-group
        other_start
        systemctl stop cgmoved.socket cgmoved.service
        compare_lines
}

# A restart from inside is what it was without cgmove.
test_restart_without_the_daemon() {
        local old
        adopt_start process
        old=$(gateway_pid)
        systemctl stop cgmoved.socket cgmoved.service
        gateway_call "systemctl --user restart $GATEWAY 2>messages; echo done >$MARKER" || true
        wait_for test -e "$MARKER"
        wait_for gateway_is_new "$old"
        check_equal "$(cat /home/alice/messages)" "" "what is said"
}

test_restart_refused_by_policy() {
        local old jobs
        adopt_start process
        jobs=$(list_of alice '.jobs | length')
        old=$(gateway_pid)
        policy_only </dev/null
        gateway_call "systemctl --user restart $GATEWAY 2>messages; echo done >$MARKER" || true
        wait_for test -e "$MARKER"
        wait_for gateway_is_new "$old"
        check_equal "$(cat /home/alice/messages)" "" "what is said"
        check_equal "$(list_of alice '.jobs | length')" "$jobs" "number of jobs"
}

# From outside of the unit, and for what is in a job already, the shim has nothing to do.
test_from_elsewhere() {
        local old restarts count='[.jobs[] | select(.kind == "restart")] | length'
        adopt_start control-group
        restarts=$(list_of alice "$count")
        old=$(gateway_pid)
        as alice env "PATH=$SHIMS:/usr/bin:/bin" systemctl --user restart "$GATEWAY"
        wait_for gateway_is_new "$old"
        old=$(gateway_pid)
        gateway_call_strict "cgmove run --name inner -- sh -c 'systemctl --user restart $GATEWAY; echo outcome; echo done >$MARKER'"
        wait_for gateway_is_new "$old"
        wait_for test -e "$MARKER"
        check_equal "$(list_of alice "$count")" "$restarts" "restarts by way of cgmove"
}

# In a chroot, or with RootDirectory=, it may be all there is, and not be able to ask who it is.
test_without_proc() {
        local root
        root=$(mktemp -d)
        mkdir -p "$root$SHIMS"
        cp "$SHIMS/systemctl" "$root$SHIMS/"
        check_status 127 timeout 20 env PATH="$SHIMS" /usr/sbin/chroot "$root" "$SHIMS/systemctl" status
        check_contains "$OUTPUT" "No systemctl found but that of cgmove"
        check_status 127 timeout 20 env PATH="$SHIMS:$SHIMS" /usr/sbin/chroot "$root" systemctl status
        rm -rf "$root"
}

# --- system units -------------------------------------------------------------------------------------------------------

SYSTEM_UNIT=/etc/systemd/system/adopted.service

system_unit_start() {
        cat >"$SYSTEM_UNIT" <<-UNIT
		[Service]
		Type=notify
		User=alice
		WorkingDirectory=/home/alice
		ExecStart=/usr/bin/python3 $GATEWAY_PY serve --port 18795
		Restart=always
		RestartSec=1
		KillMode=control-group
	UNIT
        systemctl daemon-reload
        systemctl start adopted.service
        GATEWAY_ADDRESS=(--port 18795)
}

system_unit_is_new() {
        local pid
        pid=$(systemctl show --value -p MainPID adopted.service) && [[ $pid -gt 0 && $pid -ne $1 ]] && gateway_call true
}

system_unit_remove() {
        systemctl stop adopted.service
        rm -rf "$SYSTEM_UNIT" "$SYSTEM_UNIT.d"
        systemctl daemon-reload
}

test_system_unit() {
        local old
        system_unit_start
        cgmove adopt --system --yes adopted
        check_equal "$(stat -c '%U %a' "$SYSTEM_UNIT.d/50-cgmove.conf")" "root 644"
        check_contains "$(systemctl show --value -p ExecStartPre adopted)" 18795
        systemctl restart adopted
        policy_only <<-POLICY
		policy "system" {
		        users   = {"alice"}
		        from    = {"system:adopted.service"}
		        restart = {"system:adopted.service"}
		}
	POLICY
        old=$(systemctl show --value -p MainPID adopted.service)
        gateway_call "systemctl restart adopted; echo done >$MARKER"
        check_equal "$(gateway_answered_by)" "$old" "process that has answered"
        wait_for test -e "$MARKER"
        wait_for system_unit_is_new "$old"
        wait_for no_restart_runs
        check_equal "$(systemctl show --value -p NRestarts adopted)" 0 "automatic restarts"
        cgmove release --system adopted
        check_no_file "$SYSTEM_UNIT.d"
        system_unit_remove
}
