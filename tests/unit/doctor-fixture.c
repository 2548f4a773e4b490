/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/doctor-fixture.h"

#define SECOND UINT64_C(1000000)

static const HostFacts good_host = {
        .kernel = "6.1.0-28-amd64",
        .kernel_major = 6,
        .kernel_minor = 1,
        .pidfd = true,
        .cgroup_mount = "/sys/fs/cgroup",
        .cgroup_options = "rw,nsdelegate,memory_recursiveprot,favordynmods",
        .cgroup_kill = ANSWER_YES,
        .freezer = ANSWER_YES,
        .controllers_known = ANSWER_YES,
        .controllers = "cpuset cpu io memory pids",
        .systemd = true,
        .systemd_version = "252.39-1~deb12u1",
        .remove_ipc = ANSWER_YES,
        .installed = true,
};

static const DaemonFacts good_daemon = {
        .reachable = ANSWER_YES,
        .version = "1.2.3",
        .tool_version = "1.2.3",
        .policy_loaded = 1,
};

static const RuleFacts good_rule = {
        .allowed = ANSWER_YES,
        .source = "user:gateway.service",
        .section = "agents",
        .file = "/etc/cgmove/policy.d/agents.conf",
        .line = 3,
        .max_jobs = 16,
        .rate = "30/60s",
        .unsandbox = ANSWER_NO,
        .restart = ANSWER_YES,
};

static const UnitFacts good_unit = {
        .asked = true,
        .name = "gateway.service",
        .source = "user:gateway.service",
        .known = ANSWER_YES,
        .move.allowed = ANSWER_YES,
        .id = "gateway.service",
        .load_state = "loaded",
        .active_state = "active",
        .sub_state = "running",
        .result = "success",
        .adopted = true,
        .start_limit_interval = 10 * SECOND,
        .start_limit_burst = 5,
        .active_enter = 100 * SECOND,
        .state_change = 100 * SECOND,
        .type = "notify",
        .restart = "always",
        .kill_mode = "mixed",
        .timeout_start = 90 * SECOND,
        .timeout_stop = 30 * SECOND,
        .restart_delay = 5 * SECOND,
        .send_sigkill = true,
        .main_pid = 4711,
        .control_group = "/user.slice/x/gateway.service",
        .oom_policy = "continue",
        .memory_max = UINT64_MAX,
        .memory_high = UINT64_MAX,
        .cpu_quota = UINT64_MAX,
        .tasks_max = UINT64_MAX,
        .ports_known = true,
        .n_ports = 1,
        .ports = { { .port = 18789, .state = PORT_OWN, .pid = 4711, .own_user = true } },
};

Facts *doctor_good_place(void) {
        static Facts facts;

        facts = (Facts) {
                .host = good_host,
                .daemon = good_daemon,
                .caller = {
                        .uid = 1000,
                        .name = "alice",
                        .cgroup = "/user.slice/user-1000.slice/session-1.scope",
                        .source = { .kind = SOURCE_SESSION, .owner_uid = 1000, .unit = "session-1.scope" },
                        .place = "session",
                        .rule = good_rule,
                        .move.allowed = ANSWER_YES,
                        .n_jobs = 2,
                        .lingers = ANSWER_YES,
                        .runtime_directory = true,
                        .bus = true,
                        .runtime_variable = true,
                        .log_folder = "/home/alice/.local/state/cgmove",
                        .manager = ANSWER_YES,
                },
                .unit = { .memory_max = UINT64_MAX, .tasks_max = UINT64_MAX },
                .now = 1000 * SECOND,
        };
        strcpy(facts.caller.rule.source, "session");
        return &facts;
}

Facts *doctor_good(void) {
        Facts *facts = doctor_good_place();

        facts->unit = good_unit;
        facts->unit.rule = good_rule;
        return facts;
}

static bool is_meant(const Finding *finding, FindingLevel level, const char *topic, const char *text) {
        return finding->level == level && strcmp(finding->topic, topic) == 0 && strstr(finding->text, text);
}

static void print_all(const Findings *findings) {
        for (size_t i = 0; i < findings->n; i++)
                print_error("%s %s: %s -> %s\n", finding_level_to_string(findings->items[i].level),
                            findings->items[i].topic, findings->items[i].text, findings->items[i].cure);
}

void doctor_expect(const Facts *facts, FindingLevel level, const char *topic, const char *text,
                   const char *cure) {
        static Findings findings;

        judge(facts, &findings);
        for (size_t i = 0; i < findings.n; i++)
                if (is_meant(&findings.items[i], level, topic, text) &&
                    strstr(findings.items[i].cure, cure)) {
                        assert_int_equal(findings_are_ok(&findings),
                                         findings_count(&findings, FINDING_PROBLEM) == 0);
                        return;
                }
        print_all(&findings);
        fail_msg("no %s of %s with \"%s\" and \"%s\"", finding_level_to_string(level), topic, text, cure);
}

void doctor_expect_none(const Facts *facts, FindingLevel level, const char *topic, const char *text) {
        static Findings findings;

        judge(facts, &findings);
        for (size_t i = 0; i < findings.n; i++)
                if (is_meant(&findings.items[i], level, topic, text))
                        fail_msg("%s of %s: %s", finding_level_to_string(level), topic,
                                 findings.items[i].text);
}
