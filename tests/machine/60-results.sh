# SPDX-License-Identifier: LGPL-2.1-or-later
# What a job leaves: its output, its status, its record; and the exit statuses and the JSON of the tool.

run() {
        in_session alice cgmove run "$@"
}

test_owner_reads_output_and_status() {
        check_status 0 run --name talker -- sh -c 'echo to stdout; echo to stderr >&2; exit 3'
        check_status 3 as alice cgmove wait "$(job_id talker)"
        check_equal "$(job_field talker exit_code)" 3
        check_equal "$(job_field talker result)" failed
        check_equal "$(job_log talker)" "$(printf 'to stdout\nto stderr')"
        check_equal "$(id -Gn alice)" alice "alice's groups"
}

test_nobody_else_reads_them() {
        local log id
        check_status 0 run --name secret -- echo secret
        id=$(job_id secret)
        as alice cgmove wait "$id"
        log=$(job_field secret log)
        check_status 1 as bob cat "$log"
        check_status 1 as bob cgmove status "$id"
        check_lacks "$OUTPUT" secret
        check_status 1 as bob cgmove logs "$id"
        check_equal "$(stat -c '%U %a' "$log")" "alice 600"
        ! as bob ls /var/lib/cgmove || fail "bob can list /var/lib/cgmove"
        # on the system bus neither command nor log can be seen
        check_lacks "$(busctl --system --json=short get-property org.cgmove1 /org/cgmove1 org.cgmove1.Manager Version)" secret
}

test_root_sees_everybodys() {
        check_status 0 run --name seen --wait -- true
        check_status 0 run --name running -- sleep 1000
        check_equal "$(cgmove list --all --json | jq '[.jobs[] | select(.name == "seen" or .name == "running")] | length')" 2
        check_equal "$(cgmove list --json | jq -r '[.jobs[] | select(.state == "running") | .name] | join(" ")')" running
        check_status 0 cgmove stop "$(job_id running)"
}

test_results_survive_the_daemon() {
        check_status 4 run --name kept --wait -- sh -c 'echo kept; exit 4'
        systemctl restart cgmoved.service
        check_equal "$(job_field kept exit_code)" 4
        check_contains "$(job_log kept)" kept
}

test_status_of_run_wait() {
        check_status 0 run --wait -- true
        check_status 1 run --wait -- false
        check_status 42 run --wait -- sh -c 'exit 42'
        check_status 143 run --wait -- sh -c 'kill -TERM $$'
        check_status 127 run --wait -- /no/such/command
        check_status 126 run --wait -- /etc/passwd
}

test_status_of_exec() {
        check_status 0 in_session alice cgmove exec -- true
        check_status 42 in_session alice cgmove exec -- sh -c 'exit 42'
        check_status 127 in_session alice cgmove exec -- /no/such/command
        check_status 126 in_session alice cgmove exec -- /etc/passwd
        # POSIX: a file without "#!" is a script of sh
        printf 'exit $(($1 + 1))\n' >/tmp/script-of-exec && chmod 755 /tmp/script-of-exec
        check_status 4 in_session alice cgmove exec -- /tmp/script-of-exec 3
        check_status 5 in_session alice env PATH=/tmp:/usr/bin:/bin cgmove exec -- script-of-exec 4
        rm /tmp/script-of-exec
}

test_signal_is_told() {
        check_status 0 run --name hit -- sh -c 'kill -KILL $$'
        check_status 137 as alice cgmove wait "$(job_id hit)"
        check_equal "$(job_field hit exit_signal)" 9
}

test_stop() {
        run --name stopped -- sleep 1000
        check_status 0 as alice cgmove stop "$(job_id stopped)"
        check_equal "$(job_field stopped state)" ended
        check_equal "$(job_field stopped result)" stopped
}

test_stop_of_one_that_ignores_it() {
        run --name stubborn -- sh -c 'trap "" TERM; while :; do sleep 0.2; done'
        check_status 0 as alice cgmove stop "$(job_id stubborn)"
        check_equal "$(job_field stubborn state)" ended
}

job_has_said() {
        [[ $(job_log "$1") == *"$2"* ]]
}

test_kill_with_a_signal() {
        run --name caught -- sh -c 'trap "echo caught; exit 5" USR1; echo ready; while :; do sleep 0.1; done'
        wait_for job_has_said caught ready
        check_status 0 as alice cgmove kill "$(job_id caught)" -s USR1
        wait_for job_has_ended caught
        check_contains "$(job_log caught)" caught
}

job_has_ended() {
        [[ $(job_field "$1" state) == ended ]]
}

# A name used again and again means the job that runs, and else the youngest.
test_names_that_come_back() {
        run --name again -- sh -c 'exit 3'
        wait_for job_has_ended again
        run --name again -- sh -c 'exit 4'
        wait_for job_has_ended again
        check_status 4 as alice cgmove wait again
        run --name again -- sleep 1000
        check_equal "$(as alice cgmove status --json again | jq -r .job.id)" "$(job_id again)"
        run --name again -- sleep 1000
        check_status 2 as alice cgmove stop again
        check_contains "$OUTPUT" "$(job_id again)"
        check_status 0 as alice cgmove stop "$(job_id again)"
        check_status 0 as alice cgmove stop again
}

# A daemon of the command lives on in the job after the command: the job goes on, with the status of its command known.
test_job_lasts_as_long_as_its_processes() {
        run --name parent -- sh -c 'setsid -f sh -c "until test -e go-late; do sleep 0.1; done; echo late"; exit 6'
        sleep 1
        check_equal "$(job_field parent state)" running
        as alice touch go-late
        check_status 6 as alice cgmove wait "$(job_id parent)"
        check_contains "$(job_log parent)" late
        rm -f /home/alice/go-late
}

test_logs_follow_to_the_end() {
        run --name ticking -- sh -c 'for i in 1 2 3; do echo tick $i; sleep 0.3; done'
        check_status 0 timeout 30 "$here/as" alice cgmove logs "$(job_id ticking)" -f
        check_contains "$OUTPUT" "tick 1"
        check_contains "$OUTPUT" "tick 3"
}

test_log_null_and_log_file() {
        check_status 0 run --wait --log null --name silent -- echo nothing
        check_status 0 run --wait --log /home/alice/own.log --name own -- echo in my file
        check_contains "$(cat /home/alice/own.log)" "in my file"
        rm /home/alice/own.log
}

# A log is emptied for a job, and for nothing less.
test_log_file_of_a_refused_run() {
        echo "of an earlier job" >/home/bob/own.log
        chown bob: /home/bob/own.log
        check_status 77 in_session bob cgmove run --log /home/bob/own.log -- true
        check_equal "$(cat /home/bob/own.log)" "of an earlier job" log
        chown alice: /home/bob/own.log
        mv /home/bob/own.log /home/alice/own.log
        check_status 0 run --wait --log /home/alice/own.log -- echo mine
        check_equal "$(cat /home/alice/own.log)" mine log
        rm /home/alice/own.log
}

# It could not see the end of a command.
test_supervisor_without_signalfd() {
        rm -f /home/alice/blind
        check_status 0 as alice systemd-run --user --quiet --wait --pipe --collect -p "SystemCallFilter=~signalfd signalfd4" \
                -p SystemCallErrorNumber=EMFILE -- cgmove run --name blind -- touch /home/alice/blind
        check_status 125 timeout 60 "$here/as" alice cgmove wait "$(job_id blind)"
        check_contains "$(job_log blind)" "Cannot run the command: Too many open files"
        check_no_file /home/alice/blind
}

test_moved_process_has_no_known_status() {
        local pid
        gateway_start process
        gateway_call "sleep 4249 >/dev/null 2>&1 </dev/null &"
        wait_for pgrep -u alice -f -x 'sleep 4249'
        pid=$(pgrep -u alice -f -x 'sleep 4249')
        check_status 0 as alice cgmove move "$pid"
        local id
        id=$(list_of alice '[.jobs[] | .id] | max')
        kill "$pid"
        check_status 125 as alice cgmove wait "$id"
        check_equal "$(as alice cgmove status --json "$id" | jq -r .job.result)" ended
}

# What is to be kept is not known from policies, nor forgotten with them.
test_old_result_and_a_start_with_a_bad_file() {
        local old young
        settings_add <<<'results { age = "365d" }'
        check_status 0 run --name long-ago --wait -- true
        check_status 0 run --name before-the-clock-was-set --wait -- true
        old=/var/lib/cgmove/1000/$(job_id long-ago).json
        young=/var/lib/cgmove/1000/$(job_id before-the-clock-was-set).json
        sed -i 's/"boot":"[0-9a-f]*"/"boot":"of another time"/' "$old"
        check_contains "$(cat "$old")" "of another time"
        touch -d '100 days ago' "$old" "$young"
        check_kept_after_a_start_with "$POLICY_DIR/broken.conf" 'policy "x" {' "$old"
        check_kept_after_a_start_with /etc/cgmove/cgmove.conf 'results { max = ' "$old"
        # as shipped, it is too old
        cp /run/cgmove.conf.shipped /etc/cgmove/cgmove.conf
        policy_reload
        check_status 0 run --name now --wait -- true
        wait_for not test -e "$old"
        [[ -e $young ]] || fail "a result of this boot is gone for its age"
}

# check_kept_after_a_start_with FILE LINE RESULT: a job ends under a daemon that found that line in that file when it began.
check_kept_after_a_start_with() {
        local id
        rm -f /run/before-bad
        [[ ! -e $1 ]] || cp "$1" /run/before-bad
        check_status 0 run --name under-bad -- sleep 1000
        id=$(job_id under-bad)
        echo "$2" >>"$1"
        systemctl restart cgmoved.service
        check_status 77 run -- true
        check_status 0 cgmove kill "$id"
        wait_for test -e "/var/lib/cgmove/1000/$id.json"
        [[ -e $3 ]] || fail "a result that is to be kept is gone, with a bad $1"
        if [[ -e /run/before-bad ]]; then mv /run/before-bad "$1"; else rm "$1"; fi
        policy_reload
}

# --- JSON ----------------------------------------------------------------------------------------------------------

# check_json COMMAND...: parses and has the schema, whatever its exit status is.
check_json() {
        local out
        out=$("$@" 2>/dev/null) || true
        check_equal "$(jq .schema <<<"$out")" 1 "schema in $*: $out"
}

test_json_of_each_verb() {
        local id
        gateway_start mixed
        job_begin json
        id=$(job_id json)
        check_json in_session alice cgmove run --json -- true
        check_json in_session alice cgmove run --json --wait -- true
        check_json as alice cgmove list --json
        check_json as alice cgmove list --all --json
        check_json as alice cgmove status --json "$id"
        check_json as alice cgmove top --json
        check_json as alice cgmove logs --json "$id"
        check_json as alice cgmove sessions --json
        check_json as alice cgmove where --json
        check_json as alice cgmove where --json "$(cat "$TEST_DIR/shell-json")"
        check_json as alice cgmove move --json --dry-run "$(cat "$TEST_DIR/shell-json")"
        check_json as alice cgmove policy explain --json --from session
        check_json cgmove policy check --json
        check_json cgmove policy allow --json alice --from session
        touch /run/policy-touched
        id=$(job_id json)
        check_json as alice cgmove kill --json "$id" -s CONT
        check_json as alice cgmove stop --json "$id"
        check_json as alice cgmove wait --json "$id"
        gateway_call "sleep 4250 >/dev/null 2>&1 </dev/null &"
        wait_for pgrep -u alice -f -x 'sleep 4250'
        check_json as alice cgmove move --json "$(pgrep -u alice -f -x 'sleep 4250')"
}

test_json_of_a_refusal() {
        local out
        out=$(in_session bob cgmove run --json -- true 2>/dev/null) || true
        check_equal "$(jq .schema <<<"$out")" 1 "schema in: $out"
}

test_where() {
        gateway_start mixed
        job_begin here
        check_status 0 as alice cgmove where "$(gateway_pid)"
        check_contains "$OUTPUT" "$GATEWAY"
        check_status 0 as alice cgmove where "$(cat "$TEST_DIR/shell-here")"
        check_contains "$OUTPUT" "cgmove@1000.service"
        check_status 0 in_session alice sh -c 'cgmove where; true'
        check_match "$OUTPUT" 'session'
}

# Numbers of jobs begin anew after a purge, and the logs of those that had them may still be there.
test_log_of_another_job_of_that_number() {
        local id folder=/home/alice/.local/state/cgmove
        in_session alice cgmove run --wait -- true
        id=$(($(list_of alice '[.jobs[].id] | max') + 1))
        as alice sh -c "echo old >$folder/job-$id.log; echo older >$folder/job-$id-2.log"
        in_session alice cgmove run --wait -- echo new
        check_equal "$(as alice cgmove logs "$id")" new
        check_equal "$(cat "$folder/job-$id-2.log" "$folder/job-$id-3.log")" $'older\nold'
        rm "$folder/job-$id"-[23].log
}

# --- a status that cannot be told at once -------------------------------------------------------------------------------

has_no_child() {
        [[ -e /proc/$1/task/$1/children && -z $(cat "/proc/$1/task/$1/children") ]]
}

# late_start NAME: a job whose command waits for a file, and its supervisor in $SUPERVISOR.
late_start() {
        rm -f /home/alice/late
        check_status 0 run --name "$1" -- sh -c 'until test -e late; do sleep 0.1; done; exit 7'
        SUPERVISOR=$(pgrep -u alice -f "^cgmove-supervise $(job_id "$1") ")
        wait_for not has_no_child "$SUPERVISOR"
}

test_status_is_told_when_there_is_room() {
        local hard
        late_start crowded
        hard=$(as alice prlimit --pid "$SUPERVISOR" --nproc --output HARD --noheadings --raw)
        as alice prlimit --pid "$SUPERVISOR" --nproc=1:
        as alice touch late
        wait_for has_no_child "$SUPERVISOR"
        check_equal "$(job_field crowded state)" running
        as alice prlimit --pid "$SUPERVISOR" --nproc="$hard:"
        check_status 7 timeout 60 "$here/as" alice cgmove wait "$(job_id crowded)"
        check_equal "$(job_field crowded exit_code)" 7
}

# What is to tell it does not even start: as when its libraries cannot be loaded.
test_status_is_told_when_it_can_be() {
        local id
        late_start muffled
        id=$(job_id muffled)
        printf '#!/bin/sh\necho told >>/home/alice/tried\nexit 127\n' >"$TEST_DIR/cgmove"
        chmod 0755 "$TEST_DIR/cgmove"
        rm -f /home/alice/tried
        mount --bind "$TEST_DIR/cgmove" /usr/bin/cgmove
        trap 'umount --lazy /usr/bin/cgmove; tear_down || true' EXIT
        as alice touch late
        wait_for test -s /home/alice/tried
        umount --lazy /usr/bin/cgmove
        trap 'tear_down || true' EXIT
        check_status 7 timeout 60 "$here/as" alice cgmove wait "$id"
        rm -f /home/alice/tried
}

# --- a log that is followed ---------------------------------------------------------------------------------------------

# bytes_accounted FILE: what a follower has printed, and what it says that was left out.
bytes_accounted() {
        python3 - "$1" <<-'PYTHON'
		import re, sys
		note = r"\n\[cgmove: +?(\d+) bytes of output left out here\]\n"
		text = open(sys.argv[1]).read()
		print(len(re.sub(note, "", text)) + sum(map(int, re.findall(note, text))))
	PYTHON
}

# A job's log keeps the size that it began with, and whoever follows it knows.
test_log_is_followed_after_log_max_has_changed() {
        local id followed=$TEST_DIR/followed
        rm -f /home/alice/late
        settings_add <<<'log-max = "64K"'
        check_status 0 run --name wordy -- sh -c 'seq 1 30000; until test -e late; do sleep 0.1; done; seq 30001 60000; echo ends'
        id=$(job_id wordy)
        wait_for job_has_said wordy 30000
        sed -i '/^log-max = "64K"$/d' /etc/cgmove/cgmove.conf
        settings_add <<<'log-max = "1M"'
        as alice cgmove logs -f "$id" >"$followed" &
        wait_for grep -qx 30000 "$followed"
        as alice touch late
        wait_for job_has_ended wordy
        wait $!
        check_contains "$(tail -c 20 "$followed")" ends
        check_equal "$(bytes_accounted "$followed")" "$({ seq 1 60000; echo ends; } | wc -c)" "bytes shown or said to be left out"
}
