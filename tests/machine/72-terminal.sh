# SPDX-License-Identifier: LGPL-2.1-or-later
# What people see at a terminal: tables that fit, colours, lines of progress, and `cgmove top`.

RESTORED="echo lines main cursor wrap"
LONG=a-name-as-long-as-they-can-be.0123456789-0123456789-0123456789.x

# at_terminal [COLUMNSxROWS] ACTION... -- COMMAND...: as alice, see terminal.py.
at_terminal() {
        as alice python3 "$here/../terminal.py" "$@"
}

# The size of the window, then the actions at `cgmove top` in it.
at_top() {
        at_terminal "$@" -- cgmove top --delay 0.3
}

# Jobs with a long name, wide characters, and a command that would take the terminal over.
jobs_start() {
        # shellcheck disable=SC2016
        in_session alice sh -c 'cgmove run --name "$1" -- sh -c ": 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字; sleep 1000" &&
                cgmove run --name hostile -- sh -c "$(printf ": \033]0;title\007 \033[2J\r\n\t\302\233 \342\200\256; sleep 1000; :")" &&
                cgmove run --name busy -- sh -c "while :; do :; done"' sh "$LONG"
}

jobs_end() {
        local name
        for name in "$LONG" hostile busy; do
                as alice cgmove kill -s KILL "$name"
        done
}

test_tables_fit() {
        local size
        jobs_start
        for size in 40 80 160; do
                check_status 0 at_terminal "${size}x24" end state -- cgmove list
                check_contains "$OUTPUT" "$RESTORED" "$size columns"
                check_lacks "$OUTPUT" wrapped "$size columns"
        done
        # shortened, the widest first, and only as far as need be
        check_status 0 at_terminal 80x24 end screen -- cgmove list
        check_match "$OUTPUT" "a-name-as-long-[^ ]*…  running "
        check_lacks "$OUTPUT" "$LONG"
        check_status 0 at_terminal 160x24 end screen -- cgmove list
        check_contains "$OUTPUT" "sh -c while :; do :; done"
        check_match "$OUTPUT" "漢字…|漢…"
        # what is no terminal gets all
        check_contains "$(as alice env COLUMNS=40 cgmove list)" "$LONG  running"
        # and who wants another width says so
        check_status 0 at_terminal 160x24 end screen -- env COLUMNS=70 cgmove list
        while IFS= read -r line; do
                [[ ${#line} -le 70 ]] || fail "$line"
        done <<<"$OUTPUT"
        jobs_end
}

# What is read at once, 64 KiB, ends in the middle of a character.
test_logs_keep_characters_whole() {
        local id how
        touch "$TEST_DIR/followed" "$TEST_DIR/shown"
        chown alice: "$TEST_DIR/followed" "$TEST_DIR/shown"
        in_session alice cgmove run --name half-characters -- sh -c 'head -c 65535 /dev/zero | tr "\0" x; printf "\303\251\360\237\230\200 end\n"; sleep 1000'
        id=$(job_id half-characters)
        wait_for job_has_said "$id" end
        # while it runs, as long as it is followed; and when it has ended
        as alice script -qefc "cgmove logs -f $id" "$TEST_DIR/followed" >/dev/null </dev/null &
        wait_for grep -q "😀 end" "$TEST_DIR/followed"
        check_status 0 as alice cgmove kill "$id"
        wait_for job_has_ended half-characters
        check_status 0 as alice script -qefc "cgmove logs $id" "$TEST_DIR/shown" </dev/null
        for how in followed shown; do
                check_contains "$(tr -d '\r' <"$TEST_DIR/$how")" "xé😀 end" "$how"
                check_lacks "$(cat "$TEST_DIR/$how")" '\x' "$how"
        done
}

job_has_said() {
        [[ $(as alice cgmove logs "$1") == *"$2"* ]]
}

job_has_ended() {
        [[ $(job_field "$1" state) == ended ]]
}

test_colours() {
        in_session alice cgmove run --wait -- true
        check_status 0 at_terminal 80x24 end colours -- cgmove list --all
        check_match "$OUTPUT" '^status 0.[1-9]'
        check_status 0 at_terminal 80x24 end colours -- env NO_COLOR= cgmove list --all
        check_match "$OUTPUT" '^status 0.[1-9]' "empty NO_COLOR"
        check_status 0 at_terminal 80x24 end colours -- env NO_COLOR=1 cgmove list --all
        check_match "$OUTPUT" '^status 0.0$' NO_COLOR
        check_status 0 at_terminal 80x24 end colours -- env TERM=dumb cgmove list --all
        check_match "$OUTPUT" '^status 0.0$' TERM=dumb
        check_lacks "$(as alice cgmove list --all)" $'\e'
}

# Lines "KEY: value" go on below the value; the terminal itself breaks no line but for what cannot be broken.
test_long_values_go_on_below() {
        in_session alice cgmove run --name here -- sleep 1000
        check_status 0 at_terminal 100x24 end screen state -- cgmove where "$(job_pids here | tail -n 1)"
        check_contains "$OUTPUT" "Killed by:"
        check_lacks "$OUTPUT" wrapped
        as alice cgmove kill -s KILL here
        check_status 0 at_terminal 80x40 end state -- cgmove policy explain --from user:some-service-of-a-name.service
        check_lacks "$OUTPUT" wrapped
        check_status 0 at_terminal 40x24 end state -- cgmove status no-such-job
        check_contains "$OUTPUT" "status 1"
        check_lacks "$OUTPUT" wrapped "an error"
        # a word that is no UTF-8 is told, too
        check_equal "$({ as alice cgmove status --json $'\xff' 2>/dev/null || true; } | jq -r '.error | .code, .exit_status')" $'NoSuchJob\n1'
        check_status 0 at_terminal 40x24 end state -- cgmove list --no-such-option
        check_lacks "$OUTPUT" wrapped "a usage error"
        check_status 0 at_terminal 80x60 end state -- cgmove doctor
        check_lacks "$OUTPUT" wrapped
}

test_progress() {
        in_session alice cgmove run --name slow -- sleep 1000
        check_status 0 at_terminal "until=waiting for job" "until=(2.0 s)|(3.0 s)|(4.0 s)|(5.0 s)" "type=^C" end -- cgmove wait slow
        check_contains "$OUTPUT" "signal 2"
        # in one line, however narrow it is
        check_status 0 at_terminal 24x5 "until=(2.0 s)|(3.0 s)|(4.0 s)|(5.0 s)" signal=INT end state -- cgmove wait slow
        check_lacks "$OUTPUT" wrapped
        in_session alice cgmove run --name ending -- sleep 10
        check_status 0 at_terminal "until=waiting for job" end screen -- cgmove wait ending
        check_lacks "$OUTPUT" waiting "the line goes when it is over"
        in_session alice cgmove run --name stubborn -- sh -c "trap '' TERM; echo ready; while :; do sleep 1; done"
        wait_for grep -q ready "/home/alice/.local/state/cgmove/job-$(job_id stubborn).log"
        check_status 0 at_terminal "until=stopping job" "type=^C" end -- cgmove stop stubborn
        as alice cgmove kill -s KILL stubborn
        # a daemon that takes its time is waited for
        kill -STOP "$(daemon_pid)"
        (sleep 8 && kill -CONT "$(daemon_pid)") &
        check_status 0 at_terminal "until=waiting for the daemon" end screen -- cgmove list
        check_lacks "$OUTPUT" waiting
        check_contains "$OUTPUT" slow
        as alice cgmove stop slow
}

# The line goes also when every try to connect has failed.
test_progress_without_a_daemon() {
        systemctl stop cgmoved.socket cgmoved.service
        check_status 0 at_terminal "until=waiting for the daemon" end screen state -- cgmove list
        systemctl start cgmoved.socket cgmoved.service
        check_contains "$OUTPUT" "status 69"
        check_contains "$OUTPUT" "cannot be reached"
        check_lacks "$OUTPUT" waiting
        check_lacks "$OUTPUT" wrapped
}

# --- top -----------------------------------------------------------------------------------------------------------

test_top_shows_jobs_and_leaves_with_q() {
        jobs_start
        check_status 0 at_top 100x20 "until=CPU %" until=busy until=hostile state screen type=q end state
        check_contains "$OUTPUT" "no-echo keys alternate no-cursor no-wrap"
        check_contains "$OUTPUT" "3 jobs"
        check_contains "$OUTPUT" "status 0"
        check_equal "$(tail -n 1 <<<"$OUTPUT")" "$RESTORED"
        # the busy one is first, with what it uses
        check_status 0 at_top 160x20 "until=% CPU" screen type=q end
        check_match "$OUTPUT" "COMMAND
 *[0-9]+  busy  +[0-9.]*[1-9]"
        jobs_end
}

test_top_sorts() {
        jobs_start
        check_status 0 at_top 120x20 until=hostile type=n "until=by name" screen type=r "until=by name (reversed)" screen \
                "type=^[[A" type=a "until=by age" type=q end
        check_match "$OUTPUT" "COMMAND
 *[0-9]+  a-name-.*COMMAND
 *[0-9]+  hostile"
        jobs_end
}

test_top_restores_the_terminal_on_signals() {
        local name number
        for name in INT:2 TERM:15 HUP:1 QUIT:3 SEGV:11 ABRT:6; do
                number=${name#*:}
                check_status 0 at_top "until=running jobs" "signal=${name%:*}" end state
                check_equal "$OUTPUT" "signal $number
$RESTORED" "$name"
        done
        check_status 0 at_top "until=running jobs" "type=^C" end state
        check_equal "$OUTPUT" "signal 2
$RESTORED" "Ctrl-C"
}

test_top_stops_and_goes_on() {
        check_status 0 at_top "until=running jobs" "type=^Z" stopped state signal=CONT "until=running jobs" state type=q end state
        check_equal "$OUTPUT" "$RESTORED
no-echo keys alternate no-cursor no-wrap
status 0
$RESTORED"
}

# Stopped is only who can be made to go on, and who has not been told to ignore it.
test_top_is_not_stopped_for_good() {
        check_status 0 at_terminal "until=running jobs" end state -- \
                setsid --wait sh -c '(sleep 1; kill -TSTP $$) & exec cgmove top --delay 0.3 --iterations 10'
        check_equal "$OUTPUT" "status 0
$RESTORED" "an orphaned process group"
        check_status 0 at_terminal "until=running jobs" "type=^Z" type=q end state -- sh -c 'trap "" TSTP; exec cgmove top --delay 0.3'
        check_equal "$OUTPUT" "status 0
$RESTORED" "an ignored signal"
}

# A terminal that takes nothing keeps no signal from ending it.
test_top_at_a_terminal_that_is_stuck() {
        check_status 0 at_top "until=running jobs" stuck=r signal=TERM end
        check_equal "$OUTPUT" "signal 15"
        check_status 0 at_top "until=running jobs" stuck=r "type=^C" end
        check_equal "$OUTPUT" "signal 2"
}

test_top_follows_the_size_of_the_window() {
        jobs_start
        check_status 0 at_top 80x24 "until=a-name" size=200x24 "until=do :; done" "until=$LONG" size=30x5 "gone=COMMAND" "until=more" \
                screen state size=80x24 until=COMMAND type=q end
        check_lacks "$OUTPUT" wrapped
        check_match "$OUTPUT" "and [0-9] more"
        jobs_end
}

test_top_with_a_daemon_that_hangs() {
        kill -STOP "$(daemon_pid)"
        check_status 0 at_top "until=answered for 2|answered for 3|answered for 4|answered for 5" type=q end state
        check_contains "$OUTPUT" "status 0
$RESTORED"
        (sleep 8 && kill -CONT "$(daemon_pid)") &
        check_status 0 at_top "until=has not answered" "until=running jobs" "gone=has not answered" type=q end
}

test_top_without_a_daemon() {
        systemctl stop cgmoved.socket cgmoved.service
        check_status 0 at_top "until=cannot be reached" type=q end state
        check_contains "$OUTPUT" "$RESTORED"
        check_status 69 as alice cgmove top
        check_status 0 at_terminal "until=cannot be reached" end screen state -- cgmove top --delay 0.3 --iterations 3
        check_contains "$OUTPUT" "status 69"
        check_contains "$OUTPUT" "$RESTORED"
        check_contains "$OUTPUT" "cannot be reached"
        (sleep 5 && systemctl start cgmoved.socket cgmoved.service) &
        check_status 0 at_top "until=cannot be reached" "until=running jobs" type=q end
        wait
}

test_top_notices_jobs_that_come_and_go() {
        check_status 0 at_top "until=No running jobs" type=q end
        (in_session alice cgmove run --name comes -- sleep 8) &
        check_status 0 at_top 120x20 until=comes gone=comes type=q end
        wait
}

test_top_once_and_in_batches() {
        local out
        jobs_start
        out=$(as alice cgmove top)
        check_contains "$out" "$LONG"
        check_lacks "$out" $'\e'
        check_equal "$(as alice cgmove top -b -n 3 -d 0.2 | grep -c COMMAND)" 3
        check_equal "$(as alice cgmove top --sort=name | sed -n 's/^ *[0-9]* *\(hostile\|busy\) .*/\1/p' | tr '\n' ' ')" "busy hostile "
        check_status 0 at_terminal 80x24 end state colours -- env TERM=dumb cgmove top
        check_equal "$OUTPUT" "status 0
$RESTORED
0"
        check_equal "$(as alice cgmove top --json | jq -c '[.schema, (.jobs | length), .jobs_left_out, (.jobs[0] | .name, .cpu_rate_usec > 0)]')" \
                '[1,3,0,"busy",true]'
        check_status 2 as alice cgmove top --json --batch
        check_status 2 as alice cgmove top --sort colour
        # root sees whose they are
        check_match "$(cgmove top)" "JOB  USER .*alice "
        jobs_end
}

tear_down() {
        systemctl start cgmoved.socket cgmoved.service
        kill -CONT "$(daemon_pid)"
}
