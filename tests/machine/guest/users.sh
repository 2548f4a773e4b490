# SPDX-License-Identifier: LGPL-2.1-or-later
# Users, their managers and their sessions.

# user_id USER: in $USER_ID. Without a process for it where /etc/passwd knows, since all that tests do goes through here.
user_id() {
        local name
        while IFS=: read -r name _ USER_ID _; do
                [[ $name != "$1" ]] || return 0
        done </etc/passwd
        USER_ID=$(id -u "$1")
}

# as USER COMMAND...: with the user's rights, in no unit and no session of the machine.
as() {
        local user=$1
        shift
        (
                cd "/home/$user" || exit
                user_id "$user"
                exec setpriv --reuid="$user" --regid="$user" --init-groups -- env -i "HOME=/home/$user" "USER=$user" \
                        "LOGNAME=$user" SHELL=/bin/bash "XDG_RUNTIME_DIR=/run/user/$USER_ID" \
                        "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$USER_ID/bus" PATH=/usr/local/bin:/usr/bin:/bin \
                        LC_ALL=C.UTF-8 "$@"
        )
}

# in_session USER COMMAND...: in a logind session of its own, as a login makes it.
in_session() {
        local user=$1
        shift
        # systemd replaces variables in the command, and "$$" by "$"
        set -- "${@//\$/\$\$}"
        systemd-run --quiet --wait --pipe --collect --uid="$user" -p PAMName=login \
                --working-directory="/home/$user" -E "XDG_RUNTIME_DIR=/run/user/$(id -u "$user")" -E LC_ALL=C.UTF-8 -- "$@"
}

# in_cgroup GROUP USER COMMAND...: as a process of that group, below /sys/fs/cgroup.
in_cgroup() {
        (
                echo "$BASHPID" >"/sys/fs/cgroup/$1/cgroup.procs"
                shift
                as "$@"
        )
}

# in_unit USER COMMAND...: in a service of the system that works for him. Much faster than a session, where it is all the same.
in_unit() {
        local unit=caller-$1.service
        [[ -d /sys/fs/cgroup/system.slice/$unit ]] || systemd-run --quiet --collect --unit="$unit" --uid="$1" sleep infinity
        in_cgroup "system.slice/$unit" "$@"
}

# over_ssh COMMAND: alice's login to herself.
over_ssh() {
        as alice ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes \
                127.0.0.1 "$@"
}

sshd_start() {
        systemctl unmask --quiet ssh.service
        systemctl start ssh.service
        wait_for over_ssh true
}

user_systemctl() {
        local user=$1
        shift
        as "$user" systemctl --user "$@"
}

user_manager_is_up() {
        user_id "$1"
        [[ -S /run/user/$USER_ID/bus ]] && systemctl is-active --quiet "user@$USER_ID.service"
}

user_manager_start() {
        user_manager_is_up "$1" && return
        wait_for user_manager_try "$1"
        wait_for user_manager_is_up "$1"
}

# It can be refused while logind is still busy with the end of the last one.
user_manager_try() {
        local uid
        uid=$(id -u "$1")
        systemctl reset-failed "user@$uid.service" "user-runtime-dir@$uid.service" || true
        systemctl start "user@$uid.service"
}

user_manager_stop() {
        systemctl stop "user@$(id -u "$1").service"
}
