# SPDX-License-Identifier: LGPL-2.1-or-later
# The sandbox of the units: it lets through what the daemon needs and nothing else, so that these tests fail when something is
# added. What a taken-over daemon would try is tried by unit-probe.c, in the very sandbox. (No threat of its own: it is what stands
# behind all others.)
#
# Not shown here, since in a container nobody has it: what CAP_NET_ADMIN (a container lets nobody ask for BPF programs) and
# CAP_SYS_RESOURCE (its PID 1 has none, and sets nothing that could not be lowered) are for. That takes a virtual machine.

PROBE=/usr/lib/cgmove-unit-probe
PROBE_UNIT=/run/systemd/system/cgmove-unit-probe.service
PROBE_OUT=/run/unit-probe.out
CAPABILITIES="cap_dac_override cap_kill cap_net_admin cap_sys_resource"
CAPABILITIES_MASK=0x1001022
DROP_IN=/run/systemd/system/cgmoved.service.d

tear_down() {
        rm -rf "$PROBE" "$PROBE_UNIT" "$PROBE_UNIT.d" "$PROBE_OUT" "$DROP_IN" /tmp/unit-probe-secret \
                /srv/unit-probe-secret /var/lib/cgmove/unit-probe*
        systemctl daemon-reload
        [[ $WITHOUT == no ]] || systemctl restart cgmoved.service
        systemctl reset-failed cgmove-unit-probe.service 2>/dev/null || true
}
WITHOUT=no

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
        local pid mask
        pid=$(daemon_pid)
        # a container has not all of them
        mask=$(printf %016x $((CAPABILITIES_MASK & 0x$(status_field 1 CapBnd))))
        check_equal "$(status_field "$pid" CapBnd)" "$mask" "bounding set"
        check_equal "$(status_field "$pid" CapPrm)" "$mask" "permitted set"
        check_equal "$(status_field "$pid" CapEff)" "$mask" "effective set"
        # systemd 257 fills it, with the same; no program that is executed gets anything by it
        check_match "$(status_field "$pid" CapInh)" "^($mask|0000000000000000)$" "inheritable set"
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
        systemctl cat "$unit" | grep -v -E '^(ExecStart|ExecReload|Type|NotifyAccess|Restart|Requires|After|Slice|Delegate|ExitType|OOMPolicy)=' >"$PROBE_UNIT"
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
        for group in @default $(systemd-analyze syscall-filter @default | grep -o '^ *@.*'); do
                systemd-analyze syscall-filter "$group" | grep -v '^ *[#@]' | words
        done
        words <<-LIST
	accept4 access bind bpf clone clone3 close close_range connect dup epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait
	eventfd2 faccessat faccessat2 fchmod fcntl fgetxattr fremovexattr fsetxattr fstat fstatfs fsync getdents64 getpeername getsockname
	getsockopt inotify_add_watch inotify_init1 inotify_rm_watch ioctl lseek lstat madvise mkdirat mremap newfstatat openat pidfd_open
	pidfd_send_signal pipe2 poll ppoll prctl pread64 pselect6 pwrite64 read readlink readlinkat recvfrom recvmsg renameat renameat2
	rt_sigaction rt_sigprocmask sendmsg sendto setsockopt signalfd4 socket stat statfs statx sysinfo tgkill timer_create timer_settime timerfd_create
	timerfd_gettime timerfd_settime uname unlinkat utimensat waitid write writev
LIST
        # of 32 bits
        words <<-LIST
	_llseek fcntl64 fstat64 fstatat64 lstat64 ppoll_time64 recv send socketcall stat64 timer_settime64 timerfd_settime64 utimensat_time64
LIST
}

# EKEYEXPIRED (127), which no call answers by itself, shows which ones the filter has refused. What is newer than the library that
# makes the filter is answered with ENOSYS by systemd 257.
test_each_system_call() {
        local found
        probe cgmoved.service EKEYEXPIRED calls 127
        found=$(sed -n 's/^let //p' "$PROBE_OUT" | words)
        check_equal "$(LC_ALL=C comm -13 <(calls_golden | words) <(printf '%s\n' "$found"))" "" "system calls that are let through and not needed"
        # the probe sees the difference
        check_contains "$found" pidfd_send_signal
        check_equal "$(LC_ALL=C comm -13 <(calls_golden | words) <(systemctl show --value -p SystemCallFilter cgmoved.service | words))" \
                "" "system calls in the unit that are not needed"
        tried "$(probe_attempts)" system calls by number, "$(wc -l <<<"$found")" of which are let through
}

# What is its work; what it has already (capabilities); what is its own (/tmp, and the empty folders in the place of /home and /root); and what root without a
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
	raise capability 1
	raise capability 12
	raise capability 24
	raise capability 5
	read /etc/shadow
	socket of family 1, type 1
	socket of family 1, type 2
	socket of family 1, type 3
	socket of family 1, type 5
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

# The last words of libc are heard, and what ends so is a core dump and no hang.
test_abort() {
        local status=0
        probe cgmoved.service "" abort || status=$?
        [[ $status -ne 0 ]] || fail "abort() did not end it"
        check_match "$(systemctl show --value -p Result cgmove-unit-probe.service)" '^(core-dump|signal)$' "result"
        tried 1 "abort() in the daemon's sandbox"
}

# --- each of them is needed --------------------------------------------------------------------------------------------------

# daemon_without CAPABILITY: until daemon_whole or the end of the test.
daemon_without() {
        WITHOUT=$1
        mkdir -p "$DROP_IN"
        printf '[Service]\nCapabilityBoundingSet=~%s\n' "$1" >"$DROP_IN/without.conf"
        systemctl daemon-reload
        systemctl restart cgmoved.service
}

daemon_whole() {
        rm -rf "$DROP_IN"
        systemctl daemon-reload
        systemctl restart cgmoved.service
}

# Without it no user's manager can be asked whether a process is a main process; then all is refused that may be one.
test_needs_dac_override() {
        gateway_start mixed
        wait_for gateway_answers
        daemon_without CAP_DAC_OVERRIDE
        check_contains "$(gateway_call "cgmove run -- true 2>&1; echo status \$?")" "does not answer (Permission denied)"
        daemon_whole
        check_contains "$(gateway_call "cgmove run -- true 2>&1; echo status \$?")" "status 0"
        tried 2 "runs out of a user's unit, without CAP_DAC_OVERRIDE and with it"
}

test_needs_kill() {
        local pid
        daemon_without CAP_KILL
        in_session alice cgmove run --name needs-kill -- sleep 4257
        wait_for pgrep -u alice -f -x "sleep 4257"
        pid=$(pgrep -u alice -f -x "sleep 4257")
        as alice cgmove kill -s KILL "$(job_id needs-kill)" || true
        sleep 0.5
        kill -0 "$pid" || fail "it was killed without the capability"
        daemon_whole
        check_status 0 as alice cgmove kill -s KILL "$(job_id needs-kill)"
        wait_for not kill -0 "$pid"
        tried 2 "signals to a job, without CAP_KILL and with it"
}

# --- the modules of libc -----------------------------------------------------------------------------------------------------

# Users that only a daemon knows are asked for over its local socket (nss-systemd here), in the same sandbox.
test_user_of_a_name_service() {
        systemctl reset-failed
        systemd-run --quiet --collect --unit=unit-dynamic -p DynamicUser=yes -p User=unit-dynamic sleep 1000
        wait_for getent passwd unit-dynamic
        not grep -q unit-dynamic /etc/passwd
        policy_only <<-POLICY
	policy "dynamic" {
	        users = {"unit-dynamic", "nobody-of-this-name"}
	        from  = {"user:*", "system:*", "session"}
	}
POLICY
        # a policy is in force when its names are known
        wait_for sh -c 'cgmove policy explain --user "$(id -u unit-dynamic)" --from session | grep dynamic'
        systemctl stop unit-dynamic.service
        tried 2 "names of users that are in no file, in the daemon's sandbox"
}

# --- the keeper ------------------------------------------------------------------------------------------------------------------

# It has no right to lose; what it could still do is what root without capabilities can, and nothing of the cgroup's.
test_keeper() {
        local pid
        in_session alice cgmove run --name keeper-test -- sleep 4258
        wait_for grep -q . "$POOL/keeper/cgroup.procs"
        pid=$(cat "$POOL/keeper/cgroup.procs")
        for set in CapInh CapPrm CapEff CapBnd CapAmb; do
                check_equal "$(status_field "$pid" $set)" 0000000000000000 "$set of the keeper"
        done
        check_equal "$(status_field "$pid" NoNewPrivs)" 1 "NoNewPrivs of the keeper"
        check_equal "$(find "/proc/$pid/fd" -mindepth 1 | wc -l)" 0 "descriptors of the keeper"
        check_properties cgmove@1000.service <<-LIST
	CapabilityBoundingSet
	AmbientCapabilities
	NoNewPrivileges yes
	User
	Delegate yes
	DelegateControllers cpu memory pids
	DevicePolicy auto
	IPAddressDeny
	IPAddressAllow
	BPFProgram
	IPIngressFilterPath
	IPEgressFilterPath
	UMask 0022
LIST
        as alice cgmove stop "$(job_id keeper-test)"
        tried $((7 + PROPERTIES)) facts of a keeper and its unit
}

# It is root still, and so the files of root are open to it: it takes nothing in from anybody that could turn it.
test_attacks_of_a_keeper() {
        local worked
        in_session alice cgmove run --name keeper-test -- sleep 4258
        probe cgmove@1000.service "" attacks
        worked=$(sed -n 's/^worked //p' "$PROBE_OUT")
        for attack in "raise capability" mount "remount /" "unshare mounts" "change root" "trace PID 1" "write /proc/1/mem" \
                "set the clock" "set the host's name" "make a BPF map" "become a user" "enter the mounts" "write /proc/sysrq-trigger" \
                "see /home/alice" "write /dev/mem"; do
                check_lacks "$worked" "$attack" "attacks of a keeper that worked"
        done
        as alice cgmove stop "$(job_id keeper-test)"
        tried "$(probe_attempts)" attacks out of the keeper\'s sandbox
}
