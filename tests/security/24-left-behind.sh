# SPDX-License-Identifier: LGPL-2.1-or-later
# Threat 24. What a process leaves behind with its unit and nobody can refuse or carry over: its limits, RestrictFileSystems=, and
# rules of a firewall that name its cgroup. It is stated in the manual, and shown by `cgmove doctor` and `cgmove policy allow`. (A
# container has neither the controllers nor the LSM for it; they are settings of the unit here all the same, and that is what is shown.)

UNIT=left-behind.service
UNIT_FILE=/run/systemd/system/$UNIT

tear_down() {
        systemctl stop "$UNIT" 2>/dev/null || true
        rm -f "$UNIT_FILE"
        systemctl daemon-reload
}

# unit_start [LINE...]: a unit of the system that runs as alice.
unit_start() {
        printf "%s\n" "[Unit]" "StartLimitIntervalSec=0" "[Service]" "ExecStart=/bin/sleep infinity" "User=alice" "$@" >"$UNIT_FILE"
        systemctl daemon-reload
        systemctl restart "$UNIT"
}

# shown LEVEL TOPIC TEXT: `cgmove doctor` of the unit says so.
shown() {
        jq -e --arg level "$1" --arg topic "$2" --arg text "$3" \
                '[.findings[] | select(.level == $level and .topic == $topic and (.text | contains($text)))] | length > 0' <<<"$FOUND" >/dev/null
}

look() {
        FOUND=$(cgmove doctor --json --system "$UNIT") || true
        jq -e '.findings | length > 0' <<<"$FOUND" >/dev/null || fail "no findings: $FOUND"
}

# Each alone, beside the unit without it.
test_doctor_shows() {
        local -a cases=(
                "MemoryMax=1G|note|limits|MemoryMax=1"
                "MemoryHigh=1G|note|limits|MemoryHigh=1"
                "TasksMax=77|note|limits|TasksMax=77"
                "CPUQuota=50%|note|limits|CPUQuota=50%"
                "RestrictFileSystems=ext4 tmpfs|warning|sandbox|RestrictFileSystems="
        )
        local line level topic text
        # a systemd that was built without it forgets the list, and restricts nothing
        ! systemctl --version | grep -q '+BPF_FRAMEWORK' ||
                cases+=("RestrictFileSystems=~tmpfs|warning|sandbox|RestrictFileSystems=")
        ! systemctl --version | grep -q 'systemd 25[5-9]' || cases+=("NFTSet=cgroup:inet:filter:left|warning|sandbox|NFTSet=")
        unit_start
        look
        shown ok sandbox "nft(8) rules" || fail "the firewall is not told of: $FOUND"
        for each in "${cases[@]}"; do
                IFS='|' read -r _ level topic text <<<"$each"
                not shown "$level" "$topic" "$text" || fail "a unit without it is said to have $text"
        done
        for each in "${cases[@]}"; do
                IFS='|' read -r line level topic text <<<"$each"
                unit_start "$line"
                look
                shown "$level" "$topic" "$text" || fail "$line is not shown: $(jq -c '.findings[]' <<<"$FOUND")"
        done
        tried ${#cases[@]} settings of a unit that a move sheds, each shown by doctor
}

test_doctor_shows_all_at_once() {
        unit_start MemoryMax=1G TasksMax=77 CPUQuota=150% RestrictFileSystems=ext4 IPAddressDeny=any
        look
        shown note limits "MemoryMax=1 GiB, TasksMax=77, CPUQuota=150%" || fail "limits: $FOUND"
        shown warning sandbox RestrictFileSystems= || fail "file systems: $FOUND"
        shown note sandbox "nft(8) rules" || fail "firewall: $FOUND"
        tried 5 settings of one unit
}

# A user's unit: limits; what only PID 1 can enforce is in force nowhere, and so not lost.
test_user_unit() {
        gateway_start mixed "" TasksMax=88 MemoryMax=2G
        wait_for gateway_answers
        FOUND=$(as alice cgmove doctor --json "$GATEWAY") || true
        shown note limits "MemoryMax=2 GiB, TasksMax=88" || fail "limits: $FOUND"
        gateway_start mixed
        user_systemctl alice restart "$GATEWAY"
        FOUND=$(as alice cgmove doctor --json "$GATEWAY") || true
        not shown note limits "" || fail "limits of none: $FOUND"
        tried 2 units of a user
}

# Who allows it is told what it costs.
test_policy_allow_warns() {
        touch /run/policy-touched
        unit_start MemoryMax=1G RestrictFileSystems=ext4
        check_status 0 cgmove policy allow alice --from "system:$UNIT" --name left-system
        check_contains "$OUTPUT" "Warning: what leaves system:$UNIT leaves this behind: MemoryMax=1 GiB, RestrictFileSystems=; \"cgmove doctor --system $UNIT\""
        # also when it was allowed before
        check_status 0 cgmove policy allow alice --from "system:$UNIT" --name left-system
        check_contains "$OUTPUT" "leaves this behind"
        check_status 0 cgmove policy allow bob --from "system:$UNIT" --json --name left-json
        check_equal "$(jq -r .allow.sheds <<<"$OUTPUT")" "MemoryMax=1 GiB, RestrictFileSystems=" sheds
        gateway_start mixed "" TasksMax=88
        wait_for gateway_answers
        check_status 0 cgmove policy allow alice --from "user:$GATEWAY" --name left-user
        check_contains "$OUTPUT" "TasksMax=88"
        unit_start
        rm -f "$POLICY_DIR"/*left-*
        check_status 0 cgmove policy allow alice --from "system:$UNIT" --name left-none
        check_lacks "$OUTPUT" Warning
        check_status 0 cgmove policy allow alice --from "system:left-*.service" --name left-pattern
        check_lacks "$OUTPUT" Warning
        tried 6 rules, for units that have something to lose and for others
}

# The page as one line, without its marks.
manual() {
        local page
        page=$(find /usr/share/man -name "$1*" | head -n 1)
        [[ -n $page ]] || fail "there is no page $1"
        { if [[ $page == *.gz ]]; then zcat "$page"; else cat "$page"; fi; } |
                sed -E 's/^\.(BR|RB|B|I|IR|RI|TP|IP|SS|SH|PP)( \\\(bu)? ?//; s/\\f[A-Z]//g; s/\\-/-/g; s/\\ / /g; s/\\&//g; s/"//g' | tr -s ' \n' ' '
}

test_manual_says_so() {
        local page
        page=$(manual cgmoved.8)
        for said in "Resource limits of the source unit" "are left behind with it" "additional" "RestrictFileSystems=" "nft (8)" \
                "lost without notice" "A daemon that is taken over"; do
                check_contains "$page" "$said" "cgmoved(8)"
        done
        page=$(manual cgmove.conf.5)
        for said in RestrictFileSystems= NFTSet= "nft (8)" MemoryMax= "cgmove doctor"; do
                check_contains "$page" "$said" "cgmove.conf(5)"
        done
        page=$(manual cgmove.1)
        check_contains "$page" "leaves behind" "cgmove(1)"
        tried 13 statements of the manual
}
