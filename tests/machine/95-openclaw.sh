# SPDX-License-Identifier: LGPL-2.1-or-later
# The real OpenClaw 2026.3.1, set up as doc/openclaw.md has it: its agent starts work that outlives the gateway, and restarts the
# gateway, again and again.
# machine: own
# needs: openclaw
# timeout: 2400

AGENT_WORK=/home/alice/agent-work

set_up() {
        page_begin
        openclaw_remove
        rm -rf "$AGENT_WORK"
}

tear_down() {
        as alice cgmove list --all
        tail -n 6 "$MODEL_LOG" 2>/dev/null | cut -c 1-300
        journalctl --quiet --no-pager --no-hostname _UID=1000 | tail -n 15
}

# --- the page -----------------------------------------------------------------------------------------------------------

# follow_page KILLMODE: the gateway, and all that the page says up to its checks.
follow_page() {
        openclaw_install "$1"
        page_run openclaw policy
        page_run openclaw reload
        # logind wants a caller who is somewhere
        page_run openclaw linger systemd-run --quiet --wait --pipe --collect
        page_run openclaw adopt as alice
        page_run openclaw path as alice
        page_block openclaw instructions | as alice tee -a "$OPENCLAW_WORKSPACE/AGENTS.md" >/dev/null
        page_run openclaw start as alice
        wait_for_within 150 openclaw_listens
        check_status 0 page_run openclaw check as alice
}

# --- work that outlives it ----------------------------------------------------------------------------------------------

# The agent's command returns at once; what it has started goes on until it is told to end.
agent_starts_work() {
        local said
        said=$(agent_say "Run \`cgmove run --name work -- sh -c 'until test -e $AGENT_WORK; do sleep 0.2; done; echo finished'\`")
        check_match "$said" '^the command said: job [0-9]+ \(work\) started' answer
        check_equal "$(job_field work source)" "user:$GATEWAY" "source of the work"
        wait_for job_pids work
}

check_work_has_survived() {
        check_equal "$(job_field work state)" running "state of the work"
        as alice touch "$AGENT_WORK"
        check_status 0 timeout 60 "$here/as" alice cgmove wait "$(job_id work)"
        check_contains "$(job_log work)" finished "log of the work"
}

# --- restarts -----------------------------------------------------------------------------------------------------------

# agent_restarts MESSAGE: one restart that the agent asks for. It is answered ($SAID), and the restart, $JOB, is complete; the instance
# that is up then is noted.
agent_restarts() {
        local old before
        old=$(gateway_pid)
        before=$(newest_restart)
        SAID=$(agent_say "$1")
        check_match "$SAID" '^the command said: ' answer
        wait_for_within 150 restart_is_newer_than "$before"
        JOB=$(newest_restart)
        check_outcome "done" restarted
        wait_for_within 150 openclaw_listens
        [[ $(gateway_pid) -ne $old ]] || fail "it is still the same process"
        note_instance
}

newest_restart() {
        list_of alice '[.jobs[] | select(.kind == "restart") | .id] | max // 0'
}

restart_is_newer_than() {
        [[ $(newest_restart) -gt $1 ]]
}

note_instance() {
        printf '%s %s\n' "$(gateway_pid)" "$(gateway_property InvocationID)" >>"$TEST_DIR/instances"
}

# From here on, starts of the unit and jobs are counted.
begin_counting() {
        openclaw_count_starts
        note_instance
        newest_restart >"$TEST_DIR/last-job"
}

# "N STATE RESULT" of the restarts since then, one kind a line.
restart_jobs() {
        list_of alice ".jobs[] | select(.kind == \"restart\" and .id > $(cat "$TEST_DIR/last-job")) | \"\(.state) \(.result)\"" |
                sort | uniq -c | sed 's/^ *//'
}

# As many instances as restarts, and one more: each restart has brought one new main process, and nothing else started the unit.
check_nothing_doubled() {
        local restarts=$1
        check_equal "$(sort -u "$TEST_DIR/instances" | wc -l)" $((restarts + 1)) "instances"
        check_equal "$(cut -d ' ' -f 1 "$TEST_DIR/instances" | sort -u | wc -l)" $((restarts + 1)) "main processes"
        check_equal "$(gateway_starts)" $((restarts + 1)) "starts of the unit"
        check_equal "$(gateway_property NRestarts)" 0 "automatic restarts"
        check_equal "$(restart_jobs)" "$restarts ended done" "jobs that restart"
}

# Each message had the model ask for one command, and its result was a whole one.
check_each_command_ran_once() {
        check_equal "$(jq -s '[.[] | select(.role == "user" and .command)] | length' "$MODEL_LOG")" "$1" "commands of the agent"
        check_equal "$(jq -s '[.[] | select(.role == "tool")] | length' "$MODEL_LOG")" "$1" "results of commands"
}

ten_in_a_row() {
        local i
        follow_page "$1"
        agent_starts_work
        begin_counting
        for i in {1..10}; do
                agent_restarts "Restart the gateway, as your instructions say."
                check_contains "$SAID" "job $JOB restarts $GATEWAY when this command has ended" answer
        done
        check_contains "$(agent_say "Run \`cgmove status $JOB\`")" "$GATEWAY was restarted and is up" "what the agent learns"
        check_each_command_ran_once 12
        check_nothing_doubled 10
        check_work_has_survived
}

test_ten_in_a_row_under_process() {
        ten_in_a_row process
}

test_ten_in_a_row_under_control_group() {
        ten_in_a_row control-group
}

test_ten_in_a_row_under_mixed() {
        ten_in_a_row mixed
}

# --- the rest of the page -----------------------------------------------------------------------------------------------

# What an agent types that knows nothing of cgmove.
test_commands_that_know_nothing_of_it() {
        follow_page control-group
        begin_counting
        agent_restarts "Run \`systemctl --user restart openclaw-gateway 2>&1\`"
        check_contains "$SAID" "cgmove status $JOB" answer
        # takes its time; the agent may have answered that it still runs
        agent_restarts "Run \`openclaw gateway restart 2>&1\`"
        check_each_command_ran_once 2
        check_nothing_doubled 2
}

test_page_is_checked_and_undone() {
        local old
        follow_page mixed
        old=$(gateway_pid)
        check_status 0 page_run openclaw restart as alice
        check_match "$OUTPUT" 'job [0-9]+ restarts' answer
        wait_for_within 150 gateway_is_another "$old"
        wait_for_within 150 no_restart_runs
        check_status 0 page_run openclaw outcome as alice
        check_match "$OUTPUT" 'restart.*done' "list of jobs"
        page_run openclaw release as alice
        page_run openclaw forget
        wait_for_within 150 openclaw_listens
        check_no_file "$DROP_IN"
        check_lacks "$(gateway_property Environment)" cgmove "environment of the service"
        check_equal "$(ls -A "$POLICY_DIR")" "" "policies"
        check_agent_is_refused
}

check_agent_is_refused() {
        local said
        said=$(agent_say "Run \`command -v systemctl; cgmove restart openclaw-gateway 2>&1; echo status \$?\`")
        check_contains "$said" "/usr/bin/systemctl" "the agent's systemctl"
        check_contains "$said" "status 77" "a restart without a policy"
}

gateway_is_another() {
        local pid
        pid=$(gateway_pid) && [[ $pid -gt 0 && $pid -ne $1 ]]
}
