# SPDX-License-Identifier: LGPL-2.1-or-later
# What systemd, logind and polkit take a job for: no session, no owner slice, nobody who sits in front of the machine. (Threat 9.)
#
# polkit lets more be done from a session that is active at a seat. A container has a seat0 without devices and consoles; pam_env
# puts a login there, which is all that logind and polkit look at. What polkit says of a process without a session is what it says
# of any process of that user, and for that it looks for a session of the user's elsewhere (sd_uid_get_display()): what is compared
# is a job with a process of the user's that never had a session.

REBOOT=org.freedesktop.login1.reboot

set_up() {
        attack_begin
        # a login at the seat
        printf 'XDG_SEAT DEFAULT=seat0\nXDG_SESSION_TYPE DEFAULT=tty\n' >/etc/security/cgmove-seat.conf
        cat >/etc/pam.d/cgmove-seat <<-PAM
	auth     required pam_permit.so
	account  required pam_permit.so
	session  required pam_env.so conffile=/etc/security/cgmove-seat.conf
	session  required pam_systemd.so
	PAM
        rm -f /home/alice/{pid,env,go}-*
}

tear_down() {
        systemctl stop 'at-seat*.service' plain.service 2>/dev/null || true
        pkill -KILL -u alice -x -f 'sleep 490[0-9]' || true
        rm -f /etc/security/cgmove-seat.conf /etc/pam.d/cgmove-seat /home/alice/{pid,env,go}-*
        loginctl terminate-user alice 2>/dev/null || true
        wait_for sh -c '! loginctl list-sessions --no-legend | grep -q alice'
        user_manager_start alice
}

# seat_begin NAME COMMAND: a shell of alice's in a session at the seat, which runs COMMAND in the background and stays.
seat_begin() {
        local name=$1
        systemd-run --quiet --collect --unit="at-seat-$name" --uid=alice -p PAMName=cgmove-seat -p KillMode=control-group \
                --working-directory=/home/alice -E XDG_RUNTIME_DIR=/run/user/1000 sh -c "$2 & sleep 4901"
        wait_for pgrep -u alice -x -f 'sleep 4901'
        SESSION=$(loginctl show-seat -p ActiveSession --value seat0)
}

# All of it: what it has started and not moved ends with it.
session_end() {
        loginctl terminate-session "$SESSION"
        wait_for not loginctl show-session "$SESSION"
        systemctl stop 'at-seat*.service'
}

field_of() {
        ps -o "$1:300=" -p "$2" | tr -d ' '
}

logind() {
        busctl --system call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager "$@" 2>&1 || true
}

# may PID: whether polkit lets the process do what is for those in front of the machine.
may() {
        pkcheck --action-id $REBOOT --process "$1,$(awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$1/stat"),1000" >/dev/null 2>&1
}

# check_identity PID: as nobody but a process of the pool.
check_identity() {
        check_equal "$(field_of unit "$1")" cgmove@1000.service "unit"
        check_equal "$(field_of uunit "$1")" - "unit of a user's manager"
        check_equal "$(field_of lsession "$1")" - "session"
        check_equal "$(field_of ouid "$1")" - "owner"
        check_equal "$(field_of slice "$1")" user-cgmove-1000.slice "slice"
        check_match "$(logind GetSessionByPID u "$1")" 'does not belong to any known session|No session|NoSession'
        check_contains "$(systemctl status "$1")" "cgmove@1000.service"
        check_match "$(busctl --system call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager GetUnitByPID u "$1")" \
                'cgmove_401000_2eservice'
}

# From wherever it comes.
test_a_job_is_a_process_of_the_pool() {
        local pid kind
        place_begin alice
        put_as alice "$PLACE" sleep 4900
        answers alice each "$PUT"
        check_identity "$PUT"
        seat_begin moved "echo \$\$ >/home/alice/pid-moved; sleep 4902"
        wait_for pgrep -u alice -x -f 'sleep 4902'
        pid=$(pgrep -u alice -x -f 'sleep 4902')
        check_equal "$(field_of lsession "$pid")" "$SESSION"
        check_equal "$(loginctl show-session "$SESSION" -p Seat -p Active --value | sort | tr '\n' ' ')" "seat0 yes "
        check_match "$(answers alice each "$pid")" '^[0-9]+ [0-9]+$'
        check_identity "$pid"
        for kind in run exec; do
                seat_begin $kind "cgmove $kind -- sh -c 'echo \$\$\$\$ >/home/alice/pid-$kind; exec sleep 4903'"
                wait_for test -s "/home/alice/pid-$kind"
                check_identity "$(cat "/home/alice/pid-$kind")"
        done
        # what opens a session is a session's; what is moved back and forth gains none
        pid=$(cat /home/alice/pid-run)
        for _ in {1..10}; do
                check_match "$(answers alice each "$pid")" '^[0-9]+ [0-9]+$'
                check_identity "$pid"
        done
        put_end
        place_end alice
        tried 14 moves from units, from an active session, and from job to job, and each asked about at systemd and logind
        attack_end
}

# In front of the machine before, and not after: also when the session is over, and when it is not.
test_not_active_for_polkit() {
        local pid plain job_may plain_may
        systemd-run --quiet --collect --unit=plain --uid=alice sleep 4904
        seat_begin active "sleep 4905"
        wait_for pgrep -u alice -x -f 'sleep 4905'
        pid=$(pgrep -u alice -x -f 'sleep 4905')
        plain=$(systemctl show --value -p MainPID plain.service)
        check_equal "$(loginctl show-session "$SESSION" -p Active --value)" yes
        may "$pid" || fail "the session is not active for polkit; this test would show nothing"
        check_match "$(answers alice each "$pid")" '^[0-9]+ [0-9]+$'
        in_job "$pid" || fail "not moved"
        # while she sits there: what any process of hers has
        job_may=0 plain_may=0
        ! may "$pid" || job_may=1
        ! may "$plain" || plain_may=1
        check_equal $job_may $plain_may "whether a job may more than another process of hers without a session"
        echo "while her session is active polkit says $job_may to the job, and $plain_may to another process of hers"
        # when she has left, nothing
        session_end
        kill -0 "$pid" || fail "the job has gone with the session"
        not may "$pid" || fail "a job is active after the session has ended"
        not may "$plain" || fail "and so is another process"
        tried 5 questions to polkit about a process that was in an active session
}

# The names of a session that it has in its environment open nothing.
test_stale_names_of_a_session() {
        local pid
        seat_begin stale "cgmove exec -- sh -c 'echo \$\$\$\$ >/home/alice/pid-stale; env >/home/alice/env-stale; until test -e /home/alice/go-stale; do sleep 0.1; done; \
export XDG_SESSION_ID=\$(cat /home/alice/go-stale); \
{ loginctl activate \$XDG_SESSION_ID; loginctl lock-session; loginctl --no-ask-password lock-sessions; loginctl seat-status; systemctl --no-ask-password reboot --dry-run; } >/home/alice/said-stale 2>&1; \
for action in $REBOOT org.freedesktop.login1.suspend org.freedesktop.login1.lock-sessions; do \
pkcheck --action-id \$action --process \$\$\$\$ >>/home/alice/said-stale 2>&1 && echo allowed \$action; done >/home/alice/allowed-stale; touch /home/alice/env-done; exec sleep 4906'"
        wait_for test -s /home/alice/env-stale
        pid=$(cat /home/alice/pid-stale)
        check_identity "$pid"
        session_end
        as alice sh -c "echo $SESSION >/home/alice/go-stale"
        wait_for test -e /home/alice/env-done
        cat /home/alice/said-stale
        check_equal "$(cat /home/alice/allowed-stale)" "" "what a job may do with the name of an old session"
        check_identity "$pid"
        rm -f /home/alice/said-stale /home/alice/allowed-stale
        tried 8 actions with the name of a session that is over
}

# Inhibitors are taken with the rights of the user, as by any process of hers; a lock for those at the seat alone is not to be had.
test_inhibitors() {
        cat >"$TEST_DIR/inhibit" <<-'SH'
	for mode in block delay; do
	        for what in shutdown sleep idle handle-power-key handle-lid-switch; do
	                timeout 10 systemd-inhibit --what=$what --mode=$mode --no-ask-password true 2>/dev/null && echo $mode-$what
	        done
	done >/home/alice/pid-$1
	touch /home/alice/go-$1
	SH
        in_session alice cgmove run -- sh "$TEST_DIR/inhibit" job
        wait_for test -e /home/alice/go-job
        systemd-run --quiet --wait --collect --uid=alice sh "$TEST_DIR/inhibit" plain
        diff /home/alice/pid-plain /home/alice/pid-job || fail "a job may take other inhibitors than a process without a session"
        tried 20 inhibitors, from a job and from a process without a session
        attack_end
}

# Who logged in stays on record, if the kernel keeps it.
test_login_uid_stays() {
        local pid before
        seat_begin audit "sleep 4907"
        wait_for pgrep -u alice -x -f 'sleep 4907'
        pid=$(pgrep -u alice -x -f 'sleep 4907')
        before=$(cat "/proc/$pid/loginuid" "/proc/$pid/sessionid" 2>/dev/null || true)
        check_match "$(answers alice each "$pid")" '^[0-9]+ [0-9]+$'
        check_equal "$(cat "/proc/$pid/loginuid" "/proc/$pid/sessionid" 2>/dev/null || true)" "$before"
        ! as alice sh -c "echo 1001 >/proc/$pid/loginuid" 2>/dev/null || fail "the login uid can be changed"
        tried 1 move of a process with a login uid, and 1 change of it
}

# From a job into the user's own manager: her unit, of her owner, and no session.
test_units_started_by_a_job() {
        local pid
        in_session alice cgmove run -- systemd-run --user --collect --unit=from-job sh -c 'echo $$$$ >/home/alice/pid-unit; sleep 4908'
        wait_for test -s /home/alice/pid-unit
        pid=$(cat /home/alice/pid-unit)
        check_equal "$(field_of lsession "$pid")" -
        check_equal "$(field_of uunit "$pid")" from-job.service
        check_equal "$(field_of ouid "$pid")" 1000
        not may "$pid" || fail "it is active"
        user_systemctl alice stop from-job.service
        # nor into the system manager's
        in_session alice cgmove run -- sh -c 'systemd-run --no-ask-password --scope true >/home/alice/env-scope 2>&1 || echo refused >>/home/alice/env-scope'
        wait_for grep -q refused /home/alice/env-scope
        tried 2 units started by a job
        attack_end
}
