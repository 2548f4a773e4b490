# SPDX-License-Identifier: LGPL-2.1-or-later
# run: all
# machine: vm
# Out of a unit that the administrator has put into a sandbox of BPF programs, or into ice. (Threat 12.) Containers cannot show it:
# their system call filter keeps PID 1 from attaching any program.

BOX=boxed.service
BOX_CGROUP=/sys/fs/cgroup/system.slice/$BOX
IN_BOX=system.slice/$BOX
PROBE=/opt/cgmove-tests/sandbox-probe
ATTACH=/opt/cgmove-tests/sandbox-attach
MANAGER=user.slice/user-1000.slice/user@1000.service

set_up() {
        systemctl restart cgmoved.service # it has logged nothing of alice's in this minute
        DAEMON=$(daemon_pid)
        SINCE=$(date +%s)
        ATTEMPTS=0
        # a device that everybody may use, for those who may use devices
        rm -f /dev/probe
        mknod -m 0666 /dev/probe c 4 64
}

tear_down() {
        local unit
        pkill -KILL -f "^$ATTACH "
        [[ ! -e $BOX_CGROUP/cgroup.freeze ]] || echo 0 >"$BOX_CGROUP/cgroup.freeze"
        systemctl kill --signal=KILL "$BOX" 2>/dev/null
        systemctl stop "$BOX" 2>/dev/null
        for unit in user-1000.slice user.slice user-cgmove-1000.slice user-cgmove.slice; do
                rm -rf "/run/systemd/system.control/$unit.d" "/run/systemd/system/$unit.d"
        done
        systemctl daemon-reload
        pkill -KILL -u alice -f "^sleep [45]"
        rm -f /dev/probe /home/alice/finish /home/alice/result
}

# box_start [PROPERTY...]: a system unit that works for alice, with a child, and a child of that, and a process in a group of its own.
box_start() {
        local property
        local -a options=()
        for property in "$@"; do
                options+=(-p "$property")
        done
        systemd-run --quiet --collect --unit="$BOX" --uid=alice -p Delegate=yes "${options[@]}" -- \
                sh -c "sh -c 'sleep 4301 & wait' & wait"
        mkdir "$BOX_CGROUP/inner"
        chown -R alice: "$BOX_CGROUP/inner"
        in_cgroup "$IN_BOX/inner" alice sleep 4302 &
        wait_for pgrep -u alice -f '^sleep 4302'
        INNER=$(comm -12 <(pgrep -u alice -f '^sleep 4302' | sort) <(sort "$BOX_CGROUP/inner/cgroup.procs"))
        wait_for pgrep -u alice -f '^sleep 4301'
        CHILD=$(pgrep -P "$(systemctl show --value -p MainPID "$BOX")")
}

# attach CGROUP WHAT: what forbids it stays until detach.
attach() {
        "$ATTACH" "$@" >"$TEST_DIR/attached" &
        ATTACHED=$!
        wait_for grep -q attached "$TEST_DIR/attached"
}

detach() {
        kill "$ATTACHED"
        wait "$ATTACHED" || true
}

box_stop() {
        systemctl kill --signal=KILL "$BOX"
        systemctl stop "$BOX" 2>/dev/null || true
        wait 2>/dev/null || true
}

cgroup_of() {
        sed -n 's/^0:://p' "/proc/$1/cgroup"
}

# is_refused STATUS TEXT COMMAND...: says so.
is_refused() {
        local status=$1 text=$2
        shift 2
        check_status "$status" "$@"
        check_contains "$OUTPUT" "$text" "refusal of: $*"
        ATTEMPTS=$((ATTEMPTS + 1))
}

LOST="would leave a restriction of"

# By each verb.
check_no_way_out() {
        is_refused 125 "$LOST $BOX" in_cgroup "$IN_BOX" alice cgmove exec -- touch /home/alice/result
        is_refused 77 "$LOST $BOX" in_cgroup "$IN_BOX/inner" alice cgmove run -- touch /home/alice/result
        is_refused 77 "$LOST $BOX" as alice cgmove move "$INNER"
        is_refused 77 "$LOST $BOX" as alice cgmove move --tree "$CHILD"
        check_no_file /home/alice/result
        check_equal "$(cgroup_of "$CHILD")" "/system.slice/$BOX" "cgroup of the child"
        check_equal "$(cgroup_of "$INNER")" "/system.slice/$BOX/inner" "cgroup of the one in the inner group"
}

# Nothing has come of it, the daemon has said why, and goes on.
check_daemon_goes_on() {
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        check_status 0 in_unit alice cgmove run -- true
}

# check_log TEXT: a line of the journal that says that it was alice, and why.
check_log() {
        wait_for refusal_is_said "$1"
}

refusal_is_said() {
        grep -q "A request of user 1000 was refused: .*$1" < <(journalctl --quiet --no-pager --output=cat --since "@$SINCE" -u cgmoved)
}

# in_the_box STATUS WHAT: of the probe, in there.
check_box() {
        check_status "$1" in_cgroup "$IN_BOX" alice "$PROBE" "$2"
        check_status "$1" in_cgroup "$IN_BOX/inner" alice "$PROBE" "$2"
}

# sandboxed WHAT PROPERTY...: what the properties forbid stays forbidden.
sandboxed() {
        local what=$1
        shift
        box_start "$@"
        check_box 1 "$what"
        check_no_way_out
        check_box 1 "$what"
        box_stop
}

# sandboxed_by_a_program WHAT: the same of a program that not systemd has put there.
sandboxed_by_a_program() {
        box_start
        attach "$BOX_CGROUP" "$1"
        check_box 1 "$1"
        check_no_way_out
        check_box 1 "$1"
        detach
        box_stop
}

# Debian 12 builds systemd without what SocketBindDeny= and RestrictNetworkInterfaces= need: it logs that, and ignores them.
has_bpf_framework() {
        [[ $(systemctl --version) == *+BPF_FRAMEWORK* ]]
}

test_without_a_sandbox() {
        box_start
        check_box 0 network
        check_box 0 bind
        check_box 0 /dev/probe
        check_status 0 in_cgroup "$IN_BOX" alice cgmove exec -- "$PROBE" network
        check_status 0 as alice cgmove move --tree "$CHILD"
        check_status 0 as alice cgmove move "$INNER"
        in_job "$CHILD" && in_job "$INNER" || fail "they are not in a job"
        tried 3 "moves that are allowed, so that the refusals of this file mean something"
}

test_network() {
        sandboxed network IPAddressDeny=any
        sandboxed network IPAddressAllow=10.0.0.0/8 IPAddressDeny=any
        sandboxed network IPAddressDeny=localhost IPAccounting=yes
        check_log "network access"
        check_daemon_goes_on
        tried "$ATTEMPTS" "ways out of three units with IPAddressDeny="
}

# What is allowed in there now need not be allowed in the pool's place.
test_network_that_allows_much() {
        box_start IPAddressAllow=localhost IPAddressDeny=any
        check_box 0 network
        check_no_way_out
        box_stop
        box_start IPAddressDeny=10.0.0.0/8
        check_box 0 network
        check_no_way_out
        check_daemon_goes_on
        tried "$ATTEMPTS" "ways out of units that deny a part of the network"
}

test_devices() {
        sandboxed /dev/probe DevicePolicy=closed
        sandboxed /dev/probe DevicePolicy=strict "DeviceAllow=/dev/null rw" "DeviceAllow=/dev/urandom r"
        sandboxed /dev/probe PrivateDevices=yes
        check_log "device access"
        check_daemon_goes_on
        tried "$ATTEMPTS" "ways out of three units with DevicePolicy="
}

test_sockets() {
        sandboxed_by_a_program bind
        if has_bpf_framework; then
                sandboxed bind SocketBindDeny=any
                sandboxed bind SocketBindDeny=ipv4:tcp:18800 SocketBindAllow=ipv4:tcp:18801
        fi
        check_log "binding of sockets"
        check_daemon_goes_on
        tried "$ATTEMPTS" "ways out of units that may not bind sockets"
}

test_interfaces() {
        sandboxed_by_a_program network
        if has_bpf_framework; then
                sandboxed network RestrictNetworkInterfaces=~lo
                box_start RestrictNetworkInterfaces=lo
                check_no_way_out
        fi
        check_log "network access"
        check_daemon_goes_on
        tried "$ATTEMPTS" "ways out of units that may not use the loopback interface, or no other"
}

test_all_at_once() {
        box_start IPAddressDeny=any DevicePolicy=closed SocketBindDeny=any RestrictNetworkInterfaces=~lo
        check_no_way_out
        is_refused 125 "$LOST $BOX" in_cgroup "$IN_BOX/inner" alice cgmove exec -- touch /home/alice/result
        is_refused 125 "$LOST $BOX" in_cgroup "$IN_BOX" alice cgmove exec -- cgmove exec -- touch /home/alice/result
        is_refused 77 "$LOST $BOX" in_cgroup "$IN_BOX" alice cgmove run -- touch /home/alice/result
        is_refused 77 "$LOST $BOX" in_cgroup "$IN_BOX" alice cgmove move "$CHILD"
        is_refused 77 "$LOST $BOX" as alice cgmove move "$INNER" "$CHILD"
        is_refused 77 "$LOST $BOX" as alice cgmove move --tree "$INNER" "$CHILD"
        # root has no policy that could allow it
        is_refused 77 "$LOST $BOX" cgmove move "$CHILD"
        check_no_file /home/alice/result
        check_box 1 network
        check_daemon_goes_on
        tried "$ATTEMPTS" "ways out of a unit with all of these"
}

# The sandbox around the user, not around a unit: it holds for sessions and for the units of his own manager.
test_slice_of_the_user() {
        local unit=$MANAGER/app.slice/inside.service pid
        as alice systemd-run --user --quiet --collect --unit=inside sh -c "sleep 4303 & wait"
        wait_for pgrep -u alice -f '^sleep 4303'
        pid=$(pgrep -u alice -f '^sleep 4303')
        systemctl set-property --runtime user-1000.slice IPAddressDeny=any
        is_refused 125 "$LOST" in_session alice cgmove exec -- true
        is_refused 77 "$LOST" in_session alice cgmove run -- true
        is_refused 125 "$LOST" in_cgroup "$unit" alice cgmove exec -- true
        is_refused 77 "$LOST" in_cgroup "$unit" alice cgmove run -- true
        is_refused 77 "$LOST" as alice cgmove move "$pid"
        is_refused 77 "$LOST" as alice cgmove move --tree "$pid"
        check_status 1 in_cgroup "$unit" alice "$PROBE" network
        user_systemctl alice stop inside.service
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        tried "$ATTEMPTS" "ways out of a user's slice with IPAddressDeny=, from a session and from a unit of the user"
}

# What is around all users is around the pools as well, and nothing is lost.
test_slice_of_all_users() {
        attach /sys/fs/cgroup/user.slice network
        check_status 1 in_session alice "$PROBE" network
        check_status 1 in_session alice cgmove exec -- "$PROBE" network
        check_contains "$OUTPUT" "Operation not permitted"
        detach
        check_status 0 in_session alice cgmove exec -- "$PROBE" network
        tried 2 "moves below a restriction that stays"
}

# systemd puts what a slice denies on each unit below it, not on the slice: one program on the session, another on the pool. Nobody
# can tell that they are alike, so that the move takes an administrator's word; what is denied is denied in the pool.
test_setting_of_all_users() {
        systemctl set-property --runtime user.slice IPAddressDeny=any
        check_status 1 in_session alice "$PROBE" network
        is_refused 125 "$LOST" in_session alice cgmove exec -- "$PROBE" network
        policy_only <<-'POLICY'
	policy "all" {
	        users           = {"alice"}
	        from            = {"session"}
	        allow-unsandbox = true
	}
	POLICY
        check_status 1 in_session alice cgmove exec -- "$PROBE" network
        check_contains "$OUTPUT" "Operation not permitted"
        tried "$((ATTEMPTS + 1))" "moves out of a session for which user.slice has IPAddressDeny="
}

# A pool that forbids more does not make up for what another program forbids.
test_pool_with_a_sandbox() {
        systemctl set-property --runtime user-cgmove-1000.slice IPAddressDeny=any
        check_status 1 in_unit alice cgmove exec -- "$PROBE" network
        check_contains "$OUTPUT" "Operation not permitted"
        box_start DevicePolicy=closed
        check_no_way_out
        box_stop
        # the same words, and yet another program: it cannot be told that it forbids as much
        sandboxed network IPAddressDeny=any
        # from one job into another
        check_status 1 in_unit alice cgmove exec -- sh -c "cgmove exec -- $PROBE network"
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        tried $((ATTEMPTS + 2)) "moves into a pool that has a sandbox itself, out of others"
}

test_allowed_by_the_administrator() {
        policy_only <<-'POLICY'
	policy "boxes" {
	        users           = {"alice"}
	        from            = {"system:boxed.service"}
	        allow-unsandbox = true
	        max-jobs        = 100
	        rate            = "1000/min"
	}
	policy "rest" {
	        users = {"alice"}
	        from  = {"system:*", "session"}
	}
	POLICY
        box_start IPAddressDeny=any DevicePolicy=closed
        check_status 0 in_cgroup "$IN_BOX" alice cgmove exec -- "$PROBE" network
        check_status 0 in_cgroup "$IN_BOX/inner" alice cgmove exec -- "$PROBE" /dev/probe
        check_status 0 as alice cgmove move --tree "$CHILD"
        in_job "$CHILD" || fail "it is not in a job"
        box_stop
        # for that unit only
        BOX=other.service BOX_CGROUP=/sys/fs/cgroup/system.slice/other.service IN_BOX=system.slice/other.service
        box_start IPAddressDeny=any
        check_no_way_out
        box_stop
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        tried "$ATTEMPTS" "ways out of another unit than the one with allow-unsandbox"
}

# It comes while the caller is at it: the daemon looks at the moment of the move.
test_sandbox_that_comes_and_goes() {
        local i n_out=0 n_kept=0
        box_start
        for i in {1..12}; do
                systemctl set-property --runtime "$BOX" "IPAddressDeny=$([[ $((i % 2)) -eq 0 ]] || echo any)" &
                if in_cgroup "$IN_BOX" alice cgmove exec -- true >/dev/null 2>&1; then
                        n_out=$((n_out + 1))
                else
                        n_kept=$((n_kept + 1))
                fi
                wait $! || true
                # whatever is in force now holds
                if [[ $((i % 2)) -ne 0 ]]; then
                        is_refused 125 "$LOST" in_cgroup "$IN_BOX" alice cgmove exec -- true
                fi
        done
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        tried $((12 + ATTEMPTS)) "moves while IPAddressDeny= came and went ($n_out before it came, $n_kept after)"
}

# --- ice ---------------------------------------------------------------------------------------------------------------

is_frozen() {
        grep -q 'frozen 1' "$1/cgroup.events"
}

# check_stays_in_ice GROUP PID: of a process of that group, whatever is tried.
check_stays_in_ice() {
        wait_for is_frozen "$1"
        is_refused 77 "frozen" as alice cgmove move "$2"
        is_refused 77 "frozen" as alice cgmove move --tree "$2"
        is_refused 77 "frozen" cgmove move "$2"
        is_frozen "$1" || fail "$1 is not frozen any more"
        grep -q -x "$2" "$1/cgroup.procs" || fail "$2 is not in $1 any more"
}

test_frozen_unit() {
        box_start
        systemctl freeze "$BOX"
        check_stays_in_ice "$BOX_CGROUP" "$CHILD"
        check_stays_in_ice "$BOX_CGROUP/inner" "$INNER"
        check_log "frozen"
        systemctl thaw "$BOX"
        check_status 0 as alice cgmove move "$INNER"
        check_status 0 as alice cgmove move --tree "$CHILD"
        check_daemon_goes_on
        tried "$ATTEMPTS" "ways out of a unit that is frozen"
}

test_frozen_by_hand() {
        box_start
        as alice sh -c "echo 1 >$BOX_CGROUP/inner/cgroup.freeze"
        check_stays_in_ice "$BOX_CGROUP/inner" "$INNER"
        # not what is beside it
        check_status 0 as alice cgmove move --tree "$CHILD"
        echo 0 >"$BOX_CGROUP/inner/cgroup.freeze"
        echo 1 >"$BOX_CGROUP/cgroup.freeze"
        check_stays_in_ice "$BOX_CGROUP/inner" "$INNER"
        tried "$ATTEMPTS" "ways out of a group that is frozen, and of one below it"
}

# A tree that reaches into the ice, from outside of it, is not moved at all.
test_tree_with_a_frozen_part() {
        local top=$BOX_CGROUP/top
        box_start
        mkdir "$top"
        echo "$CHILD" >"$top/cgroup.procs"
        echo 1 >"$BOX_CGROUP/cgroup.freeze"
        wait_for is_frozen "$top"
        is_refused 77 "frozen" as alice cgmove move --tree "$CHILD"
        echo 0 >"$BOX_CGROUP/cgroup.freeze"
        echo 1 >"$BOX_CGROUP/inner/cgroup.freeze"
        pgrep -P "$CHILD" >"$BOX_CGROUP/inner/cgroup.procs"
        wait_for is_frozen "$BOX_CGROUP/inner"
        is_refused 77 "frozen" as alice cgmove move --tree "$CHILD"
        is_frozen "$BOX_CGROUP/inner" || fail "it is not frozen any more"
        not is_frozen "$top" || fail "the rest is frozen"
        check_equal "$(cgroup_of "$CHILD")" "/system.slice/$BOX/top"
        tried "$ATTEMPTS" "moves of trees of which a part is frozen"
}

# Freezes and thaws the group for as long as /home/alice/finish is missing. What stands still stays until it is thawed, or is told.
freeze_and_thaw() {
        local group=$1 pid n=0
        local -a members
        until [[ -e /home/alice/finish ]]; do
                echo 1 >"$group/cgroup.freeze"
                until is_frozen "$group"; do :; done
                mapfile -t members <"$group/cgroup.procs"
                sleep 0.01
                for pid in "${members[@]}"; do
                        ! in_job "$pid" 2>/dev/null || echo "$pid is gone out of the ice"
                done
                echo 0 >"$group/cgroup.freeze"
                sleep 0.01 # a move has to have a chance
                n=$((n + 1))
        done
        echo "$n" >/home/alice/result
}

test_race_with_the_ice() {
        local i pid n_moved=0 n_refused=0
        box_start
        freeze_and_thaw "$BOX_CGROUP/inner" >"$TEST_DIR/escaped" &
        for ((i = 1; i <= 20 || (i <= 60 && (n_moved == 0 || n_refused == 0)); i++)); do
                in_cgroup "$IN_BOX" alice sleep "$((5000 + i))" &
                wait_for pgrep -u alice -f "^sleep $((5000 + i))"
                pid=$(pgrep -u alice -f "^sleep $((5000 + i))")
                echo "$pid" >"$BOX_CGROUP/inner/cgroup.procs" # in the ice it would not get as far as that
                if as alice cgmove move "$pid" >/dev/null 2>&1; then
                        n_moved=$((n_moved + 1))
                else
                        n_refused=$((n_refused + 1))
                fi
        done
        touch /home/alice/finish
        wait_for test -s /home/alice/result
        check_equal "$(cat "$TEST_DIR/escaped")" ""
        [[ $n_moved -gt 0 && $n_refused -gt 0 ]] || fail "$n_moved were moved, $n_refused refused: that was no race"
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        tried $((i - 1)) "moves out of a group that froze and thawed $(cat /home/alice/result) times ($n_moved moved, $n_refused refused)"
}
