# SPDX-License-Identifier: LGPL-2.1-or-later
# on-logout where time has to pass: sessions that do not end, jobs that do not end, a daemon or a logind that does.
#
# run: all

set_up() {
        touch /run/policy-touched
}

tear_down() {
        logins_reset
}

test_auto_with_lists_of_users() {
        policy_logout auto
        logind_set KillUserProcesses=yes KillExcludeUsers=carol
        login_begin a carol "$(run_job excluded)"
        check_equal "$(verdict excluded)" "stays session-left"
        login_end a
        wait_for is_unknown carol
        check_stays carol excluded
        # the settings that count are those at the logout
        login_begin b carol "$(run_job only)"
        logind_set KillOnlyUsers=carol
        check_equal "$(verdict only)" "ends-with-session session-killed"
        login_end b
        wait_for has_fate carol only logout
        end_jobs
}

# A process that is left behind keeps a session "closing"; the user has logged out.
test_stop_while_a_session_is_closing() {
        policy_logout stop
        login_begin a carol "$(run_job closing); setsid sleep 4802 >/dev/null 2>&1 </dev/null & sleep 0.2"
        login_end a
        wait_for has_fate carol closing logout
        pgrep -u carol -x -f 'sleep 4802' >/dev/null || fail "nothing was left behind; this test shows nothing"
        check_equal "$(loginctl show-session -p State --value "$SESSION")" closing
}

# They are asked, have time, and are killed; and so by the next daemon.
test_a_killed_daemon_goes_on() {
        local old
        policy_logout stop
        login_begin a carol "cgmove run --name stubborn -- sh -c 'trap \"echo asked\" TERM; while :; do sleep 0.1; done' 2>/dev/null; $(run_job meek)"
        login_end a
        wait_for has_fate carol meek logout
        old=$(daemon_pid)
        systemctl kill --signal=KILL cgmoved.service
        wait_for daemon_is_new "$old"
        check_equal "$(fate carol stubborn)" running
        wait_for has_fate carol stubborn logout
        check_contains "$(as carol cgmove logs "$(list_of carol '[.jobs[] | select(.name == "stubborn") | .id] | max')")" asked
}

test_logind_is_restarted() {
        policy_logout stop
        login_begin a carol "$(run_job patient)"
        systemctl restart systemd-logind.service
        check_stays carol patient
        login_end a
        wait_for has_fate carol patient logout
}

says_without_logind() {
        grep -q 'cannot be asked' < <(journalctl -u cgmoved -o cat --no-pager --since "@$1" CGMOVE_EVENT=logind)
}

# Jobs stay, it is said once and to whoever asks; and when it is there again the logout is seen.
test_without_logind() {
        local since=$EPOCHREALTIME
        policy_logout stop
        login_begin a carol "$(run_job alone)"
        check_equal "$(verdict alone)" "ends-with-last-logout stop"
        systemctl mask --runtime --now --quiet systemd-logind.service
        check_equal "$(verdict alone)" "stays no-logind"
        check_equal "$(cgmove sessions --json | jq .logind)" false
        check_contains "$(cgmove sessions)" "systemd-logind does not answer"
        login_end a
        check_stays carol alone
        wait_for says_without_logind "$since"
        check_contains "$(as carol cgmove doctor || true)" "systemd-logind cannot be asked"
        systemctl unmask --runtime --quiet systemd-logind.service
        systemctl start systemd-logind.service
        wait_for has_fate carol alone logout
        check_equal "$(journalctl -u cgmoved -o cat --no-pager --since "@$since" CGMOVE_EVENT=logind | wc -l)" 2 "lines about logind"
        check_lacks "$(as carol cgmove doctor || true)" "systemd-logind cannot be asked"
}
