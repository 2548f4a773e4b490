# SPDX-License-Identifier: LGPL-2.1-or-later
# The manual says what the programs do: its options are those of --help, its examples work as they are written, and there is a page
# for everything that is installed.

MANUAL=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/manual.py

tear_down() {
        systemctl stop ssh.service
        systemctl revert user-cgmove-1000.slice 2>/dev/null || true
        rm -rf /home/alice/{make,nightly,draft.conf} /home/alice/.ssh/config /run/manual-draft
        pkill -KILL -u alice -x make || true
}

# page NAME [FORM...]: what manual.py says of it.
page() {
        local name=$1
        shift
        zcat "/usr/share/man/"man?/"$name.gz" | "$MANUAL" "$@"
}

# --- options

verbs() {
        cgmove --help | sed -n -E 's/^  ([a-z][a-z-]*) .*/\1/p' | grep -v -x policy
        cgmove policy --help | sed -n -E 's/^  ([a-z]+) .*/policy \1/p'
}

# help_options COMMAND...: those that its --help explains, a line each.
help_options() {
        "$@" --help | grep -o -E '^ +(-[A-Za-z], +)?--[a-z-]+' | grep -o -E -- '--[a-z-]+|-[A-Za-z]'
}

common_options() {
        page cgmove.1 options OPTIONS | sed 's/^tag //'
}

# check_options PAGE TITLE COMMON COMMAND...: COMMON are the options that the page explains elsewhere.
check_options() {
        local name=$1 title=$2 common=$3 helped manual option
        shift 3
        helped=$(help_options "$@")
        manual=$(page "$name" options "$title") || fail "$name: $title"
        for option in $helped; do
                grep -q -x -e "$option" <<<"$common" || grep -q -x -E -e "(tag )?$option" <<<"$manual" ||
                        fail "$* has $option, and $name does not say so"
        done
        for option in $(sed -n 's/^tag //p' <<<"$manual"); do
                grep -q -x -e "$option" <<<"$helped" || fail "$name says that $* has $option, and its --help does not"
        done
}

test_options_of_verbs() {
        local verb common
        common=$(common_options)
        [[ $(verbs | wc -l) -ge 18 ]] || fail "verbs: $(verbs)"
        while read -r verb; do
                # shellcheck disable=SC2086
                check_options cgmove.1 "$verb" "$common" cgmove $verb
        done < <(verbs)
        check_equal "$(help_options cgmove | sort)" "$(sort <<<"$common" | grep -v -x -e --json)" "options without a verb"
}

test_options_of_the_daemon() {
        check_options cgmoved.8 OPTIONS "" /usr/libexec/cgmove/cgmoved
}

test_status_of_a_wrong_command_line() {
        check_status 2 /usr/libexec/cgmove/cgmoved --no-such-option
        check_status 2 /usr/libexec/cgmove/cgmoved argument
        check_status 0 /usr/libexec/cgmove/cgmoved --check-policy
        check_status 1 /usr/libexec/cgmove/cgmoved # no socket
}

# A letter that is taken, but nowhere explained. Capitals are common to all verbs.
test_no_other_options() {
        local verb letter known common
        common=$(common_options)
        while read -r verb; do
                # shellcheck disable=SC2086
                known=$'\n'$(help_options cgmove $verb)$'\n'$common$'\n'
                for letter in {a..z} $([[ $verb != list ]] || echo {A..Z}); do
                        [[ $known == *$'\n'"-$letter"$'\n'* ]] || is_unknown "$letter" "$verb" || fail "$verb takes -$letter"
                done
        done < <(verbs)
}

is_unknown() {
        local said
        # shellcheck disable=SC2086
        said=$(cgmove $2 "-$1" --help 2>&1 </dev/null) && return 1
        [[ $said == *"wrongly used option -$1"* ]]
}

test_every_verb_and_no_other() {
        local verb kind known
        known=$(verbs)
        page cgmove.1 sections | grep '^[a-z]' >"$TEST_DIR/titles"
        while read -r verb kind; do
                [[ $verb != policy ]] || verb="policy ${kind%% *}"
                grep -q -x -F -e "$verb" <<<"$known" || fail "cgmove(1) speaks of \"$verb\""
        done <"$TEST_DIR/titles"
        while read -r verb; do
                grep -q -E "^$verb( |\$)" "$TEST_DIR/titles" || fail "cgmove(1) does not speak of \"$verb\""
        done <<<"$known"
}

# --- pages

# Programs, units, files and interfaces of the package, by the names that one would ask man(1) for.
things() {
        dpkg -L cgmove | sed -n -E \
                -e 's,^/usr/s?bin/,,p' \
                -e 's,^/usr/libexec/cgmove/([^/]*)$,\1,p' \
                -e 's,^(/usr)?/lib/systemd/system/([^/]*\.(service|socket|slice|timer|path|target))$,\2,p' \
                -e 's,^/etc/cgmove/(cgmove.conf)$,\1,p' \
                -e 's,^/usr/share/dbus-1/system.d/(.*)\.conf$,\1,p' \
                -e 's,^.*/security/(pam_.*)\.so$,\1,p' \
                -e 's,^.*/(libnss_[^.]*)\.so.*$,\1,p' | grep -v -x shims
}

test_a_page_for_everything() {
        local thing
        [[ $(things | wc -l) -ge 8 ]] || fail "things: $(things)"
        while read -r thing; do
                compgen -G "/usr/share/man/man?/$thing.[1-8].gz" >/dev/null || fail "there is no page $thing"
        done < <(things)
        for thing in /usr/share/man/man?/*cgmove*; do
                zcat "$thing" >/dev/null || fail "$thing leads nowhere"
        done
}

test_version() {
        local file version
        version=$(cgmove --version)
        for file in /usr/share/man/man?/*cgmove*; do
                grep -q "^\.TH .*\"$version\"" < <(zcat "$file") || fail "$file is not of $version"
        done
}

test_references() {
        local name section
        while read -r name section; do
                check_file "/usr/share/man/man$section/$name.$section.gz"
        done < <(zcat /usr/share/man/man?/*cgmove* | sed 's/\\-/-/g' |
                sed -n -E 's/^\.BR ("?)([a-z.]*cgmove[a-z@.-]*1?)\1 "? ?\(([1-8])\).*/\2 \3/p' | sort -u)
}

# --- examples

# check_example JSON NUMBERS: prints the numbers that are known then.
check_example() {
        local text command output said status=0
        text=$(jq -r .text <<<"$1")
        command=$(jq -r .command <<<"$1")
        output=$(jq -r .output <<<"$1")
        if [[ $(jq .root <<<"$1") == true ]]; then
                # a monitor has no end of its own
                said=$(timeout "$([[ $command == *" monitor "* ]] && echo 2 || echo 60)" bash -c "$command" 2>&1) || status=$?
        elif [[ $text == *inside* ]]; then
                said=$(gateway_call "$command 2>&1") || status=$?
        else
                said=$(in_session alice sh -c "$command" 2>&1) || status=$?
        fi
        [[ $status -eq 0 || ($status -eq 124 && $command == *" monitor "*) || $command == *" check draft"* ]] ||
                fail "status $status of: $command: $said" >&2
        [[ -n $output ]] || { printf '%s' "$2"; return; }
        "$MANUAL" match "$output" "$said" "$2" || fail "that is not what this shows: $command" >&2
}

check_examples() {
        local example numbers='' n=0
        while read -r example; do
                numbers=$(check_example "$example" "$numbers")
                n=$((n + 1))
        done < <(page "$1" examples | jq -c '.[]')
        [[ $n -gt 0 ]] || fail "there are no examples in $1"
}

script() {
        cat >"/home/alice/$1"
        chmod 0755 "/home/alice/$1"
}

# What the examples speak of: a service, a build, a script and another host.
examples_prepare() {
        gateway_start mixed
        wait_for gateway_answers
        script make <<<$'#!/bin/sh\nsleep 1000 &\nwait'
        script nightly <<<$'#!/bin/sh\ntrue'
        systemd-run --quiet --collect --uid=alice -p PAMName=login --working-directory=/home/alice /home/alice/make
        sshd_start
        printf 'Host build.example.org\nHostName 127.0.0.1\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n' \
                >/home/alice/.ssh/config
        wait_for pgrep -u alice -x make
}

no_restart_is_on() {
        [[ $(list_of alice '[.jobs[] | select(.kind == "restart" and .state == "running")] | length') -eq 0 ]]
}

test_examples_of_cgmove() {
        examples_prepare
        check_examples cgmove.1
        wait_for no_restart_is_on
        check_equal "$(list_of alice '[.jobs[] | select(.kind == "restart") | .result] | first')" "done" "the restart"
}

test_examples_of_the_daemon() {
        touch /run/policy-touched
        rm -f "$POLICY_DIR"/*
        policy_reload
        check_examples cgmoved.8
}

test_examples_of_pools() {
        in_session alice cgmove run -- sleep infinity
        check_examples cgmove@.service.5
}

test_examples_of_the_bus() {
        check_examples org.cgmove1.5
}

# As they stand, and all of them together.
test_examples_of_the_policy() {
        local file name
        mkdir -p /run/manual-draft
        while read -r file; do
                name=$(jq -r .name <<<"$file")
                name=/run/manual-draft/$(basename "${name:-unnamed.conf}")
                jq -r .text <<<"$file" >"$name"
                check_status 0 cgmove policy check "$name"
        done < <(page cgmove.conf.5 files | jq -c '.[]')
        [[ $(find /run/manual-draft -type f | wc -l) -ge 6 ]] || fail "there are few examples"
        check_status 0 cgmove policy check /run/manual-draft/*
        printf 'policy "x" {\n  users = {"alice"}\n  from = {"session"}\n  max-jobs = 010\n}\n' >/home/alice/draft.conf
        check_examples cgmove.conf.5
}
