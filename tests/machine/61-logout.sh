# SPDX-License-Identifier: LGPL-2.1-or-later
# on-logout: what a logout does to jobs, as the policy and logind have it, and what `cgmove sessions` says of it.

set_up() {
        touch /run/policy-touched
}

tear_down() {
        logins_reset
}

test_auto_as_logind_leaves_it() {
        policy_logout auto
        login_begin a carol "$(run_job left)"
        check_equal "$(verdict left)" "stays session-left"
        login_end a
        wait_for is_unknown carol
        check_stays carol left
        end_jobs
}

# Each with its own session, also of one who lingers; and what a job moves is where that came from.
test_auto_as_logind_kills_it() {
        policy_logout auto
        logind_set KillUserProcesses=yes
        login_begin a carol "$(run_job first); cgmove run --name outer -- sh -c 'cgmove run --name inner -- sleep 4801' 2>/dev/null"
        login_begin b carol "$(run_job second)"
        login_begin c alice "$(run_job lingering)"
        wait_for has_fate carol inner running
        check_equal "$(verdict first)" "ends-with-session session-killed"
        check_equal "$(verdict inner)" "ends-with-session session-killed"
        check_equal "$(cgmove sessions --json | jq -r '.users[] | select(.name == "carol") | "\(.kills_processes) \(.rule) \(.lingers)"')" \
                "true KillUserProcesses=yes false"
        login_end a
        wait_for has_fate carol first logout
        wait_for has_fate carol inner logout
        check_stays carol second
        login_end b
        wait_for has_fate carol second logout
        check_stays alice lingering
        login_end c
        wait_for has_fate alice lingering logout
        wait_for journal_has KillUserProcesses=yes -o cat -n 1 CGMOVE_EVENT=logout
}

# Real logins, each over in a moment, with every value.
test_over_ssh() {
        logind_set KillUserProcesses=yes
        sshd_start
        policy_logout auto
        over_ssh "$(run_job ssh-auto)"
        wait_for has_fate alice ssh-auto logout
        policy_logout stop
        over_ssh "$(run_job ssh-stop)"
        wait_for has_fate alice ssh-stop logout
        policy_logout keep
        over_ssh "$(run_job ssh-keep)"
        wait_for has_no_session alice
        check_stays alice ssh-keep
        logind_set KillUserProcesses=no
        policy_logout auto
        over_ssh "$(run_job ssh-left)"
        wait_for has_no_session alice
        check_stays alice ssh-left
        systemctl stop ssh.service
        end_jobs
}

# What came from a unit of her manager outlives that where nothing is killed, and where she lingers.
test_auto_of_a_user_unit() {
        local command
        policy_logout auto
        command="systemd-run --user --quiet --wait --collect cgmove run --name of-unit -- sleep 4801"
        login_begin a carol "$command"
        check_equal "$(verdict of-unit)" "stays not-killed"
        login_end a
        wait_for is_unknown carol
        check_stays carol of-unit
        end_jobs
        logind_set KillUserProcesses=yes
        login_begin a carol "$command"
        check_equal "$(verdict of-unit)" "ends-with-last-logout manager-ends"
        login_end a
        wait_for has_fate carol of-unit logout
        as_unit loginctl enable-linger carol
        wait_for user_manager_is_up carol
        login_begin b carol "$command"
        check_equal "$(verdict of-unit)" "stays lingers"
        login_end b
        wait_for has_no_session carol
        check_stays carol of-unit
        # a manager that is stopped by hand is no logout
        user_manager_stop carol
        check_stays carol of-unit
        user_manager_start carol
        # the end of lingering is one, if nobody is logged in
        as_unit loginctl enable-linger carol
        wait_for loginctl show-user carol
        as_unit loginctl disable-linger carol
        wait_for has_fate carol of-unit logout
}

test_auto_of_a_system_unit() {
        policy_logout auto
        logind_set KillUserProcesses=yes
        login_begin a carol true
        in_unit carol cgmove run --name of-system -- sleep 4801
        check_equal "$(verdict of-system)" "stays no-login"
        login_end a
        wait_for is_unknown carol
        check_stays carol of-system
        systemctl stop caller-carol.service
        end_jobs
}

# With the last session, whether or not she lingers, and wherever it came from.
test_stop() {
        policy_logout stop
        in_unit alice cgmove run --name before-login -- sleep 4801
        check_stays alice before-login
        login_begin a alice "$(run_job stopped)"
        login_begin b alice true
        check_equal "$(verdict stopped)" "ends-with-last-logout stop"
        login_end a
        check_stays alice stopped
        login_end b
        wait_for has_fate alice stopped logout
        wait_for has_fate alice before-login logout
        systemctl stop caller-alice.service
}

# A look at logind before she had a job has not asked about her sessions, and that of her manager is none of hers.
test_stop_without_a_login() {
        policy_logout stop
        systemctl restart cgmoved.service
        cgmove sessions >/dev/null
        in_unit alice cgmove run --name no-login -- sleep 4801
        check_equal "$(verdict no-login)" "ends-with-last-logout stop"
        sleep 1
        check_equal "$(verdict no-login)" "ends-with-last-logout stop"
        check_stays alice no-login
        end_jobs
        systemctl stop caller-alice.service
}

test_keep() {
        policy_logout keep
        logind_set KillUserProcesses=yes
        login_begin a carol "$(run_job kept)"
        check_equal "$(verdict kept)" "stays keep"
        login_end a
        wait_for is_unknown carol
        check_stays carol kept
        end_jobs
}

# What was in force when it began, like all else of a policy.
test_a_job_keeps_its_rule() {
        policy_logout keep
        login_begin a carol "$(run_job before)"
        policy_logout stop
        login_begin b carol "$(run_job after)"
        check_equal "$(verdict before)" "stays keep"
        login_end a
        login_end b
        wait_for has_fate carol after logout
        check_stays carol before
        end_jobs
}

test_logout_while_the_daemon_is_down() {
        policy_logout auto
        logind_set KillUserProcesses=yes
        login_begin a carol "$(run_job down); systemd-run --user --quiet --wait --collect cgmove run --name down-unit -- sleep 4801"
        check_equal "$(verdict down)" "ends-with-session session-killed"
        systemctl stop cgmoved.socket cgmoved.service
        login_end a
        wait_for is_unknown carol
        sleep 0.5
        pgrep -u carol -x -f 'sleep 4801' >/dev/null || fail "the jobs have ended without the daemon"
        systemctl start cgmoved.socket cgmoved.service
        wait_for has_fate carol down logout
        wait_for has_fate carol down-unit logout
}

test_sessions_are_ones_own() {
        policy_logout auto
        login_begin a carol "$(run_job hers)"
        login_begin b alice "$(run_job mine)"
        check_equal "$(as alice cgmove sessions --json | jq -c '[.users, .sessions, .jobs] | map(map(.uid) | unique) | add | unique')" '[1000]'
        check_equal "$(cgmove sessions --json | jq -c '.jobs | map(.uid) | sort')" '[1000,1002]'
        check_equal "$(as bob cgmove sessions --json | jq -c '[.users, .sessions, .jobs]')" '[[],[],[]]'
        check_equal "$(as bob cgmove sessions)" "No running jobs."
        check_equal "$(as alice cgmove sessions --json | jq -r '.sessions[] | "\(.id) \(.service) \(.jobs)"')" "$SESSION login 1"
        check_match "$(as alice cgmove sessions)" "session-$SESSION.scope +stays +policy \"logout\": on-logout = \"auto\""
        check_status 2 cgmove sessions more
        check_equal "$(as carol cgmove status --json hers | jq -r '.job | "\(.on_logout) \(.origin)"')" \
                "auto session-$(cat /home/carol/ready-a).scope"
        end_jobs
}
