# SPDX-License-Identifier: LGPL-2.1-or-later
# The state in which every test begins.

reset() {
        user_manager_start alice
        gateway_remove
        rm -f /home/alice/.ssh/known_hosts
}
