# SPDX-License-Identifier: LGPL-2.1-or-later
# run: all
# machine: vm
# Who escapes in order to grow. (Threat 11; the limits of the daemon itself are in tests/machine/50-limits.sh.) Whatever is moved, and
# however often, the jobs of a user have no more than his pool, and one job no more than its section. Containers have no
# controllers to show it with.

GROW=/opt/cgmove-tests/grow
POOL_TASKS=64
POOL_MEMORY=$((96 * 1024 * 1024))
UNIT=grower.service
UNIT_CGROUP=/sys/fs/cgroup/system.slice/$UNIT

set_up() {
        DAEMON=$(daemon_pid)
        [[ -e /run/cgmove.conf.shipped ]] || cp /etc/cgmove/cgmove.conf /run/cgmove.conf.shipped
        cat >>/etc/cgmove/cgmove.conf <<-'SETTINGS'
	pool {
	        tasks-max  = 64
	        memory-max = "96M"
	}
	SETTINGS
        # every reload takes seconds here
        [[ $TEST_NAME =~ limits_are_where|fork_bomb_in_a_job|memory_of_a_job ]] || limited_policy
}

# limited_policy [LINE]: for each job of alice and bob.
limited_policy() {
        policy_only <<-POLICY
	policy "$TEST_NAME" {
	        users    = {"alice", "bob"}
	        from     = {"system:*", "user:*", "session", "job"}
	        max-jobs = 100
	        rate     = "10000/min"
	        ${1:-}
	}
	POLICY
}

tear_down() {
        touch /run/sample-end
        systemctl kill --signal=KILL "$UNIT" 2>/dev/null
        systemctl stop "$UNIT" 'cgmove@*.service' 2>/dev/null
        systemctl set-property --runtime user-cgmove-1000.slice TasksMax=infinity
        rm -f /home/alice/grow.log
}

# sample_begin ATTRIBUTE MAX: looks at the pool until sample_check. What is above MAX for an instant may be newcomers in ice, who are sent
# back; what runs is not for longer than a second.
sample_begin() {
        local value over=0
        rm -f /run/sample-end "$TEST_DIR/above"
        while [[ ! -e /run/sample-end ]]; do
                value=$(cat "$POOL/$1" 2>/dev/null || echo 0)
                over=$((value > $2 ? over + 1 : 0))
                [[ $over -lt 20 ]] || echo "$1 of the pool was $value, and may be $2" >>"$TEST_DIR/above"
                sleep 0.05
        done &
        SAMPLER=$!
}

sample_check() {
        touch /run/sample-end
        wait "$SAMPLER"
        check_no_file "$TEST_DIR/above"
}

pool_value() {
        cat "$POOL/$1"
}

# unit_start PROPERTY COMMAND...: of alice, as a service of the system.
unit_start() {
        local property=$1
        shift
        systemd-run --quiet --collect --unit="$UNIT" --uid=alice -p "$property" -- "$@"
}

unit_tasks_are() {
        [[ $(cat "$UNIT_CGROUP/pids.current") -eq $1 ]]
}

# All but the main process, which nobody may move.
unit_members() {
        grep -v -x "$(systemctl show --value -p MainPID "$UNIT")" "$UNIT_CGROUP/cgroup.procs"
}

# The daemon is the same process, and serves those who have no part in it.
check_daemon_goes_on() {
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        check_status 0 in_unit bob cgmove run --wait -- true
}

check_result() {
        as alice cgmove wait "$(job_id "$1")" >/dev/null || true
        check_equal "$(job_field "$1" result)" "$2" "result of $1"
}

test_limits_are_where_they_belong() {
        local job
        limited_policy 'tasks-max = 20
	        memory-max = "32M"
	        cpu-weight = 50'
        in_unit alice cgmove run --name limited -- sleep 1000
        job=$(job_cgroup limited)
        check_equal "$(job_field limited 'limits_missing | length')" 0 "limits that are missing"
        check_equal "$(cat "$job/pids.max") $(cat "$job/memory.max") $(cat "$job/cpu.weight")" "20 $((32 * 1024 * 1024)) 50" "the job"
        check_equal "$(pool_value pids.max) $(pool_value memory.max)" "$POOL_TASKS $POOL_MEMORY" "the pool"
        check_equal "$(systemctl show -p TasksMax -p MemoryMax cgmove@1000.service | sort | paste -s -d ' ')" \
                "MemoryMax=$POOL_MEMORY TasksMax=$POOL_TASKS" "the pool, as systemd shows it"
        check_equal "$(job_field limited tasks_max) $(job_field limited memory_max_bytes)" "20 $((32 * 1024 * 1024))" status
        wait_for limited_has_tasks 2 # the supervisor and the command
        [[ $(job_field limited memory_bytes) -gt 0 ]] || fail "it uses no memory"
        check_match "$(as alice cgmove status "$(job_id limited)")" 'Memory:.*32'
        # after a restart of the daemon and of PID 1, too
        systemctl restart cgmoved.service
        systemctl daemon-reexec
        check_equal "$(cat "$job/pids.max") $(pool_value pids.max) $(pool_value memory.max)" "20 $POOL_TASKS $POOL_MEMORY" later
        tried 4 "limits, in the kernel, in systemd, in the record"
}

limited_has_tasks() {
        [[ $(job_field limited tasks) -eq $1 ]]
}

# Without a setting: a quarter of the machine, or the limit of the user's own slice if that is less.
test_default_of_the_pool() {
        local total
        total=$(awk '/^MemTotal:/ { print $2 * 1024 }' /proc/meminfo)
        cp /run/cgmove.conf.shipped /etc/cgmove/cgmove.conf
        policy_reload
        systemctl set-property --runtime user-1000.slice TasksMax=333
        in_unit alice cgmove run --name usual -- sleep 1000
        check_equal "$(pool_value pids.max)" 333 "tasks as in the user's slice"
        [[ $(pool_value memory.max) -le $((total / 4)) && $(pool_value memory.max) -gt $((total / 5)) ]] ||
                fail "the pool has $(pool_value memory.max) of $total bytes"
        systemctl set-property --runtime user-1000.slice TasksMax=infinity
        tried 2 "budgets of a pool that nobody has set"
}

# What the administrator has given a user's slice holds too, however much the pool may have.
test_limit_of_the_slice() {
        local pids slice=${POOL%/*}
        systemctl set-property --runtime user-cgmove-1000.slice TasksMax=20
        unit_start TasksMax=infinity sh -c 'for i in $(seq 40); do sleep 1000 & done; wait'
        wait_for unit_tasks_are 41
        mapfile -t pids < <(unit_members | head -n 16)
        check_status 0 as alice cgmove move "${pids[@]}"
        check_equal "$(cat "$slice/pids.max")" 20 "limit of the slice"
        mapfile -t pids < <(unit_members | head -n 8)
        check_status 75 as alice cgmove move "${pids[@]}"
        check_contains "$OUTPUT" "user-cgmove-1000.slice"
        check_status 75 as alice cgmove move --tree "${pids[@]}"
        check_equal "$(cat "$slice/pids.current")" 17 "tasks in the slice"
        check_status 0 as alice cgmove move "${pids[@]:0:3}"
        systemctl set-property --runtime user-cgmove-1000.slice TasksMax=infinity
        check_status 0 as alice cgmove move "${pids[@]:3}"
        check_daemon_goes_on
        tried 4 "moves into a slice that has no room"
}

# What goes from job to job is in the pool already.
test_moves_inside_a_pool() {
        local pids i
        sample_begin pids.current "$POOL_TASKS"
        unit_start TasksMax=infinity sh -c 'for i in $(seq 40); do sleep 1000 & done; wait'
        wait_for unit_tasks_are 41
        mapfile -t pids < <(unit_members)
        for i in 1 2 3; do
                check_status 0 as alice cgmove move "${pids[@]}"
                check_equal "$(pool_value pids.current)" 41 "tasks of the keeper and the pool's jobs"
        done
        sample_check
        check_daemon_goes_on
        tried 2 "moves of 40 tasks from job to job of a pool for $POOL_TASKS"
}

# Each part that escapes makes room for more in the unit that it leaves.
test_fork_bomb_that_escapes() {
        local i n_moved=0 n_refused=0 pids
        sample_begin pids.current "$POOL_TASKS"
        unit_start TasksMax=60 "$GROW" tasks
        wait_for unit_tasks_are 60
        for i in {1..12}; do
                mapfile -t pids < <(unit_members | head -n 10)
                if as alice cgmove move "${pids[@]}" >/dev/null 2>&1; then
                        n_moved=$((n_moved + 1))
                else
                        n_refused=$((n_refused + 1))
                fi
        done
        check_status 75 as alice cgmove move "${pids[@]}"
        check_contains "$OUTPUT" tasks-max
        wait_for sh -c "[ \$(cat $POOL/pids.current) -eq $POOL_TASKS ]"
        check_status 75 in_unit alice cgmove run -- true
        sample_check
        [[ $n_moved -gt 0 ]] || fail "no part of it has escaped"
        check_daemon_goes_on
        # what is full can be ended by its owner
        as alice cgmove list --json | jq -r '.jobs[].id' | xargs -n 1 "$here/as" alice cgmove kill -s KILL
        wait_for sh -c "[ \$(cat $POOL/pids.current) -le 1 ]"
        tried $((n_moved + n_refused)) "moves of a part of a fork bomb ($n_moved moved, $n_refused refused)"
}

test_tree_of_a_fork_bomb() {
        local i n_refused=0 child
        sample_begin pids.current "$POOL_TASKS"
        unit_start TasksMax=200 "$GROW" tasks
        wait_for unit_tasks_are 200
        for i in {1..6}; do
                for child in $(unit_members | head -n 2); do
                        as alice cgmove move --tree "$child" >/dev/null 2>&1 || n_refused=$((n_refused + 1))
                done
        done
        sample_check
        [[ $n_refused -gt 0 ]] || fail "no tree was refused"
        [[ $(pool_value pids.current) -le $POOL_TASKS ]] || fail "the pool has $(pool_value pids.current) tasks"
        check_daemon_goes_on
        tried 12 "moves of trees of a fork bomb ($n_refused refused)"
}

# A bomb in the pool fills it at the very moment in which others are moved in.
test_fork_bomb_inside_and_moves() {
        local i n_refused=0
        sample_begin pids.current "$POOL_TASKS"
        unit_start TasksMax=100 sh -c 'for i in $(seq 40); do sleep 1000 & done; wait'
        wait_for unit_tasks_are 41
        in_unit alice cgmove run --name bomb -- "$GROW" tasks
        for i in {1..10}; do
                # shellcheck disable=SC2046
                as alice cgmove move $(unit_members | head -n 8) >/dev/null 2>&1 || n_refused=$((n_refused + 1))
        done
        wait_for sh -c "[ \$(cat $POOL/pids.current) -eq $POOL_TASKS ]"
        sample_check
        [[ $n_refused -gt 0 ]] || fail "no move was refused"
        check_status 0 as alice cgmove stop "$(job_id bomb)"
        check_daemon_goes_on
        tried 10 "moves into a pool that a fork bomb fills ($n_refused refused)"
}

test_fork_bomb_in_a_job() {
        limited_policy 'tasks-max = 20'
        in_unit alice cgmove run --name bomb -- "$GROW" tasks
        wait_for sh -c "[ \$(cat $(job_cgroup bomb)/pids.current) -eq 20 ]"
        sleep 1
        check_equal "$(cat "$(job_cgroup bomb)/pids.current")" 20
        check_equal "$(job_field bomb tasks)" 20
        # there is room for another job
        check_status 0 in_unit alice cgmove run --wait -- true
        check_status 0 as alice cgmove stop "$(job_id bomb)"
        check_daemon_goes_on
        tried 1 "fork bomb in a job"
}

test_many_jobs() {
        local n=0
        sample_begin pids.current "$POOL_TASKS"
        unit_start TasksMax=infinity sh -c 'for i in $(seq 80); do sleep 1000 & done; wait'
        wait_for unit_tasks_are 81
        for pid in $(unit_members); do
                as alice cgmove move "$pid" >/dev/null 2>&1 || break
                n=$((n + 1))
        done
        check_status 75 as alice cgmove move "$(unit_members | head -n 1)"
        sample_check
        [[ $n -ge $((POOL_TASKS - 2)) && $n -le $POOL_TASKS ]] || fail "$n jobs of one task each got into a pool for $POOL_TASKS"
        check_daemon_goes_on
        tried "$n" "jobs in one pool, and one too many"
}

test_memory_of_a_job() {
        limited_policy 'memory-max = "32M"'
        in_unit alice cgmove run --name neighbour -- sleep 1000
        in_unit alice cgmove run --name hog -- "$GROW" memory
        check_result hog oom
        check_equal "$(job_field neighbour state)" running "the neighbour"
        [[ $(pool_value memory.peak) -lt $((48 * 1024 * 1024)) ]] || fail "the pool had $(pool_value memory.peak) bytes"
        check_daemon_goes_on
        tried 1 "memory hog in a job"
}

# None of them passes a limit of its own.
test_memory_hogs_together() {
        local i n_oom
        sample_begin memory.current "$POOL_MEMORY"
        in_unit bob cgmove run --name neighbour -- sleep 1000
        for i in 1 2 3; do
                in_unit alice cgmove run --name "hog$i" -- "$GROW" memory
        done
        wait_for_within 200 sh -c "grep -q '^oom_kill [3-9]' $POOL/memory.events"
        for i in 1 2 3; do
                check_result "hog$i" oom
        done
        sample_check
        [[ $(pool_value memory.peak) -le $POOL_MEMORY ]] || fail "the pool had $(pool_value memory.peak) bytes"
        check_equal "$(list_of bob '.jobs[] | select(.name == "neighbour") | .state')" running "another user's job"
        check_equal "$(systemctl is-active cgmove@1000.service)" active "the pool"
        check_daemon_goes_on
        tried 3 "memory hogs in jobs of one pool"
}

step_is_done() {
        [[ $(grep -c . /home/alice/grow.log) -gt $1 ]]
}

# What it leaves behind in a job that ends with its move stays charged to the pool.
test_memory_left_behind() {
        local pid i n=0
        sample_begin memory.current "$POOL_MEMORY"
        unit_start MemoryMax=infinity sh -c "$GROW steps >/home/alice/grow.log & wait"
        wait_for step_is_done 0
        pid=$(unit_members)
        for i in {1..12}; do
                as alice cgmove move "$pid" >/dev/null 2>&1 || break
                n=$((n + 1))
                kill -USR1 "$pid"
                wait_for sh -c "! kill -0 $pid 2>/dev/null || [ \$(grep -c . /home/alice/grow.log) -gt $n ]"
        done
        not kill -0 "$pid" 2>/dev/null || fail "it has $((16 * n)) MiB out of $n jobs"
        sample_check
        [[ $(pool_value memory.peak) -le $POOL_MEMORY ]] || fail "the pool had $(pool_value memory.peak) bytes"
        check_equal "$(list_of alice '.jobs | max_by(.id).result')" oom "result of the last job"
        check_daemon_goes_on
        tried "$n" "moves from job to job, 16 MiB in each"
}

# What is known and said: the unit's own limits stay behind, and so does what was charged there.
test_limits_of_the_source() {
        local pid
        unit_start MemoryMax=24M sh -c "$GROW steps >/home/alice/grow.log & wait"
        wait_for step_is_done 0
        pid=$(unit_members)
        kill -USR1 "$pid"
        wait_for step_is_done 1
        check_status 0 as alice cgmove move "$pid"
        [[ $(cat "$UNIT_CGROUP/memory.current") -ge $((16 * 1024 * 1024)) ]] || fail "nothing is charged to the unit any more"
        [[ $(pool_value memory.current) -lt $((16 * 1024 * 1024)) ]] || fail "it is charged to the pool"
        kill -USR1 "$pid"
        wait_for step_is_done 2
        kill -0 "$pid" || fail "the unit's limit has reached it"
        tried 1 "move away from MemoryMax="
}

test_pools_are_independent() {
        in_unit alice cgmove run --name bomb -- "$GROW" tasks
        wait_for sh -c "[ \$(cat $POOL/pids.current) -eq $POOL_TASKS ]"
        in_unit bob cgmove run --name bomb -- "$GROW" tasks
        wait_for sh -c "[ \$(cat ${POOL//1000/1001}/pids.current) -eq $POOL_TASKS ]"
        check_equal "$(pool_value pids.current)" "$POOL_TASKS" "alice's tasks"
        check_status 0 as alice cgmove stop "$(job_id bomb)"
        check_status 0 in_unit alice cgmove run --wait -- true
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        tried 2 "fork bombs of two users"
}
