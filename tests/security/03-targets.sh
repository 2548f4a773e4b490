# SPDX-License-Identifier: LGPL-2.1-or-later
# Targets that are no process of the caller's, or no process any more. (Threat 3; the rest of it is in tests/machine/40-refusals.sh.)

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
        pkill -u alice -f os._exit
        wait || true
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
        pkill -KILL -u alice -f threading.Thread
        wait || true
}

test_numbers_that_are_none() {
        local number
        for number in 0 -1 -2 2147483648 4294967297 18446744073709551616 '' ' 1' 1x 0x1; do
                check_status 2 as alice cgmove move -- "$number"
        done
}
