# SPDX-License-Identifier: LGPL-2.1-or-later
# In an adopted service everything else is as it was, and what is refused or cannot be done is said.

set_up() {
        adopt_clean
}

# A program that tells all it was given.
spy_write() {
        as alice mkdir -p /home/alice/bin
        script_write bin/systemctl <<-'SCRIPT'
		#!/bin/bash
		printf '<%s>' "$0" "$@"
		echo
		env | grep -v '^_=' | sort
		ls -l /proc/self/fd | sed -E -e 's/.* ([0-9]+ -> )/\1/' -e 's/pipe:.*/pipe/' | grep -v /proc/
		grep -E '^Sig(Blk|Ign)' /proc/self/status
		readlink /proc/self/cwd
		cat
		exit 42
	SCRIPT
}

test_transparent() {
        local shim real
        adopt_start mixed
        spy_write
        script_write compare <<-SCRIPT
		exec 7</dev/null 9>/home/alice/nine
		trap '' USR1 CHLD
		for p in "$SHIMS:/home/alice/bin" /home/alice/bin; do
		        echo "input" | PATH=\$p:/usr/bin:/bin bash -c 'PATH=\$PATH; systemctl --user status "a b" -- "*" ""; echo "status \$?"' |
		                grep -v ^PATH= >out-\${#p}
		done
	SCRIPT
        gateway_call "bash compare"
        shim=$(cat "/home/alice/out-$(printf %s "$SHIMS:/home/alice/bin" | wc -c)")
        real=$(cat "/home/alice/out-$(printf %s /home/alice/bin | wc -c)")
        check_contains "$real" "<status><a b><--><*><>"
        check_contains "$real" "9 -> /home/alice/nine"
        check_contains "$real" "status 42"
        check_equal "$shim" "$real" "what a program gets through the shim"
        rm -f /home/alice/out-* /home/alice/compare /home/alice/nine
}

# Command lines of systemctl that are none of ours; each is run twice in a row, by way of the shim and without it.
command_lines() {
        cat <<-LINES
		--version
		--help
		--user --version
		--user is-active $GATEWAY
		--user is-active nowhere
		--user is-failed $GATEWAY
		--user is-enabled $GATEWAY
		--user show -p Id,ActiveState,MainPID,NRestarts $GATEWAY
		--user show --value -p MainPID $GATEWAY
		--user -P MainPID show $GATEWAY
		--user cat $GATEWAY
		--user list-units --no-legend --plain 'openclaw*'
		--user list-unit-files --no-pager 'openclaw*'
		--user list-dependencies --plain default.target
		--user list-jobs
		--user show-environment
		--user status nowhere
		--user -n0 --no-pager status $OTHER
		--user start nowhere
		--user stop nowhere
		--user restart nowhere
		--user try-restart nowhere
		--user reload-or-restart nowhere
		--user restart
		--user restart --dry-run
		--user restart $OTHER
		--user try-restart $OTHER
		--user stop $OTHER
		--user start $OTHER
		--user start $GATEWAY
		--user -q restart $OTHER
		--user --no-block restart $OTHER
		--user reload $OTHER
		--user restart --wait=x $GATEWAY
		--user restart --nonsense $GATEWAY
		--user --job-mode=nonsense restart $GATEWAY
		--user try-restart --wait $GATEWAY
		--user restart -t nonsense $GATEWAY
		--user -H restart
		--user --re $GATEWAY
		--user reset-failed
		--user daemon-reload
		--user kill -s 0 $OTHER
		--user get-default
		--user mask --runtime $OTHER
		--user unmask --runtime $OTHER
		--user --root=/nowhere restart $GATEWAY
		is-active dbus.service
		get-default
		show -p Version
		restart $GATEWAY
		restart nowhere
		stop dbus.service
		reboot --dry-run --help
		nonsense
		'' $GATEWAY
		--user restart /nowhere
		--user restart $OTHER nowhere
	LINES
}

compare_lines() {
        local old
        old=$(gateway_pid)
        command_lines >/home/alice/lines
        [[ $(wc -l </home/alice/lines) -ge 40 ]] || fail "too few lines"
        script_write compare <<-'SCRIPT'
		export SYSTEMD_COLORS=0 LC_ALL=C.UTF-8
		real=${PATH#*:}
		n=0
		while read -r line; do
		        # what it changes is changed already for both
		        eval "PATH=$real; systemctl $line" >/dev/null 2>&1 </dev/null
		        PATH=/usr/libexec/cgmove/shims:$real
		        eval "systemctl $line" >shim.out 2>shim.err </dev/null
		        echo "status $?" >>shim.out
		        eval "PATH=$real; systemctl $line" >real.out 2>real.err </dev/null
		        echo "status $?" >>real.out
		        PATH=/usr/libexec/cgmove/shims:$real
		        sed -i -e 's/^PATH=.*//' -e 's/; [0-9a-z ]* ago$//' shim.out real.out
		        cmp -s shim.out real.out && cmp -s shim.err real.err || {
		                echo "different: $line"
		                diff real.out shim.out
		                diff real.err shim.err
		        }
		        n=$((n + 1))
		done <lines
		echo "compared $n"
	SCRIPT
        check_equal "$(gateway_call "bash compare 2>&1")" "compared $(wc -l </home/alice/lines)" "differences"
        check_equal "$(gateway_pid)" "$old" "main process"
        rm -f /home/alice/{lines,compare,shim.out,shim.err,real.out,real.err}
}

test_other_command_lines() {
        adopt_start control-group
        other_start
        compare_lines
}

test_other_command_lines_without_the_daemon() {
        adopt_start control-group
        other_start
        systemctl stop cgmoved.socket cgmoved.service
        compare_lines
}

# A restart from inside is what it was without cgmove.
test_restart_without_the_daemon() {
        local old
        adopt_start process
        old=$(gateway_pid)
        systemctl stop cgmoved.socket cgmoved.service
        gateway_call "systemctl --user restart $GATEWAY 2>messages; echo done >$MARKER" || true
        wait_for test -e "$MARKER"
        wait_for gateway_is_new "$old"
        check_equal "$(cat /home/alice/messages)" "" "what is said"
}

test_restart_refused_by_policy() {
        local old jobs
        adopt_start process
        jobs=$(list_of alice '.jobs | length')
        old=$(gateway_pid)
        policy_only </dev/null
        gateway_call "systemctl --user restart $GATEWAY 2>messages; echo done >$MARKER" || true
        wait_for test -e "$MARKER"
        wait_for gateway_is_new "$old"
        check_equal "$(cat /home/alice/messages)" "" "what is said"
        check_equal "$(list_of alice '.jobs | length')" "$jobs" "number of jobs"
}

# From outside of the unit, and for what is in a job already, the shim has nothing to do.
test_from_elsewhere() {
        local old restarts count='[.jobs[] | select(.kind == "restart")] | length'
        adopt_start control-group
        restarts=$(list_of alice "$count")
        old=$(gateway_pid)
        as alice env "PATH=$SHIMS:/usr/bin:/bin" systemctl --user restart "$GATEWAY"
        wait_for gateway_is_new "$old"
        old=$(gateway_pid)
        gateway_call_strict "cgmove run --name inner -- sh -c 'systemctl --user restart $GATEWAY; echo outcome; echo done >$MARKER'"
        wait_for gateway_is_new "$old"
        wait_for test -e "$MARKER"
        check_equal "$(list_of alice "$count")" "$restarts" "restarts by way of cgmove"
}

# In a chroot, or with RootDirectory=, it may be all there is, and not be able to ask who it is.
test_without_proc() {
        local root
        root=$(mktemp -d)
        mkdir -p "$root$SHIMS"
        cp "$SHIMS/systemctl" "$root$SHIMS/"
        check_status 127 timeout 20 env PATH="$SHIMS" /usr/sbin/chroot "$root" "$SHIMS/systemctl" status
        check_contains "$OUTPUT" "No systemctl found but that of cgmove"
        check_status 127 timeout 20 env PATH="$SHIMS:$SHIMS" /usr/sbin/chroot "$root" systemctl status
        rm -rf "$root"
}
