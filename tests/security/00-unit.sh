# SPDX-License-Identifier: LGPL-2.1-or-later
# The sandbox of the units: it lets through what the daemon needs and nothing else, so that these tests fail when something is
# added. What a taken-over daemon would try is tried by unit-probe.c, in the very sandbox. (No threat of its own: it is what stands
# behind all others.)
#
# Not shown here: CAP_NET_ADMIN (BPF_PROG_QUERY; a container lets nobody ask, it takes a virtual machine).

PROBE=/usr/lib/cgmove-unit-probe
PROBE_UNIT=/run/systemd/system/cgmove-unit-probe.service
PROBE_OUT=/run/unit-probe.out
CAPABILITIES="cap_dac_override cap_kill cap_net_admin cap_sys_ptrace cap_sys_resource"
# The same as a mask.
CAPABILITIES_MASK=0000000000081022

tear_down() {
        rm -rf "$PROBE" "$PROBE_UNIT" "$PROBE_UNIT.d" "$PROBE_OUT" /run/systemd/system/cgmoved.service.d /tmp/unit-probe-secret \
                /srv/unit-probe-secret /var/lib/cgmove/unit-probe*
        systemctl daemon-reload
        systemctl reset-failed cgmove-unit-probe.service 2>/dev/null || true
}

# --- what systemd and the kernel say of the running daemon ---------------------------------------------------------------------

check_property() {
        check_equal "$(systemctl show --value -p "$2" "$1")" "$3" "$2 of $1"
}

status_field() {
        sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

# Lines of NAME VALUE, of a unit.
check_properties() {
        local unit=$1 name value n=0
        while read -r name value; do
                check_property "$unit" "$name" "$value"
                n=$((n + 1))
        done
        PROPERTIES=$n
}

test_settings() {
        check_properties cgmoved.service <<-LIST
	CapabilityBoundingSet $CAPABILITIES
	AmbientCapabilities
	NoNewPrivileges yes
	ProtectSystem strict
	ReadWritePaths /sys/fs/cgroup /run/cgmove
	ProtectHome tmpfs
	BindPaths
	BindReadOnlyPaths /run/user:/run/user:rbind
	ReadOnlyPaths /run
	ExecPaths
	StateDirectory cgmove
	RuntimeDirectory
	CacheDirectory
	LogsDirectory
	ConfigurationDirectory
	PrivateTmp yes
	PrivateDevices yes
	PrivateNetwork yes
	PrivateMounts yes
	ProtectClock yes
	ProtectHostname yes
	ProtectKernelLogs yes
	ProtectKernelModules yes
	ProtectKernelTunables yes
	RestrictAddressFamilies AF_UNIX
	RestrictNamespaces yes
	RestrictRealtime yes
	RestrictSUIDSGID yes
	LockPersonality yes
	MemoryDenyWriteExecute yes
	KeyringMode private
	SystemCallArchitectures native
	SystemCallErrorNumber 1
	DevicePolicy closed
	UMask 0077
	SupplementaryGroups
	User
LIST
        check_match "$(systemctl show --value -p IPAddressDeny cgmoved.service)" '^(::/0 0.0.0.0/0|0.0.0.0/0 ::/0)$' IPAddressDeny
        tried "$PROPERTIES" settings of the daemon\'s unit
}

test_process() {
        local pid
        pid=$(daemon_pid)
        check_equal "$(status_field "$pid" CapBnd)" "$CAPABILITIES_MASK" "bounding set"
        check_equal "$(status_field "$pid" CapPrm)" "$CAPABILITIES_MASK" "permitted set"
        check_equal "$(status_field "$pid" CapEff)" "$CAPABILITIES_MASK" "effective set"
        check_equal "$(status_field "$pid" CapInh)" 0000000000000000 "inheritable set"
        check_equal "$(status_field "$pid" CapAmb)" 0000000000000000 "ambient set"
        check_equal "$(status_field "$pid" NoNewPrivs)" 1 NoNewPrivs
        check_equal "$(status_field "$pid" Seccomp)" 2 "filter of system calls"
        [[ $(readlink "/proc/$pid/ns/net") != "$(readlink /proc/1/ns/net)" ]] || fail "it is in the host's network"
        [[ $(readlink "/proc/$pid/ns/mnt") != "$(readlink /proc/1/ns/mnt)" ]] || fail "it has the host's mounts"
        check_equal "$(readlink "/proc/$pid/ns/user")" "$(readlink /proc/1/ns/user)" "user namespace"
        tried 10 facts of the daemon\'s process
}

test_exposure() {
        local said value
        said=$(systemd-analyze security --no-pager cgmoved.service)
        value=$(sed -n -E 's/.*exposure level for cgmoved.service: ([0-9]+)\.([0-9]) .*/\1\2/p' <<<"$said")
        [[ -n $value && $((10#$value)) -le 20 ]] || fail "exposure is $value tenths: $(grep ✗ <<<"$said")"
        tried 1 "reading of systemd-analyze security: $((10#$value)) tenths, at most 20"
}

# --- the real thing --------------------------------------------------------------------------------------------------------------

# probe UNIT ERRNO ARGUMENT...: the probe in the sandbox of UNIT, in the place of its program; what it says is in $PROBE_OUT.
probe() {
        local unit=$1 answer=$2
        shift 2
        install -m 0755 "$here/../unit-probe" "$PROBE"
        systemctl cat "$unit" | grep -v -E '^(ExecStart|ExecReload|Type|NotifyAccess|Restart|ExitType|Requires|After|Slice|Delegate)=' >"$PROBE_UNIT"
        mkdir -p "$PROBE_UNIT.d"
        cat >"$PROBE_UNIT.d/probe.conf" <<-UNIT
		[Service]
		Type=oneshot
		ExecStart=$PROBE $*
		StandardOutput=truncate:$PROBE_OUT
	UNIT
        [[ -z $answer ]] || echo "SystemCallErrorNumber=$answer" >>"$PROBE_UNIT.d/probe.conf"
        systemctl daemon-reload
        systemctl start cgmove-unit-probe.service
}

probe_attempts() {
        sed -n 's/^attempts //p' "$PROBE_OUT"
}

# Names one a line, sorted.
words() {
        tr -s ' \n' '\n' | sed '/^$/d' | LC_ALL=C sort -u
}

# What systemd adds by itself, what the kernel lets through whatever a filter says (uretprobe, uprobe, that is its own traps), and
# what the unit lists, where each has its reason.
calls_golden() {
        words <<<"uretprobe uprobe number-335 number-336"
        systemd-analyze syscall-filter @default | grep -v '^ *[#@]' | words
        words <<-LIST
	accept4 access bind bpf clone clone3 close close_range connect dup epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait
	eventfd2 faccessat faccessat2 fcntl fgetxattr fremovexattr fsetxattr fstat fstatfs fsync getdents64 getpeername getsockname
	getsockopt inotify_add_watch inotify_init1 inotify_rm_watch ioctl lseek lstat madvise mkdirat mremap newfstatat openat pidfd_open
	pidfd_send_signal pipe2 poll ppoll prctl pread64 pselect6 pwrite64 read readlink readlinkat recvfrom recvmsg renameat renameat2
	rt_sigaction rt_sigprocmask sendmsg sendto setsockopt signalfd4 socket stat statfs statx sysinfo tgkill timerfd_create
	timerfd_gettime timerfd_settime uname unlinkat utimensat write writev
LIST
}

# EKEYEXPIRED (127), which no call answers by itself, shows which ones the filter has refused.
test_each_system_call() {
        local let
        probe cgmoved.service EKEYEXPIRED calls 127
        let=$(sed -n 's/^let //p' "$PROBE_OUT" | words)
        check_equal "$(LC_ALL=C comm -13 <(calls_golden | words) <(printf '%s\n' "$let"))" "" "system calls that are let through and not needed"
        # the probe sees the difference
        check_contains "$let" pidfd_send_signal
        tried "$(probe_attempts)" system calls by number, "$(wc -l <<<"$let")" of which are let through
}

# What is its work; what is its own (/tmp, and the empty folders in the place of /home and /root); and what root without a
# sandbox could do too, and no filter of system calls can tell from its work: see SANDBOX in cgmoved(8).
attacks_golden() {
        cat <<-LIST
	connect to PID 1
	connect to alice's manager
	connect to the system bus
	create in /run/cgmove
	create in /home
	create in /root
	create in /tmp
	create in /var/lib/cgmove
	its own program
	make a control group
	read /etc/shadow
	socket of family 1, type 1
	socket of family 1, type 2
	socket of family 1, type 3
	socket of family 1, type 5
	write /proc/1/mem
	write /proc/1/oom_score_adj
LIST
}

test_attacks() {
        local pid worked
        pid=$(daemon_pid)
        echo secret >/tmp/unit-probe-secret
        echo secret >/srv/unit-probe-secret
        python3 -c 'import socket, time
s = socket.socket(socket.AF_UNIX)
s.bind("\0unit-probe-abstract")
s.listen(100)
time.sleep(100)' &
        wait_for grep -q unit-probe-abstract /proc/net/unix
        probe cgmoved.service "" attacks
        kill $!
        worked=$(sed -n 's/^worked //p' "$PROBE_OUT" | LC_ALL=C sort)
        check_equal "$(LC_ALL=C comm -13 <(attacks_golden | LC_ALL=C sort) - <<<"$worked")" "" "attacks that worked"
        check_contains "$worked" "make a control group"
        check_equal "$(hostname)" cgmove-machine "name of the host"
        check_equal "$(daemon_pid)" "$pid" daemon
        tried "$(probe_attempts)" attacks out of the daemon\'s sandbox, "$(wc -l <<<"$worked")" of which are its work
}
