# SPDX-License-Identifier: LGPL-2.1-or-later
# Completions for bash, zsh and fish: verbs, options and values, and what is there to be named. The shells themselves are asked.
# timeout: 600

BASH_FILE=/usr/share/bash-completion/completions/cgmove
ZSH_FILE=/usr/share/zsh/vendor-completions/_cgmove
FISH_FILE=/usr/share/fish/vendor_completions.d/cgmove.fish

sorted() {
        tr ' ' '\n' | sed '/^$/d' | LC_ALL=C sort -u | tr '\n' ' ' | sed 's/ $//'
}

# SHELL_offers LINE...: what that shell offers alice at the end of each LINE, sorted, in a line.
bash_offers() {
        # bash itself has cut the words at "=" and ":" before it asks
        # shellcheck disable=SC2016
        as alice bash -c '. "$1"
                for line in "${@:2}"; do
                        read -ra COMP_WORDS <<<"$(sed "s/[=:]/ & /g" <<<"$line")"
                        [[ $line != *" " ]] || COMP_WORDS+=("")
                        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$line COMP_POINT=${#line}
                        _cgmove
                        echo "${COMPREPLY[@]}"
                done' bash "$BASH_FILE" "$@" | sorted_lines
}

fish_offers() {
        # shellcheck disable=SC2016
        as alice fish --no-config -c 'source $argv[1]
                for line in $argv[2..]
                        echo (complete -C $line | string replace -r "\t.*" "")
                end' "$FISH_FILE" "$@" | sorted_lines
}

zsh_offers() {
        as alice "$here/../complete.zsh" "$@" | sorted_lines
}

sorted_lines() {
        while IFS= read -r line; do
                sorted <<<"$line"
                echo
        done
}

# check_offers [EXPECTED LINE]...: in all three.
check_offers() {
        local shell i
        local -a expected=() lines=() offered
        while [[ $# -gt 0 ]]; do
                expected+=("$1")
                lines+=("$2")
                shift 2
        done
        for shell in bash fish zsh; do
                mapfile -t offered < <("${shell}_offers" "${lines[@]}")
                for ((i = 0; i < ${#lines[@]}; i++)); do
                        check_equal "${offered[i]:-}" "${expected[i]}" "$shell at \"${lines[i]}\""
                done
        done
}

long_options() {
        "$here/help-options" | sed -n "s/^option $1\t[^\t]*\t\([^\t]*\)\t.*/\1/p" | sorted
}

test_files_are_installed() {
        local file
        for file in "$BASH_FILE" "$ZSH_FILE" "$FISH_FILE"; do
                check_equal "$(stat -c '%U %a' "$file")" "root 644" "$file"
        done
        bash -n "$BASH_FILE"
        zsh -n "$ZSH_FILE"
        fish --no-execute "$FISH_FILE"
}

test_verbs() {
        check_offers "$("$here/help-options" | sed -n 's/^verb \([^ ]*\)$/\1/p' | sorted)" 'cgmove ' \
                "$("$here/help-options" | sed -n 's/^verb policy \(.*\)$/\1/p' | sorted)" 'cgmove policy ' \
                top 'cgmove to'
}

# Each shell offers the options that --help tells, of every verb, and no other.
test_options_are_those_of_the_help() {
        local verb
        local -a verbs cases
        mapfile -t verbs < <("$here/help-options" | sed -n 's/^verb //p')
        [[ ${#verbs[@]} -ge 20 ]] || fail "verbs: ${verbs[*]}"
        cases=("$(long_options '')" 'cgmove --')
        for verb in "${verbs[@]}"; do
                cases+=("$(long_options "$verb")" "cgmove $verb --")
        done
        check_offers "${cases[@]}"
}

# For each option with a value somebody has thought of what may stand there.
test_every_value_is_known() {
        local option file
        for option in $("$here/help-options" | awk -F '\t' '/^option/ && $4 != "-" { print $3 }' | sort -u); do
                for file in "$BASH_FILE" "$ZSH_FILE" "$FISH_FILE"; do
                        grep -q -E "^ +(case )?([^)]*[ |])?$option([ |)]|\$)" "$file" || fail "$file does not know what follows $option"
                done
        done
}

test_values() {
        check_offers "age cpu memory name tasks" 'cgmove top --sort ' \
                memory 'cgmove top -s m' \
                alice 'cgmove policy allow ali' \
                alice 'cgmove policy explain -u ali' \
                null 'cgmove run --log nul' \
                "" 'cgmove run --name '
        check_equal "$(bash_offers 'cgmove kill -s USR' 'cgmove top --sort=m')" "$(printf 'SIGUSR1 SIGUSR2\nmemory')"
        check_equal "$(zsh_offers 'cgmove kill -s USR' 'cgmove top --sort=m')" "$(printf 'USR1 USR2\nmemory')"
        check_equal "$(fish_offers 'cgmove kill -s USR' 'cgmove top --sort=m')" "$(printf 'USR1 USR2\n--sort=memory')"
}

test_sources() {
        check_equal "$(bash_offers 'cgmove policy explain --from ')" "job session system: user:"
        check_contains "$(bash_offers 'cgmove policy explain --from system:cgmoved')" cgmoved.service
        check_contains "$(zsh_offers 'cgmove policy explain --from=system:cgmoved')" cgmoved.service
        check_contains "$(fish_offers 'cgmove policy explain --from system:cgmoved')" system:cgmoved.service
}

# Those of the command, from its first word on; in bash without its package, too.
test_commands() {
        check_offers setpriv 'cgmove run -- setpri' setpriv 'cgmove run -n x setpri' setpriv 'cgmove exec setpri'
}

test_jobs() {
        local id ended
        in_session alice cgmove run --name over -- true
        in_session alice cgmove run --name lasting -- sleep 1000
        id=$(job_id lasting)
        ended=$(job_id over)
        as alice cgmove wait "$ended"
        check_offers "$(sorted <<<"$id lasting")" 'cgmove stop ' lasting 'cgmove kill las' over 'cgmove status over' over 'cgmove logs over'
        # root has a column more
        check_contains "$(fish --no-config -c "source $FISH_FILE; complete -C 'cgmove stop '")" lasting
        as alice cgmove stop "$id"
}

test_processes_and_units() {
        local pid
        gateway_start mixed
        pid=$(gateway_pid)
        check_offers "$pid" "cgmove move $pid" "$pid" "cgmove where $pid" "$GATEWAY" "cgmove restart ${GATEWAY:0:6}" \
                cgmoved.service 'cgmove doctor --system cgmoved'
        # a name with a backslash, as the shell is to read it
        in_session alice systemd-run --user --quiet --collect --unit='over\x2dthere' sleep 1000
        check_equal "$(bash_offers 'cgmove doctor over' 'cgmove doctor over\\x2dth' 'cgmove policy explain --from user:over')" \
                "$(printf '%s\n' 'over\\x2dthere.service'{,,})"
        in_session alice systemctl --user stop 'over\x2dthere'
}

test_no_daemon_no_delay() {
        local start=$SECONDS
        kill -STOP "$(daemon_pid)"
        bash_offers 'cgmove stop ' >/dev/null
        kill -CONT "$(daemon_pid)"
        [[ $((SECONDS - start)) -lt 12 ]] || fail "it took $((SECONDS - start)) s" # the daemon itself is given 15 s by others
}

tear_down() {
        kill -CONT "$(daemon_pid)"
}
