# SPDX-License-Identifier: LGPL-2.1-or-later
# A system unit that a policy lets users' jobs restart.

VICTIM_PEER=/opt/cgmove-tests/peer.py
VICTIM_UNITS=/etc/systemd/system

victim_unit() {
        cat >"$VICTIM_UNITS/victim.service" <<-UNIT
		[Unit]
		Description=A service that a policy lists
		StartLimitIntervalSec=0
		[Service]
		ExecStartPre=/bin/sh -c 'echo start >>/run/victim-starts; test ! -e /run/victim-fails || { rm /run/victim-fails; exit 1; }'
		ExecStart=/bin/sleep infinity
		ExecStop=/bin/sh -c 'test ! -e /run/victim-stops-slowly || sleep 3'
		$1
	UNIT
}

victim_policy() {
        policy_only <<-POLICY
	policy "test" {
	        users    = {"alice", "bob"}
	        from     = {"session", "job"}
	        restart  = {$1}
	        max-jobs = 500
	        rate     = "1000/min"
	}
	POLICY
}

victim_begin() {
        rm -f /home/alice/go /home/alice/inside /run/victim-* "$VICTIM_UNITS"/{victim*,other-name.service,tied.service,template@.service}
        victim_unit ""
        cp "$VICTIM_UNITS/victim.service" "$VICTIM_UNITS/template@.service"
        ln -s victim.service "$VICTIM_UNITS/other-name.service"
        systemctl daemon-reload
        systemctl restart victim.service
        : >/run/victim-starts
        victim_policy '"system:victim.service"'
        INVOCATION=$(victim_invocation)
        DAEMON=$(daemon_pid)
}

victim_end() {
        if mountpoint -q /run/cgmove/restarts; then
                umount --lazy /run/cgmove/restarts # the daemon has it open
                systemctl restart cgmoved.service
        fi
}

victim_invocation() {
        systemctl show --value -p InvocationID victim.service
}

victim_is() {
        [[ $(systemctl show --value -p ActiveState victim.service) == "$1" ]]
}

victim_starts() {
        wc -l </run/victim-starts
}

victim_check_untouched() {
        check_equal "$(victim_invocation)" "$INVOCATION" "the unit's invocation"
        victim_is active || fail "the unit is not up"
}

victim_inside() {
        in_session alice python3 $VICTIM_PEER inside "$@"
}

# victim_restart_begin WORD...: a process in a job that restarts victim.service, until victim_restart_end; its id in $JOB, what it says in
# /home/alice/inside.
victim_restart_begin() {
        rm -f /home/alice/go
        : >/home/alice/inside
        in_session alice python3 $VICTIM_PEER inside system:victim.service "$@" wait=/home/alice/go >/home/alice/inside &
        wait_for test -s /home/alice/inside
        JOB=$(head -n 1 /home/alice/inside)
        check_match "$JOB" '^[0-9]+$' "the job"
}

victim_restart_end() {
        touch /home/alice/go
        wait
}

victim_marks() {
        ls -A /run/cgmove/restarts
}

victim_no_marks() {
        [[ -z $(victim_marks) ]]
}
