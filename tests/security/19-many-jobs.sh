# SPDX-License-Identifier: LGPL-2.1-or-later
# run: all
# machine: own
# The daemon is killed at any moment, with a thousand jobs alive. (Threat 19.)

set_up() {
        fault_begin
}

tear_down() {
        pkill -KILL -u alice python3 || true
        fault_end
}

test_1000_jobs_and_200_kills() {
        python3 /opt/cgmove-tests/many-jobs.py 1000 200
}
