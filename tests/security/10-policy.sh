# SPDX-License-Identifier: LGPL-2.1-or-later
# Hostile policy files, which leave what is in force as it is, and hostile names against good patterns. (Threat 10; what users may
# be called is also in tests/unit/test-policy*.c.)

BAD=$POLICY_DIR/zz-bad.conf

set_up() {
        touch /run/policy-touched
        check_status 0 in_session alice cgmove run --wait -- true
        daemon_note
}

tear_down() {
        rm -rf "$BAD"
        folder_moves_back
        chmod 0755 /etc/cgmove "$POLICY_DIR"
        chown root:root /etc/cgmove "$POLICY_DIR"
}

good_text() {
        echo 'policy "more" { users = {"bob"} from = {"session"} }'
}

# refused_file WHAT WORD...: $BAD is no policy: check and reload say so in these words, and nobody is allowed more or less.
refused_file() {
        local what=$1 word began status=0
        shift
        status=0
        OUTPUT=$(timeout 60 cgmove policy check 2>&1) || status=$?
        [[ $status -eq 1 ]] || fail "$what: policy check ends with $status: $OUTPUT"
        for word in "$@"; do
                check_contains "$OUTPUT" "$word" "$what: policy check"
        done
        # past the check of the unit, to the daemon itself
        DAEMON_SINCE=$EPOCHREALTIME
        systemctl kill --signal=HUP --kill-whom=main cgmoved.service
        wait_for said_that_it_is_bad
        for word in "$@"; do
                check_contains "$(daemon_logged)" "$word" "$what: the daemon's log"
        done
        ! timeout 60 systemctl reload cgmoved.service 2>/dev/null || fail "$what: the reload succeeded"
        check_equal "$(daemon_pid)" "$DAEMON" "$what: the daemon"
        check_status 0 as alice timeout 20 cgmove list
        VARIANTS=$((VARIANTS + 1))
}

said_that_it_is_bad() {
        grep -q . < <(daemon_logged -o json CGMOVE_EVENT=policy-invalid)
}

check_the_old_one_is_in_force() {
        check_status 0 in_session alice cgmove run --wait -- true
        check_status 77 in_session bob cgmove run -- true
}

folder_moves_away() {
        mv "$POLICY_DIR" /root/policy.d
        ln -s /root/policy.d "$POLICY_DIR"
}

folder_moves_back() {
        [[ -L $POLICY_DIR ]] || return 0
        rm "$POLICY_DIR"
        mv /root/policy.d "$POLICY_DIR"
}

test_files_that_are_none() {
        local kind
        VARIANTS=0
        for kind in symlink dangling directory fifo socket device null owner group others dir-link; do
                rm -rf "$BAD"
                case $kind in
                symlink) good_text >/root/policy.conf && ln -s /root/policy.conf "$BAD" ;;
                dangling) ln -s /nowhere "$BAD" ;;
                dir-link) ln -s /etc "$BAD" ;;
                directory) mkdir "$BAD" ;;
                fifo) mkfifo "$BAD" ;;
                socket) python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('$BAD')" ;;
                device) mknod "$BAD" c 1 5 2>/dev/null || ln -s /dev/zero "$BAD" ;;
                null) mknod "$BAD" c 1 3 2>/dev/null || ln -s /dev/null "$BAD" ;;
                owner) good_text >"$BAD" && chown alice "$BAD" ;;
                group) good_text >"$BAD" && chmod 0664 "$BAD" ;;
                others) good_text >"$BAD" && chmod 0646 "$BAD" ;;
                esac
                refused_file "$kind" zz-bad.conf
        done
        check_the_old_one_is_in_force
        rm -rf "$BAD"
        good_text >"$BAD"
        chmod 0777 "$POLICY_DIR"
        refused_file "a folder that all can write" policy.d
        chmod 0755 "$POLICY_DIR"
        chown alice "$POLICY_DIR"
        refused_file "a folder of alice's" policy.d
        chown root "$POLICY_DIR"
        chmod 0775 /etc/cgmove
        refused_file "a folder above that a group can write" /etc/cgmove
        chmod 0755 /etc/cgmove
        folder_moves_away
        refused_file "a link in the place of a folder" policy.d
        folder_moves_back
        check_the_old_one_is_in_force
        tried "$VARIANTS" "files and folders that no policy may be in"
}

test_texts_that_are_none() {
        local kind
        VARIANTS=0
        for kind in large large-comment sections nesting nul-first nul-middle binary quote comment empty-users control lists; do
                case $kind in
                large) truncate -s 100M "$BAD" ;;
                large-comment) { good_text && printf '# ' && head -c 2M /dev/zero | tr '\0' x; } >"$BAD" ;; # good as far as it is read
                sections) python3 -c "for i in range(5000): print('policy \"%d\" { users = {\"bob\"} from = {\"session\"} }' % i)" >"$BAD" ;;
                nesting) { printf 'policy "x" { '%.0s {1..5000}; } >"$BAD" ;;
                nul-first) printf '\0policy "x" { users = {"bob"} from = {"session"} }' >"$BAD" ;;
                nul-middle) printf 'policy "x" { users = {"bob"} from = {"session"} }\n\0garbage' >"$BAD" ;;
                binary) head -c 100000 /dev/urandom >"$BAD" ;;
                quote) printf 'policy "x { users = {"bob"}' >"$BAD" ;;
                comment) { good_text && printf '/* without end'; } >"$BAD" ;;
                empty-users) printf 'policy "x" { users = {""} from = {"session"} }' >"$BAD" ;;
                control) printf 'policy "x\033[31m" { users = {"bob"} from = {"session"} }' >"$BAD" ;;
                lists) { printf 'policy "x" { users = {' && printf '"bob",%.0s' {1..50000} && printf '"bob"} from = {"nonsense"} }'; } >"$BAD" ;;
                esac
                refused_file "$kind" zz-bad.conf
        done
        check_the_old_one_is_in_force
        tried "$VARIANTS" "texts that are no policy"
}

# Written again and again in place, and by another name, while it is read: what is in force is one or the other, as a whole.
test_changed_while_it_is_read() {
        local i n=0
        python3 -c "
import os, time
good = 'policy \"a\" { users = {\"bob\"} from = {\"session\"} allow = false }\n' + '#' + 'x' * 200000 + '\npolicy \"b\" { users = {\"bob\"} from = {\"session\"} }\n'
end = time.time() + 20
turn = 0
while time.time() < end and not os.path.exists('$TEST_DIR/stop'):
    turn += 1
    if turn % 3 == 0:
        with open('$POLICY_DIR/.new', 'w') as file:
            file.write(good)
        os.rename('$POLICY_DIR/.new', '$BAD')
    elif turn % 3 == 1:
        with open('$BAD', 'w') as file:
            file.write(good[:1000])
    else:
        with open('$BAD', 'w') as file:
            file.write(good)
" &
        for i in {1..200}; do
                systemctl kill --signal=HUP --kill-whom=main cgmoved.service
                n=$((n + 1))
                if [[ $((i % 40)) -eq 0 ]]; then
                        # the first section is in each of them; the second alone never
                        check_status 77 in_session bob cgmove run -- true
                        check_status 0 in_session alice cgmove run -- true
                fi
        done
        touch "$TEST_DIR/stop"
        wait
        check_equal "$(daemon_pid)" "$DAEMON" "the daemon"
        tried "$n" "reloads while a file is written"
}

# Names that only look like what is allowed. A user makes units of any name in his own manager.
test_hostile_unit_names() {
        local name n=0 said
        policy_only <<-'POLICY'
	policy "exact" {
	        users = {"alice"}
	        from = {"user:gate*.service", "user:one@two.service"}
	}
	POLICY
        for name in 'gateX.socket' xgate.service 'one@three.service' 'one@two@three.service' 'gate@other.service' 'session' \
                'job' 'abc.service' '[.service' 'gat.service' 'GATE.service' 'one.service' 'one@two.service.x' 'system:gate.service'; do
                [[ $name == *.service ]] || name=$name.service
                said=$(as alice systemd-run --user --quiet --wait --pipe --collect --unit="$name" -- sh -c 'cgmove run -- true; echo $?' 2>&1) || true
                n=$((n + 1))
                case $name in
                gateX.socket.service) check_equal "$(tail -n 1 <<<"$said")" 0 "$name" ;; # a service of that name, as the pattern says
                *) check_lacks "$(tail -n 1 <<<"$said")" 0 "$name" ;;
                esac
        done
        said=$(as alice systemd-run --user --quiet --wait --pipe --collect --unit=gate-way.service -- sh -c 'cgmove run -- true; echo $?' 2>&1)
        check_equal "$(tail -n 1 <<<"$said")" 0 "what the pattern means"
        tried "$n" "units whose names are not meant by the policy"
}

# Users by number, by a name that is a number, in other case, and groups.
test_hostile_user_names() {
        local n=0 name
        useradd --badname --no-create-home --uid 3101 1001 2>/dev/null || useradd --badnames --no-create-home --uid 3101 1001 || true
        for name in BOB Bob ' bob' 'bob ' bob* '*' b?b 'bo' bobb '@bob ' '@BOB' '@' '@1001x' '-1' 4294967295 4294967297 '1001-' '1002-1001' 01001 0x3e9 +1001; do
                printf 'policy "x" { users = {"%s"} from = {"session"} }\n' "$name" >"$BAD"
                systemctl reload cgmoved.service 2>/dev/null || true
                if in_session bob cgmove run -- true 2>/dev/null; then
                        [[ $name == '*' ]] || fail "bob is allowed by users = {\"$name\"}"
                fi
                n=$((n + 1))
        done
        userdel 1001 2>/dev/null || true
        tried "$n" "ways to write bob that do not mean him"
}
