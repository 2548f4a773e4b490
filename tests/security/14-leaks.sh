# SPDX-License-Identifier: LGPL-2.1-or-later
# No descriptor of the daemon's reaches anybody: clients, jobs, supervisors, keepers, the child that looks up names, what ExecReload=
# starts. Looked at again and again while moves, reloads and restarts of the daemon go on. (Threat 14.)

# What none but the daemon may have open, as find's %p %l shows it.
OURS='-> (/sys/fs/cgroup|/var/lib/cgmove|/run/cgmove|/etc/cgmove|/proc/|/proc$)'

# PID 1's children have its descriptors, and a name in parentheses, until they execute something.
# Descriptors of everybody, but for the daemon, PID 1, logind and the users' managers (which have cgroups of their own open), and
# this test itself. /run/cgmove/private is a name, not an open file.
foreign_descriptors() {
        local pid
        for pid in /proc/[0-9]*; do
                [[ $pid != /proc/1 ]] || continue
                case $(cat "$pid/comm" 2>/dev/null) in
                cgmoved | systemd | systemd-* | "("* | find | bash | grep | cat | dbus-daemon | journalctl | cgmove-*ctl) continue ;;
                esac
                find "$pid/fd" -mindepth 1 -printf '%p -> %l\n' 2>/dev/null
        done | grep -E -- "$OURS" || true
}

# The daemon's children, which have its name until they execute something: nothing but the standard streams and one pipe.
child_descriptors() {
        local child pid
        pid=$(daemon_pid)
        [[ $pid -gt 0 ]] || return 0
        for child in $(pgrep -P "$pid" 2>/dev/null | grep -v -x 1); do
                descriptors_of_ours "$child" >/dev/null || continue
                sleep 0.5 # it closes them first of all, but one that was just forked may not have had its turn
                descriptors_of_ours "$child" || true
        done
}

descriptors_of_ours() {
        find "/proc/$1/fd" -mindepth 1 -printf '%p -> %l\n' 2>/dev/null | grep -E -- "$OURS"
}

set_up() {
        daemon_note
}

tear_down() {
        touch "$TEST_DIR/stop"
        wait || true
}

test_all_the_time() {
        local n=0 found end
        policy_only <<-'POLICY'
	policy "names" {
	        users = {"alice", "@users", "bob", "no-such-user"}
	        from = {"session", "user:*"}
	        max-jobs = 500
	        rate = "100000/min"
	}
	POLICY
        (
                until [[ -e $TEST_DIR/stop ]]; do
                        in_session alice sh -c 'cgmove run --wait -- true; cgmove exec -- sleep 0.2; cgmove list; cgmove run -- sleep 1' || true
                done
        ) >/dev/null 2>&1 &
        (
                until [[ -e $TEST_DIR/stop ]]; do
                        policy_reload
                        sleep 0.3
                done
        ) >/dev/null 2>&1 &
        end=$((SECONDS + 40)) # a look takes seconds on a busy machine
        while [[ $n -lt 10 || ($n -lt 60 && $SECONDS -lt $end) ]]; do
                n=$((n + 1))
                [[ $n -ne 5 ]] || systemctl kill --signal=KILL --kill-whom=main cgmoved.service
                found=$( (foreign_descriptors; child_descriptors) | grep -v '^/proc/1/' || true)
                check_equal "$found" "" "descriptors of the daemon's that others have"
                sleep 0.05
        done
        touch "$TEST_DIR/stop"
        wait || true
        tried "$n" "looks at all descriptors of all processes, while moves, reloads and a restart of the daemon went on"
        wait_for daemon_is_up
        check_status 0 as bob cgmove list
}

# The check itself must see what it looks for.
test_a_leak_would_be_seen() {
        sleep 1000 9</sys/fs/cgroup/cgroup.procs &
        wait_for grep -q -x sleep "/proc/$!/comm"
        check_contains "$(foreign_descriptors)" /sys/fs/cgroup/cgroup.procs
        kill $!
        tried 1 "descriptor of a cgroup, leaked on purpose"
}

# Each descriptor of the daemon is closed at exec; what it gets from clients goes with the request.
test_the_daemons_own() {
        local fd flags n=0 before
        check_status 0 in_session alice cgmove run -- sleep 1000
        before=$(daemon_fds)
        for fd in "/proc/$DAEMON/fdinfo"/*; do
                [[ ${fd##*/} -gt 2 ]] || continue
                flags=$(sed -n 's/^flags:\t//p' "$fd" 2>/dev/null) || continue
                [[ -n $flags ]] || continue
                n=$((n + 1))
                (((8#$flags & 8#2000000) != 0)) || fail "descriptor ${fd##*/} of the daemon is not closed at exec: $(readlink "/proc/$DAEMON/fd/${fd##*/}")"
        done
        tried "$n" "looks at a descriptor of the daemon's"
        check_equal "$(in_session alice python3 /opt/cgmove-tests/peer.py move --children 100 --repeat 20 | grep -c -E '^[0-9]+$|Error')" 20
        wait_for daemon_has_fds_at_most "$before"
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        tried 2000 "descriptors passed by a client, all of which are closed"
}

# Answers bring none: a client that says that it takes descriptors is given none. Each of them fits into one reading.
test_a_client_gets_none() {
        local said
        said=$(in_session alice python3 -c "
import sys
sys.path.insert(0, '/opt/cgmove-tests')
import os, socket
from peer import *
from odd_messages import options, version
peer = Peer().authenticate()
n = 0
calls = [version(), message(1, PATH, MANAGER, 'ListJobs', 'a{sv}', options([('all', 'b', True)])),
         message(1, PATH, MANAGER, 'Explain', 'a{sv}', options([])), message(1, PATH, MANAGER, 'Check', 'aha{sv}', bytes(4) + bytes(8))]
body = Writer()
body.array(4, [0], lambda i: body.fixed('I', 4, i))
body.options([])
move = message(1, PATH, MANAGER, 'Move', 'aha{sv}', body.data, 1)
for i in range(100):
    for raw in calls + [move]:
        fd = os.pidfd_open(os.getpid())
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd]))] if raw is move else []
        peer.sock.sendmsg([raw], rights)
        os.close(fd)
        peer.receive()
        n += 1
print(n, len(peer.descriptors))")
        check_equal "$said" "500 0" "answers, and descriptors with them"
        tried 500 "answers looked at for descriptors"
}
