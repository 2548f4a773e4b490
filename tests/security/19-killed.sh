# SPDX-License-Identifier: LGPL-2.1-or-later
# machine: own
# timeout: 400
# SIGKILL of the daemon at every system call of what it does. (Threat 19; faults that it lives through are in 19-faults.sh.)

FAULT=/opt/cgmove-tests/fault.py

tear_down() {
        fault_end
}

set_up() {
        fault_begin
}

test_move() {
        python3 $FAULT kill move
}
