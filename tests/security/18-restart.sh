# SPDX-License-Identifier: LGPL-2.1-or-later
# Restarts of users' own units: names, storms, and who may tell how one went. (Threat 18; system units are in 25-restart-system.sh,
# jobs that are killed in tests/machine.)

PEER=/opt/cgmove-tests/peer.py

restart_policy() {
        policy_only <<-POLICY
	policy "test" {
	        users    = {"alice", "bob"}
	        from     = {"user:*", "session", "job"}
	        restart  = {"user:gw*.service", "user:many*.service"}
	        max-jobs = 500
	        rate     = "$1"
	}
	POLICY
}

set_up() {
        DAEMON=$(daemon_pid)
        rm -f /home/alice/go /home/alice/inside
        restart_policy 1000/min
}

peer() {
        in_session alice python3 $PEER "$@"
}

hex_of() {
        printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'
}

check_daemon_goes_on() {
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        check_status 0 in_session alice cgmove run -- true
}

# restart_begin UNIT [WORD...]: a process in a job that restarts UNIT, until restart_end; its id in $JOB, what it says in
# /home/alice/inside.
restart_begin() {
        local unit=$1
        shift
        rm -f /home/alice/go
        in_session alice python3 $PEER inside "$unit" "$@" wait=/home/alice/go >/home/alice/inside &
        wait_for test -s /home/alice/inside
        JOB=$(head -n 1 /home/alice/inside)
        check_match "$JOB" '^[0-9]+$' "the job"
}

restart_end() {
        touch /home/alice/go
        wait
}

outcome_of() {
        as alice cgmove status --json "$JOB" | jq -c .job.outcome
}

test_hostile_names() {
        local name said before
        before=$(list_of alice '[.jobs[] | select(.kind == "restart")] | length')
        for name in '' user: system: gw gw.service user:gw user:gw.socket user:gw.timer user:gw.service.timer user:gw@.service \
                'user:*.service' 'user:gw?.service' 'user:[g]w.service' user:../gw.service user:/etc/systemd/system/gw.service \
                'user:gw.service ' ' user:gw.service' hex="$(hex_of $'user:gw.service\n')" hex="$(hex_of $'user:gw\x1b[31m.service')" \
                hex="$(hex_of $'user:gw\xff.service')" \
                session job manager other 'user:gw.service,user:x.service' 'user:gw.service user:x.service' 'USER:gw.service' \
                "user:$(printf 'x%.0s' {1..300}).service" root:gw.service 'user:.service' 'user:gw.service/x'; do
                said=$(peer restart "$name")
                [[ $said == org.cgmove1.Error.InvalidArgument* || $said == closed ]] || fail "\"$name\": $said"
        done
        check_equal "$(list_of alice '[.jobs[] | select(.kind == "restart")] | length')" "$before"
        check_daemon_goes_on
        tried 31 'names that are no unit, as the restart of a Move'
}

test_what_goes_with_a_restart() {
        check_contains "$(peer restart user:gw.service --also 2)" InvalidArgument
        check_contains "$(peer restart user:gw.service --tree)" InvalidArgument
        check_contains "$(peer move --key restart)" InvalidArgument
        # the kind alone is none, and another kind does not hide one
        check_match "$(peer restart user:gw.service --kind move)" '^[0-9]+$'
        check_equal "$(list_of alice '[.jobs[] | select(.unit == "user:gw.service") | .kind] | last')" restart
        tried 3 'Moves with more than a restart, 1 with another kind'
}

test_only_what_is_listed() {
        local said
        said=$(peer restart user:other.service)
        check_contains "$said" Denied
        check_contains "$said" "restart = {'user:gw*.service', 'user:many*.service', 'user:other.service'}"
        check_contains "$(peer restart user:xgw.service)" Denied
        check_contains "$(peer restart user:gw@1.service)" Denied
        # the log says who and what; bob has not flooded it yet
        check_contains "$(in_session bob python3 $PEER restart user:other.service)" Denied
        wait_for journal_has '"CGMOVE_UID":"1001"' -o json CGMOVE_EVENT=restart-refused CGMOVE_UNIT=user:other.service
        tried 4 'restarts of units that are not listed, by 2 users'
}

# A unit of alice's own with the name of a system unit is hers, and gives her nothing on the other.
test_user_unit_with_the_name_of_a_system_unit() {
        local said
        said=$(as alice systemd-run --user --quiet --wait --pipe --collect --unit=dbus2 -- \
                sh -c "python3 $PEER restart system:dbus2.service; python3 $PEER restart system:systemd-journald.service
                        python3 $PEER restart user:dbus2.service; python3 $PEER inside user:dbus2.service GetUnit RestartUnit StartUnit")
        check_equal "$(grep -c Denied <<<"$said")" 2
        check_equal "$(grep -c '^[0-9]*$' <<<"$said")" 2 # from inside of the very unit, without being listed
        check_equal "$(grep -c 'InvalidArgument.*no restart of a unit of the system manager' <<<"$said")" 3
        tried 2 'restarts of system units from inside of a user unit of their name, 3 methods for system units'
}

test_inside_of_one_unit_is_not_inside_of_another() {
        local said
        said=$(as alice systemd-run --user --quiet --wait --pipe --collect --unit=mine -- \
                sh -c "python3 $PEER restart user:mine2.service; python3 $PEER restart user:min.service; python3 $PEER restart user:mine.service")
        check_equal "$(grep -c Denied <<<"$said")" 2
        check_equal "$(grep -c '^[0-9]*$' <<<"$said")" 1
        tried 2 'restarts from inside of a unit with a similar name'
}

# Nothing is moved, and no rate is taken: the caller is given the one that is under way.
test_joining() {
        local pid
        restart_policy 3/min
        restart_begin user:gw.service
        check_equal "$(peer restart user:gw.service --repeat 50 | sort -u)" "$JOB"
        in_session alice sh -c "python3 $PEER inside user:gw.service sleep=1 && cat /proc/self/cgroup" >/home/alice/joined
        check_equal "$(head -n 1 /home/alice/joined)" "$JOB"
        check_lacks "$(cat /home/alice/joined)" "job-$JOB"
        check_equal "$(list_of alice '[.jobs[] | select(.kind == "restart" and .state == "running")] | length')" 1
        # not another unit's, and not another user's
        check_match "$(peer restart user:gw2.service)" '^[0-9]+$'
        check_lacks "$(in_session bob python3 $PEER restart user:gw.service)" "$JOB"
        for pid in $(cat "$POOL/job-$JOB/cgroup.procs"); do
                check_equal "$(ps -o user= -p "$pid")" alice
        done
        restart_end
        tried 50 'restarts of a unit that is being restarted, 1 by another user, 1 from inside of the unit'
}

test_what_has_ended_is_not_joined() {
        restart_begin user:gw.service finish=0 # its command has, though a process is left
        wait_for grep -q ok /home/alice/inside
        check_match "$(peer restart user:gw.service)" '^[0-9]+$'
        [[ $(peer restart user:gw.service) != "$JOB" ]] || fail "the job that has ended was joined"
        restart_end
        tried 1 'join of a job that has ended, with a process left'
}

# Whoever was to tell its status has been killed, and a child of it stays in the job.
test_what_is_dead_is_not_joined() {
        local pid
        restart_begin user:gw.service spawn
        wait_for grep -q spawned /home/alice/inside
        check_equal "$(peer restart user:gw.service)" "$JOB"
        pid=$(grep -o 'leader [0-9]*' /home/alice/inside)
        kill -KILL "${pid#leader }"
        wait_for not test -d "/proc/${pid#leader }"
        check_status 0 test -d "$POOL/job-$JOB"
        [[ $(peer restart user:gw.service) != "$JOB" ]] || fail "the job that is dead was joined"
        as alice cgmove stop "$JOB"
        restart_end
        tried 1 'join of a job whose leader was killed, with a process left'
}

# Many at once: one job, whoever comes first.
test_concurrent_requests() {
        local i
        rm -f /home/alice/many-*
        for i in {1..24}; do
                in_session alice sh -c "python3 $PEER inside user:gw.service wait=/home/alice/go" >/home/alice/many-"$i" 2>&1 &
        done
        for i in {1..24}; do
                wait_for test -s /home/alice/many-"$i"
        done
        restart_end
        check_equal "$(head -qn 1 /home/alice/many-* | sort -u | wc -l)" 1 "number of jobs"
        rm -f /home/alice/many-*
        tried 24 'restarts of one unit at once'
}

test_storm_against_the_rate() {
        local said
        restart_policy 5/min
        # each ends at once, so that none is joined; all in one session, for every 12 s one more is allowed
        said=$(in_session alice sh -c "for i in 1 2 3 4 5 6 7 8 9; do python3 $PEER inside user:gw-storm.service finish=0; done")
        check_equal "$(grep -c '^[0-9]*$' <<<"$said")" 5 "restarts"
        check_equal "$(grep -c 'RateLimited.*5 restarts of user:gw-storm.service in 60 s' <<<"$said")" 4 "refusals"
        # another unit, and moves, have rates of their own
        check_match "$(peer inside user:gw-other.service finish=0)" '^[0-9]+'
        check_status 0 in_session alice cgmove run -- true
        tried 9 'restarts at a rate of 5 a minute'
}

# Names cost nothing: made-up ones do not get round the rate without end.
test_storm_of_names() {
        local said
        restart_policy 1/min
        said=$(peer restart 'user:many%d.service' --repeat 300)
        [[ $(grep -c '^[0-9]*$' <<<"$said") -le 64 ]] || fail "the names have no end"
        [[ $(grep -c RateLimited <<<"$said") -ge 236 ]] || fail "the rate does not count: $said"
        check_match "$(in_session bob python3 $PEER restart user:gw-bob.service)" '^[0-9]+$' "another user"
        restart_policy 1000/min
        check_daemon_goes_on
        tried 300 'names for the rate to remember'
}

test_report_from_outside() {
        restart_begin user:gw.service 'report={"state":"waiting"}'
        wait_for grep -q ok /home/alice/inside
        check_contains "$(peer job "$JOB" 'report={"state":"done"}')" NotYours
        check_contains "$(in_session bob python3 $PEER job "$JOB" 'report={"state":"done"}')" NoSuchJob
        check_contains "$(python3 $PEER job "$JOB" 'report={"state":"done"}')" NotYours # root is not inside either
        check_contains "$(peer job "$JOB" GetUnit RestartUnit StartUnit | sort -u)" NotYours
        # from inside of another job of the same user
        check_contains "$(peer inside user:gw2.service "$JOB" 'report={"state":"done"}' finish=0 | tail -n 2)" NotYours
        check_equal "$(outcome_of)" '{"state":"waiting"}'
        restart_end
        tried 6 'reports and calls from outside of the job: its owner, another user, root, another job'
}

test_outcomes() {
        local said
        restart_begin user:gw.service report-bytes=8192 report-bytes=8193 report-bytes=100000 report= 'report=[1]' 'report="x"' \
                'report={"a"' report-raw=7b0a7d report-raw=7b1b7d report-raw=7bff7d report-raw=7bc29b7d report-key=outcomes report-key= \
                Report Report:outcome:more 'report={"state":"done","text":"ä \"quoted\" \\ é"}' GetUnit
        wait_for grep -q 'no restart of a unit' /home/alice/inside
        said=$(sed -n '2,$p' /home/alice/inside)
        check_equal "$(grep -c '^ok$' <<<"$said")" 2
        check_equal "$(grep -c org.cgmove1.Error.InvalidArgument <<<"$said")" 14
        check_equal "$(grep -c InconsistentMessage <<<"$said")" 1 # what is not UTF-8 is no message of D-Bus
        check_equal "$(outcome_of)" '{"state":"done","text":"ä \"quoted\" \\ é"}'
        check_equal "$(list_of alice "[.jobs[] | select(.id == $JOB) | .unit] | first")" user:gw.service
        check_equal "$(list_of alice "[.jobs[] | select(.id == $JOB) | .outcome] | first")" null "outcome in a list"

        # the daemon, killed, still knows it, and so does whoever asks when the job has ended
        kill -KILL "$DAEMON"
        wait_for daemon_is_new "$DAEMON"
        wait_for daemon_is_up
        check_equal "$(outcome_of)" '{"state":"done","text":"ä \"quoted\" \\ é"}'
        restart_end
        wait_for sh -c "$here/as alice cgmove status --json $JOB | jq -e '.job.state == \"ended\"'"
        check_equal "$(outcome_of)" '{"state":"done","text":"ä \"quoted\" \\ é"}'
        tried 17 'hostile outcomes, 1 SIGKILL of the daemon'
}

# What is no JSON, for all that it has braces, is null for programs and harms nobody.
test_outcome_that_is_no_json() {
        restart_begin user:gw.service 'report={nonsense}'
        wait_for grep -q ok /home/alice/inside
        check_equal "$(outcome_of)" null
        check_status 0 as alice cgmove status "$JOB"
        restart_end
        tried 1 'outcome that is no JSON'
}

test_report_of_another_kind_of_job() {
        local id
        check_status 0 in_session alice cgmove run --name plain -- sh -c "python3 $PEER job \"\$(cat /home/alice/plain-id)\" wait=/home/alice/go 'report={}' >/home/alice/plain-said"
        id=$(job_id plain)
        echo "$id" >/home/alice/plain-id
        check_status 0 as alice cgmove stop "$id"
        check_status 0 in_session alice cgmove run --name plain2 -- sh -c "until test -s /home/alice/go; do sleep 0.1; done; python3 $PEER job \"\$(cat /home/alice/go)\" 'report={}' >/home/alice/plain-said"
        id=$(job_id plain2)
        echo "$id" >/home/alice/go
        as alice cgmove wait "$id" >/dev/null 2>&1 || true
        check_contains "$(cat /home/alice/plain-said)" "InvalidArgument Job $id is no restart"
        tried 1 'report for a job that restarts nothing'
}

test_report_after_the_end() {
        restart_begin user:gw.service
        restart_end
        wait_for sh -c "$here/as alice cgmove status --json $JOB | jq -e '.job.state == \"ended\"'"
        check_contains "$(peer job "$JOB" 'report={}')" NoSuchJob
        tried 1 'report for a job that has ended'
}

# What is written to the log of alice's restart is hers; what the bus shows to all has no outcome.
test_what_others_see() {
        restart_begin user:gw.service 'report={"hushed":1}'
        wait_for grep -q ok /home/alice/inside
        check_equal "$(busctl get-property org.cgmove1 "/org/cgmove1/job/$JOB" org.cgmove1.Job Unit)" 's "user:gw.service"'
        ! busctl get-property org.cgmove1 "/org/cgmove1/job/$JOB" org.cgmove1.Job Outcome 2>/dev/null || fail "the outcome is public"
        check_lacks "$(journalctl -q -u cgmoved --no-pager -o json)" hushed
        check_status 1 as bob cgmove status "$JOB"
        restart_end
        tried 3 'looks by others at an outcome: bus, journal, status'
}
