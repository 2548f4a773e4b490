# SPDX-License-Identifier: LGPL-2.1-or-later
# systemd's own ways into, out of and onto a pool: by its user, from the system bus, his own manager and the cgroup tree, and by
# others. (Threat 23.)
#
# What a user may do by systemd's rules, and what this does not forbid: take a process of his own back into a unit of his own manager
# (systemd-run --user --scope pulls itself there; so does "su -"). That ends his job and frees no other; it is the last test here.

BUS=(org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager)

set_up() {
        attack_begin
        user_manager_start bob
        in_session alice cgmove run --name target -- sh -c "$(waiting_command target)"
        job_watch target
        JOB=$(job_id target)
        PID=$(cat "$TEST_DIR/shell-target")
        pool_facts >"$TEST_DIR/pool"
}

tear_down() {
        local user
        for user in alice bob; do
                user_systemctl $user stop 'grab*' || true
                user_systemctl $user stop user-cgmove-1000.slice cgmove@1000.service || true
        done 2>/dev/null
        systemctl stop 'grab*' 2>/dev/null || true
}

# All that must remain as it is: the tree, whose it is, who is where, and what systemd says.
pool_facts() {
        find "$POOLS" -type d -printf '%p %u %g %m\n' | sort
        find "$POOLS" -name cgroup.procs -printf '%p %u %m\n' | sort
        # the shell of the job has children that come and go, and are shells themselves at first
        find "$POOLS" -name cgroup.procs -exec sh -c 'echo "$1: $(sort "$1" | while read -r p; do
                grep -q "^PPid:.$2\$" /proc/$p/status || readlink /proc/$p/exe; done 2>/dev/null | tr "\n" " ")"' - {} "$PID" \; | sort
        cat "$POOL/job-$JOB/cgroup.freeze"
        systemctl show -p ActiveState,SubState,MainPID,Slice,FreezerState,MemoryMax,TasksMax,CPUWeight,Description,InvocationID,DropInPaths \
                cgmove@1000.service user-cgmove-1000.slice user-cgmove.slice
}

check_pool() {
        pool_facts | diff "$TEST_DIR/pool" - || fail "the pool is not what it was"
        job_check_alive target
}

check_end() {
        check_pool
        job_check_end target
        attack_end
}

# refused USER COMMAND...: it does not succeed, and nobody is asked for a password.
refused() {
        local user=$1
        shift
        N=$((N + 1))
        ! as "$user" timeout 20 "$@" >"$TEST_DIR/said" 2>&1 || fail "$user: $* has been done: $(cat "$TEST_DIR/said")"
        check_lacks "$(cat "$TEST_DIR/said")" "Unknown method" "$*"
        check_lacks "$(cat "$TEST_DIR/said")" "Invalid arguments" "$*"
        check_lacks "$(cat "$TEST_DIR/said")" "Too few" "$*"
        check_lacks "$(cat "$TEST_DIR/said")" "Too many" "$*"
}

system_call() {
        local user=$1
        shift
        refused "$user" busctl --system call "${BUS[@]}" "$@"
}

# --- over the system bus -----------------------------------------------------------------------------------------------------

test_attach_to_the_pool() {
        local user unit sub victim sleeper
        N=0
        as alice sleep 4791 &
        wait_for pgrep -u alice -x -f 'sleep 4791'
        sleeper=$(pgrep -u alice -x -f 'sleep 4791')
        for user in alice bob; do
                for victim in "$sleeper" "$PID" "$(systemctl show --value -p MainPID user@1001.service)" 1 0; do
                        for unit in cgmove@1000.service user-cgmove-1000.slice user-cgmove.slice cgmoved.service init.scope; do
                                for sub in / "/job-$JOB" /keeper ../../..; do
                                        system_call $user AttachProcessesToUnit ssau $unit "$sub" 1 "$victim"
                                done
                        done
                done
        done
        kill "$sleeper"
        tried $N AttachProcessesToUnit on the pool, its slices and the daemon
        check_end
}

test_units_made_of_the_pool() {
        local user name
        N=0
        for user in alice bob; do
                for name in grab.scope cgmove@1000.scope session-99.scope; do
                        # the processes of the pool, or one's own into the pool's slice
                        system_call $user StartTransientUnit 'ssa(sv)a(sa(sv))' $name fail 1 PIDs au 1 "$PID" 0
                        system_call $user StartTransientUnit 'ssa(sv)a(sa(sv))' $name fail 2 PIDs au 1 0 Slice s user-cgmove-1000.slice 0
                        system_call $user StartTransientUnit 'ssa(sv)a(sa(sv))' $name replace 3 PIDs au 2 "$PID" 0 Slice s user-cgmove-1000.slice \
                                Delegate b true 0
                done
                for name in cgmove@1000.service grab.service user-cgmove-1000.slice user-cgmove-1000-grab.slice user-cgmove.slice; do
                        system_call $user StartTransientUnit 'ssa(sv)a(sa(sv))' $name replace 1 Slice s user-cgmove.slice 0
                done
                refused $user systemd-run --no-ask-password --scope --slice=user-cgmove-1000.slice true
                refused $user systemd-run --no-ask-password --slice=user-cgmove-1000.slice --uid=$user true
                refused $user systemd-run --no-ask-password --unit=cgmove@1000 true
        done
        tried $N transient units with the processes, the slice or the name of the pool
        check_end
}

test_what_can_be_done_to_a_unit() {
        local user unit call
        N=0
        for user in alice bob; do
                for unit in cgmove@1000.service user-cgmove-1000.slice user-cgmove.slice; do
                        system_call $user KillUnit ssi $unit all 9
                        system_call $user KillUnit ssi $unit main 9
                        for call in StopUnit RestartUnit TryRestartUnit ReloadUnit; do
                                system_call $user $call ss $unit replace
                        done
                        system_call $user FreezeUnit s $unit
                        system_call $user ThawUnit s $unit
                        system_call $user RefUnit s $unit
                        system_call $user ResetFailedUnit s $unit
                        system_call $user CleanUnit sas $unit 1 all
                        system_call $user SetUnitProperties 'sba(sv)' $unit true 1 TasksMax t 18446744073709551615
                        system_call $user SetUnitProperties 'sba(sv)' $unit true 1 MemoryMax t 18446744073709551615
                        system_call $user SetUnitProperties 'sba(sv)' $unit true 1 Delegate b true
                        system_call $user SetUnitProperties 'sba(sv)' $unit true 1 Description s hers
                        system_call $user BindMountUnit sssbb $unit /home/alice /root true true
                        system_call $user DisableUnitFiles asb 1 $unit true
                        system_call $user MaskUnitFiles asbb 1 $unit true true
                done
                system_call $user StartUnit ss cgmove@0.service replace
                system_call $user StartUnit ss cgmove@1002.service replace
                system_call $user StopUnit ss cgmoved.service replace
                system_call $user StopUnit ss cgmoved.socket replace
                system_call $user KillUnit ssi cgmoved.service all 9
                # by the object of the unit as well
                for call in "Kill si all 9" "Freeze" "Stop s replace" "Restart s replace"; do
                        # shellcheck disable=SC2086
                        refused $user busctl --system call org.freedesktop.systemd1 /org/freedesktop/systemd1/unit/cgmove_401000_2eservice \
                                org.freedesktop.systemd1.Unit $call
                done
        done
        tried $N stops, kills, freezes, properties and the like, on the pool, its slices and the daemon
        check_end
}

# --- from a user's own manager -----------------------------------------------------------------------------------------------

user_call() {
        local user=$1
        shift
        as "$user" busctl --user call "${BUS[@]}" "$@" >"$TEST_DIR/said" 2>&1 || true
        N=$((N + 1))
}

# His manager may have units with the names of the pool's; they are others, in his own part of the tree.
test_names_of_the_pool_in_a_users_manager() {
        local user
        N=0
        for user in alice bob; do
                as $user systemd-run --user --quiet --scope --slice=user-cgmove-1000.slice sh -c '
                        cat /proc/self/cgroup' >"$TEST_DIR/cgroup"
                check_contains "$(grep '^0::' "$TEST_DIR/cgroup")" "/user@$(id -u $user).service/user.slice/user-cgmove.slice/user-cgmove-1000.slice/"
                as $user systemd-run --user --quiet --collect --slice=user-cgmove-1000.slice --unit=cgmove@1000.service sleep 1000
                N=$((N + 2))
                check_pool
                # what is there is no job, and no keeper
                PUT=$(user_systemctl $user show --value -p MainPID cgmove@1000.service)
                check_match "$(place_of "$PUT")" "/user@$(id -u $user).service/"
                [[ $user != alice ]] || check_match "$(answers alice each "$PUT")" 'Error.(MainProcess|Denied)'
                check_equal "$(list_of alice '.jobs | map(select(.state == "running")) | length')" 1
                user_systemctl $user kill --signal=KILL cgmove@1000.service
                user_systemctl $user stop user-cgmove-1000.slice
                for call in StopUnit RestartUnit; do user_call $user $call ss user-cgmove-1000.slice replace; done
                user_call $user KillUnit ssi cgmove@1000.service all 9
                user_call $user FreezeUnit s user-cgmove-1000.slice
                user_call $user SetUnitProperties 'sba(sv)' user-cgmove-1000.slice true 1 TasksMax t 1
                check_pool
        done
        tried $N uses of the pool\'s names in users\' own managers
        check_end
}

# The pool's processes, taken by another's manager, or by her own into a unit of PID 1's: the keeper and the job stay.
test_processes_of_the_pool_taken_by_another() {
        local keeper pid
        N=0
        keeper=$(head -n 1 "$POOL/keeper/cgroup.procs")
        for pid in "$PID" "$keeper"; do
                # it is answered before it is done
                user_call bob StartTransientUnit 'ssa(sv)a(sa(sv))' "grab$pid.scope" fail 1 PIDs au 1 "$pid" 0
                wait_for not user_systemctl bob is-active --quiet "grab$pid.scope"
                check_pool
                system_call bob AttachProcessesToUnit ssau user@1001.service / 1 "$pid"
                system_call bob AttachProcessesToUnit ssau user@1001.service /app.slice 1 "$pid"
        done
        user_call alice StartTransientUnit 'ssa(sv)a(sa(sv))' "grab$keeper.scope" fail 1 PIDs au 1 "$keeper" 0
        wait_for not user_systemctl alice is-active --quiet "grab$keeper.scope"
        check_pool
        system_call alice AttachProcessesToUnit ssau user@1000.service / 1 "$keeper"
        system_call alice AttachProcessesToUnit ssau user@1001.service / 1 "$PID"
        system_call alice AttachProcessesToUnit ssau cgmoved.service / 1 "$PID"
        tried $N units and attachments of the pool\'s processes
        check_end
}

# --- in the tree itself ------------------------------------------------------------------------------------------------------

# Everything that can be written, made, renamed or removed there is root's.
test_cgroup_tree() {
        local user file path all=0
        for user in alice bob nobody; do
                while read -r file; do
                        all=$((all + 1))
                        ! setpriv --reuid=$user --regid="$(id -g $user)" --clear-groups -- sh -c 'echo "$2" >"$1"' - "$file" "$PID" 2>/dev/null ||
                                fail "$user can write to $file"
                done < <(find "$POOLS" -type f ! -name '*.stat')
                while read -r path; do
                        all=$((all + 4))
                        ! setpriv --reuid=$user --regid="$(id -g $user)" --clear-groups -- mkdir "$path/job-77" 2>/dev/null || fail "mkdir in $path"
                        ! setpriv --reuid=$user --regid="$(id -g $user)" --clear-groups -- rmdir "$path" 2>/dev/null || fail "rmdir of $path"
                        ! setpriv --reuid=$user --regid="$(id -g $user)" --clear-groups -- mv "$path" "$path-new" 2>/dev/null || fail "mv of $path"
                        ! setpriv --reuid=$user --regid="$(id -g $user)" --clear-groups -- chmod 0777 "$path" 2>/dev/null || fail "chmod of $path"
                done < <(find "$POOLS" -type d)
        done
        # from her own part of the tree into the pool and back: the common ancestor is root's
        as alice sh -c "echo $PID >/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/cgroup.procs" 2>/dev/null &&
                fail "a process of the pool was pulled out"
        # without a right on the tree, in a namespace of one's own
        in_session alice unshare --user --map-root-user --mount --cgroup sh -c "
                mount -t cgroup2 none /mnt && echo $PID >/mnt/cgroup.procs; echo $PID >$POOL/job-$JOB/cgroup.procs; echo 1 >$POOL/job-$JOB/cgroup.kill" \
                2>/dev/null && fail "written from a namespace"
        tried $((all + 4)) writes, mkdir, rmdir, rename and chmod in the tree of the pool
        check_end
}

# --- what its own user may do ------------------------------------------------------------------------------------------------

# By systemd's rules a process of hers is hers to take into her manager; nobody else's goes along, the pool is unchanged but for it.
test_own_process_taken_back() {
        local other
        in_session alice cgmove run --name other -- sleep 4790
        wait_for pgrep -u alice -x -f 'sleep 4790'
        # the shell without its sleep, which stays: the job goes on
        as alice busctl --user call "${BUS[@]}" StartTransientUnit 'ssa(sv)a(sa(sv))' grab.scope fail 1 PIDs au 1 "$PID" 0 || true
        other=$(pgrep -u alice -x -f 'sleep 4790')
        in_job "$other" || fail "another job has gone along"
        # she has gained no place: wherever it is, it is hers
        check_match "$(place_of "$PID")" '^/user.slice/(user-1000.slice/user@1000.service/|user-cgmove.slice/user-cgmove-1000.slice/cgmove@1000.service/job-)'
        check_equal "$(systemctl show --value -p ActiveState cgmove@1000.service)" active
        check_equal "$(systemctl show --value -p MainPID cgmove@1000.service)" "$(sed -n 's/^MainPID=//p' "$TEST_DIR/pool" | head -n 1)"
        tried 1 scope of a process of a job, in its user\'s own manager
        job_finish target
        attack_end
}
