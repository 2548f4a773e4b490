# SPDX-License-Identifier: LGPL-2.1-or-later
# What a hostile client says on the private socket, and a hostile process in the place of a user's manager. (Threat 17; forged
# senders as such are also in tests/machine/50-limits.sh.)

WIRE=/opt/cgmove-tests/wire.py

wire() {
        local status=0
        OUTPUT=$(in_session alice python3 $WIRE "$@" 2>&1) || status=$?
        [[ $status -eq 0 ]] || fail "wire.py $*: $OUTPUT"
        grep '^tried ' <<<"$OUTPUT"
}

jobs_of_alice() {
        list_of alice '.jobs | length'
}

set_up() {
        # the pool is up, and what the first clients make the daemon allocate is there
        check_status 0 in_session alice cgmove run --wait -- true
        check_status 0 as bob cgmove list
        daemon_note
        JOBS=$(jobs_of_alice)
}

check_nothing_came_of_it() {
        check_equal "$(jobs_of_alice)" "$JOBS" "the jobs"
        daemon_check_goes_on
        pools_check_names
}

test_beginnings() {
        local other
        check_status 0 in_session bob cgmove list
        policy_only <<-'POLICY'
	policy "both" {
	        users = {"alice", "bob"}
	        from = {"session", "user:*"}
	        max-jobs = 500
	        rate = "100000/min"
	}
	POLICY
        check_status 0 in_session bob cgmove run --name his -- sleep 1000
        other=$(list_of bob '.jobs[-1].id')
        daemon_note
        wire auth "$other"
        check_nothing_came_of_it
}

test_headers() {
        wire headers
        check_nothing_came_of_it
}

test_bodies() {
        local job
        check_status 0 in_session alice cgmove run --name aim -- sleep 1000
        job=$(job_id aim)
        JOBS=$(jobs_of_alice)
        daemon_note
        wire bodies "$job"
        check_equal "$(job_field aim state)" running "the job that all was said to"
        check_nothing_came_of_it
}

test_descriptors() {
        wire descriptors
        check_nothing_came_of_it
}

test_cut_at_every_byte() {
        wire cut
        check_nothing_came_of_it
}

test_pieces() {
        wire mixed
        check_nothing_came_of_it
}

test_mutations() {
        wire mutated 2000 17
        check_nothing_came_of_it
}

# --- a false manager ------------------------------------------------------------------------------------------------------

# liar_begin MODE [FILE]: a process of alice's in her manager's group answers at the manager's socket. From here to liar_end nothing must
# ask the manager by systemctl.
liar_begin() {
        as alice systemd-run --user --quiet --collect -p KillMode=process -- python3 /opt/cgmove-tests/false-manager.py "$@"
        wait_for test -S /run/user/1000/systemd/true
        wait_for test -S /run/user/1000/systemd/private
        LIAR=$(pgrep -u alice -f false-manager)
        check_contains "$(cat "/proc/$LIAR/cgroup")" /user@1000.service/init.scope "where the false manager is"
}

liar_end() {
        [[ -S /run/user/1000/systemd/true ]] || return 0
        pkill -KILL -u alice -f false-manager || true
        mv /run/user/1000/systemd/true /run/user/1000/systemd/private
}

HANG_SERVER=

tear_down() {
        hang_end
        liar_end
        user_systemctl alice stop aim.service crowd.service 2>/dev/null || true
}

aim_begin() {
        as alice systemd-run --user --quiet --collect --unit=aim -- sleep 1000
        AIM=$(user_systemctl alice show --value -p MainPID aim.service)
        systemctl restart cgmoved.service # one that has logged nothing of alice's in this minute
        check_status 0 in_session alice cgmove run --wait -- true # and that has a pool open
        daemon_note
}

# 20 requests at a time, about a process of which only the manager could say whose it is; what they were answered in $SAID.
ask_about_aim() {
        local i
        for i in {1..20}; do
                # not the client: it would try again for seconds
                as alice timeout 60 python3 /opt/cgmove-tests/peer.py move --pid "$AIM" >"$TEST_DIR/said-$i" 2>&1 &
        done
}

daemon_memory_peak() {
        local peak=0 now
        while pgrep -u alice -f 'peer.py move' >/dev/null; do
                now=$(daemon_memory)
                [[ $now -le $peak ]] || peak=$now
                sleep 0.05
        done
        echo "$peak"
}

false_manager() {
        local mode=$1 expected=$2 peak quiet
        liar_begin "$mode"
        ask_about_aim
        # somebody else is served meanwhile, and the daemon takes in next to nothing
        check_status 0 timeout 20 "$here/as" bob cgmove list
        peak=$(daemon_memory_peak)
        wait
        [[ $peak -le $((DAEMON_MEMORY + 25 * 1024)) ]] || fail "$mode: the daemon had $DAEMON_MEMORY KiB, and at most $peak"
        check_equal "$(sort -u "$TEST_DIR"/said-* | grep -c -v -E "$expected" || true)" 0 "answers to $mode that are none of \"$expected\": $(sort -u "$TEST_DIR"/said-*)"
        check_lacks "$(cat "/proc/$AIM/cgroup")" job- "$mode: the main process"
        liar_end
        rm -f "$TEST_DIR"/said-*
}

test_false_manager_that_floods() {
        local mode round
        aim_begin
        # malloc(3) keeps what it needed once; what leaks grows again
        for round in 1 2; do
                daemon_note
                for mode in announce line signals large descriptors garbage close wrong; do
                        false_manager "$mode" 'Error.Busy .*(does not answer|is no answer)'
                done
        done
        wait_for journal_has "A request of user 1000 was refused: It cannot be told whether this is a unit's main process" -o cat --since -5min
        daemon_check_goes_on 1024
        tried 320 "moves while a false manager floods the daemon in 8 ways"
}

# crowd_begin: a process of alice's with many children asks about all of them, again and again, when there is a false manager.
crowd_begin() {
        as alice systemd-run --user --quiet --wait --pipe --collect --unit=crowd -- python3 /opt/cgmove-tests/load.py \
                crowd 10 300 /run/user/1000/systemd/true >"$TEST_DIR/crowd" &
        wait_for pgrep -u alice -f 'load.py crowd'
        liar_begin silent
        wait_for_within 120 sh -c "[ \$(wc -l <'$TEST_DIR/crowd') -eq 10 ]"
        liar_end
        wait
        CROWD=$(cut -c1-200 "$TEST_DIR/crowd" | sort | uniq -c)
}

# What waits for a manager has descriptors of ours, of each process one and one of its group: it does not wait for long.
test_calls_about_many_processes() {
        daemon_note
        crowd_begin
        check_equal "$(grep -c 'org.cgmove1.Error.Busy .*manager does not answer (.*did not answer in time)' "$TEST_DIR/crowd" || true)" 10 "answers: $CROWD"
        daemon_check_goes_on 4096
        tried 10 "calls about 301 processes each, whose manager does not answer"
}

# Whom the policy lets do nothing cannot make us wait for him.
test_calls_without_a_policy() {
        policy_only <<-'POLICY'
	policy "other" {
	        users = {"bob"}
	        from = {"session"}
	}
	POLICY
        crowd_begin
        check_equal "$(sort -u "$TEST_DIR/crowd")" ok "answers: $CROWD"
        tried 10 "calls of a user without a policy, whose manager does not answer"
}

test_false_manager_that_hangs() {
        local mode
        aim_begin
        for mode in silent half; do
                false_manager "$mode" 'Error.Busy .*did not answer in time'
        done
        daemon_check_goes_on 2048
        tried 40 "moves while a false manager does not answer"
}

# What root is told by `cgmove policy allow` of a unit of alice's is her manager's word, which he does not wait for.
allow_aim() {
        check_status 0 timeout 120 cgmove policy allow alice --from user:aim.service --name liar
        check_contains "$OUTPUT" "The daemon has reloaded: alice may leave user:aim.service."
        check_lacks "$OUTPUT" Warning
        diff <(ls "$POLICY_DIR") <(printf '%s\n' "${POLICY_FILES[@]}" liar.conf | sort) || fail "$1: other files"
        cat "$POLICY_DIR/liar.conf"
        rm "$POLICY_DIR/liar.conf"
        policy_reload
}

test_root_asks_a_false_manager() {
        local mode rule
        aim_begin
        policy_only <<-'POLICY'
	policy "other" {
	        users = {"bob"}
	        from = {"session"}
	}
	POLICY
        mapfile -t POLICY_FILES < <(ls "$POLICY_DIR")
        rule=$(allow_aim "the true one")
        close_hangs_begin
        for mode in silent signals wrong file; do
                liar_begin "$mode" "$HANG_FOLDER/file"
                check_equal "$(allow_aim "$mode")" "$rule" "what is written ($mode)"
                [[ $mode != file || -s $TEST_DIR/no-fuse ]] || wait_for grep -q asked "$TEST_DIR/hang"
                [[ $mode != file ]] || hang_end
                liar_end
        done
        not pgrep -u root -x cgmove-client || fail "root still waits"
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        tried 4 "questions of root's that a false manager answers badly, or not ($(head -n 1 "$TEST_DIR/no-fuse" 2>/dev/null))"
}

# --- descriptors ---------------------------------------------------------------------------------------------------------------

# hang_begin N: alice calls with N descriptors of a file whose file system says nothing when one of them is closed. Where there is no
# FUSE it is an ordinary file.
HANG_FOLDER=/run/hang-close
hang_begin() {
        mkdir -p "$HANG_FOLDER"
        [[ -e /dev/fuse ]] || mknod -m 0600 /dev/fuse c 10 229 || true
        python3 /opt/cgmove-tests/hang-close.py 1000 "$HANG_FOLDER" "$1" >"$TEST_DIR/hang" 2>"$TEST_DIR/no-fuse" &
        HANG=$!
        wait_for grep -q . "$TEST_DIR/hang" "$TEST_DIR/no-fuse"
        HANG_SERVER=$(sed -n 's/^server //p' "$TEST_DIR/hang")
        wait_for hang_has_called
}

# close_hangs_begin: such a file system alone.
close_hangs_begin() {
        mkdir -p "$HANG_FOLDER"
        [[ -e /dev/fuse ]] || mknod -m 0600 /dev/fuse c 10 229 || true
        python3 /opt/cgmove-tests/silent_fuse.py "$HANG_FOLDER" 1000 >"$TEST_DIR/hang" 2>"$TEST_DIR/no-fuse" &
        HANG=$!
        wait_for grep -q . "$TEST_DIR/hang" "$TEST_DIR/no-fuse"
        HANG_SERVER=$(sed -n 's/^server //p' "$TEST_DIR/hang")
        [[ -n $HANG_SERVER ]] || touch "$HANG_FOLDER/file"
}

# Both calls were made, or it has ended.
hang_has_called() {
        grep -q ^end "$TEST_DIR/hang" || ! kill -0 "$HANG"
}

hang_end() {
        [[ -z $HANG_SERVER ]] || kill -KILL "$HANG_SERVER"
        HANG_SERVER=
        umount --lazy "$HANG_FOLDER" 2>/dev/null || true
        [[ -z ${HANG:-} ]] || wait "$HANG" || true
}

# Whoever closes such a descriptor waits for ever; the daemon does not, and serves others, and at last him.
test_descriptors_that_hang_when_they_are_closed() {
        local n
        for n in 1 128; do
                hang_begin "$n"
                check_status 0 timeout 60 "$here/as" bob cgmove list
                if [[ ! -s $TEST_DIR/no-fuse ]]; then
                        check_match "$(sed -n 2p "$TEST_DIR/hang")" 'Error\.' "what is no process"
                        # as long as one of his hangs, no more are taken of him
                        check_match "$(sed -n 3p "$TEST_DIR/hang")" '^closed' "the second call"
                        check_status 0 timeout 60 "$here/as" alice cgmove list
                fi
                hang_end
        done
        check_status 0 in_session alice timeout 60 cgmove run --wait -- true
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        wait_for daemon_has_no_more_fds
        tried 258 "descriptors of a file that hangs when it is closed ($(head -n 1 "$TEST_DIR/no-fuse" 2>/dev/null))"
}

# Sockets that have the kernel wait when the last one lets them go, which the daemon does: of connections that it refuses or drops, and of
# what comes with a message and has no room.
test_sockets_that_linger_when_they_are_closed() {
        local way n linger
        for way in line unread many; do
                for n in 1 80; do
                        [[ $way != many || $n -eq 1 ]] || n=20
                        coproc python3 /opt/cgmove-tests/linger-close.py 1000 "$DAEMON" "$way" "$n"
                        linger=$COPROC_PID
                        read -r -t 60 <&"${COPROC[0]}" || fail "nothing was sent"
                        check_status 0 timeout 60 "$here/as" bob cgmove list
                        kill -KILL "$linger"
                        wait "$linger" 2>/dev/null || true
                done
        done
        check_status 0 in_session alice timeout 60 cgmove run --wait -- true
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        wait_for daemon_has_no_more_fds
        tried 366 "sockets that wait for their other side when they are closed, in 183 connections"
}
