# SPDX-License-Identifier: LGPL-2.1-or-later
# The administrator's files.

POLICY_DIR=/etc/cgmove/policy.d

# policy_write NAME: the text comes from the standard input.
policy_write() {
        cat >"$POLICY_DIR/$1.conf"
}

policy_reload() {
        systemctl reload cgmoved.service
}

# What most tests run under: alice may leave from everywhere, with limits that no test meets by chance.
policy_default() {
        cat <<-POLICY
	policy "test" {
	        users     = {"alice"}
	        from      = {"user:*", "system:*", "session", "job"}
	        max-jobs  = 500
	        rate      = "100000/min"
	        scrub-env = {"OPENCLAW_SERVICE_*"}
	}
	POLICY
}

# Exactly these policies and the shipped settings; daemons that have them already are left alone.
policy_reset() {
        local wanted
        wanted=$(policy_default)
        if [[ $(ls -A "$POLICY_DIR") == test.conf && $(cat "$POLICY_DIR/test.conf") == "$wanted" && ! -e /run/policy-touched ]]; then
                return 0
        fi
        rm -rf "${POLICY_DIR:?}"/*
        [[ ! -e /run/cgmove.conf.shipped ]] || cp /run/cgmove.conf.shipped /etc/cgmove/cgmove.conf
        policy_write test <<<"$wanted"
        policy_reload
        rm -f /run/policy-touched
}

# policy_only TEXT: nothing else is allowed in this test.
policy_only() {
        touch /run/policy-touched
        rm -rf "${POLICY_DIR:?}"/*
        policy_write test
        policy_reload
}

# A line more for cgmove.conf.
settings_add() {
        touch /run/policy-touched
        [[ -e /run/cgmove.conf.shipped ]] || cp /etc/cgmove/cgmove.conf /run/cgmove.conf.shipped
        cat >>/etc/cgmove/cgmove.conf
        policy_reload
}
