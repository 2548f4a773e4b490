# SPDX-License-Identifier: LGPL-2.1-or-later
# Managers, their helpers, and the processes that they stand on: no policy lets them be moved, no caller may, not even root. (Threat 21.)
#
# What is told of a unit of the user's own manager is that manager's and so its user's word. Of a process that was made the main one
# by MAINPID= alone, far below the manager, nobody asks it: see SECURITY.md, and the last tests here.

UNITS=/home/alice/.config/systemd/user

set_up() {
        attack_begin
        user_manager_start bob
}

tear_down() {
        local unit
        hang_end 2>/dev/null || true
        put_end
        for unit in reloading stopping forking notifying telling container simple starting; do
                user_systemctl alice kill --signal=KILL $unit.service || true
                user_systemctl alice stop $unit.service || true
                user_systemctl alice reset-failed $unit.service || true
                rm -f $UNITS/$unit.service
        done 2>/dev/null
        user_systemctl alice daemon-reload
        systemctl kill --signal=KILL notifying.service telling.service 2>/dev/null || true
        systemctl stop notifying.service telling.service 2>/dev/null || true
        user_systemctl bob stop bobs.service 2>/dev/null || true
        rm -f /home/alice/{new-main,pids-*}
        place_end alice
}

# The widest that can be written.
POLICIES=('"user:*", "system:*", "session", "job"' '"user:*", "user:*@*", "user:init.scope", "system:*", "system:*@*", "system:init.scope", "session", "job"')

with_every_policy() {
        local from
        for from in "${POLICIES[@]}"; do
                printf 'policy "all" {\n users = {"0-65000"}\n from = {%s}\n allow-unsandbox = true\n rate = "100000/min"\n max-jobs = 500\n}\n' "$from" \
                        >"$TEST_DIR/policy"
                cgmove policy check "$TEST_DIR/policy"
                touch /run/policy-touched
                rm -f "$POLICY_DIR"/*
                cp "$TEST_DIR/policy" "$POLICY_DIR/all.conf"
                policy_reload
                "$@"
        done
}

# check_immovable [NAME=]PID...: nobody moves any of them: alone, as a tree, with others, asked by alice, bob and root.
check_immovable() {
        local said user pid
        for pid in "$@"; do echo "$pid $(place_of "${pid#*=}")"; done >"$TEST_DIR/before"
        for user in alice bob root; do
                said=$(answers_as "$user" each "$@"; answers_as "$user" each --tree "$@")
                not grep -v -E 'Error\.(MainProcess|NotYours) ' <<<"$said" || fail "$user: $said"
                check_equal "$(wc -l <<<"$said")" $((2 * $#))
                ATTEMPTS=$((ATTEMPTS + 2 * $#))
        done
        for pid in "$@"; do
                check_match "$(answers alice together "$OTHER" "${pid#*=}")" 'Error\.(MainProcess|NotYours) '
                check_match "$(answers alice together "${pid#*=}" "$OTHER")" 'Error\.(MainProcess|NotYours) '
                check_status 77 as alice cgmove move "$OTHER" "${pid#*=}"
                ATTEMPTS=$((ATTEMPTS + 3))
        done
        for pid in "$@"; do echo "$pid $(place_of "${pid#*=}")"; done | diff "$TEST_DIR/before" - || fail "moved"
        check_equal "$(place_of "$OTHER")" "${PLACE#/sys/fs/cgroup}" "the process beside them"
}

answers_as() {
        local user=$1
        shift
        if [[ $user == root ]]; then python3 $TARGETS "$@"; else answers "$user" "$@"; fi
}

# A process of alice's that may be moved, to be named beside.
other_begin() {
        ATTEMPTS=0
        place_begin alice
        put_as alice "$PLACE" sleep 1000
        OTHER=$PUT
}

other_moves() {
        check_match "$(answers alice each "$OTHER")" '^[0-9]+ [0-9]+$'
        in_job "$OTHER" || fail "what may be moved is not"
}

manager_of() {
        systemctl show --value -p MainPID "user@$1.service"
}

test_managers() {
        other_begin
        with_every_policy check_immovable "one=1" "hers=$(manager_of 1000)" "his=$(manager_of 1001)" \
                "sd-pam=$(pgrep -P "$(manager_of 1000)" -f '^\(sd-pam\)' || pgrep -n -f '^\(sd-pam\)')" "daemon=$(daemon_pid)"
        # what is in a manager's group is the manager's, whatever it is
        put_as alice "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/init.scope" sleep 1000
        with_every_policy check_immovable "in-init-scope=$PUT"
        tried $ATTEMPTS moves of managers and what is in their groups, under policies that allow everything
        other_moves
        user_systemctl alice start default.target # it still can
        check_log 1000 "belongs to a service manager|is not yours"
        attack_end
}

# A new program in the same process.
test_manager_that_executes_itself_anew() {
        local before
        other_begin
        with_every_policy true
        before=$(manager_of 1000)
        for _ in {1..5}; do
                user_systemctl alice daemon-reexec &
                check_immovable "hers=$before"
                wait $!
                check_immovable "hers=$before"
        done
        check_equal "$(manager_of 1000)" "$before"
        tried $ATTEMPTS moves of a user manager around five daemon-reexec
        other_moves
        policy_reset
        attack_end
}

HANG_PATH=

# hang_begin PATH: alice has a file system there that answers nothing (FUSE, where that can be had: of any other it is still seen that
# it is not asked).
hang_begin() {
        [[ -e /dev/fuse ]] || mknod -m 0600 /dev/fuse c 10 229 || true
        python3 /opt/cgmove-tests/hang-mount.py "$1" 1000 >"$TEST_DIR/hang" 2>&1 &
        HANG=$! HANG_PATH=$1
        wait_for sh -c "grep -q . '$TEST_DIR/hang' || ! kill -0 $HANG"
        HANGS=fuse
        [[ $(<"$TEST_DIR/hang") == mounted ]] || { HANGS=proc && mount -t proc hanging "$1"; }
        wait_for grep -q -F " $1 " "/proc/$(daemon_pid)/mountinfo"
}

hang_end() {
        [[ -n $HANG_PATH ]] || return 0
        kill -KILL "$HANG" 2>/dev/null || true
        umount --lazy "$HANG_PATH"
        HANG_PATH=
}

# Her runtime directory is hers, and so is what she mounts in it, or onto it: the daemon asks a manager in there, and not what lies on
# the way.
test_manager_behind_a_mount_that_hangs() {
        local main path
        place_begin alice
        main=$(user_systemctl alice show --value -p MainPID place.service)
        for path in /run/user/1000/systemd /run/user/1000; do
                attack_begin # without a connection to her manager
                hang_begin $path
                check_match "$(timeout 30 "$here/as" alice python3 $TARGETS each "$main")" 'Error\.Busy '
                check_status 0 timeout 30 "$here/as" bob cgmove list
                check_equal "$(daemon_pid)" "$ATTACK_DAEMON" "the daemon"
                hang_end
                check_match "$(answers alice each "$main")" 'Error\.MainProcess '
                attack_end
        done
        tried 2 "questions to a manager behind a file system that never answers ($HANGS)"
}

# A manager in a unit of hers, as a container has one.
test_manager_of_a_container() {
        other_begin
        as alice systemd-run --user --quiet --collect --unit=container -p Delegate=yes sleep infinity
        local cgroup=/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/container.service
        wait_for test -e $cgroup
        as alice mkdir -p $cgroup/init.scope $cgroup/machine/payload/init.scope
        put_as alice $cgroup/init.scope sleep 1000
        put_as alice $cgroup/machine/payload/init.scope sleep 1000
        with_every_policy check_immovable "first=${PUTS[-2]}" "nested=${PUTS[-1]}"
        tried $ATTEMPTS moves of first processes of containers
        other_moves
        policy_reset
        attack_end
}

# --- main and control processes ----------------------------------------------------------------------------------------------

user_unit() {
        local name=$1
        as alice mkdir -p $UNITS
        cat >"$UNITS/$name.service"
        user_systemctl alice daemon-reload
}

main_of() {
        user_systemctl alice show --value -p "${2:-MainPID}" "$1.service"
}

test_main_processes() {
        other_begin
        as alice systemd-run --user --quiet --collect --unit=simple sleep 1000
        user_unit forking <<-UNIT
	[Service]
	Type=forking
	PIDFile=/run/user/1000/forking.pid
	ExecStart=/bin/sh -c 'sleep 1000 & echo \$! >/run/user/1000/forking.pid'
	UNIT
        user_unit notifying <<-UNIT
	[Service]
	Type=notify
	NotifyAccess=all
	ExecStart=/bin/sh -c 'systemd-notify --ready; exec sleep 1000'
	UNIT
        user_systemctl alice start forking.service notifying.service
        systemd-run --quiet --collect --unit=notifying --uid=alice -p Type=notify -p NotifyAccess=all sh -c 'systemd-notify --ready; exec sleep 1000'
        with_every_policy check_immovable "simple=$(main_of simple)" "forking=$(main_of forking)" "notify=$(main_of notifying)" \
                "system=$(systemctl show --value -p MainPID notifying.service)"
        tried $ATTEMPTS moves of main processes of all types of services
        other_moves
        check_log 1000 "is the main or control process of"
        attack_end
}

# While ExecReload= and ExecStop= run, in a group of their own (which a delegated unit has for them), and ExecStartPre=, which has none.
test_control_processes() {
        other_begin
        user_unit reloading <<-UNIT
	[Service]
	Delegate=yes
	ExecStart=/bin/sleep 1000
	ExecReload=/bin/sh -c 'echo \$\$\$\$ >/home/alice/pids-reload; sleep 1001'
	UNIT
        user_unit stopping <<-UNIT
	[Service]
	Delegate=yes
	ExecStart=/bin/sleep 1000
	ExecStop=/bin/sh -c 'echo \$\$\$\$ >/home/alice/pids-stop; sleep 1002'
	TimeoutStopSec=100
	UNIT
        user_unit starting <<-UNIT
	[Service]
	ExecStartPre=/bin/sh -c 'echo \$\$\$\$ >/home/alice/pids-pre; sleep 1003'
	ExecStart=/bin/sleep 1000
	TimeoutStartSec=100
	UNIT
        user_systemctl alice start reloading.service stopping.service
        user_systemctl alice --no-block reload reloading.service
        user_systemctl alice --no-block stop stopping.service
        user_systemctl alice --no-block start starting.service
        wait_for test -s /home/alice/pids-reload
        wait_for test -s /home/alice/pids-stop
        wait_for test -s /home/alice/pids-pre
        wait_for pgrep -u alice -x -f 'sleep 1001'
        wait_for pgrep -u alice -x -f 'sleep 1002'
        with_every_policy check_immovable "reload=$(cat /home/alice/pids-reload)" "stop=$(cat /home/alice/pids-stop)" "pre=$(cat /home/alice/pids-pre)"
        # their children in .control are what the manager waits for too
        with_every_policy check_immovable "reloads=$(pgrep -u alice -x -f 'sleep 1001')" "stops=$(pgrep -u alice -x -f 'sleep 1002')"
        tried $ATTEMPTS moves of ExecReload=, ExecStop= and ExecStartPre= at work
        other_moves
        policy_reset
        attack_end
}

# --- what is told with MAINPID= ----------------------------------------------------------------------------------------------

# notifier_begin RUN...: a unit of Type=notify that takes whatever is told it from inside, with a child in the background, begun by RUN.
# Then MAIN and CHILD.
notifier_begin() {
        rm -f /home/alice/new-main /home/alice/pids-*
        "$@" --quiet --collect --unit=telling -p Type=notify -p NotifyAccess=all sh -c '
                sleep 1004 & echo $$$$ $! >/home/alice/pids-notifier; systemd-notify --ready
                while :; do
                        [ ! -e /home/alice/new-main ] || { systemd-notify "MAINPID=$(cat /home/alice/new-main)"; rm -f /home/alice/new-main; }
                        sleep 0.05
                done'
        read -r MAIN CHILD </home/alice/pids-notifier
}

notifier_tells() {
        as alice sh -c "echo $1 >/home/alice/new-main.tmp; mv /home/alice/new-main.tmp /home/alice/new-main"
        wait_for test ! -e /home/alice/new-main
}

system_main_is() {
        [[ $(systemctl show --value -p MainPID telling.service) == "$1" ]]
}

# PID 1 is asked, each time: the one that is the main process now is refused, whichever it is.
test_main_process_of_a_system_unit_that_changes() {
        local n=0
        other_begin
        notifier_begin systemd-run --uid=alice
        with_every_policy true
        for _ in {1..5}; do
                notifier_tells "$CHILD"
                wait_for system_main_is "$CHILD"
                check_immovable "child=$CHILD"
                notifier_tells "$MAIN"
                wait_for system_main_is "$MAIN"
                check_immovable "main=$MAIN"
                n=$((n + 2))
        done
        # which is a process of the unit like any other else
        check_match "$(answers alice each "$CHILD")" '^[0-9]+ [0-9]+$'
        tried $ATTEMPTS moves of main processes that were changed $n times
        other_moves
        policy_reset
        attack_end
}

# A unit that calls others' processes its main one keeps nobody from moving his own; PID 1 does not take it, and they are in other
# units in any case.
test_main_process_that_is_anothers() {
        local pid own_manager
        other_begin
        policy_only <<<'policy "all" { users = {"0-65000"} from = {"user:*", "system:*", "session", "job"} rate = "100000/min" }'
        notifier_begin systemd-run --uid=alice
        as bob systemd-run --user --quiet --collect --unit=bobs sh -c 'sleep 1006 & wait'
        wait_for pgrep -u bob -x -f 'sleep 1006'
        pid=$(pgrep -u bob -x -f 'sleep 1006')
        for own_manager in "$pid" 1 "$(daemon_pid)" "$(manager_of 1001)" 0 -1 4194304; do
                notifier_tells "$own_manager"
        done
        check_equal "$(systemctl show --value -p MainPID telling.service)" "$MAIN"
        check_match "$(answers bob each "$pid")" '^[0-9]+ [0-9]+$'
        # nor those of her own elsewhere
        notifier_tells "$OTHER"
        other_moves
        user_systemctl bob stop bobs.service
        tried 8 main processes that are not of that unit
        policy_reset
        attack_end
}

user_main_is() {
        [[ $(main_of telling) == "$1" ]]
}

# In her own manager: a descendant that was made the main process by MAINPID= is moved if she asks, as that concerns nobody but her.
# The manager goes on, knows it as its main process still, and ends it with the unit.
test_main_process_of_a_user_unit_far_below() {
        other_begin
        with_every_policy true
        notifier_begin as alice systemd-run --user
        notifier_tells "$CHILD"
        wait_for user_main_is "$CHILD"
        # the first one is not it any more
        check_match "$(answers alice each "$CHILD")" '^[0-9]+ ([0-9]+|org.cgmove1.Error.MainProcess .*)$'
        user_systemctl alice stop telling.service
        wait_for not kill -0 "$CHILD"
        user_systemctl alice start default.target
        tried 1 move of a process that was declared the main one of a user unit
        policy_reset
        attack_end
}
