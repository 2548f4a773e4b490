# SPDX-License-Identifier: LGPL-2.1-or-later
# Restarts of system units by the daemon: nothing that is not listed by its own name, nothing that is stopped, no unit file that root
# has not loaded; and what was up is up afterwards, whoever was killed. (Threat 25.)

PEER=/opt/cgmove-tests/peer.py
UNITS=/etc/systemd/system

victim_unit() {
        cat >"$UNITS/victim.service" <<-UNIT
		[Unit]
		Description=A service that a policy lists
		StartLimitIntervalSec=0
		[Service]
		ExecStartPre=/bin/sh -c 'echo start >>/run/victim-starts; test ! -e /run/victim-fails || { rm /run/victim-fails; exit 1; }'
		ExecStart=/bin/sleep infinity
		ExecStop=/bin/sh -c 'test ! -e /run/victim-stops-slowly || sleep 3'
		$1
	UNIT
}

system_policy() {
        policy_only <<-POLICY
	policy "test" {
	        users    = {"alice", "bob"}
	        from     = {"session", "job"}
	        restart  = {$1}
	        max-jobs = 500
	        rate     = "1000/min"
	}
	POLICY
}

set_up() {
        rm -f /home/alice/go /home/alice/inside /run/victim-* "$UNITS"/victim* "$UNITS"/other-name.service "$UNITS"/tied.service \
                "$UNITS"/template@.service
        victim_unit ""
        cp "$UNITS/victim.service" "$UNITS/template@.service"
        ln -s victim.service "$UNITS/other-name.service"
        systemctl daemon-reload
        systemctl restart victim.service
        : >/run/victim-starts
        system_policy '"system:victim.service"'
        INVOCATION=$(invocation)
        DAEMON=$(daemon_pid)
}

tear_down() {
        if mountpoint -q /run/cgmove/restarts; then
                umount --lazy /run/cgmove/restarts # the daemon has it open
                systemctl restart cgmoved.service
        fi
}

invocation() {
        systemctl show --value -p InvocationID victim.service
}

state_is() {
        [[ $(systemctl show --value -p ActiveState victim.service) == "$1" ]]
}

starts() {
        wc -l </run/victim-starts
}

check_untouched() {
        check_equal "$(invocation)" "$INVOCATION" "the unit's invocation"
        state_is active || fail "the unit is not up"
}

inside() {
        in_session alice python3 $PEER inside "$@"
}

# restart_begin WORD...: a process in a job that restarts victim.service, until restart_end; its id in $JOB, what it says in
# /home/alice/inside.
restart_begin() {
        rm -f /home/alice/go
        : >/home/alice/inside
        in_session alice python3 $PEER inside system:victim.service "$@" wait=/home/alice/go >/home/alice/inside &
        wait_for test -s /home/alice/inside
        JOB=$(head -n 1 /home/alice/inside)
        check_match "$JOB" '^[0-9]+$' "the job"
}

restart_end() {
        touch /home/alice/go
        wait
}

marks() {
        ls -A /run/cgmove/restarts
}

no_marks() {
        [[ -z $(marks) ]]
}

# --- what may be restarted ------------------------------------------------------------------------------------------------------

test_it_works() {
        local said
        said=$(inside system:victim.service GetUnit .Id .ActiveState .LoadState .SocketActivated .KillMode RestartUnit .ActiveState finish=0)
        check_equal "$(sed -n '2,$p' <<<"$said" | tr '\n' ' ')" "ok victim.service active loaded 0 control-group done active ok "
        [[ $(invocation) != "$INVOCATION" ]] || fail "the unit was not restarted"
        check_equal "$(starts)" 1
        wait_for no_marks
        check_contains "$(journalctl -q -u cgmoved -o json CGMOVE_EVENT=unit-restart CGMOVE_UNIT=system:victim.service --no-pager)" \
                '"CGMOVE_UID":"1000"'
        tried 1 'restart as it is meant to be, without which refusals prove nothing'
}

test_what_is_not_listed() {
        local name
        for name in cron ssh systemd-journald dbus cgmoved cgmove@1000 user@1000 tied other-name template@1 victim2 vic; do
                check_contains "$(in_session bob python3 $PEER restart "system:$name.service")" "Denied" "$name"
        done
        for name in template@ '*' 'vic*' ../victim /etc/systemd/system/victim 'victim.service victim2'; do
                check_contains "$(in_session bob python3 $PEER restart "system:$name.service")" InvalidArgument "$name"
        done
        for name in victim.socket multi-user.target user-1000.slice victim; do
                check_contains "$(in_session bob python3 $PEER restart "system:$name")" InvalidArgument "$name"
        done
        check_untouched
        tried 22 'restarts of what is not listed'
}

# Listed by a careless pattern, and refused all the same.
test_what_the_machine_stands_on() {
        local name
        system_policy '"system:*", "system:*@*"'
        for name in systemd-journald systemd-logind systemd-udevd dbus cgmoved cgmove@1000 cgmove@0 user@1000 user-runtime-dir@1000 rescue; do
                check_contains "$(in_session bob python3 $PEER restart "system:$name.service")" "stands on" "$name"
        done
        check_equal "$(daemon_pid)" "$DAEMON"
        tried 10 'restarts of what a careless pattern lists and the machine stands on'
}

# It may come to mean another unit at any time.
test_alias() {
        local said
        system_policy '"system:other-name.service", "system:victim.service"'
        said=$(inside system:other-name.service GetUnit RestartUnit StartUnit finish=0)
        check_equal "$(grep -c 'Denied.*other-name.service is another name of victim.service' <<<"$said")" 3
        check_untouched

        # an alias of what no policy can list
        ln -sf /lib/systemd/system/systemd-logind.service "$UNITS/other-name.service"
        systemctl daemon-reload
        check_contains "$(inside system:other-name.service RestartUnit)" Denied
        check_untouched
        tried 3 'calls by an alias, 1 by an alias of logind'
}

test_template() {
        local said
        system_policy '"system:template@*.service", "system:template@1.service", "system:*"'
        # an instance is a unit like any other, and this one is stopped: it stays so
        said=$(inside system:template@1.service GetUnit RestartUnit StartUnit finish=0)
        check_contains "$said" "template@1.service is inactive"
        check_equal "$(systemctl show --value -p ActiveState template@1.service)" inactive
        tried 3 'calls for a stopped instance of a template'
}

test_unit_that_does_not_exist() {
        local said
        system_policy '"system:victim*.service"'
        said=$(inside system:victim-none.service .LoadState RestartUnit finish=0)
        check_contains "$said" not-found
        check_contains "$said" "Denied"
        tried 1 'restart of a unit that does not exist'
}

test_stopped_unit() {
        local said
        systemctl stop victim.service
        said=$(inside system:victim.service RestartUnit StartUnit finish=0)
        check_contains "$said" "victim.service is inactive"
        state_is inactive || fail "a stopped unit was started"
        check_equal "$(starts)" 0
        tried 2 'calls that would start a stopped unit'
}

test_unit_that_is_stopped_meanwhile() {
        local said
        restart_begin RestartUnit wait=/home/alice/stopped StartUnit
        wait_for grep -q "^done" /home/alice/inside
        systemctl stop victim.service
        touch /home/alice/stopped
        wait_for grep -q Denied /home/alice/inside
        state_is inactive || fail "a stopped unit was started"
        # nor by the daemon, when the job dies
        check_status 0 cgmove stop "$JOB"
        wait_for no_marks
        state_is inactive || fail "a stopped unit was started"
        rm -f /home/alice/stopped
        wait || true
        tried 1 'start of a unit that root has stopped since, 1 death of its job'
}

test_masked_unit() {
        ln -sf /dev/null "$UNITS/victim.service"
        systemctl daemon-reload
        check_contains "$(inside system:victim.service RestartUnit finish=0)" "its unit file is masked"
        check_untouched
        tried 1 'restart of a masked unit'
}

# A half-edited unit file must not act because a user says so.
test_changed_unit_file() {
        local said
        sleep 1 # the manager compares times
        victim_unit "ExecStartPost=/bin/touch /run/victim-edited"
        said=$(inside system:victim.service .NeedDaemonReload RestartUnit finish=0)
        check_equal "$(sed -n 2p <<<"$said")" 1
        check_contains "$said" NeedsReload
        check_untouched
        systemctl daemon-reload
        check_contains "$(inside system:victim.service RestartUnit finish=0)" "done"
        check_file /run/victim-edited
        tried 1 'restart of a unit with a half-edited file'
}

# What root's unit file ties to it is restarted with it; nothing else can be reached.
test_dependencies() {
        local before
        cat >"$UNITS/tied.service" <<-UNIT
		[Unit]
		PartOf=victim.service
		[Service]
		ExecStart=/bin/sleep infinity
	UNIT
        systemctl daemon-reload
        check_contains "$(inside system:victim.service RestartUnit finish=0)" "done"
        check_equal "$(systemctl show --value -p ActiveState tied.service)" inactive "a stopped unit that is tied to it"
        systemctl start tied.service
        before=$(systemctl show --value -p InvocationID tied.service)
        check_contains "$(inside system:victim.service RestartUnit finish=0)" "done"
        [[ $(systemctl show --value -p InvocationID tied.service) != "$before" ]] || fail "PartOf= was not honoured"
        systemctl stop tied.service
        tried 2 'restarts with a unit that is tied to it, stopped and running'
}

# --- who, when, how often -------------------------------------------------------------------------------------------------------

test_from_outside_of_the_job() {
        local method
        restart_begin
        for method in GetUnit RestartUnit StartUnit; do
                check_contains "$(in_session alice python3 $PEER job "$JOB" $method)" NotYours
                check_contains "$(in_session bob python3 $PEER job "$JOB" $method)" NoSuchJob
                check_contains "$(python3 $PEER job "$JOB" $method)" NotYours
        done
        restart_end
        check_contains "$(in_session alice python3 $PEER job "$JOB" RestartUnit)" NoSuchJob
        check_untouched
        tried 10 'calls from outside of the job, by 3 users'
}

test_options_are_refused() {
        local said
        said=$(inside system:victim.service GetUnit:unit RestartUnit:mode RestartUnit:unit StartUnit:name finish=0)
        check_equal "$(grep -c 'InvalidArgument.*no option' <<<"$said")" 4
        check_untouched
        tried 4 'calls with options'
}

test_twice_and_too_early() {
        local said
        said=$(inside system:victim.service StartUnit RestartUnit RestartUnit StartUnit finish=0)
        check_contains "$(sed -n 2p <<<"$said")" Denied
        check_equal "$(sed -n 3p <<<"$said")" "done"
        check_contains "$(sed -n 4p <<<"$said")" "Denied This job has restarted"
        check_contains "$(sed -n 5p <<<"$said")" Denied
        check_equal "$(starts)" 1
        tried 3 'calls out of turn'
}

test_starts_are_counted() {
        local said
        victim_unit "ExecStartPost=/bin/test ! -e /run/victim-broken"
        systemctl daemon-reload
        touch /run/victim-broken
        said=$(inside system:victim.service RestartUnit .ActiveState StartUnit StartUnit StartUnit finish=0)
        check_equal "$(sed -n '2,5p' <<<"$said" | tr '\n' ' ')" "failed failed failed failed "
        check_contains "$(sed -n 6p <<<"$said")" "Denied This job has started victim.service 2 times"
        check_equal "$(starts)" 3
        tried 3 'starts, of which 2 are allowed'
}

test_one_thing_at_a_time() {
        touch /run/victim-stops-slowly
        restart_begin RestartUnit
        wait_for state_is deactivating
        check_contains "$(inside system:victim.service GetUnit)" "$JOB" # joined, and not inside
        check_contains "$(in_session bob python3 $PEER restart system:victim.service)" "Busy Another user is restarting"
        restart_end
        check_equal "$(starts)" 1
        tried 2 'restarts while one is under way, by 2 users'
}

test_policy_that_was_withdrawn() {
        restart_begin GetUnit wait=/home/alice/withdrawn GetUnit RestartUnit
        wait_for grep -q ok /home/alice/inside
        system_policy '"system:victim2.service"'
        touch /home/alice/withdrawn
        wait_for sh -c '[ "$(grep -c Denied /home/alice/inside)" -eq 2 ]'
        restart_end
        rm -f /home/alice/withdrawn
        check_untouched
        tried 2 'calls after the policy was withdrawn'
}

# root's word for a process of alice's would be alice's to use.
test_root_does_not_lend_his_rights() {
        local pid
        in_session alice sleep 1000 &
        wait_for pgrep -u alice -x sleep
        pid=$(pgrep -u alice -x sleep | tail -n 1)
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
        said=$(inside system:victim.service "${words[@]}" finish=0)
        [[ $(grep -c RateLimited <<<"$said") -ge 1 ]] || fail "there is no limit"
        [[ $(grep -c '^ok$' <<<"$said") -ge 100 ]] || fail "too few answers"
        check_equal "$(daemon_pid)" "$DAEMON"
        tried 150 'questions in a row'
}

# --- whoever is killed ------------------------------------------------------------------------------------------------------------

test_crash_loop_is_restarted() {
        victim_unit $'Restart=always\nRestartSec=30'
        systemctl daemon-reload
        touch /run/victim-fails
        systemctl --no-block restart victim.service
        wait_for sh -c '[ "$(systemctl show --value -p SubState victim.service)" = auto-restart ]'
        check_contains "$(inside system:victim.service RestartUnit finish=0)" "done"
        state_is active || fail "the unit is not up"
        tried 1 'restart of a unit in a crash loop'
}

# However often it was started in vain before.
test_start_limit_was_hit() {
        victim_unit $'Restart=always\nRestartSec=10ms\nExecStartPre=/bin/test ! -e /run/victim-broken'
        sed -i 's/^StartLimitIntervalSec=.*/StartLimitIntervalSec=1h/' "$UNITS/victim.service"
        systemctl daemon-reload
        touch /run/victim-broken
        systemctl --no-block restart victim.service
        wait_for state_is failed
        rm /run/victim-broken
        check_status 1 systemctl restart victim.service # as it is without cgmove
        check_equal "$(inside system:victim.service RestartUnit finish=0 | sed -n 2p)" "done"
        state_is active || fail "the unit is not up"
        tried 1 'restart of a unit behind its start limit'
}

test_job_killed_in_the_restart() {
        touch /run/victim-stops-slowly /run/victim-fails
        restart_begin RestartUnit
        wait_for state_is deactivating
        check_status 0 cgmove kill "$JOB" -s KILL
        wait || true
        wait_for state_is active
        check_equal "$(starts)" 2 # the one that failed, and the daemon's
        wait_for no_marks
        check_contains "$(journalctl -q -u cgmoved -o cat CGMOVE_EVENT=unit-start CGMOVE_JOB="$JOB" --no-pager)" "it is started again"
        tried 1 'SIGKILL of the job in a restart'
}

test_pool_stopped_in_the_restart() {
        touch /run/victim-stops-slowly /run/victim-fails
        restart_begin RestartUnit
        wait_for state_is deactivating
        systemctl stop cgmove@1000.service
        wait || true
        wait_for state_is active
        wait_for no_marks
        tried 1 'stop of the pool in a restart'
}

test_job_and_daemon_killed_in_the_restart() {
        touch /run/victim-stops-slowly /run/victim-fails
        restart_begin RestartUnit
        wait_for state_is deactivating
        systemctl kill --kill-whom=main --signal=KILL cgmoved.service
        xargs kill -KILL <"$POOL/job-$JOB/cgroup.procs"
        wait || true
        wait_for daemon_is_new "$DAEMON"
        wait_for state_is active
        check_equal "$(starts)" 2
        wait_for no_marks
        tried 1 'SIGKILL of the job and of the daemon in a restart'
}

# The job goes on, and has had its one restart.
test_daemon_killed_in_the_restart() {
        touch /run/victim-stops-slowly
        restart_begin RestartUnit wait=/home/alice/killed RestartUnit .ActiveState
        wait_for state_is deactivating
        systemctl kill --kill-whom=main --signal=KILL cgmoved.service
        wait_for daemon_is_new "$DAEMON"
        wait_for state_is active
        touch /home/alice/killed
        wait_for grep -q active$ /home/alice/inside
        check_contains "$(cat /home/alice/inside)" "Denied This job has restarted"
        restart_end
        rm -f /home/alice/killed
        check_equal "$(starts)" 1
        wait_for no_marks
        tried 1 'SIGKILL of the daemon in a restart, 1 second restart after it'
}

# The failure was reset, the start was not made: the mark that the daemon leaves then.
test_daemon_killed_between_reset_and_start() {
        systemctl stop cgmoved.socket cgmoved.service
        systemctl stop victim.service
        [[ -d /run/cgmove/restarts ]] || mkdir -m 0700 /run/cgmove/restarts
        echo '1 999999 1 1 1 victim.service' >/run/cgmove/restarts/999999
        systemctl start cgmoved.socket cgmoved.service
        wait_for state_is active
        wait_for no_marks
        check_equal "$(starts)" 1
        tried 1 'mark as a daemon leaves it that is killed between reset and start'
}

# At whatever moment: the unit fails in its restart, the job starts it again, and both it and the daemon are killed somewhere in between.
test_both_killed_at_any_moment() {
        local i
        system_policy '"system:victim.service"'
        for i in {0..14}; do
                touch /run/victim-fails
                DAEMON=$(daemon_pid)
                restart_begin RestartUnit StartUnit
                wait_for grep -q '^failed$' /home/alice/inside
                sleep "0.0$((i % 5))$i"
                systemctl kill --kill-whom=main --signal=KILL cgmoved.service
                xargs -r kill -KILL <"$POOL/job-$JOB/cgroup.procs" 2>/dev/null || true
                wait || true
                wait_for daemon_is_new "$DAEMON"
                wait_for state_is active
                wait_for no_marks
        done
        tried 15 'SIGKILLs of job and daemon at different moments of a restart'
}

# Not on its way to a start: what is stopped was stopped by somebody.
test_mark_of_a_stopped_unit() {
        systemctl stop cgmoved.socket cgmoved.service
        systemctl stop victim.service
        echo '1 999999 1 0 1 victim.service' >/run/cgmove/restarts/999999
        echo '1 999998 1 1 1 systemd-networkd.service' >/run/cgmove/restarts/999998
        echo nonsense >/run/cgmove/restarts/999997
        systemctl start cgmoved.socket cgmoved.service
        wait_for no_marks
        state_is inactive || fail "a stopped unit was started"
        check_equal "$(systemctl show --value -p ActiveState systemd-networkd.service)" inactive
        tried 3 'marks: of stopped units, of nonsense'
}

test_marks_are_roots() {
        check_equal "$(stat -c '%a %U' /run/cgmove/restarts)" "700 root"
        tried 1 'look at the folder of the marks'
}

# PID 1 drops its connections and takes its jobs along: nothing is asked for twice.
test_pid_1_executed_anew_in_the_restart() {
        touch /run/victim-stops-slowly
        restart_begin RestartUnit
        wait_for state_is deactivating
        systemctl daemon-reexec
        wait_for grep -Eq '^(done|unknown)$' /home/alice/inside
        wait_for state_is active
        check_equal "$(starts)" 1
        restart_end
        tried 1 'daemon-reexec in a restart'
}

many_sockets() {
        systemd-run --quiet --collect --uid=bob --unit=many --property=LimitNOFILE=20000 python3 -c '
import os, socket, time
for child in range(4):
    if os.fork() == 0:
        kept = [socket.create_server(("127.%d.1.1" % (child + 5), 1024 + i), backlog=1) for i in range(17000)]
        print("made", len(kept), flush=True)
        time.sleep(120)
        os._exit(0)
time.sleep(120)'
}

many_sockets_are_made() {
        [[ $(journalctl --quiet -o cat --since "@$1" -u many | grep -c '^made 17000$') -eq 4 ]]
}

# More than are looked at, of another user, keep root from nothing, and root's listeners are still known.
test_sockets_without_end() {
        local begun=$EPOCHSECONDS said
        sed -i -e 's|^ExecStart=.*|ExecStart=/usr/bin/python3 /opt/cgmove-tests/holder.py 18813|' -e 's|^\[Service\]|&\nType=notify|' \
                "$UNITS/victim.service"
        systemctl daemon-reload
        systemctl restart victim.service
        many_sockets
        wait_for many_sockets_are_made "$begun"
        said=$(systemd-run --quiet --pipe --wait cgmove restart --system --wait --json victim)
        check_equal "$(jq -c '[.job.outcome.state, .job.outcome.ports]' <<<"$said")" '["done",[18813]]'
        check_status 0 cgmove adopt --system --dry-run --port 18813 victim
        systemctl stop many victim.service
        tried 68000 'listening sockets of another user around a restart and an adoption by root'
}

# Nothing is stopped that could be forgotten: without room for its mark there is no restart.
test_no_room_for_the_mark() {
        mount -t tmpfs -o size=4k,nr_inodes=1,mode=700 none /run/cgmove/restarts
        systemctl restart cgmoved.service
        DAEMON=$(daemon_pid)
        check_contains "$(inside system:victim.service RestartUnit)" "No space left on device"
        check_untouched
        check_equal "$(ls /run/cgmove/restarts)" ""
        tear_down
        DAEMON=$(daemon_pid)
        check_contains "$(inside system:victim.service RestartUnit)" "done"
        tried 1 'restart without room for its mark'
}
