# SPDX-License-Identifier: LGPL-2.1-or-later
# The administrator's side: rules that work as written, and a bad file that changes nothing.

bad_policy() {
        touch /run/policy-touched
        policy_write broken
}

# A reload that must fail and say these words, in its output or the journal.
check_reload_fails_with() {
        local since said word
        since=$(date +%s)
        ! systemctl reload cgmoved.service || fail "the reload succeeded"
        journalctl --sync
        said=$(journalctl --quiet --no-pager --since "@$since" -u cgmoved.service)
        for word in "$@"; do
                check_contains "$said" "$word" "what the daemon says"
        done
}

check_alice_is_still_allowed() {
        check_status 0 in_session alice cgmove run -- true
}

test_bad_option_keeps_what_is_in_force() {
        bad_policy <<-'POLICY'
	policy "fine" {
	        users = {"bob"}
	        from = {"session"}
	}
	policy "wrong" {
	        users = {"bob"}
	        from = {"session"}
	        rate = "often"
	}
	POLICY
        check_reload_fails_with broken.conf wrong rate
        check_alice_is_still_allowed
        check_status 77 in_session bob cgmove run -- true
        check_status 1 cgmove policy check
        check_contains "$OUTPUT" "broken.conf:8"
        check_contains "$OUTPUT" wrong
        check_contains "$OUTPUT" rate
}

test_syntax_error() {
        bad_policy <<<'policy "x" { users = '
        check_reload_fails_with broken.conf
        check_alice_is_still_allowed
}

test_unknown_option() {
        bad_policy <<<'policy "x" { users = {"alice"} from = {"session"} colour = "red" }'
        check_reload_fails_with broken.conf colour
        check_alice_is_still_allowed
}

test_file_of_another_owner() {
        bad_policy <<<'policy "x" { users = {"bob"} from = {"session"} }'
        chown alice "$POLICY_DIR/broken.conf"
        check_reload_fails_with broken.conf
        check_alice_is_still_allowed
}

test_file_writable_by_others() {
        bad_policy <<<'policy "x" { users = {"bob"} from = {"session"} }'
        chmod 0666 "$POLICY_DIR/broken.conf"
        check_reload_fails_with broken.conf
}

test_symbolic_link_and_fifo() {
        touch /run/policy-touched
        ln -s /etc/passwd "$POLICY_DIR/broken.conf"
        check_reload_fails_with broken.conf
        rm "$POLICY_DIR/broken.conf"
        mkfifo "$POLICY_DIR/broken.conf"
        check_reload_fails_with broken.conf
        check_alice_is_still_allowed
}

# A daemon that starts with a bad file has no policy to keep: it runs, and refuses.
test_start_with_a_bad_file() {
        bad_policy <<<'policy "x" {'
        systemctl restart cgmoved.service
        check_status 77 in_session alice cgmove run -- true
        check_contains "$OUTPUT" '"cgmove policy check" tells why'
        check_status 77 in_session alice sh -c "cgmove run --json -- true 2>/dev/null"
        check_equal "$(jq -r .error.code <<<"$OUTPUT")" PolicyInvalid "code of the error"
        rm "$POLICY_DIR/broken.conf"
        policy_reload
        check_alice_is_still_allowed
}

test_allow_writes_what_works() {
        touch /run/policy-touched
        rm -rf "${POLICY_DIR:?}"/*
        policy_reload
        gateway_start mixed
        check_status 77 gateway_call "cgmove run --name allowed -- true"
        check_status 0 cgmove policy allow alice --from "user:$GATEWAY"
        check_status 0 cgmove policy check
        gateway_call_strict "cgmove run --name allowed -- true"
        # and nothing else
        check_status 77 in_session alice cgmove run -- true
        check_status 0 as alice cgmove policy explain --from "user:$GATEWAY"
        check_status 0 cgmove policy explain --user alice --from "user:$GATEWAY"
        check_status 77 cgmove policy explain --user bob --from "user:$GATEWAY"
}

test_allow_twice_is_no_error() {
        touch /run/policy-touched
        rm -rf "${POLICY_DIR:?}"/*
        check_status 0 cgmove policy allow alice --from session
        check_status 0 cgmove policy allow alice --from session
        check_status 0 cgmove policy allow bob --from session
        check_alice_is_still_allowed
        check_status 0 in_session bob cgmove run -- true
}

# What a section needs besides: and never a section that would have no effect.
test_allow_restarts() {
        touch /run/policy-touched
        rm -rf "${POLICY_DIR:?}"/*
        check_status 0 cgmove policy allow alice --from session --restart "user:$GATEWAY" --restart system:nowhere.service --on-logout keep --name mine
        check_contains "$(cat "$POLICY_DIR/mine.conf")" "restart   = {\"user:$GATEWAY\", \"system:nowhere.service\"}"
        check_contains "$(cat "$POLICY_DIR/mine.conf")" 'on-logout = "keep"'
        check_status 0 cgmove policy check
        gateway_start mixed
        check_status 0 in_session alice cgmove restart --wait "$GATEWAY"
        check_status 0 cgmove policy allow alice --from session --restart "user:$GATEWAY"
        check_contains "$OUTPUT" "nothing was written"
        check_status 1 cgmove policy allow alice --from session --restart user:other.service
        check_contains "$OUTPUT" '"mine" ('
        check_contains "$OUTPUT" "allows that on other terms"
        check_status 1 cgmove policy allow alice --from session --on-logout stop
        check_equal "$(ls -A "$POLICY_DIR")" mine.conf policies
        check_status 0 cgmove policy allow alice --from session --restart user:other.service --name 10-first
        check_status 77 in_session alice cgmove restart "$GATEWAY"
        check_equal "$(cgmove policy allow alice --from job --restart user:a.service --json | jq -c .allow.restart)" '["user:a.service"]'
}

# Neither who is in a group nor which units a pattern means is asked for: what the sections say is compared.
test_allow_for_many() {
        local rule
        groupadd --force agents
        touch /run/policy-touched
        rm -rf "${POLICY_DIR:?}"/*
        check_status 0 cgmove policy allow @agents --from session
        check_contains "$OUTPUT" "@agents may leave session."
        check_status 0 cgmove policy allow @agents --from session
        check_contains "$OUTPUT" "allows @agents to leave session already; nothing was written"
        check_status 1 cgmove policy allow @agents --from session --on-logout keep
        check_contains "$OUTPUT" '"allow-@agents" ('
        check_contains "$OUTPUT" "allows that on other terms"
        rm -rf "${POLICY_DIR:?}"/*
        policy_write 10-test <<-'POLICY'
	policy "no-agents" {
	        users = {"@agents", "2000-2999"}
	        from = {"session", "user:*.service"}
	        allow = false
	}
	policy "agents" {
	        users = {"@agents"}
	        from = {"session"}
	}
	POLICY
        for rule in "@agents --from session" "2000-2009 --from session" "@agents --from user:a*.service"; do
                check_status 1 cgmove policy allow $rule
                check_contains "$OUTPUT" '"no-agents" ('
                check_contains "$OUTPUT" "refuses that and is tried before"
        done
        check_status 0 cgmove policy allow @agents --from session --name 10-first
        check_contains "$OUTPUT" "@agents may leave session."
        check_status 0 cgmove policy allow @users --from session
        check_match "$OUTPUT" '@users may leave session, but for what a section that is tried before decides, such as "10-first" \('
        check_equal "$(cgmove policy allow @users --from session --json | jq -r .allow.tried_before)" 10-first
}

test_allow_needs_root_and_sense() {
        check_status 1 as alice cgmove policy allow alice --from session
        check_status 2 cgmove policy allow alice
        check_status 2 cgmove policy allow alice --from session --restart session
        check_status 2 cgmove policy allow alice --from session --on-logout never
        ! cgmove policy allow nobody-of-this-name --from session || fail "allowed an unknown user"
        ! cgmove policy allow alice --from nonsense || fail "allowed a nonsense source"
}

test_first_match_wins_and_refusal_section() {
        policy_only <<-'POLICY'
	policy "no" {
	        users = {"alice"}
	        from = {"session"}
	        allow = false
	}
	policy "yes" {
	        users = {"alice"}
	        from = {"session", "user:*"}
	}
	POLICY
        check_status 77 in_session alice cgmove run -- true
        check_contains "$OUTPUT" '"no"'
        gateway_start mixed
        gateway_call_strict "cgmove run -- true"
}

test_groups_and_ranges() {
        groupadd --force agents
        policy_only <<-'POLICY'
	policy "group" {
	        users = {"@agents", "1002-1003"}
	        from = {"session"}
	}
	POLICY
        check_status 77 in_session bob cgmove run -- true
        usermod -a -G agents bob
        check_status 0 in_session bob cgmove run -- true
        gpasswd --delete bob agents
        check_status 0 in_session carol cgmove run -- true
        check_status 77 in_session alice cgmove run -- true
}

test_pattern_stops_at_templates() {
        policy_only <<-'POLICY'
	policy "units" {
	        users = {"alice"}
	        from = {"user:work*.service"}
	}
	POLICY
        check_status 0 as alice systemd-run --user --quiet --wait --collect --unit=worker cgmove run -- true
        check_status 77 as alice systemd-run --user --quiet --wait --collect --unit=work@er cgmove run -- true
}

test_options_of_later_versions_are_named() {
        cat >"$TEST_DIR/later.conf" <<-'POLICY'
	policy "later" {
	        users = {"alice"}
	        from = {"session"}
	        restart = {"user:openclaw-gateway.service"}
	        on-logout = "stop"
	        watch "restarts" {
	                unit = "user:openclaw-gateway.service"
	                exec = {"systemctl --user * openclaw-gateway*"}
	                scope = "command"
	        }
	}
	POLICY
        check_status 0 cgmove policy check "$TEST_DIR/later.conf"
        check_contains "$OUTPUT" "watch is understood"
}
