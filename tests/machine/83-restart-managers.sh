# SPDX-License-Identifier: LGPL-2.1-or-later
# A user manager that ends, is executed anew or does not answer while a restart is under way, and one whose job for it
# ends without a start.

set_up() {
        policy_restart
        rm -f /home/alice/{starts,tries,now}
}

tear_down() {
        unit_of_alice_remove first.service
        unit_of_alice_remove needed.service
}

# The reason is told, and no manager is started by us.
check_manager_gone() {
        restart_end
        check_equal "$(outcome '.state + " " + .reason')" "failed manager-gone" "outcome ($OUTCOME)"
        not restart_helpers || fail "somebody is still at it: $(restart_helpers)"
        not systemctl is-active user@1000.service || fail "somebody has started the user manager"
        user_manager_start alice
}

test_user_manager_stops_while_the_new_instance_starts() {
        gateway_start mixed
        gateway_write mixed "--start-delay 6"
        restart_inside
        wait_for gateway_state_is activating
        user_manager_stop alice
        check_manager_gone
}

test_user_manager_stops_while_the_old_instance_stops() {
        gateway_start mixed "" "ExecStop=/bin/sleep 5"
        restart_inside
        wait_for gateway_state_is deactivating
        user_manager_stop alice
        check_manager_gone
}

test_user_manager_stops_before_anything_is_stopped() {
        gateway_start mixed
        restart_inside --delay 5
        user_manager_stop alice
        check_manager_gone
}

test_user_manager_is_killed_while_the_new_instance_starts() {
        gateway_start mixed
        gateway_write mixed "--start-delay 6"
        restart_inside
        wait_for gateway_state_is activating
        # the manager and all that it has started
        systemctl kill --signal=KILL user@1000.service
        check_manager_gone
}

# It closes all connections then, and keeps its units and jobs.
test_manager_is_executed_anew_while_the_restart_waits() {
        local old
        gateway_start mixed
        old=$(gateway_pid)
        restart_inside --when 'test -e $HOME/now'
        wait_for restart_is_at condition
        user_systemctl alice daemon-reexec
        as alice touch /home/alice/now
        check_restarted "$old"
}

test_manager_is_executed_anew_while_the_new_instance_starts() {
        local old
        gateway_start mixed
        gateway_write mixed "--start-delay 6"
        old=$(gateway_pid)
        restart_inside
        wait_for gateway_state_is activating
        user_systemctl alice daemon-reexec
        check_restarted "$old"
}

test_manager_is_executed_anew_while_the_old_instance_stops() {
        local old
        gateway_start mixed "" "ExecStop=/bin/sleep 5"
        old=$(gateway_pid)
        restart_inside
        wait_for gateway_state_is deactivating
        user_systemctl alice daemon-reexec
        check_restarted "$old"
}

# As one that reads its unit files again: for longer than one answer is waited for.
test_manager_is_silent_for_a_while() {
        local old manager
        gateway_start mixed
        old=$(gateway_pid)
        manager=$(systemctl show --value -p MainPID user@1000.service)
        restart_inside --when 'test -e $HOME/now'
        wait_for restart_is_at condition
        kill -STOP "$manager"
        as alice touch /home/alice/now
        sleep 16
        kill -CONT "$manager"
        check_restarted "$old"
}

test_no_user_manager_from_the_beginning() {
        user_manager_stop alice
        check_status 1 systemd-run --quiet --wait --pipe --collect --uid=alice cgmove restart --wait "$GATEWAY"
        check_match "$OUTPUT" 'user manager|systemd --user'
        not systemctl is-active user@1000.service || fail "somebody has started the user manager"
        user_manager_start alice
}

# --- jobs that end without a start ---------------------------------------------------------------------------------------

# Of its manager, for the gateway.
gateway_job() {
        gateway_property Job | grep -x '[1-9][0-9]*'
}

cancel_restart() {
        wait_for restart_is_at restarting
        wait_for gateway_job
        user_systemctl alice cancel "$(gateway_job)"
        wait_for not gateway_job
}

# It comes first, and its end takes long; the restart of the gateway waits for that.
first_to_stop() {
        unit_of_alice first.service "[Unit]" "After=$GATEWAY" "[Service]" Type=oneshot RemainAfterExit=yes ExecStart=/bin/true \
                "ExecStop=/bin/sleep 1000" TimeoutStopSec=infinity
        user_systemctl alice start first.service
        user_systemctl alice stop --no-block first.service
        wait_for unit_of_alice_is first.service deactivating
}

# unit_of_alice NAME LINE...: besides the gateway.
unit_of_alice() {
        printf '%s\n' "${@:2}" >"/home/alice/.config/systemd/user/$1"
        user_systemctl alice daemon-reload
}

unit_of_alice_is() {
        [[ $(user_systemctl alice show --value -p ActiveState "$1") == "$2" ]]
}

unit_of_alice_remove() {
        [[ -e /home/alice/.config/systemd/user/$1 ]] || return 0
        user_systemctl alice kill --signal=KILL "$1" 2>/dev/null || true
        user_systemctl alice stop "$1" || true
        rm "/home/alice/.config/systemd/user/$1"
        user_systemctl alice daemon-reload
        user_systemctl alice reset-failed "$1" 2>/dev/null || true
}

# It is not asked for again.
test_cancelled_before_anything_is_stopped() {
        local old
        gateway_start mixed
        old=$(gateway_pid)
        first_to_stop
        restart_inside
        cancel_restart
        check_outcome failed not-restarted
        check_contains "$(outcome .text)" "has cancelled"
        check_untouched "$old"
        not gateway_job || fail "it was asked for again"
        not restart_helpers || fail "somebody is still at it: $(restart_helpers)"
        unit_of_alice_remove first.service
        check_untouched "$old"
}

test_cancelled_while_the_old_instance_stops() {
        gateway_start mixed "" "$COUNT_STARTS" TimeoutStopSec=100 "ExecStop=/bin/sh -c \"until test -e /home/alice/now; do sleep 0.2; done\""
        restart_inside
        wait_for gateway_state_is deactivating
        cancel_restart
        as alice touch /home/alice/now
        check_outcome failed stopped-meanwhile
        check_contains "$(outcome .text)" "has cancelled"
        gateway_state_is inactive || fail "it was started against the user's will"
        check_equal "$(gateway_starts)" 1 "starts of the gateway"
        not restart_helpers || fail "somebody is still at it: $(restart_helpers)"
}

# gateway_that_needs SCRIPT: it is up, and what it needs is SCRIPT, once for each start.
gateway_that_needs() {
        unit_of_alice needed.service "[Service]" Type=oneshot "ExecStart=/bin/sh -c \"echo try >>/home/alice/tries; $1\""
        gateway_write mixed "" "$COUNT_STARTS" "ExecStop=/bin/sleep 2"
        printf '[Unit]\nRequires=needed.service\nAfter=needed.service\n' >>"$GATEWAY_UNIT"
        user_systemctl alice daemon-reload
        as alice touch /home/alice/now
        user_systemctl alice start "$GATEWAY"
        as alice rm /home/alice/now /home/alice/tries
}

needed_tries() {
        wc -l </home/alice/tries
}

# It was stopped for the restart, and by nobody else: what it needs is tried again, and then told of.
test_start_that_fails_for_what_it_needs() {
        gateway_that_needs "test -e /home/alice/now"
        restart_inside
        check_outcome failed start-failed
        gateway_state_is inactive || fail "it is $(gateway_property ActiveState)"
        check_equal "$(needed_tries)" 3 "starts of what it needs"
        check_equal "$(gateway_starts)" 1 "starts of the gateway"
        not restart_helpers || fail "somebody is still at it: $(restart_helpers)"
        as alice touch /home/alice/now
        restart_outside
        check_outcome "done" restarted
        gateway_answers || fail "it does not answer"
}

# The one that fails puts it right.
test_what_it_needs_is_repaired_meanwhile() {
        local old
        gateway_that_needs "test -e /home/alice/now || { touch /home/alice/now; exit 1; }"
        old=$(gateway_pid)
        restart_inside
        check_restarted "$old"
        check_equal "$(needed_tries)" 2 "starts of what it needs"
}
