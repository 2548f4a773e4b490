# SPDX-License-Identifier: LGPL-2.1-or-later
# The measurements of tests/bench in a machine of their own, nothing else running. What they say is kept in the cache folder.

BENCH_DIR=/opt/cgmove-bench

bench_suite() {
        local suite=$1 name=$1-bench title start=$EPOCHREALTIME log=$LOGS/bench-$1.log
        title=$(suite_number "$suite")/bench
        if [[ ! -x $TOP/tests/bench/run-bench ]]; then
                echo "there is no tests/bench/run-bench" >"$log"
                report_fail "$title" 0 "$log"
                return
        fi
        scenario_boot scenario_machine "$suite" "$name" || return 0
        if ! strictly bench_prepare "$suite" "$name" >"$log" 2>&1; then
                report_fail "$title" "$(seconds_since "$start")" "$log"
                machine_end "$name"
                return
        fi
        if machine_exec "$name" "$BENCH_DIR/run-bench" "$BENCH_DIR/out" </dev/null 2>&1 | tee -a "$log"; then
                report_pass "$title" "$(seconds_since "$start")"
        else
                # what it says has just been shown
                report_fail "$title" "$(seconds_since "$start")"
        fi
        bench_keep "$suite" "$name"
        machine_end "$name"
}

bench_prepare() {
        local suite=$1 name=$2 root
        root=$(machine_dir "$name")/root
        mkdir -p "$root$BENCH_DIR/out"
        cp -a "$WORK/deb/$suite/bench/." "$root$BENCH_DIR/"
        chown -R 1000:1000 "$root$BENCH_DIR/out"
        machine_exec "$name" "$GUEST_DIR/guest/prepare"
}

bench_keep() {
        local suite=$1 name=$2 kind
        for kind in txt json; do
                ! machine_pull "$name" "$BENCH_DIR/out/bench.$kind" "$CACHE/bench-$suite.$kind" 2>/dev/null ||
                        say "  kept: $CACHE/bench-$suite.$kind"
        done
}
