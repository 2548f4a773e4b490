# SPDX-License-Identifier: LGPL-2.1-or-later
# The daemon of another host (-H, over a real sshd on the loopback) and of a container (-M, one that is booted in here), asked by way
# of its private socket: it knows from the kernel whom the bridge over there runs as.

HERE=alice@127.0.0.1
FAKE=/usr/local/bin/fake-ssh
CONTAINER=/run/inner
INNER=inner-container.service

tear_down() {
        systemctl stop ssh.service
        rm -rf /home/bob/.ssh "$FAKE"
        container_stop
}

# --- another host

host_start() {
        sshd_start
        ssh-keyscan -t ed25519 127.0.0.1 >/home/alice/.ssh/known_hosts 2>/dev/null
        chown alice: /home/alice/.ssh/known_hosts
}

far() {
        as alice cgmove -H "$HERE" "$@"
}

far_job_begin() {
        in_session alice cgmove run --name "$1" -- sh -c "$(waiting_command "$1")"
        job_watch "$1"
}

test_host_shows_jobs() {
        host_start
        far_job_begin seen
        check_status 0 far list
        check_match "$OUTPUT" 'JOB +USER .*1000 +seen +running'
        check_equal "$(as alice cgmove status --host="$HERE:22" --json seen | jq -r '.job | .name, .state, .uid')" $'seen\nrunning\n1000'
        check_equal "$(far list --json | jq -r '.jobs[].name')" seen
        check_status 1 far status nothing
        check_contains "$OUTPUT" 'no job "nothing"'
        job_check_end seen
}

test_host_acts_on_jobs() {
        host_start
        far_job_begin ended
        check_status 0 far kill -s USR1 "$(job_id ended)"
        check_contains "$OUTPUT" "signal sent"
        far_job_begin stopped
        check_status 0 far stop stopped
        check_equal "$(job_field stopped result)" stopped
}

# The daemon over there may be restarted meanwhile.
test_host_waits() {
        local old status=0
        host_start
        far_job_begin awaited
        far wait awaited >"$TEST_DIR/waited" 2>&1 &
        wait_for pgrep -u alice -x systemd-stdio-b
        old=$(daemon_pid)
        systemctl restart cgmoved.service
        wait_for daemon_is_new "$old"
        job_finish awaited
        wait $! || status=$?
        check_equal "$status" 7 "status of wait"
        check_contains "$(cat "$TEST_DIR/waited")" "exit status 7"
}

# Who asks is whom ssh logs in as, whoever calls.
test_host_is_told_by_the_kernel_who_asks() {
        local id
        host_start
        install -d -o bob -g bob -m 700 /home/bob/.ssh
        install -o bob -g bob -m 600 /home/alice/.ssh/id_ed25519.pub /home/bob/.ssh/authorized_keys
        far_job_begin private
        id=$(job_id private)
        check_equal "$(as alice cgmove -H bob@127.0.0.1 list --all --json | jq -r ".jobs[] | select(.id == $id)")" ""
        not as alice cgmove -H bob@127.0.0.1 stop "$id" || fail "bob stops a job of alice"
        not as alice cgmove -H bob@127.0.0.1 stop private || fail "bob stops a job of alice by its name"
        job_check_alive private
        job_check_end private
}

# fake_ssh LINE...: in the place of ssh; it notes its arguments.
fake_ssh() {
        printf '%s\n' '#!/bin/sh' "printf '%s\\n' \"\$@\" >$TEST_DIR/called" "$@" >"$FAKE"
        chmod 0755 "$FAKE"
        chmod 0777 "$TEST_DIR"
        rm -f "$TEST_DIR/called"
}

with_fake() {
        as alice env SYSTEMD_SSH="$FAKE" cgmove "$@"
}

test_host_is_nothing_but_a_host() {
        local word
        fake_ssh "readlink /proc/\$\$/fd/2 >$TEST_DIR/stderr" 'printf "no \033[2Jway\n" >&2' 'exit 255'
        check_status 69 with_fake -H bob@build-7:2222 list
        check_contains "$OUTPUT" 'no \x1b[2Jway'
        check_match "$(cat "$TEST_DIR/stderr")" '^pipe:' # nobody over there has this terminal
        check_contains "$OUTPUT" "build-7 cannot be reached by way of ssh"
        check_equal "$(tr '\n' ' ' <"$TEST_DIR/called")" \
                '-xT -p 2222 -- bob@build-7 systemd-stdio-bridge --bus-path=unix:path=/run/cgmove/private ' "arguments of ssh"
        rm "$TEST_DIR/called"
        # shellcheck disable=SC2016
        for word in '' -oProxyCommand=id '--' 'a b' 'a;id' '$(id)' '-l@a' 'a@-oProxyCommand=id' 'a:id' 'a/b' 'a@b@c' '[::1' $'a\nb'; do
                check_status 2 with_fake -H "$word" list
                check_status 2 with_fake list --host="$word"
                check_status 2 with_fake -M "${word:-;}" list
        done
        check_no_file "$TEST_DIR/called"
}

# What is no daemon over there, or says nothing sensible, is told as such, at once and once.
test_host_that_is_none() {
        local line
        for line in 'true' 'echo hello' 'head -c 1000000 /dev/zero' 'yes' 'printf "OK 0123\r\n"; cat'; do
                fake_ssh "$line"
                check_status 69 timeout 100 "$here/as" alice env SYSTEMD_SSH="$FAKE" cgmove -H a list
                check_equal "$(grep -c cannot <<<"$OUTPUT")" 1 "sentences"
        done
        check_status 69 as alice env SYSTEMD_SSH=/nonexistent cgmove -H a status --json 1
        check_contains "$OUTPUT" '"code": "NoDaemon"'
}

test_verbs_that_belong_here() {
        local verb
        fake_ssh true
        for verb in "run -- true" "exec -- true" "move 1" "adopt x" "release x" "where" "restart x" "logs 1" "doctor" "policy check" \
                "policy explain" "wait-port 1"; do
                # shellcheck disable=SC2086
                check_status 2 with_fake -H far $verb
                check_contains "$OUTPUT" "ssh far cgmove ${verb%% *}"
        done
        check_status 2 with_fake run --machine=far -- true
        check_contains "$OUTPUT" "machinectl shell far /usr/bin/cgmove run"
        for verb in top sessions; do
                check_status 2 with_fake -H far $verb
                check_match "$(tr '\n' ' ' <<<"$OUTPUT")" "not offered from +afar.*ssh (-t )?far +cgmove +$verb"
        done
        # as whom, and at which port
        check_status 2 with_fake -H bob@far:2222 logs 1
        check_match "$(tr '\n' ' ' <<<"$OUTPUT")" "ssh +-p +2222 +bob@far +cgmove +logs"
        check_status 2 with_fake -M bob@far where
        check_match "$(tr '\n' ' ' <<<"$OUTPUT")" "machinectl +shell +bob@far +/usr/bin/cgmove +where"
        check_status 2 with_fake policy explain -H far
        check_status 0 as alice cgmove -M .host policy check
        check_no_file "$TEST_DIR/called"
        # options of a command are the command's
        check_equal "$(in_session alice cgmove exec -- echo -H far -M far)" "-H far -M far"
        check_equal "$(in_session alice cgmove exec --name x echo -H far)" "-H far"
}

# --- a container

# The machine's own system once more, with a layer of its own. Where layers cannot be put upon layers, a copy.
container_start() {
        mkdir -p "$CONTAINER"/{upper,work,root}
        mount -t overlay overlay -o "lowerdir=/,upperdir=$CONTAINER/upper,workdir=$CONTAINER/work" "$CONTAINER/root" ||
                cp -ax / "$CONTAINER/root"
        : >"$CONTAINER/root/etc/machine-id"
        systemd-run --quiet --collect --unit="$INNER" -p Delegate=yes -p KillMode=mixed \
                systemd-nspawn --quiet --machine=inner --directory="$CONTAINER/root" --keep-unit --private-network --link-journal=no \
                --resolv-conf=off --timezone=off --boot systemd.unit=multi-user.target
        wait_for_within 150 container_is_up
}

container_is_up() {
        [[ $(systemctl -M inner is-system-running 2>/dev/null) =~ running|degraded ]] && systemctl -M inner is-active --quiet user@1000.service
}

container_stop() {
        [[ -d $CONTAINER ]] || return 0
        # its PID 1 takes the rest along, and systemd-nspawn cleans up
        kill -KILL "$(machinectl show --value -p Leader inner)" && wait_for not systemctl is-active "$INNER"
        systemctl stop "$INNER" || true
        umount "$CONTAINER/root" || true
        rm -rf --one-file-system "$CONTAINER"
}

container_has_no_bridge() {
        [[ -z $(systemctl -M inner list-units --legend=no --plain 'run-*.service') ]]
}

inside() {
        systemd-run -M inner --quiet --wait --pipe --collect --uid=alice -p PAMName=login -- "$@"
}

test_container() {
        container_start
        check_status 0 inside cgmove run --name inside -- sleep infinity
        check_equal "$(cgmove -M inner list --json | jq -r '.jobs[] | "\(.uid) \(.name)"')" "1000 inside"
        check_equal "$(cgmove -M alice@inner status --json inside | jq -r .job.state)" running
        check_equal "$(cgmove list --json | jq '.jobs | length')" 0 "jobs of the machine itself"
        # root over there has no job of that name; alice has
        check_status 1 cgmove -M inner stop inside
        check_equal "$(cgmove -M bob@inner list --json | jq '.jobs | length')" 0 "jobs of bob"
        check_status 0 cgmove -M alice@inner stop inside
        check_equal "$(cgmove -M alice@inner status --json inside | jq -r .job.result)" stopped
        check_status 69 as alice cgmove -M inner list
        check_contains "$OUTPUT" "takes root"
        wait_for container_has_no_bridge
}

test_container_that_is_none() {
        check_status 69 cgmove -M nowhere list
        check_contains "$OUTPUT" "nowhere cannot be reached by way of systemd-run"
}

# As in systemctl(1): another user of this host.
test_this_host() {
        far_job_begin near
        check_equal "$(as alice cgmove -M .host list --json | jq -r '.jobs[].name')" near
        check_equal "$(cgmove -M alice@.host status --json near | jq -r .job.state)" running
        check_equal "$(cgmove -M bob@ list --json | jq '.jobs | length')" 0
        not cgmove -M bob@.host stop "$(job_id near)" || fail "bob stops a job of alice"
        job_check_end near
}
