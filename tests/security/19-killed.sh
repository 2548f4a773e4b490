# SPDX-License-Identifier: LGPL-2.1-or-later
# run: all
# machine: own
# timeout: 600
# SIGKILL of the daemon at every system call of what it does. (Threat 19; errors that it lives through are in 19-errors.sh.)

set_up() {
        fault_begin
}

tear_down() {
        fault_end
}

test_move() {
        python3 "$FAULT_PY" kill move
}

test_move_of_several() {
        python3 "$FAULT_PY" change several
}

test_move_of_a_tree() {
        python3 "$FAULT_PY" change tree
}

test_first_move() {
        python3 "$FAULT_PY" change first
}

test_request_of_a_restart() {
        python3 "$FAULT_PY" change restart
}

test_stop() {
        python3 "$FAULT_PY" change stop
}

test_stop_by_sigkill() {
        python3 "$FAULT_PY" kill kill
}

test_end_of_a_job() {
        python3 "$FAULT_PY" kill end
}

test_reload() {
        python3 "$FAULT_PY" change reload
}

test_start() {
        fault_watch_starts
        python3 /opt/cgmove-tests/killed-start.py
}
