# SPDX-License-Identifier: LGPL-2.1-or-later
# machine: own
# The package: what it brings, upgrade with live jobs, removal, and a purge that leaves nothing.

apt_install() {
        apt-get install --yes --no-install-recommends --allow-downgrades "$@"
}

installed() {
        [[ $(dpkg-query -W -f '${db:Status-Status}' cgmove 2>/dev/null) == installed ]]
}

reset() {
        user_manager_start alice
        gateway_remove
        installed || apt_install /opt/cgmove.deb
        jobs_reset
        policy_reset
}

test_exposure() {
        local said level
        said=$(systemd-analyze security --no-pager cgmoved.service | tail -n 1)
        level=$(sed -n 's/.*: \([0-9]*\)\.\([0-9]*\) .*/\1\2/p' <<<"$said")
        [[ $((10#$level)) -le 20 ]] || fail "$said"
}

test_units_are_well_formed() {
        local said
        said=$(systemd-analyze verify --man=no /lib/systemd/system/cgmoved.service /lib/systemd/system/cgmoved.socket \
                /lib/systemd/system/cgmove@.service 2>&1) || fail "$said"
        check_lacks "$said" cgmove
}

test_started_by_the_installation() {
        systemctl is-active cgmoved.socket
        systemctl is-enabled cgmoved.socket
        systemctl is-active cgmoved.service
        check_equal "$(stat -c '%U %a' /run/cgmove/private)" "root 666"
        check_equal "$(stat -c '%U %a' /var/lib/cgmove)" "root 700"
        check_equal "$(stat -c '%U %a' /etc/cgmove/policy.d)" "root 755"
}

# Where PID 1 is not systemd, root starts the daemon, in folders that nothing has made for it.
test_started_by_hand() {
        local pid
        mkdir -p /sys/fs/cgroup/by-hand
        unshare --mount --propagation private bash -c '
                set -e
                umask 077
                mount -t tmpfs -o mode=755 tmpfs /etc/cgmove
                mount -t tmpfs -o mode=755 tmpfs /run
                mount -t tmpfs -o mode=755 tmpfs /var/lib
                printf "tree = \"direct\"\ntree-root = \"/sys/fs/cgroup/by-hand\"\n" >/etc/cgmove/cgmove.conf
                echo $$ >"$1"
                exec /usr/libexec/cgmove/cgmoved' bash "$TEST_DIR/pid" &
        wait_for test -s "$TEST_DIR/pid"
        pid=$(<"$TEST_DIR/pid")
        inside() {
                nsenter --target "$pid" --mount -- "$@"
        }
        wait_for inside test -S /run/cgmove/private
        check_equal "$(inside stat -c '%U %a' /run/cgmove /run/cgmove/private /var/lib/cgmove | paste -s -d ,)" "root 755,root 666,root 700"
        check_equal "$(inside setpriv --reuid=alice --regid=alice --init-groups cgmove list --json | jq '.jobs | length')" 0
        check_status 1 inside /usr/libexec/cgmove/cgmoved
        inside cgmove list >/dev/null
        kill "$pid"
        wait "$pid" || true
        inside_is_empty() {
                rmdir /sys/fs/cgroup/by-hand
        }
        wait_for inside_is_empty
}

# --- the first minute after the installation: nobody has written a policy

fresh() {
        apt-get purge --yes cgmove >/dev/null
        apt_install /opt/cgmove.deb >/dev/null
        touch /run/policy-touched
        # numbers of jobs begin anew; logs of those that had them before may be there
        as alice mkdir -p /home/alice/.local/state/cgmove
        as alice touch /home/alice/.local/state/cgmove/job-{1,2}.log
}

first_lines() {
        jq -r '.findings[0] | select(.topic == "policy" and .level == "problem") | .cure' <<<"$1"
}

# first_minute PLACE COMMAND...: COMMAND calls its last argument as alice. What she reads first are two lines; they work as they stand.
first_minute() {
        local place=$1 said lines
        shift
        said=$("$@" "cgmove doctor") && fail "the doctor is content: $said"
        check_contains "$(head -n 1 <<<"$said")" "There is no policy yet"
        check_equal "$(grep -c -F "policy allow" <<<"$said")" 1 "times that a policy is proposed"
        said=$("$@" "cgmove doctor --json") || true
        mapfile -t lines < <(first_lines "$said")
        check_equal "${#lines[@]}" 2 "lines"
        check_equal "${lines[0]}" "as root: cgmove policy allow alice --from $place"
        check_match "${lines[1]}" '^as alice: cgmove run '
        bash -c "${lines[0]#as root: }" >/dev/null
        check_status 0 "$@" "${lines[1]#as alice: } 2>&1"
        check_contains "$OUTPUT" "job 1 started"
        check_file /home/alice/.local/state/cgmove/job-1-2.log
        check_status 0 "$@" "cgmove doctor"
        check_lacks "$OUTPUT" "no policy yet"
}

shell_in_session() {
        in_session alice sh -c "$1"
}

test_first_minute_in_a_session() {
        fresh
        check_status 0 systemd-run --quiet --wait --pipe --collect -E HOME=/root cgmove doctor
        check_contains "$(head -n 1 <<<"$OUTPUT")" "no user is allowed anything"
        first_minute session shell_in_session
}

test_first_minute_in_a_service() {
        fresh
        gateway_start mixed
        wait_for gateway_answers
        first_minute "user:$GATEWAY" gateway_call
}

test_upgrade_keeps_jobs() {
        gateway_start mixed
        job_begin lasting
        local old
        old=$(daemon_pid)
        apt_install /opt/upgrade.deb
        check_contains "$(dpkg-query -W cgmove)" later
        wait_for daemon_is_new "$old"
        job_check_alive lasting
        job_check_end lasting
}

test_needrestart_is_kept_away() {
        local file
        file=$(dpkg -L cgmove | grep -F needrestart | tail -n 1)
        check_file "$file"
        check_contains "$(cat "$file")" 'cgmove@'
}

test_removal_from_inside_a_job_is_refused() {
        local id
        check_status 0 systemd-run --quiet --wait --pipe --collect cgmove run --name suicide --wait -- sh -c \
                'apt-get remove --yes cgmove; dpkg-query -W -f "\${db:Status-Status}" cgmove; echo'
        installed || fail "removed"
        id=$(cgmove list --all --json | jq '[.jobs[] | select(.name == "suicide") | .id] | max')
        check_contains "$(cgmove logs "$id")" "inside a job"
}

test_removal_ends_jobs_and_says_so() {
        gateway_start mixed
        job_begin lasting
        nss_use group cgmove
        check_status 0 apt-get remove --yes cgmove
        check_contains "$OUTPUT" "cgmove@1000.service"
        # a file of the administrator's, which is not touched, and harmless
        check_contains "$OUTPUT" "/etc/nsswitch.conf names the module"
        check_no_file "$ALLOWED"
        check_status 2 getent group cgmove-allowed
        check_contains "$(id alice)" alice
        nss_restore
        wait_for not kill -0 "$(cat "$TEST_DIR/shell-lasting")"
        check_no_file "$POOL"
        check_no_file /usr/bin/cgmove
        # the administrator's files and the results wait for a return
        check_file "$POLICY_DIR/test.conf"
        apt_install /opt/cgmove.deb
        check_equal "$(job_field lasting result)" pool-stopped
}

left_over() {
        find /etc /var/lib /run /usr /lib -xdev -iname '*cgmove*' -not -path '/var/lib/dpkg/*' -not -path '/var/lib/apt/*' 2>/dev/null
        find /run/systemd /run/dbus -iname '*cgmove*' 2>/dev/null
        systemctl list-units --all --no-legend --plain '*cgmove*'
}

test_purge_leaves_nothing() {
        gateway_start mixed
        job_begin lasting
        cgmove policy allow bob --from session
        check_status 0 apt-get purge --yes cgmove
        wait_for not kill -0 "$(cat "$TEST_DIR/shell-lasting")"
        check_equal "$(left_over | sort -u)" "" "left over"
        check_no_file "$POOLS"
        # what is the user's own stays his
        check_file /home/alice/.local/state/cgmove
}
