# SPDX-License-Identifier: LGPL-2.1-or-later
# Each limit that a client meets: where it is, that it is said, and that the daemon goes on.

peer() {
        in_session alice python3 /opt/cgmove-tests/peer.py "$@"
}

# Whatever was done to it, the daemon is the same process, and serves everybody.
check_daemon_goes_on() {
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        check_status 0 in_session alice cgmove run -- true
        check_status 0 as bob cgmove list
}

set_up() {
        DAEMON=$(daemon_pid)
}

tear_down() {
        kill -CONT "$(daemon_pid)" || true
        systemctl stop wide.service narrow.service 2>/dev/null || true
}

test_peer_client_works() {
        check_match "$(peer move --name peer)" '^[0-9]+$'
        check_equal "$(list_of alice '[.jobs[] | select(.name == "peer")] | length')" 1
}

test_connections_of_a_user() {
        local answered
        answered=$(peer connections 80)
        [[ $answered -ge 56 && $answered -le 64 ]] || fail "$answered connections were served"
        check_daemon_goes_on
}

test_connections_of_one_user_leave_room_for_others() {
        in_session alice sh -c 'python3 -c "
import socket, time
all = []
for i in range(64):
    s = socket.socket(socket.AF_UNIX)
    s.connect(\"/run/cgmove/private\")
    all.append(s)
time.sleep(1000)"' &
        wait_for pgrep -u alice -f time.sleep
        sleep 1
        check_status 0 as bob cgmove list
        pkill -u alice -f time.sleep
        wait || true
        check_daemon_goes_on
}

# A daemon that hangs is given up also where so many wait already that nobody else gets into its queue.
test_full_queue_of_a_daemon_that_hangs() {
        local daemon
        daemon=$(daemon_pid)
        kill -STOP "$daemon"
        python3 -c "
import socket, time
all = []
try:
    while True:
        all.append(socket.socket(socket.AF_UNIX))
        all[-1].setblocking(False)
        all[-1].connect('/run/cgmove/private')
except BlockingIOError:
    open('$TEST_DIR/full', 'w').close()
time.sleep(1000)" &
        wait_for test -e "$TEST_DIR/full"
        check_status 69 timeout 120 "$here/as" alice cgmove list
        check_contains "$OUTPUT" "did not answer in time"
        pkill -f time.sleep
        wait || true
        kill -CONT "$daemon"
        check_daemon_goes_on
}

# However many users, or ids of one in his namespaces, hold all connections there are.
test_connections_of_the_host_leave_room() {
        python3 -c "
import os, socket, time
all = []
for uid in range(3000, 3010):
    os.seteuid(uid)
    for i in range(60):
        s = socket.socket(socket.AF_UNIX)
        s.connect('/run/cgmove/private')
        all.append(s)
    os.seteuid(0)
time.sleep(1000)" &
        wait_for pgrep -f 'range.3000, 3010'
        sleep 1
        check_status 0 as bob cgmove list
        check_status 0 cgmove list
        pkill -f 'range.3000, 3010'
        wait || true
        check_daemon_goes_on
}

test_requests_of_a_user() {
        local refused
        gateway_start mixed
        job_begin awaited
        refused=$(peer waits "$(job_id awaited)" 40)
        [[ $refused -ge 8 && $refused -le 12 ]] || fail "$refused of 40 were refused"
        job_check_end awaited
        check_daemon_goes_on
}

test_length_of_a_name() {
        local longest
        longest=$(printf 'x%.0s' {1..64})
        check_match "$(peer move --name "$longest")" '^[0-9]+$'
        check_contains "$(peer move --name "x$longest")" org.cgmove1.Error.InvalidArgument
        check_status 2 in_session alice cgmove run --name "x$longest" -- true
        check_daemon_goes_on
}

test_characters_of_a_name() {
        local name
        for name in . .. ../x a/b -x 'a b' $'a\nb' $'\e[31m' é cgroup.procs/x ''; do
                check_contains "$(peer move --name "$name")" org.cgmove1.Error.InvalidArgument "name \"$name\""
        done
        # no part of any path: harmless
        check_match "$(peer move --name cgroup.procs)" '^[0-9]+$'
        check_daemon_goes_on
}

test_size_of_a_message() {
        check_match "$(peer message 200000)" 'InvalidArgument'
        # one that is only a little larger gets through where it fits into memory that the daemon has anyway
        check_match "$(peer message 100000000)" 'closed|LimitReached|LimitsExceeded'
        check_daemon_goes_on
}

test_announced_size_of_a_message() {
        check_match "$(peer huge)" 'closed|Error'
        check_daemon_goes_on
}

test_processes_in_one_move() {
        check_match "$(peer move --children 128)" '^[0-9]+$'
        check_match "$(peer move --children 129)" 'closed|LimitReached|InvalidArgument'
        check_daemon_goes_on
}

test_processes_of_a_tree() {
        in_session alice python3 -c "
import os, signal, time
for i in range(4200):
    if os.fork() == 0:
        signal.pause()
open('/home/alice/all-there', 'w').close()
time.sleep(1000)" &
        wait_for_within 300 test -e /home/alice/all-there
        rm /home/alice/all-there
        check_status 75 as alice cgmove move --tree "$(pgrep -o -u alice -f '^[^ ]*python3 -c')"
        pkill -KILL -u alice -f signal.pause
        wait || true
        check_daemon_goes_on
}

test_no_process_at_all() {
        check_contains "$(peer move --children 0)" org.cgmove1.Error.InvalidArgument
        check_daemon_goes_on
}

test_unknown_option() {
        check_contains "$(peer move --key colour)" org.cgmove1.Error.InvalidArgument
        check_contains "$(peer move --key tree)" org.cgmove1.Error.InvalidArgument
        check_daemon_goes_on
}

test_wrong_signature() {
        check_contains "$(peer signature)" Error
        check_daemon_goes_on
}

test_forged_sender_changes_nothing() {
        peer sender >/dev/null
        check_daemon_goes_on
}

test_garbage() {
        check_equal "$(peer garbage)" ok
        check_daemon_goes_on
}

limited_policy() {
        # the name is the test's, for what was used up is remembered by name
        policy_only <<-POLICY
	policy "$TEST_NAME" {
	        users = {"alice"}
	        from = {"session", "user:*"}
	        $1
	}
	POLICY
}

test_jobs_of_a_user() {
        limited_policy 'max-jobs = 3'
        local i
        for i in 1 2 3; do
                check_status 0 in_session alice cgmove run -- sleep 1000
        done
        check_status 75 in_session alice cgmove run -- true
        check_contains "$OUTPUT" max-jobs
        check_status 125 in_session alice cgmove exec -- true
        # the end of one makes room
        as alice cgmove stop "$(list_of alice '[.jobs[] | select(.state == "running") | .id] | min')"
        check_status 0 in_session alice cgmove run -- true
}

# Of several sections that processes fall under, the one is named whose limit it is.
test_limit_of_one_section_of_several() {
        local unit wide narrow
        policy_only <<-'POLICY'
	policy "wide" {
	        users = {"alice"}
	        from = {"system:wide.service"}
	        tasks-max = 100
	}
	policy "narrow" {
	        users = {"alice"}
	        from = {"system:narrow.service"}
	        max-jobs = 1
	        tasks-max = 2
	}
	POLICY
        for unit in wide narrow; do
                systemd-run --quiet --collect --unit=$unit.service --uid=alice sh -c 'sleep 1000 & sleep 1000 & wait'
                wait_for members_are $unit.service 2
        done
        mapfile -t wide < <(members wide.service)
        mapfile -t narrow < <(members narrow.service)
        check_status 75 as alice cgmove move "${wide[@]}" "${narrow[0]}"
        check_contains "$OUTPUT" '"narrow" allows a job 2 (tasks-max)'
        check_status 0 as alice cgmove move "${wide[0]}"
        check_status 75 as alice cgmove move "${wide[1]}" "${narrow[0]}"
        check_contains "$OUTPUT" 'policy section "narrow" allows (max-jobs)'
}

members() {
        grep -v -x "$(systemctl show --value -p MainPID "$1")" "/sys/fs/cgroup/system.slice/$1/cgroup.procs"
}

members_are() {
        [[ $(members "$1" | wc -l) -eq $2 ]]
}

test_rate() {
        limited_policy 'rate = "3/h"'
        local i
        for i in 1 2 3; do
                check_status 0 in_session alice cgmove run -- true
        done
        check_status 75 in_session alice cgmove run -- true
        check_match "$OUTPUT" 'rate|3/h|often'
}

test_jobs_of_the_host() {
        settings_add <<<'max-jobs = 2'
        check_status 0 in_session alice cgmove run -- sleep 1000
        check_status 0 in_session alice cgmove run -- sleep 1000
        check_status 75 in_session alice cgmove run -- true
}

test_pools_of_the_host() {
        policy_only <<-'POLICY'
	policy "two" {
	        users = {"alice", "bob"}
	        from = {"session"}
	}
	POLICY
        settings_add <<<'max-pools = 1'
        check_status 0 in_session alice cgmove run -- sleep 1000
        check_status 75 in_session bob cgmove run -- true
}

test_runtime() {
        limited_policy 'runtime-max = "1s"'
        check_status 0 in_session alice cgmove run --name long -- sh -c 'while :; do sleep 1; done'
        timeout 60 "$here/as" alice cgmove wait "$(job_id long)" || true
        check_equal "$(job_field long result)" timeout
}

test_size_of_a_log() {
        settings_add <<<'log-max = "64K"'
        check_status 0 in_session alice cgmove run --wait --name wordy -- sh -c 'echo begins; seq 1 100000; echo ends'
        local log
        log=$(job_field wordy log)
        [[ $(stat -c %s "$log") -le $((80 * 1024)) ]] || fail "the log has $(stat -c %s "$log") bytes"
        check_contains "$(head -c 100 "$log")" begins
        check_contains "$(tail -c 100 "$log")" ends
}

test_number_of_results() {
        local i
        settings_add <<<'results { max = 5 }'
        for i in 1 2 3 4 5 6 7 8; do
                check_status 0 in_session alice cgmove run --wait -- true
        done
        wait_for sh -c '[ "$(find /var/lib/cgmove/1000 -type f -name "*.json" | wc -l)" -le 5 ]'
}

# A limit that this machine has no controller for is not passed over in silence: the job says what it lacks.
test_tasks_of_a_job() {
        limited_policy 'tasks-max = 5'
        if ! grep -q -w pids "$POOLS/../cgroup.controllers"; then
                check_status 0 in_session alice cgmove run --name few -- sleep 1000
                check_equal "$(job_field few 'limits_missing | join(" ")')" pids
                return
        fi
        check_status 0 in_session alice cgmove run --wait --name few -- sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait'
        check_match "$(job_log few)" '[Cc]annot fork|Resource temporarily'
}
