# SPDX-License-Identifier: LGPL-2.1-or-later
# org.cgmove1 on the system bus: everybody may look, nobody may act.

MANAGER=(org.cgmove1 /org/cgmove1 org.cgmove1.Manager)

set_up() {
        gateway_start mixed
        wait_for busctl --system status org.cgmove1
}

test_properties_are_readable() {
        check_status 0 as bob busctl --system get-property "${MANAGER[@]}" Version
        check_match "$OUTPUT" '^s "[0-9]'
        job_begin looked-at
        check_equal "$(as bob busctl --system get-property "${MANAGER[@]}" Jobs)" "t 1"
        check_equal "$(as bob busctl --system get-property "${MANAGER[@]}" Pools)" "u 1"
        check_status 0 as bob busctl --system introspect "${MANAGER[@]:0:2}"
        check_contains "$OUTPUT" JobRemoved
        job_check_end looked-at
        systemctl stop 'cgmove@*.service'
        check_equal "$(as bob busctl --system get-property "${MANAGER[@]}" Pools)" "u 0"
}

# A name and an owner may be seen by all, as in systemctl; a command line or a path in somebody's home may not.
test_jobs_are_objects_without_what_is_private() {
        local id
        job_begin secretive
        id=$(job_id secretive)
        check_status 0 as bob busctl --system introspect org.cgmove1 "/org/cgmove1/job/$id" org.cgmove1.Job
        check_contains "$OUTPUT" '"secretive"'
        check_lacks "$OUTPUT" finish-secretive
        check_lacks "$OUTPUT" /home/alice
        job_check_end secretive
}

test_nobody_acts_over_the_bus() {
        local id
        job_begin untouched
        id=$(job_id untouched)
        not as alice busctl --system call "${MANAGER[@]}" ListJobs 'a{sv}' 0 || fail "alice lists jobs over the bus"
        not busctl --system call "${MANAGER[@]}" ListJobs 'a{sv}' 0 || fail "root lists jobs over the bus"
        not busctl --system call org.cgmove1 "/org/cgmove1/job/$id" org.cgmove1.Job Stop 'a{sv}' 0 ||
                fail "root stops a job over the bus"
        job_check_alive untouched
        job_check_end untouched
}

# A monitor does not say in all versions when it is ready: it is when it has seen something.
monitor_sees() {
        busctl --system get-property "${MANAGER[@]}" Version
        test -s "$1"
}

# Until the monitor listens, which nothing tells, signals pass it by.
signals_are_seen() {
        gateway_call_strict "cgmove run --wait --name announced -- true"
        grep -q '"JobNew"' "$TEST_DIR/signals" && grep -q '"JobRemoved".*"done"' "$TEST_DIR/signals"
}

test_signals() {
        timeout 90 busctl --system monitor --json=short org.cgmove1 >"$TEST_DIR/signals" 2>&1 &
        wait_for signals_are_seen
        kill $! || true
}

test_nobody_else_owns_the_name() {
        not as alice busctl --system call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus RequestName su \
                org.cgmove1 0 || fail "alice may own org.cgmove1"
}
