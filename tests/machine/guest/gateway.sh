# SPDX-License-Identifier: LGPL-2.1-or-later
# The stand-in gateway of the model case as a user unit of alice.

GATEWAY=openclaw-gateway.service
GATEWAY_PY=/opt/cgmove-tests/gateway.py
GATEWAY_CALL=/opt/cgmove-tests/gateway-call
GATEWAY_UNIT=/home/alice/.config/systemd/user/$GATEWAY
# where it is asked, if that is not the usual port: options of gateway-call
GATEWAY_ADDRESS=()

# gateway_write KILLMODE [OPTIONS [LINE...]]: the unit. OPTIONS are those of `gateway.py serve`, as ExecStart= takes them; each
# LINE is put behind the rest, where it overrides what stands there: StartLimit*= in [Unit], all else in [Service].
gateway_write() {
        local killmode=$1 options=${2:-}
        shift $(($# < 2 ? $# : 2))
        as alice mkdir -p "$(dirname "$GATEWAY_UNIT")"
        rm -f "$GATEWAY_UNIT"
        gateway_text "$killmode" "$options" "$@" >"$GATEWAY_UNIT"
}

gateway_text() {
        local killmode=$1 options=$2 line
        shift 2
        cat <<-UNIT
		[Unit]
		Description=A gateway that runs commands
		StartLimitIntervalSec=0
		[Service]
		Type=notify
		ExecStart=/usr/bin/python3 $GATEWAY_PY serve $options
		Restart=always
		RestartSec=1
		TimeoutStopSec=20
		KillMode=$killmode
	UNIT
        for line in "$@"; do
                [[ $line == StartLimit* ]] && echo "[Unit]" || echo "[Service]"
                echo "$line"
        done
}

# gateway_start KILLMODE [OPTIONS [LINE...]]: writes the unit as gateway_write does, and starts it.
gateway_start() {
        gateway_write "$@"
        user_systemctl alice daemon-reload
        user_systemctl alice start "$GATEWAY"
}

# The manager forgets what neither runs nor has failed, and reads the unit again before the next one starts.
gateway_remove() {
        rm -rf "$GATEWAY_UNIT.d"
        [[ -e $GATEWAY_UNIT || -L $GATEWAY_UNIT ]] || return 0
        user_systemctl alice kill --signal=KILL "$GATEWAY" 2>/dev/null || true
        user_systemctl alice stop "$GATEWAY" || true
        gateway_kill_leftovers
        rm -f "$GATEWAY_UNIT"
        user_systemctl alice reset-failed "$GATEWAY" 2>/dev/null || true
}

gateway_cgroup() {
        printf '/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/%s' "$GATEWAY"
}

gateway_kill_leftovers() {
        [[ ! -e $(gateway_cgroup) ]] || echo 1 >"$(gateway_cgroup)/cgroup.kill" || true
        # who was killed may hold the port for a moment
        wait_for not grep -qs 'populated 1' "$(gateway_cgroup)/cgroup.events"
}

# gateway_call COMMAND: waits for its standard streams only; gateway_call_strict: for every descriptor.
gateway_call() {
        as alice "$GATEWAY_CALL" "${GATEWAY_ADDRESS[@]}" --by /home/alice/answered stdio "$1"
}

gateway_call_strict() {
        as alice "$GATEWAY_CALL" "${GATEWAY_ADDRESS[@]}" --by /home/alice/answered descriptors "$1"
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

# gateway_property NAME: of the unit, as its manager tells it.
gateway_property() {
        user_systemctl alice show --value -p "$1" "$GATEWAY"
}

gateway_has() {
        [[ $(gateway_property "$1") == "$2" ]]
}

gateway_state_is() {
        gateway_has ActiveState "$1"
}

# gateway_who [OPTION...]: the process that answers, without a command; options of gateway-call.
gateway_who() {
        "$GATEWAY_CALL" "${GATEWAY_ADDRESS[@]}" "$@" who
}

# Its main process answers, on the port of the option if there is one.
gateway_answers() {
        local pid
        pid=$(gateway_who "$@") && [[ $(user_systemctl alice show -p MainPID -p ActiveState "$GATEWAY") == \
                "MainPID=$pid"$'\n'"ActiveState=active" ]]
}

# Who listens on a port, as lines of "PID UID COMM", one for each process.
port_listeners() {
        ss --no-header --numeric --listening --tcp --processes "sport = :$1" | grep -o '("[^)]*' |
                sed -E 's/\(?"([^"]*)",pid=([0-9]+).*/\2 \1/' | while read -r pid comm; do
                printf '%s %s %s\n' "$pid" "$(stat -c %u "/proc/$pid")" "$comm"
        done
}

port_is_in_time_wait() {
        [[ -n $(ss --no-header --numeric --tcp state time-wait "sport = :$1") ]]
}
