# SPDX-License-Identifier: LGPL-2.1-or-later
# Callers and targets in namespaces of their own, where ids, numbers and paths mean something else. (Threat 5.)

set_up() {
        attack_begin
        place_begin alice
        put_as bob "$PLACE" sleep 1000
        BOBS=$PUT
        put_as root "$PLACE" sleep 1000
        ROOTS=$PUT
}

tear_down() {
        [[ -z ${INNER:-} ]] || kill -KILL "$INNER" 2>/dev/null || true
        put_end
        pkill -KILL -u alice -f 'inner|4712' || true
        place_end alice
        rm -f /home/alice/{inner,said,go}*
}

# mapped COMMAND...: alice as root of a user namespace.
mapped() {
        in_session alice unshare --user --map-root-user "$@"
}

# Inside she is root; for the daemon she is alice, and who says otherwise is not let in.
test_root_of_a_user_namespace() {
        local said
        check_equal "$(mapped id -u)" 0
        said=$(mapped env CGMOVE_UID=1000 python3 $TARGETS each "bob=$BOBS" "root=$ROOTS" one=1 "daemon=$ATTACK_DAEMON")
        check_equal "$(grep -c NotYours <<<"$said")" 4 "$said"
        check_equal "$(mapped python3 $TARGETS claim 0)" REJECTED
        check_equal "$(in_session alice python3 $TARGETS claim 0)" REJECTED
        check_equal "$(in_session alice python3 $TARGETS claim 1001)" REJECTED
        check_equal "$(mapped python3 $TARGETS claim 1000)" OK
        tried 8 requests of one who is root in a user namespace
        check_log 1000 "$BOBS is not yours"
        attack_end
}

# What others have is not hers either, and she is bound by the policy, which does not bind root.
test_root_of_a_user_namespace_and_jobs_of_others() {
        local id said
        policy_only <<<'policy "all" { users = {"alice", "bob"} from = {"user:place.service"} rate = "100000/min" }'
        user_manager_start bob
        id=$(as bob systemd-run --user --quiet --pipe --collect --wait --unit=place cgmove run --json -- sleep 4711 | jq .job.id)
        for said in Wait Stop Report:x Finish:x GetUnit RestartUnit StartUnit; do
                check_match "$(mapped env CGMOVE_UID=1000 python3 -c "
import sys; sys.path.insert(0, '/opt/cgmove-tests')
import peer
peer.os.geteuid = lambda: 1000
peer.verb_job(['$id', '$said'])")" 'NoSuchJob|InvalidArgument' "$said"
        done
        check_match "$(mapped env CGMOVE_UID=1000 python3 $TARGETS self)" 'Denied No policy allows user 1000 to leave session'
        pgrep -u bob -f 'sleep 4711' >/dev/null || fail "the job of bob has ended"
        cgmove kill "$id" -s KILL
        tried 8 requests about the job of another, and 1 move that the policy refuses
}

# A process whose user id has no name here, as a user namespace with ranges of its own makes them: nobody's of alice, though it is
# in her unit, and nothing of hers is its.
test_ids_that_are_mapped_from_elsewhere() {
        local mine said
        put_as alice "$PLACE" sleep 1000
        mine=$PUT
        as_mapped() {
                # bash is here to be gone before the move
                (
                        echo "$BASHPID" >"$PLACE/cgroup.procs"
                        exec setpriv --reuid=100001 --regid=100001 --clear-groups -- env -C / python3 $TARGETS "$@"
                )
        }
        check_contains "$(as_mapped each "$mine")" "is not yours"
        check_match "$(as_mapped self)" "Denied .* belongs to user 1000"
        check_match "$(as_mapped self --tree)" "Denied .* belongs to user 1000"
        put_as 100001 "$PLACE" sleep 1000
        check_contains "$(answers alice each "$PUT")" "is not yours"
        check_match "$(as_mapped each "$PUT")" "Denied .* belongs to user 1000"
        said=$(answers alice together "$mine" "$PUT")
        check_contains "$said" "different users"
        check_equal "$(place_of "$PUT") $(place_of "$mine")" "${PLACE#/sys/fs/cgroup} ${PLACE#/sys/fs/cgroup}"
        tried 6 moves by and of processes with user ids of another namespace
        attack_end
}

# A process that is nobody's, with uid_map still empty, and so 65534 to itself.
test_a_namespace_without_a_map() {
        local said
        said=$(in_session alice unshare --user env CGMOVE_UID=1000 python3 $TARGETS each "bob=$BOBS" "root=$ROOTS" one=1)
        check_equal "$(grep -c NotYours <<<"$said")" 3 "$said"
        check_equal "$(in_session alice unshare --user python3 $TARGETS claim 65534)" REJECTED
        said=$(in_session alice unshare --user env CGMOVE_UID=1000 python3 $TARGETS self)
        check_match "$said" '^[0-9]+$' # alice's own
        check_equal "$(cgmove list --all --json | jq "[.jobs[] | select(.id == $said) | .uid][0]")" 1000
        tried 5 requests out of a user namespace without a map
        attack_end
}

# --- numbers -----------------------------------------------------------------------------------------------------------------

# inner_begin: in a PID namespace of alice's with a /proc of its own, as many processes as there are numbers of others up to
# $BOBS; INNER is its first one from outside.
inner_begin() {
        put_as alice "$PLACE" unshare --user --map-root-user --pid --fork --mount-proc --kill-child bash -c '
                # inner
                sleep 4712 &
                echo $! >/home/alice/inner
                until test -e /home/alice/go; do sleep 0.05; done
                . /home/alice/inner-commands
                sleep 1000'
        wait_for test -s /home/alice/inner
        INNER=$(pgrep -P "$PUT")
        wait_for pgrep -u alice -x -f 'sleep 4712' # forked is not yet executed
        INNER_SLEEP=$(pgrep -u alice -x -f 'sleep 4712')
        check_equal "$(awk '/^NSpid:/ { print $3 }' "/proc/$INNER_SLEEP/status")" "$(cat /home/alice/inner)"
}

inner_do() {
        cat >/home/alice/inner-commands
        as alice touch /home/alice/go
        wait_for test -s /home/alice/said
}

# Inside a process has the number N, outside N is somebody else: the one inside is meant, and moved.
test_numbers_from_inside() {
        local n said before
        inner_begin
        n=$(cat /home/alice/inner)
        before=$(place_of 1)
        # the numbers 1 and N mean PID 1 and another's process outside
        inner_do <<-COMMANDS
		{
		        CGMOVE_UID=1000 python3 $TARGETS each sleep=$n
		        CGMOVE_UID=1000 python3 $TARGETS each --check first=1
		        CGMOVE_UID=1000 python3 $TARGETS self
		} >/home/alice/said.tmp 2>&1
		mv /home/alice/said.tmp /home/alice/said
	COMMANDS
        said=$(cat /home/alice/said)
        check_match "$said" '^sleep [0-9]+' "the answer"
        in_job "$INNER_SLEEP" || fail "the process inside was not moved: $said"
        check_equal "$(place_of 1)" "$before" "PID 1"
        check_equal "$(place_of "$BOBS")" "${PLACE#/sys/fs/cgroup}" "another's process"
        [[ ! -e /proc/$n ]] || [[ $(place_of "$n") != */job-* ]] || [[ $n == "$INNER_SLEEP" ]] || fail "the process with that number outside was moved"
        # the caller of "self" was the python inside
        check_match "$(tail -n 1 <<<"$said")" '^[0-9]+$'
        tried 3 requests with process numbers of another PID namespace
        attack_end
}

# The command line takes numbers: those that its caller sees.
test_command_line_inside() {
        local n said
        inner_begin
        n=$(cat /home/alice/inner)
        inner_do <<-COMMANDS
		{
		        cgmove move $n
		        cgmove move $BOBS
		        cgmove list
		} >/home/alice/said.tmp 2>&1
		mv /home/alice/said.tmp /home/alice/said
	COMMANDS
        said=$(cat /home/alice/said)
        echo "$said"
        check_equal "$(place_of "$BOBS")" "${PLACE#/sys/fs/cgroup}" "another's process"
        # in a user namespace the client may be told that it is somebody else; then nothing happens
        in_job "$INNER_SLEEP" || check_equal "$(place_of "$INNER_SLEEP")" "${PLACE#/sys/fs/cgroup}" "the process inside"
        tried 3 commands inside a PID namespace
        attack_end
}

# The first process of a namespace, and all in it, moved from outside.
test_tree_of_a_namespace() {
        inner_begin
        check_match "$(answers alice each --tree "$INNER")" '^[0-9]+ [0-9]+$'
        in_job "$INNER" || fail "the first process was not moved"
        in_job "$INNER_SLEEP" || fail "its child was not moved"
        check_equal "$(cat "/sys/fs/cgroup$(place_of "$INNER")/cgroup.freeze")" 0
        # it has taken nothing of the namespace along, nor anybody else
        check_equal "$(place_of "$BOBS")" "${PLACE#/sys/fs/cgroup}"
        tried 1 move of a whole PID namespace
        attack_end
}

# A daemon in a PID namespace: callers from outside have the number 0 there, and are not let in, whoever they say they are.
test_caller_without_a_number() {
        local uid user
        mkdir -p "$TEST_DIR/run" "$TEST_DIR/lib"
        unshare --pid --fork --kill-child --mount --mount-proc sh -c "
                mount --bind $TEST_DIR/run /run/cgmove && mount --bind $TEST_DIR/lib /var/lib/cgmove &&
                exec systemd-socket-activate --listen=/run/cgmove/private /usr/libexec/cgmove/cgmoved" >"$TEST_DIR/second" 2>&1 &
        wait_for test -S "$TEST_DIR/run/private"
        chmod 0666 "$TEST_DIR/run/private"
        for user in alice bob root; do
                for uid in 0 1000 1001 65534; do
                        check_equal "$(CGMOVE_SOCKET=$TEST_DIR/run/private answers_over "$user" claim $uid)" REJECTED "$user as $uid"
                done
        done
        tried 12 authentications of callers whose number the daemon cannot see
        kill $!
        attack_end
}

# The socket is passed on.
answers_over() {
        local user=$1
        shift
        setpriv --reuid="$user" --regid="$user" --clear-groups -- env -C / "CGMOVE_SOCKET=$CGMOVE_SOCKET" python3 $TARGETS "$@"
}

# --- paths -------------------------------------------------------------------------------------------------------------------

# Where a caller thinks that he is counts for nothing: neither a shortened path nor a false /proc moves him.
test_cgroup_namespace() {
        local said id
        said=$(mapped --cgroup env CGMOVE_UID=1000 python3 $TARGETS self)
        check_match "$said" '^[0-9]+$'
        check_equal "$(cgmove list --all --json | jq -r "[.jobs[] | select(.id == $said) | .source][0]")" session
        policy_only <<<'policy "other" { users = {"alice"} from = {"user:other.service"} rate = "100000/min" }'
        # a group that is named like an allowed unit is at the top of what is seen
        mkdir "$PLACE/other.service"
        put_as alice "$PLACE/other.service" unshare --user --map-root-user --cgroup sh -c "
                cat /proc/self/cgroup >/home/alice/inner; CGMOVE_UID=1000 python3 $TARGETS self >/home/alice/said; sleep 1000"
        wait_for test -s /home/alice/said
        check_match "$(cat /home/alice/inner)" $'0::/\n?$'
        check_contains "$(cat /home/alice/said)" "to leave user:place.service"
        tried 2 moves out of a cgroup namespace
        check_log 1000 "No policy allows user 1000 to leave user:place.service"
}

# A caller whose /proc and socket folder are of his own making: he can fool himself, not the daemon.
test_false_proc() {
        local said
        said=$(mapped --mount sh -c "
                mkdir -p /tmp/p && mount -t tmpfs none /tmp/p && mkdir -p /tmp/p/$BOBS /tmp/p/self /tmp/p/1
                for n in $BOBS self 1; do
                        printf 'Name:\tx\nTgid:\t$BOBS\nPid:\t$BOBS\nPPid:\t1\nUid:\t1000\t1000\t1000\t1000\n' >/tmp/p/\$n/status
                        printf '0::/user.slice/user-1000.slice/session-1.scope\n' >/tmp/p/\$n/cgroup
                done
                mount --bind /tmp/p /proc
                cat /proc/$BOBS/status | grep -q 1000 || exit 9
                CGMOVE_UID=1000 python3 $TARGETS each $BOBS $ROOTS 1; cgmove move $BOBS; true" 2>&1)
        check_equal "$(grep -c NotYours <<<"$said")" 3 "$said"
        check_equal "$(place_of "$BOBS")" "${PLACE#/sys/fs/cgroup}"
        check_equal "$(place_of "$ROOTS")" "${PLACE#/sys/fs/cgroup}"
        tried 4 moves under a false /proc
        check_log 1000 "$BOBS is not yours"
        attack_end
}
