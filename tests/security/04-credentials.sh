# SPDX-License-Identifier: LGPL-2.1-or-later
# Processes that are not wholly their caller's: mixed user ids, set-uid programs, capabilities, and programs that become such while
# they are moved. (Threat 4.)
#
# What counts are the real, effective and saved ids, as for kill(2): a process of these whose memory its user may not read (it is not
# "dumpable"), that has a capability, or another file system id, is still one that he may stop and end, and so may move; nothing of
# it changes. That is looked at here as well.

BIN=/usr/local/bin

set_up() {
        attack_begin
        place_begin alice
        # programs that run as somebody else; what ends them is tear_down
        install -o bob -m 4755 "$(command -v sleep)" $BIN/sleep-bob
        install -o root -m 4755 "$(command -v sleep)" $BIN/sleep-root
        install -o root -g bob -m 2755 "$(command -v sleep)" $BIN/sleep-group
        install -o root -m 0711 "$(command -v sleep)" $BIN/sleep-unreadable
        install -o bob -m 4755 "$(realpath "$(command -v python3)")" $BIN/python-bob
}

tear_down() {
        strace_end
        put_end
        pkill -KILL -f "^$BIN/(sleep|python)-" || true
        place_end alice
        rm -f $BIN/sleep-* $BIN/python-bob
}

# 64 mixes of four users' ids, each asked for by each of the four; and each as a child in a tree.
test_every_mix_of_ids() {
        local said
        said=$(python3 $TARGETS ids "$PLACE" 1000 1001 0 100001)
        check_equal "$(grep -c ^process <<<"$said")" 256
        check_equal "$(grep -c ^child <<<"$said")" 63
        # alice moves what is all hers, and root does
        check_equal "$(grep ' moved ' <<<"$said" | sed 's/ moved .*//')" $'process 1000 1000 1000 1000\nprocess 0 1000 1000 1000' "moved"
        not grep ' stayed [0-9]' <<<"$said" || fail "accepted, and not moved"
        not grep -v 'Error.NotYours' <<<"$(grep ^child <<<"$said")" || fail "a child came along"
        # what is nobody's own is not root's to make a job of either
        check_equal "$(grep -E '^process 0 ' <<<"$said" | awk '$3 != $4 || $4 != $5' | grep -c NotYours)" 60
        check_equal "$(grep -E '^process (1000|1001|100001) ' <<<"$said" | awk '$2 != $3 || $3 != $4 || $4 != $5' | grep -c NotYours)" 189
        tried 319 moves of processes and trees with every mix of four users\' ids
        check_log 1000 "Process [0-9]+ is not yours: its real, effective and saved user ids are 1000, 1000 and 0"
        attack_end
}

# check_stays PID: alice, bob and a caller with nothing try; it stays where it is.
check_stays() {
        local before user
        before=$(place_of "$1")
        for user in alice bob carol nobody; do
                check_contains "$(answers_of "$user" each "$1")" "$2" "answer to $user"
                check_contains "$(answers_of "$user" each --tree "$1")" "$2" "answer to $user"
        done
        check_equal "$(place_of "$1")" "$before" "cgroup of $1"
}

answers_of() {
        local user=$1
        shift
        setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups -- env -C / python3 $TARGETS "$@"
}

test_set_uid_programs() {
        local program
        for program in sleep-bob sleep-root python-bob; do
                case $program in
                python-bob) put_as alice "$PLACE" $BIN/$program -c 'import time; time.sleep(1000)' ;;
                *) put_as alice "$PLACE" $BIN/$program 1000 ;;
                esac
                [[ $(awk '/^Uid:/ { print $2 }' "/proc/$PUT/status") == 1000 ]] || fail "it is no set-uid program of alice's"
                not grep -q $'^Uid:\t1000\t1000' "/proc/$PUT/status" || fail "it does not run as another"
                check_stays "$PUT" NotYours
                # between two of her own
                put_as alice "$PLACE" sleep 1000
                check_contains "$(answers alice together "$PUT" "${PUTS[-2]}")" NotYours
                check_equal "$(place_of "$PUT")" "${PLACE#/sys/fs/cgroup}"
        done
        tried 27 moves of set-uid programs
        attack_end
}

# A program that runs as bob, begun by alice, who says what it does: it may do no more to her processes than bob, nor to his than she.
test_set_uid_program_as_the_caller() {
        local said
        policy_only <<<'policy "all" { users = {"alice", "bob"} from = {"user:*", "system:*", "session", "job"} rate = "100000/min" }'
        put_as alice "$PLACE" sleep 1000
        said=$(in_session alice env PYTHONHOME=/usr $BIN/python-bob $TARGETS each "$PUT")
        check_contains "$said" NotYours
        said=$(in_session alice env PYTHONHOME=/usr $BIN/python-bob $TARGETS self)
        check_contains "$said" NotYours
        said=$(in_session alice env PYTHONHOME=/usr $BIN/python-bob $TARGETS self --tree)
        check_contains "$said" NotYours
        put_as bob "$PLACE" sleep 1000
        said=$(in_session alice env PYTHONHOME=/usr $BIN/python-bob $TARGETS each "$PUT")
        check_contains "$said" "belongs to user 1000"
        tried 4 moves asked for by a set-uid program
        attack_end
}

# What may be ended by its user may be moved, and remains what it was.
check_moves_unchanged() {
        local before
        before=$(grep -E '^(Uid|Gid|Cap|NoNewPrivs|Groups)' "/proc/$1/status")
        check_match "$(answers bob each "$1")" NotYours
        check_match "$(answers alice each "$1")" '^[0-9]+ [0-9]+$'
        in_job "$1" || fail "not moved"
        check_equal "$(grep -E '^(Uid|Gid|Cap|NoNewPrivs|Groups)' "/proc/$1/status")" "$before" "its standing"
        check_equal "$(cat "/sys/fs/cgroup$(place_of "$1")/cgroup.freeze")" 0
}

test_all_ones_own_ids_but_more_than_that() {
        put_as alice "$PLACE" $BIN/sleep-unreadable 1000
        check_moves_unchanged "$PUT"
        put_as alice "$PLACE" $BIN/sleep-group 1000
        check_moves_unchanged "$PUT"
        put "$PLACE" setpriv --reuid=alice --regid=alice --clear-groups --inh-caps=+setuid,+kill,+sys_admin \
                --ambient-caps=+setuid,+kill,+sys_admin -- sleep 1000
        check_moves_unchanged "$PUT"
        put "$PLACE" setpriv --reuid=alice --regid=alice --clear-groups --nnp -- sleep 1000
        check_moves_unchanged "$PUT"
        put "$PLACE" perl -e '
                my ($header, $caps) = (pack("LL", 0x20080522, 0), pack("L6", 1 << 7, 1 << 7, 0, 0, 0, 0));
                syscall(157, 8, 1, 0, 0, 0);    # PR_SET_KEEPCAPS, in the numbers of x86-64
                syscall(117, 1000, 1000, 1000); # setresuid
                syscall(126, $header, $caps);   # capset: CAP_SETUID
                syscall(122, 0);                # setfsuid
                syscall(157, 4, 0, 0, 0, 0);    # PR_SET_DUMPABLE
                sleep 1000'
        wait_for grep -q -P '^Uid:\t1000\t1000\t1000\t0$' "/proc/$PUT/status"
        check_moves_unchanged "$PUT"
        tried 10 moves of processes that are not dumpable, of other groups, with capabilities, and another file system id
        attack_end
}

# --- what becomes such a program in the middle of it -------------------------------------------------------------------------

test_exec_races() {
        local said program times
        times=$(often 400)
        for program in sleep-bob sleep-root; do
                said=$(as alice systemd-run --user --quiet --pipe --collect --wait python3 $TARGETS exec-race $BIN/$program "$times")
                echo "$said"
                check_equal "$(awk '{ n += $1 } END { print n }' <<<"$said")" "$times"
                # where it says that it moved it is in the pool, else in the source; nothing is left frozen
                not grep -v -E '^[0-9]+ (moved pool|(NotYours|Busy|Denied|MainProcess) source) (running|gone)$' <<<"$said" || fail "$said"
        done
        check_match "$said" "NotYours"
        check_match "$said" "moved"
        tried $((2 * times)) moves of processes that executed a set-uid program at that moment
        attack_end
}

# strace_daemon OPTION...: the daemon under strace, with what it does in $TEST_DIR/strace.
strace_daemon() {
        strace -q -p "$(daemon_pid)" -o "$TEST_DIR/strace" "$@" &
        STRACE=$!
        wait_for grep -q -E '^TracerPid:.[1-9]' "/proc/$(daemon_pid)/status"
}

strace_end() {
        [[ -z ${STRACE:-} ]] || { kill "$STRACE" && wait "$STRACE"; } 2>/dev/null || true
        STRACE=
}

# held_at POINT: the options of strace that hold the daemon up there, at the next job, for a second.
held_at() {
        local job=$POOL/job-$((JOB + 1))
        case $1 in
        before-the-ice) printf '%s\n' -P "$job/cgroup.freeze" -e trace=write -e inject=write:delay_enter=1s:when=1 ;;
        after-the-ice) printf '%s\n' -P "$job/cgroup.freeze" -e trace=write -e inject=write:delay_exit=1s:when=1 ;;
        before-the-write) printf '%s\n' -P "$job/cgroup.procs" -e trace=write -e inject=write:delay_enter=1s:when=1 ;;
        after-the-write) printf '%s\n' -P "$job/cgroup.procs" -e trace=write -e inject=write:delay_exit=1s:when=1 ;;
        before-the-thaw) printf '%s\n' -P "$job/cgroup.freeze" -e trace=write -e inject=write:delay_enter=1s:when=2 ;;
        esac
}

# The daemon has come as far.
is_held_at() {
        local job=$POOL/job-$((JOB + 1))
        case $1 in
        before-the-ice) test -e "$job" ;;
        after-the-ice | before-the-write) grep -q 1 "$job/cgroup.freeze" ;;
        after-the-write | before-the-thaw) grep -q -x "$PUT" "$job/cgroup.procs" ;;
        esac
}

runs_program() {
        [[ $(readlink "/proc/$PUT/exe") == "$BIN/$1" ]]
}

# held_up POINT PROGRAM: a process of alice executes PROGRAM while the daemon, who has found that it is hers, is held up at POINT.
# What it says is in $SAID. Returns 1 if the daemon went on before.
held_up() {
        local go=/home/alice/exec-now asker options in_time=0
        rm -f $go
        JOB=$(in_session alice cgmove run --json -- true | jq .job.id)
        wait_for test ! -e "$POOL/job-$JOB"
        put_as alice "$PLACE" sh -c "until test -e $go; do sleep 0.01; done; exec $BIN/$2 1000"
        mapfile -t options < <(held_at "$1")
        strace_daemon "${options[@]}"
        answers alice each "$PUT" >"$TEST_DIR/said" &
        asker=$!
        wait_for is_held_at "$1"
        touch $go
        # what is in the ice cannot
        [[ $1 == *-the-thaw || $1 == after-the-write ]] || wait_for runs_program "$2"
        [[ ! -s $TEST_DIR/said ]] || in_time=1
        wait "$asker"
        strace_end
        wait_for runs_program "$2"
        SAID=$(cat "$TEST_DIR/said")
        return $in_time
}

test_exec_while_the_daemon_is_held_up() {
        local program point n=0
        in_session alice cgmove run -- sleep 1000 # its pool is there
        for program in sleep-bob sleep-root; do
                for point in before-the-ice after-the-ice before-the-write after-the-write before-the-thaw; do
                        until held_up $point $program; do n=$((n + 1)); done
                        n=$((n + 1))
                        case $point in
                        # already in the ice: it executes inside of the job, as any process there may
                        after-the-write | before-the-thaw) check_match "$SAID" '^[0-9]+ [0-9]+$' $point && in_job "$PUT" ;;
                        # it is found out, and goes back to where it was
                        *) check_contains "$SAID" Error. "$point" && check_equal "$(place_of "$PUT")" "${PLACE#/sys/fs/cgroup}" "$point" ;;
                        esac
                        check_contains "$(cat "/sys/fs/cgroup$(place_of "$PUT")/cgroup.events")" "frozen 0"
                        not grep -l 1 "$POOL"/*/cgroup.freeze || fail "left frozen"
                done
        done
        tried "$n" moves of a process that executed a set-uid program while the daemon was held up in the middle of it
        check_log 1000 "changed its user or its cgroup|not yours"
        attack_end
}
