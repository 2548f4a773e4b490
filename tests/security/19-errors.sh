# SPDX-License-Identifier: LGPL-2.1-or-later
# run: all
# machine: own
# timeout: 600
# An error of every system call that can have it: what was asked for fails whole, with one error, or is done; and the daemon goes
# on, or comes back. (Threat 19; SIGKILL is in 19-killed.sh, and what has really run out in 19-run-out.sh.)

set_up() {
        fault_begin
}

tear_down() {
        fault_end
}

test_EMFILE() {
        python3 "$FAULT_PY" EMFILE move tree first kill end reload
}

test_ENFILE() {
        python3 "$FAULT_PY" ENFILE several
}

test_ENOMEM() {
        python3 "$FAULT_PY" ENOMEM move kill end reload
}

test_ENOSPC() {
        python3 "$FAULT_PY" ENOSPC several stop end
}

test_EIO() {
        python3 "$FAULT_PY" EIO move kill end reload
}

test_EAGAIN() {
        python3 "$FAULT_PY" EAGAIN move restart reload
}

test_EINTR() {
        python3 "$FAULT_PY" EINTR move stop reload
}
