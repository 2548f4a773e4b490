# SPDX-License-Identifier: LGPL-2.1-or-later
# Threat 20, for libnss_cgmove: called with no daemon, one that hangs, in set-uid programs, in threads and after fork(), with
# snapshots that nobody should believe. (The module of PAM is in 20-modules.sh; each byte of a snapshot, in tests/unit/test-nss.c.)

MODULE=$(find /usr/lib -name libnss_cgmove.so.2)

set_up() {
        cp -a "$ALLOWED" /run/allowed.saved
        nss_use group cgmove
}

tear_down() {
        nss_restore
        rm -rf "$ALLOWED" /usr/lib/cgmove-nss-caller
        kill -CONT "$(daemon_pid)" 2>/dev/null || true
        systemctl start cgmoved.socket cgmoved.service
        mv /run/allowed.saved "$ALLOWED"
}

# snapshot NAME...: a good one, put in place as the daemon does it.
snapshot() {
        local names
        names=$(printf '%s\n' "$@")
        printf 'cgmove-allowed 1 77000 %d %d\n%s\nend\n' $# $((${#names} + 1)) "$names" >"$ALLOWED.test"
        chmod 0644 "$ALLOWED.test"
        mv "$ALLOWED.test" "$ALLOWED"
}

test_the_module_gives_no_rights() {
        check_equal "$(stat -c '%U:%G %a' "$MODULE")" "root:root 644" "the module"
        check_equal "$(dpkg -S "$MODULE" 2>/dev/null | cut -d: -f1)" cgmove "its package"
        check_equal "$(grep -a -o '_nss_[a-z_]*' "$MODULE" | sort -u | paste -s -d ' ')" "_nss_cgmove_endgrent _nss_cgmove_getgrent_r \
_nss_cgmove_getgrgid_r _nss_cgmove_getgrnam_r _nss_cgmove_initgroups_dyn _nss_cgmove_setgrent" "what libc finds in it"
        check_lacks "$(dpkg-deb -c /opt/cgmove.deb)" nsswitch "files of the package"
        tried 4 "facts of the module"
}

# It opens one file, and nothing else; no program of an attacker's choice is asked.
test_it_opens_one_file() {
        local said
        snapshot alice
        said=$(LC_ALL=de_DE.UTF-8 LD_LIBRARY_PATH=/tmp CGMOVE_RUN_DIR=/tmp strace -f -e trace=openat,open,%network,%process getent group cgmove-allowed 2>&1)
        check_contains "$said" "cgmove-allowed:!*:77000:alice"
        # once it is loaded
        said=$(awk '/libnss_cgmove/ { text = ""; next } { text = text $0 "\n" } END { printf "%s", text }' <<<"$said")
        check_equal "$(grep -E -v -c 'exit|\+\+\+|^cgmove-allowed' <<<"$said")" 1 "what it opens: $said"
        check_contains "$said" 'openat(AT_FDCWD, "/run/cgmove/allowed", O_RDONLY'
        tried 1 "strace of what the module does"
}

test_no_daemon_and_one_that_hangs() {
        local i n=0
        snapshot alice
        systemctl stop cgmoved.socket cgmoved.service
        for i in {1..20}; do
                check_status 0 timeout 10 getent group cgmove-allowed
                check_contains "$(timeout 10 id alice)" 77000
                n=$((n + 2))
        done
        systemctl start cgmoved.socket cgmoved.service
        kill -STOP "$(daemon_pid)"
        for i in {1..20}; do
                check_status 0 timeout 10 getent group cgmove-allowed
                check_status 0 timeout 10 id alice
                n=$((n + 2))
        done
        kill -CONT "$(daemon_pid)"
        tried "$n" "look-ups with no daemon, and with one that hangs"
}

# The module answers for one group. Whatever a snapshot says, root, sudo and alice's own group are what they were.
test_it_answers_for_nobody_else() {
        local group before n=0
        before=$(getent group | grep -v cgmove-allowed)
        for group in 0 4 27 42 1000 65534 4294967295; do
                printf 'cgmove-allowed 1 %s 1 6\nalice\nend\n' "$group" >"$ALLOWED"
                check_status 2 getent group cgmove-allowed
                check_lacks "$(id -G alice)" " " "groups of alice"
                check_equal "$(getent group)" "$before" "all groups"
                n=$((n + 3))
        done
        snapshot alice
        check_equal "$(getent group root)" "root:x:0:" "root's group"
        check_equal "$(id -G alice)" "1000 77000" "groups of alice"
        tried "$n" "answers for groups that are another's"
}

# What lies there in the place of a snapshot: no answer, at once, from everybody, and no crash.
test_hostile_snapshots() {
        local kind n=0
        for kind in missing empty garbage zeros huge sparse directory fifo socket link dangling null owner group others cut unreadable loop; do
                rm -rf "$ALLOWED"
                case $kind in
                missing) ;;
                empty) : >"$ALLOWED" ;;
                garbage) head -c 100000 /dev/urandom >"$ALLOWED" ;;
                zeros) head -c 100000 /dev/zero >"$ALLOWED" ;;
                huge) { snapshot alice && head -c 5000000 /dev/zero >>"$ALLOWED"; } ;;
                sparse) snapshot alice && truncate -s 100G "$ALLOWED" ;;
                directory) mkdir "$ALLOWED" ;;
                fifo) mkfifo "$ALLOWED" ;;
                socket) python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('$ALLOWED')" ;;
                link) snapshot alice && mv "$ALLOWED" /run/allowed.elsewhere && ln -s /run/allowed.elsewhere "$ALLOWED" ;;
                dangling) ln -s /nowhere "$ALLOWED" ;;
                null) ln -s /dev/zero "$ALLOWED" ;;
                owner) snapshot alice && chown alice "$ALLOWED" ;;
                group) snapshot alice && chmod 0664 "$ALLOWED" ;;
                others) snapshot alice && chmod 0666 "$ALLOWED" ;;
                cut) snapshot alice bob && truncate -s -1 "$ALLOWED" ;;
                unreadable) snapshot alice && chmod 0600 "$ALLOWED" ;;
                loop) ln -s allowed "$ALLOWED" ;;
                esac
                check_status 2 as bob timeout 10 getent group cgmove-allowed
                check_status 2 as bob timeout 10 getent group 77000
                check_status 0 as bob timeout 10 getent group root
                check_equal "$(as bob timeout 10 id -G)" 1001 "$kind: groups of bob"
                [[ $kind == unreadable ]] || check_equal "$(timeout 10 id -G alice)" 1000 "$kind: groups of alice"
                n=$((n + 5))
        done
        rm -rf "$ALLOWED" /run/allowed.elsewhere
        tried "$n" "look-ups with snapshots that are none"
}

# Threads, children of a process with threads, and a snapshot that is replaced all the time; then the same in a set-uid program
# that bob calls with an environment and limits of his choice.
test_threads_children_and_set_uid_programs() {
        local said stop=$TEST_DIR/stop
        snapshot alice
        (
                while [[ ! -e $stop ]]; do
                        snapshot bob carol
                        snapshot alice
                        sleep 0.002
                done
        ) &
        said=$(timeout 60 "$here/../nss-caller" 5) || fail "an answer was neither of both: $said"
        tried "${said#tried }" "look-ups of threads and children while the snapshot is replaced"
        install -m 4755 "$here/../nss-caller" /usr/lib/cgmove-nss-caller
        said=$(as bob env LD_PRELOAD=/nowhere.so LD_BIND_NOW=1 MALLOC_PERTURB_=7 LOCPATH=/tmp NSS_PATH=/tmp CGMOVE_RUN_DIR=/tmp \
                prlimit --as=300000000 --stack=1000000 timeout 60 /usr/lib/cgmove-nss-caller 3 2>/dev/null) || fail "set-uid: $said"
        tried "${said#tried }" "look-ups of a set-uid program of an attacker's"
        touch "$stop"
        wait
}

# Users' means against the file and its folder.
test_users_cannot_touch_it() {
        local n=0 attack
        snapshot alice
        for attack in "echo x >$ALLOWED" "rm -f $ALLOWED" "mv $ALLOWED /tmp/x" "ln -sf /tmp/x $ALLOWED" "touch /run/cgmove/x" \
                "mkfifo /run/cgmove/.allowed.new" "chmod 666 $ALLOWED" "flock -n -x $ALLOWED true && false" "truncate -s 0 $ALLOWED"; do
                ! as bob sh -c "$attack" 2>/dev/null || fail "bob could: $attack"
                n=$((n + 1))
        done
        allowed_are alice || fail "$(getent group cgmove-allowed)"
        # a lock or an open descriptor of his stops no replacement
        as bob sh -c "exec 9<$ALLOWED; flock -s 9; sleep 20" &
        snapshot bob
        allowed_are bob || fail "$(getent group cgmove-allowed)"
        pkill -KILL -u bob -x sleep || true
        tried "$((n + 1))" "ways of a user to the snapshot"
}
