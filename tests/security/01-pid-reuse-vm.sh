# SPDX-License-Identifier: LGPL-2.1-or-later
# run: all
# machine: vm
# timeout: 3600
# PID reuse at scale, on stock kernels before 6.18: there the write to cgroup.procs waits for a lock before it looks the number up.
# (Threat 1.) All in all 100,000 numbers are taken around moves, one in some ten milliseconds in an emulated machine; a hundredth of
# them while others hold that lock, which takes many times as long. Less with `CGMOVE_REUSES=8000 ./check --only '*01-pid-reuse-vm*'`.

REUSES=${CGMOVE_REUSES:-100000}

set_up() {
        reuse_begin
}

tear_down() {
        reuse_end
}

# around KIND SHARE [OPTION...]: a share, in thousandths, of all numbers. How far it is, the console says.
around() {
        local kind=$1 rounds=$((REUSES * $2 / 1000 / 32))
        shift 2
        reuse "$kind" --targets 32 --rounds $((rounds + 1)) "$@"
        TAKEN=$((${TAKEN:-0} + COUNTED[reuses]))
        GONE=$((${GONE:-0} + COUNTED[gone]))
        MOVED=$((${MOVED:-0} + COUNTED[moved]))
        echo "$(date +%T) $kind: $TAKEN numbers taken" >/dev/console
}

end_of_taking() {
        reuse_check
        tried "$TAKEN" "numbers taken around moves by $1; $MOVED moves were done, $GONE lost a target on the way, $(reuse_events pid-reuse-repaired) strangers were taken out of a job, $(reuse_events quarantine) are in quarantine"
}

test_strangers_of_another_user() {
        around other 340 --spread 20000
        around other 50 --spread 4000
        end_of_taking "another user's processes"
}

test_strangers_while_the_lock_is_held() {
        around other 6 --spread 20000 --contend 2
        around own 4 --spread 20000 --contend 1
        end_of_taking "processes of another user's and one's own, while others hold the lock"
}

test_strangers_with_a_subreaper() {
        around subreaper 120 --spread 20000
        end_of_taking "another user's processes below a subreaper"
}

test_strangers_of_root() {
        around root 120 --spread 20000
        end_of_taking "processes of root"
}

test_orphans() {
        around orphan 120 --spread 20000
        end_of_taking "another user's processes whose parent is PID 1"
}

test_daemons() {
        around daemon 120 --spread 20000
        end_of_taking "another user's processes in sessions of their own whose parent is PID 1"
}

test_strangers_of_ones_own() {
        around own 110 --spread 20000
        end_of_taking "processes of one's own, in another unit"
}

test_strangers_around_a_system_unit() {
        REUSE_FROM=$REUSE_SYSTEM around other 20 --spread 20000
        end_of_taking "another user's processes, around moves out of a system unit"
}

# The quarantine has limits where there are controllers.
test_quarantine_has_limits() {
        local group=$POOL/quarantine
        reuse daemon --hold write "$REUSE_DAEMON" --rounds 3
        check_equal "${COUNTED[quarantined]}" 3 "strangers in quarantine"
        [[ $(cat "$group/pids.max") -le 512 && $(cat "$group/pids.max") -gt 0 ]] || fail "tasks of the quarantine: $(cat "$group/pids.max")"
        check_equal "$(cat "$group/memory.max")" "$(($(cat "$POOL/memory.max") / 2 / 4096 * 4096))" "memory of the quarantine"
        reuse_check
        tried 3 "strangers in a quarantine that has half of what the pool may have"
}

# What anybody can do: forks until the counter has come round.
test_wrap() {
        local pid_max
        pid_max=$(sysctl -n kernel.pid_max)
        sysctl -q kernel.pid_max=1200
        reuse other --wrap --targets 48 --rounds 4 --spread 20000
        sysctl -q kernel.pid_max="$pid_max"
        [[ ${COUNTED[reuses]} -gt 0 ]] || fail "no number has come round: $REUSE_LINE"
        reuse_check
        tried "${COUNTED[reuses]}" "numbers that came round by forks alone; ${COUNTED[gone]} of ${COUNTED[moves]} moves lost a target on the way"
}
