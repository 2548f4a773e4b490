# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds and tests that need no machine. All of them work on a copy of the sources, $WORK/src, and build outside of it.
#
# shellcheck disable=SC2164 # all of it is run strictly()

BUILD_JOBS=$(nproc)

build_prepare() {
        host_copy_sources "$WORK/src"
        cd "$WORK/src"
        ./autogen.sh
}

# build_configure NAME OPTION...: a build folder of this name, configured.
build_configure() {
        local dir=$WORK/build/$1
        shift
        mkdir -p "$dir"
        cd "$dir"
        "$WORK/src/configure" --quiet "$@"
}

# Warnings are errors here, never in a release: hence the flags for make and not for configure, whose probes they would disturb.
build_make() {
        make -j "$BUILD_JOBS" CFLAGS="-g -Werror $1" "${@:2}"
}

build_gcc_sanitizers() {
        build_configure gcc-sanitizers CC=gcc --enable-asan --enable-ubsan
        build_make -O1 all
}

build_clang() {
        build_configure clang CC=clang
        build_make -O2 all
}

build_gcc_analyzer() {
        build_configure gcc-analyzer CC=gcc --disable-tests
        # Without optimization: what is inlined hides from it that a variable with a cleanup attribute was initialized. It loses sight
        # of pointers that are stored in a grown array; the address sanitizer does not.
        build_make "-O0 -U_FORTIFY_SOURCE -fanalyzer -Wno-analyzer-malloc-leak" all
}

build_cppcheck() {
        cd "$WORK/src"
        # It does not know __attribute__((cleanup)): what it takes for leaks, the address sanitizer looks for in the unit tests, and
        # what it takes for a lost pointer is a statement expression of lib/cleanup.h.
        cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability --inline-suppr --suppress=missingIncludeSystem \
                --suppress=unknownMacro --suppress=memleak --suppress=resourceLeak --suppress=AssignmentAddressToInteger \
                --error-exitcode=1 -j "$BUILD_JOBS" -I . lib daemon tools nss-pam
}

# The checks are in .clang-tidy, with the reason for each that is left out. Flags as the compiler gets them. Not tests/security, where
# a header comes from the build.
build_clang_tidy() {
        local defines='-D_GNU_SOURCE -DCGMOVE_CONF_DIR="/etc/cgmove" -DCGMOVE_STATE_DIR="/var/lib/cgmove"'
        defines+=' -DCGMOVE_LIBEXEC_DIR="/usr/libexec/cgmove" -DCGMOVE_BIN_DIR="/usr/bin"'
        build_configure clang-tidy CC=clang
        cd "$WORK/src"
        find lib daemon tools nss-pam tests/fuzz tests/bench -name '*.c' -print0 | sort -z |
                TIDY_FLAGS="-std=gnu11 -I. -I$WORK/build/clang-tidy $defines" xargs -0 -P "$BUILD_JOBS" -n 6 \
                        bash -c 'read -ra flags <<<"$TIDY_FLAGS" && clang-tidy --quiet "$@" -- "${flags[@]}"' clang-tidy
}

build_shellcheck() {
        local script
        cd "$WORK/src"
        # not: files that are not given, variables of other files, commands for another shell in quotes
        shellcheck --shell=bash --severity=warning --exclude=SC1090,SC1091,SC2034,SC2154 check demo \
                tests/machine/lib/{*.sh,machine-base,vm-base} tests/machine/guest/* tests/machine/[0-9]*.sh tests/security/[0-9]*.sh
        for script in debian/*.p* autogen.sh .ci/run; do
                sh -n "$script"
        done
}

# What the tests rely on: whichever step of a part fails, the part does.
build_strictly() {
        local part
        strictly part_passes || return
        for part in part_with_step part_with_function part_with_substitution part_with_pipe part_with_loop; do
                if strictly "$part"; then
                        echo "$part has not failed" >&2
                        return 1
                fi
        done
}

part_passes() {
        [[ -z ${part_undefined:-} && -n $WORK ]] || return
        ! false || true
}

part_with_step() {
        false
        true
}

part_with_function() {
        part_with_step
        true
}

part_with_substitution() {
        local said
        said=$(part_with_step && true; false; echo)
        true
}

part_with_pipe() {
        false | true
        true
}

part_with_loop() {
        local i
        for i in 1 2; do
                [[ $i -eq 2 ]]
        done
}

build_distcheck() {
        build_configure distcheck CC=gcc
        make -j "$BUILD_JOBS" distcheck
        build_dist_complete "$PWD"/cgmove-*.tar.xz
}

# The tarball holds all that the repository does, where there is one to compare with.
build_dist_complete() {
        local missing
        [[ -e $TOP/.git ]] && command -v git >/dev/null || return 0
        missing=$(comm -23 <(git -c safe.directory='*' -C "$TOP" ls-files -z | host_existing_files | tr '\0' '\n' | sort) \
                <(tar -tf "$1" | sed 's,^[^/]*/,,' | sort))
        [[ -z $missing ]] || { printf 'not in the tarball: %s\n' $missing; return 1; }
}

# The tests of a build; how each one ended is in a .trs file beside it.
unit_run() {
        cd "$WORK/build/$1"
        make -j "$BUILD_JOBS" check CFLAGS="-g -O1 -Werror" \
                ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1
}

# unit_check NAME: runs and counts them one by one.
unit_check() {
        local name=$1 start=$EPOCHREALTIME dir=$WORK/build/$1 log=$LOGS/unit-$1.log file test n=0
        say "  begun unit/$name"
        strictly unit_run "$name" >"$log" 2>&1 </dev/null &
        watch_process $! "unit/$name" "$start"
        wait $! || true
        while IFS= read -r file; do
                n=$((n + 1))
                test=${file#"$dir"/tests/unit/}
                unit_report "unit/$name/${test%.trs}" "$file"
        done < <(find "$dir" -name '*.trs' | sort)
        [[ $n -gt 0 ]] || report_fail "unit/$name" "$(seconds_since "$start")" "$log"
}

unit_report() {
        local result
        result=$(sed -n 's/^:global-test-result: //p' "$2")
        case $result in
        PASS) report_pass "$1" - ;;
        SKIP) say "  skip  $1" ;;
        *) report_fail "$1" - "${2%.trs}.log" ;;
        esac
}

# --- fuzzing: a short time for each target, so that what is found at once is found here -------------------------------

FUZZ_SECONDS=${FUZZ_SECONDS:-10}

fuzz_build() {
        build_configure fuzz CC=clang --enable-fuzzing --enable-asan --enable-ubsan
        build_make -O1 all
}

fuzz_targets() {
        find "$WORK/build/fuzz/tests/fuzz" -maxdepth 1 -type f -executable -name 'fuzz-*' -printf '%f\n' | sort
}

fuzz_run() {
        local target=$1 corpus=$WORK/fuzz/$1 dict=$WORK/src/tests/fuzz/${1#fuzz-}.dict seeds
        mkdir -p "$corpus"
        cd "$corpus"
        for seeds in "$WORK/src/tests/fuzz/corpus/${target#fuzz-}" "$WORK/src/tests/fuzz/corpus-${target#fuzz-}"; do
                [[ ! -d $seeds ]] || set -- "$@" "$seeds"
        done
        [[ ! -f $dict ]] || set -- "$@" "-dict=$dict"
        "$WORK/build/fuzz/tests/fuzz/$target" -max_total_time="$FUZZ_SECONDS" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
                "$corpus" "${@:2}"
}

fuzz_any_selected() {
        local source
        for source in "$TOP"/tests/fuzz/fuzz-*.c; do
                ! selected "fuzz/$(basename "$source" .c)" || return 0
        done
        selected fuzz/build
}

# Two at a time on two processors.
fuzz_check() {
        local target
        local -a batch=()
        for target in $(fuzz_targets); do
                selected "fuzz/$target" || continue
                task_start "fuzz/$target" fuzz_run "$target" >/dev/null
                batch+=("fuzz/$target")
                if [[ ${#batch[@]} -ge $BUILD_JOBS ]]; then
                        fuzz_collect "${batch[@]}"
                        batch=()
                fi
        done
        fuzz_collect "${batch[@]}"
}

fuzz_collect() {
        local name
        for name in "$@"; do
                task_wait "$name" || true
        done
}

# --- man pages ------------------------------------------------------------------------------------------------------

man_lint() {
        local page=$1 said target
        # another name of a page
        target=$(sed -n 's|^\.so man[1-8]/||p' "$page")
        if [[ -n $target ]]; then
                [[ -f $(dirname "$page")/$target ]]
                return
        fi
        mandoc -T lint -W warning "$page"
        said=$(MANWIDTH=80 man --warnings -E UTF-8 -Tutf8 -l "$page" 2>&1 >/dev/null)
        [[ -z $said ]] || { printf '%s\n' "$said"; return 1; }
}

man_any_selected() {
        local page
        for page in "$TOP"/man/*.[1-8]; do
                ! selected "man/$(basename "$page")" || return 0
        done
        return 1
}

man_check() {
        local page
        for page in "$WORK"/src/man/*.[1-8]; do
                selected "man/$(basename "$page")" || continue
                task "man/$(basename "$page")" man_lint "$page" || true
        done
}
