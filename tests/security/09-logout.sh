# SPDX-License-Identifier: LGPL-2.1-or-later
# A logout ends what the policy says, whatever the user does about it; and nobody ends another's job by a logout that was none.
# (Threat 9, and 17 for what is forged.)

set_up() {
        touch /run/policy-touched
        systemctl restart cgmoved.socket cgmoved.service
        policy_only <<-'POLICY'
	policy "logout" {
	        users = {"alice", "carol"}
	        from = {"session", "user:*"}
	        on-logout = "stop"
	        max-jobs = 500
	        rate = "100000/min"
	}
	POLICY
        attack_begin
}

tear_down() {
        systemctl stop 'flood-*.service' 2>/dev/null || true
        pkill -KILL -u carol -x sh || true
        logins_reset
        rm -f /home/carol/late
}

# The daemon's connections to the system bus.
daemon_names() {
        busctl --system list --unique --no-legend | awk -v pid="$(daemon_pid)" '$2 == pid { print $1 }'
}

daemon_has_names() {
        [[ $(daemon_names | wc -l) -eq $1 ]]
}

# forge NAME MEMBER SIGNATURE ARGUMENT...: a signal of logind's by alice, addressed to one of the daemon's connections.
forge() {
        local name=$1
        shift
        as alice busctl --system emit --destination="$name" /org/freedesktop/login1 org.freedesktop.login1.Manager "$@"
}

# None is believed: jobs of carol, who is logged in, and of alice stay.
test_forged_signals() {
        local name connections n=0
        login_begin a carol "$(run_job hers)"
        login_begin b alice "$(run_job own)"
        login_begin c carol true
        wait_for daemon_has_names 2
        for name in $(daemon_names); do
                for _ in {1..8}; do
                        forge "$name" SessionRemoved so "$(cat /home/carol/ready-a)" "/org/freedesktop/login1/session/$(cat /home/carol/ready-a)"
                        forge "$name" UserRemoved uo 1002 /org/freedesktop/login1/user/_1002
                        forge "$name" SessionNew uo 1002 /x
                        as alice busctl --system emit --destination="$name" /org/freedesktop/DBus org.freedesktop.DBus NameOwnerChanged sss \
                                org.freedesktop.login1 :1.1 ""
                        n=$((n + 4))
                done
        done
        check_stays carol hers
        check_stays alice own
        not as alice busctl --system call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus RequestName su \
                org.freedesktop.login1 0 || fail "alice may own logind's name"
        for name in $(daemon_names); do
                not as alice busctl --system call "$name" /org/cgmove1 org.cgmove1.Manager GetSessions 'a{sv}' 0 ||
                        fail "alice calls the daemon over the bus"
                n=$((n + 1))
        done
        # descriptors that come with one are the sender's failure, not the daemon's
        connections=$(daemon_names)
        # shellcheck disable=SC2086
        check_equal "$(as alice python3 /opt/cgmove-tests/bus-descriptors.py $connections)" 16 "signals with descriptors"
        check_status 0 as bob cgmove list
        check_equal "$(daemon_names)" "$connections" "the connections of the daemon"
        n=$((n + 16))
        # and the true ones are, after all that
        login_end a
        check_stays carol hers
        login_end c
        wait_for has_fate carol hers logout
        check_equal "$(fate alice own)" running
        tried $n forged signals and calls to the connections of the daemon
        attack_end
}

# What a job moves has that job's origin; and what was left in a session that is over, and is moved out only then, is too late.
test_no_other_origin() {
        local late=late-$SRANDOM
        policy_only <<-'POLICY'
	policy "logout" {
	        users = {"alice", "carol"}
	        from = {"session", "user:*", "job"}
	}
	POLICY
        logind_set KillUserProcesses=yes
        login_begin a carol "cgmove run --name outer -- sh -c 'cgmove run --name inner -- sh -c \"cgmove run --name innermost -- sleep 4801\"; sleep 4801' 2>/dev/null"
        wait_for has_fate carol innermost running
        check_equal "$(verdict innermost)" "ends-with-session session-killed"
        login_end a
        wait_for has_fate carol innermost logout
        wait_for has_fate carol outer logout
        logind_set KillUserProcesses=no
        policy_only <<-'POLICY'
	policy "logout" {
	        users = {"alice", "carol"}
	        from = {"session", "user:*", "job"}
	        on-logout = "stop"
	}
	POLICY
        login_begin b carol "setsid sh -c 'until test -e /home/carol/late; do sleep 0.1; done; exec cgmove exec --name $late -- sleep 4801' >/dev/null 2>&1 </dev/null & sleep 0.2"
        login_end b
        wait_for sh -c "loginctl show-session -p State --value $SESSION | grep -q closing"
        touch /home/carol/late
        wait_for has_fate carol "$late" logout
        rm /home/carol/late
        tried 4 ways to another origin
        attack_end
}

# Neither by those who ask all the time, nor by a job that forks and ignores what it is told.
test_no_putting_off() {
        local i
        login_begin a carol "cgmove run --name bomb -- sh -c 'trap : TERM HUP; while :; do sleep 0.1 & sleep 0.05; done' 2>/dev/null; $(run_job plain)"
        for i in 1 2 3; do
                systemd-run --quiet --collect --unit="flood-$i" --uid=bob -p CPUWeight=20 \
                        sh -c 'while :; do cgmove sessions; cgmove list; done >/dev/null 2>&1'
        done
        login_end a
        wait_for has_fate carol plain logout
        wait_for has_fate carol bomb logout
        systemctl stop 'flood-*.service'
        tried 2 jobs that end at a logout while others flood the daemon, one of them with a job that does not want to
        attack_end
}

# What others have is not told.
test_sessions_of_others() {
        local user n=0
        login_begin a carol "$(run_job hers)"
        for user in alice bob nobody; do
                check_equal "$(setpriv --reuid=$user --clear-groups --regid=nogroup cgmove sessions --json |
                        jq -c '[.users, .sessions, .jobs]')" '[[],[],[]]' "what $user sees"
                n=$((n + 1))
        done
        tried $n questions of others about her sessions and jobs
        attack_end
}
