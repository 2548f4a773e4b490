# SPDX-License-Identifier: LGPL-2.1-or-later
# fish completion of cgmove(1). Verbs and options are those that --help tells, so that there is no second list of them.

# "VERB TAB DESCRIPTION", a line for each verb of `cgmove ... --help`.
function __cgmove_verbs
    cgmove $argv --help 2>/dev/null | string replace -rf '^  ([a-z][a-z-]*)(?: \S+)* {2,}(.*)' '$1\t$2'
end

# "SHORT TAB LONG TAB = TAB DESCRIPTION", a line for each option; what is not there is empty.
function __cgmove_options
    cgmove $argv --help 2>/dev/null |
        string replace -rf '^ {2,6}(?:(-[A-Za-z]), )?(--[a-z][a-z-]*)(=?)\S* +(.*)' '$1\t$2\t$3\t$4'
end

# The long name of the option $argv[1] of the verb that follows, if it takes a value.
function __cgmove_valued
    for line in (__cgmove_options $argv[2..])
        set -l part (string split \t -- $line)
        if test "$part[3]" = =; and contains -- $argv[1] $part[1..2]
            echo $part[2]
            return
        end
    end
    return 1
end

function __cgmove_jobs
    timeout 2 cgmove list $argv 2>/dev/null | awk 'NR > 1 && $1 ~ /^[0-9]+$/ {
        id = $1
        name = root ? $3 : $2
        line = $0
        sub(/^ *[0-9]+ +/, "", line)
        gsub(/ +/, " ", line)
        print id "\t" line
        if (name != "-") print name "\tjob " id
    }' root=(test (id -u) -eq 0; and echo 1; or echo 0)
end

# Services of the manager "user" or "system".
function __cgmove_services
    timeout 2 systemctl --$argv[1] list-units --type=service --all --plain --no-legend --no-pager 2>/dev/null |
        string match -rv '^\S+@\.service ' | string replace -rf '^(\S+) +\S+ +\S+ +\S+ +(.*)' '$1\t$2'
end

function __cgmove_processes
    command ps -u (id -u) -o pid=,args= 2>/dev/null | string replace -rf '^ *(\d+) (.*)' '$1\t$2'
end

# __cgmove_values OPTION: what may follow it.
function __cgmove_values
    switch $argv[1]
        case --log
            echo null
            __fish_complete_path (string replace -r '^--log=' '' -- (commandline -ct))
        case --signal
            string split ' ' -- (kill -l) | string replace -r '^SIG' ''
        case --user
            __fish_complete_users
        case --when --then --else
            __fish_complete_command
        case --after
            __cgmove_processes
        case --on-logout
            printf '%s\n' auto keep stop
        case --from --restart
            test $argv[1] = --restart; or printf '%s\n' session job
            __cgmove_services user | string replace -r '^' user:
            __cgmove_services system | string replace -r '^' system:
        case --sort
            printf '%s\n' cpu memory tasks age name
        case --host
            __fish_print_hostnames
        case --machine
            timeout 2 machinectl --no-legend --no-pager list 2>/dev/null | string replace -rf '^(\S+).*' '$1'
        case --name --delay --port --patience --timeout --iterations # free
    end
end

# What stands where a word does that is no option.
function __cgmove_words
    set -l manager user
    contains -- --system (commandline -opc); and set manager system
    switch "$argv"
        case ''
            __cgmove_verbs
        case status logs
            __cgmove_jobs --all
        case wait stop kill
            __cgmove_jobs
        case move where
            __cgmove_processes
        case restart adopt release doctor
            __cgmove_services $manager
        case policy
            __cgmove_verbs policy
        case 'policy check'
            __fish_complete_path (commandline -ct)
        case 'policy allow'
            __fish_complete_users
            __fish_complete_groups | string replace -r '^' @
    end
end

function __cgmove_complete
    set -l words (commandline -opc)[2..]
    set -l current (commandline -ct)
    set -l verb
    set -l option ''

    while set -q words[1]
        if test "$words[1]" = --
            set -f command
            set option ''
            set -e words[1]
            break
        else if string match -q -- '-*' $words[1]
            set option (__cgmove_valued $words[1] $verb)
            set -e words[1]
            set -q words[1]; and test -n "$option"; and set -e words[1]; and set option ''
        else if not set -q verb[1]; or test "$verb" = policy
            set -a verb $words[1]
            set option ''
            set -e words[1]
        else
            break
        end
    end

    if contains -- "$verb" run exec
        if set -q words[1]; or set -q command; or begin
                test -z "$option"; and not string match -q -- '-*' $current
            end
            complete -C "$words $current" # the command, with completions of its own
            return
        end
    end
    if test -n "$option"
        __cgmove_values $option
    else if set -l pair (string match -r '^(--[a-z-]+)=' -- $current); and set -q pair[2]
        __cgmove_values $pair[2] | string replace -r -- '^' "$pair[1]"
    else if string match -q -- '-*' $current
        for line in (__cgmove_options $verb)
            set -l part (string split \t -- $line)
            test -n "$part[1]"; and printf '%s\t%s\n' $part[1] $part[4]
            printf '%s\t%s\n' $part[2] $part[4]
        end
    else
        __cgmove_words $verb
    end
end

complete -c cgmove -f -a '(__cgmove_complete)'
