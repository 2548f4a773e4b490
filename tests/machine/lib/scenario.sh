# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the scenarios, files of test_*() functions, in machines. A scenario with a line "# machine: own" gets a machine that
# nothing else uses; all others of a suite share one.

scenario_files() {
        find "$TOP/tests/machine" "$TOP/tests/security" -maxdepth 1 -name '[0-9]*.sh' 2>/dev/null | sort
}

# security/03-targets, machine/10-without-cgmove
scenario_name() {
        local name=${1#"$TOP/tests/"}
        printf '%s' "${name%.sh}"
}

scenario_tests() {
        sed -n -E 's/^test_([A-Za-z0-9_]+)\(\).*/\1/p' "$1"
}

scenario_wants_own_machine() {
        grep -q '^# machine: own' "$1"
}

# The names of a scenario's tests that were asked for.
scenario_selected() {
        local suite=$1 file=$2 test
        for test in $(scenario_tests "$file"); do
                ! selected "$(suite_number "$suite")/$(scenario_name "$file")/$test" || printf '%s\n' "$test"
        done
}

scenario_list() {
        local suite file test
        for suite in "${SUITES[@]}"; do
                for file in $(scenario_files); do
                        for test in $(scenario_tests "$file"); do
                                printf '%s/%s/%s\n' "$(suite_number "$suite")" "$(scenario_name "$file")" "$test"
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
        local suite=$1 name=$2
        machine_boot "$suite" "$name" &&
                package_install "$suite" "$name" &&
                cp -a "$WORK/deb/$suite/security/." "$(machine_dir "$name")/root$GUEST_DIR/"
}

# All scenarios of one suite.
scenario_suite() {
        local suite=$1 file name shared="" own
        for file in $(scenario_files); do
                [[ -n $(scenario_selected "$suite" "$file") ]] || continue
                if scenario_wants_own_machine "$file"; then
                        own=$suite-$(basename "$file" .sh)
                        scenario_boot "$suite" "$own" || continue
                        scenario_run "$suite" "$own" "$file"
                        machine_end "$own"
                        continue
                fi
                if [[ -z $shared ]]; then
                        shared=$suite
                        scenario_boot "$suite" "$shared" || return 0
                fi
                scenario_run "$suite" "$shared" "$file"
        done
        [[ -z $shared ]] || machine_end "$shared"
}

scenario_boot() {
        local suite=$1 name=$2 start=$EPOCHREALTIME log=$LOGS/boot-$2.log title
        title=$(suite_number "$suite")/boot/${name#"$suite-"}
        title=${title%/"$suite"}
        if scenario_machine "$suite" "$name" >"$log" 2>&1 </dev/null; then
                report_pass "$title" "$(seconds_since "$start")"
        else
                report_fail "$title" "$(seconds_since "$start")" "$log"
                machine_end "$name"
                return 1
        fi
}

# Turns what guest/run says into results. A scenario that breaks off counts as a failure.
scenario_run() {
        local suite=$1 machine=$2 file=$3 prefix log expected seen
        prefix=$(suite_number "$suite")/$(scenario_name "$file")
        log=$LOGS/$(suite_number "$suite")-$(basename "$file").log
        local -a tests
        mapfile -t tests < <(scenario_selected "$suite" "$file")
        machine_exec "$machine" "$GUEST_DIR/guest/run" "$GUEST_DIR/$(basename "$file")" "${tests[@]}" </dev/null 2>&1 |
                tee "$log" | scenario_report "$prefix" "$log"
        expected=${#tests[@]}
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
        report_pass "$1" "$2"
        printf '%s' "$3"
}

# A failure is reported when all that belongs to it has been read.
scenario_flush() {
        local name seconds
        [[ -n $1 ]] || return 0
        read -r name seconds <<<"$1"
        report_fail "$name" "$seconds" "$2.failed"
}
