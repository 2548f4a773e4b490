# SPDX-License-Identifier: LGPL-2.1-or-later
# Threat 20. The PAM module, called with no daemon, with one that hangs, in a set-uid program, in threads and after fork(); what a user
# could do with what it tells the daemon; and that no verb of the client blocks without a daemon, or with one that hangs.

tear_down() {
        rm -f /etc/pam.d/attack /etc/sudoers.d/attack
        [[ ! -e $TEST_DIR/sudo ]] || cp "$TEST_DIR/sudo" /etc/pam.d/sudo
        liar_end
        kill -CONT "$(daemon_pid)" 2>/dev/null || true
        systemctl start cgmoved.socket cgmoved.service
        pkill -KILL -u alice -x sleep || true
}

# --- the PAM module --------------------------------------------------------------------------------------------------------------

PROBE=/opt/cgmove-tests/pam-probe
MODULE=$(find -L /usr/lib/*/security -name pam_cgmove.so)

# pam_service OPTION...: a service of PAM in which the module stands alone, so that what it says is what a program gets.
pam_service() {
        printf '%s\n' 'auth required pam_permit.so' 'account required pam_permit.so' "session required pam_cgmove.so $*" >/etc/pam.d/attack
}

# probe THREADS ROUNDS [open]: its sessions and the longest call in $SESSIONS and $LONGEST.
probe() {
        check_status 0 timeout --kill-after=1 150 $PROBE attack alice "$@"
        SESSIONS=$(sed -n 's/^sessions //p' <<<"$OUTPUT")
        LONGEST=$(sed -n 's/^longest //p' <<<"$OUTPUT")
}

sessions_opened() {
        journalctl --quiet --no-pager --output=cat --since "@$BEGUN" -t cgmoved CGMOVE_EVENT=session-opened "CGMOVE_UID=$1"
}

a_session_was_opened() {
        [[ -n $(sessions_opened "$1") ]]
}

module_said() {
        journalctl --quiet --no-pager --output=cat --since "@$BEGUN" --grep "$1" | grep -c . >/dev/null
}

set_up() {
        BEGUN=$EPOCHREALTIME
}

test_nothing_is_in_force_as_installed() {
        check_equal "$(grep -rl cgmove /etc/pam.d /etc/nsswitch.conf || true)" "" "configuration that names a module"
        check_match "$(stat -c '%U:%G %a' "$MODULE")" '^root:root [67][45][45]$' "the module's owner and mode"
        # what a program that opens sessions gets into its memory by it
        check_equal "$(ldd "$MODULE" | grep -E 'systemd|jansson|confuse|mnl|dbus|pthread' || true)" "" "libraries of the module"
        tried "$(ldd "$MODULE" | wc -l)" libraries of the PAM module, which is on in no service
}

test_pam_in_threads_and_children() {
        pam_service timeout=10s
        probe 8 25
        tried "$SESSIONS" PAM sessions in 8 threads, half of them closed by a child, in a program that has nothing of it
}

test_pam_without_a_daemon() {
        pam_service debug
        systemctl stop cgmoved.socket cgmoved.service
        probe 8 10
        wait_for module_said 'there is no daemon'
        tried "$SESSIONS" PAM sessions without a daemon
}

# Nobody waits longer than the time that is set, and nobody twice. (What the probe measures is compared generously: it is the machine
# that may be slow.)
test_pam_with_a_daemon_that_hangs() {
        pam_service timeout=300ms
        kill -STOP "$(daemon_pid)"
        probe 8 4
        kill -CONT "$(daemon_pid)"
        [[ $LONGEST -ge 300 && $LONGEST -lt 10300 ]] || fail "a call took $LONGEST ms"
        wait_for module_said 'it did not answer within 300 ms'
        check_lacks "$(journalctl -q --no-pager -o cat --since "@$BEGUN" --grep 'without cgmoved')" 'the session ends'
        check_status 0 in_session alice cgmove run --wait -- true
        tried "$SESSIONS" PAM sessions with a daemon that hangs, "$LONGEST" ms the longest call
}

liar_end() {
        [[ -n ${LIAR:-} ]] || return 0
        kill "$LIAR" || true
        rm -f /run/cgmove/private
        LIAR=
}

# Somebody else in the daemon's place, who would answer.
test_pam_with_a_socket_that_is_not_roots() {
        pam_service debug
        systemctl stop cgmoved.socket cgmoved.service
        cat >"$TEST_DIR/liar.py" <<-'PYTHON'
		import os, socket
		s = socket.socket(socket.AF_UNIX)
		s.bind("/run/cgmove/private")
		os.chmod("/run/cgmove/private", 0o666)
		os.setuid(1001)
		s.listen(50)
		print("ready", flush=True)
		while True:
		    c = s.accept()[0]
		    print("taken", flush=True)
		    print(len(c.recv(4096)), flush=True)
		PYTHON
        rm -f /run/cgmove/private
        python3 "$TEST_DIR/liar.py" >"$TEST_DIR/liar" &
        LIAR=$!
        wait_for grep -q ready "$TEST_DIR/liar"
        probe 1 5
        wait_for module_said "its socket is not root's"
        liar_end
        # it has heard nothing
        check_equal "$(grep -c -v -x -e ready -e taken -e 0 "$TEST_DIR/liar" || true)" 0 "what was said to a stranger"
        tried "$SESSIONS" PAM sessions with a socket that is another user\'s
}

# Whatever the caller of a set-uid program has put around it: alice asks for a session of bob, who has a policy, and of carol, who has none.
test_pam_in_a_set_uid_program() {
        local user n=0
        local -a evil=(XDG_RUNTIME_DIR=/tmp/evil DBUS_SESSION_BUS_ADDRESS=unix:path=/tmp/evil CGMOVE_SOCKET=/tmp/evil PATH=/tmp/evil)
        policy_only <<-'POLICY'
	policy "bob" {
	        users = {"bob"}
	        from = {"session"}
	}
	POLICY
        user_manager_start bob
        check_status 0 in_session bob cgmove run --wait -- true # the policy is in force
        cp /etc/pam.d/sudo "$TEST_DIR/sudo"
        echo 'session optional pam_cgmove.so debug timeout=10s' >>/etc/pam.d/sudo
        printf 'alice ALL=(ALL) NOPASSWD: ALL\n' >/etc/sudoers.d/attack
        for user in bob carol; do
                as alice env "${evil[@]}" /usr/bin/sudo -u "$user" /usr/bin/env >"$TEST_DIR/env-$user"
                # with its standard descriptors closed, few of them left, no signal let through, and a limit on what it may write
                as alice /usr/bin/sudo -u "$user" true <&- >&- 2>&-
                as alice sh -c "trap '' PIPE ALRM IO TERM; ulimit -n 32; exec /usr/bin/sudo -u $user true"
                as alice sh -c "ulimit -f 0; exec /usr/bin/sudo -u $user true"
                n=$((n + 4))
        done
        cp "$TEST_DIR/sudo" /etc/pam.d/sudo
        check_lacks "$(cat "$TEST_DIR"/env-*)" evil "environment"
        check_equal "$(sed -n 's/^XDG_RUNTIME_DIR=//p' "$TEST_DIR/env-bob")" /run/user/1001
        check_equal "$(grep -c /run/user "$TEST_DIR/env-carol" || true)" 0 "variables of carol"
        wait_for a_session_was_opened 1001
        check_equal "$(sessions_opened 1000)$(sessions_opened 1002)" "" "sessions of alice and carol"
        tried "$n" calls of a set-uid program by a hostile caller
}

REPORT=/opt/cgmove-tests/pam-report.py

# Only root reports sessions: a user would start pools of others, and have their names in the journal.
test_only_root_reports_sessions() {
        local n=0 who call
        systemctl stop 'cgmove@*.service'
        attack_begin
        for who in "as alice" "as bob" "as alice unshare --user --map-root-user" "in_session alice"; do
                for call in "open 1000 sshd" "open 0 sshd" "open 1001 sshd 0 1000" "open 4294967295 sshd" "option 1000 sshd pool" "close 1 1002 sshd"; do
                        # shellcheck disable=SC2086 # words
                        check_contains "$($who python3 $REPORT $call)" "Error.Denied Only root, as which PAM runs, may report sessions" "$who, $call"
                        n=$((n + 1))
                done
        done
        check_log 1000 'Only root, as which PAM runs'
        # what a user says of the end of a session of his own is heard only if there is one
        check_equal "$(as alice python3 $REPORT close 1 1000 sshd)" ok
        check_equal "$(journalctl -q --no-pager -o cat --since "@$ATTACK_BEGUN" -t cgmoved CGMOVE_EVENT=session-closed CGMOVE_UID=1000)" "" "ends"
        check_equal "$(systemctl list-units --plain --no-legend 'cgmove@*.service')" "" pools
        attack_end
        tried "$n" reports of sessions by users
}

# Nobody ends another one's session, or one that has ended.
test_ends_of_sessions() {
        local id
        attack_begin
        id=$(python3 $REPORT open 1000 sshd)
        check_match "$id" '^[1-9][0-9]*$' "number of a session"
        check_contains "$(as bob python3 $REPORT close "$id" 1000 sshd)" Denied
        check_equal "$(as bob python3 $REPORT close "$id" 1001 sshd)" ok
        check_equal "$(session_ends)" 0 "ends"
        check_equal "$(as alice python3 $REPORT close "$id" 1000 other)" ok
        check_equal "$(as alice python3 $REPORT close "$id" 1000 sshd)" ok
        wait_for session_ends_are 1
        attack_end
        check_equal "$(session_ends)" 1 "ends"
        tried 4 reports of the end of a session
}

# of the service that opened it, whatever is said at the end
session_ends() {
        journalctl -q --no-pager -o cat --since "@$ATTACK_BEGUN" -t cgmoved CGMOVE_EVENT=session-closed CGMOVE_SERVICE=sshd | grep -c . || true
}

session_ends_are() {
        [[ $(session_ends) -eq $1 ]]
}

# And what root's programs send is looked at as well.
test_reports_that_are_none() {
        local n=0 call long
        long=$(printf 'x%.0s' {1..65})
        check_status 0 in_session alice cgmove run --wait -- true # the pool is open
        daemon_note
        while IFS= read -r call; do
                # shellcheck disable=SC2086 # words
                check_match "$(python3 $REPORT $call)" '^(org\.cgmove1\.Error\.InvalidArgument |org\.freedesktop\.DBus\.Error\.InconsistentMessage |closed$)' "answer to $call"
                n=$((n + 1))
        done <<-CALLS
		open 4294967295 sshd
		open 1000 $long
		open 1000 a/b
		open 1000 a;b
		open 1000 hex=610a
		open 1000 hex=611b5b
		open 1000 hex=ff
		open 1000 hex=c3a4
		option 1000 sshd colour
		option 1000 sshd pool
		option 1000 sshd gids
		close 1 4294967295 sshd
		close 1 1000 $long
		close 1 1000 hex=00
		close-option 1 1000 sshd gids
		CALLS
        check_match "$(python3 $REPORT open 1000 hex=)" '^[1-9]' "a session of no service"
        check_equal "$(python3 $REPORT open 1001 sshd)" 0 "a session of one without a policy"
        # as many groups as a message holds
        # shellcheck disable=SC2046 # words
        check_equal "$(python3 $REPORT open 1001 sshd $(seq 60000))" 0 "a session of one with many groups"
        daemon_check_goes_on
        tried "$n" reports of sessions that are none
}

# Sessions that never end are forgotten, and logins of one user cost the host nothing that grows.
test_sessions_that_never_end() {
        pam_service timeout=10s
        probe 1 5 open
        daemon_note
        probe 4 150 open
        daemon_check_goes_on
        tried "$SESSIONS" PAM sessions that never end
}

# --- rights ----------------------------------------------------------------------------------------------------------------------

test_nothing_gives_rights_to_its_caller() {
        local file
        dpkg -L cgmove | while IFS= read -r file; do
                [[ -f $file && ! -L $file ]] || continue
                [[ ! -u $file && ! -g $file ]] || fail "$file is set-uid or set-gid"
                [[ $(stat -c %U:%G "$file") == root:root ]] || fail "$file is not root's"
                [[ $(stat -c %a "$file") =~ ^[0-7]*[0145][0145]$ ]] || fail "$file can be written by others"
                printf '%s\n' "$file"
        done >"$TEST_DIR/files"
        python3 - "$TEST_DIR/files" <<-'PYTHON'
		import os, sys
		for line in open(sys.argv[1]):
		    assert "security.capability" not in os.listxattr(line.rstrip("\n")), line
		PYTHON
        tried "$(wc -l <"$TEST_DIR/files")" files, looked at for rights that they give
}

# --- the client ------------------------------------------------------------------------------------------------------------------

# Each verb that asks the daemon, one a line.
verbs() {
        cat <<-LIST
	list
	list --all
	status 1
	logs 1
	stop 1
	kill 1
	move $1
	move --tree $1
	move --dry-run $1
	run -- true
	run --wait -- true
	exec -- true
	exec --fallback -- true
	restart $GATEWAY
	restart --dry-run $GATEWAY
	policy explain --from session
LIST
}

# try_all: every verb at the same time; the statuses, and what they say, are in $TEST_DIR. What has not ended after
# two minutes blocks: none of them is to take half of that.
try_all() {
        local pid n=0 line
        local -a words pids=()
        setpriv --reuid=alice --regid=alice --init-groups sleep 1000 &
        pid=$!
        while IFS= read -r line; do
                n=$((n + 1))
                read -r -a words <<<"$line"
                (
                        status=0
                        timeout --kill-after=1 120 "$here/as" alice cgmove "${words[@]}" >"$TEST_DIR/said-$n" 2>&1 </dev/null || status=$?
                        printf '%s|%s\n' "$status" "$line" >"$TEST_DIR/status-$n"
                ) &
                pids+=($!)
        done < <(verbs "$pid")
        wait "${pids[@]}"
        kill "$pid"
        N_VERBS=$n
}

# 69: not reached; 75: again later; 125: exec and run --wait, whatever it is; exec --fallback does without.
check_all() {
        local n status line
        for ((n = 1; n <= N_VERBS; n++)); do
                IFS='|' read -r status line <"$TEST_DIR/status-$n"
                case $line in
                "exec --fallback"*) check_equal "$status" 0 "status of $line: $(cat "$TEST_DIR/said-$n")" ;;
                exec* | "run --wait"*) check_match "$status" '^125$' "status of $line: $(cat "$TEST_DIR/said-$n")" ;;
                *) check_match "$status" '^(69|75)$' "status of $line: $(cat "$TEST_DIR/said-$n")" ;;
                esac
                check_match "$(cat "$TEST_DIR/said-$n")" 'cgmoved' "what $line says"
        done
}

test_no_daemon() {
        gateway_start mixed
        systemctl stop cgmoved.socket cgmoved.service
        try_all
        check_all
        tried "$N_VERBS" verbs without a daemon
}

test_hanging_daemon() {
        local pid
        pid=$(daemon_pid)
        gateway_start mixed
        kill -STOP "$pid"
        try_all
        check_all
        kill -CONT "$pid"
        check_equal "$(daemon_pid)" "$pid" daemon
        check_status 0 in_session alice cgmove run --wait -- true
        tried "$N_VERBS" verbs with a daemon that hangs
}

# One that hangs in the middle of a wait is waited for; nothing is lost by it.
test_wait_is_patient() {
        local pid job waiter
        pid=$(daemon_pid)
        in_session alice cgmove run --name patient -- sh -c 'until test -e /home/alice/finish-patient; do sleep 0.1; done; exit 7'
        job=$(job_id patient)
        "$here/as" alice cgmove wait "$job" &
        waiter=$!
        sleep 1
        kill -STOP "$pid"
        as alice touch /home/alice/finish-patient
        # longer than a client waits for a daemon that does not take up the conversation: the supervisor's too, which reports the end
        sleep 20
        kill -0 "$waiter" || fail "it has given up"
        kill -CONT "$pid"
        wait "$waiter" && fail "it says 0" || check_equal $? 7 "status of the job"
        tried 1 wait, with a daemon that hangs for 20 s when the job ends
}
