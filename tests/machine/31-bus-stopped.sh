# SPDX-License-Identifier: LGPL-2.1-or-later
# machine: own
# The system bus is away: jobs live on, and new ones begin, for everything goes through the private socket.

bus_stop() {
        systemctl stop dbus.socket dbus.service
        not bus_answers || fail "the bus is there"
}

bus_answers() {
        timeout 5 busctl --system list
}

bus_start() {
        systemctl start dbus.socket dbus.service
        wait_for bus_answers
}

set_up() {
        bus_start
        gateway_start mixed
}

test_job_lives_and_ends_without_the_bus() {
        job_begin lasting
        bus_stop
        job_check_alive lasting
        job_check_end lasting
        bus_start
}

test_new_job_without_the_bus() {
        job_begin first
        bus_stop
        job_begin second
        job_check_end second
        bus_start
}

test_first_job_without_the_bus() {
        bus_stop
        check_no_file "$POOL"
        job_begin only
        job_check_end only
        bus_start
}

test_daemon_restarted_without_the_bus() {
        job_begin lasting
        bus_stop
        systemctl restart cgmoved.service
        job_check_alive lasting
        job_begin another
        bus_start
        job_check_end lasting
        job_check_end another
}

# It comes back to the bus by itself.
name_is_owned() {
        busctl --system status org.cgmove1
}

test_name_is_there_again_after_the_bus() {
        wait_for name_is_owned
        bus_stop
        sleep 1
        bus_start
        wait_for name_is_owned
}
