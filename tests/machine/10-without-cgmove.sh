# SPDX-License-Identifier: LGPL-2.1-or-later
# What happens today: a command inside a service that restarts the service. The other scenarios are measured against this one.

MARKER=/home/alice/marker

set_up() {
        rm -f "$MARKER"
}

# The gateway is restarted by a command inside of it; waits until it is back.
restart_from_inside() {
        local old
        gateway_start "$1"
        old=$(gateway_pid)
        gateway_call "systemctl --user restart $GATEWAY; echo done >$MARKER" || true
        wait_for gateway_is_new "$old"
}

check_command_was_killed() {
        # the gateway is back, so the end of its old group is behind us; a moment for a marker to come all the same
        sleep 1
        check_no_file "$MARKER"
}

test_control_group_kills_the_command() {
        restart_from_inside control-group
        check_command_was_killed
}

test_mixed_kills_the_command() {
        restart_from_inside mixed
        check_command_was_killed
}

test_process_spares_the_command() {
        restart_from_inside process
        wait_for test -e "$MARKER"
}

# the old ways out do not leave the group
test_nohup_and_setsid_do_not_help() {
        local old
        gateway_start control-group
        old=$(gateway_pid)
        gateway_call "nohup setsid -f sh -c 'systemctl --user restart $GATEWAY; echo done >$MARKER' >/dev/null 2>&1" || true
        wait_for gateway_is_new "$old"
        check_command_was_killed
}

test_a_user_scope_dies_with_the_user_manager() {
        gateway_start mixed
        gateway_call "systemd-run --quiet --user --scope sleep 1000 >/dev/null 2>&1 </dev/null &"
        wait_for pgrep -u alice -x sleep
        user_manager_stop alice
        wait_for not pgrep -u alice -x sleep
}
