# SPDX-License-Identifier: LGPL-2.1-or-later
# Adoption: `cgmove adopt` and `cgmove release`, of user and of system units.

RUN_FILLER=/run/filler

set_up() {
        adopt_clean
}

tear_down() {
        rm -f "$RUN_FILLER"
}

# --- adopt and release --------------------------------------------------------------------------------------------------

test_adopt_needs_a_yes() {
        gateway_start mixed
        check_status 0 as alice cgmove adopt --dry-run "$GATEWAY"
        check_contains "$OUTPUT" "$DROP_IN"
        check_contains "$OUTPUT" "Environment=\"PATH=$SHIMS:"
        check_contains "$OUTPUT" "cgmove wait-port"
        check_no_file "$DROP_IN"
        check_status 1 as alice cgmove adopt "$GATEWAY"
        check_contains "$OUTPUT" "--yes"
        check_no_file "$DROP_IN"
        check_status 0 as alice sh -c "echo n | script -qec 'cgmove adopt $GATEWAY || true' /dev/null"
        check_contains "$OUTPUT" "Nothing was changed"
        check_no_file "$DROP_IN"
        check_status 0 as alice sh -c "echo y | script -qec 'cgmove adopt $GATEWAY' /dev/null"
        check_contains "$OUTPUT" "next start"
        check_file "$DROP_IN"
}

test_adopt_writes_and_release_removes() {
        local before
        gateway_start mixed
        before=$(gateway_property Environment)
        as alice cgmove adopt --yes openclaw-gateway
        check_equal "$(stat -c '%U %a' "$DROP_IN")" "alice 644"
        check_match "$(gateway_property Environment)" "PATH=$SHIMS:.*/usr/bin"
        check_contains "$(gateway_property ExecStartPre)" 18789
        check_equal "$(as alice cgmove adopt --yes --json "$GATEWAY" | jq -c '[.adopt.changed, .adopt.ports, .adopt.addresses, .schema]')" '[false,[18789],["127.0.0.1:18789"],1]'
        check_equal "$(grep -o "$SHIMS" "$DROP_IN" | wc -l)" 1 "shims in the PATH"
        as alice cgmove adopt --yes -p 4711 "$GATEWAY"
        check_contains "$(gateway_property ExecStartPre)" 4711
        as alice cgmove adopt --yes -p "[::1]:4711" "$GATEWAY"
        check_contains "$(gateway_property ExecStartPre)" "[::1]:4711"
        as alice cgmove release "$GATEWAY"
        check_no_file "$GATEWAY_UNIT.d"
        check_equal "$(gateway_property Environment)" "$before" "environment after the release"
        check_status 0 as alice cgmove release "$GATEWAY"
        check_contains "$OUTPUT" "not adopted"
}

# A manager refuses to read its files when /run is almost full. (The machine needs some of it itself.)
run_fill() {
        fallocate -l $(($(stat -f -c '%a * %S' /run) - 8 * 1024 * 1024)) "$RUN_FILLER"
}

test_reload_that_fails() {
        local before
        gateway_start mixed
        before=$(gateway_property Environment)
        run_fill
        check_status 1 as alice cgmove adopt --yes "$GATEWAY"
        check_contains "$(tr -s '\n ' ' ' <<<"$OUTPUT")" "$DROP_IN is written"
        check_contains "$OUTPUT" "systemctl --user daemon-reload"
        check_file "$DROP_IN"
        check_status 1 as alice cgmove adopt --yes "$GATEWAY"
        check_contains "$(tr -s '\n ' ' ' <<<"$OUTPUT")" "is there already"
        rm "$RUN_FILLER"
        check_equal "$(gateway_property Environment)" "$before" "environment of before"
        user_systemctl alice daemon-reload
        check_match "$(gateway_property Environment)" "PATH=$SHIMS:"

        run_fill
        check_status 1 as alice cgmove release "$GATEWAY"
        check_contains "$(tr -s '\n ' ' ' <<<"$OUTPUT")" "$DROP_IN is removed"
        check_contains "$OUTPUT" "systemctl --user daemon-reload"
        check_no_file "$DROP_IN"
        rm "$RUN_FILLER"
        user_systemctl alice daemon-reload
        check_equal "$(gateway_property Environment)" "$before" "environment after the release"
}

test_only_what_is_ours() {
        gateway_start mixed
        as alice mkdir "$GATEWAY_UNIT.d"
        echo "[Service]" >"$DROP_IN"
        check_status 1 as alice cgmove adopt --yes "$GATEWAY"
        check_contains "$OUTPUT" "not written by cgmove"
        check_status 1 as alice cgmove release "$GATEWAY"
        check_equal "$(cat "$DROP_IN")" "[Service]" "the file of someone else"
        rm "$DROP_IN"
        echo "[Service]" >"$GATEWAY_UNIT.d/10-mine.conf"
        as alice cgmove adopt --yes "$GATEWAY"
        as alice cgmove release "$GATEWAY"
        check_file "$GATEWAY_UNIT.d/10-mine.conf"
        check_no_file "$DROP_IN"
}

test_adopt_refuses() {
        check_status 1 as alice cgmove adopt --yes nowhere
        check_contains "$OUTPUT" "no unit nowhere.service"
        check_status 2 as alice cgmove adopt --yes default.target
        check_status 2 as alice cgmove adopt --yes 'open*'
        check_status 2 as alice cgmove adopt
        check_status 2 as alice cgmove adopt -p 0 "$GATEWAY"
        check_status 2 as alice cgmove adopt --when "" "$GATEWAY"
        check_status 2 as alice cgmove adopt --when $'true\nExecStart=/bin/sh' "$GATEWAY"
        check_status 1 as alice cgmove adopt --system --yes dbus
        check_contains "$OUTPUT" "sudo"
        check_status 1 cgmove adopt --system --yes nowhere
}

# A folder that a user controls does not lead root astray.
test_root_writes_in_no_users_folder() {
        gateway_start mixed
        check_status 1 env HOME=/home/alice XDG_RUNTIME_DIR=/run/user/1000 cgmove adopt --yes "$GATEWAY"
        check_no_file "$DROP_IN"
}

test_difficult_paths() {
        # as systemd takes it: %% and \" in quotes
        gateway_start mixed "" 'Environment="PATH=/opt/a b:/opt/50%%:/opt/%%h:/opt/q\"q:/opt/b\\s:/usr/bin:/bin"'
        local wanted='/opt/a b:/opt/50%:/opt/%h:/opt/q"q:/opt/b\s:/usr/bin:/bin'
        check_equal "$(gateway_call 'printf %s "$PATH"')" "$wanted" "PATH before"
        as alice cgmove adopt --yes "$GATEWAY"
        user_systemctl alice restart "$GATEWAY"
        wait_for gateway_answers
        check_equal "$(gateway_call 'printf %s "$PATH"')" "$SHIMS:$wanted" "PATH after"
        as alice cgmove adopt --yes "$GATEWAY"
        user_systemctl alice restart "$GATEWAY"
        wait_for gateway_answers
        check_equal "$(gateway_call 'printf %s "$PATH"')" "$SHIMS:$wanted" "PATH after another one"
        check_survives "systemctl --user restart $GATEWAY; echo done >$MARKER"
}

test_later_drop_in_is_told() {
        gateway_start mixed
        as alice mkdir "$GATEWAY_UNIT.d"
        printf '[Service]\nEnvironment=PATH=/usr/bin:/bin\n' >"$GATEWAY_UNIT.d/90-path.conf"
        check_status 0 as alice cgmove adopt --yes "$GATEWAY"
        check_contains "$OUTPUT" "no effect"
}

test_ports() {
        gateway_start mixed "--ports 18789,18790"
        check_contains "$(as alice cgmove adopt --dry-run "$GATEWAY")" " --reuse --timeout=30 127.0.0.1:18789 127.0.0.1:18790"
        gateway_remove
        # a port of its own: here a connection of a test before, in TIME_WAIT, would matter
        gateway_start mixed "--port 18797 --no-reuseaddr" "TimeoutStartSec=40"
        check_contains "$(as alice cgmove adopt --dry-run "$GATEWAY")" "wait-port --timeout=30 127.0.0.1:18797"
        user_systemctl alice stop "$GATEWAY"
        check_status 0 as alice cgmove adopt --dry-run "$GATEWAY"
        check_lacks "$OUTPUT" "wait-port"
        check_contains "$OUTPUT" "does not run"
}

# Somebody else's listener on another address of the same port is not waited for.
test_other_addresses_do_not_delay_a_start() {
        local start
        adopt_start mixed
        as bob systemd-run --user --quiet --collect --unit=holder.service -p Type=notify -p NotifyAccess=all \
                python3 /opt/cgmove-tests/holder.py --address 127.0.0.2 18789
        start=$EPOCHREALTIME
        user_systemctl alice restart "$GATEWAY"
        [[ $(((${EPOCHREALTIME/./} - ${start/./}) / 1000000)) -lt 20 ]] || fail "the start was delayed"
        user_systemctl bob stop holder.service
        wait_for gateway_answers
}

# What was started before, and a unit whose cgmove is gone, work on.
test_without_cgmove_it_starts_too() {
        adopt_start mixed
        mv /usr/bin/cgmove /usr/bin/cgmove.away
        mv "$SHIMS" "$SHIMS.away"
        user_systemctl alice restart "$GATEWAY" || { mv "$SHIMS.away" "$SHIMS"; mv /usr/bin/cgmove.away /usr/bin/cgmove; fail "no start"; }
        mv "$SHIMS.away" "$SHIMS"
        mv /usr/bin/cgmove.away /usr/bin/cgmove
        wait_for gateway_answers
}

# --- system units -------------------------------------------------------------------------------------------------------

SYSTEM_UNIT=/etc/systemd/system/adopted.service

system_unit_start() {
        cat >"$SYSTEM_UNIT" <<-UNIT
		[Service]
		Type=notify
		User=alice
		WorkingDirectory=/home/alice
		ExecStart=/usr/bin/python3 $GATEWAY_PY serve --port 18795
		Restart=always
		RestartSec=1
		KillMode=control-group
	UNIT
        systemctl daemon-reload
        systemctl start adopted.service
        GATEWAY_ADDRESS=(--port 18795)
}

system_unit_is_new() {
        local pid
        pid=$(systemctl show --value -p MainPID adopted.service) && [[ $pid -gt 0 && $pid -ne $1 ]] && gateway_call true
}

system_unit_remove() {
        systemctl stop adopted.service
        rm -rf "$SYSTEM_UNIT" "$SYSTEM_UNIT.d"
        systemctl daemon-reload
}

test_system_unit() {
        local old
        system_unit_start
        cgmove adopt --system --yes adopted
        check_equal "$(stat -c '%U %a' "$SYSTEM_UNIT.d/50-cgmove.conf")" "root 644"
        check_contains "$(systemctl show --value -p ExecStartPre adopted)" 18795
        systemctl restart adopted
        policy_only <<-POLICY
		policy "system" {
		        users   = {"alice"}
		        from    = {"system:adopted.service"}
		        restart = {"system:adopted.service"}
		}
	POLICY
        old=$(systemctl show --value -p MainPID adopted.service)
        gateway_call "systemctl restart adopted; echo done >$MARKER"
        check_equal "$(gateway_answered_by)" "$old" "process that has answered"
        wait_for test -e "$MARKER"
        wait_for system_unit_is_new "$old"
        wait_for no_restart_runs
        check_equal "$(systemctl show --value -p NRestarts adopted)" 0 "automatic restarts"
        cgmove release --system adopted
        check_no_file "$SYSTEM_UNIT.d"
        system_unit_remove
}
