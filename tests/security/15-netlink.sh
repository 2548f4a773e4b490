# SPDX-License-Identifier: LGPL-2.1-or-later
# Netlink. The daemon uses none: process events (the proc connector) are not followed yet, so that forged, lost and late events of
# that kind cannot be tried; here it is shown that it cannot even make such a socket. The client asks sock_diag for TCP sockets, in
# its user's name: forged senders cannot be played to it here, since the kernel checks who may send to its port. What it makes of them, of
# lost, cut off and endless answers is in tests/unit/test-socket-diag-dump.c; of truncated, oversized and wrong messages in
# test-socket-diag.c. Here it is asked under load. (Threat 15.)

PORT=18950

tear_down() {
        pkill -f crowd_of_sockets || true
}

test_the_daemon_has_no_netlink() {
        check_equal "$(systemctl show --value -p RestrictAddressFamilies cgmoved.service)" AF_UNIX
        check_match "$(sed -n 's/^Seccomp:\t//p' "/proc/$(daemon_pid)/status")" '^2$' "the filter of system calls"
        # the same restriction on a process that tries
        check_status 0 systemd-run --quiet --wait --pipe --collect -p RestrictAddressFamilies=AF_UNIX -p SystemCallErrorNumber=EPERM python3 -c "
import socket
for kind in (socket.SOCK_RAW, socket.SOCK_DGRAM):
    for protocol in range(23):
        try:
            socket.socket(socket.AF_NETLINK, kind, protocol)
        except OSError:
            continue
        raise SystemExit(1)"
        check_equal "$(grep -c "$(daemon_pid)" /proc/net/netlink || true)" 0 "netlink sockets of the daemon"
        tried 46 "netlink sockets under the daemon's restriction of address families"
}

# Thousands of sockets that come and go: each answer of the kernel may be interrupted, and none takes for ever or is wrong.
test_sockets_that_come_and_go() {
        local i
        python3 -c "
# crowd_of_sockets
import socket
listeners = []
for i in range(2000):
    s = socket.socket()
    s.bind(('127.0.%d.%d' % (2 + i // 250, 1 + i % 250), 18951))
    s.listen(1)
    listeners.append(s)
while True:
    for i in range(0, 2000, 7):
        listeners[i].close()
        listeners[i] = socket.socket()
        listeners[i].bind(('127.0.%d.%d' % (2 + i // 250, 1 + i % 250), 18951))
        listeners[i].listen(1)
" &
        wait_for sh -c '[ "$(ss -Hltn sport = :18951 | wc -l)" -ge 2000 ]'
        for i in {1..30}; do
                check_status 0 timeout 20 "$here/as" alice cgmove wait-port $PORT --timeout 5
        done
        as alice python3 /opt/cgmove-tests/holder.py --try $PORT
        python3 -c "
# crowd_of_sockets
import socket, time
s = socket.socket()
s.bind(('127.0.0.1', $PORT))
s.listen(1)
time.sleep(1000)" &
        wait_for sh -c "[ -n \"\$(ss -Hltn sport = :$PORT)\" ]"
        for i in {1..10}; do
                check_status 1 timeout 20 "$here/as" alice cgmove wait-port $PORT --timeout 0.2
        done
        tried 40 "questions for one port among 2000 listeners that come and go"
}
