# SPDX-License-Identifier: LGPL-2.1-or-later
# Callers who end in the middle of a request, and connections that another process goes on speaking on. (Threat 2.)

TIMES=$(often 120)

set_up() {
        systemctl restart cgmoved.service # it has logged nothing of alice's yet, and hides nothing for being too much
        reuse_begin
        in_session alice cgmove exec -- true # it has what it always has by now: a pool, a connection to PID 1
        wait_for descriptors_are_few
        DESCRIPTORS=$(descriptors)
}

tear_down() {
        reuse_end
        pkill -KILL -f caller.py || true
}

descriptors() {
        find "/proc/$(daemon_pid)/fd" -mindepth 1 | wc -l
}

# Those of a connection to PID 1, or of a pool that goes, come and go by themselves.
descriptors_are_few() {
        [[ $(descriptors) -le ${1:-30} ]]
}

caller() {
        SAID=$(timeout 380 python3 /opt/cgmove-tests/caller.py "$@" 2>&1) || fail "caller.py $*: $SAID"
}

# said WHAT: how often.
said() {
        sed -n "s/^\([0-9]*\) $1$/\1/p" <<<"$SAID" | grep . || echo 0
}

# No descriptor, job or ice is left of all that.
check_nothing_left() {
        reuse_check
        wait_for_within 30 descriptors_are_few $((DESCRIPTORS + 8))
        check_equal "$(list_of alice '[.jobs[] | select(.state == "running")] | length')" 0 "jobs of alice that run"
}

test_killed_in_the_middle() {
        caller killed "$REUSE_SOURCE" $((3 * TIMES))
        check_equal "$(said 'half done')" 0 "moves of which a part was done ($SAID)"
        check_equal "$(said frozen)" 0 "targets left frozen"
        [[ $(said moved) -gt 0 && $(said 'not moved') -gt 0 ]] || fail "always killed at the same time: $SAID"
        check_nothing_left
        tried $((3 * TIMES)) "clients killed in the middle of a Move; $(said moved) were done all the same, $(said 'not moved') not at all"
}

test_killed_with_half_a_message() {
        caller halves "$REUSE_SOURCE" "$TIMES"
        check_equal "$(said 'not moved')" "$TIMES" "half calls that did nothing ($SAID)"
        check_nothing_left
        tried "$TIMES" "clients killed with some of the bytes, and all the pidfds, of a Move sent"
}

# check_handed WAY [CALLER]: who speaks is nobody's business, who has connected is; he is moved if he asks so, being alice's own.
check_handed() {
        local way=$1 self=$2 answers
        caller handed "$REUSE_SOURCE" "$way" "$TIMES"
        check_equal "$(said 'own process: NotYours')" "$TIMES" "refusals of the speaker ($way: $SAID)"
        check_equal "$(said 'own child: NotYours')" "$TIMES" "refusals of his child ($way: $SAID)"
        answers=$(said "the caller: $self")
        check_equal "$answers" "$TIMES" "answers to \"self\" ($way: $SAID)"
        check_equal "$(said 'the stranger was moved')" 0 "strangers moved"
        check_nothing_left
}

test_handed_to_another_user() {
        # alice herself lives, and asked for nothing but this: whoever she gives her connection to may speak for her
        check_handed bob moved
        check_contains "$(journalctl --quiet --since "@$REUSE_SINCE" -o cat -u cgmoved)" "A request of user 1000 was refused: Process" journal
        tried $((3 * TIMES)) "requests of bob on a connection that alice gave him"
}

test_inherited_by_root() {
        # the caller is root by now
        check_handed root NotYours
        tried $((3 * TIMES)) "requests of a root process on a connection that it has inherited from alice"
}

test_kept_by_a_set_uid_program() {
        check_handed setuid NotYours
        tried $((3 * TIMES)) "requests of a program that alice's process has executed, root since then"
}

test_another_user_since() {
        check_handed changed NotYours
        tried $((3 * TIMES)) "requests of a process that is another user's since it has connected"
}

test_caller_is_gone_and_its_number_taken() {
        local others
        caller reused "$REUSE_SOURCE" $((2 * TIMES))
        # that he is not hers is known before where he is, which no policy allows in any case
        others=$(grep -v -x -E "[0-9]+ (NoSuchProcess|NotYours|left without waiting|the number was another's)" <<<"$SAID" || true)
        check_equal "$others" "" "other answers"
        check_equal "$(said 'a stranger was moved')" 0 "strangers moved ($SAID)"
        check_equal "$(said moved)" 0 "moves ($SAID)"
        [[ $(said 'left without waiting') -gt $((TIMES / 2)) ]] || fail "the numbers could not be taken: $SAID"
        check_nothing_left
        tried $((2 * TIMES)) "requests for \"self\" when the caller has ended and bob has its number: $(tr '\n' ',' <<<"$SAID")"
}

test_waits_of_the_dead() {
        local job
        in_session alice cgmove run --name waited -- sleep 4377
        job=$(job_id waited)
        caller waits "$job" 20
        check_equal "$(said 'the next: Busy')" 20 "clients whose calls were all let in ($SAID)"
        # the slots are free: this one is let in, and waits
        as alice timeout 2 cgmove wait "$job" || [[ $? -eq 124 ]] || fail "a client cannot wait"
        as alice cgmove kill "$job"
        check_nothing_left
        tried 640 "calls of Wait by 20 clients that were killed with all of them open"
}
