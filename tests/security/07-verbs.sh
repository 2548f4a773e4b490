# SPDX-License-Identifier: LGPL-2.1-or-later
# Every verb, by everybody, on everybody's jobs: on the private socket, the system bus, the command line, and in the files. (Threat 7;
# that targets of moves are checked as well as their callers is in 03, 04 and 21, of restarts in 18 and 25.)

VERBS=/opt/cgmove-tests/verbs.py

# What there is to be asked. A method that is new stands here with what others may do by it, before this file passes.
# (What others may do by those of sessions: 20.)
MANAGER_METHODS='org.cgmove1.Manager.Check
org.cgmove1.Manager.CloseSession
org.cgmove1.Manager.Explain
org.cgmove1.Manager.GetJob
org.cgmove1.Manager.GetSessions
org.cgmove1.Manager.ListJobs
org.cgmove1.Manager.Move
org.cgmove1.Manager.OpenSession'
JOB_METHODS='org.cgmove1.Job.Finish
org.cgmove1.Job.GetUnit
org.cgmove1.Job.Kill
org.cgmove1.Job.Report
org.cgmove1.Job.RestartUnit
org.cgmove1.Job.StartUnit
org.cgmove1.Job.Stop
org.cgmove1.Job.Wait'
# of sd-bus, the same on every object
COMMON_METHODS='org.freedesktop.DBus.Introspectable.Introspect
org.freedesktop.DBus.Peer.GetMachineId
org.freedesktop.DBus.Peer.Ping
org.freedesktop.DBus.Properties.Get
org.freedesktop.DBus.Properties.GetAll
org.freedesktop.DBus.Properties.Set'
# what everybody may read of a job on the system bus
PUBLIC_PROPERTIES='.CPUWeight .ControlGroup .Created .Ended .ExitCode .ExitSignal .Id .InvocationId .Kind .MemoryMax .Name .Result .RuntimeMax .Section .Source .State .StatusKnown .TasksMax .Uid .Unit'

set_up() {
        policy_only <<-POLICY
	policy "$TEST_NAME" {
	        users    = {"alice", "bob"}
	        from     = {"user:*", "session", "job"}
	        max-jobs = 500
	        rate     = "100000/min"
	}
	POLICY
        attack_begin
        user_manager_start bob
}

tear_down() {
        put_end
        pkill -KILL -u bob -x -f 'sleep 480[0-9]' || true
        pkill -KILL -u alice -x -f 'sleep 480[0-9]' || true
}

# job_of USER COMMAND...: its number.
job_of() {
        local user=$1
        shift
        in_session "$user" cgmove run --json --name "of-$user" -- "$@" | jq .job.id
}

# One of each kind: of alice, bob and root, alive and ended, and one that is none.
jobs_make() {
        local user
        for user in alice bob; do
                LIVE[$user]=$(job_of $user sleep 4800)
                ENDED[$user]=$(job_of $user sh -c 'echo secret words; exit 3')
                as $user cgmove wait "${ENDED[$user]}" >/dev/null || true
        done
        LIVE[root]=$(systemd-run --quiet --pipe --wait --collect cgmove run --json --name of-root -- sleep 4800 | jq .job.id)
}

declare -A LIVE ENDED

jobs_are_there() {
        local user
        for user in alice bob root; do
                check_equal "$(cgmove list --all --json | jq -r ".jobs[] | select(.id == ${LIVE[$user]}) | .state")" running "the job of $user"
        done
        for user in alice bob; do
                check_equal "$(cgmove list --all --json | jq -r ".jobs[] | select(.id == ${ENDED[$user]}) | \"\(.result) \(.exit_code)\"")" "failed 3" \
                        "the result of $user's job"
        done
}

test_no_method_is_forgotten() {
        jobs_make
        check_equal "$(python3 $VERBS methods /org/cgmove1 | sort)" "$(printf '%s\n' "$MANAGER_METHODS" "$COMMON_METHODS" | sort)" "methods of the manager"
        check_equal "$(python3 $VERBS methods "/org/cgmove1/job/${LIVE[alice]}" | sort)" \
                "$(printf '%s\n' "$JOB_METHODS" "$COMMON_METHODS" | sort)" "methods of a job"
        # and there is no other way to find objects
        check_equal "$(python3 $VERBS methods /org/cgmove1/job | sort)" "$(printf '%s\n' "$COMMON_METHODS" | sort)" "methods above jobs"
        check_equal "$(python3 $VERBS methods / | sort)" "$(printf '%s\n' "$COMMON_METHODS" | sort)" "methods of the root"
        tried 4 introspections, compared with what these tests know
}

test_every_method_on_every_job() {
        local said uid job
        jobs_make
        said=$(python3 $VERBS matrix 1000 1001 1002 65534 0 -- "alice-live:1000=${LIVE[alice]}" "alice-ended:1000=${ENDED[alice]}" \
                "bob-live:1001=${LIVE[bob]}" "bob-ended:1001=${ENDED[bob]}" "root-live:0=${LIVE[root]}" none:1=999999 zero:1=0 \
                last:1=18446744073709551615)
        # whose it is not is told what is told of one that is not there, in the same words; none and all others alike
        while read -r uid job; do
                check_equal "$(grep "^$uid $job " <<<"$said" | grep -v " Introspect " | sed -E "s/^$uid $job [A-Za-z-]+ //; s/ [0-9]+;/ N;/" | sort -u)" \
                        'org.cgmove1.Error.NoSuchJob You have no job N; "cgmove list --all" shows your jobs.' "what $uid is told of $job"
                check_equal "$(grep "^$uid $job Introspect " <<<"$said")" "$uid $job Introspect org.none"
        done <<-PAIRS
	1000 bob-live
	1000 bob-ended
	1000 root-live
	1000 none
	1000 zero
	1000 last
	1001 alice-live
	1001 alice-ended
	1001 root-live
	1001 none
	1002 alice-live
	1002 alice-ended
	1002 bob-live
	1002 bob-ended
	1002 root-live
	1002 none
	65534 alice-live
	65534 alice-ended
	65534 bob-live
	65534 bob-ended
	65534 root-live
	65534 last
	0 none
	0 zero
	0 last
	PAIRS
        # its owner, and root, may look; but what a job tells of itself comes from inside alone, whoever asks
        for job in "1000 alice" "0 alice" "1001 bob" "0 bob" "0 root"; do
                check_match "$(grep "^$job-live GetJob " <<<"$said")" ' GetJob ok '
                check_match "$(grep "^$job-live GetAll " <<<"$said")" ' GetAll ok '
                for uid in Finish Report GetUnit RestartUnit StartUnit; do
                        check_match "$(grep "^$job-live $uid " <<<"$said")" 'Error.(NotYours|InvalidArgument) ' "$job $uid"
                done
        done
        for job in "1000 alice" "0 alice" "1001 bob" "0 bob"; do
                check_match "$(grep "^$job-ended GetJob " <<<"$said")" ' GetJob ok '
                for uid in Finish Report GetUnit RestartUnit StartUnit; do
                        check_match "$(grep "^$job-ended $uid " <<<"$said")" 'Error.NoSuchJob ' "$job $uid of an ended job"
                done
        done
        jobs_are_there
        tried "$(wc -l <<<"$said")" methods on live, ended and missing jobs, by alice, bob, carol, nobody and root
        attack_end
}

test_numbers_and_paths_are_guessed() {
        local said last
        results_forget carol
        attack_begin
        jobs_make
        last=$((LIVE[root] + 20))
        said=$(as carol python3 $VERBS guess $((last > 1500 ? last - 1500 : 0)) $last)
        check_equal "$said" 'org.cgmove1.Error.NoSuchJob You have no job N; "cgmove list --all" shows your jobs.' "what carol is told"
        said=$(as bob python3 $VERBS paths "${LIVE[alice]}"; as carol python3 $VERBS paths "${LIVE[alice]}")
        not grep -v -E ' org\.(cgmove1\.Error\.NoSuchJob|freedesktop\.DBus\.Error\.UnknownObject) ' <<<"$said" || fail "told of something"
        check_equal "$(wc -l <<<"$said")" 68
        check_equal "$(as carol cgmove list --all --json | jq '.jobs | length')" 0
        jobs_are_there
        tried $((2 * 1500 + 68)) guesses at numbers and paths of jobs
        attack_end
}

test_command_line() {
        local user other verb n=0
        jobs_make
        for user in alice bob carol; do
                for other in alice bob root; do
                        [[ $user != "$other" ]] || continue
                        for verb in status logs wait stop kill; do
                                check_status 1 timeout 20 "$here/as" $user cgmove $verb "${LIVE[$other]}"
                                check_contains "$OUTPUT" "no job ${LIVE[$other]}" "$user $verb $other"
                                check_lacks "$OUTPUT" sleep
                                n=$((n + 1))
                                [[ $other != root ]] || continue
                                check_status 1 timeout 20 "$here/as" $user cgmove $verb "${ENDED[$other]}"
                                check_lacks "$OUTPUT" secret
                                n=$((n + 1))
                        done
                done
                not grep -E "of-($(sed "s/$user//" <<<"alice|bob|root"))\b" <<<"$(as $user cgmove list --all --json | jq -r '.jobs[].name' |
                        grep -v "^of-$user$")" || fail "$user sees jobs of others"
                check_lacks "$(as $user cgmove sessions --json | jq -c '[.jobs[].name] - ["of-'$user'"]')" of- "what $user sees of logouts"
        done
        check_status 77 as alice cgmove policy explain --user bob --from session
        jobs_are_there
        tried $n verbs on jobs of others
        attack_end
}

# A job with a process of another in it: the other one gets nothing of the job by that.
test_process_inside_of_anothers_job() {
        local said
        jobs_make
        said=$(
                echo "$BASHPID" >"$POOL/job-${LIVE[alice]}/cgroup.procs"
                exec setpriv --reuid=bob --regid=bob --clear-groups -- env -C / python3 /opt/cgmove-tests/peer.py job "${LIVE[alice]}" \
                        Wait Stop 'report={}' finish=0 GetUnit RestartUnit StartUnit
        )
        check_equal "$(grep -c 'NoSuchJob' <<<"$said")" 7 "$said"
        # and his process is not his to take along
        put_as bob "$POOL/job-${LIVE[alice]}" sleep 4801
        check_match "$(answers bob each "$PUT")" 'Error.Denied Process [0-9]+ of user 1001 is in cgroup .*cgmove@1000.service/job-[0-9]+, which belongs to user 1000'
        check_match "$(answers alice each "$PUT")" 'Error.NotYours'
        check_match "$(in_session alice cgmove kill "${LIVE[alice]}" -s TERM)" 'other users'
        kill -0 "$PUT" || fail "it was ended by the owner of the job"
        check_equal "$(as alice cgmove status --json "${LIVE[alice]}" | jq -r .job.state)" running
        tried 10 requests of and on a process in a job of another
        check_log 1001 "which belongs to user 1000"
        attack_end
}

test_what_the_policy_says_of_others() {
        local said user
        for user in alice carol; do
                said=$(as $user python3 $VERBS explain 1001)
                check_contains "$(grep ^other <<<"$said")" "Denied Only root may ask"
                check_contains "$(grep ^groups <<<"$said")" "Denied Only root may ask"
                check_match "$(grep ^own <<<"$said")" '^own ok'
        done
        check_match "$(python3 $VERBS explain 1001 | grep ^other)" '^other ok'
        # Check shows what anybody can read of a process in /proc, but of another's no command line
        put_as bob /sys/fs/cgroup/user.slice sleep 4801
        check_lacks "$(as alice cgmove move --dry-run --json "$PUT" 2>&1)" 4801 "what alice is told of bob's process"
        tried 7 questions about the policy for others, and 1 about a process of another
}

# --- the system bus ----------------------------------------------------------------------------------------------------------

bus() {
        as "$1" busctl --system "${@:2}"
}

test_system_bus_is_read_only() {
        local user method interface name path arguments n=0
        jobs_make
        for user in alice bob root; do
                for path in /org/cgmove1 "/org/cgmove1/job/${LIVE[alice]}"; do
                        check_equal "$(busctl --system --list introspect org.cgmove1 "$path" | awk '$2 == "method" { print $1 }' | sort | tr '\n' ' ')" \
                                ".Get .GetAll .GetMachineId .Introspect .Ping .Set " "methods on the system bus"
                done
                for method in $MANAGER_METHODS $JOB_METHODS; do
                        interface=${method%.*} name=${method##*.}
                        for path in /org/cgmove1 "/org/cgmove1/job/${LIVE[alice]}"; do
                                for arguments in "a{sv} 0" "ia{sv} 9 0"; do
                                        n=$((n + 1))
                                        # shellcheck disable=SC2086
                                        ! bus_call $user "$path" "$interface" "$name" $arguments >/dev/null 2>&1 || fail "$user calls $method on the system bus"
                                done
                        done
                done
                for name in Name Uid State Source; do
                        n=$((n + 1))
                        ! bus_set $user "/org/cgmove1/job/${LIVE[alice]}" $name || fail "$user sets $name"
                done
        done
        jobs_are_there
        tried $n calls of methods, and settings of properties, over the system bus
        attack_end
}

bus_call() {
        if [[ $1 == root ]]; then busctl --system call org.cgmove1 "${@:2}"; else bus "$1" call org.cgmove1 "${@:2}"; fi
}

bus_set() {
        if [[ $1 == root ]]; then
                busctl --system set-property org.cgmove1 "$2" org.cgmove1.Job "$3" s x 2>/dev/null
        else
                bus "$1" set-property org.cgmove1 "$2" org.cgmove1.Job "$3" s x 2>/dev/null
        fi
}

# Others see that a job is, whose, what it is called and from where it came, as systemctl shows it of a unit; not what it does, nor where
# its output is, nor anything of it once it has ended.
test_what_the_system_bus_tells_of_others() {
        local shown
        jobs_make
        shown=$(bus carol introspect org.cgmove1 "/org/cgmove1/job/${LIVE[alice]}" org.cgmove1.Job)
        check_equal "$(awk '$2 == "property" { print $1 }' <<<"$shown" | sort | tr '\n' ' ' | sed 's/ $//')" "$PUBLIC_PROPERTIES" "public properties"
        check_lacks "$shown" 4800
        check_lacks "$shown" /home/
        not bus carol introspect org.cgmove1 "/org/cgmove1/job/${ENDED[alice]}" org.cgmove1.Job >/dev/null 2>&1 || fail "an ended job is shown"
        check_lacks "$(bus carol tree org.cgmove1)" "/${ENDED[alice]}"
        tried 3 looks at a job of another over the system bus
}

test_signals() {
        local id
        timeout 380 busctl --system monitor --json=short org.cgmove1 >"$TEST_DIR/signals" 2>&1 &
        wait_for signals_come
        id=$(job_of alice sh -c 'echo secret words; exit 5')
        wait_for grep -q "\"JobRemoved\".*\[$id," "$TEST_DIR/signals"
        kill $! || true
        grep '"type":"signal"' "$TEST_DIR/signals" | jq -c 'select(.interface == "org.cgmove1.Manager") | [.member, .payload.type, .payload.data]' >"$TEST_DIR/ours"
        check_contains "$(cat "$TEST_DIR/ours")" "[\"JobNew\",\"to\",[$id,\"/org/cgmove1/job/$id\"]]"
        check_contains "$(cat "$TEST_DIR/ours")" "[\"JobRemoved\",\"tos\",[$id,\"/org/cgmove1/job/$id\",\"failed\"]]"
        not grep -v -E '^\["Job(New|Removed)","tos?",\[[0-9]+,"/org/cgmove1/job/[0-9]+"(,"[a-z-]+")?\]\]$' "$TEST_DIR/ours" || fail "more is told than that"
        tried "$(wc -l <"$TEST_DIR/ours")" signals read for what they tell
}

signals_come() {
        in_session alice cgmove run --wait -- true
        grep -q '"JobRemoved"' "$TEST_DIR/signals"
}

# --- files -------------------------------------------------------------------------------------------------------------------

test_files_of_others() {
        local user other path what log n=0
        jobs_make
        log=$(as alice cgmove status --json "${ENDED[alice]}" | jq -r .job.log)
        check_contains "$(cat "$log")" "secret words"
        check_match "$(stat -c '%U %a' "$log")" '^alice 6[04]0$'
        for user in alice bob carol nobody; do
                for path in /var/lib/cgmove /var/lib/cgmove/1000 "/var/lib/cgmove/1000/${ENDED[alice]}.json" /run/cgmove/frozen /run/cgmove/restarts; do
                        for what in 'cat "$1"' 'ls "$1"' 'touch "$1/x"' 'rm -rf "$1"' 'echo x >"$1"' 'mv "$1" "$1-x"' 'ln "$1" /tmp/linked' 'chmod 777 "$1"'; do
                                n=$((n + 1))
                                [[ $what == rm* ]] || ! may $user "$what" "$path" || fail "$user: $what of $path"
                                [[ $what != rm* ]] || { may $user "$what" "$path" || true; }
                                [[ -e $path ]] || fail "$user: $what: $path is gone"
                        done
                done
                # the record of a live job
                for other in alice bob; do
                        n=$((n + 2))
                        ! may $other 'python3 -c "import os, sys; print(os.getxattr(sys.argv[1], \"user.cgmove.job\"))" "$1"' \
                                "$POOL/job-${LIVE[alice]}/cgroup.kill" || fail "$other reads the record"
                        ! may $other 'python3 -c "import os, sys; os.setxattr(sys.argv[1], \"user.cgmove.job\", b\"{}\")" "$1"' \
                                "$POOL/job-${LIVE[alice]}/cgroup.kill" || fail "$other writes the record"
                done
        done
        for user in bob carol nobody; do
                ! may $user 'cat "$1"' "$log" || fail "$user reads alice's log"
        done
        # no job of hers can have its output where she may not write, or over a file of another
        check_status 1 in_session alice cgmove run --log /home/bob/stolen.log -- echo x
        check_status 1 in_session alice cgmove run --log /var/lib/cgmove/stolen.log -- echo x
        check_no_file /home/bob/stolen.log
        check_no_file /var/lib/cgmove/stolen.log
        jobs_are_there
        tried $((n + 5)) ways to read and write files with results and logs
        attack_end
}

may() {
        setpriv --reuid="$1" --regid="$(id -g "$1")" --clear-groups -- env -C / sh -c "$2" - "$3" >/dev/null 2>&1
}
