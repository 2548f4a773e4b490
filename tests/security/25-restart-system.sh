# SPDX-License-Identifier: LGPL-2.1-or-later
# Restarts of system units by the daemon: nothing that is not listed by its own name, nothing that is stopped, no unit file that root
# has not loaded. (Threat 25.)

set_up() {
        victim_begin
}

tear_down() {
        victim_end
}

# --- what may be restarted ------------------------------------------------------------------------------------------------------

test_it_works() {
        local said
        said=$(victim_inside system:victim.service GetUnit .Id .ActiveState .LoadState .SocketActivated .KillMode RestartUnit .ActiveState finish=0)
        check_equal "$(sed -n '2,$p' <<<"$said" | tr '\n' ' ')" "ok victim.service active loaded 0 control-group done active ok "
        [[ $(victim_invocation) != "$INVOCATION" ]] || fail "the unit was not restarted"
        check_equal "$(victim_starts)" 1
        wait_for victim_no_marks
        wait_for journal_has '"CGMOVE_UID":"1000"' -o json CGMOVE_EVENT=unit-restart CGMOVE_UNIT=system:victim.service
        tried 1 'restart as it is meant to be, without which refusals prove nothing'
}

test_what_is_not_listed() {
        local name
        for name in cron ssh systemd-journald dbus cgmoved cgmove@1000 user@1000 tied other-name template@1 victim2 vic; do
                check_contains "$(in_session bob python3 $VICTIM_PEER restart "system:$name.service")" "Denied" "$name"
        done
        for name in template@ '*' 'vic*' ../victim /etc/systemd/system/victim 'victim.service victim2'; do
                check_contains "$(in_session bob python3 $VICTIM_PEER restart "system:$name.service")" InvalidArgument "$name"
        done
        for name in victim.socket multi-user.target user-1000.slice victim; do
                check_contains "$(in_session bob python3 $VICTIM_PEER restart "system:$name")" InvalidArgument "$name"
        done
        victim_check_untouched
        tried 22 'restarts of what is not listed'
}

# Listed by a careless pattern, and refused all the same.
test_what_the_machine_stands_on() {
        local name
        victim_policy '"system:*", "system:*@*"'
        for name in systemd-journald systemd-logind systemd-udevd dbus cgmoved cgmove@1000 cgmove@0 user@1000 user-runtime-dir@1000 rescue; do
                check_contains "$(in_session bob python3 $VICTIM_PEER restart "system:$name.service")" "stands on" "$name"
        done
        check_equal "$(daemon_pid)" "$DAEMON"
        tried 10 'restarts of what a careless pattern lists and the machine stands on'
}

# It may come to mean another unit at any time.
test_alias() {
        local said
        victim_policy '"system:other-name.service", "system:victim.service"'
        said=$(victim_inside system:other-name.service GetUnit RestartUnit StartUnit finish=0)
        check_equal "$(grep -c 'Denied.*other-name.service is another name of victim.service' <<<"$said")" 3
        victim_check_untouched

        # an alias of what no policy can list
        ln -sf /lib/systemd/system/systemd-logind.service "$VICTIM_UNITS/other-name.service"
        systemctl daemon-reload
        check_contains "$(victim_inside system:other-name.service RestartUnit)" Denied
        victim_check_untouched
        tried 3 'calls by an alias, 1 by an alias of logind'
}

test_template() {
        local said
        victim_policy '"system:template@*.service", "system:template@1.service", "system:*"'
        # an instance is a unit like any other, and this one is stopped: it stays so
        said=$(victim_inside system:template@1.service GetUnit RestartUnit StartUnit finish=0)
        check_contains "$said" "template@1.service is inactive"
        check_equal "$(systemctl show --value -p ActiveState template@1.service)" inactive
        tried 3 'calls for a stopped instance of a template'
}

test_unit_that_does_not_exist() {
        local said
        victim_policy '"system:victim*.service"'
        said=$(victim_inside system:victim-none.service .LoadState RestartUnit finish=0)
        check_contains "$said" not-found
        check_contains "$said" "Denied"
        tried 1 'restart of a unit that does not exist'
}

test_stopped_unit() {
        local said
        systemctl stop victim.service
        said=$(victim_inside system:victim.service RestartUnit StartUnit finish=0)
        check_contains "$said" "victim.service is inactive"
        victim_is inactive || fail "a stopped unit was started"
        check_equal "$(victim_starts)" 0
        tried 2 'calls that would start a stopped unit'
}

test_unit_that_is_stopped_meanwhile() {
        local said
        victim_restart_begin RestartUnit wait=/home/alice/stopped StartUnit
        wait_for grep -q "^done" /home/alice/inside
        systemctl stop victim.service
        touch /home/alice/stopped
        wait_for grep -q Denied /home/alice/inside
        victim_is inactive || fail "a stopped unit was started"
        # nor by the daemon, when the job dies
        check_status 0 cgmove stop "$JOB"
        wait_for victim_no_marks
        victim_is inactive || fail "a stopped unit was started"
        rm -f /home/alice/stopped
        wait || true
        tried 1 'start of a unit that root has stopped since, 1 death of its job'
}

# Between what the daemon is told of the unit and what it asks for.
test_unit_that_is_stopped_at_that_moment() {
        local holder
        victim_restart_begin wait=/home/alice/now RestartUnit StartUnit
        /opt/cgmove-tests/hold-send "$DAEMON" EnqueueUnitJob systemctl stop victim.service >/run/victim-held &
        holder=$!
        wait_for grep -q ready /run/victim-held
        touch /home/alice/now
        wait "$holder" || fail "it was not held"
        wait_for grep -q "this job has made none" /home/alice/inside
        check_contains "$(cat /home/alice/inside)" "Denied victim.service has just been stopped"
        victim_is inactive || fail "a stopped unit was started"
        check_equal "$(victim_starts)" 0
        wait_for victim_no_marks
        victim_restart_end
        victim_is inactive || fail "a stopped unit was started"
        rm -f /home/alice/now
        tried 1 'restart of a unit that root stops at that moment'
}

victim_has_a_job() {
        [[ -n $(systemctl list-jobs --no-legend --plain victim.service) ]]
}

# A stop that root has asked for, and that has to wait for another, is one already.
test_unit_whose_stop_waits() {
        local said
        cat >"$VICTIM_UNITS/victim-user.service" <<-UNIT
		[Unit]
		After=victim.service
		[Service]
		ExecStart=/bin/sleep infinity
		ExecStop=/bin/sh -c 'until test -e /run/victim-go; do sleep 0.1; done'
	UNIT
        systemctl daemon-reload
        systemctl start victim-user.service
        systemctl stop --no-block victim-user.service victim.service
        wait_for victim_has_a_job
        victim_check_untouched
        said=$(victim_inside system:victim.service RestartUnit StartUnit finish=0)
        touch /run/victim-go
        check_contains "$said" "Denied victim.service has just been stopped"
        check_contains "$said" "this job has made none"
        wait_for victim_is inactive
        check_equal "$(victim_starts)" 0
        wait_for victim_no_marks
        tried 2 'calls that would undo a stop that waits'
}

test_masked_unit() {
        ln -sf /dev/null "$VICTIM_UNITS/victim.service"
        systemctl daemon-reload
        check_contains "$(victim_inside system:victim.service RestartUnit finish=0)" "its unit file is masked"
        victim_check_untouched
        tried 1 'restart of a masked unit'
}

# A half-edited unit file must not act because a user says so.
test_changed_unit_file() {
        local said
        sleep 1 # the manager compares times
        victim_unit "ExecStartPost=/bin/touch /run/victim-edited"
        said=$(victim_inside system:victim.service .NeedDaemonReload RestartUnit finish=0)
        check_equal "$(sed -n 2p <<<"$said")" 1
        check_contains "$said" NeedsReload
        victim_check_untouched
        systemctl daemon-reload
        check_contains "$(victim_inside system:victim.service RestartUnit finish=0)" "done"
        check_file /run/victim-edited
        tried 1 'restart of a unit with a half-edited file'
}

# What root's unit file ties to it is restarted with it; nothing else can be reached.
test_dependencies() {
        local before
        cat >"$VICTIM_UNITS/tied.service" <<-UNIT
		[Unit]
		PartOf=victim.service
		[Service]
		ExecStart=/bin/sleep infinity
	UNIT
        systemctl daemon-reload
        check_contains "$(victim_inside system:victim.service RestartUnit finish=0)" "done"
        check_equal "$(systemctl show --value -p ActiveState tied.service)" inactive "a stopped unit that is tied to it"
        systemctl start tied.service
        before=$(systemctl show --value -p InvocationID tied.service)
        check_contains "$(victim_inside system:victim.service RestartUnit finish=0)" "done"
        wait_for tied_is_new "$before" # PartOf= is honoured
        systemctl stop tied.service
        tried 2 'restarts with a unit that is tied to it, stopped and running'
}

tied_is_new() {
        local now
        now=$(systemctl show --value -p InvocationID tied.service)
        [[ -n $now && $now != "$1" ]]
}

# --- who, when, how often -------------------------------------------------------------------------------------------------------

test_from_outside_of_the_job() {
        local method
        victim_restart_begin
        for method in GetUnit RestartUnit StartUnit; do
                check_contains "$(in_session alice python3 $VICTIM_PEER job "$JOB" $method)" NotYours
                check_contains "$(in_session bob python3 $VICTIM_PEER job "$JOB" $method)" NoSuchJob
                check_contains "$(python3 $VICTIM_PEER job "$JOB" $method)" NotYours
        done
        victim_restart_end
        check_contains "$(in_session alice python3 $VICTIM_PEER job "$JOB" RestartUnit)" NoSuchJob
        victim_check_untouched
        tried 10 'calls from outside of the job, by 3 users'
}

test_options_are_refused() {
        local said
        said=$(victim_inside system:victim.service GetUnit:unit RestartUnit:mode RestartUnit:unit StartUnit:name finish=0)
        check_equal "$(grep -c 'InvalidArgument.*no option' <<<"$said")" 4
        victim_check_untouched
        tried 4 'calls with options'
}

test_twice_and_too_early() {
        local said
        said=$(victim_inside system:victim.service StartUnit RestartUnit RestartUnit StartUnit finish=0)
        check_contains "$(sed -n 2p <<<"$said")" Denied
        check_equal "$(sed -n 3p <<<"$said")" "done"
        check_contains "$(sed -n 4p <<<"$said")" "Denied This job has restarted"
        check_contains "$(sed -n 5p <<<"$said")" Denied
        check_equal "$(victim_starts)" 1
        tried 3 'calls out of turn'
}

test_starts_are_counted() {
        local said
        victim_unit "ExecStartPost=/bin/test ! -e /run/victim-broken"
        systemctl daemon-reload
        touch /run/victim-broken
        said=$(victim_inside system:victim.service RestartUnit .ActiveState StartUnit StartUnit StartUnit finish=0)
        check_equal "$(sed -n '2,5p' <<<"$said" | tr '\n' ' ')" "failed failed failed failed "
        check_contains "$(sed -n 6p <<<"$said")" "Denied This job has started victim.service 2 times"
        check_equal "$(victim_starts)" 3
        tried 3 'starts, of which 2 are allowed'
}

test_one_thing_at_a_time() {
        touch /run/victim-stops-slowly
        victim_restart_begin RestartUnit
        wait_for victim_is deactivating
        check_contains "$(victim_inside system:victim.service GetUnit)" "$JOB" # joined, and not inside
        check_contains "$(in_session bob python3 $VICTIM_PEER restart system:victim.service)" "Busy Another user is restarting"
        victim_restart_end
        check_equal "$(victim_starts)" 1
        tried 2 'restarts while one is under way, by 2 users'
}

test_policy_that_was_withdrawn() {
        victim_restart_begin GetUnit wait=/home/alice/withdrawn GetUnit RestartUnit
        wait_for grep -q ok /home/alice/inside
        victim_policy '"system:victim2.service"'
        touch /home/alice/withdrawn
        wait_for sh -c '[ "$(grep -c Denied /home/alice/inside)" -eq 2 ]'
        victim_restart_end
        rm -f /home/alice/withdrawn
        victim_check_untouched
        tried 2 'calls after the policy was withdrawn'
}

# root's word for a process of alice's would be alice's to use.
test_root_does_not_lend_his_rights() {
        local pid
        in_session alice sh -c 'exec sleep 4792' & # newer systemd-run has the whole path as the first argument
        wait_for pgrep -u alice -x -f 'sleep 4792'
        pid=$(pgrep -u alice -x -f 'sleep 4792')
        check_contains "$(python3 - "$pid" <<-'PY'
	import os, sys
	sys.path.insert(0, "/opt/cgmove-tests")
	import peer
	print(peer.Peer().authenticate().move([int(sys.argv[1])], [("restart", "s", "system:cron.service")]))
	PY
        )" "Denied"
        kill "$pid"
        wait || true
        tried 1 "restart by root through a process of a user's"
}

test_storm_of_questions() {
        local said words
        mapfile -t words < <(yes GetUnit | head -n 150)
        said=$(victim_inside system:victim.service "${words[@]}" finish=0)
        [[ $(grep -c RateLimited <<<"$said") -ge 1 ]] || fail "there is no limit"
        [[ $(grep -c '^ok$' <<<"$said") -ge 100 ]] || fail "too few answers"
        check_equal "$(daemon_pid)" "$DAEMON"
        tried 150 'questions in a row'
}
