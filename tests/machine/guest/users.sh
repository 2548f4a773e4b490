# SPDX-License-Identifier: LGPL-2.1-or-later
# Users, their managers and their sessions.

user_environment() {
        local uid
        uid=$(id -u "$1")
        printf '%s\n' "HOME=/home/$1" "USER=$1" "LOGNAME=$1" "SHELL=/bin/bash" "XDG_RUNTIME_DIR=/run/user/$uid" \
                "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$uid/bus" "PATH=/usr/local/bin:/usr/bin:/bin" "LC_ALL=C.UTF-8"
}

# as USER COMMAND...: with the user's rights, in no unit and no session of the machine.
as() {
        local user=$1
        shift
        (
                cd "/home/$user" || exit
                mapfile -t environment < <(user_environment "$user")
                exec setpriv --reuid="$user" --regid="$user" --init-groups -- env -i "${environment[@]}" "$@"
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
        [[ -S /run/user/$(id -u "$1")/bus ]] && systemctl is-active --quiet "user@$(id -u "$1").service"
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
