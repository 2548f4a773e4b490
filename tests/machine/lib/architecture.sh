# SPDX-License-Identifier: LGPL-2.1-or-later
# Whether doc/architecture.md is still true: every file that it names is there, and every source file is named. Likewise what
# cgmoved(8) says of the journal: every kind of event is there, with its message id, and the daemon has a use for it.

ARCHITECTURE_FOLDERS=(daemon lib nss-pam tools)

# The sources that the page names, without suffix; in a row of a table the words behind `FOLDER/` are files in it.
architecture_named() {
        awk '/^\|/ {
                folder = ""
                n = split($0, words, "`")
                for (i = 2; i <= n; i += 2)
                        if (words[i] ~ /\/$/)
                                folder = words[i]
                        else if (folder != "")
                                print folder words[i]
        }' "$1"
}

# Other files and folders that it names.
architecture_paths() {
        grep -v '^|' "$1" | grep -o '`[^`]*`' | tr -d '`' | grep -E '^[A-Za-z-]+(/[A-Za-z.-]*|\.md)$'
}

# The sources that there are. What is "private" is the inside of the file that it is named after.
architecture_sources() {
        (cd "$1" && find "${ARCHITECTURE_FOLDERS[@]}" -name '*.[ch]') | sed -E 's/\.[ch]$//; s/-private$//' | sort -u
}

# "NAME ID" of each kind, as the sources have it and as the page does. Then kinds that nothing logs.
journal_kinds() {
        sed -n '/LOG_ID_[A-Z_]* .*SD_ID128_MAKE/ { s/[,()]/ /g; p }' "$1/daemon/log.h" | while read -r _ macro _ id; do
                printf '%s %s\n' "$(tr -d '\n' <"$1/daemon/log.c" | grep -o -P "\"[a-z-]*\"(?=, LOG_[A-Z]*, (true|false), +$macro \})" | tr -d '"')" "${id// /}"
        done | sort
}

journal_page() {
        sed -n 's/\\-/-/g; /^\.SH JOURNAL/,/^\.SH FILES/ s/^\([a-z-]*\)\t\([0-9a-f]\{32\}\)$/\1 \2/p' "$1/man/cgmoved.8" | sort
}

journal_explained() {
        awk '/^\.SH/ { journal = $0 == ".SH JOURNAL" } journal && tagged { print $2 } { tagged = $0 == ".TP" }' "$1/man/cgmoved.8" |
                sed 's/\\-/-/g' | sort
}

journal_unused() {
        local kind
        for kind in $(grep -o 'LOG_KIND_[A-Z_]*\]' "$1/daemon/log.c" | tr -d ']'); do
                cat "$1"/daemon/*.c | grep -w "$kind" | grep -v "\[$kind\]" >/dev/null || echo "nothing logs $kind"
        done
}

build_journal() {
        local src=$WORK/src status=0
        diff --label "the sources" --label "cgmoved(8)" -u0 <(journal_kinds "$src") <(journal_page "$src") || status=1
        diff --label "the table of cgmoved(8)" --label "what it explains" -u0 <(journal_page "$src" | cut -d ' ' -f 1) <(journal_explained "$src") || status=1
        [[ -z $(journal_unused "$src") ]] || { journal_unused "$src"; status=1; }
        return "$status"
}

build_architecture() {
        local page=$WORK/src/doc/architecture.md named path status=0
        named=$(architecture_named "$page" | sort)
        for path in $(architecture_paths "$page"); do
                [[ -e $WORK/src/$path ]] || { echo "$page names $path, which is not there"; status=1; }
        done
        uniq -d <<<"$named" | sed "s,^,$page names twice: ,"
        diff --label "doc/architecture.md" --label "the sources" -u0 <(uniq <<<"$named") <(architecture_sources "$WORK/src") || status=1
        [[ -z $(uniq -d <<<"$named") ]] || status=1
        build_journal || status=1
        return "$status"
}
