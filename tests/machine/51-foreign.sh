# SPDX-License-Identifier: LGPL-2.1-or-later
# A job with processes of another user in it, as sudo makes them: its owner reaches his own only, root and the pool's stop reach all.

set_up() {
        gateway_start mixed
}

# A process of bob's in alice's job of this name; leaves its number in $FOREIGN.
foreign_begin() {
        as bob sleep 1000 &
        FOREIGN=$!
        wait_for pgrep -u bob -x sleep
        FOREIGN=$(pgrep -u bob -x sleep)
        echo "$FOREIGN" >"$(job_cgroup "$1")/cgroup.procs"
        in_job "$FOREIGN" || fail "the foreign process is not in the job"
}

foreign_check_alive() {
        kill -0 "$FOREIGN" || fail "the owner of the job has ended the process of another user"
        in_job "$FOREIGN" || fail "the process of the other user is not in the job any more"
}

foreign_is_gone() {
        not kill -0 "$FOREIGN"
}

test_stop_reaches_the_owners_own() {
        job_begin mixed
        foreign_begin mixed
        check_status 1 timeout 60 "$here/as" alice cgmove stop "$(job_id mixed)"
        check_contains "$OUTPUT" "other users"
        foreign_check_alive
        check_equal "$(job_pids mixed)" "$FOREIGN" "what is left in the job"

        # what is left is not frozen, and root ends it
        check_contains "$(cat "$(job_cgroup mixed)/cgroup.events")" "frozen 0"
        check_status 0 timeout 60 cgmove stop "$(job_id mixed)"
        wait_for foreign_is_gone
}

foreign_is_alone() {
        [[ $(job_pids mixed) == "$FOREIGN" ]]
}

test_kill_reaches_the_owners_own() {
        job_begin mixed
        foreign_begin mixed
        check_status 0 timeout 60 "$here/as" alice cgmove kill "$(job_id mixed)" -s KILL
        check_contains "$OUTPUT" "other users"
        wait_for foreign_is_alone
        foreign_check_alive
        systemctl stop cgmove@1000.service
        wait_for foreign_is_gone
}

test_others_jobs_are_not_there() {
        local id verb
        job_begin hers
        id=$(job_id hers)
        for verb in status stop kill wait logs; do
                check_status 1 timeout 60 "$here/as" bob cgmove "$verb" "$id"
                check_contains "$OUTPUT" "no job $id" "what bob is told on $verb"
        done
        job_check_alive hers
        job_check_end hers
}
