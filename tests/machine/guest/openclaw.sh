# SPDX-License-Identifier: LGPL-2.1-or-later
# The real OpenClaw as a user has it: alice's gateway as a service of hers, with an agent whose model does as it is told (see
# openclaw/mock-model.mjs).

OPENCLAW=/opt/openclaw
OPENCLAW_HOME=/home/alice/.openclaw
OPENCLAW_WORKSPACE=$OPENCLAW_HOME/workspace
OPENCLAW_COMMAND=/usr/local/bin/openclaw
OPENCLAW_FILES=/opt/cgmove-tests/openclaw
MODEL_UNIT=mock-model.service
MODEL_LOG=/home/alice/model.log

openclaw_node() {
        echo "$OPENCLAW"/node/node_modules/node-linux-*/bin/node
}

# openclaw_install KILLMODE: the command, the model, and the service as `openclaw gateway install` writes it, but for its KillMode=.
openclaw_install() {
        openclaw_write_command
        as alice mkdir -p "$OPENCLAW_WORKSPACE"
        as alice cp "$OPENCLAW_FILES/openclaw.json" "$OPENCLAW_HOME/openclaw.json"
        model_start
        as alice openclaw gateway install --force >/dev/null
        openclaw_drop_in "$1"
        user_systemctl alice restart "$GATEWAY"
        wait_for_within 150 openclaw_listens
}

openclaw_write_command() {
        printf '#!/bin/sh\nexec %s %s/node_modules/openclaw/openclaw.mjs "$@"\n' "$(openclaw_node)" "$OPENCLAW" >"$OPENCLAW_COMMAND"
        chmod 0755 "$OPENCLAW_COMMAND"
}

# What keeps it from looking for things outside of the machine, too.
openclaw_drop_in() {
        as alice mkdir -p "$GATEWAY_UNIT.d"
        cat >"$GATEWAY_UNIT.d/10-test.conf" <<-UNIT
	[Service]
	KillMode=$1
	Environment=OPENCLAW_SKIP_CHANNELS=1 OPENCLAW_SKIP_CRON=1 OPENCLAW_SKIP_BROWSER_CONTROL_SERVER=1
	Environment=OPENCLAW_SKIP_CANVAS_HOST=1 OPENCLAW_SKIP_GMAIL_WATCHER=1 OPENCLAW_DISABLE_BONJOUR=1
	UNIT
        user_systemctl alice daemon-reload
}

# From now on each start of the service leaves a line, see gateway_starts; the one that runs counts.
openclaw_count_starts() {
        printf '[Service]\n%s\n' "$COUNT_STARTS" >"$GATEWAY_UNIT.d/20-count.conf"
        user_systemctl alice daemon-reload
        as alice sh -c 'echo start >~/starts'
}

openclaw_remove() {
        gateway_remove
        rm -f "/home/alice/.config/systemd/user/default.target.wants/$GATEWAY"
        systemctl stop "$MODEL_UNIT" 2>/dev/null || true
        rm -rf "$OPENCLAW_HOME" "$OPENCLAW_COMMAND" "$MODEL_LOG" /home/alice/starts
}

model_start() {
        rm -f "$MODEL_LOG"
        systemd-run --quiet --collect --unit="$MODEL_UNIT" --uid=alice -E MOCK_PORT=18081 -E MOCK_LOG="$MODEL_LOG" \
                "$(openclaw_node)" "$OPENCLAW_FILES/mock-model.mjs"
}

# Its main process is the one that listens.
openclaw_listens() {
        local pid
        pid=$(gateway_pid) && [[ $pid -gt 0 ]] && grep -q "^$pid " < <(port_listeners 18789)
}

# agent_say MESSAGE: what the agent answers, through the gateway. If that does not answer, the command would do the gateway's work
# itself, outside of the service: that is a failure.
agent_say() {
        local answer
        answer=$(as alice openclaw agent --agent main --message "$1" --json --timeout 120 2>"$TEST_DIR/agent-errors") ||
                fail "no answer: $answer $(cat "$TEST_DIR/agent-errors")"
        check_lacks "$(cat "$TEST_DIR/agent-errors")" embedded "what the command says of the gateway"
        check_equal "$(jq -r .status <<<"$answer")" ok "status of the turn"
        jq -r '[.result.payloads[].text] | join("\n")' <<<"$answer" || fail "no JSON: $answer"
}
