# SPDX-License-Identifier: LGPL-2.1-or-later
# Restarts that a taken port would turn into a crash loop, and crash loops that one restart ends.

set_up() {
        policy_restart
        rm -f /home/alice/{go,answer,starts}
}

tear_down() {
        thief_stop
}

check_ended() {
        check_equal "$(outcome '.ended | length')" "$1" "number of what was ended ($OUTCOME)"
        check_equal "$(outcome ".ended | all(.comm == \"$2\" and .uid == 1000)")" true "what was ended ($OUTCOME)"
}

check_holder() {
        check_equal "$(outcome ".holders | any($1)")" true "holders ($OUTCOME)"
}

# --- a child left over holds the port ------------------------------------------------------------------------------------

# Nobody but the new instance listens, and what was started with it.
check_port_is_the_gateways() {
        local pid
        for pid in $(port_listeners 18789 | awk '{ print $1 }'); do
                [[ $pid -eq $(gateway_pid) || $(awk '/^PPid:/ { print $2 }' "/proc/$pid/status") -eq $(gateway_pid) ]] ||
                        fail "$pid listens too: $(port_listeners 18789)"
        done
}

leftover_is_healed() {
        local old left
        old=$(gateway_pid)
        left=$(leftover_pid)
        restart_inside
        check_restarted "$old"
        check_ended 1 sleep
        check_holder ".port == 18789 and .pid == $left and .uid == 1000 and .comm == \"sleep\""
        not kill -0 "$left" || fail "the left-over is alive"
        check_port_is_the_gateways
}

test_left_over_with_automatic_restart() {
        leftover_start
        leftover_is_healed
}

test_left_over_with_slow_automatic_restart() {
        leftover_start RestartSec=5
        leftover_is_healed
}

test_left_over_without_automatic_restart() {
        leftover_start Restart=no
        leftover_is_healed
}

test_left_over_with_a_strict_start_limit() {
        leftover_start StartLimitIntervalSec=300 StartLimitBurst=2 RestartSec=100ms
        leftover_is_healed
}

test_left_over_of_a_simple_service() {
        leftover_start Type=simple
        wait_for gateway_answers
        leftover_is_healed
}

test_left_over_that_ignores_sigterm() {
        gateway_start process "--leave-child \"trap '' TERM; exec $LEFT_OVER\""
        wait_for leftover_pid
        leftover_is_healed
        check_equal "$(outcome '.ended[0].signal')" 9 "signal ($OUTCOME)"
}

# What holds no port is none of its business.
test_left_over_without_a_port_lives_on() {
        local old pid
        leftover_start
        gateway_call "setsid -f sleep 4262 >/dev/null 2>&1 </dev/null"
        wait_for pgrep -u alice -f -x 'sleep 4262'
        pid=$(pgrep -u alice -f -x 'sleep 4262')
        old=$(gateway_pid)
        restart_inside
        check_restarted "$old"
        check_ended 1 sleep
        kill -0 "$pid" || fail "it was ended"
}

# A process of the same user that holds the port, and is not of the unit, is told of and left alone.
test_holder_of_the_same_user_outside_of_the_unit() {
        gateway_start mixed "" "ExecStopPost=/bin/sleep 1" RestartSec=200ms
        systemd-run --quiet --collect --unit=thief --uid=alice python3 "$GATEWAY_PY" serve --insist
        wait_for pgrep -u alice -f "serve --insist"
        restart_inside
        check_outcome failed port-held
        check_holder '.port == 18789 and .uid == 1000'
        check_contains "$(outcome '.holders[0].source')" thief.service
        check_equal "$(outcome '.ended | length')" 0 "what was ended"
        systemctl is-active thief.service
        thief_stop
        wait_for gateway_answers
}

# --- somebody else's process holds the port ------------------------------------------------------------------------------

test_holder_of_another_user_is_told_of_and_left_alone() {
        local bob
        gateway_start mixed "" "ExecStopPost=/bin/sleep 1" RestartSec=200ms
        thief_start
        bob=$(pgrep -u bob -f "serve --insist")
        restart_inside
        check_outcome failed port-held
        check_holder '.port == 18789 and .uid == 1001'
        check_contains "$(outcome .text)" 18789
        check_match "$(outcome .text)" 'bob|1001'
        check_equal "$(outcome '.ended | length')" 0 "what was ended"
        kill -0 "$bob" || fail "bob's process is gone"
        thief_has_the_port || fail "who listens: $(port_listeners 18789)"
        # the restart itself is over; when the port is free, the unit's own Restart= has it back
        thief_stop
        wait_for gateway_answers
}

# --- TIME_WAIT -----------------------------------------------------------------------------------------------------------

# The port cannot be bound for a minute, by nobody: it is waited for, and the unit is brought back.
time_wait_is_healed() {
        local old
        old=$(gateway_pid)
        restart_inside
        check_restarted "$old"
        check_ended 0 ""
        check_equal "$(outcome '.ports | join(" ")')" "$TIME_WAIT_PORT" ports
}

test_time_wait_with_automatic_restart() {
        time_wait_start
        time_wait_is_healed
}

test_time_wait_without_automatic_restart() {
        time_wait_start Restart=no
        time_wait_is_healed
}

test_time_wait_with_a_strict_start_limit() {
        time_wait_start "${STRICT_LIMIT[@]}"
        time_wait_is_healed
}

# A server that sets SO_REUSEADDR is not kept from its port by such connections, so nobody waits for their end.
test_time_wait_of_a_server_that_does_not_mind() {
        leftover_start Restart=no
        "$GATEWAY_CALL" hang-up
        wait_for port_is_in_time_wait 18789
        leftover_is_healed
        [[ $(outcome .downtime_usec) -lt 30000000 ]] || fail "it was waited for: $OUTCOME"
}

# --- already looping ----------------------------------------------------------------------------------------------------

test_left_over_and_start_limit_hit_from_outside() {
        local left
        leftover_start "${STRICT_LIMIT[@]}"
        left=$(leftover_pid)
        run_into_start_limit
        restart_outside
        check_outcome "done" restarted
        gateway_answers || fail "it does not answer"
        check_ended 1 sleep
        not kill -0 "$left" || fail "the left-over is alive"
        check_port_is_the_gateways
}

# The only way to be inside of a unit that is not up: a command that its last instance has left.
command_left_over() {
        local restart="cgmove restart --json $GATEWAY >~/answer.new 2>$RESTART_ERRORS; mv ~/answer.new ~/answer"
        gateway_call "setsid -f sh -c 'until test -e ~/go; do sleep 0.1; done; $restart' >/dev/null 2>&1 </dev/null"
}

command_left_over_goes() {
        as alice touch /home/alice/go
        wait_for test -e /home/alice/answer
        restart_take "$(cat /home/alice/answer)"
}

test_left_over_and_start_limit_hit_from_inside() {
        local left
        leftover_start "${STRICT_LIMIT[@]}"
        left=$(leftover_pid)
        command_left_over
        run_into_start_limit
        command_left_over_goes
        check_outcome "done" restarted
        gateway_answers || fail "it does not answer"
        check_ended 1 sleep
        not kill -0 "$left" || fail "the left-over is alive"
        check_port_is_the_gateways
}

test_left_over_and_an_endless_loop() {
        local left
        leftover_start RestartSec=300ms
        left=$(leftover_pid)
        user_systemctl alice restart "$GATEWAY" || true
        wait_for gateway_loops 3
        restart_outside
        check_outcome "done" restarted
        gateway_answers || fail "it does not answer"
        check_ended 1 sleep
        not kill -0 "$left" || fail "the left-over is alive"
}

test_time_wait_and_start_limit_hit_from_outside() {
        time_wait_start "${STRICT_LIMIT[@]}"
        run_into_start_limit
        port_is_in_time_wait "$TIME_WAIT_PORT" || fail "the port is free too soon"
        restart_outside --port "$TIME_WAIT_PORT"
        check_outcome "done" restarted
        gateway_answers || fail "it does not answer"
}

# --- ports that are asked for ---------------------------------------------------------------------------------------------

test_a_port_that_the_new_instance_does_not_have() {
        gateway_start mixed
        gateway_write mixed "--port 18790"
        user_systemctl alice daemon-reload
        restart_inside --timeout 6
        check_outcome failed port-lost
        gateway_answers --port 18790 || fail "it does not answer on its new port"
}

test_port_option_names_what_is_waited_for() {
        local old
        gateway_start mixed
        old=$(gateway_pid)
        gateway_write mixed "--port 18790"
        user_systemctl alice daemon-reload
        restart_inside --port 18790
        GATEWAY_ADDRESS=(--port 18790)
        check_restarted "$old"
        check_equal "$(outcome '.ports | join(" ")')" 18790 ports
}
