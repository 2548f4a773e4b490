#!/bin/zsh -f
# SPDX-License-Identifier: LGPL-2.1-or-later
# complete.zsh LINE...: what zsh offers at the end of each LINE, sorted, in a line. It is asked as a user asks it, with a key, in a
# shell at a pseudo-terminal; what it hands to compadd is noted on the way.
zmodload zsh/zpty
export FOUND=$(mktemp) TERM=xterm

cat >$FOUND.rc <<'END'
PROMPT= RPROMPT=
unsetopt PROMPT_SP
autoload -Uz compinit && compinit -u -D
compadd() {
        local -a __options=("${@[1,(i)(-|--)]}") __words
        # whoever asks which words match adds none
        if [[ -z ${(M)__options:#-[OAD]*} ]]; then
                builtin compadd -O __words "$@"
                print -rl -- $__words >>$FOUND
        fi
        builtin compadd "$@"
}
note() {
        _main_complete
        : >$FOUND.done
}
zle -C note list-choices note
bindkey '^X' note
print rea''dy
END

zpty child zsh -f -i
zpty -w child "source $FOUND.rc"
zpty -r child said '*ready*'
for line in "$@"; do
        : >$FOUND
        rm -f $FOUND.done
        zpty -n -w child $'\x15'"$line"$'\x18'
        repeat 300; do
                zpty -r -t child said # it must not wait for a reader
                [[ ! -e $FOUND.done ]] || break
                sleep 0.03
        done
        print -r -- ${(fou)"$(<$FOUND)"}
done
zpty -d child
rm -f $FOUND $FOUND.rc $FOUND.done
