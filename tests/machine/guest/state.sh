# SPDX-License-Identifier: LGPL-2.1-or-later
# The state in which every test begins: alice's manager is up, no gateway, no job, the default policy in force.

reset() {
        rm -f /home/alice/.ssh/known_hosts
        user_manager_start alice
        gateway_remove
        has_cgmove || return 0
        jobs_reset
        daemon_is_up || systemctl restart cgmoved.socket cgmoved.service
        policy_reset
}

has_cgmove() {
        [[ -x /usr/bin/cgmove ]]
}

daemon_is_up() {
        [[ $(systemctl show --value -p ActiveState cgmoved.socket cgmoved.service) == $'active\n\nactive' ]]
}

daemon_pid() {
        systemctl show --value -p MainPID cgmoved.service
}

daemon_is_new() {
        local pid
        pid=$(daemon_pid) && [[ $pid -gt 0 && $pid -ne $1 ]]
}
