# SPDX-License-Identifier: LGPL-2.1-or-later
# An adopted gateway, whose commands know nothing of cgmove.

DROP_IN=$GATEWAY_UNIT.d/50-cgmove.conf
SHIMS=/usr/libexec/cgmove/shims
MARKER=/home/alice/marker
OTHER=other-helper.service

adopt_clean() {
        rm -rf "$MARKER" "$MARKER.looks" /home/alice/restart.sh /home/alice/product /home/alice/bin
        other_remove
        user_systemctl alice daemon-reload
}

# adopt_start KILLMODE [OPTIONS [LINE...]]: such a gateway, started with the drop-in.
adopt_start() {
        gateway_start "$@"
        as alice cgmove adopt --yes "$GATEWAY" >/dev/null
        user_systemctl alice restart "$GATEWAY"
        wait_for gateway_answers
        check_contains "$(gateway_call 'command -v systemctl')" "$SHIMS/systemctl"
}

# A command of the gateway, from a file: no quotes on the way.
script_write() {
        cat >"/home/alice/$1"
        chmod 0755 "/home/alice/$1"
}

# Another unit of alice's manager.
other_start() {
        cat >"/home/alice/.config/systemd/user/$OTHER" <<-UNIT
		[Unit]
		StartLimitIntervalSec=0
		[Service]
		ExecStart=/bin/sleep infinity
	UNIT
        user_systemctl alice daemon-reload
        user_systemctl alice start "$OTHER"
}

other_remove() {
        [[ -e /home/alice/.config/systemd/user/$OTHER ]] || return 0
        user_systemctl alice stop "$OTHER" || true
        rm -f "/home/alice/.config/systemd/user/$OTHER"
}

other_invocation() {
        user_systemctl alice show --value -p InvocationID "$OTHER"
}

# check_survives COMMAND: of the gateway; its last line writes the marker. It is answered by the old instance, ends, and the
# unit is up again, by one start.
check_survives() {
        local old answer
        rm -f "$MARKER"
        old=$(gateway_pid)
        answer=$(gateway_call "$1") || fail "no answer: $answer"
        check_equal "$(gateway_answered_by)" "$old" "process that has answered"
        wait_for test -s "$MARKER"
        # a port can be in TIME_WAIT for a minute
        wait_for_within 150 gateway_is_new "$old"
        wait_for no_restart_runs
        check_equal "$(cat "$MARKER")" "done" marker
        check_equal "$(gateway_property NRestarts)" 0 "automatic restarts"
        wait_for gateway_answers
        ANSWER=$answer
}

no_restart_runs() {
        [[ $(list_of alice '[.jobs[] | select(.state == "running" and .kind != "move")] | length') == 0 ]]
}
