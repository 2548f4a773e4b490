# SPDX-License-Identifier: LGPL-2.1-or-later
# Logins and what they leave behind. alice lingers, carol does not; a session is that of a unit with PAM, which a login makes in the
# same way.

LOGIND_CONF=/etc/systemd/logind.conf.d/zz-logout.conf

# newer logind refuses what comes from outside of all cgroups of the machine
as_unit() {
        systemd-run --quiet --wait --pipe --collect "$@"
}

# policy_logout VALUE: on-logout for alice and carol.
policy_logout() {
        policy_only <<-POLICY
	policy "logout" {
	        users     = {"alice", "carol"}
	        from      = {"user:*", "system:*", "session", "job"}
	        on-logout = "$1"
	}
	POLICY
}

# logind_set LINE...: the settings of logind.conf, in force.
logind_set() {
        printf '[Login]\n' >"$LOGIND_CONF"
        printf '%s\n' "$@" >>"$LOGIND_CONF"
        systemctl restart systemd-logind.service
        wait_for busctl --system get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager KillUserProcesses
}

# login_begin NAME USER COMMAND: a session in which the shell COMMAND has been run, and which goes on. It is in $SESSION.
login_begin() {
        local name=$1 user=$2 command=$3
        rm -f "/home/$user/ready-$name"
        systemd-run --quiet --collect --unit="login-$name" --uid="$user" -p PAMName=login --working-directory="/home/$user" \
                -E "XDG_RUNTIME_DIR=/run/user/$(id -u "$user")" -E LC_ALL=C.UTF-8 -- \
                sh -c "$command; echo \$\$XDG_SESSION_ID >ready-$name.new; mv ready-$name.new ready-$name; exec sleep 4800"
        wait_for test -s "/home/$user/ready-$name"
        # shellcheck disable=SC2034
        SESSION=$(cat "/home/$user/ready-$name")
}

# login_end NAME: its session ends.
login_end() {
        systemctl stop "login-$1.service"
}

logins_end() {
        systemctl stop 'login-*.service' 2>/dev/null || true
        pkill -KILL -u carol -x -f 'sleep 480[0-9]' || true
        pkill -KILL -u alice -x -f 'sleep 480[0-9]' || true
        wait_for has_no_session carol
        wait_for has_no_session alice
}

has_no_session() {
        ! loginctl list-sessions --no-legend | awk -v user="$1" '$3 == user' | grep -q -v manager
}

is_unknown() {
        ! loginctl show-user "$1"
}

run_job() {
        printf 'cgmove run --name %s -- sleep 4801 2>/dev/null' "$1"
}

# What has become of the newest job of that name: "running", or its result.
fate() {
        list_of "$1" "[.jobs[] | select(.name == \"$2\")] | max_by(.id) | if .state == \"running\" then .state else .result end"
}

has_fate() {
        [[ $(fate "$1" "$2") == "$3" ]]
}

# It is looked at again and again; what was not ended when all has settled is not ended.
check_stays() {
        local user=$1 name=$2
        cgmove sessions >/dev/null
        sleep 1
        cgmove sessions >/dev/null
        check_equal "$(fate "$user" "$name")" running "$name"
}

# verdict NAME: what root is told of it.
verdict() {
        cgmove sessions --json | jq -r ".jobs[] | select(.name == \"$1\") | \"\(.at_logout) \(.reason)\""
}

end_jobs() {
        local id
        for id in $(cgmove list --json | jq -r '.jobs[].id'); do
                cgmove kill "$id" || true
        done
}

# As it was before.
logins_reset() {
        logins_end
        rm -f /home/carol/ready-* /home/alice/ready-*
        systemctl unmask --runtime --quiet systemd-logind.service 2>/dev/null || true
        systemctl start cgmoved.socket cgmoved.service
        if [[ -e $LOGIND_CONF ]]; then
                rm "$LOGIND_CONF"
                systemctl restart systemd-logind.service
        fi
        as_unit loginctl disable-linger carol
}
