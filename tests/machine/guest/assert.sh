# SPDX-License-Identifier: LGPL-2.1-or-later
# What tests say and expect.

fail() {
        echo "failed: $*"
        exit 1
}

check_equal() {
        [[ $1 == "$2" ]] || fail "${3:-value}: expected \"$2\", found \"$1\""
}

check_match() {
        [[ $1 =~ $2 ]] || fail "${3:-text}: expected a match of \"$2\", found \"$1\""
}

check_contains() {
        [[ $1 == *"$2"* ]] || fail "${3:-text}: expected \"$2\" in \"$1\""
}

check_lacks() {
        [[ $1 != *"$2"* ]] || fail "${3:-text}: did not expect \"$2\" in \"$1\""
}

check_file() {
        [[ -e $1 ]] || fail "there is no $1"
}

check_no_file() {
        [[ ! -e $1 && ! -L $1 ]] || fail "there is $1"
}

# often N: how often to try what chance decides: N times where all tests run ($TEST_ALL), else a quarter of that.
often() {
        printf '%d' $(($1 / (${TEST_ALL:-0} ? 1 : 4)))
}

# tried N WHAT: what an attack has attempted, and how often; it is shown with the result.
tried() {
        echo "tried $*"
}

# check_status STATUS COMMAND...: runs it, keeps what it says in $OUTPUT, and expects the exit status.
check_status() {
        local expected=$1 status=0
        shift
        OUTPUT=$("$@" 2>&1) || status=$?
        [[ $status -eq $expected ]] || fail "status $status instead of $expected of: $*; it said: $OUTPUT"
}

# wait_for COMMAND...: until it succeeds. A minute is for a machine that is very busy, none of the things waited for takes long.
wait_for() {
        wait_for_within 60 "$@"
}

# It asks at most half of the time, so that those who wait on a busy machine leave it to those who are waited for.
wait_for_within() {
        local end=$((SECONDS + $1)) asked pause
        shift
        asked=${EPOCHREALTIME/./}
        until "$@" >/dev/null 2>&1; do
                [[ $SECONDS -lt $end ]] || fail "waited in vain for: $*"
                pause=$((${EPOCHREALTIME/./} - asked))
                pause=$((pause < 50000 ? 50000 : pause > 1000000 ? 1000000 : pause))
                printf -v pause '%d.%06d' $((pause / 1000000)) $((pause % 1000000))
                sleep "$pause"
                asked=${EPOCHREALTIME/./}
        done
}

# journal_has TEXT OPTION...: the journal of the daemon, as these options of journalctl choose and show it. What was just said may
# come a moment later.
journal_has() {
        [[ $(journalctl --quiet --no-pager -u cgmoved "${@:2}") == *"$1"* ]]
}

not() {
        ! "$@"
}
