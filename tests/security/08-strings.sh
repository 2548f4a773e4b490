# SPDX-License-Identifier: LGPL-2.1-or-later
# Hostile texts through every way in, the wire and the command line, and on every way out: lists, states, logs, errors, the journal,
# the bus, result files. None becomes a path, and no control character reaches a terminal. (Threat 8.)

WIRE=/opt/cgmove-tests/wire.py

set_up() {
        check_status 0 in_session alice cgmove run --wait -- true
        daemon_note
}

# Hexadecimal, one a line.
hostile_texts() {
        local long text
        long=$(printf 'x%.0s' {1..300})
        for text in '' . .. ../x ../../../etc/passwd / // /etc/shadow a/b 'a b' -x -- $'a\nb' $'a\rb' $'a\tb' $'\e[31mred\e[0m' $'\e]0;title\a' \
                $'\x9b31m' $'\xc2\x9b31m' $'\xe2\x80\xaeevil' $'\xe2\x81\xa6evil' $'\xe2\x80\xa8line' $'\xff\xfe' $'\xc0\xaf..' $'\xc0\x80' $'\xe0\x80\xaf' \
                $'\xed\xa0\x80' $'\xf4\x90\x80\x80' $'\x7f' $'\x01' cgroup.procs memory.max cgroup.kill session-1.scope x.slice user-1001.slice \
                keeper quarantine job-1 job-1.log 'init.scope' '*' '%s%n%x' '${HOME}' '$(id)' '`id`' '"},{"' '\' "$long" "/$long" "$long$long$long$long"; do
                printf '%s' "$text" | od -An -v -tx1 | tr -d ' \n'
                echo
        done
}

# Everything that is shown to users and to root, in all forms.
all_that_is_shown() {
        local user
        for user in alice root; do
                if [[ $user == root ]]; then
                        cgmove list --all
                        cgmove doctor || true
                else
                        as alice cgmove list --all
                        as alice cgmove status "$(list_of alice '[.jobs[].id] | max')"
                        in_session alice cgmove doctor || true
                fi
        done 2>&1
        daemon_logged
        systemctl status cgmoved.service --no-pager || true
        busctl --no-pager tree org.cgmove1
}

# check_plain TEXT: no control character but the line's end; no C1, none that turns the direction of a line, none that is not UTF-8.
check_plain() {
        local bad
        bad=$(LC_ALL=C grep -a -n -P '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]' <<<"$1" || true)
        check_equal "$bad" "" "${2:-lines} with control characters"
        iconv -f UTF-8 -t UTF-8 <<<"$1" >/dev/null || fail "${2:-text} is not UTF-8"
}

# As a terminal gets it: colours are ours, all else is not.
on_a_terminal() {
        script --quiet --return --command "$*" /dev/null </dev/null | sed -E $'s/\e\\[[0-9;]*[mK]//g' | tr -d '\r'
}

test_on_the_wire() {
        local made
        hostile_texts >"$TEST_DIR/texts"
        chmod 0644 "$TEST_DIR/texts"
        OUTPUT=$(in_session alice python3 $WIRE strings "$TEST_DIR/texts" 2>&1) || fail "wire.py: $OUTPUT"
        grep '^tried' <<<"$OUTPUT"
        made=$(sed -n 's/^made //p' <<<"$OUTPUT")
        [[ $made -gt 20 ]] || fail "only $made were good, what are the others refused for?"
        pools_check_names
        check_equal "$(find /var/lib/cgmove -mindepth 1 | grep -v -x -E '/var/lib/cgmove/(ids|next-id|[^/]*|[0-9]+/[0-9]+\.json)' || true)" "" "strange files"
        check_plain "$(all_that_is_shown)" "what is shown"
        check_plain "$(on_a_terminal "$here/as" alice cgmove list --all)" "what a terminal is sent"
        as alice cgmove list --all --json | jq -e .jobs >/dev/null || fail "the list is no JSON"
        check_plain "$(as alice cgmove list --all --json)" "the JSON"
        check_plain "$(find /var/lib/cgmove -name '*.json' -exec cat {} +)" "the result files"
        daemon_check_goes_on 2048
}

# Names, options, commands and logs of the command line. A name that is not good is a wrong use.
test_on_the_command_line() {
        local text hex n=0 i said
        local -a ways=("run --name" "run --log" status logs stop kill wait "policy explain --from" restart doctor where move wait-port
                "policy explain --user" "kill -s" nonsense)
        while read -r hex; do
                text=$(printf '%b' "$(sed 's/../\\x&/g' <<<"$hex")")
                for i in 1 2; do # each text in other places than the last
                        # shellcheck disable=SC2086
                        said=$(as alice timeout 20 cgmove ${ways[n % ${#ways[@]}]} "$text" 2>&1 </dev/null || true)
                        check_plain "$said" "what \"cgmove ${ways[n % ${#ways[@]}]}\" says"
                        n=$((n + 1))
                done
                n=$((n + 1))
        done < <(hostile_texts)
        pools_check_names
        daemon_check_goes_on 2048
        tried "$n" "texts as arguments of the command line"
}

# The command line and the name of a process are its own to choose; Check and dry runs read them.
test_of_a_process() {
        local said
        said=$(in_session alice python3 -c "
import os, subprocess, sys
names = [b'\x1b[31m', b'\xff\xfe', b'a\nb', b'\xe2\x80\xaeevil', b'\xc2\x9b31m', b'x' * 5000]
for name in names:
    with open('/proc/self/comm', 'wb') as file:
        file.write(name[:15])
    pid = subprocess.Popen([name, b'-c', b'sleep 100; : ' + name], executable='/bin/sh', stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid
    for words in (['move', '--dry-run'], ['where'], ['move']):
        sys.stdout.flush()
        subprocess.run(['cgmove'] + words + [str(pid)], stderr=subprocess.STDOUT)
        subprocess.run(['cgmove'] + words + ['--json', str(pid)], stderr=subprocess.STDOUT)
" 2>&1) || true
        check_plain "$said" "what is said of processes"
        check_plain "$(all_that_is_shown)" "what is shown"
        pkill -KILL -u alice -x sleep || true
        tried 36 "processes of hostile names and command lines"
        daemon_check_goes_on 2048
}
