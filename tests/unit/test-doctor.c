/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/doctor-fixture.h"
#include "tools/doctor/parse.h"

#define OK FINDING_OK
#define NOTE FINDING_NOTE
#define WARNING FINDING_WARNING
#define PROBLEM FINDING_PROBLEM
#define CHECK_PLACE(...) CHECK_OF(doctor_good_place, __VA_ARGS__)

/* A host without a fault has no finding but good ones. */
static void check_all_ok(const Facts *facts) {
        static Findings findings;

        judge(facts, &findings);
        assert_true(findings_are_ok(&findings));
        assert_int_equal(findings_count(&findings, OK), findings.n);
        assert_true(findings.n > 5);
        for (size_t i = 0; i < findings.n; i++)
                assert_string_equal(findings.items[i].cure, "");
}

static void test_good(void **state) {
        check_all_ok(doctor_good());
        check_all_ok(doctor_good_place());
}

static void test_cgroup(void **state) {
        CHECK(PROBLEM, "cgroup", "No cgroup v2", "systemd.unified_cgroup_hierarchy=1",
              f->host.cgroup_mount[0] = 0, );
        CHECK(PROBLEM, "cgroup", "hybrid", "systemd.unified_cgroup_hierarchy=1",
              strcpy(f->host.cgroup_mount, "/sys/fs/cgroup/unified"), );
        CHECK(NOTE, "cgroup", "hybrid", "",
              (strcpy(f->host.cgroup_mount, "/sys/fs/cgroup/unified"), f->daemon.direct = true),
              strcpy(f->host.cgroup_mount, "/sys/fs/cgroup/unified"));
        CHECK(WARNING, "cgroup", "(memory)", "cgroup_no_v1=all", strcpy(f->host.cgroup_v1, "memory"), );
        doctor_expect(doctor_good(), OK, "cgroup", "/sys/fs/cgroup", "");
}

static void test_kernel(void **state) {
        CHECK(PROBLEM, "kernel", "pidfd", "5.14", f->host.pidfd = false, );
        CHECK(PROBLEM, "kernel", "freezer", "5.14", f->host.freezer = ANSWER_NO,
              f->host.freezer = ANSWER_UNKNOWN);
        CHECK(WARNING, "kernel", "cgroup.kill", "5.14", f->host.cgroup_kill = ANSWER_NO,
              f->host.cgroup_kill = ANSWER_UNKNOWN);
}

static void test_favordynmods(void **state) {
        CHECK(NOTE, "favordynmods", "RCU",
              "as root: mount -o remount,rw,nsdelegate,favordynmods /sys/fs/cgroup",
              strcpy(f->host.cgroup_options, "rw,nsdelegate"), );
        CHECK(NOTE, "favordynmods", "RCU", "on the host of this container",
              (strcpy(f->host.cgroup_options, "rw"), strcpy(f->host.container, "systemd-nspawn")), );
        CHECK(NOTE, "favordynmods", "RCU", "", strcpy(f->host.cgroup_options, "rw"),
              (strcpy(f->host.cgroup_options, "rw"), f->host.kernel_major = 5));
}

static void test_systemd(void **state) {
        CHECK(WARNING, "systemd", "older than 252", "252 or later", strcpy(f->host.systemd_version, "251.4"),
              strcpy(f->host.systemd_version, "252"));
        CHECK(WARNING, "systemd", "lingering", "systemctl start user@1000.service",
              strcpy(f->host.systemd_version, "255.4-1ubuntu8.17"),
              strcpy(f->host.systemd_version, "254.5"));
        CHECK(WARNING, "systemd", "lingering", "256.3", strcpy(f->host.systemd_version, "256.2"),
              strcpy(f->host.systemd_version, "256.3"));
        CHECK(WARNING, "systemd", "lingering", "256.3", strcpy(f->host.systemd_version, "256~rc3"),
              strcpy(f->host.systemd_version, "257.7"));
        CHECK(NOTE, "systemd", "cannot be asked", "", f->host.systemd_version[0] = 0, );
        CHECK(PROBLEM, "systemd", "PID 1 is not systemd", "", f->host.systemd = false,
              (f->host.systemd = false, f->daemon.direct = true));
        CHECK(NOTE, "systemd", "PID 1 is not systemd", "",
              (f->host.systemd = false, f->daemon.direct = true), );
}

static void test_controllers(void **state) {
        CHECK(WARNING, "controllers", "memory", "cgroup_enable=memory",
              strcpy(f->host.controllers, "cpu pids"), strcpy(f->host.controllers, "cpu memory pids"));
        CHECK(WARNING, "controllers", "cpu, memory, pids", "Delegate=cpu memory pids",
              (strcpy(f->host.controllers, ""), strcpy(f->host.container, "lxc")),
              (f->host.controllers[0] = 0, f->host.controllers_known = ANSWER_UNKNOWN));
        /* a word within another is none */
        CHECK(WARNING, "controllers", "cpu,", "cgroup.controllers",
              strcpy(f->host.controllers, "cpuset memory"), );
}

static void test_install(void **state) {
        CHECK(PROBLEM, "install", "cgmove-supervise", "as root: apt-get install --reinstall cgmove",
              f->host.installed = false, );
}

static void test_daemon(void **state) {
        CHECK(PROBLEM, "daemon", "cannot be reached", "as root: systemctl enable --now cgmoved.socket",
              (f->daemon.reachable = ANSWER_NO, strcpy(f->daemon.error, "The daemon cannot be reached.")), );
        CHECK(PROBLEM, "daemon", "late", "systemctl restart cgmoved.service",
              (f->daemon.reachable = ANSWER_NO, f->daemon.timeout = true,
               strcpy(f->daemon.error, "late")), );
        CHECK(PROBLEM, "daemon", "cannot be reached", "/cgmoved, with tree = \"direct\"",
              (f->daemon.reachable = ANSWER_NO, f->host.systemd = false,
               strcpy(f->daemon.error, "The daemon cannot be reached.")), );
        CHECK(PROBLEM, "daemon", "not root's", "rm -r /run/cgmove",
              (f->daemon.reachable = ANSWER_NO, f->daemon.untrusted = true,
               strcpy(f->daemon.error, "not root's")), );
        CHECK(WARNING, "daemon", "1.2.2", "as root: systemctl restart cgmoved.service",
              strcpy(f->daemon.version, "1.2.2"), );
        /* root needs not be told to be root */
        CHECK(WARNING, "daemon", "1.2.2", "systemctl restart cgmoved.service",
              (strcpy(f->daemon.version, "1.2.2"), f->caller.uid = 0), );
}

static void test_policy_file(void **state) {
        CHECK(WARNING, "policy-file", "x.conf:8", "cgmove policy check",
              strcpy(f->daemon.policy_problem, "x.conf:8"), );
        CHECK(PROBLEM, "policy-file", "x.conf:8", "cgmove policy check",
              (strcpy(f->daemon.policy_problem, "x.conf:8"), f->daemon.policy_loaded = 0),
              strcpy(f->daemon.policy_problem, "x.conf:8"));
        CHECK(WARNING, "policy-file", "x.conf:8", "cgmove policy check",
              strcpy(f->daemon.file_problem, "x.conf:8"), );
        CHECK(NOTE, "policy-file", "changed after it was loaded",
              "as root: systemctl reload cgmoved.service", f->daemon.file_newer = true,
              (f->daemon.file_newer = true, strcpy(f->daemon.file_problem, "x")));
}

static void refuse_place(Facts *f) {
        f->caller.rule = (RuleFacts){ .allowed = ANSWER_NO, .source = "session", .text = "No policy" };
        f->caller.move = (MoveFacts){ .allowed = ANSWER_NO, .code = "Denied", .text = "No policy" };
}

static void test_place(void **state) {
        CHECK_PLACE(OK, "policy", "\"agents\" (/etc/cgmove/policy.d/agents.conf:3)", "", , refuse_place(f));
        CHECK_PLACE(PROBLEM, "policy", "No policy", "as root: cgmove policy allow alice --from session",
                    refuse_place(f), );
        CHECK_PLACE(PROBLEM, "policy", "No policy",
                    "as root: take \"allow = false\" out of section \"no\" (x.conf:4)",
                    (refuse_place(f), strcpy(f->caller.rule.section, "no"),
                     strcpy(f->caller.rule.file, "x.conf"), f->caller.rule.line = 4), );
        CHECK_PLACE(PROBLEM, "policy", "sandbox", "allow-unsandbox = true in section \"agents\"",
                    f->caller.move = ((MoveFacts){ ANSWER_NO, "SandboxLost", "a sandbox" }), );
        CHECK_PLACE(PROBLEM, "policy", "no unit or session (its cgroup is /odd)", "login session",
                    (refuse_place(f), f->caller.source.kind = SOURCE_OTHER,
                     strcpy(f->caller.cgroup, "/odd")),
                    refuse_place(f));
        CHECK_PLACE(OK, "policy", "You are root", "", f->caller.uid = 0, );
        /* nothing to say without a daemon: that is a problem of its own */
        CHECK_PLACE(PROBLEM, "policy", "No policy", "", refuse_place(f),
                    (refuse_place(f), f->daemon.reachable = ANSWER_NO));
}

static void no_policy(Facts *f) {
        refuse_place(f);
        f->unit.rule = f->caller.rule;
        f->daemon.policy_empty = ANSWER_YES;
}

/* The first thing that a newcomer reads, and all that is said of it. */
static void test_first_minute(void **state) {
        static const char text[] = "There is no policy yet";
        static Findings findings;
        Facts *facts = doctor_good_place();

        no_policy(facts);
        judge(facts, &findings);
        assert_string_equal(findings.items[0].topic, "policy");
        assert_int_equal(findings_count(&findings, PROBLEM), 1);

        CHECK_PLACE(PROBLEM, "policy", text,
                    "as root: cgmove policy allow alice --from session\nas alice: cgmove run --wait -- true",
                    no_policy(f), refuse_place(f));
        CHECK_PLACE(PROBLEM, "policy", text, "--from user:x.service\n",
                    (no_policy(f), f->caller.source.kind = SOURCE_USER_UNIT,
                     strcpy(f->caller.place, "user:x.service")),
                    (no_policy(f), f->caller.move.allowed = ANSWER_YES));
        CHECK_PLACE(PROBLEM, "policy", text, "--from 'user:app-a\\x2db.scope'\n",
                    (no_policy(f), f->caller.source.kind = SOURCE_USER_UNIT,
                     strcpy(f->caller.place, "user:app-a\\x2db.scope")), );
        CHECK_PLACE(PROBLEM, "policy", text, "--from session\nas alice, in a login session: ",
                    (no_policy(f), f->caller.source.kind = SOURCE_OTHER),
                    (no_policy(f), f->daemon.reachable = ANSWER_NO));
        CHECK_PLACE(PROBLEM, "policy", text, "", no_policy(f),
                    (no_policy(f), f->caller.n_services = 1, f->caller.ways[0] = true));
        CHECK_PLACE(NOTE, "policy", "no user is allowed", "cgmove policy allow USER --from session",
                    (no_policy(f), f->caller.uid = 0), f->caller.uid = 0);
        CHECK(PROBLEM, "policy", text,
              "--from user:gateway.service\nas alice: cgmove doctor gateway.service", no_policy(f),
              (no_policy(f), f->unit.system = true));
        CHECK(PROBLEM, "policy", text,
              "--from 'user:a\\x2db.service'\nas alice: cgmove doctor 'a\\x2db.service'",
              (no_policy(f), strcpy(f->unit.source, "user:a\\x2db.service"),
               strcpy(f->unit.name, "a\\x2db.service")), );
        CHECK(PROBLEM, "policy", text, "", no_policy(f), (no_policy(f), f->unit.rule.allowed = ANSWER_YES));
}

static void add_way(Facts *f) {
        refuse_place(f);
        f->caller.n_services = 2;
        strcpy(f->caller.services[0], "a.service");
        strcpy(f->caller.services[1], "b.service");
        f->caller.ways[1] = true;
}

static void test_ways(void **state) {
        CHECK_PLACE(OK, "policy", "may leave user:b.service", "", add_way(f),
                    (add_way(f), f->caller.ways[1] = false));
        CHECK_PLACE(NOTE, "place", "No policy", "cgmove policy allow alice --from session", add_way(f),
                    refuse_place(f));
        CHECK_PLACE(PROBLEM, "policy", "No policy", "", refuse_place(f), add_way(f));
}

static void refuse_unit(Facts *f) {
        f->unit.rule = (RuleFacts){ .allowed = ANSWER_NO,
                                    .source = "user:gateway.service",
                                    .text = "No policy" };
}

static void test_unit_rule(void **state) {
        CHECK(PROBLEM, "policy", "No policy",
              "as root: cgmove policy allow alice --from user:gateway.service", refuse_unit(f),
              refuse_place(f));
        CHECK(PROBLEM, "policy", "No policy", "", refuse_unit(f), (refuse_unit(f), f->caller.uid = 0));
        CHECK(NOTE, "place", "From here it would be refused: No policy",
              "as root: cgmove policy allow alice --from session", refuse_place(f),
              (refuse_place(f), f->unit.inside = true));
        CHECK(NOTE, "place", "From here it would be refused: not listed",
              "as root: restart = {\"user:gateway.service\"} in section \"agents\"",
              f->caller.move = ((MoveFacts){ ANSWER_NO, "Denied", "not listed" }), );
}

/* A "\" that a shell or a policy would eat. */
static void test_quoted(void **state) {
        CHECK(PROBLEM, "policy", "No policy", "cgmove policy allow alice --from 'user:a\\x2db.service'",
              (refuse_unit(f), strcpy(f->unit.source, "user:a\\x2db.service")), );
        CHECK(NOTE, "place", "not listed",
              "as root: restart = {'user:a\\x2db.service'} in section \"agents\"",
              (f->caller.move = ((MoveFacts){ ANSWER_NO, "Denied", "not listed" }),
               strcpy(f->unit.source, "user:a\\x2db.service")), );
        CHECK(PROBLEM, "load", "is masked", "systemctl --user unmask 'a\\x2db.service'",
              (strcpy(f->unit.load_state, "masked"), strcpy(f->unit.name, "a\\x2db.service")), );
}

static void test_unit_move(void **state) {
        CHECK(PROBLEM, "move", "a sandbox", "allow-unsandbox = true in section \"agents\"",
              f->unit.move = ((MoveFacts){ ANSWER_NO, "SandboxLost", "a sandbox" }), refuse_unit(f));
        CHECK(PROBLEM, "move", "frozen", "systemctl --user thaw gateway.service",
              f->unit.move = ((MoveFacts){ ANSWER_NO, "Frozen", "frozen" }),
              f->unit.move = ((MoveFacts){ ANSWER_NO, "MainProcess", "frozen" }));
}

static void make_system(Facts *f) {
        f->unit.system = true;
        strcpy(f->unit.source, "system:gateway.service");
        strcpy(f->unit.user, "alice");
}

static void test_system(void **state) {
        CHECK(PROBLEM, "restart-list", "does not list system:gateway.service",
              "as root: restart = {\"system:gateway.service\"} in section \"agents\"",
              (make_system(f), f->unit.rule.restart = ANSWER_NO), make_system(f));
        CHECK(PROBLEM, "restart-list", "does not list", "",
              (make_system(f), f->unit.rule.restart = ANSWER_NO), f->unit.rule.restart = ANSWER_NO);
        CHECK(PROBLEM, "restart-list", "for nobody", "systemctl restart systemd-logind.service",
              (make_system(f), strcpy(f->unit.name, "systemd-logind.service")),
              strcpy(f->unit.name, "systemd-logind.service"));
}

static void test_jobs(void **state) {
        CHECK(PROBLEM, "jobs", "All 16", "cgmove stop JOB", f->caller.n_jobs = 16, f->caller.n_jobs = 15);
        CHECK(WARNING, "jobs", "15 of the 16", "cgmove stop JOB", f->caller.n_jobs = 15,
              f->caller.n_jobs = 14);
        CHECK(PROBLEM, "jobs", "All", "", f->caller.n_jobs = 16, f->caller.n_jobs = UINT64_MAX);
}

static void test_login(void **state) {
        CHECK(WARNING, "linger", "does not linger", "as root: loginctl enable-linger alice",
              f->caller.lingers = ANSWER_NO, (f->caller.lingers = ANSWER_NO, make_system(f)));
        CHECK(WARNING, "linger", "cannot be told", "", f->caller.lingers = ANSWER_UNKNOWN, );
        CHECK(NOTE, "logout", "shared memory", "as root: loginctl enable-linger alice",
              f->caller.lingers = ANSWER_NO,
              (f->caller.lingers = ANSWER_NO, f->host.remove_ipc = ANSWER_NO));
        CHECK(NOTE, "logout", "jobs stay (on-logout", "loginctl enable-linger alice",
              (f->caller.lingers = ANSWER_NO, strcpy(f->unit.rule.on_logout, "keep")),
              f->caller.lingers = ANSWER_NO);
        CHECK(NOTE, "logind", "whatever on-logout says",
              "as root: systemctl start dbus.service systemd-logind.service", f->daemon.logind = ANSWER_NO,
              f->daemon.logind = ANSWER_YES);
        CHECK(NOTE, "logout", "/run/user/1000", "", f->caller.lingers = ANSWER_NO, );
        CHECK(PROBLEM, "user-manager", "cannot be reached", "systemctl restart user@1000.service",
              f->caller.manager = ANSWER_NO, (f->caller.manager = ANSWER_NO, make_system(f)));
        CHECK(PROBLEM, "user-manager", "cannot be reached", "loginctl enable-linger alice",
              (f->caller.manager = ANSWER_NO, f->caller.lingers = ANSWER_NO,
               f->caller.runtime_directory = false), );
        CHECK_PLACE(NOTE, "user-manager", "cannot be reached", "", f->caller.manager = ANSWER_NO, );
        CHECK(NOTE, "user-bus", "no user bus", "apt-get install dbus-user-session", f->caller.bus = false, );
        CHECK(NOTE, "user-bus", "XDG_RUNTIME_DIR", "export XDG_RUNTIME_DIR=/run/user/1000",
              f->caller.runtime_variable = false, );
}

static void test_log(void **state) {
        CHECK_PLACE(PROBLEM, "log", "No home directory", "export HOME=~alice",
                    f->caller.log_folder[0] = 0, );
        CHECK_PLACE(PROBLEM, "log", "Read-only file system",
                    "export XDG_STATE_HOME=", f->caller.log_error = EROFS, );
        CHECK(WARNING, "log", "a restart does without",
              "as alice, outside of the unit: mkdir -p /home/alice/.local/state/cgmove; then "
              "ReadWritePaths=/home/alice/",
              (f->unit.inside = true, f->caller.log_error = EROFS), f->caller.log_error = EROFS);
        CHECK(WARNING, "log", "Permission denied",
              "Environment=XDG_STATE_HOME=DIRECTORY, one that alice may write",
              (f->unit.inside = true, f->caller.log_error = EACCES), f->unit.inside = true);
}

/* More findings than there is room for are no disaster. */
static void test_many_findings(void **state) {
        static Findings findings;

        for (unsigned i = 0; i < FINDINGS_MAX + 10; i++)
                finding_add(&findings, i == 0 ? PROBLEM : NOTE, "x", "%u", i);
        assert_int_equal(findings.n, FINDINGS_MAX);
        assert_int_equal(findings_count(&findings, PROBLEM), 1);
        assert_false(findings_are_ok(&findings));
        assert_string_equal(findings.items[FINDINGS_MAX - 1].text, "137");
}

static void test_port_from_words(void **state) {
        assert_int_equal(port_from_words("--port", "18789"), 18789);
        assert_int_equal(port_from_words("gateway", "--port=80"), 80);
        assert_int_equal(port_from_words("-p", "80"), 80);
        assert_int_equal(port_from_words("wait-port", "65535"), 65535);
        assert_int_equal(port_from_words("gateway", "80"), 0);
        assert_int_equal(port_from_words("--port", "65536"), 0);
        assert_int_equal(port_from_words("--port", "99999999999999999999999"), 0);
        assert_int_equal(port_from_words("--port", "-1"), 0);
        assert_int_equal(port_from_words("--port", " 1"), 0);
        assert_int_equal(port_from_words("--port", "80x"), 0);
        assert_int_equal(port_from_words("--port", ""), 0);
        assert_int_equal(port_from_words("", "--port="), 0);
}

static void test_mount_lines(void **state) {
        HostFacts host = { .kernel = "" };

        mount_line_parse("25 30 0:22 / /sys rw,nosuid - sysfs sysfs rw\n", &host);
        mount_line_parse("", &host);
        mount_line_parse(" - ", &host);
        mount_line_parse("1 2 3 4 - cgroup2 x rw\n", &host);
        assert_string_equal(host.cgroup_mount, "");

        mount_line_parse("26 25 0:23 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n", &host);
        assert_string_equal(host.cgroup_mount, "/sys/fs/cgroup/unified");
        mount_line_parse("27 25 0:24 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup "
                         "rw,xattr,name=systemd\n",
                         &host);
        assert_string_equal(host.cgroup_v1, "");
        mount_line_parse("28 25 0:25 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", &host);
        mount_line_parse("29 25 0:26 / /sys/fs/cgroup/cpu rw shared:10 master:3 - cgroup cgroup "
                         "rw,cpu,cpuacct\n",
                         &host);
        assert_string_equal(host.cgroup_v1, "memory, cpu");

        /* the usual place wins, wherever its line stands */
        mount_line_parse("30 25 0:23 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,favordynmods\n", &host);
        mount_line_parse("31 25 0:23 / /mnt/other rw - cgroup2 cgroup2 rw\n", &host);
        assert_string_equal(host.cgroup_mount, "/sys/fs/cgroup");
        assert_string_equal(host.cgroup_options, "rw,favordynmods");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_cgroup),
                cmocka_unit_test(test_kernel),
                cmocka_unit_test(test_favordynmods),
                cmocka_unit_test(test_systemd),
                cmocka_unit_test(test_controllers),
                cmocka_unit_test(test_install),
                cmocka_unit_test(test_daemon),
                cmocka_unit_test(test_policy_file),
                cmocka_unit_test(test_place),
                cmocka_unit_test(test_first_minute),
                cmocka_unit_test(test_ways),
                cmocka_unit_test(test_unit_rule),
                cmocka_unit_test(test_quoted),
                cmocka_unit_test(test_unit_move),
                cmocka_unit_test(test_system),
                cmocka_unit_test(test_jobs),
                cmocka_unit_test(test_login),
                cmocka_unit_test(test_log),
                cmocka_unit_test(test_many_findings),
                cmocka_unit_test(test_port_from_words),
                cmocka_unit_test(test_mount_lines),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
