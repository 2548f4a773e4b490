# SPDX-License-Identifier: LGPL-2.1-or-later
# Ways into a job other than the user unit: a system unit without user bus, sessions, processes that already run.

AGENT=/run/systemd/system/agent.service

# A system unit that works for alice, with no runtime directory and no bus of hers.
agent_start() {
        cat >"$AGENT" <<-UNIT
	[Service]
	Type=notify
	User=alice
	ExecStart=/usr/bin/python3 $GATEWAY_PY serve --port 18800
	KillMode=control-group
	Restart=always
	RestartSec=1
	UNIT
        systemctl daemon-reload
        systemctl start agent.service
}

agent_call() {
        as alice "$GATEWAY_CALL" --port 18800 descriptors "$1"
}

agent_remove() {
        systemctl stop agent.service
        rm -f "$AGENT"
        systemctl daemon-reload
}

agent_answers() {
        agent_call true
}

test_system_unit_without_user_bus() {
        user_manager_stop alice
        agent_start
        agent_call "cgmove run --name from-agent -- sh -c '$(waiting_command from-agent)'"
        job_watch from-agent
        check_equal "$(job_field from-agent source)" system:agent.service
        systemctl restart agent.service
        job_check_alive from-agent
        wait_for agent_answers
        job_check_end from-agent
        agent_remove
}

test_session() {
        in_session alice cgmove run --name from-session -- sh -c "$(waiting_command from-session)"
        job_watch from-session
        check_equal "$(job_field from-session source)" session
        loginctl terminate-user alice
        sleep 1
        job_check_alive from-session
        user_manager_start alice
        job_check_end from-session
}

test_ssh_session() {
        sshd_start
        over_ssh "cgmove run --name from-ssh -- sh -c '$(waiting_command from-ssh)'"
        job_watch from-ssh
        check_equal "$(job_field from-ssh source)" session
        loginctl terminate-user alice
        sleep 1
        job_check_alive from-ssh
        user_manager_start alice
        job_check_end from-ssh
        systemctl stop ssh.service
}

# --- processes that already run ------------------------------------------------------------------------------------------

# Starts COMMAND below the gateway and leaves it running.
start_below_gateway() {
        gateway_call "$1 >/dev/null 2>&1 </dev/null &"
}

test_move_a_running_process() {
        local pid
        gateway_start control-group
        start_below_gateway "sleep 4242"
        wait_for pgrep -u alice -f -x 'sleep 4242'
        pid=$(pgrep -u alice -f -x 'sleep 4242')
        check_status 0 gateway_call "cgmove move $pid"
        in_job "$pid" || fail "not moved: $(cat "/proc/$pid/cgroup")"
        user_systemctl alice restart "$GATEWAY"
        kill -0 "$pid" || fail "it has not survived"
}

test_move_dry_run_moves_nothing() {
        local pid
        gateway_start control-group
        start_below_gateway "sleep 4243"
        wait_for pgrep -u alice -f -x 'sleep 4243'
        pid=$(pgrep -u alice -f -x 'sleep 4243')
        check_status 0 as alice cgmove move --dry-run "$pid"
        check_contains "$(cat "/proc/$pid/cgroup")" "$GATEWAY"
}

# One that is refused keeps the others where they are.
test_move_is_all_or_nothing() {
        local pid
        gateway_start control-group
        start_below_gateway "sleep 4244"
        wait_for pgrep -u alice -f -x 'sleep 4244'
        pid=$(pgrep -u alice -f -x 'sleep 4244')
        check_status 77 as alice cgmove move "$pid" 1
        check_contains "$(cat "/proc/$pid/cgroup")" "$GATEWAY"
}

# check_tree SCRIPT: a forking tree, begun below the gateway, is moved by its root; nobody of it may be left behind.
check_tree() {
        local root
        cat >"$TEST_DIR/tree.sh"
        gateway_start process
        start_below_gateway "exec sh $TEST_DIR/tree.sh"
        wait_for pgrep -u alice -f "sh $TEST_DIR/tree.sh"
        sleep 0.5
        root=$(pgrep -o -u alice -f "sh $TEST_DIR/tree.sh")
        check_status 0 as alice cgmove move --tree "$root"
        wait_for tree_has_moved
        sleep 0.5
        tree_has_moved || fail "left behind: $(tree_left)"
}

# What is still in the gateway's unit, but its main process.
tree_left() {
        local unit
        unit=$(user_systemctl alice show --value -p ControlGroup "$GATEWAY")
        grep -v -x "$(gateway_pid)" "/sys/fs/cgroup$unit/cgroup.procs" || true
}

tree_has_moved() {
        [[ -z $(tree_left) ]]
}

test_tree_of_sleepers() {
        check_tree <<-'SH'
	for i in 1 2 3 4 5; do (sleep 500 & sleep 500 & wait) & done
	wait
	SH
}

test_tree_that_forks_all_the_time() {
        check_tree <<-'SH'
	while :; do (sleep 0.01; (sleep 0.01)) & wait; done
	SH
}

test_tree_with_several_loops() {
        check_tree <<-'SH'
	for i in 1 2 3 4; do (while :; do sleep 0.01; (:); done) & done
	wait
	SH
}

# Each generation ends after it has begun the next: the root's children change their parents all the time.
test_tree_of_double_forks() {
        check_tree <<-'SH'
	n=0
	while :; do n=$((n + 1)); (sleep 0.02 &) ; sleep 0.01; done
	SH
}

test_exec_keeps_parent_and_terminal() {
        local out
        out=$(in_session alice sh -c 'echo "parent $$"; cgmove exec -- sh -c "echo \"child of \$PPID\"; cat; exit 5" <<X
typed
X
echo "status $?"')
        check_match "$out" 'parent ([0-9]+)'
        check_contains "$out" "child of ${BASH_REMATCH[1]}"
        check_contains "$out" typed
        check_contains "$out" "status 5"
}
