# SPDX-License-Identifier: LGPL-2.1-or-later
# `cgmove restart` of the gateway, and the outcome that it leaves.

# What the last one has said apart from its JSON.
RESTART_ERRORS=/home/alice/restart-errors

# policy_restart [LINE...]: alice may leave from everywhere, and restart her gateway from everywhere.
policy_restart() {
        policy_only <<-POLICY
	policy "$TEST_NAME" {
	        users    = {"alice"}
	        from     = {"user:*", "system:*", "session", "job"}
	        restart  = {"user:$GATEWAY"}
	        max-jobs = 500
	        rate     = "100000/min"
	        $(printf '%s\n' "$@")
	}
	POLICY
}

# restart_inside [OPTION...]: by a command of the gateway, which gets its answer from the instance that it was given to.
restart_inside() {
        restart_inside_then : "$@"
}

# restart_inside_then COMMAND [OPTION...]: the command of the gateway goes on with COMMAND, and ends with it.
restart_inside_then() {
        local after=$1 old answer
        shift
        old=$(gateway_who)
        answer=$(gateway_call_strict "cgmove restart --json $(quoted "$@") $GATEWAY 2>$RESTART_ERRORS; $after") ||
                fail "no answer: $answer; errors: $(cat $RESTART_ERRORS)"
        check_equal "$(gateway_answered_by)" "$old" "process that has answered"
        restart_take "$answer"
}

# restart_outside [OPTION...]: by alice in a session, who waits for the end if she asks for it.
restart_outside() {
        restart_take "$(in_session alice cgmove restart --json "$@" "$GATEWAY" 2>$RESTART_ERRORS)"
}

quoted() {
        [[ $# -eq 0 ]] || printf '%q ' "$@"
}

# The number of the job, from what the command has said, in $JOB.
restart_take() {
        JOB=$(jq -r .job.id <<<"$1") || fail "no JSON: $1; errors: $(cat $RESTART_ERRORS)"
        [[ $JOB =~ ^[0-9]+$ ]] || fail "no job in: $1"
}

# restart_end: the end of $JOB, its outcome in $OUTCOME.
restart_end() {
        timeout 170 "$here/as" alice cgmove wait "$JOB" >/dev/null || [[ $? -ne 124 ]] || fail "the restart does not end"
        OUTCOME=$(as alice cgmove status --json "$JOB" | jq -c .job.outcome)
}

# restart_field FIELD: of the outcome so far.
restart_field() {
        as alice cgmove status --json "$JOB" | jq -r ".job.outcome.$1"
}

# outcome FILTER: of $OUTCOME, through jq.
outcome() {
        jq -r "$1" <<<"$OUTCOME"
}

# check_outcome STATE REASON: waits for the end of $JOB.
check_outcome() {
        restart_end
        check_equal "$(outcome '.state + " " + .reason')" "$1 $2" "outcome ($OUTCOME)"
        check_equal "$(outcome .unit)" "$GATEWAY" "unit of the outcome"
        check_match "$(outcome .text)" '[a-z].*\.$' "sentence of the outcome"
        check_match "$(outcome '.phases | length')" '^[1-9]' "number of phases ($OUTCOME)"
}

# check_restarted OLD: it went well, and OLD is not the main process any more.
check_restarted() {
        check_outcome "done" restarted
        [[ $(gateway_pid) -ne $1 ]] || fail "it is still the same process"
        gateway_answers || fail "it does not answer; state $(gateway_property ActiveState)"
        check_match "$(outcome .downtime_usec)" '^[1-9][0-9]*$' downtime
}

# In this phase, of those that it tells.
restart_is_at() {
        [[ $(restart_field 'phases[-1].name') == "$1" ]]
}

# Nothing has been stopped or started.
check_untouched() {
        check_equal "$(gateway_pid)" "$1" "main process"
        gateway_answers || fail "it does not answer"
}

# Each start of the gateway leaves a line, if the unit has this one.
COUNT_STARTS="ExecStartPre=/bin/sh -c \"echo start >>/home/alice/starts\""

gateway_starts() {
        wc -l </home/alice/starts
}

# The processes of cgmove that still care for a restart, in the job or in alice's manager; or the units of those that the manager
# is about to execute.
restart_helpers() {
        pgrep -u alice -f 'restart-(job|guard)' ||
                user_systemctl alice list-units --plain --no-legend --state=active,activating,deactivating 'cgmove-restart-*' | grep .
}

# Whatever was done to a restart: nobody is at it any more, and the gateway is up.
restart_has_settled() {
        not restart_helpers && [[ $(gateway_property Job) =~ ^0?$ ]] && gateway_answers
}
