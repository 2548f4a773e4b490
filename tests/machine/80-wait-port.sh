# SPDX-License-Identifier: LGPL-2.1-or-later
# Waiting for a port: nothing of it needs the daemon, so there is none.

# Another port each time, below those that the kernel gives away: what one test leaves of its connections is not the next one's.
set_up() {
        PORT=$((20000 + RANDOM % 12000))
        systemctl stop cgmoved.socket cgmoved.service
        trap release_all EXIT
}

release_all() {
        systemctl stop holder.service 2>/dev/null || true
        user_systemctl alice stop holder.service 2>/dev/null || true
        user_systemctl bob stop holder.service 2>/dev/null || true
}

# hold USER [--options] COMMAND...: as holder.py says, in a unit of that user; HOLDER is the main process.
hold() {
        local user=$1
        shift
        HOLDER_USER=$user
        as "$user" systemd-run --user --quiet --collect --unit=holder.service -p Type=notify -p NotifyAccess=all -p LimitNOFILE=16384 \
                python3 /opt/cgmove-tests/holder.py "$@"
        HOLDER=$(user_systemctl "$user" show --value -p MainPID holder.service)
}

release() {
        user_systemctl "$HOLDER_USER" stop holder.service
}

wait_port() {
        as alice cgmove wait-port "$@"
}

# holders FILTER: of the port, as alice sees them, through jq.
holders() {
        { wait_port --timeout 0 --json "$PORT" 2>/dev/null || true; } | jq -r ".ports[0].holders | $1"
}

# A connection that the server ends first, once it listens no more.
leave_time_wait() {
        as alice python3 /opt/cgmove-tests/holder.py --time-wait "$PORT"
        port_is_in_time_wait "$PORT" || fail "there is nothing in TIME_WAIT"
}

# What it is all about: without SO_REUSEADDR, as most that are not careful, and with it.
can_bind() {
        as alice python3 /opt/cgmove-tests/holder.py --try "$@" "$PORT"
}

test_free() {
        check_status 0 wait_port "$PORT"
        check_equal "$OUTPUT" ""
        check_status 0 wait_port --timeout 0 "$PORT" 1 65535
        can_bind
}

test_taken() {
        hold alice "$PORT"
        check_status 1 wait_port --timeout 0 "$PORT"
        check_equal "$OUTPUT" "cgmove: Port $PORT is taken by PID $HOLDER (python3) of user alice in user:holder.service; end that, or use another port."
        check_status 1 wait_port --timeout 3s "$PORT"
        check_contains "$OUTPUT" "cgmove: Waiting for port $PORT, taken by PID $HOLDER (python3) of user alice in user:holder.service."
        check_match "$OUTPUT" "cgmove: Port $PORT is still taken after ([3-9]\.[0-9]|[1-9][0-9]+) s, by PID $HOLDER "
        check_status 1 wait_port --reuse --timeout 0 "$PORT"
        check_status 1 wait_port --timeout 0 1 "$PORT" 2
        not can_bind
}

test_taken_then_free() {
        local waiter
        hold alice "$PORT"
        wait_port --timeout infinity "$PORT" >"$TEST_DIR/out" 2>&1 &
        waiter=$!
        wait_for grep -q Waiting "$TEST_DIR/out"
        kill -0 "$waiter"
        release
        wait "$waiter"
        check_match "$(tail -n 1 "$TEST_DIR/out")" "^port $PORT is free after "
        can_bind
}

# Of several, all must be free.
test_several() {
        local waiter
        hold alice "$PORT"
        wait_port --timeout 60 "$((PORT + 1))" "$PORT" 2>"$TEST_DIR/out" &
        waiter=$!
        wait_for grep -q "Waiting for port $PORT" "$TEST_DIR/out"
        release
        wait "$waiter"
}

# Left-over children that inherited the socket: whoever is first is named, and that there are more.
test_inherited() {
        hold alice --children 2 "$PORT"
        check_status 1 wait_port --timeout 0 "$PORT"
        check_contains "$OUTPUT" "in user:holder.service, and others;"
        check_equal "$(holders length)" 3
}

test_time_wait() {
        leave_time_wait
        not can_bind
        check_status 1 wait_port --timeout 0 "$PORT"
        check_equal "$OUTPUT" "cgmove: Port $PORT is taken by a connection in TIME_WAIT; wait longer with --timeout, or use --reuse if the server sets SO_REUSEADDR."
}

test_time_wait_with_reuse() {
        as alice python3 /opt/cgmove-tests/holder.py --time-wait --reuse "$PORT"
        port_is_in_time_wait "$PORT"
        check_status 0 wait_port --reuse --timeout 0 "$PORT"
        can_bind --reuse
        check_status 1 wait_port --timeout 0 "$PORT"
}

# What is left of a connection in a process that lives on, though nobody listens any more.
test_connection() {
        hold alice --connection "$PORT"
        check_status 1 wait_port --timeout 0 "$PORT"
        check_match "$OUTPUT" "taken by a connection in [A-Z0-9_]+ of PID [0-9]+ \(python3\) of user alice in user:holder.service.*; end that, or use --reuse"
        not can_bind
        check_status 0 wait_port --reuse --timeout 0 "$PORT"
}

# Only newer kernels tell of a socket that is bound and no more.
test_bound() {
        hold alice --bind-only "$PORT"
        not can_bind
        if [[ $(printf '%s\n' 6.8 "$(uname -r)" | sort -V | head -n 1) == 6.8 ]]; then
                check_status 1 wait_port --timeout 0 --reuse "$PORT"
                check_contains "$OUTPUT" "PID $HOLDER (python3) of user alice"
        fi
}

test_ipv6_only() {
        hold alice --address ::1 "$PORT"
        check_status 1 wait_port --timeout 0 "$PORT"
        check_contains "$OUTPUT" "PID $HOLDER (python3)"
        check_equal "$(holders '.[0].address')" ::1
        release
        check_status 0 wait_port --timeout 0 "$PORT"
}

test_one_address() {
        hold alice --address 127.0.0.2 "$PORT"
        check_status 1 wait_port --timeout 0 "$PORT"
}

# check_taken ADDRESS...: each of them, and none of the others.
check_taken() {
        local address
        for address in 127.0.0.1 127.0.0.2 0.0.0.0 "[::1]" "[::]"; do
                if [[ " $* " == *" $address "* ]]; then
                        check_status 1 wait_port --timeout 0 "$address:$PORT"
                        check_contains "$OUTPUT" "Port $address:$PORT is taken by PID $HOLDER (python3)"
                else
                        check_status 0 wait_port --timeout 0 "$address:$PORT"
                fi
        done
}

test_with_addresses() {
        check_taken
        hold alice --address 127.0.0.2 "$PORT"
        check_taken 127.0.0.2 0.0.0.0 "[::]"
        check_equal "$(wait_port --timeout 0 --json "127.0.0.1:$PORT" | jq -c '.ports[0] | [.address, .port, .free]')" "[\"127.0.0.1\",$PORT,true]"
        release
        hold alice --address 0.0.0.0 "$PORT"
        check_taken 127.0.0.1 127.0.0.2 0.0.0.0 "[::]"
        release
        hold alice --address ::1 "$PORT"
        check_taken "[::1]" "[::]"
}

# A listener of somebody else, on an address that the server does not want, delays nothing.
test_exec_start_pre_with_an_address() {
        hold bob --address 127.0.0.2 "$PORT"
        unit_with_wait --timeout 60 "127.0.0.1:$PORT"
        check_equal "$(gateway_property NRestarts)" 0
        check_equal "$(gateway_property ActiveState)" active
}

test_time_wait_on_another_address() {
        leave_time_wait
        check_status 0 wait_port --timeout 0 "127.0.0.2:$PORT"
        check_status 1 wait_port --timeout 0 "127.0.0.1:$PORT"
}

# The unit is known from the socket's cgroup alone; root sees the process too.
test_of_another_user() {
        hold bob "$PORT"
        check_status 1 wait_port --timeout 0 "$PORT"
        check_contains "$OUTPUT" "taken by user bob in user:holder.service;"
        check_status 1 cgmove wait-port --timeout 0 "$PORT"
        check_contains "$OUTPUT" "taken by PID $HOLDER (python3) of user bob in user:holder.service;"
}

test_of_a_system_unit() {
        systemd-run --quiet --collect --unit=holder.service -p Type=notify -p NotifyAccess=all python3 /opt/cgmove-tests/holder.py "$PORT"
        check_status 1 wait_port --timeout 0 "$PORT"
        check_contains "$OUTPUT" "taken by user root in system:holder.service;"
}

# A name that would speak to the terminal.
test_name_of_a_process() {
        hold alice --name $'\e[2Jx\n' "$PORT"
        check_status 1 wait_port --timeout 0 "$PORT"
        check_contains "$OUTPUT" '(\x1b[2Jx\n)'
        check_status 1 wait_port --timeout 0 --json "$PORT"
        check_lacks "$OUTPUT" $'\e'
}

# Somebody else's thousands of sockets on other ports and of connections on this one cost next to nothing.
test_many_sockets() {
        local start=$EPOCHREALTIME
        hold bob --many 3000 "$PORT"
        start=$EPOCHREALTIME
        check_status 0 wait_port --timeout 0 "$((PORT - 1))"
        check_status 1 wait_port --timeout 0 "$PORT"
        check_contains "$OUTPUT" "user bob in user:holder.service"
        [[ $(((${EPOCHREALTIME/./} - ${start/./}) / 1000000)) -lt 20 ]]
}

# Processes that come and go while they are looked at.
test_processes_that_end() {
        local churn=/home/alice/churn
        as alice touch "$churn"
        hold alice "$PORT"
        as alice bash -c "while test -e $churn; do for i in 1 2 3 4; do /bin/true & done; wait; done" &
        for _ in {1..30}; do
                check_status 1 wait_port --timeout 0 "$PORT"
                # a look may take a second on a busy machine, which it says then
                check_match "$OUTPUT" "taken (after [0-9.]+ s, )?by PID $HOLDER \(python3\) of user alice in user:holder.service;"
        done
        rm "$churn"
        wait
}

# Hardly any time of the processor, whatever it is compared with.
test_costs_nothing_while_it_waits() {
        local real user system TIMEFORMAT='%R %U %S'
        hold alice "$PORT"
        { time wait_port --timeout 10 "$PORT" >/dev/null 2>&1 || true; } 2>"$TEST_DIR/time"
        read -r real user system <"$TEST_DIR/time"
        awk -v real="$real" -v used="$user $system" 'BEGIN { split(used, u, " "); print u[1] + u[2], real; exit !(u[1] + u[2] < real / 20) }'
}

test_usage() {
        local bad
        for bad in 0 65536 http "" +5 " 5" 99999999999999999999 :80 localhost:80 127.1:80 ::1:80 "[::1]"; do
                check_status 2 wait_port "$bad"
                check_contains "$OUTPUT" "is no port (1 to 65535)"
        done
        check_status 2 wait_port
        check_status 2 wait_port -5
        check_status 2 wait_port --timeout soon "$PORT"
        check_status 2 wait_port --timeout
        # shellcheck disable=SC2046
        check_status 2 wait_port $(seq 1 65)
        check_status 0 wait_port --help
}

test_json() {
        check_equal "$(wait_port --json "$PORT" 1 | jq -c '[.schema, .ports, (.waited_usec | type)]')" \
                "[1,[{\"address\":null,\"free\":true,\"holders\":[],\"port\":$PORT},{\"address\":null,\"free\":true,\"holders\":[],\"port\":1}],\"number\"]"
        hold alice "$PORT"
        wait_port --timeout 1200ms --json 1 "$PORT" >"$TEST_DIR/json" 2>"$TEST_DIR/text" || true
        check_equal "$(wc -l <"$TEST_DIR/text")" 1 "lines on the standard error"
        check_equal "$(jq -c '[.schema, .error.code, .error.exit_status, .ports[0].free, .ports[1].free, .waited_usec >= 1200000]' "$TEST_DIR/json")" \
                '[1,"PortTaken",1,true,false,true]'
        check_equal "$(jq -c '.ports[1].holders[0] | [.state, .address, .pid, .uid, .command, .source]' "$TEST_DIR/json")" \
                "[\"LISTEN\",\"127.0.0.1\",$HOLDER,1000,\"python3\",\"user:holder.service\"]"
        check_equal "$(jq -r '.ports[1].holders[0].control_group' "$TEST_DIR/json")" \
                "$(sed -n 's/^0:://p' "/proc/$HOLDER/cgroup")"
}

# In a sandbox that has no netlink it says so, and how to help it.
test_without_netlink() {
        check_status 1 systemd-run --quiet --wait --pipe --collect -p RestrictAddressFamilies=AF_INET cgmove wait-port "$PORT"
        check_contains "$OUTPUT" "add AF_NETLINK to it"
}

unit_with_wait() {
        gateway_start process "--ports $PORT --no-reuseaddr" "ExecStartPre=/usr/bin/cgmove wait-port $*"
}

# A left-over of the last instance has the port: the start waits until it is gone, and takes place once.
test_exec_start_pre() {
        local starter
        hold alice "$PORT"
        unit_with_wait --timeout 60 "$PORT" &
        starter=$!
        wait_for gateway_has SubState start-pre
        sleep 1.5
        gateway_has SubState start-pre
        release
        wait "$starter"
        check_equal "$(gateway_property NRestarts)" 0
        check_equal "$(gateway_property ActiveState)" active
}

# The default is long enough for it, and shorter than what the manager allows a start.
test_exec_start_pre_in_time_wait() {
        leave_time_wait
        unit_with_wait "$PORT"
        check_equal "$(gateway_property NRestarts)" 0
        check_equal "$(gateway_property ActiveState)" active
}

# Then it fails with a reason that stands in its journal.
test_exec_start_pre_in_vain() {
        hold bob "$PORT"
        not unit_with_wait --timeout 1 "$PORT"
        wait_for said_in_the_journal
}

said_in_the_journal() {
        journalctl --quiet --output=cat --since=-1min _UID=1000 | grep -F "Port $PORT is still taken after" | grep -F "user bob in user:holder.service"
}
