# SPDX-License-Identifier: LGPL-2.1-or-later
# run: all
# Load: who sends slowly, half, too much or without end, who never reads, and who sends descriptors, while others want to be served;
# thousands of jobs; pools of many users. (Threat 11; limits of memory and tasks need a machine with controllers.)
# machine: own

LOAD=/opt/cgmove-tests/load.py
BOUND=150 # times what it takes when nothing else happens

set_up() {
        local i
        for i in 1 2 3; do
                check_status 0 in_session alice cgmove run --wait -- true
        done
        check_status 0 as bob cgmove list
        daemon_note
}

tear_down() {
        pkill -f "$LOAD" || true
}

# honest N: leaves the median and the longest time of N moves, in microseconds, in $MEDIAN and $WORST.
honest() {
        local failed
        read -r MEDIAN WORST failed < <(in_session alice python3 $LOAD honest "$1")
        check_equal "$failed" 0 "honest moves that failed"
}

# The bounds are relative to what the same machine does without the attack; a move that waits for its turn waits for hundreds of
# others. Who is starved waits for seconds, or for ever.
test_bad_connections_of_many_users() {
        local median worst peak_fds
        honest 40
        median=$MEDIAN worst=$WORST
        python3 $LOAD attack 50 10 >"$TEST_DIR/attack" &
        wait_for grep -q ready "$TEST_DIR/attack"
        check_equal "$(cat "$TEST_DIR/attack")" "ready 500"
        sleep 2
        honest 40
        peak_fds=$(daemon_fds)
        daemon_check_memory $((500 * 300)) # of what each may have sent of a message, see CGMOVE_MESSAGE_MAX
        [[ $peak_fds -le $((DAEMON_FDS + 500 + 500 * 128)) ]] || fail "the daemon has $peak_fds descriptors"
        check_status 0 timeout 20 "$here/as" bob cgmove list
        pkill -TERM -f "$LOAD attack"
        wait || true
        cat "$TEST_DIR/attack"
        tried 80 "honest moves: median $median us quiet, $MEDIAN under attack; longest $worst and $WORST"
        [[ $MEDIAN -le $((median * BOUND)) ]] || fail "a move took $median us at the median, and takes $MEDIAN under attack"
        [[ $WORST -le $((worst * BOUND)) ]] || fail "a move took $worst us at most, and takes $WORST under attack"
        # malloc(3) keeps some pages that lie between others; what leaks grows again with the next attack
        daemon_check_goes_on 8192
        daemon_note
        python3 $LOAD attack 50 10 >"$TEST_DIR/attack" &
        wait_for grep -q ready "$TEST_DIR/attack"
        sleep 8
        pkill -TERM -f "$LOAD attack"
        wait || true
        daemon_check_goes_on 1024
}

# One alone who sends calls that want no answer, as fast as he can, on all connections that he may have.
test_flood_without_answers() {
        local median
        honest 50
        median=$MEDIAN
        in_session bob python3 -c "
import sys
sys.path.insert(0, '/opt/cgmove-tests')
import os, socket, threading
import load
def flood():
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(load.SOCKET)
    sock.sendall(load.BEGIN)
    while True:
        sock.sendall(load.NO_REPLY * 500)
for _ in range(40):
    threading.Thread(target=flood).start()" &
        wait_for pgrep -u bob -f NO_REPLY
        sleep 2
        honest 50
        pkill -KILL -u bob -f NO_REPLY || true
        wait || true
        tried 40 "floods of calls without answers; a move took $median us quiet, $MEDIAN meanwhile"
        [[ $MEDIAN -le $((median * BOUND)) ]] || fail "a move took $median us at the median, and takes $MEDIAN under the flood"
        daemon_check_goes_on 2048
}

# daemon_share: how many hundredths of a processor the daemon takes for some seconds.
daemon_share() {
        local stat=/proc/$DAEMON/stat before since=${EPOCHREALTIME/./} after
        before=$(awk '{ print $14 + $15 }' "$stat")
        sleep 6
        after=$(awk '{ print $14 + $15 }' "$stat")
        echo $(((after - before) * 1000000 / (${EPOCHREALTIME/./} - since)))
}

# costly VERB ARGUMENTS...: bob, in the background, until costly_end.
costly() {
        in_session bob python3 $LOAD "$@" >"$TEST_DIR/costly" 2>&1 &
        wait_for grep -q ready "$TEST_DIR/costly"
}

costly_end() {
        pkill -KILL -u bob -f "$LOAD" || true
        wait || true
}

# Who hangs up leaves calls behind that wait to be read, and a hang-up is told to whoever does not want to hear of anything.
test_calls_before_a_hang_up() {
        local share
        daemon_note
        costly hang-ups 40 300
        share=$(daemon_share)
        honest 20
        costly_end
        tried 20 "honest moves while calls are left behind on 40 connections: $MEDIAN us, the daemon is busy for $share %"
        [[ $share -le 50 ]] || fail "the daemon is busy for $share % with what one user has left behind"
        daemon_check_goes_on 4096
}

# Who closes his last connection is not forgotten while he has to wait.
test_costly_calls_one_after_the_other() {
        local share
        daemon_note
        costly serial 300
        share=$(daemon_share)
        costly_end
        tried 1 "user with a connection for each costly call: the daemon is busy for $share %"
        [[ $share -le 50 ]] || fail "the daemon is busy for $share % with the calls of one user"
        daemon_check_goes_on 4096
}

# Answers of some hundred KiB, on as many connections as there may be.
test_answers_that_nobody_reads() {
        local memory
        daemon_note
        costly unread 40 500
        wait_for_within 120 grep -q closed "$TEST_DIR/costly"
        memory=$(daemon_memory)
        costly_end
        tried 40 "connections whose answers nobody reads: the daemon had $DAEMON_MEMORY KiB, and then $memory"
        [[ $memory -le $((DAEMON_MEMORY + 8 * 1024)) ]] || fail "the daemon had $DAEMON_MEMORY KiB, and has $memory"
        check_contains "$(daemon_logged -o cat)" "or read its answers, in time"
        daemon_check_goes_on 8192
}

test_many_jobs_that_come_and_go() {
        local failed
        settings_add <<<'results { max = 50 }'
        daemon_note
        failed=$(in_session alice python3 $LOAD churn 3000)
        check_equal "$failed" 0 "moves that failed"
        wait_for sh -c "[ \$(find '$POOL' -name 'job-*' -type d | wc -l) -eq 0 ]"
        wait_for sh -c '[ "$(find /var/lib/cgmove/1000 -type f -name "*.json" | wc -l)" -le 50 ]'
        daemon_check_goes_on 2048
        tried 3000 "jobs, one after the other"
}

test_many_jobs_at_once() {
        policy_only <<-'POLICY'
	policy "many" {
	        users = {"alice"}
	        from = {"session", "job"}
	        max-jobs = 2000
	        rate = "1000000/min"
	}
	POLICY
        daemon_note
        honest 2000
        daemon_check_memory 4096
        wait_for sh -c "[ \$(find '$POOL' -name 'job-*' -type d | wc -l) -eq 0 ]"
        daemon_check_goes_on 4096
        tried 2000 "jobs at once; a move took $MEDIAN us at the median, $WORST at most"
}

# Users that need not have a name; each starts a pool, up to the host's limit.
test_pools_of_many_users() {
        local uid moved=0 refused=0
        policy_only <<-'POLICY'
	policy "all" {
	        users = {"3000-3099"}
	        from = {"system:crowd.service"}
	}
	POLICY
        settings_add <<<'max-pools = 10'
        daemon_note
        systemd-run --quiet --collect --unit=crowd.service -p Type=oneshot -p KillMode=process --wait -- python3 -c "
import sys
sys.path.insert(0, '/opt/cgmove-tests')
import os, peer
for uid in range(3000, 3030):
    if os.fork() == 0:
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        try:
            said = peer.Peer().authenticate().move([os.getpid()], [])
        except peer.Closed:
            said = 'closed'
        os.execlp('sleep', said, '1000')
" || true
        wait_for sh -c "[ \"\$(pgrep -c -x -u $(seq -s, 3000 3029) sleep)\" -ge 30 ]"
        for uid in {3000..3029}; do
                case $(tr '\0' ' ' <"/proc/$(pgrep -u "$uid" -x sleep)/cmdline") in
                [0-9]*) moved=$((moved + 1)) ;;
                *LimitReached*) refused=$((refused + 1)) ;;
                esac
        done
        check_equal "$moved moved, $refused refused" "9 moved, 21 refused" "where alice has one"
        check_equal "$(find "$POOLS" -name 'cgmove@*.service' -type d | wc -l)" 10 "the pools"
        tried 30 "users at once, where 10 pools may be"
        systemctl stop 'cgmove@*.service'
        for uid in {3000..3029}; do
                pkill -KILL -u "$uid" || true
        done
}
