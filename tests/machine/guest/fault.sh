# SPDX-License-Identifier: LGPL-2.1-or-later
# Faults of the daemon, again and again: see tests/security/fault.py.

FAULT_PY=/opt/cgmove-tests/fault.py

# Three units of alice, a policy that lets her leave from them, and a daemon that is there again at once.
fault_begin() {
        local n
        for n in 1 2 3; do
                user_systemctl alice is-active --quiet "fault-$n.service" ||
                        as alice systemd-run --user --quiet --collect --unit="fault-$n" -- sleep infinity
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
        # namespaces are most of what a start takes, and make no difference to what is looked at
        mkdir -p /run/systemd/system/cgmoved.service.d
        cat >/run/systemd/system/cgmoved.service.d/fault.conf <<-UNIT
	[Service]
	RestartSec=1ms
	ProtectSystem=no
	ReadWritePaths=
	ReadOnlyPaths=
	InaccessiblePaths=
	PrivateMounts=no
	PrivateNetwork=no
	ProtectHome=no
	BindReadOnlyPaths=
	PrivateTmp=no
	PrivateDevices=no
	ProtectClock=no
	ProtectHostname=no
	ProtectKernelLogs=no
	ProtectKernelModules=no
	ProtectKernelTunables=no
	UNIT
        systemctl daemon-reload
        systemctl restart cgmoved.service
}

# The units stay: whoever uses this has a machine of his own.
fault_end() {
        rm -f /run/systemd/system/cgmoved.service.d/fault*.conf
        systemctl daemon-reload
        systemctl restart cgmoved.service
}

# The daemon is started under fault-at, as killed-start.py wants it.
fault_watch_starts() {
        rm -f /run/cgmove-fault-at
        cat >/run/systemd/system/cgmoved.service.d/fault-start.conf <<-UNIT
	[Service]
	ExecStart=
	ExecStart=/opt/cgmove-tests/fault-at --exec /run/cgmove-fault-at change /usr/libexec/cgmove/cgmoved
	SystemCallFilter=
	UNIT
        systemctl daemon-reload
        systemctl restart cgmoved.service
}
