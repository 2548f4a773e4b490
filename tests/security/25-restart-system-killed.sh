# SPDX-License-Identifier: LGPL-2.1-or-later
# What was up before a restart of a system unit is up afterwards, whoever was killed and whatever there is too much or too little of.
# (Threat 25.)

set_up() {
        victim_begin
}

tear_down() {
        victim_end
}

test_crash_loop_is_restarted() {
        victim_unit $'Restart=always\nRestartSec=30'
        systemctl daemon-reload
        touch /run/victim-fails
        systemctl --no-block restart victim.service
        wait_for sh -c '[ "$(systemctl show --value -p SubState victim.service)" = auto-restart ]'
        check_contains "$(victim_inside system:victim.service RestartUnit finish=0)" "done"
        victim_is active || fail "the unit is not up"
        tried 1 'restart of a unit in a crash loop'
}

# However often it was started in vain before.
test_start_limit_was_hit() {
        victim_unit $'Restart=always\nRestartSec=10ms\nExecStartPre=/bin/test ! -e /run/victim-broken'
        sed -i 's/^StartLimitIntervalSec=.*/StartLimitIntervalSec=1h/' "$VICTIM_UNITS/victim.service"
        systemctl daemon-reload
        touch /run/victim-broken
        systemctl --no-block restart victim.service
        wait_for victim_is failed
        rm /run/victim-broken
        check_status 1 systemctl restart victim.service # as it is without cgmove
        check_equal "$(victim_inside system:victim.service RestartUnit finish=0 | sed -n 2p)" "done"
        victim_is active || fail "the unit is not up"
        tried 1 'restart of a unit behind its start limit'
}

test_job_killed_in_the_restart() {
        touch /run/victim-stops-slowly /run/victim-fails
        victim_restart_begin RestartUnit
        wait_for victim_is deactivating
        check_status 0 cgmove kill "$JOB" -s KILL
        wait || true
        wait_for victim_is active
        check_equal "$(victim_starts)" 2 # the one that failed, and the daemon's
        wait_for victim_no_marks
        wait_for journal_has "it is started again" -o cat CGMOVE_EVENT=unit-start "CGMOVE_JOB=$JOB"
        tried 1 'SIGKILL of the job in a restart'
}

test_pool_stopped_in_the_restart() {
        touch /run/victim-stops-slowly /run/victim-fails
        victim_restart_begin RestartUnit
        wait_for victim_is deactivating
        systemctl stop cgmove@1000.service
        wait || true
        wait_for victim_is active
        wait_for victim_no_marks
        tried 1 'stop of the pool in a restart'
}

test_job_and_daemon_killed_in_the_restart() {
        touch /run/victim-stops-slowly /run/victim-fails
        victim_restart_begin RestartUnit
        wait_for victim_is deactivating
        systemctl kill --kill-whom=main --signal=KILL cgmoved.service
        xargs kill -KILL <"$POOL/job-$JOB/cgroup.procs"
        wait || true
        wait_for daemon_is_new "$DAEMON"
        wait_for victim_is active
        check_equal "$(victim_starts)" 2
        wait_for victim_no_marks
        tried 1 'SIGKILL of the job and of the daemon in a restart'
}

# The job goes on, and has had its one restart.
test_daemon_killed_in_the_restart() {
        touch /run/victim-stops-slowly
        victim_restart_begin RestartUnit wait=/home/alice/killed RestartUnit .ActiveState
        wait_for victim_is deactivating
        systemctl kill --kill-whom=main --signal=KILL cgmoved.service
        wait_for daemon_is_new "$DAEMON"
        wait_for victim_is active
        touch /home/alice/killed
        wait_for grep -q active$ /home/alice/inside
        check_contains "$(cat /home/alice/inside)" "Denied This job has restarted"
        victim_restart_end
        rm -f /home/alice/killed
        check_equal "$(victim_starts)" 1
        wait_for victim_no_marks
        tried 1 'SIGKILL of the daemon in a restart, 1 second restart after it'
}

# The failure was reset, the start was not made: the mark that the daemon leaves then.
test_daemon_killed_between_reset_and_start() {
        systemctl stop cgmoved.socket cgmoved.service
        systemctl stop victim.service
        [[ -d /run/cgmove/restarts ]] || mkdir -m 0700 /run/cgmove/restarts
        echo '1 999999 1 1 1 victim.service' >/run/cgmove/restarts/999999
        systemctl start cgmoved.socket cgmoved.service
        wait_for victim_is active
        wait_for victim_no_marks
        check_equal "$(victim_starts)" 1
        tried 1 'mark as a daemon leaves it that is killed between reset and start'
}

# At whatever moment: the unit fails in its restart, the job starts it again, and both it and the daemon are killed somewhere in between.
test_both_killed_at_any_moment() {
        local i
        victim_policy '"system:victim.service"'
        for i in {0..14}; do
                touch /run/victim-fails
                DAEMON=$(daemon_pid)
                victim_restart_begin RestartUnit StartUnit
                wait_for grep -q '^failed$' /home/alice/inside
                sleep "0.0$((i % 5))$i"
                systemctl kill --kill-whom=main --signal=KILL cgmoved.service
                xargs -r kill -KILL <"$POOL/job-$JOB/cgroup.procs" 2>/dev/null || true
                wait || true
                wait_for daemon_is_new "$DAEMON"
                wait_for victim_is active
                wait_for victim_no_marks
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
        wait_for victim_no_marks
        victim_is inactive || fail "a stopped unit was started"
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
        victim_restart_begin RestartUnit
        wait_for victim_is deactivating
        systemctl daemon-reexec
        wait_for grep -Eq '^(done|unknown)$' /home/alice/inside
        wait_for victim_is active
        check_equal "$(victim_starts)" 1
        victim_restart_end
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
                "$VICTIM_UNITS/victim.service"
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
        check_contains "$(victim_inside system:victim.service RestartUnit)" "No space left on device"
        victim_check_untouched
        check_equal "$(ls /run/cgmove/restarts)" ""
        victim_end
        DAEMON=$(daemon_pid)
        check_contains "$(victim_inside system:victim.service RestartUnit)" "done"
        tried 1 'restart without room for its mark'
}
