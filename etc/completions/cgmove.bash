# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion of cgmove(1). Verbs and options are those that --help tells, so that there is no second list of them.

# Asks for the help of a verb ("": of all), once for each key that is pressed: for those below, which may be subshells.
__cgmove_learn() {
        [[ ${help["help $*"]+x} ]] || help["help $*"]=$(cgmove "$@" --help 2>/dev/null)
}

# The verbs of `cgmove ... --help`.
__cgmove_verbs() {
        __cgmove_learn "$@"
        printf '%s\n' "${help["help $*"]}" | sed -n -E 's/^  ([a-z][a-z-]*) .*/\1/p'
}

# The options of `cgmove ... --help`; after --valued, those that take a value.
__cgmove_options() {
        local value=
        [[ ${1:-} != --valued ]] || { value='=' && shift; }
        __cgmove_learn "$@"
        printf '%s\n' "${help["help $*"]}" | sed -n -E "s/^ {2,6}((-[A-Za-z]), )?(--[a-z][a-z-]*)$value.*/\\2 \\3/p"
}

# The numbers and names of jobs. What comes from the daemon is plain: names have no character that a shell knows. A daemon that does
# not answer does not keep anybody from typing.
__cgmove_jobs() {
        timeout 2 cgmove list "$@" 2>/dev/null | awk 'NR > 1 && $1 ~ /^[0-9]+$/ {
                print $1
                name = root ? $3 : $2
                if (name != "-") print name
        }' root="$((EUID == 0))"
}

# Services that run, or could: of the user's manager, or of the system's, as far as they begin with what is typed. A "\" of a name
# ("\x2d") is two for `compgen -W`, and two for the shell that reads the line.
__cgmove_services() {
        local manager=--user
        [[ ${1:-} != system && ( ${1:-} == user || " ${COMP_WORDS[*]} " != *" --system "* ) ]] || manager=--system
        compgen -W "$(timeout 2 systemctl "$manager" list-units --type=service --all --plain --no-legend --no-pager 2>/dev/null |
                awk '$1 !~ /@\.service$/ { gsub(/\\/, "&&", $1); print $1 }')" -- "${cur#:}" | sed 's/\\/&&/g'
}

# __cgmove_values OPTION: what may follow it; status 1 if it is not known here.
__cgmove_values() {
        case $1 in
        --log) compgen -W null -- "$cur"; compgen -f -- "$cur" ;;
        --signal) compgen -A signal -- "$cur"; compgen -A signal -- "SIG$cur" ;;
        --user) compgen -u -- "$cur" ;;
        --when | --then | --else) compgen -c -- "$cur" ;;
        --after) compgen -W "$(command ps -u "$EUID" -o pid= 2>/dev/null)" -- "$cur" ;;
        --on-logout) compgen -W 'auto keep stop' -- "$cur" ;;
        --restart) compgen -W 'user: system:' -- "$cur" ;;
        --from) compgen -W 'session job user: system:' -- "$cur" ;;
        --sort) compgen -W 'cpu memory tasks age name' -- "$cur" ;;
        --host) compgen -A hostname -- "$cur" ;;
        --machine) compgen -W "$(timeout 2 machinectl --no-legend --no-pager list 2>/dev/null | awk '{ print $1 }')" -- "$cur" ;;
        --name | --delay | --port | --patience | --timeout | --iterations) ;; # free
        *) return 1 ;;
        esac
        return 0
}

# The long name of an option of a verb: of `-n`, maybe `--name`.
__cgmove_long() {
        local option=$1 short long
        shift
        [[ $option != --* ]] || { printf '%s\n' "$option" && return; }
        while read -r short long; do
                [[ $short != "$option" ]] || printf '%s\n' "$long"
        done < <(__cgmove_options "$@")
}

# What stands where a word does that is no option.
__cgmove_words() {
        case $1 in
        status | logs) compgen -W "$(__cgmove_jobs --all)" -- "$cur" ;;
        wait | stop | kill) compgen -W "$(__cgmove_jobs)" -- "$cur" ;;
        move | where) compgen -W "$(command ps -u "$EUID" -o pid= 2>/dev/null)" -- "$cur" ;;
        restart | adopt | release | doctor) __cgmove_services ;;
        run | exec) compgen -c -- "$cur" ;;
        'policy check') compgen -f -- "$cur" ;;
        'policy allow') compgen -u -- "$cur"; [[ $cur != @* ]] || compgen -g -P @ -- "${cur#@}" ;;
        policy) compgen -W "$(__cgmove_verbs policy)" -- "$cur" ;;
        esac
}

# The place in COMP_WORDS of the first word from the place $1 on that is neither an option nor the value of one; $2...: the verb.
__cgmove_next_word() {
        local i valued from=$1
        shift
        valued=" $(__cgmove_options --valued "$@" | tr '\n' ' ') "
        for ((i = from; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                --)
                        ((i++))
                        break
                        ;;
                -*)
                        if [[ $valued == *" ${COMP_WORDS[i]} "* ]]; then
                                [[ ${COMP_WORDS[i + 1]} != = ]] || ((i++))
                                ((i++))
                        fi
                        ;;
                *) break ;;
                esac
        done
        printf '%d' "$i"
}

_cgmove() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} at offset colon=
        local -a verb=()
        local -A help=()
        COMPREPLY=()
        __cgmove_learn

        # Bash has cut "--option=value" at the "="
        case $cur/$prev in
        =/*) cur= ;;
        */=) prev=${COMP_WORDS[COMP_CWORD - 2]} ;;
        esac

        at=$(__cgmove_next_word 1)
        if ((at < COMP_CWORD)); then
                verb=("${COMP_WORDS[at]}")
                __cgmove_learn "${verb[@]}"
                offset=$(__cgmove_next_word $((at + 1)) "${verb[@]}")
                if [[ ${verb[0]} == policy ]] && ((offset < COMP_CWORD)); then
                        verb+=("${COMP_WORDS[offset]}")
                        __cgmove_learn "${verb[@]}"
                elif [[ ${verb[0]} == run || ${verb[0]} == exec ]] &&
                        { ((offset < COMP_CWORD)) || [[ $prev == -- || $cur != -* ]]; } &&
                        ((offset <= COMP_CWORD)) && declare -F _command_offset >/dev/null; then
                        _command_offset "$offset"
                        return
                fi
        fi

        # and a source at the ":"
        case $cur/$prev in
        :/*) colon=$((COMP_CWORD)) ;;
        */:) colon=$((COMP_CWORD - 1)) ;;
        esac
        if [[ $colon ]]; then
                mapfile -t COMPREPLY < <(__cgmove_services "${COMP_WORDS[colon - 1]}")
                return
        fi

        if [[ " $(__cgmove_options --valued "${verb[@]}" | tr '\n' ' ') " == *" $prev "* ]]; then
                mapfile -t COMPREPLY < <(__cgmove_values "$(__cgmove_long "$prev" "${verb[@]}")")
                [[ ${COMPREPLY[*]} != *: ]] || compopt -o nospace 2>/dev/null
                return
        fi

        if [[ $cur == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$(__cgmove_options "${verb[@]}")" -- "$cur")
        elif [[ ${#verb[@]} -eq 0 ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$(__cgmove_verbs)" -- "$cur")
        else
                mapfile -t COMPREPLY < <(__cgmove_words "${verb[*]}")
        fi
}

complete -F _cgmove cgmove
