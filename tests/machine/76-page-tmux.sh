# SPDX-License-Identifier: LGPL-2.1-or-later
# machine: own
# doc/tmux.md, followed as written, with logins by way of ssh on a host that ends what a session leaves behind.

KILL_CONF=/etc/systemd/logind.conf.d/90-kill-user-processes.conf

set_up() {
        page_begin
        sshd_start
        printf '[Login]\nKillUserProcesses=yes\n' >"$KILL_CONF"
        systemctl restart systemd-logind.service
        systemd-run --quiet --wait loginctl disable-linger alice
        wait_for alice_is_logged_out
}

tear_down() {
        rm -f /home/alice/bus
        as alice tmux kill-server 2>/dev/null || true
        rm -f "$KILL_CONF"
        systemctl restart systemd-logind.service
        systemd-run --quiet --wait loginctl enable-linger alice
}

alice_is_logged_out() {
        [[ $(systemctl show --value -p ActiveState user@1000.service) == inactive ]]
}

tmux_server() {
        pgrep -u alice -x 'tmux: server'
}

# A login at a terminal, in which tmux is attached until the connection is closed.
log_in() {
        local text
        text=$(page_block tmux "$1")
        coproc LOGIN { over_ssh -tt "export TERM=xterm; $text" >/dev/null; }
        LOGIN_SSH=$LOGIN_PID # bash forgets the other one when it has ended
        wait_for client_is_attached
}

client_is_attached() {
        [[ -n $(as alice tmux list-clients) ]]
}

log_out() {
        pkill -u alice -x ssh
        wait "$LOGIN_SSH" || true
        wait_for alice_is_logged_out
}

test_tmux() {
        local server
        over_ssh 'tmux new-session -d && tmux has-session'
        wait_for alice_is_logged_out
        not tmux_server 2>/dev/null || fail "the server was not killed at the logout"
        page_run tmux allow
        wait_for cgmove policy explain --user alice --from session
        page_policy tmux
        log_in start
        server=$(tmux_server)
        as alice tmux new-window 'systemctl --user is-system-running >bus; sleep 10000'
        wait_for grep -E -x "running|degraded|starting" /home/alice/bus
        check_match "$(over_ssh "$(page_block tmux check)")" "Job: [0-9]+"
        log_out
        check_equal "$(tmux_server)" "$server" "server after the logout"
        pgrep -u alice -x sleep >/dev/null || fail "what ran in a window was killed at the logout"
        in_job "$server"
        log_in attach
        log_out
        over_ssh "$(page_block tmux undo-alice)"
        wait_for not tmux_server
        page_run tmux undo-root
        page_check_undone alice session
}
