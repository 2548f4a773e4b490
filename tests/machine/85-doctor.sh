# SPDX-License-Identifier: LGPL-2.1-or-later
# `cgmove doctor`: each finding on a machine that has the trouble, and not on one that has not.

OTHERS=(favordynmods controllers) # of the machine that the tests run on

set_up() {
        thief_stop
        systemctl start cgmoved.socket cgmoved.service
}

# doctor STATUS COMMAND...: what `cgmove doctor --json ...`, called so, finds, in $FOUND.
doctor() {
        local expected=$1 status=0
        shift
        FOUND=$("$@") || status=$?
        jq -e '.schema == 1 and (.ok | type) == "boolean" and (.findings | length) > 0' <<<"$FOUND" >/dev/null ||
                fail "no findings (status $status): $FOUND"
        [[ $status -eq $expected ]] || fail "status $status instead of $expected: $(problems)"
        check_equal "$(jq .ok <<<"$FOUND")" "$([[ $status -eq 0 ]] && echo true || echo false)" ok
}

doctor_of_gateway() {
        doctor "$1" as alice cgmove doctor --json "$GATEWAY"
}

# From a command of the gateway; it answers with the status behind it.
doctor_inside() {
        doctor "$1" gateway_call "cgmove doctor --json $GATEWAY"
}

problems() {
        jq -r '.findings[] | select(.level == "problem" or .level == "warning")
                | "\(.level) \(.topic): \(.text) -> \(.cure)"' <<<"$FOUND"
}

# found LEVEL TOPIC TEXT [CURE]: there is such a finding.
found() {
        jq -e --arg level "$1" --arg topic "$2" --arg text "$3" --arg cure "${4:-}" '[.findings[] | select(.level == $level
                and .topic == $topic and (.text | contains($text)) and ((.cure // "") | contains($cure)))] | length > 0' \
                <<<"$FOUND" >/dev/null
}

check_found() {
        found "$@" || fail "there is no $1 of $2 with \"$3\" and \"${4:-}\" in: $(jq -c '.findings[]' <<<"$FOUND")"
}

check_not_found() {
        not found "$@" || fail "there is a $1 of $2 with \"$3\" in: $(jq -c '.findings[]' <<<"$FOUND")"
}

cure_of() {
        jq -r --arg topic "$1" 'first(.findings[] | select(.topic == $topic and .cure != null)) | .cure' <<<"$FOUND"
}

# gateway_sound [KILLMODE [OPTIONS [LINE...]]]: one that nothing is to be said against.
gateway_sound() {
        local killmode=${1:-mixed} options=${2:-}
        shift $(($# < 2 ? $# : 2))
        gateway_start "$killmode" "$options" OOMPolicy=continue "$@"
        wait_for gateway_answers
}

test_all_good() {
        gateway_sound
        doctor_inside 0
        check_found ok policy "$TEST_POLICY"
        check_found ok active "$GATEWAY has been active"
        check_found ok kill-mode KillMode=mixed
        check_found ok port "Port 18789 is held by the unit itself"
        check_found ok user-manager alice
        check_found ok linger alice
        check_not_found note place ""
        # nothing at all, but what is the test machine's own
        check_equal "$(jq -r --argjson others "$(printf '"%s"\n' "${OTHERS[@]}" adopted | jq -s .)" \
                '.findings[] | select(.level != "ok" and ([.topic] | inside($others) | not)) | .topic' <<<"$FOUND")" "" "other findings"
        doctor 0 gateway_call "cgmove doctor --json"
}
TEST_POLICY='"test"'

# What it says is what happens.
test_its_word_is_kept() {
        local old
        policy_restart
        gateway_sound
        old=$(gateway_pid)
        doctor_inside 0
        restart_inside
        restart_end
        check_equal "$(outcome '.state + " " + .reason')" "done restarted" outcome
        [[ $(gateway_pid) -ne $old ]] && gateway_answers
        gateway_remove
        leftover_start "${STRICT_LIMIT[@]}"
        run_into_start_limit
        doctor_of_gateway 1
        check_found problem crash-loop "start limit" "cgmove restart $GATEWAY"
        restart_outside
        restart_end
        check_equal "$(outcome '.state + " " + .reason')" "done restarted" outcome
        doctor_inside 0
}

test_for_people() {
        gateway_sound
        check_status 0 gateway_call "cgmove doctor $GATEWAY"
        check_match "$OUTPUT" "ok +kill-mode +KillMode=mixed"
        check_contains "$OUTPUT" "A restart of $GATEWAY from inside works"
        check_lacks "$OUTPUT" $'\e'
        check_status 1 as alice cgmove doctor no-such-unit
        check_match "$OUTPUT" "problem +load +There is no unit no-such-unit.service"
        check_contains "$OUTPUT" "would not work now: 1 problem"
        # coloured and wrapped on a terminal, if that is wanted
        OUTPUT=$(as alice script -qec "stty cols 60; cgmove doctor $GATEWAY" /dev/null </dev/null)
        check_contains "$OUTPUT" $'\e['
        [[ $(printf %s "$OUTPUT" | sed 's/\x1b\[[0-9;]*m//g' | tr -d '\r' | wc -L) -le 60 ]] || fail "not wrapped: $OUTPUT"
        OUTPUT=$(as alice script -qec "NO_COLOR=1 cgmove doctor $GATEWAY" /dev/null </dev/null)
        check_lacks "$OUTPUT" $'\e['
}

test_usage() {
        check_status 2 as alice cgmove doctor a b
        check_status 2 as alice cgmove doctor --user --system a
        check_status 2 as alice cgmove doctor "../x"
        check_status 2 as alice cgmove doctor "a*"
        check_status 2 as alice cgmove doctor x.timer
        check_status 2 as alice cgmove doctor --what
        check_status 0 as alice cgmove doctor --help
}

# The cure is what root must type, and then all is well.
test_no_policy() {
        local cure
        touch /run/policy-touched
        rm -rf "${POLICY_DIR:?}"/*
        policy_reload
        gateway_sound
        doctor_inside 1
        check_found problem policy "There is no policy yet" "as root: cgmove policy allow alice --from user:$GATEWAY"
        cure=$(cure_of policy | head -n 1)
        check_status 0 sh -c "${cure#as root: }"
        doctor_inside 0
        check_found ok policy "user:$GATEWAY"
        # a session is another place
        doctor 0 in_session alice cgmove doctor --json "$GATEWAY"
        check_found note place "From here it would be refused" "cgmove policy allow alice --from session"
        doctor 0 in_session alice cgmove doctor --json
        check_found ok policy "Commands may leave user:$GATEWAY"
        doctor 1 in_session bob cgmove doctor --json
        check_found problem policy "No policy" "as root: cgmove policy allow bob --from session"
}

test_refusal_section() {
        policy_only <<-'POLICY'
	policy "never" {
	        users = {"alice"}
	        from = {"user:*"}
	        allow = false
	}
	POLICY
        gateway_sound
        doctor_inside 1
        check_found problem policy '"never"' "section \"never\" ($POLICY_DIR/test.conf:"
}

test_restart_list() {
        gateway_sound
        policy_restart
        doctor 0 in_session alice cgmove doctor --json "$GATEWAY"
        check_not_found note place ""
        policy_reset
        doctor 0 in_session alice cgmove doctor --json "$GATEWAY"
        check_found note place "From here it would be refused" "restart = {\"user:$GATEWAY\"} in section \"test\""
}

test_bad_policy_file() {
        touch /run/policy-touched
        gateway_sound
        policy_write broken <<<'policy "x" { users = '
        systemctl reload cgmoved.service || true
        doctor_inside 0
        check_found warning policy-file broken.conf "cgmove policy check"
        systemctl restart cgmoved.service
        doctor_inside 1
        check_found problem policy-file broken.conf
}

test_jobs_used_up() {
        policy_only <<-'POLICY'
	policy "few" {
	        users = {"alice"}
	        from = {"user:*", "session"}
	        max-jobs = 1
	}
	POLICY
        gateway_sound
        gateway_call_strict "cgmove run -- sleep 1000"
        doctor_inside 1
        check_found problem jobs "All 1 jobs" "cgmove stop"
}

test_no_daemon() {
        gateway_sound
        systemctl stop cgmoved.socket cgmoved.service
        doctor_inside 1
        check_found problem daemon "cannot be reached" "as root: systemctl enable --now cgmoved.socket"
        # the rest is still told
        check_found ok active "$GATEWAY has been active"
        systemctl start cgmoved.socket cgmoved.service
        doctor_inside 0
}

test_daemon_that_hangs() {
        local pid
        gateway_sound
        pid=$(daemon_pid)
        kill -STOP "$pid"
        doctor_inside 1
        kill -CONT "$pid"
        check_found problem daemon "does not answer" "systemctl restart cgmoved.service"
}

test_unit_that_cannot_be_loaded() {
        gateway_sound
        user_systemctl alice stop "$GATEWAY"
        rm "$GATEWAY_UNIT"
        user_systemctl alice mask "$GATEWAY"
        doctor_of_gateway 1
        check_found problem load "is masked" "systemctl --user unmask $GATEWAY"
        check_status 0 as alice sh -c "$(cure_of load)"
        doctor_of_gateway 1
        check_found problem load "There is no unit"
        gateway_write mixed "" KillMode=nonsense ExecStart=relative
        user_systemctl alice daemon-reload
        doctor_of_gateway 1
        check_found problem load "is not loaded (bad-setting)" "systemd-analyze --user verify $GATEWAY_UNIT"
}

test_changed_file_and_stopped_unit() {
        gateway_sound
        gateway_write mixed "" OOMPolicy=continue TimeoutStopSec=15
        doctor_inside 0
        check_found note reload "have changed" "systemctl --user daemon-reload"
        check_status 0 as alice sh -c "$(cure_of reload)"
        doctor_inside 0
        check_not_found note reload ""
        user_systemctl alice stop "$GATEWAY"
        doctor_of_gateway 1
        check_found problem active "does not run" "systemctl --user start $GATEWAY"
}

test_settings() {
        gateway_sound process "" TimeoutStopSec=330 Restart=no RestartPreventExitStatus=78 OOMScoreAdjust=500 MemoryMax=1G \
                RefuseManualStop=yes
        doctor_inside 0
        check_found note kill-mode KillMode=process "KillMode=mixed under [Service] with 'systemctl --user edit $GATEWAY'"
        check_found warning stop-timeout "5 min 30 s" TimeoutStopSec=30
        check_found warning restart Restart=no Restart=on-failure
        check_found note oom OOMScoreAdjust=500
        check_found note limits "MemoryMax=1 GiB"
        gateway_write mixed "" RestartSec=100ms StartLimitIntervalSec=10 StartLimitBurst=5 RestartPreventExitStatus=78 RefuseManualStop=yes
        sed -i '/^RefuseManualStop/d' "$GATEWAY_UNIT"
        sed -i 's/^\[Unit\]$/&\nRefuseManualStop=yes/;' "$GATEWAY_UNIT"
        user_systemctl alice daemon-reload
        doctor_inside 1
        check_found warning start-limit "leaves the unit down" "StartLimitIntervalSec=0 under [Unit]"
        check_found note exit-status "status 78"
        check_found problem manual RefuseManualStop=yes
        sed -i '/^RefuseManualStop/d' "$GATEWAY_UNIT"
        user_systemctl alice daemon-reload
}

# A child of an earlier instance that has the listening socket.
test_left_over_that_holds_the_port() {
        local pid
        leftover_start OOMPolicy=continue RestartSec=8
        wait_for gateway_answers
        # below the main process, so far
        doctor_inside 0
        check_not_found warning port ""
        user_systemctl alice kill --kill-whom=main --signal=KILL "$GATEWAY"
        pid=$(leftover_pid)
        wait_for gateway_has SubState auto-restart
        doctor_of_gateway 1
        check_found problem crash-loop "crash loop" "cgmove restart $GATEWAY"
        check_found problem port "each new instance gets EADDRINUSE" "cgmove restart $GATEWAY"
        check_found warning left-overs "$pid (sleep)" "cgmove restart $GATEWAY"
        kill "$pid"
        wait_for gateway_answers
}

test_start_limit_hit() {
        leftover_start "${STRICT_LIMIT[@]}"
        run_into_start_limit
        doctor_of_gateway 1
        check_found problem crash-loop "start limit" "cgmove restart $GATEWAY"
        check_found problem port "EADDRINUSE"
}

test_somebody_else_has_the_port() {
        gateway_start mixed "--port 18789" RestartSec=100ms "ExecStopPost=/bin/sleep 1"
        thief_start
        user_systemctl alice restart "$GATEWAY" || true
        wait_for thief_has_the_port
        doctor_of_gateway 1
        check_found problem port "which is not of $GATEWAY"
        thief_stop
}

test_no_lingering_and_no_manager() {
        gateway_sound
        mkdir -p /var/lib/systemd/linger
        mv /var/lib/systemd/linger/alice /var/lib/systemd/linger/.alice
        doctor_inside 0
        mv /var/lib/systemd/linger/.alice /var/lib/systemd/linger/alice
        check_found warning linger "does not linger" "as root: loginctl enable-linger alice"
        check_found note logout "/run/user/1000"

        user_manager_stop alice
        doctor_of_gateway 1
        check_found problem user-manager "cannot be reached: it does not run" "as root: systemctl restart user@1000.service"
        # without a unit that alone is no problem
        doctor 0 in_session alice cgmove doctor --json
        user_manager_start alice
}

test_manager_that_hangs() {
        local pid
        gateway_sound
        pid=$(systemctl show --value -p MainPID user@1000.service)
        kill -STOP "$pid"
        doctor_of_gateway 1
        kill -CONT "$pid"
        check_found problem user-manager "it does not answer"
}

test_adopted() {
        gateway_sound
        doctor_inside 0
        check_found note adopted "is not adopted" "cgmove adopt $GATEWAY"
        as alice mkdir -p "$GATEWAY_UNIT.d"
        as alice sh -c "printf '[Service]\n' >$GATEWAY_UNIT.d/50-cgmove.conf"
        user_systemctl alice daemon-reload
        doctor_inside 0
        rm -r "$GATEWAY_UNIT.d"
        user_systemctl alice daemon-reload
        check_found ok adopted "is adopted"
}

# The finding's cure, as it is written, where the folder is not there yet; and "cgmove run" has a log then. $call asks the unit.
log_cure_helps() {
        local cure
        cure=$(cure_of log)
        as alice rm -rf /home/alice/.local/state/cgmove
        check_match "$cure" '^as alice, outside of the unit: mkdir -p [^;]+; then as root: ReadWritePaths=[^ ]+ under \[Service\]'
        as alice sh -c "$(sed 's/^[^:]*: \([^;]*\);.*/\1/' <<<"$cure")"
        printf '[Service]\n%s\n' "$(sed 's/.*\(ReadWritePaths=[^ ]*\).*/\1/' <<<"$cure")" >>/run/systemd/system/gw.service
        systemctl daemon-reload
        systemctl restart gw.service || fail "it does not start with $cure"
        doctor 0 "${call[@]}" "HOME=/home/alice cgmove doctor --json gw"
        check_not_found warning log ""
        check_contains "$("${call[@]}" "HOME=/home/alice cgmove run -- true")" /home/alice/.local/state/cgmove/job-
}

# A gateway as a unit of the system, for alice: restarts are the daemon's, for who is listed.
test_system_unit() {
        cat >/run/systemd/system/gw.service <<-UNIT
	[Service]
	Type=notify
	User=alice
	ExecStart=/usr/bin/python3 $GATEWAY_PY serve --port 18888
	KillMode=mixed
	Restart=on-failure
	RestartSec=5
	TimeoutStopSec=20
	UNIT
        systemctl daemon-reload
        systemctl start gw.service
        local call=(as alice "$GATEWAY_CALL" --port 18888 stdio)
        doctor 1 "${call[@]}" "cgmove doctor --json gw"
        check_equal "$(jq -r .unit <<<"$FOUND")" system:gw.service
        check_found problem restart-list "does not list system:gw.service" 'restart = {"system:gw.service"} in section "test"'
        check_found ok port "Port 18888 is held by the unit itself"
        check_not_found ok user-manager ""
        policy_only <<-'POLICY'
	policy "system" {
	        users = {"alice"}
	        from = {"system:gw.service"}
	        restart = {"system:gw.service"}
	}
	POLICY
        doctor 0 "${call[@]}" "cgmove doctor --json gw"
        doctor 0 as alice cgmove doctor --json --system gw
        doctor 0 cgmove doctor --json gw
        check_found ok policy "You are root"
        doctor 1 as bob cgmove doctor --json --system gw
        check_found problem user "runs as alice, and you are bob" "runuser -u alice -- cgmove doctor --system gw.service"
        systemctl stop gw.service
        sed -i 's/^User=.*/&\nProtectHome=read-only/' /run/systemd/system/gw.service
        systemctl daemon-reload
        systemctl start gw.service
        doctor 0 "${call[@]}" "HOME=/home/alice cgmove doctor --json gw"
        check_found warning log "Read-only file system" "as root: ReadWritePaths=/home/alice/.local/state/cgmove under [Service]"
        log_cure_helps
        touch /run/systemd/system/gw.service
        sed -i 's/RestartSec=5/RestartSec=6/' /run/systemd/system/gw.service
        doctor 1 "${call[@]}" "cgmove doctor --json gw"
        check_found problem reload "PID 1 is not reloaded" "as root: systemctl daemon-reload"
        doctor 1 cgmove doctor --json systemd-logind
        check_found problem restart-list "for nobody"
        systemctl stop gw.service
        rm /run/systemd/system/gw.service
        systemctl daemon-reload
}
