# SPDX-License-Identifier: LGPL-2.1-or-later
# The pages of doc/, taken at their word: their fenced blocks, as a reader would copy them out of the installed page.

PAGES=/usr/share/doc/cgmove/doc

# page_block PAGE NAME: the text of the block that begins with ```LANGUAGE NAME.
page_block() {
        local text
        text=$(awk -v name="$2" '
                /^```/ && open { open = 0; next }
                /^```/ { open = 1; wanted = $2 == name; next }
                open && wanted' "$PAGES/$1.md")
        [[ $text ]] || fail "there is no block $2 in $1.md"
        printf '%s\n' "$text"
}

# page_run PAGE NAME [COMMAND...]: executes such a block in a shell that COMMAND starts, root's own if there is none.
page_run() {
        local text
        text=$(page_block "$1" "$2")
        shift 2
        "$@" bash -e -c "$text"
}

# page_commands PAGE NAME: the lines of a block of text that are commands.
page_commands() {
        page_block "$1" "$2" | sed -n 's/^    //p'
}

# page_write PAGE NAME FILE: such a block as a file.
page_write() {
        mkdir -p "$(dirname "$3")"
        page_block "$1" "$2" >"$3"
}

# The policy of the page, in place of what its command has written; the example that is installed says the same.
page_policy() {
        local file=$POLICY_DIR/$1.conf
        check_file "$file"
        page_write "$1" policy "$file"
        check_equal "$(sed '1,/^$/d' "/usr/share/doc/cgmove/examples/$1.conf")" "$(cat "$file")" "example of $1"
        page_run "$1" reload
}

# Nothing is allowed to anybody, as after the installation.
page_begin() {
        touch /run/policy-touched
        rm -rf "${POLICY_DIR:?}"/*
        policy_reload
}

# Nothing of the page is left in the policy.
page_check_undone() {
        check_equal "$(ls -A "$POLICY_DIR")" "" "policies"
        check_status 77 cgmove policy explain --user "$1" --from "$2"
}
