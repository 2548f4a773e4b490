# SPDX-License-Identifier: LGPL-2.1-or-later
# Threat 20. There is no PAM module yet. This fails on the day one comes: then a test that calls it with no daemon, with
# one that hangs, in a set-uid program, in threads and after fork() takes the place of the first tests here. (That of NSS has its
# tests in 20-nss.sh.) What stands already: without a daemon, and with one that hangs, no verb of the client blocks.

tear_down() {
        kill -CONT "$(daemon_pid)" 2>/dev/null || true
        systemctl start cgmoved.socket cgmoved.service
        pkill -KILL -u alice -x sleep || true
}

test_no_module_is_installed() {
        local found
        found=$(find / -xdev -path /proc -prune -o -path /opt -prune -o -name '*pam_cgmove*' -print)
        check_equal "$found" "" "modules"
        check_equal "$(dpkg -L cgmove | grep -E '/(security|pam-configs|pam\.d)/|nsswitch' || true)" "" "files of modules"
        check_equal "$(grep -r cgmove /etc/pam.d /usr/share/pam-configs /etc/nsswitch.conf 2>/dev/null || true)" "" "configuration of modules"
        tried "$(dpkg -L cgmove | wc -l)" files of the package, none of them a module
}

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
