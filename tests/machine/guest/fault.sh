# SPDX-License-Identifier: LGPL-2.1-or-later
# Faults of the daemon, again and again: see tests/security/fault.py.

FAULT_PY=/opt/cgmove-tests/fault.py

# Three units of alice, a policy that lets her leave from them, and a daemon that is there again at once.
fault_begin() {
        local n
        for n in 1 2 3; do
                user_systemctl alice is-active --quiet "fault-$n.service" ||
                        as alice systemd-run --user --quiet --unit="fault-$n" -- sleep infinity
        done
        policy_only <<-POLICY
	policy "test" {
	        users    = {"alice"}
	        from     = {"user:fault-*.service", "job"}
	        restart  = {"user:fault-*.service"}
	        max-jobs = 2000
	        rate     = "1000000/min"
	}
	POLICY
        mkdir -p /run/systemd/system/cgmoved.service.d
        printf '[Service]\nRestartSec=1ms\n' >/run/systemd/system/cgmoved.service.d/fault.conf
        systemctl daemon-reload
}

fault_end() {
        rm -f /run/systemd/system/cgmoved.service.d/fault*.conf
        systemctl daemon-reload
        user_systemctl alice stop fault-1.service fault-2.service fault-3.service
}
