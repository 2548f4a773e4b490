# SPDX-License-Identifier: LGPL-2.1-or-later
# The stand-in gateway of the model case as a user unit of alice.

GATEWAY=openclaw-gateway.service
GATEWAY_PY=/opt/cgmove-tests/gateway.py
GATEWAY_UNIT=/home/alice/.config/systemd/user/$GATEWAY

# gateway_start KILLMODE [OPTION]: OPTION is --drain.
gateway_start() {
        as alice mkdir -p "$(dirname "$GATEWAY_UNIT")"
        cat >"$GATEWAY_UNIT" <<-UNIT
		[Unit]
		Description=A gateway that runs commands
		StartLimitIntervalSec=0
		[Service]
		Type=notify
		ExecStart=/usr/bin/python3 $GATEWAY_PY serve ${2:-}
		Restart=always
		RestartSec=1
		TimeoutStopSec=20
		KillMode=$1
	UNIT
        user_systemctl alice daemon-reload
        user_systemctl alice start "$GATEWAY"
}

gateway_remove() {
        [[ -e $GATEWAY_UNIT ]] || return 0
        user_systemctl alice kill --signal=KILL "$GATEWAY" 2>/dev/null || true
        user_systemctl alice stop "$GATEWAY" || true
        rm -f "$GATEWAY_UNIT"
        user_systemctl alice daemon-reload
}

# gateway_call COMMAND: waits for its standard streams only; gateway_call_strict: for every descriptor.
gateway_call() {
        as alice python3 "$GATEWAY_PY" call --wait stdio --by /home/alice/answered "$1"
}

gateway_call_strict() {
        as alice python3 "$GATEWAY_PY" call --wait descriptors --by /home/alice/answered "$1"
}

gateway_pid() {
        user_systemctl alice show --value -p MainPID "$GATEWAY"
}

# It runs with another main process than OLD, and answers.
gateway_is_new() {
        local pid
        pid=$(gateway_pid) && [[ $pid -gt 0 && $pid -ne $1 ]] && gateway_call true
}

# The process that has given the last answer.
gateway_answered_by() {
        cat /home/alice/answered
}
