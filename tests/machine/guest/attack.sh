# SPDX-License-Identifier: LGPL-2.1-or-later
# Attacks: places to attack from, and what must be so afterwards.

TARGETS=/opt/cgmove-tests/targets.py

# attack_begin: a daemon that has not logged yet, so that no line is held back because of what was before.
attack_begin() {
        systemctl restart cgmoved.service
        ATTACK_BEGUN=$EPOCHREALTIME
        ATTACK_DAEMON=$(daemon_pid)
}

# attack_end: the same daemon, which serves an honest client.
attack_end() {
        daemon_check_serves "$ATTACK_DAEMON"
}

# check_log UID TEXT: a line on a refusal, that says who and why.
check_log() {
        wait_for refusal_is_logged "$1" "$2"
}

refusal_is_logged() {
        grep -q -E -- "$2" < <(journalctl --quiet --no-pager --output=cat --since "@$ATTACK_BEGUN" -u cgmoved \
                CGMOVE_EVENT=move-refused "CGMOVE_UID=$1")
}

# place_begin USER: a unit of the user's manager, with its cgroup in $PLACE: processes there may be moved, as far as they are his.
place_begin() {
        local uid
        uid=$(id -u "$1")
        user_manager_start "$1"
        as "$1" systemd-run --user --quiet --collect --unit=place sleep infinity
        PLACE=/sys/fs/cgroup/user.slice/user-$uid.slice/user@$uid.service/app.slice/place.service
        wait_for test -e "$PLACE/cgroup.procs"
}

place_end() {
        user_systemctl "$1" kill --signal=KILL place.service 2>/dev/null || true
        # as long as the group is there the manager has the unit, if only as one that is being stopped
        wait_for not test -e "/sys/fs/cgroup/user.slice/user-$(id -u "$1").slice/user@$(id -u "$1").service/app.slice/place.service"
}

# put CGROUP COMMAND...: a process that begins in this cgroup; its number in $PUT. It ends with place_end, or by put_end.
put() {
        local cgroup=$1
        shift
        (
                echo "$BASHPID" >"$cgroup/cgroup.procs"
                exec "$@"
        ) &
        PUT=$!
        PUTS+=("$PUT")
        wait_for put_is_there "$PUT" "$cgroup"
}

# It has left the shell that it was forked from, too, and is whose it is to be.
put_is_there() {
        grep -q -F "${2#/sys/fs/cgroup}" "/proc/$1/cgroup" && [[ ! $(readlink "/proc/$1/exe") =~ /(bash|setpriv)$ ]]
}

PUTS=()

put_end() {
        [[ ${#PUTS[@]} -eq 0 ]] || kill -KILL "${PUTS[@]}" 2>/dev/null || true
        PUTS=()
}

# put_as USER CGROUP COMMAND...: such a process of a user's, by name or number.
put_as() {
        local user=$1 cgroup=$2 group
        shift 2
        group=$(id -g "$user" 2>/dev/null || echo "$user")
        put "$cgroup" setpriv --reuid="$user" --regid="$group" --clear-groups -- "$@"
}

place_of() {
        sed -n 's/^0:://p' "/proc/$1/cgroup"
}

# answers USER ARGUMENT...: what targets.py says to a caller in no unit.
answers() {
        local user=$1
        shift
        as "$user" python3 $TARGETS "$@"
}
