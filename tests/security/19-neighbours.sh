# SPDX-License-Identifier: LGPL-2.1-or-later
# run: all
# machine: own
# What the daemon works with goes away while processes are moved: PID 1 executes itself anew, the bus is restarted, journald hangs or
# is gone. Every move is answered, and done. (Threat 19; the upgrade of the package is in tests/machine/30-survival.sh.)

MOVES=/home/alice/moves

set_up() {
        fault_begin
        rm -f $MOVES /home/alice/enough
        DAEMON=$(daemon_pid)
}

tear_down() {
        touch /home/alice/enough
        systemctl kill --signal=CONT systemd-journald.service 2>/dev/null || true
        systemctl start systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service dbus.socket dbus.service || true
        wait || true
        fault_end
}

# Moves itself to and fro: one process after the other from the unit into a job, until there have been enough.
moves_begin() {
        systemd-run --quiet --collect --unit=mover -- python3 /opt/cgmove-tests/mover.py $MOVES /home/alice/enough
        wait_for moves_are 20
}

moves_are() {
        [[ $(wc -l <$MOVES) -ge $1 ]]
}

# Moves go on: COUNT more of them are answered.
moves_go_on() {
        wait_for_within $((60 + $1 / 4)) moves_are $(($(wc -l <$MOVES) + $1))
}

# All were answered with the number of a job, in which the process was then.
moves_end() {
        touch /home/alice/enough
        wait_for grep -q '^end' $MOVES
        check_equal "$(sed -E '/^(moved [0-9]+|end)$/d' $MOVES | head -n 3)" "" "moves that failed"
        wait_for not pool_has_jobs
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        COUNT=$(grep -c moved $MOVES)
}

pool_has_jobs() {
        compgen -G "$POOL/job-*"
}

test_pid_1_executes_itself_anew() {
        local i
        moves_begin
        for i in 1 2 3 4 5; do
                systemctl daemon-reexec
                moves_go_on 10
        done
        # also while a pool is being started
        for i in 1 2 3; do
                systemctl stop --no-block cgmove@1000.service || true
                systemctl daemon-reexec
                moves_go_on 5
        done
        moves_go_on 10
        moves_end
        tried "$COUNT" "moves while PID 1 executed itself anew 8 times"
}

test_bus_goes_and_comes() {
        local i
        moves_begin
        for i in 1 2 3; do
                systemctl stop dbus.socket dbus.service
                moves_go_on 20
                systemctl start dbus.socket dbus.service
                moves_go_on 20
        done
        moves_end
        tried "$COUNT" "moves while the bus went and came 3 times"
}

# Its socket is full soon: nobody waits for it.
test_journald_hangs() {
        moves_begin
        kill -STOP "$(systemctl show --value -p MainPID systemd-journald.service)"
        moves_go_on 600
        kill -CONT "$(systemctl show --value -p MainPID systemd-journald.service)"
        moves_go_on 20
        moves_end
        tried "$COUNT" "moves while journald hung"
}

test_journald_is_gone() {
        moves_begin
        systemctl stop systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket systemd-journald.service 2>/dev/null || true
        moves_go_on 200
        systemctl start systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service
        moves_go_on 20
        moves_end
        tried "$COUNT" "moves while journald was gone"
}
