# SPDX-License-Identifier: LGPL-2.1-or-later
# What becomes of a restart today, beyond the death of its command: what the scenarios of cgmove restart are measured against.

MARKER=/home/alice/marker

set_up() {
        rm -f "$MARKER"
}

tear_down() {
        thief_stop
}

test_a_left_over_makes_a_crash_loop() {
        leftover_start RestartSec=100ms
        not user_systemctl alice restart "$GATEWAY" || fail "it could be restarted"
        wait_for gateway_loops 3
        kill -0 "$(leftover_pid)"
}

test_time_wait_makes_a_crash_loop() {
        time_wait_start RestartSec=100ms
        not user_systemctl alice restart "$GATEWAY" || fail "it could be restarted"
        wait_for gateway_loops 3
}

test_after_a_few_rounds_systemd_gives_up() {
        leftover_start "${STRICT_LIMIT[@]}"
        run_into_start_limit
        # and what people try next does not help
        user_systemctl alice reset-failed "$GATEWAY"
        not user_systemctl alice start "$GATEWAY" || fail "it could be started"
        wait_for gateway_state_is failed
}

# The command waits for the restart, the restart for the gateway, the gateway for the command.
test_draining_is_a_deadlock() {
        gateway_start mixed --drain TimeoutStopSec=20
        local old
        old=$(gateway_pid)
        gateway_call "systemctl --user restart $GATEWAY; echo done >$MARKER" &
        wait_for gateway_has SubState stop-sigterm
        sleep 3
        gateway_has SubState stop-sigterm || fail "it is $(gateway_property SubState)"
        check_equal "$(gateway_pid)" "$old"
        pgrep -u alice -f "systemctl --user restart $GATEWAY"
        wait || true
        wait_for gateway_is_new "$old"
        check_no_file "$MARKER"
}

test_a_changed_unit_file_is_not_seen() {
        gateway_start mixed
        gateway_write mixed "--ports 18789,18790"
        user_systemctl alice restart "$GATEWAY"
        wait_for gateway_answers
        not gateway_answers --port 18790 || fail "it answers on the new port"
}

# A restart is reported as done, and the service is dead a moment later.
test_a_start_that_fails_at_once_is_reported_as_done() {
        gateway_start mixed
        gateway_write mixed "--exit-after 0" Type=simple Restart=no
        user_systemctl alice daemon-reload
        check_status 0 user_systemctl alice restart "$GATEWAY"
        wait_for gateway_state_is failed
}

test_somebody_else_takes_the_port() {
        gateway_start mixed "" "ExecStopPost=/bin/sleep 1" RestartSec=100ms
        thief_start
        not user_systemctl alice restart "$GATEWAY" || fail "it could be restarted"
        thief_has_the_port || fail "who listens: $(port_listeners 18789)"
        wait_for gateway_loops 3
        thief_stop
}
