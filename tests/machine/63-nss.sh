# SPDX-License-Identifier: LGPL-2.1-or-later
# machine: own
# The group cgmove-allowed, and policies whose users come from elsewhere: other sources of names, and one that hangs.

set_up() {
        nss_use group cgmove
}

tear_down() {
        directory_end
        nss_restore
        rm -rf /run/userdb
        systemctl stop probe.service 2>/dev/null || true
        touch /run/policy-touched
        [[ -e /etc/cgmove/cgmove.conf ]] || cp /run/cgmove.conf.shipped /etc/cgmove/cgmove.conf
}

# --- the group --------------------------------------------------------------------------------------------------------

test_the_group_is_the_policy() {
        groupadd --force agents
        policy_only <<-'POLICY'
	policy "no" {
	        users = {"carol"}
	        from = {"session"}
	        allow = false
	}
	policy "yes" {
	        users = {"@agents", "1002-1009"}
	        from = {"session"}
	}
	POLICY
        wait_for allowed_are ""
        usermod -a -G agents alice
        policy_reload
        wait_for allowed_are alice
        check_equal "$(getent group 77000)" "$(getent group cgmove-allowed)" "group by number"
        check_contains "$(id alice)" "77000(cgmove-allowed)" "groups of alice"
        check_lacks "$(id bob)" cgmove-allowed "groups of bob"
        check_lacks "$(id root)" cgmove-allowed "groups of root"
        check_contains "$(in_session alice id)" "77000(cgmove-allowed)" "groups of a login"
        check_contains "$(getent group)" "cgmove-allowed:!*:77000:alice" "all groups"
        gpasswd --delete alice agents
        # of a range, those that an enumeration gives; carol may leave another place now
        policy_only <<-'POLICY'
	policy "no" {
	        users = {"carol"}
	        from = {"session"}
	        allow = false
	}
	policy "yes" {
	        users = {"1001-1009"}
	        from = {"session", "user:*"}
	}
	POLICY
        wait_for allowed_are bob,carol
        check_lacks "$(id alice)" cgmove-allowed "groups of alice"
}

# File modes can speak of it.
test_file_modes() {
        wait_for allowed_are alice
        echo secret >"$TEST_DIR/for-the-allowed"
        chgrp cgmove-allowed "$TEST_DIR/for-the-allowed"
        chmod 0640 "$TEST_DIR/for-the-allowed"
        check_equal "$(stat -c %G "$TEST_DIR/for-the-allowed")" cgmove-allowed group
        check_status 0 as alice cat "$TEST_DIR/for-the-allowed"
        check_status 1 as bob cat "$TEST_DIR/for-the-allowed"
}

test_with_and_without_a_daemon() {
        wait_for allowed_are alice
        check_equal "$(stat -c '%U:%G %a' "$ALLOWED")" "root:root 644" "the snapshot"
        systemctl stop cgmoved.socket cgmoved.service
        allowed_are alice || fail "without a daemon: $(getent group cgmove-allowed)"
        systemctl start cgmoved.socket cgmoved.service
        wait_for allowed_are alice
        # no policy, no members; the same with one that is bad from the start
        rm -f "$POLICY_DIR"/*
        policy_reload
        wait_for allowed_are ""
        policy_only < <(policy_default)
        wait_for allowed_are alice
        echo 'policy "x" {' >"$POLICY_DIR/bad.conf"
        systemctl restart cgmoved.service
        wait_for allowed_are ""
        # a bad file later leaves what is in force
        rm "$POLICY_DIR/bad.conf"
        policy_reload
        wait_for allowed_are alice
        echo 'policy "x" {' >"$POLICY_DIR/bad.conf"
        systemctl kill --signal=HUP --kill-whom=main cgmoved.service
        sleep 0.5
        allowed_are alice || fail "after a bad file: $(getent group cgmove-allowed)"
}

test_another_number() {
        settings_add <<<'allowed-gid = 61000'
        wait_for getent group 61000
        check_equal "$(getent group cgmove-allowed)" 'cgmove-allowed:!*:61000:alice' group
        check_status 2 getent group 77000
        echo 'allowed-gid = 27' >>/etc/cgmove/cgmove.conf
        check_status 1 cgmove policy check
        check_contains "$OUTPUT" allowed-gid
        cp /run/cgmove.conf.shipped /etc/cgmove/cgmove.conf
        policy_reload
        wait_for getent group 77000
}

test_off_as_shipped() {
        nss_restore
        check_lacks "$(cat /etc/nsswitch.conf)" cgmove nsswitch.conf
        check_status 2 getent group cgmove-allowed
        # a group of that name that the host has itself comes first
        groupadd --gid 61111 cgmove-allowed
        nss_use group cgmove
        check_equal "$(getent group cgmove-allowed)" cgmove-allowed:x:61111: "the host's own"
        nss_restore
        groupdel cgmove-allowed
}

# --- other sources ----------------------------------------------------------------------------------------------------

# Users that nss-systemd has from records of userdb: a user, an id, a primary group, a range.
test_users_of_another_source() {
        mkdir -p /run/userdb
        cd /run/userdb || return
        echo '{"userName":"dora","uid":5100,"gid":5100,"disposition":"regular"}' >dora.user
        echo '{"groupName":"dora","gid":5100,"disposition":"regular"}' >dora.group
        ln -s dora.user 5100.user
        ln -s dora.group 5100.group
        cd /
        wait_for getent passwd dora
        not grep -q dora /etc/passwd
        for users in '"dora"' '"5100"' '"@dora"' '"5100-5199"'; do
                policy_only <<<"policy \"userdb\" { users = {$users} from = {\"session\"} }"
                wait_for allowed_are dora
                check_contains "$(id dora)" 77000 "groups of dora"
                check_status 0 cgmove policy explain --user 5100 --from session
                policy_only <<<"policy \"nobody\" { users = {\"nobody-of-this-name\"} from = {\"session\"} }"
                wait_for allowed_are ""
        done
}

# --- one that hangs ---------------------------------------------------------------------------------------------------

# alice before the users of the directory, carol after them; bob is in a group of it.
policy_of_both() {
        cat <<-'POLICY'
	policy "local" {
	        users = {"alice"}
	        from = {"session", "user:*"}
	}
	policy "far" {
	        users = {"remote", "@farers"}
	        from = {"session", "system:probe.service"}
	        max-jobs = 3
	}
	policy "after" {
	        users = {"1001-1009"}
	        from = {"session", "job"}
	}
	POLICY
}

decides_for() {
        check_status "$2" cgmove policy explain --user "$1" --from "$3"
        check_contains "$OUTPUT" "Section: $4" "what decides for $1"
}

# The directory's user, without a look-up of him by anybody but the daemon.
remote_may_leave() {
        [[ -d /sys/fs/cgroup/system.slice/probe.service ]] || systemd-run --quiet --collect --unit=probe.service sleep infinity
        (
                echo "$BASHPID" >/sys/fs/cgroup/system.slice/probe.service/cgroup.procs
                exec python3 -c 'import os
os.setgroups([]); os.setgid(5000); os.setuid(5000)
os.execv("/usr/bin/cgmove", ["cgmove", "exec", "--", "/bin/true"])'
        )
}

the_new_policy_decides() {
        [[ $(cgmove policy explain --user 1002 --from user:x.service) == *"Section: local"* ]]
}

# Nobody can tell whether the first section that is not local decides.
is_undecided_for() {
        check_status 77 timeout 10 cgmove policy explain --user "$1" --from session
        check_contains "$OUTPUT" "cannot be looked up now" "what is said of $1"
}

may_run() {
        in_session "$1" cgmove run -- true
}

# (Nothing here asks journalctl(1) or others who look for groups that are not there, while the directory hangs: it hangs them, too.)
# The daemon has no process besides.
no_child_is_left() {
        [[ $(pgrep -c -P "$(daemon_pid)" || true) == 0 ]]
}

test_directory_that_hangs_at_a_reload() {
        local old
        directory_begin
        policy_only < <(policy_of_both)
        wait_for allowed_are alice,bob,carol,remote
        decides_for 5000 0 session far
        check_status 0 remote_may_leave
        old=$(daemon_pid)
        directory_is hangs
        # what is new counts for local users; those of the directory keep the numbers they had
        policy_only < <(policy_of_both | sed 's/"alice"}/"alice", "carol"}/')
        check_status 0 as alice timeout 10 cgmove list
        wait_for the_new_policy_decides
        check_status 0 remote_may_leave
        check_status 0 may_run bob
        check_status 0 may_run carol
        check_equal "$(daemon_pid)" "$old" "the daemon"
        wait_for no_child_is_left # which is killed, until the next one is tried
        directory_is well
        wait_for allowed_are alice,bob,carol,remote
        wait_for no_child_is_left
}

# Who looks names up himself waits with them, and is told for what.
test_directory_that_hangs_with_the_tool() {
        local verb pid
        directory_begin
        policy_only < <(policy_of_both)
        wait_for allowed_are alice,bob,carol,remote
        directory_is hangs
        for verb in "policy check" "policy explain --user remote --from session" "policy allow remote --from job"; do
                # shellcheck disable=SC2086
                cgmove $verb >"$TEST_DIR/said" 2>&1 &
                pid=$!
                wait_for grep -q "still being looked up" "$TEST_DIR/said"
                directory_is well
                wait "$pid" || fail "$verb: $(cat "$TEST_DIR/said")"
                directory_is hangs
        done
        directory_is well
}

# A daemon that starts knows nothing of the directory's users: it serves the others, and passes nobody over whom it may not.
test_directory_that_hangs_at_the_start() {
        directory_begin
        policy_only < <(policy_of_both)
        wait_for allowed_are alice,bob,carol,remote
        directory_is hangs
        check_status 0 systemctl restart cgmoved.service
        check_status 0 may_run alice
        check_status 75 may_run bob
        check_contains "$OUTPUT" "cannot be looked up now"
        is_undecided_for carol
        check_status 125 remote_may_leave
        check_status 0 cgmove policy explain --user bob --from job
        wait_for allowed_are alice,bob,carol
        check_status 0 as alice timeout 10 cgmove list
        # it tries again by itself
        directory_is well
        wait_for may_run carol
        wait_for allowed_are alice,bob,carol,remote
        decides_for 5000 0 session far
        decides_for 1001 0 session far
        check_contains "$(journalctl --quiet --no-pager -u cgmoved.service)" "2 of its users and groups could not be looked up"
        wait_for no_child_is_left
}

test_directory_that_crashes_or_is_away() {
        directory_begin
        for state in crashes is-away is-unreachable; do
                directory_is "$state"
                policy_only < <(policy_of_both)
                systemctl restart cgmoved.service
                check_status 0 may_run alice
                is_undecided_for bob
                directory_is well
                wait_for may_run bob
        done
        wait_for allowed_are alice,bob,carol,remote
}

# The question of a section that refuses is left open, too.
test_refusals_are_not_lost() {
        directory_begin
        directory_is hangs
        policy_only <<-'POLICY'
	policy "not-remote" {
	        users = {"remote"}
	        from = {"session"}
	        allow = false
	}
	policy "all" {
	        users = {"0-60000"}
	        from = {"session", "job"}
	}
	POLICY
        systemctl restart cgmoved.service
        is_undecided_for alice
        check_status 0 cgmove policy explain --user alice --from job
        directory_is well
        wait_for may_run alice
        decides_for 5000 77 session not-remote
        wait_for allowed_are "$(getent passwd | awk -F: '$3 <= 60000 { print $1 }' | LC_ALL=C sort -u | paste -s -d,)"
}
