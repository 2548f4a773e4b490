# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion of cgmove(1)

# The numbers and names of jobs. What comes from the daemon is plain: names have no character that a shell knows.
__cgmove_jobs() {
        cgmove list "$@" 2>/dev/null | awk 'NR > 1 && $1 ~ /^[0-9]+$/ {
                print $1
                name = root ? $3 : $2
                if (name != "-") print name
        }' root="$((EUID == 0))"
}

# Services that run, or could: of the user's manager, or of the system's.
__cgmove_services() {
        local manager=--user
        [[ " ${COMP_WORDS[*]} " != *" --system "* ]] || manager=--system
        systemctl "$manager" list-units --type=service --all --plain --no-legend --no-pager 2>/dev/null |
                awk '$1 !~ /@\.service$/ { print $1 }'
}

# The word the verb's options end at: the place of COMMAND.
__cgmove_command_offset() {
        local i
        for ((i = 2; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                --)
                        printf '%d' $((i + 1))
                        return
                        ;;
                --name | --delay | --log | -n | -d | -l) ((i++)) ;;
                -*) ;;
                *)
                        printf '%d' "$i"
                        return
                        ;;
                esac
        done
}

__cgmove_options() {
        case $1 in
        run) printf '%s ' --name --delay --wait --log --keep-env ;;
        exec) printf '%s ' --name --fallback ;;
        move) printf '%s ' --name --tree --dry-run ;;
        restart) printf '%s ' --system --wait --delay --when --then --else --patience --port --timeout --dry-run ;;
        adopt) printf '%s ' --system --port --when --yes --dry-run ;;
        release) printf '%s ' --system --dry-run ;;
        list) printf '%s ' --all ;;
        logs) printf '%s ' --follow ;;
        kill) printf '%s ' --signal ;;
        doctor) printf '%s ' --user --system ;;
        wait-port) printf '%s ' --timeout --reuse ;;
        esac
        printf '%s ' --json --help
}

_cgmove() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]} offset
        COMPREPLY=()

        if ((COMP_CWORD == 1)); then
                mapfile -t COMPREPLY < <(compgen -W 'run exec move restart adopt release list status logs wait stop kill wait-port where doctor policy
                        --help --version' -- "$cur")
                return
        fi

        case $verb in
        run | exec)
                offset=$(__cgmove_command_offset)
                if [[ $offset ]]; then
                        declare -F _command_offset >/dev/null && _command_offset "$offset"
                        return
                fi
                ;;
        doctor) # whose --user takes no word
                if [[ $cur != -* ]]; then
                        mapfile -t COMPREPLY < <(compgen -W "$(__cgmove_services)" -- "$cur")
                        return
                fi
                ;;
        esac

        case $prev in
        -l | --log)
                mapfile -t COMPREPLY < <(compgen -W null -- "$cur"; compgen -f -- "$cur")
                return
                ;;
        -s | --signal)
                mapfile -t COMPREPLY < <(compgen -A signal -- "$cur"; compgen -A signal -- "SIG$cur")
                return
                ;;
        -u | --user)
                mapfile -t COMPREPLY < <(compgen -u -- "$cur")
                return
                ;;
        --when | --then | --else)
                mapfile -t COMPREPLY < <(compgen -c -- "$cur")
                return
                ;;
        -n | --name | -d | --delay | --from | -p | --port | -t | --patience | --timeout) return ;;
        esac

        if [[ $cur == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$(__cgmove_options "$verb")" -- "$cur")
                return
        fi

        case $verb in
        status | logs)
                mapfile -t COMPREPLY < <(compgen -W "$(__cgmove_jobs --all)" -- "$cur")
                ;;
        wait | stop | kill)
                mapfile -t COMPREPLY < <(compgen -W "$(__cgmove_jobs)" -- "$cur")
                ;;
        move | where)
                mapfile -t COMPREPLY < <(compgen -W "$(command ps -u "$EUID" -o pid= 2>/dev/null)" -- "$cur")
                ;;
        restart | adopt | release)
                mapfile -t COMPREPLY < <(compgen -W "$(__cgmove_services)" -- "$cur")
                ;;
        run | exec)
                mapfile -t COMPREPLY < <(compgen -c -- "$cur")
                ;;
        policy)
                if ((COMP_CWORD == 2)); then
                        mapfile -t COMPREPLY < <(compgen -W 'check explain allow' -- "$cur")
                else
                        case ${COMP_WORDS[2]} in
                        check) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
                        allow) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
                        esac
                fi
                ;;
        esac
}

complete -F _cgmove cgmove
