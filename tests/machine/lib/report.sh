# SPDX-License-Identifier: LGPL-2.1-or-later
# Progress on the terminal, and the count of what passed and failed.
#
# The count is a file to which every process of the run appends, so that work in the background counts as well.

report_init() {
        REPORT_START=$EPOCHREALTIME
        REPORT_STEP=0
        REPORT_STEPS=$1
        RESULTS=$WORK/results
        LOGS=$WORK/log
        mkdir -p "$LOGS"
        : >"$RESULTS"
}

# seconds since START, which is an $EPOCHREALTIME
seconds_since() {
        local microseconds=$((${EPOCHREALTIME/[.,]/} - ${1/[.,]/}))
        printf '%d.%d' $((microseconds / 1000000)) $((microseconds / 100000 % 10))
}

elapsed() {
        local seconds=$(((${EPOCHREALTIME/[.,]/} - ${REPORT_START/[.,]/}) / 1000000))
        printf '%02d:%02d' $((seconds / 60)) $((seconds % 60))
}

say() {
        printf '%s\n' "$*"
}

# A numbered heading: what the next lines are about.
step() {
        REPORT_STEP=$((REPORT_STEP + 1))
        printf '\n[%d/%d %s] %s\n' "$REPORT_STEP" "$REPORT_STEPS" "$(elapsed)" "$*"
}

# report_pass NAME SECONDS [LINES]; report_fail NAME SECONDS [LOG]: the log is shown at once; of a long one, what looks like the
# reason, and the end.
report_pass() {
        printf 'pass %s\n' "$1" >>"$RESULTS"
        printf '  ok    %s (%s s)\n%s' "$1" "$2" "${3:-}"
}

report_fail() {
        printf 'fail %s\n' "$1" >>"$RESULTS"
        printf '  FAIL  %s (%s s)\n' "$1" "$2"
        if [[ -n ${3:-} && -s $3 ]]; then
                report_log "$3"
        fi
}

report_log() {
        local lines=${REPORT_LOG_LINES:-60}
        if [[ $(wc -l <"$1") -gt $lines ]]; then
                head -n "-$lines" "$1" | grep -E -e '(error|warning):|\*\*\* |^FAIL|^ERROR' | head -n 30 | cut -c 1-400 | sed 's/^/        > /'
        fi
        tail -n "$lines" "$1" | cut -c 1-400 | sed 's/^/        | /'
}

# A test counts once, however often it ran.
report_count() {
        sort -u "$RESULTS" | grep -c "^$1 " || true
}

report_failures() {
        local failed
        failed=$(sed -n 's/^fail //p' "$RESULTS")
        [[ -z $failed ]] || printf '\nfailed:\n%s\n' "$(sed 's/^/  /' <<<"$failed")"
}

# report_late NAME: it failed because something did not come in time.
report_late() {
        printf 'late %s\n' "$1" >>"$RESULTS"
}

# report_again NAME: its failure is forgotten, but for a word at the end, since it is about to run once more.
report_again() {
        printf 'again %s\n' "$1" >>"$RESULTS"
        grep -v -x -F "fail $1" "$RESULTS" >"$RESULTS.new"
        mv "$RESULTS.new" "$RESULTS"
}

# Those that passed only then.
report_unstable() {
        local passed
        passed=$(sed -n 's/^again //p' "$RESULTS" | sort -u | while IFS= read -r name; do
                grep -q -E "^fail $name(/|\$)" "$RESULTS" || printf '  %s\n' "$name"
        done)
        [[ -z $passed ]] || printf '\nfailed beside others, passed when run alone:\n%s\n' "$passed"
}

# Whether a test of this name was asked for with --only.
selected() {
        local pattern
        [[ ${#ONLY[@]} -gt 0 ]] || return 0
        for pattern in "${ONLY[@]}"; do
                # shellcheck disable=SC2053 # a pattern is what it is
                [[ $1 == $pattern || $1 == *$pattern* ]] && return 0
        done
        return 1
}

# A living sign on a terminal while the process PID works.
watch_process() {
        local pid=$1 name=$2 start=$3
        [[ -t 1 ]] || return 0
        while kill -0 "$pid" 2>/dev/null; do
                printf '\r  ...   %s (%s s) ' "$name" "$(seconds_since "$start")"
                sleep 0.5
        done
        printf '\r\e[K'
}

# strictly COMMAND...: any step that fails ends it, as with set -e, and COMMAND fails. In a shell of its own, with our variables and
# functions: bash ignores set -e in all that is called from a condition, subshells in the background included.
strictly() {
        # shellcheck disable=SC2016
        bash -euo pipefail -O inherit_errexit <(declare -p | grep -v -E '^declare -[A-Za-z]*r' && declare -f && echo '"$@"') "$@"
}

# task_start NAME COMMAND...: in the background, output to the log of NAME; task_wait NAME collects it. NAME is that of
# a test; the status of the command decides.
task_start() {
        local name=$1
        shift
        local base=$LOGS/${name//\//-}
        say "  begun $name"
        (
                start=$EPOCHREALTIME
                trap - EXIT
                strictly "$@" >"$base.log" 2>&1 </dev/null
                printf '%d %s\n' "$?" "$(seconds_since "$start")" >"$base.status.new"
                mv "$base.status.new" "$base.status"
        ) &
        TASK_PID[$name]=$!
        TASK_START[$name]=$EPOCHREALTIME
}

# Returns the status of the task and counts it as a test.
task_wait() {
        local name=$1 base=$LOGS/${1//\//-} status=1 seconds="?"
        watch_process "${TASK_PID[$name]}" "$name" "${TASK_START[$name]}"
        wait "${TASK_PID[$name]}" || true
        unset "TASK_PID[$name]"
        [[ ! -e $base.status ]] || read -r status seconds <"$base.status"
        if [[ $status -eq 0 ]]; then
                report_pass "$name" "$seconds"
        else
                report_fail "$name" "$seconds" "$base.log"
        fi
        return "$status"
}

# One test from start to end.
task() {
        local name=$1 base=$LOGS/${1//\//-}
        task_start "$@" >/dev/null
        task_wait "$name"
}

declare -gA TASK_PID=() TASK_START=()
declare -ga ONLY=()
