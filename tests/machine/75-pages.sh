# SPDX-License-Identifier: LGPL-2.1-or-later
# The pages of doc/, followed as written, with stand-ins for the products: what each says of life without it is true, with it the thing
# works, and after its last block nothing of it is left. (tmux.md: 76-page-tmux.sh.)

# --- gateway.md ---------------------------------------------------------------------------------------------------------

GATEWAY=gateway.service
GATEWAY_UNIT=/home/alice/.config/systemd/user/$GATEWAY
GATEWAY_ADDRESS=(--port 8080)
AFTER=/home/alice/after

set_up() {
        page_begin
        rm -f "$AFTER"
}

tear_down() {
        runner_remove
        salt_remove
}

# Its command is killed half-way, and there is no answer.
gateway_fails() {
        local old
        old=$(gateway_pid)
        not gateway_call "systemctl --user restart $GATEWAY; touch $AFTER" || fail "there was an answer"
        wait_for gateway_is_new "$old"
        check_no_file "$AFTER"
        check_status 77 gateway_call "cgmove restart gateway"
}

gateway_restarts() {
        local old answer job
        old=$(gateway_pid)
        answer=$(gateway_call_strict "$1; touch $AFTER")
        check_equal "$(gateway_answered_by)" "$old" "process that has answered"
        check_match "$answer" "job [0-9]+ restarts gateway.service when this command has ended"
        check_file "$AFTER"
        wait_for gateway_is_new "$old"
        job=$(sed -n 's/^job \([0-9]*\) restarts .*/\1/p' <<<"$answer")
        check_contains "$(gateway_call "$2")" "restart"
        check_status 0 as alice cgmove wait "$job"
        check_contains "$(gateway_call "${3/JOB/$job}")" "gateway.service"
        check_equal "$(as alice cgmove status --json "$job" | jq -r .job.outcome.reason)" restarted reason
}

gateway_starts_what_outlives_it() {
        local old command=${1/NAME/build}
        gateway_call_strict "${command/COMMAND/sh -c \'$(waiting_command build)\'}"
        job_watch build
        old=$(gateway_pid)
        user_systemctl alice restart "$GATEWAY"
        wait_for gateway_is_new "$old"
        job_check_alive build
        job_check_end build
}

test_gateway() {
        local -a commands
        gateway_start control-group "--port 8080"
        gateway_fails
        page_run gateway allow
        wait_for cgmove policy explain --user alice --from user:gateway.service
        page_policy gateway
        as alice mkdir -p "$GATEWAY_UNIT.d"
        page_write gateway drop-in "$GATEWAY_UNIT.d/30-cgmove.conf"
        page_run gateway restart as alice
        wait_for gateway_answers "${GATEWAY_ADDRESS[@]}"
        check_contains "$(gateway_property ExecStartPre)" "wait-port"
        page_run gateway check as alice
        mapfile -t commands < <(page_commands gateway instructions)
        check_equal "${#commands[@]}" 4 "commands of the instructions"
        gateway_restarts "${commands[@]:0:3}"
        gateway_starts_what_outlives_it "${commands[3]}"
        page_run gateway undo-alice as alice
        page_run gateway undo-root
        check_equal "$(gateway_property DropInPaths)" "" "drop-ins"
        page_check_undone alice user:gateway.service
        wait_for gateway_answers "${GATEWAY_ADDRESS[@]}"
        check_status 77 gateway_call "cgmove restart gateway"
}

# --- services whose commands run in a worker of their own ----------------------------------------------------------------

WORKER_PY=/opt/cgmove-tests/worker.py
# The version that has given the last answer.
BY=/run/answered-by-version

# worker_call USER SPOOL COMMAND: waits for the answer.
worker_call() {
        rm -f "$BY"
        setpriv --reuid="$1" --regid="$1" --init-groups python3 "$WORKER_PY" call "$2" "$3" || return
}

# --- runner.md ------------------------------------------------------------------------------------------------------------

RUNNER=actions.runner.example.web1.service
RUNNER_UNIT=/run/systemd/system/$RUNNER
RUNNER_HOME=/home/runner

# runner_start KILLMODE: the user, the program, and the unit as it is generated.
runner_start() {
        id runner >/dev/null 2>&1 || useradd --system --create-home --home-dir "$RUNNER_HOME" runner
        as runner mkdir -p "$RUNNER_HOME/spool"
        echo 1 >"$RUNNER_HOME/version"
        printf '#!/bin/sh\necho 2 >version\n' >"$RUNNER_HOME/update-runner.sh"
        printf '#!/bin/sh\necho warm >began\nuntil test -e finish; do sleep 0.1; done\necho finished\n' >"$RUNNER_HOME/warm-cache.sh"
        chmod 0755 "$RUNNER_HOME"/*.sh
        chown -R runner: "$RUNNER_HOME"
        runner_text "$1" >"$RUNNER_UNIT"
        systemctl daemon-reload
        systemctl restart "$RUNNER"
}

runner_text() {
        cat <<-UNIT
		[Service]
		ExecStart=/usr/bin/python3 $WORKER_PY serve $RUNNER_HOME/spool --version $RUNNER_HOME/version --tracking RUNNER_TRACKING_ID
		User=runner
		WorkingDirectory=$RUNNER_HOME
		KillMode=$1
		KillSignal=SIGTERM
		TimeoutStopSec=5min
		Restart=always
		RestartSec=5s
	UNIT
}

runner_remove() {
        [[ -e $RUNNER_UNIT ]] || return 0
        systemctl kill --signal=KILL "$RUNNER" 2>/dev/null || true
        systemctl stop "$RUNNER"
        systemctl stop 'cgmove@*.service'
        rm -f "$RUNNER_UNIT"
        systemctl daemon-reload
        systemctl reset-failed "$RUNNER" 2>/dev/null || true
        userdel --remove runner 2>/dev/null || true
}

# runner_call SCRIPT: one job with this step; its output. The last line says which version has run it.
runner_call() {
        as runner python3 "$WORKER_PY" call "$RUNNER_HOME/spool" --by "$RUNNER_HOME/by" "${@:2}" "$1"
}

runner_version_is() {
        runner_call true && [[ $(cat "$RUNNER_HOME/by") == "$1" ]]
}

# A step may not restart it; whoever may kills the step with it; and what a step leaves behind ends with the job.
runner_fails() {
        local step
        not runner_call "systemctl --no-ask-password restart $RUNNER" || fail "it had the right to"
        runner_call 'touch asked; sleep 600; echo survived' --timeout 4 >"$RUNNER_HOME/answer" &
        step=$!
        wait_for test -e "$RUNNER_HOME/asked"
        systemctl restart "$RUNNER"
        wait "$step" || true
        check_equal "$(head -n 1 "$RUNNER_HOME/answer")" "no answer" "answer of the step"
        runner_call 'setsid -f ./warm-cache.sh >/dev/null 2>&1; until test -e began; do sleep 0.1; done'
        not pgrep -u runner -f warm-cache || fail "what the step has left behind goes on"
        rm "$RUNNER_HOME/began"
        check_status 77 runner_call "cgmove restart --system $RUNNER"
}

# The worker goes on for as long as it likes, and reports; then the new program is there.
runner_updates() {
        local answer job
        answer=$(runner_call "$(page_block runner step)
                sleep 2; echo finished")
        check_equal "$(cat "$RUNNER_HOME/by")" 1 "version that has run the step"
        check_match "$answer" "job [0-9]+ restarts $RUNNER when this command has ended.*finished"
        wait_for runner_version_is 2
        job=$(sed -n 's/^job \([0-9]*\) restarts .*/\1/p' <<<"$answer")
        check_status 0 as runner cgmove wait "$job"
        check_equal "$(as runner cgmove status --json "$job" | jq -r .job.outcome.reason)" restarted reason
        check_equal "$(systemctl show --value -p NRestarts "$RUNNER")" 0 "automatic restarts"
}

# It outlives the job, and the runner.
runner_leaves_something_running() {
        runner_call "$(page_block runner background)"
        wait_for test -e "$RUNNER_HOME/began"
        systemctl restart "$RUNNER"
        pgrep -u runner -f warm-cache >/dev/null || fail "it was ended"
        as runner touch "$RUNNER_HOME/finish"
        check_status 0 runner_call "cgmove wait warm-cache"
        check_contains "$(runner_call "cgmove logs warm-cache")" finished
}

test_runner() {
        runner_start control-group
        runner_fails
        runner_start process
        page_run runner allow
        wait_for cgmove policy explain --user runner --from "system:$RUNNER"
        page_policy runner
        page_run runner check
        runner_updates
        runner_leaves_something_running
        page_run runner undo
        page_check_undone runner "system:$RUNNER"
        check_status 77 runner_call "cgmove run -- true"
}

# --- salt.md --------------------------------------------------------------------------------------------------------------

MINION=salt-minion.service
SALT_SPOOL=/var/spool/salt-minion

# salt_package VERSION: a package of a minion that restarts its service, as debhelper has it done.
salt_package() {
        local root=$TEST_DIR/salt-$1
        mkdir -p "$root/DEBIAN" "$root/usr/bin" "$root/usr/lib/systemd/system" "$root/usr/share/salt-minion"
        printf '%s\n' "Package: salt-minion" "Version: $1" "Architecture: all" "Maintainer: none <none@example.org>" \
                "Description: stand-in" >"$root/DEBIAN/control"
        cat >"$root/DEBIAN/postinst" <<-'SCRIPT'
		#!/bin/sh
		set -e
		if [ "$1" = configure ]; then
		        mkdir -p /var/spool/salt-minion
		        systemctl daemon-reload
		        systemctl enable --quiet salt-minion.service
		        deb-systemd-invoke "$(test "$2" && echo restart || echo start)" salt-minion.service
		fi
	SCRIPT
        cat >"$root/usr/bin/salt-call" <<-'SCRIPT'
		#!/bin/sh
		# salt-call pkg.install PACKAGE
		test "$1" = pkg.install || exit 2
		exec $(cat /run/salt-scope) dpkg -i "/run/$2.deb"
	SCRIPT
        cat >"$root/usr/lib/systemd/system/$MINION" <<-UNIT
		[Service]
		ExecStart=/usr/bin/python3 $WORKER_PY serve $SALT_SPOOL --version /usr/share/salt-minion/version
		KillMode=mixed
		[Install]
		WantedBy=multi-user.target
	UNIT
        echo "$1" >"$root/usr/share/salt-minion/version"
        chmod 0755 "$root/DEBIAN/postinst" "$root/usr/bin/salt-call"
        dpkg-deb --root-owner-group --build "$root" "/run/salt-minion-$1.deb" >/dev/null
}

# salt_start: a minion of version 1, and version 2 to be had; the master's command.
salt_start() {
        salt_package 1
        salt_package 2
        cat >/usr/local/bin/salt <<-SCRIPT
		#!/bin/sh
		# salt MINION FUNCTION ARGUMENT
		test "\$2" = cmd.run || set -- "\$1" "\$2" "salt-call \$2 \$3"
		python3 $WORKER_PY call $SALT_SPOOL --by /run/salt-by --timeout "\${SALT_TIMEOUT:-20}" "\$3"
	SCRIPT
        chmod 0755 /usr/local/bin/salt
        salt_install_1
}

# salt_install_1 [SCOPE]: SCOPE is what its package manager is called with.
salt_install_1() {
        echo "${1:-}" >/run/salt-scope
        dpkg -i /run/salt-minion-1.deb >/dev/null 2>&1
        cp /run/salt-minion-2.deb /run/salt-minion.deb
        wait_for minion_version_is 1
}

salt_remove() {
        [[ -e /usr/local/bin/salt ]] || return 0
        systemctl disable --quiet --now "$MINION" 2>/dev/null || true
        dpkg --purge salt-minion >/dev/null 2>&1 || true
        rm -rf /usr/local/bin/salt /run/salt-* "$SALT_SPOOL"
        systemctl daemon-reload
        systemctl reset-failed "$MINION" 2>/dev/null || true
}

minion_version_is() {
        SALT_TIMEOUT=1 salt web1 cmd.run true && [[ $(cat /run/salt-by) == "$1" ]]
}

package_is() {
        [[ $(dpkg-query -W -f '${db:Status-Status} ${Version}' salt-minion) == "$1" ]]
}

# The answer never comes; and without a scope of its own the package manager does not get to its end.
salt_fails() {
        salt_install_1 "systemd-run --quiet --scope"
        check_status 100 env SALT_TIMEOUT=4 salt web1 pkg.install salt-minion
        wait_for package_is "installed 2"
        salt_install_1
        check_status 100 env SALT_TIMEOUT=4 salt web1 pkg.install salt-minion
        wait_for package_is "half-configured 2"
        wait_for minion_version_is 2
        dpkg --configure -a >/dev/null 2>&1
}

salt_upgrades() {
        salt_install_1
        check_match "$(page_run salt upgrade)" "job [0-9]+ \(salt-3007.9\) started"
        check_equal "$(cat /run/salt-by)" 1 "version that has answered"
        wait_for minion_version_is 2
        check_status 0 page_run salt outcome
        check_contains "$OUTPUT" "Setting up salt-minion (2)"
        package_is "installed 2" || fail "the package is not installed"
}

salt_restarts() {
        local old answer job
        old=$(systemctl show --value -p InvocationID "$MINION")
        answer=$(page_run salt restart)
        check_match "$answer" "job [0-9]+ restarts $MINION when this command has ended"
        wait_for minion_is_new "$old"
        wait_for minion_version_is 2
        job=$(sed -n 's/^job \([0-9]*\) restarts .*/\1/p' <<<"$answer")
        check_status 0 cgmove wait "$job"
        check_equal "$(cgmove status --json "$job" | jq -r .job.outcome.reason)" restarted reason
}

minion_is_new() {
        systemctl is-active --quiet "$MINION" && [[ $(systemctl show --value -p InvocationID "$MINION") != "$1" ]]
}

test_salt() {
        salt_start
        salt_fails
        check_contains "$(page_block salt state)" "$(page_block salt upgrade | sed "s/.*'\(.*\)'/\1/")" "command of the state"
        page_run salt check
        salt_upgrades
        salt_restarts
        page_run salt undo
        check_no_file /root/.local/state/cgmove
}
