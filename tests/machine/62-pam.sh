# SPDX-License-Identifier: LGPL-2.1-or-later
# machine: own
# The PAM module in the programs that open sessions: ssh, su, sudo, login, cron, and systemd for PAMName=.

PAM_FILES="/etc/pam.d/common-session /etc/pam.d/common-session-noninteractive"

# With time enough for a machine that does other things.
pam_on() {
        pam-auth-update --enable cgmove
        mkdir -p /run/pam-on
        # shellcheck disable=SC2086 # two files
        cp $PAM_FILES /run/pam-on
        pam_options timeout=10s
}

pam_options() {
        # shellcheck disable=SC2086 # two files
        sed -i -E "s/(pam_cgmove\.so).*/\1 debug $*/" $PAM_FILES
}

# pam-auth-update leaves files alone that it does not know again.
pam_off() {
        [[ ! -d /run/pam-on ]] || cp /run/pam-on/* /etc/pam.d/
        rm -rf /run/pam-on
        pam-auth-update --disable cgmove
}

# A daemon that has logged nothing yet, so that no line is held back because of what was before, and no pool.
set_up() {
        systemctl stop 'cgmove@*.service'
        systemctl restart cgmoved.service
        pam_on
        BEGUN=$EPOCHREALTIME
}

tear_down() {
        kill -CONT "$(daemon_pid)" 2>/dev/null || true
        rm -f /etc/cron.d/session-test /etc/pam.d/test
        systemctl stop cron.service ssh.service
        systemctl mask --quiet cron.service ssh.service
        pam_off
}

# said EVENT UID SERVICE: the lines of the daemon since the test began.
said() {
        journalctl --quiet --no-pager --output=cat --since "@$BEGUN" -t cgmoved "CGMOVE_EVENT=session-$1" "CGMOVE_UID=$2" "CGMOVE_SERVICE=$3"
}

is_said() {
        [[ -n $(said "$@") ]]
}

# What the module itself says, to whatever program it is in.
module_said() {
        journalctl --quiet --no-pager --output=cat --since "@$BEGUN" --grep "$1" | grep -c . >/dev/null
}

pool_is_up() {
        systemctl is-active --quiet "cgmove@$1.service"
}

# check_session UID SERVICE: it was reported at both ends, and there is a pool.
check_session() {
        wait_for is_said opened "$1" "$2"
        wait_for is_said closed "$1" "$2"
        wait_for pool_is_up "$1"
}

# check_variables UID FILE: the output of env.
check_variables() {
        check_equal "$(sed -n 's/^XDG_RUNTIME_DIR=//p' "$2")" "/run/user/$1" "runtime directory"
        check_equal "$(sed -n 's/^DBUS_SESSION_BUS_ADDRESS=//p' "$2")" "unix:path=/run/user/$1/bus" "address of the bus"
}

# The daemon has read a policy that allows something to USER.
is_allowed() {
        [[ $(cgmove policy explain --json --user "$1" --from session | jq .policy.allowed) == true ]]
}

# --- the programs ---------------------------------------------------------------------------------------------------------------

test_ssh() {
        systemctl unmask --quiet ssh.service
        systemctl start ssh.service
        wait_for over_ssh true
        over_ssh env >"$TEST_DIR/env"
        check_session 1000 sshd
        check_variables 1000 "$TEST_DIR/env"
        # the pool that the login has started is the job's
        local pool
        pool=$(systemctl show --value -p InvocationID cgmove@1000.service)
        check_status 0 over_ssh cgmove run --wait -- true
        check_equal "$(systemctl show --value -p InvocationID cgmove@1000.service)" "$pool" "the pool"
}

test_su() {
        su alice -c env >"$TEST_DIR/env"
        check_session 1000 su
        check_variables 1000 "$TEST_DIR/env"
        su - alice -c env >"$TEST_DIR/env"
        check_session 1000 su-l
        check_variables 1000 "$TEST_DIR/env"
}

sudo_env() {
        sudo "$@" env
}

test_sudo() {
        sudo_env -u alice >"$TEST_DIR/env"
        check_session 1000 sudo
        check_variables 1000 "$TEST_DIR/env"
        sudo_env -i -u alice >"$TEST_DIR/env"
        check_session 1000 sudo-i
        check_variables 1000 "$TEST_DIR/env"
        # from alice to root, who is named by no policy
        printf 'alice ALL=(root) NOPASSWD: ALL\n' >/etc/sudoers.d/session-test
        check_equal "$(as alice sudo id -u)" 0
        rm /etc/sudoers.d/session-test
        check_equal "$(said opened 0 sudo)" "" "session of root"
        not pool_is_up 0
}

# What is typed before the shell is there may be thrown away.
type_until_done() {
        until [[ -e $TEST_DIR/done ]]; do
                echo "env >$TEST_DIR/env && touch $TEST_DIR/done; exit"
                sleep 0.5
        done
}

test_login() {
        chmod 0777 "$TEST_DIR"
        type_until_done | timeout 60 script --quiet --command 'exec login -f alice' /dev/null
        check_session 1000 login
        check_variables 1000 "$TEST_DIR/env"
}

cron_has_run() {
        grep -q '^XDG_RUNTIME_DIR=' "$TEST_DIR/env"
}

test_cron() {
        chmod 0777 "$TEST_DIR"
        printf '@reboot alice env >%s/env\n' "$TEST_DIR" >/etc/cron.d/session-test
        rm -f /run/crond.reboot
        systemctl unmask --quiet cron.service
        systemctl start cron.service
        wait_for cron_has_run
        check_session 1000 cron
        check_variables 1000 "$TEST_DIR/env"
}

# Opened by the process that becomes the service, closed by another one, (sd-pam).
test_pamname() {
        systemd-run --quiet --wait --pipe --collect --uid=alice -p PAMName=su -- env >"$TEST_DIR/env"
        check_session 1000 su
        check_variables 1000 "$TEST_DIR/env"
}

# Its end is not always told: PID 1 may kill the process that would first.
test_user_manager() {
        user_manager_stop alice
        user_manager_start alice
        wait_for is_said opened 1000 systemd-user
        wait_for pool_is_up 1000
}

# --- before and after pam_systemd ------------------------------------------------------------------------------------------------

# The number of the line in common-session.
line_of() {
        grep -n "$1" /etc/pam.d/common-session | cut -d : -f 1
}

# The first session of a user who does not linger: there is no runtime directory before pam_systemd has asked for it.
check_first_session() {
        policy_only <<-'POLICY'
	policy "carol" {
	        users = {"carol"}
	        from = {"session"}
	}
	POLICY
        wait_for is_allowed carol
        user_manager_stop carol
        wait_for test ! -e /run/user/1002
        su - carol -c env >"$TEST_DIR/env"
        check_session 1002 su-l
        check_variables 1002 "$TEST_DIR/env"
        loginctl terminate-user carol 2>/dev/null || true
}

test_after_pam_systemd() {
        [[ $(line_of pam_cgmove) -gt $(line_of pam_systemd) ]] || fail "pam-auth-update puts it before pam_systemd"
        check_first_session
}

test_before_pam_systemd() {
        local line
        line=$(grep pam_cgmove /etc/pam.d/common-session)
        sed -i -e '/pam_cgmove/d' -e "s/^.*pam_systemd\.so.*/$line\n&/" /etc/pam.d/common-session
        [[ $(line_of pam_cgmove) -lt $(line_of pam_systemd) ]] || fail "it is not before pam_systemd"
        check_first_session
}

# --- users ----------------------------------------------------------------------------------------------------------------------

# sudo sets variables that differ from call to call
env_of_bob() {
        su - bob -c env | grep -v -E '^(XDG_SESSION_ID|_)=' | sort
}

test_nothing_without_a_policy() {
        local without with
        pam_off
        without=$(env_of_bob)
        pam_on
        with=$(env_of_bob)
        check_equal "$with" "$without" "environment of bob"
        sudo -u bob env | check_lacks "$(cat)" /run/user "environment of bob by sudo"
        wait_for module_said 'no policy is for user 1001'
        check_equal "$(said opened 1001 su-l)$(said opened 1001 sudo)" "" "sessions of bob"
        not pool_is_up 1001
}

test_groups() {
        groupadd --force session-agents
        usermod --append --groups session-agents bob
        policy_only <<-'POLICY'
	policy "refused" {
	        users = {"alice"}
	        from = {"session", "user:*", "system:*", "job"}
	        allow = false
	}
	policy "agents" {
	        users = {"@session-agents"}
	        from = {"session"}
	}
	POLICY
        wait_for is_allowed bob
        su - bob -c true
        check_session 1001 su-l
        su - alice -c true
        wait_for module_said 'no policy is for user 1000'
        groupdel session-agents
}

# Root may move without any policy, but a pool is prepared for him only if one names him.
test_root() {
        su - root -c true
        wait_for module_said 'no policy is for user 0'
        not pool_is_up 0
        policy_only <<-'POLICY'
	policy "root" {
	        users = {"root"}
	        from = {"session"}
	}
	POLICY
        wait_for is_allowed root
        su - root -c true
        check_session 0 su-l
}

# --- pools ----------------------------------------------------------------------------------------------------------------------

pool_said() {
        [[ -n $(journalctl --quiet --no-pager --output=cat --since "@$BEGUN" -t cgmoved "CGMOVE_EVENT=pool-$1" CGMOVE_UID=1000) ]]
}

test_idle_pool_is_stopped() {
        settings_add <<<'pool { idle = "1s" }'
        su - alice -c true
        wait_for is_said closed 1000 su-l
        wait_for not pool_is_up 1000
        wait_for pool_said started
        wait_for pool_said stopped
        check_status 0 in_session alice cgmove run --wait -- true
}

# The last half of the places is for jobs.
test_places_are_left_for_jobs() {
        settings_add <<<'max-pools = 2'
        policy_only <<-'POLICY'
	policy "all" {
	        users = {"1000-1002"}
	        from = {"session"}
	}
	POLICY
        wait_for is_allowed bob
        su - alice -c true
        check_session 1000 su-l
        su - bob -c true
        wait_for is_said opened 1001 su-l
        check_contains "$(said opened 1001 su-l)" "waits for a first job"
        not pool_is_up 1001
        check_status 0 in_session bob cgmove run --wait -- true
        pool_is_up 1001
}

# --- the daemon -----------------------------------------------------------------------------------------------------------------

test_daemon_restarted_meanwhile() {
        mkfifo "$TEST_DIR/go"
        su - alice -c 'cat >/dev/null' <"$TEST_DIR/go" &
        exec 9>"$TEST_DIR/go"
        wait_for is_said opened 1000 su-l
        systemctl restart cgmoved.service
        exec 9>&-
        wait $!
        wait_for is_said closed 1000 su-l
}

# milliseconds that a login takes
login_time() {
        local begun=${EPOCHREALTIME/./} ended
        "$@"
        ended=${EPOCHREALTIME/./}
        echo $(((ended - begun) / 1000))
}

# The module says for itself how long it has waited. Beside it, the whole login is compared with one with the daemon there; what may be
# more is for a machine that does other things.
test_hanging_daemon() {
        local usual hanging
        pam_options timeout=1s
        usual=$(login_time su - alice -c true)
        kill -STOP "$(daemon_pid)"
        hanging=$(login_time su - alice -c true)
        wait_for module_said 'the session begins without cgmoved: it did not answer within 1000 ms'
        [[ $hanging -ge 1000 ]] || fail "a login took $hanging ms: it has not waited"
        [[ $hanging -lt $((2 * usual + 1000 + 10000)) ]] || fail "a login took $hanging ms instead of $usual"
        # once: nobody is asked at the end of such a session
        module_said 'the session ends without' && fail "it has waited at the end, too"
        check_equal "$(sudo -u alice id -u)" 1000
        kill -CONT "$(daemon_pid)"
        check_status 0 in_session alice cgmove run --wait -- true
}

test_no_daemon() {
        systemctl stop cgmoved.socket cgmoved.service
        check_equal "$(su - alice -c 'id -u')" 1000
        check_equal "$(sudo -u alice id -u)" 1000
        wait_for module_said 'there is no daemon'
        systemctl start cgmoved.socket cgmoved.service
}

# Alone in its stack, where what a module says is what the application gets.
test_alone() {
        printf '%s\n' 'auth required pam_permit.so' 'account required pam_permit.so' 'session required pam_cgmove.so timeout=10s' >/etc/pam.d/test
        check_equal "$(systemd-run --quiet --wait --pipe --collect --uid=alice -p PAMName=test id -u)" 1000
        check_session 1000 test
        check_equal "$(systemd-run --quiet --wait --pipe --collect --uid=bob -p PAMName=test id -u)" 1001
        systemctl stop cgmoved.socket cgmoved.service
        check_equal "$(systemd-run --quiet --wait --pipe --collect --uid=alice -p PAMName=test id -u)" 1000
        systemctl start cgmoved.socket cgmoved.service
}

# --- the package ----------------------------------------------------------------------------------------------------------------

test_off_as_shipped_and_gone_with_the_package() {
        pam_off
        check_equal "$(grep -l cgmove /etc/pam.d/* || true)" "" "files that name the module"
        pam_on
        # shellcheck disable=SC2086 # two files
        check_equal "$(grep -c cgmove $PAM_FILES | cut -d : -f 2 | sort -u)" 1 "lines of the module"
        apt-get remove --yes cgmove
        rm -r /run/pam-on
        check_equal "$(grep -l cgmove /etc/pam.d/* || true)" "" "files that name the module"
        check_equal "$(su - alice -c 'id -u')" 1000
        apt-get install --yes --no-install-recommends /opt/cgmove.deb
}
