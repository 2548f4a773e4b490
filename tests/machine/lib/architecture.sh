# SPDX-License-Identifier: LGPL-2.1-or-later
# Whether doc/architecture.md is still true: every file that it names is there, and every source file is named.

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

build_architecture() {
        local page=$WORK/src/doc/architecture.md named path status=0
        named=$(architecture_named "$page" | sort)
        for path in $(architecture_paths "$page"); do
                [[ -e $WORK/src/$path ]] || { echo "$page names $path, which is not there"; status=1; }
        done
        uniq -d <<<"$named" | sed "s,^,$page names twice: ,"
        diff --label "doc/architecture.md" --label "the sources" -u0 <(uniq <<<"$named") <(architecture_sources "$WORK/src") || status=1
        [[ -z $(uniq -d <<<"$named") ]] || status=1
        return "$status"
}
