# SPDX-License-Identifier: LGPL-2.1-or-later
# Targets that are no process of the caller's, or no process any more. (Threat 3; what the command line makes of them is in
# tests/machine/40-refusals.sh too.) Of kernel threads only PID numbers could be tried: a container has none of its own, see
# tests/unit/test-decision.c.

set_up() {
        attack_begin
}

tear_down() {
        stuck_end 2>/dev/null || true
        put_end
        place_end alice
        user_systemctl bob stop place.service 2>/dev/null || true
}

# A process whose child has ended and is not waited for, in alice's session. Says the PID of the child.
zombie_begin() {
        in_session alice python3 -c "
import os, time
pid = os.fork()
if pid == 0:
    os._exit(0)
with open('/home/alice/zombie', 'w') as file:
    print(pid, file=file)
time.sleep(1000)" &
        wait_for test -s /home/alice/zombie
        wait_for grep -q '^State:.Z' "/proc/$(cat /home/alice/zombie)/status"
}

test_zombie() {
        rm -f /home/alice/zombie
        zombie_begin
        check_status 1 as alice cgmove move "$(cat /home/alice/zombie)"
        tried 1 move of a zombie
        pkill -u alice -f os._exit
        wait || true
}

# stuck_begin: a process of alice's whose memory nobody can look at, in $PUT. Where there is no FUSE it is an ordinary one.
STUCK_FOLDER=/run/stuck-memory
stuck_begin() {
        mkdir -p "$STUCK_FOLDER"
        [[ -e /dev/fuse ]] || mknod -m 0600 /dev/fuse c 10 229 || true
        if python3 -c 'import os; os.open("/dev/fuse", os.O_RDWR)' 2>/dev/null; then
                put "$PLACE" python3 /opt/cgmove-tests/stuck-memory.py 1000 "$STUCK_FOLDER" >"$TEST_DIR/stuck"
                wait_for grep -q ^server "$TEST_DIR/stuck"
                # the daemon would find out
                wait_for not timeout -s KILL 2 cat "/proc/$PUT/cmdline"
        else
                put_as alice "$PLACE" sleep 1000
                echo nobody >"$TEST_DIR/stuck"
        fi
        STUCK_SERVER=$(<"$TEST_DIR/stuck")
}

stuck_end() {
        kill -KILL "${STUCK_SERVER#server }"
        umount --lazy "$STUCK_FOLDER"
}
STUCK_SERVER=

# Not even a policy is needed to have oneself looked at.
test_memory_that_nobody_can_read() {
        place_begin alice
        stuck_begin
        check_match "$(timeout 60 "$here/as" alice python3 $TARGETS each --check "$PUT")" "^$PUT "
        check_match "$(timeout 60 "$here/as" alice python3 $TARGETS each "$PUT")" '^[0-9]+ [0-9]+$'
        in_job "$PUT" || fail "it is in no job"
        check_status 0 timeout 60 "$here/as" bob cgmove list
        tried 2 "looks at a process whose memory cannot be read ($(<"$TEST_DIR/stuck"))"
        stuck_end || true
        attack_end
}

# A thread that leads no group is not a process: its number must not move the group.
test_thread() {
        local leader thread
        in_session alice python3 -c "
import threading, time
threading.Thread(target=lambda: time.sleep(1000)).start()" &
        wait_for pgrep -u alice -f threading.Thread
        leader=$(pgrep -u alice -f threading.Thread)
        wait_for sh -c "[ \$(ls /proc/$leader/task | wc -l) -eq 2 ]"
        thread=$(find "/proc/$leader/task" -mindepth 1 -maxdepth 1 -not -name "$leader" -printf "%f\n")
        check_status 1 as alice cgmove move "$thread"
        not in_job "$leader" || fail "the thread's process was moved"
        tried 1 move of a thread that leads no group
        pkill -KILL -u alice -f threading.Thread
        wait || true
}

# The kernel moves the other threads of such a process, and leaves the first one, by which it is listed, where it was: a job that
# nothing could end.
test_first_thread_that_has_ended() {
        local said
        said=$(in_session alice python3 $TARGETS leader)
        check_equal "$(grep -c ': org.cgmove1.Error.Unsupported .*first thread' <<<"$said")" 5 "refusals: $said"
        check_lacks "$said" cgmove@
        check_match "$(tail -n 1 <<<"$said")" '^places: [^ ]+ [^ ]+ running$'
        tried 5 moves of a process whose first thread has ended
        attack_end
}

no_group_is_left() {
        ! compgen -G "$POOL/job-*" >/dev/null
}

# It ends at any moment of the move: all of its threads have been moved, or none.
test_first_thread_that_ends() {
        local said n
        n=$(often 400)
        policy_only <<-'POLICY'
	policy "many" {
	        users = {"alice"}
	        from = {"session"}
	        max-jobs = 100
	        rate = "100000/min"
	}
	POLICY
        said=$(in_session alice python3 $TARGETS leader-race "$n")
        check_lacks "$said" split
        not grep -v -E ' (moved pool|(Unsupported|Busy|NoSuchProcess) source)$' <<<"$said" || fail "$said"
        wait_for no_group_is_left
        tried "$n" "moves of processes whose first thread ends meanwhile: $(tr '\n' ',' <<<"$said")"
        attack_end
}

test_numbers_that_are_none() {
        local number
        for number in 0 -1 -2 2147483648 4294967297 18446744073709551616 '' ' 1' 1x 0x1; do
                check_status 2 as alice cgmove move -- "$number"
        done
        tried 10 numbers that no process can have
}

# --- on the wire -------------------------------------------------------------------------------------------------------------

# Each of these is an answer to a Move that was refused, and names no job.
check_all_refused() {
        not grep -E ': [0-9]+|: ok' <<<"$1" || fail "taken"
        not grep -E 'cgmove@' <<<"$1" || fail "moved"
        not grep -F closed <<<"$1" || fail "an answer is missing"
}

test_descriptors() {
        local said all=0 i
        for ((i = $(often 8); i > 0; i--)); do
                said=$(in_session alice python3 $TARGETS descriptors)
                all=$((all + $(wc -l <<<"$said")))
                # the message is broken where it names descriptors that it does not bring, and the connection ends or it is refused
                check_all_refused "$(grep -v -E '^(index|no descriptor|a number|too many)' <<<"$said" | sed -E 's/^(dead and|alive and|.*second).*(org[^ ]*) .*/\1: \2/')"
                check_lacks "$said" cgmove@
                not grep -E '^(index|no descriptor|a number).* [0-9]+ /' <<<"$said" || fail "taken: $said"
                check_contains "$(grep '^memfd:' <<<"$said")" "not a pidfd"
                check_contains "$(grep '^/proc/1:' <<<"$said")" "not a pidfd"
                check_contains "$(grep '^dead:' <<<"$said")" NoSuchProcess
                check_contains "$(grep '^zombie:' <<<"$said")" NoSuchProcess
                check_contains "$(grep '^too many:' <<<"$said")" closed # before anybody has looked at them
        done
        tried "$all" moves by descriptors that are no pidfds, of dead processes, too many, too few, and by numbers
        check_log 1000 "not a pidfd|NoSuchProcess"
        attack_end
}

test_processes_that_are_not_ones_own() {
        local said name before=$TEST_DIR/before pids=()
        place_begin alice
        in_session alice cgmove run -- sleep 1000 # a pool, and a keeper
        wait_for test -e "$POOL/keeper"
        user_manager_start bob
        as bob systemd-run --user --quiet --collect --unit=place sleep 4711
        wait_for pgrep -u bob -x sleep
        pids=("one=1" "daemon=$(daemon_pid)" "keeper=$(head -n 1 "$POOL/keeper/cgroup.procs")"
                "bobs=$(pgrep -u bob -x sleep)" "bobs-manager=$(systemctl show --value -p MainPID user@1001.service)"
                "manager=$(systemctl show --value -p MainPID user@1000.service)" "sd-pam=$(pgrep -f '^\(sd-pam\)' | head -n 1)"
                "journald=$(systemctl show --value -p MainPID systemd-journald.service)"
                "logind=$(systemctl show --value -p MainPID systemd-logind.service)")
        # others' processes where alice's own are
        put_as bob "$PLACE" sleep 1000
        pids+=("bobs-in-hers=$PUT")
        put_as root "$PLACE" sleep 1000
        pids+=("roots-in-hers=$PUT")
        put_as nobody "$PLACE" sleep 1000
        pids+=("nobodys-in-hers=$PUT")
        for name in "${pids[@]}"; do echo "$name $(place_of "${name#*=}")"; done >"$before"

        policy_only <<<'policy "all" { users = {"alice"} from = {"user:*", "system:*", "session", "job"} rate = "100000/min" max-jobs = 500 }'
        answers alice each "${pids[@]}" >"$TEST_DIR/first"
        for name in "is PID 1" "is cgmoved itself" "not yours: its real, effective and saved user ids are 1001, 1001 and 1001" \
                "are 65534, 65534 and 65534"; do
                check_log 1000 "$name"
        done
        said=$(answers alice each --repeat 50 "${pids[@]}"; answers alice each --tree "${pids[@]}")
        check_equal "$(wc -l <<<"$said")" $((2 * ${#pids[@]})) "answers: $said"
        not grep -v -E '^[a-z1-]+ org.cgmove1.Error.(NotYours|MainProcess|Denied) ' <<<"$said" || fail "not refused: $said"
        for name in one daemon bobs bobs-in-hers roots-in-hers nobodys-in-hers keeper journald; do
                check_contains "$(grep "^$name " <<<"$said")" NotYours "$name"
        done
        # with one of her own before and behind
        put_as alice "$PLACE" sleep 1000
        for name in "${pids[@]}"; do
                check_match "$(answers alice together "$PUT" "${name#*=}")" 'Error\.(NotYours|MainProcess)'
                check_match "$(answers alice together "${name#*=}" "$PUT")" 'Error\.(NotYours|MainProcess)'
        done
        check_equal "$(place_of "$PUT")" "${PLACE#/sys/fs/cgroup}" "her own process"
        for name in "${pids[@]}"; do echo "$name $(place_of "${name#*=}")"; done | diff "$before" - || fail "something was moved"
        tried $((54 * ${#pids[@]})) moves of PID 1, daemon, keeper, managers, and of processes of others
        attack_end
}

# PIDFD_THREAD is of Linux 6.9.
test_threads_by_pidfd() {
        local said
        said=$(in_session alice python3 $TARGETS threads)
        not grep -E '(: [0-9]+ |cgmove@)' <<<"$said" || fail "moved: $said"
        grep -q -E "not to be had|InvalidArgument" <<<"$said" || fail "$said"
        tried "$(wc -l <<<"$said")" moves by descriptors of threads
        attack_end
}
