# SPDX-License-Identifier: LGPL-2.1-or-later
# Gateways whose port is taken when they start again: the crash loops that users are in today.

# Its own port, for sockets without SO_REUSEADDR disturb all that come after them for a minute.
TIME_WAIT_PORT=18793
LEFT_OVER="sleep 4261"

# leftover_start [LINE...]: under KillMode=process, with a child that has inherited the listening socket.
leftover_start() {
        gateway_start process "--leave-child \"exec $LEFT_OVER\"" "$@"
        wait_for leftover_pid
}

# The oldest of them: that of the first instance.
leftover_pid() {
        pgrep -u alice -o -f -x "$LEFT_OVER"
}

# time_wait_start [LINE...]: a server that does not set SO_REUSEADDR, and a connection that it has ended itself.
time_wait_start() {
        GATEWAY_ADDRESS=(--port "$TIME_WAIT_PORT")
        # of a test before
        wait_for_within 90 not port_is_in_time_wait "$TIME_WAIT_PORT"
        gateway_start mixed "--port $TIME_WAIT_PORT --no-reuseaddr" "$@"
        time_wait_make
}

time_wait_make() {
        wait_for time_wait_try
}

time_wait_try() {
        "$GATEWAY_CALL" "${GATEWAY_ADDRESS[@]}" hang-up
        sleep 0.1
        port_is_in_time_wait "$TIME_WAIT_PORT"
}

# Lines of a unit that gives up after a few starts.
STRICT_LIMIT=("StartLimitIntervalSec=300" "StartLimitBurst=4" "RestartSec=100ms")

# It has been started by itself at least COUNT times, and does not answer.
gateway_loops() {
        [[ $(gateway_property NRestarts) -ge $1 ]] && ! gateway_answers
}

# The service is restarted, does not come back, and systemd gives up: it does not even try any more.
run_into_start_limit() {
        user_systemctl alice restart "$GATEWAY" || true
        wait_for gateway_state_is failed
        ! user_systemctl alice start "$GATEWAY" || fail "it can be started"
        gateway_state_is failed || fail "it is $(gateway_property ActiveState)"
}

# thief_start: a process of bob that waits for the port, and takes it as soon as the gateway leaves it.
thief_start() {
        systemd-run --quiet --collect --unit=thief --uid=bob python3 "$GATEWAY_PY" serve --insist
        wait_for thief_tries
}

# It has a socket, and tries to bind it.
thief_tries() {
        local pid
        pid=$(pgrep -u bob -f "serve --insist") && [[ $(readlink "/proc/$pid/fd"/*) == *socket:* ]]
}

thief_has_the_port() {
        [[ $(port_listeners 18789) == *" 1001 python3"* ]]
}

thief_stop() {
        systemctl stop thief.service 2>/dev/null || true
}
