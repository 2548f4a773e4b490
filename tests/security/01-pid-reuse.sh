# SPDX-License-Identifier: LGPL-2.1-or-later
# Targets that end on the way, and whose number is another process's at once. (Threat 1; 01-pid-reuse-vm.sh does it more often, on
# kernels where the write to cgroup.procs looks the number up late.)
#
# Up to Linux 6.17 that write waits for a lock first; a container has the kernel of its host. So each place at which a number can
# change hands is tried with the daemon held right there, which needs no luck; the other tests leave it to luck.
# timeout: 600

HELD=$(often 40)
ROUNDS=$(often 32)

set_up() {
        reuse_begin
}

tear_down() {
        reuse_end
}

# check_caught N: of the strangers N have come into the job's group, and been found there.
check_caught() {
        local caught=$(($(reuse_events pid-reuse-repaired) + $(reuse_events quarantine)))
        [[ $caught -ge $1 ]] || fail "only $caught of $1 strangers were noticed"
}

# held WHERE KIND: every target's number is a stranger's when the daemon uses it.
held() {
        reuse "$2" --hold "$1" "$REUSE_DAEMON" --targets 4 --rounds "$HELD"
        check_equal "${COUNTED[missed]}" 0 "numbers that could not be taken"
        check_equal "${COUNTED[gone]}" "$HELD" "moves refused for a target that is gone ($1, $2: $REUSE_LINE)"
        HELD_ALL=$((${HELD_ALL:-0} + COUNTED[reuses]))
}

# with_pid_max N COMMAND...: in the mount of /proc that can be written.
with_pid_max() {
        local before n=$1
        shift
        mkdir -p "$TEST_DIR/proc"
        mount -t proc proc "$TEST_DIR/proc"
        before=$(cat "$TEST_DIR/proc/sys/kernel/pid_max")
        echo "$n" >"$TEST_DIR/proc/sys/kernel/pid_max"
        "$@"
        echo "$before" >"$TEST_DIR/proc/sys/kernel/pid_max"
        umount "$TEST_DIR/proc"
}

# Those who can be told their place by their parent go home, daemons into quarantine.
test_number_changes_before_the_write() {
        local kind
        for kind in other subreaper root; do
                held write "$kind"
                check_equal "${COUNTED[home]}" "$HELD" "strangers ($kind) at home"
        done
        for kind in orphan daemon; do
                held write "$kind"
                check_equal "${COUNTED[quarantined]}" "$HELD" "strangers ($kind) in quarantine"
        done
        held write own
        check_equal "${COUNTED[killed]}" "$HELD" "owner's own processes in the job"
        check_caught "$HELD_ALL"
        reuse_check
        tried "$HELD_ALL" "writes of a number that had become another process's a moment before, six kinds of them; all were met in ice"
}

# Others are in ice already, and go back.
test_number_changes_before_the_last_write() {
        local kind
        for kind in other orphan own; do
                held later "$kind"
        done
        check_caught "$HELD_ALL"
        reuse_check
        tried "$HELD_ALL" "such writes with three targets in ice"
}

# The target was moved, and is gone a moment later: its number is nobody's business.
test_number_changes_after_the_write() {
        local kind
        for kind in other orphan own root; do
                held after "$kind"
                check_equal "${COUNTED[home]}" "$HELD" "strangers ($kind) at home"
        done
        check_equal "$(reuse_events pid-reuse-repaired)+$(reuse_events quarantine)" 0+0 "strangers that were touched"
        reuse_check
        tried "$HELD_ALL" "numbers that changed hands right behind the write; none was touched"
}

# Whoever is to be sent back ends in ice, and his number is another's when it is written to his source.
test_number_changes_when_it_is_sent_back() {
        local kind
        for kind in other subreaper root orphan daemon own; do
                held back "$kind"
        done
        check_caught "$HELD_ALL"
        reuse_check
        tried "$HELD_ALL" "numbers that changed hands when they were sent back to their source"
}

# The members of the job were read, and are others now, who have never been there.
test_number_changes_behind_the_list() {
        local kind
        for kind in other orphan own root; do
                held list "$kind"
                [[ ${COUNTED[home]} -ge $((3 * HELD)) ]] || fail "only ${COUNTED[home]} of strangers ($kind) who were never in the job are home"
        done
        reuse_check
        tried "$HELD_ALL" "numbers that changed hands behind the reading of the job's members"
}

# And while the stranger himself is sent away his number changes hands once more.
test_number_changes_twice() {
        local kind
        for kind in other root; do
                held twice "$kind"
                check_equal "${COUNTED[home]}" "$HELD" "strangers ($kind) at home"
        done
        reuse_check
        tried "$HELD_ALL" "numbers that changed hands twice, the second time while the first stranger was sent home"
}

# At some moment around the move.
test_by_luck() {
        local kind hits=0 reuses=0 from
        for from in "$REUSE_SOURCE" "$REUSE_SYSTEM"; do
                for kind in other subreaper root orphan daemon own; do
                        REUSE_FROM=$from reuse "$kind" --targets 16 --rounds "$ROUNDS" --spread 1500 --contend 1
                        reuses=$((reuses + COUNTED[reuses]))
                        hits=$((hits + COUNTED[gone]))
                done
        done
        tried "$reuses" "numbers taken at a moment around a move; $hits moves lost a target on the way, $(reuse_events pid-reuse-repaired) strangers were sent home or ended, $(reuse_events quarantine) are in quarantine"
        [[ $hits -gt 0 ]] || fail "no move has lost a target on the way"
        reuse_check
}

# What anybody can do: forks until the kernel's counter has come round. The counter's end is a PID namespace's own since Linux 6.14;
# before, it would be the host's that is changed, and this is tried in the virtual machine alone.
test_by_forks_alone() {
        local taken=0
        if [[ $(printf '%s\n' 6.14 "$(uname -r)" | sort -V | head -n 1) == 6.14 ]]; then
                with_pid_max 1000 reuse other --wrap --targets 48 --rounds 5 --spread 1500
                taken=${COUNTED[reuses]}
                [[ $taken -gt 0 ]] || fail "no number has come round: $REUSE_LINE"
        fi
        reuse_check
        tried "$taken" "numbers that came round by forks alone; ${COUNTED[gone]:-no} moves lost a target on the way"
}
