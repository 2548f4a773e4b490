# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the scenarios, files of test_*() functions, in machines. All of a suite share a few, one for each lane, but for those with a line
#   # machine: own     they get a machine that nothing else uses
#   # machine: vm      they share a virtual machine, with a kernel of its own and all controllers; it is slow
# Attacks take turns between the suites, but for --all: what they attack is the same program.
# A line "# run: all" is for those that take long: they run with `./check --all`, and where they are asked for by name. So do those
# with a line "# needs: openclaw" (see openclaw.sh), and besides wherever that is in the cache. They must have a machine of their own.

SCENARIO_LANES=${SCENARIO_LANES:-2}

scenario_files() {
        find "$TOP/tests/machine" "$TOP/tests/security" -maxdepth 1 -name '[0-9]*.sh' 2>/dev/null | sort | while IFS= read -r file; do
                ! scenario_is_left_out "$file" || continue
                printf '%s\n' "$file"
        done
}

scenario_is_left_out() {
        [[ -z ${SCENARIO_ALL:-} && ${#ONLY[@]} -eq 0 ]] || return 1
        grep -q '^# run: all$' "$1" || { scenario_needs_openclaw "$1" && ! openclaw_is_prepared; }
}

scenario_needs_openclaw() {
        grep -q '^# needs: openclaw$' "$1"
}

# Whether one of those that are wanted does.
scenario_any_needs_openclaw() {
        local suite file
        for file in $(scenario_files); do
                scenario_needs_openclaw "$file" || continue
                for suite in "$@"; do
                        [[ -z $(scenario_selected "$suite" "$file") ]] || return 0
                done
        done
        return 1
}

# security/03-targets, machine/10-without-cgmove
scenario_name() {
        local name=${1#"$TOP/tests/"}
        printf '%s' "${name%.sh}"
}

scenario_tests() {
        sed -n -E 's/^test_([A-Za-z0-9_]+)\(\).*/\1/p' "$1"
}

# shared, own or vm
scenario_machine_kind() {
        local kind
        kind=$(sed -n 's/^# machine: //p' "$1")
        printf '%s' "${kind:-shared}"
}

# How long a test may be silent, in seconds: what it may take, and time to say how it ended.
scenario_patience() {
        local timeout
        timeout=$(sed -n 's/^# timeout: //p' "$1")
        printf '%d' $((${timeout:-400} + 60))
}

# scenario_has_turn SUITE FILE: by the number in its name.
scenario_has_turn() {
        local number=${2##*/}
        number=${number%%-*}
        [[ $2 != */security/* || -n ${SCENARIO_ALL:-} || ${#ONLY[@]} -gt 0 || ${SUITES[10#$number % ${#SUITES[@]}]} == "$1" ]]
}

# The names of a scenario's tests that were asked for.
scenario_selected() {
        local prefix test
        scenario_has_turn "$1" "$2" || return 0
        prefix=$(suite_number "$1")/$(scenario_name "$2")
        for test in $(scenario_tests "$2"); do
                ! selected "$prefix/$test" || printf '%s\n' "$test"
        done
}

scenario_list() {
        local suite file prefix test
        for suite in "${SUITES[@]}"; do
                for file in $(scenario_files); do
                        prefix=$(suite_number "$suite")/$(scenario_name "$file")
                        for test in $(scenario_tests "$file"); do
                                printf '%s/%s\n' "$prefix" "$test"
                        done
                done
        done
}

scenario_any_selected() {
        local suite file
        for suite in "$@"; do
                for file in $(scenario_files); do
                        [[ -z $(scenario_selected "$suite" "$file") ]] || return 0
                done
        done
        return 1
}

# A machine with the package, ready for tests.
scenario_machine() {
        machine_boot "$1" "$2" && package_install "$2"
}

# All scenarios of one suite, but for those that want a virtual machine: in several lanes at the same time, since most of them wait
# more than they work.
scenario_suite() {
        local suite=$1 lane
        local -a pids=()
        mkdir -p "$WORK/taken/$suite"
        for ((lane = 1; lane <= SCENARIO_LANES; lane++)); do
                scenario_lane "$suite" "$lane" &
                pids+=($!)
        done
        wait "${pids[@]}"
}

# A machine that is too busy makes tests fail that wait for something: who waited in vain beside others waits once more, alone, and that
# result counts. The first one stays in the output, and the end names who needed two. An attack that has worked once has worked, and
# where many fail it is not for want of time.
SCENARIO_SECOND_TRIES=20

scenario_second_try() {
        local suite name
        local -a again=()
        mapfile -t again < <(sed -n -E 's#^late (debian[0-9]+/machine/[^ ]+)$#\1#p' "$RESULTS" | sort -u)
        [[ ${#again[@]} -gt 0 && ${#again[@]} -le $SCENARIO_SECOND_TRIES ]] || return 0
        say "  again, alone: ${#again[@]}"
        for name in "${again[@]}"; do
                report_again "$name"
        done
        local -a ONLY=("${again[@]}")
        local LOGS=$LOGS/again
        mkdir -p "$LOGS"
        for suite in "$@"; do
                rm -rf "${WORK:?}/taken/$suite"
                mkdir -p "$WORK/taken/$suite"
                scenario_lane "$suite" again
        done
}

# Whoever makes the folder first has it.
scenario_take() {
        local folder=$WORK/taken/$1/${2##*/}
        [[ ! -d $folder ]] && mkdir "$folder" 2>/dev/null
}

scenario_lane() {
        local suite=$1 lane=$2 file kind shared=""
        for file in $(scenario_files); do
                scenario_take "$suite" "$file" || continue
                kind=$(scenario_machine_kind "$file")
                [[ $kind != vm && -n $(scenario_selected "$suite" "$file") ]] || continue
                case $kind in
                own) scenario_own "$suite" "$file" ;;
                shared)
                        if [[ -z $shared ]]; then
                                shared=$suite-$lane
                                scenario_boot scenario_machine "$suite" "$shared" || return 0
                        fi
                        scenario_run "$suite" "$shared" "$file"
                        ;;
                esac
        done
        [[ -z $shared ]] || machine_end "$shared"
}

# In a machine for itself. One that lacks what it needs has no results, and counts as a failure.
scenario_own() {
        local suite=$1 file=$2 name
        local -a MACHINE_OPTIONS=()
        name=$suite-$(basename "$file" .sh)
        if scenario_needs_openclaw "$file"; then
                if ! openclaw_is_prepared; then
                        scenario_results "$suite" "$file" </dev/null
                        return
                fi
                MACHINE_OPTIONS=("$(openclaw_bind)")
        fi
        scenario_boot scenario_machine "$suite" "$name" || return 0
        scenario_run "$suite" "$name" "$file"
        machine_end "$name"
}

# Those that do.
scenario_vm() {
        local suite=$1 name=$1-vm file
        local -a files=()
        mapfile -t files < <(scenario_vm_files "$suite")
        [[ ${#files[@]} -gt 0 ]] || return 0
        scenario_vm_list "$suite" "${files[@]}" >"$LOGS/$name.list"
        scenario_boot vm_boot "$suite" "$name" "$LOGS/$name.list" || return 0
        for file in "${files[@]}"; do
                vm_output "$name" "$(basename "$file")" "$(scenario_patience "$file")" | scenario_results "$suite" "$file"
        done
        machine_end "$name"
}

scenario_vm_files() {
        local file
        for file in $(scenario_files); do
                [[ $(scenario_machine_kind "$file") != vm || -z $(scenario_selected "$1" "$file") ]] || printf '%s\n' "$file"
        done
}

# Lines as guest/run-list takes them.
scenario_vm_list() {
        local suite=$1 file
        for file in "${@:2}"; do
                printf '%s %s\n' "$(basename "$file")" "$(scenario_selected "$suite" "$file" | paste -s -d ' ')"
        done
}

# scenario_boot COMMAND SUITE NAME [INPUT]: COMMAND SUITE NAME boots the machine.
scenario_boot() {
        local command=$1 suite=$2 name=$3 input=${4:-/dev/null} start=$EPOCHREALTIME log=$LOGS/boot-$3.log title
        title=$(suite_number "$suite")/boot/${name#"$suite-"}
        if "$command" "$suite" "$name" >"$log" 2>&1 <"$input"; then
                report_pass "$title" "$(seconds_since "$start")"
        else
                report_fail "$title" "$(seconds_since "$start")" "$log"
                machine_end "$name"
                return 1
        fi
}

scenario_run() {
        local suite=$1 machine=$2 file=$3
        local -a tests
        mapfile -t tests < <(scenario_selected "$suite" "$file")
        machine_exec "$machine" env TEST_ALL="${SCENARIO_ALL:-0}" "$GUEST_DIR/guest/run" "$GUEST_DIR/$(basename "$file")" "${tests[@]}" </dev/null 2>&1 |
                scenario_results "$suite" "$file"
}

# Turns what guest/run says into results. A scenario that breaks off counts as a failure.
scenario_results() {
        local suite=$1 file=$2 prefix log expected seen
        prefix=$(suite_number "$suite")/$(scenario_name "$file")
        log=$LOGS/$(suite_number "$suite")-$(basename "$file").log
        tee "$log" | scenario_report "$prefix" "$log"
        expected=$(scenario_selected "$suite" "$file" | wc -l)
        seen=$(grep -c -E '^(not )?ok ' "$log") || true
        [[ $seen -eq $expected ]] || report_fail "$prefix" - "$log"
}

scenario_report() {
        local prefix=$1 log=$2 line name seconds pending="" tried=""
        while IFS= read -r line; do
                case $line in
                "ok "*)
                        scenario_flush "$pending" "$log"
                        pending=
                        read -r _ name seconds <<<"$line"
                        scenario_passed "$prefix/$name" "$seconds" "$tried"
                        tried=
                        ;;
                "not ok "*)
                        scenario_flush "$pending" "$log"
                        read -r _ _ name seconds <<<"$line"
                        pending="$prefix/$name $seconds"
                        : >"$log.failed"
                        ;;
                "# tried "*)
                        tried+="          ${line#\# }"$'\n'
                        ;;
                *)
                        [[ -z $pending ]] || printf '%s\n' "${line#\# }" >>"$log.failed"
                        ;;
                esac
        done
        scenario_flush "$pending" "$log"
}

# An attack that does not say what it attempted, and how often, is none.
scenario_passed() {
        if [[ $1 == */security/* && -z $3 ]]; then
                report_fail "$1 (it does not say what it tried)" "$2"
                return
        fi
        report_pass "$1" "$2" "$3"
}

# A failure is reported when all that belongs to it has been read.
scenario_flush() {
        local name seconds
        [[ -n $1 ]] || return 0
        read -r name seconds <<<"$1"
        report_fail "$name" "$seconds" "$2.failed"
        ! grep -q -E '^(failed: waited in vain|no end within)' "$2.failed" || report_late "$name"
}
