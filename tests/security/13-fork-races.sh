# SPDX-License-Identifier: LGPL-2.1-or-later
# run: all
# Trees that fork, end, execute and go elsewhere while they are moved: all of a tree, or none. (Threat 13.)

MOVES=${MOVES:-12}
RACE=/opt/cgmove-tests/fork-race
GROUP=$REUSE_SOURCE/tree
OTHER=$REUSE_OWN/tree

set_up() {
        reuse_begin
        as alice mkdir "/sys/fs/cgroup$GROUP" "/sys/fs/cgroup$OTHER"
        ALL=0
        BUSY=0
}

tear_down() {
        pkill -KILL -x fork-freezer || true
        reuse_end
}

# race KIND [--freeze]
declare -A RACED
race() {
        local line pair
        line=$("$RACE" "$1" "$MOVES" "$GROUP" "$OTHER" "${@:2}" 2>&1) || fail "a tree of kind $1 ($*): $line"
        for pair in ${line##*$'\n'}; do
                RACED[${pair%%=*}]=${pair#*=}
        done
        ALL=$((ALL + MOVES))
        BUSY=$((BUSY + RACED[busy] + RACED[refused]))
        check_thawed "$1"
}

check_thawed() {
        local group
        for group in "$GROUP" "$OTHER"; do
                check_equal "$(cat "/sys/fs/cgroup$group/cgroup.freeze")" 0 "cgroup.freeze of $group after $1"
                grep -q 'frozen 0' "/sys/fs/cgroup$group/cgroup.events" || fail "$group is left frozen by $1"
        done
}

# Most can be moved: it is no answer to say Busy to all of them.
end_of_races() {
        [[ $BUSY -le $((ALL / ${2:-2})) ]] || fail "$BUSY of $ALL moves were refused"
        # who is a zombie may have threads that still end
        wait_for rmdir "/sys/fs/cgroup$GROUP"
        wait_for rmdir "/sys/fs/cgroup$OTHER"
        reuse_check
        check_equal "$(reuse_events quarantine)" 0 "processes in quarantine"
        tried "$ALL" "moves of $1; $((ALL - BUSY)) were moved whole, $BUSY not at all"
}

test_forks() {
        local kind
        for kind in fork dying twice session chain; do
                race "$kind"
        done
        end_of_races "trees that fork: short lives, no lives, double forks, sessions, chains"
}

test_vfork_threads_exec() {
        local kind
        for kind in vfork vfork-exec threads threads-dying exec; do
                race "$kind"
        done
        end_of_races "trees with vfork, threads that fork, threads that execute"
}

# Their user's own groups are his: members are born in another one, or go there and back, while their tree is moved.
test_other_groups() {
        race elsewhere
        race wander
        end_of_races "trees that are spread over groups that they go to and fro between" 1
}

test_owner_freezes() {
        race elsewhere --freeze
        race fork --freeze
        end_of_races "trees with members in a group that their owner freezes and thaws all the time" 1
}
