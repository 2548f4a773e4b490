# SPDX-License-Identifier: LGPL-2.1-or-later
# Names that begin, end or look like another: users, units, sessions, slices, and cgroups that a user makes himself. (Threat 6.)
#
# It makes users.
# machine: own

PLACES=/opt/cgmove-tests/places.py
UIDS=(3000 3001 30000 30001)

set_up() {
        attack_begin
}

tear_down() {
        local user
        put_end
        place_end alice
        for user in "${UIDS[@]/#/u}"; do
                ! id "$user" || loginctl terminate-user "$user" || true
        done >/dev/null 2>&1
        systemctl stop 'x.service' 'xx.service' x-mine.service 2>/dev/null || true
        find /sys/fs/cgroup/hostile.slice /sys/fs/cgroup/user.slice/user-1000.slice/hostile* -depth -type d -delete 2>/dev/null || true
}

# Users whose numbers begin alike.
users_make() {
        local uid
        for uid in "${UIDS[@]}"; do
                ! id "u$uid" >/dev/null 2>&1 || continue
                ! id "$uid" >/dev/null 2>&1 || fail "the number $uid is taken: $(id "$uid")"
                useradd --uid "$uid" --create-home --shell /bin/bash "u$uid"
                loginctl enable-linger "u$uid" # else each login starts a manager, and ends it
        done
}

# One is allowed, each tries from a session.
test_users() {
        local allowed uid policy n=0
        users_make
        for allowed in "${UIDS[@]}"; do
                for policy in "\"$allowed\"" "\"u$allowed\"" "\"$allowed-$allowed\""; do
                        policy_only <<<"policy \"one\" { users = {$policy} from = {\"session\"} rate = \"1000/min\" }"
                        for uid in "${UIDS[@]}"; do
                                n=$((n + 1))
                                if [[ $uid == "$allowed" ]]; then
                                        check_match "$(in_session "u$uid" python3 $TARGETS self)" '^[0-9]+$' "$uid under $policy"
                                else
                                        check_contains "$(in_session "u$uid" python3 $TARGETS self)" \
                                                "No policy allows user $uid to leave session"
                                fi
                        done
                done
        done
        tried "$n" moves of users 3000, 3001, 30000 and 30001 under policies for one of them
        check_log 30001 "No policy allows user 30001"
}

# Everybody is allowed everything; each has processes in the session of each.
test_places_of_users() {
        local uid other n=0 said
        local -A session
        users_make
        policy_only <<<'policy "all" { users = {"0-65000"} from = {"user:*", "session", "job"} rate = "1000/min" }'
        for uid in "${UIDS[@]}"; do
                in_session "u$uid" sh -c 'exec sleep 4750' &
                wait_for pgrep -u "$uid" -x -f 'sleep 4750'
                session[$uid]=/sys/fs/cgroup$(place_of "$(pgrep -u "$uid" -x -f 'sleep 4750')")
                check_match "${session[$uid]}" "/user-$uid.slice/session-"
        done
        for uid in "${UIDS[@]}"; do
                for other in "${UIDS[@]}"; do
                        put_as "$uid" "${session[$other]}" sleep 1000
                        said=$(setpriv --reuid="$uid" --regid="$uid" --clear-groups -- env -C / python3 $TARGETS each "$PUT")
                        n=$((n + 1))
                        [[ $uid != "$other" ]] || continue
                        check_contains "$said" "which belongs to user $other"
                        check_equal "/sys/fs/cgroup$(place_of "$PUT")" "${session[$other]}"
                done
                check_match "$said" '[0-9]|belongs' "$uid at home"
        done
        pkill -x -f 'sleep 4750' || true
        tried "$n" moves of processes in the sessions of users with similar numbers
        check_log 30001 "which belongs to user 3000; only"
}

# --- units -------------------------------------------------------------------------------------------------------------------

run_in_unit() {
        as alice systemd-run --user --quiet --pipe --collect --wait --unit="$1" "${@:2}" sh -c "python3 $TARGETS self; true"
}

test_units_of_the_user() {
        local unit n=0
        policy_only <<<'policy "x" { users = {"alice"} from = {"user:x.service"} rate = "1000/min" }'
        check_match "$(run_in_unit x.service)" '^[0-9]+$'
        check_match "$(run_in_unit x.service --slice=a-b.slice)" '^[0-9]+$'
        for unit in xx.service x-.service -x.service ax.service x.service.service X.service x1.service x@x.service x.x.service \
                'x\x2eservice.service' 'x\x20.service' 'x\.service' user:x.service _x.service x:.service 'x.d.service' session.service \
                system.service x.slice.service x.scope.service; do
                n=$((n + 1))
                check_contains "$(run_in_unit "$unit")" "No policy allows user 1000 to leave user:$unit" "$unit"
        done
        for unit in x.scope xx.scope session-1.scope; do
                n=$((n + 1))
                check_contains "$(as alice systemd-run --user --quiet --scope --unit="$unit" python3 $TARGETS self)" \
                        "No policy allows user 1000 to leave user:$unit"
        done
        # the name alone is not enough: it is to be a unit of her manager
        check_contains "$(systemd-run --quiet --pipe --collect --wait --uid=alice --unit=x.service sh -c "python3 $TARGETS self; true")" \
                "No policy allows user 1000 to leave system:x.service"
        tried $((n + 3)) moves out of units whose names are like the allowed one
        check_log 1000 "to leave user:xx.service"
}

test_units_of_the_system() {
        local unit n=0
        policy_only <<<'policy "x" { users = {"alice"} from = {"system:x.service"} rate = "1000/min" }'
        run() { systemd-run --quiet --pipe --collect --wait --uid=alice --unit="$1" "${@:2}" sh -c "python3 $TARGETS self; true"; }
        check_match "$(run x.service)" '^[0-9]+$'
        for unit in xx.service x-.service ax.service x.service.service X.service x@x.service 'x\x2eservice.service' _x.service; do
                n=$((n + 1))
                check_contains "$(run "$unit")" "No policy allows user 1000 to leave system:$unit" "$unit"
        done
        check_contains "$(run_in_unit x.service)" "No policy allows user 1000 to leave user:x.service"
        # below user-1000.slice it is a system unit still, in the slice of another user too
        check_match "$(run x.service --slice=user-1000.slice)" '^[0-9]+$|org' "in her slice"
        tried $((n + 2)) moves out of units whose names are like the allowed one
}

# --- cgroups that a user makes himself ---------------------------------------------------------------------------------------

# In a unit that is delegated to her, and at the top of her manager's, alice makes whatever name she likes. None of them is the
# session, the system unit, the other user's unit or the job that it looks like.
test_cgroups_of_her_own() {
        local said
        policy_only <<<'policy "x" { users = {"alice"} from = {"system:*", "session", "job"} rate = "100000/min" }'
        as alice systemd-run --user --quiet --collect --unit=place -p Delegate=yes sleep infinity
        PLACE=/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/place.service
        wait_for test -e "$PLACE/cgroup.procs"
        said=$(python3 $PLACES own 1000 "$PLACE")
        echo "$said"
        # each of them: not moved, and none is told to be anything but this unit (or no place to move from at all)
        not grep -v -E ' stayed .*Error.(Denied|MainProcess|Frozen) .*(user:place\.service|no unit or session|no cgroup of this machine|service manager|control process|being removed)' \
                <<<"$said" || fail "taken for something else"
        tried "$(wc -l <<<"$said")" moves out of cgroups in a delegated unit that are named like sessions, slices, units, jobs, managers
        said=$(python3 $PLACES own 1000 "${PLACE%/app.slice/place.service}")
        echo "$said"
        # and there is an answer, whatever bytes are in the name
        not grep -v -E ' stayed .*Error.(Denied|MainProcess|Frozen) ' <<<"$said" || fail "taken for something else"
        not grep -E 'leave (session|job|system:)' <<<"$said" || fail "taken for something else"
        tried "$(wc -l <<<"$said")" moves out of such cgroups at the top of her manager
        attack_end_quiet
}

attack_end_quiet() {
        check_equal "$(daemon_pid)" "$ATTACK_DAEMON"
        check_match "$(in_session alice python3 $TARGETS self)" '^[0-9]+$'
}

# What root could make, all over the tree: what we take for a session, a unit or a job, systemd takes for the same one. The other
# way round we may be stricter.
test_any_path_is_read_as_systemd_reads_it() {
        local said compared
        policy_only <<<'policy "none" { users = {"alice"} from = {"user:none.service"} rate = "100000/min" }'
        said=$(python3 $PLACES compare 1000 "$(often 800)")
        echo "$said" | tail -n 30
        compared=$(sed -n 's/^compared \([0-9]*\).*/\1/p' <<<"$said")
        [[ $compared -ge $(often 800) ]] || fail "compared only $compared"
        not grep -E '^differs' <<<"$said" || fail "read otherwise than by systemd"
        # it has seen all kinds, else it has shown little
        check_match "$said" 'session: [1-9]' && check_match "$said" 'user: [1-9]' && check_match "$said" 'system: [1-9]'
        tried "$compared" paths that were put together of names with a meaning
        policy_reset
        attack_end
}
