# SPDX-License-Identifier: LGPL-2.1-or-later
# The repair as a weapon: the stranger is an accomplice, made so that "back" would free him of his limits. (Threat 22.)
#
# The daemon is held where the number is written, so that each attempt brings the accomplice into the job. He must come out where he
# was, or in quarantine; never in the root group, an init.scope, a manager's or control group, another unit, or a job.


ATTEMPTS=${ATTEMPTS:-15}
BOB_MANAGER=/user.slice/user-1001.slice/user@1001.service

set_up() {
        reuse_begin
        ALL=0
        QUARANTINED=0
        BACK=0
}

tear_down() {
        reuse_end
        systemctl stop reuse-other.service reuse-deep.service 2>/dev/null || true
}

# attempt KIND [OPTION...]: an accomplice who comes out in his own place, or in quarantine; the program sees to that.
attempt() {
        local kind=$1
        shift
        reuse "$kind" --hold write "$REUSE_DAEMON" --rounds "$ATTEMPTS" "$@"
        check_equal "${COUNTED[missed]}" 0 "numbers that could not be taken"
        check_equal $((COUNTED[home] + COUNTED[quarantined])) "$ATTEMPTS" "accomplices at home or in quarantine ($REUSE_LINE)"
        ALL=$((ALL + ATTEMPTS))
        BACK=$((BACK + COUNTED[home]))
        QUARANTINED=$((QUARANTINED + COUNTED[quarantined]))
}

# all_in_quarantine KIND [OPTION...]
all_in_quarantine() {
        attempt "$@"
        check_equal "${COUNTED[quarantined]}" "$ATTEMPTS" "accomplices ($*) in quarantine: $REUSE_LINE"
}

# What he can't have won: the places that have no limits hold whom they held before.
free_places() {
        local group
        for group in / /init.scope "$BOB_MANAGER/init.scope" \
                /user.slice/user-1000.slice/user@1000.service/init.scope; do
                printf '%s: ' "$group"
                grep -v '^0$' "/sys/fs/cgroup$group/cgroup.procs" | sort -n | tr '\n' ' ' || true
        done
}

# Who was forked into such a place by PID 1 or a manager leaves it soon.
free_places_settled() {
        local last now=
        until last=$now now=$(free_places) && [[ $now == "$last" ]]; do
                sleep 0.2
        done
        printf '%s\n' "$now"
}

end_of_attempts() {
        check_equal "$(reuse_events quarantine)" "$QUARANTINED" "lines about quarantine"
        reuse_check
        tried "$ALL" "$1; $BACK came back to their own place, $QUARANTINED into quarantine, none elsewhere"
}

test_adopted_by_pid_1() {
        local before
        before=$(free_places_settled)
        all_in_quarantine orphan
        all_in_quarantine daemon
        check_equal "$(free_places_settled)" "$before" "members of places without limits"
        end_of_attempts "accomplices whose parent is PID 1"
}

# Whoever adopts is in a manager's group, or a subreaper there.
test_adopted_by_a_manager() {
        local before
        user_manager_start bob
        before=$(free_places_settled)
        all_in_quarantine subreaper --parent "$BOB_MANAGER/init.scope"
        all_in_quarantine subreaper --parent "$BOB_MANAGER/init.scope" --all
        all_in_quarantine subreaper --parent /init.scope --all
        check_equal "$(free_places_settled)" "$before" "members of places without limits"
        end_of_attempts "accomplices who were adopted in a manager's own group"
}

# The subreaper is in another unit than he; it is no group of his, nor is its leader.
test_parent_elsewhere() {
        systemd-run --quiet --collect --uid=bob --unit=reuse-other sleep infinity
        all_in_quarantine subreaper --parent /system.slice/reuse-other.service
        all_in_quarantine other --parent /system.slice/reuse-other.service
        end_of_attempts "accomplices whose parent is in another unit than the leader of their process group"
}

# Deeper in the same unit there may be more limits, or fewer: it is a place of his own user's making in any case.
test_parent_deeper() {
        systemd-run --quiet --collect --uid=bob --unit=reuse-deep -p Delegate=yes sleep infinity
        mkdir -p /sys/fs/cgroup/system.slice/reuse-deep.service/deep
        REUSE_HOME=/system.slice/reuse-deep.service
        all_in_quarantine other --parent /system.slice/reuse-deep.service/deep
        all_in_quarantine subreaper --parent /system.slice/reuse-deep.service/deep
        end_of_attempts "accomplices whose parent is deeper in their unit"
}

test_parent_among_those_who_are_nobodys() {
        local group
        user_manager_start bob
        for group in /init.scope "$BOB_MANAGER/init.scope" /; do
                all_in_quarantine other --parent "$group" --all
        done
        mkdir -p "/sys/fs/cgroup$REUSE_HOME/.control"
        all_in_quarantine other --parent "$REUSE_HOME/.control" --all
        rmdir "/sys/fs/cgroup$REUSE_HOME/.control"
        end_of_attempts "accomplices whose parent and leader are in the root group, an init.scope, or a control group"
}

# The parent goes to another place while the repair looks at it.
test_parent_moves_meanwhile() {
        systemd-run --quiet --collect --uid=bob --unit=reuse-other sleep infinity
        attempt other --roam /system.slice/reuse-other.service
        end_of_attempts "accomplices whose parent moves between two units all the time"
}

# In quarantine there is nothing to win: no job's limits are wider, no verb of the owner reaches it, and who is there lives.
test_quarantine() {
        local group=$POOL/quarantine
        all_in_quarantine daemon
        [[ -d $group ]] || fail "there is no quarantine"
        check_equal "$(cat "$group/cgroup.freeze")" 0 "ice in quarantine"
        check_equal "$(stat -c '%U %a' "$group/cgroup.procs")" "root 644" "who may enter quarantine"
        check_lacks "$(as alice cgmove list)" quarantine "list of jobs that run"
        if [[ -e $group/pids.max ]]; then
                [[ $(cat "$group/pids.max") != max && $(cat "$group/pids.max") -le 512 ]] || fail "tasks in quarantine: $(cat "$group/pids.max")"
        fi
        end_of_attempts "accomplices in quarantine"
}
