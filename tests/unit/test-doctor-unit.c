/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/doctor-fixture.h"

#define SECOND UINT64_C(1000000)
#define OK FINDING_OK
#define NOTE FINDING_NOTE
#define WARNING FINDING_WARNING
#define PROBLEM FINDING_PROBLEM
#define EDIT " with 'systemctl --user edit gateway.service'"

static void make_system(Facts *f) {
        f->unit.system = true;
        strcpy(f->unit.source, "system:gateway.service");
        strcpy(f->unit.user, "alice");
}

static void test_load(void **state) {
        CHECK(PROBLEM, "unit", "Nothing can be learned", "systemctl --user status gateway.service",
              f->unit.known = ANSWER_NO, (f->unit.known = ANSWER_NO, f->caller.manager = ANSWER_NO));
        CHECK(PROBLEM, "load", "masked", "systemctl --user unmask gateway.service",
              strcpy(f->unit.load_state, "masked"), );
        CHECK(PROBLEM, "load", "masked", "as root: systemctl unmask gateway.service",
              (make_system(f), strcpy(f->unit.load_state, "masked")), );
        CHECK(PROBLEM, "load", "There is no unit", "systemctl --user list-units",
              strcpy(f->unit.load_state, "not-found"), );
        CHECK(PROBLEM, "load", "bad-setting", "systemd-analyze --user verify /x/gateway.service",
              (strcpy(f->unit.load_state, "bad-setting"),
               strcpy(f->unit.fragment_path, "/x/gateway.service")), );
        /* a unit that is not loaded is not judged by its settings */
        CHECK(OK, "kill-mode", "", "", , strcpy(f->unit.load_state, "masked"));
}

static void test_reload(void **state) {
        CHECK(NOTE, "reload", "have changed", "systemctl --user daemon-reload",
              f->unit.need_daemon_reload = true, );
        CHECK(PROBLEM, "reload", "have changed", "as root: systemctl daemon-reload",
              (make_system(f), f->unit.need_daemon_reload = true), f->unit.need_daemon_reload = true);
        CHECK(PROBLEM, "manual", "RefuseManualStop", "RefuseManualStop=no under [Unit]" EDIT,
              f->unit.refuse_manual_stop = true, );
        CHECK(PROBLEM, "manual", "RefuseManualStart", "RefuseManualStart=no",
              f->unit.refuse_manual_start = true, );
}

static void test_user(void **state) {
        CHECK(PROBLEM, "user", "runs as bob, and you are alice",
              "as root: runuser -u bob -- cgmove doctor --system gateway.service",
              (make_system(f), strcpy(f->unit.user, "bob")), make_system(f));
        CHECK(PROBLEM, "user", "runs as root", "runuser -u root", (make_system(f), f->unit.user[0] = 0),
              (make_system(f), f->unit.user[0] = 0, f->caller.uid = 0));
}

static void set_state(Facts *f, const char *active, const char *sub, const char *result) {
        strcpy(f->unit.active_state, active);
        strcpy(f->unit.sub_state, sub);
        strcpy(f->unit.result, result);
}

static void set_status(Facts *f, int status) {
        set_state(f, "failed", "failed", "exit-code");
        f->unit.exit_code = 1; /* CLD_EXITED */
        f->unit.exit_status = status;
        f->unit.restart_prevent = (StatusSet){ 1, { 78 } };
}

static void leave_over(Facts *f, bool older) {
        f->unit.n_left_overs = 1;
        f->unit.n_older = older;
        f->unit.left_overs[0] = (ProcessFacts){ .pid = 99, .older = older, .comm = "sleep" };
}

static void set_port(Facts *f, PortState state) {
        f->unit.ports[0].state = state;
        strcpy(f->unit.ports[0].holder, "PID 99 (node)");
        f->unit.ports[0].pid = 99;
}

static void test_active(void **state) {
        CHECK(PROBLEM, "active", "does not run", "systemctl --user start gateway.service",
              set_state(f, "inactive", "dead", "success"), );
        CHECK(PROBLEM, "active", "still starting", "", set_state(f, "activating", "start", "success"), );
        CHECK(PROBLEM, "active", "has failed (exit-code)", "cgmove restart gateway.service",
              set_state(f, "failed", "failed", "exit-code"), set_status(f, 78));
        CHECK(PROBLEM, "active", "RestartPreventExitStatus=", "journalctl --user -u gateway.service",
              set_status(f, 78), set_status(f, 1));
        CHECK(PROBLEM, "active", "stopping (stop-sigterm) for 2 min", "kill --signal=KILL gateway.service",
              (set_state(f, "deactivating", "stop-sigterm", "success"),
               f->unit.state_change = 880 * SECOND), );
        CHECK(PROBLEM, "active", "stopping", "(systemd-cgls --user-unit gateway.service)",
              set_state(f, "deactivating", "stop-sigterm", "success"), );
        CHECK(PROBLEM, "active", "stopping", "(systemd-cgls -u gateway.service)",
              (make_system(f), set_state(f, "deactivating", "stop-sigterm", "success")), );
}

#define RESTART_SYSTEM "cgmove restart --system gateway.service"

/* What a user restarts of the system is named so to cgmove, too. */
static void test_system_units(void **state) {
        CHECK(PROBLEM, "active", "has failed", RESTART_SYSTEM,
              (make_system(f), set_state(f, "failed", "failed", "exit-code")), );
        CHECK(PROBLEM, "active", "RestartPreventExitStatus=", RESTART_SYSTEM,
              (make_system(f), set_status(f, 78)), );
        CHECK(PROBLEM, "crash-loop", "start limit", RESTART_SYSTEM,
              (make_system(f), set_state(f, "failed", "failed", "start-limit-hit")), );
        CHECK(PROBLEM, "crash-loop", "automatic restarts", RESTART_SYSTEM,
              (make_system(f), set_state(f, "activating", "auto-restart", "exit-code")), );
        CHECK(WARNING, "left-overs", "left over", RESTART_SYSTEM " ends",
              (make_system(f), leave_over(f, true)), );
        CHECK(WARNING, "port", "a left-over", RESTART_SYSTEM,
              (make_system(f), set_port(f, PORT_LEFT_OVER)), );
        CHECK(NOTE, "port", "not below", RESTART_SYSTEM ", which",
              (make_system(f), set_port(f, PORT_DETACHED)), );
        CHECK(WARNING, "port", "TIME_WAIT", RESTART_SYSTEM ", which",
              (make_system(f), set_port(f, PORT_TIME_WAIT),
               set_state(f, "failed", "failed", "exit-code")), );
}

static void test_crash_loop(void **state) {
        CHECK(PROBLEM, "crash-loop", "284 automatic restarts", "cgmove restart gateway.service",
              (set_state(f, "activating", "auto-restart", "exit-code"), f->unit.n_restarts = 284),
              (set_state(f, "activating", "start", "success"), f->unit.n_restarts = 284));
        CHECK(PROBLEM, "crash-loop", "start limit", "cgmove restart gateway.service",
              set_state(f, "failed", "failed", "start-limit-hit"),
              set_state(f, "failed", "failed", "exit-code"));
        /* the result is that of the last start, and yet */
        CHECK(PROBLEM, "crash-loop", "start limit", "cgmove restart gateway.service",
              (set_state(f, "failed", "failed", "exit-code"), f->unit.n_restarts = 4),
              (set_status(f, 78), f->unit.n_restarts = 4));
        CHECK(WARNING, "crash-loop", "3 times", "journalctl --user",
              (f->unit.n_restarts = 3, f->unit.active_enter = 995 * SECOND), f->unit.n_restarts = 3);
        CHECK(WARNING, "crash-loop", "times", "",
              (f->unit.n_restarts = 3, f->unit.active_enter = 995 * SECOND),
              (f->unit.n_restarts = 2, f->unit.active_enter = 995 * SECOND));
}

static void test_job_and_adoption(void **state) {
        CHECK(WARNING, "manager-job", "job (7)", "systemctl --user list-jobs", f->unit.job = 7,
              (f->unit.job = 7, set_state(f, "deactivating", "stop-sigterm", "success")));
        CHECK(NOTE, "adopted", "is not adopted", "cgmove adopt gateway.service", f->unit.adopted = false, );
        CHECK(NOTE, "adopted", "is not adopted", "as root: cgmove adopt --system gateway.service",
              (make_system(f), f->unit.adopted = false), );
}

static void test_kill_mode(void **state) {
        CHECK(NOTE, "kill-mode", "leaves the unit's children", "KillMode=mixed under [Service]" EDIT,
              strcpy(f->unit.kill_mode, "process"), strcpy(f->unit.kill_mode, "control-group"));
        CHECK(OK, "kill-mode", "KillMode=control-group ends every command", "",
              strcpy(f->unit.kill_mode, "control-group"), strcpy(f->unit.kill_mode, "none"));
        CHECK(WARNING, "delegate", "219/CGROUP", "KillMode=mixed",
              (f->unit.delegate = true, strcpy(f->unit.kill_mode, "process")), f->unit.delegate = true);
}

static void test_timeouts(void **state) {
        CHECK(WARNING, "stop-timeout", "5 min 30 s", "TimeoutStopSec=30 under [Service]" EDIT,
              f->unit.timeout_stop = 330 * SECOND, f->unit.timeout_stop = 90 * SECOND);
        CHECK(WARNING, "stop-timeout", "infinity", "TimeoutStopSec=30", f->unit.timeout_stop = UINT64_MAX, );
        CHECK(WARNING, "stop-timeout", "SendSIGKILL=no", "SendSIGKILL=yes", f->unit.send_sigkill = false, );
        CHECK(WARNING, "start-timeout", "infinity", "TimeoutStartSec=90", f->unit.timeout_start = UINT64_MAX,
              (f->unit.timeout_start = UINT64_MAX, strcpy(f->unit.type, "simple")));
}

static void test_restart(void **state) {
        CHECK(WARNING, "restart", "Restart=no", "Restart=on-failure under [Service]" EDIT,
              strcpy(f->unit.restart, "no"),
              (strcpy(f->unit.restart, "no"), strcpy(f->unit.type, "oneshot")));
        doctor_expect(doctor_good(), OK, "restart", "Restart=always, after 5.0 s", "");
        CHECK(NOTE, "exit-status", "status 78 is not", "",
              f->unit.restart_prevent = ((StatusSet){ 1, { 78 } }),
              (f->unit.restart_prevent = ((StatusSet){ 1, { 78 } }), strcpy(f->unit.restart, "no")));
        CHECK(NOTE, "exit-status", "makes 3 a success", "",
              (f->unit.success = ((StatusSet){ 1, { 3 } }), strcpy(f->unit.restart, "on-failure")),
              f->unit.success = ((StatusSet){ 1, { 3 } }));
}

static void test_start_limit(void **state) {
        CHECK(WARNING, "start-limit", "held for more than a moment",
              "StartLimitIntervalSec=0 under [Unit]" EDIT, f->unit.restart_delay = 100000,
              f->unit.restart_delay = 2 * SECOND);
        CHECK(WARNING, "start-limit", "more than 5.0 s", "StartLimitIntervalSec=0",
              f->unit.restart_delay = SECOND,
              (f->unit.restart_delay = SECOND, f->unit.start_limit_interval = 0));
        /* no automatic restarts, no limit */
        CHECK(WARNING, "start-limit", "", "", f->unit.restart_delay = SECOND,
              (f->unit.restart_delay = SECOND, strcpy(f->unit.restart, "no")));
        /* long enough for a port in TIME_WAIT */
        CHECK(WARNING, "start-limit", "", "", f->unit.restart_delay = SECOND,
              (f->unit.restart_delay = 20 * SECOND, f->unit.start_limit_interval = 600 * SECOND));
}

static void test_type(void **state) {
        CHECK(WARNING, "type", "Type=oneshot", "Type=exec", strcpy(f->unit.type, "oneshot"), );
        CHECK(NOTE, "type", "Type=simple", "", strcpy(f->unit.type, "simple"), );
        CHECK(NOTE, "type", "socket-activated", "", f->unit.socket_activated = true, );
}

static void test_resources(void **state) {
        CHECK(NOTE, "oom", "OOMPolicy=stop", "OOMPolicy=continue", strcpy(f->unit.oom_policy, "stop"), );
        CHECK(NOTE, "oom", "OOMScoreAdjust=1000", "", f->unit.oom_score_adjust = 1000,
              f->unit.oom_score_adjust = 200);
        CHECK(NOTE, "limits", "MemoryMax=1 GiB, TasksMax=100", "",
              (f->unit.memory_max = UINT64_C(1) << 30, f->unit.tasks_max = 100), );
        CHECK(NOTE, "limits", "TasksMax=100)", "", f->unit.tasks_max = 100,
              f->unit.tasks_max = f->unit.tasks_default = 100);
        CHECK(NOTE, "limits", "MemoryHigh=1 GiB, CPUQuota=50%", "",
              (f->unit.memory_high = UINT64_C(1) << 30, f->unit.cpu_quota = 500000), );
        CHECK(OK, "sandbox", "nft(8)", "", , strcpy(f->unit.sandbox_lsm, "NFTSet="));
        CHECK(NOTE, "sandbox", "nft(8)", "", strcpy(f->unit.sandbox_lsm, "NFTSet="), );
        CHECK(WARNING, "sandbox", "RestrictFileSystems=", "",
              strcpy(f->unit.sandbox_lsm, "RestrictFileSystems="), );
        CHECK(WARNING, "sandbox", "SandboxLost", "allow-unsandbox = true in section \"agents\"",
              (strcpy(f->unit.sandbox, "IPAddressDeny="), f->unit.move.allowed = ANSWER_UNKNOWN),
              strcpy(f->unit.sandbox, "IPAddressDeny=")); /* the daemon has said yes to one that is there */
        CHECK(WARNING, "sandbox", "SandboxLost", "",
              (strcpy(f->unit.sandbox, "IPAddressDeny="), f->unit.move.allowed = ANSWER_UNKNOWN),
              (strcpy(f->unit.sandbox, "IPAddressDeny="), f->unit.move.allowed = ANSWER_UNKNOWN,
               f->unit.rule.unsandbox = ANSWER_YES));
}

static void test_left_overs(void **state) {
        CHECK(WARNING, "left-overs",
              "1 process in the unit is left over from an earlier instance: 99 (sleep)", "kill PID",
              leave_over(f, true), leave_over(f, false));
        CHECK(NOTE, "left-overs", "1 process of the unit is detached from its main process: 99 (sleep)", "",
              leave_over(f, false), leave_over(f, true));
        CHECK(WARNING, "left-overs", "20 processes in the unit are left over", "kill PID",
              (leave_over(f, true), f->unit.n_left_overs = f->unit.n_older = 20), );
}

static void test_ports(void **state) {
        CHECK(WARNING, "port", "18789 is held by PID 99 (node), a left-over",
              "cgmove restart gateway.service", set_port(f, PORT_LEFT_OVER), set_port(f, PORT_DETACHED));
        CHECK(PROBLEM, "port", "EADDRINUSE", "cgmove restart gateway.service",
              (set_port(f, PORT_LEFT_OVER), set_state(f, "failed", "failed", "start-limit-hit")),
              set_port(f, PORT_LEFT_OVER));
        CHECK(NOTE, "port", "not below its main process", "cgmove restart", set_port(f, PORT_DETACHED),
              (set_port(f, PORT_DETACHED), strcpy(f->unit.kill_mode, "process")));
        CHECK(WARNING, "port", "not below its main process", "cgmove restart",
              (set_port(f, PORT_DETACHED), strcpy(f->unit.kill_mode, "process")),
              set_port(f, PORT_DETACHED));
        CHECK(WARNING, "port", "not of gateway.service", "kill 99", set_port(f, PORT_FOREIGN),
              set_port(f, PORT_OWN));
        CHECK(PROBLEM, "port", "not of gateway.service", "as root: kill 99",
              (set_port(f, PORT_FOREIGN), f->unit.ports[0].own_user = false,
               set_state(f, "activating", "auto-restart", "exit-code")),
              set_port(f, PORT_FOREIGN));
        CHECK(PROBLEM, "port", "not of gateway.service", "ss -ltnp 'sport = :18789'",
              (set_port(f, PORT_FOREIGN), f->unit.ports[0].pid = 0,
               set_state(f, "inactive", "dead", "success")), );
        CHECK(WARNING, "port", "TIME_WAIT", "cgmove restart gateway.service",
              (set_port(f, PORT_TIME_WAIT), set_state(f, "failed", "failed", "exit-code")),
              set_port(f, PORT_TIME_WAIT));
        CHECK(NOTE, "port", "nothing listens", "", set_port(f, PORT_FREE),
              (set_port(f, PORT_FREE), set_state(f, "inactive", "dead", "success")));
        CHECK(NOTE, "port", "does not tell", "", f->unit.ports_known = false, );
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_load),         cmocka_unit_test(test_reload),
                cmocka_unit_test(test_user),         cmocka_unit_test(test_active),
                cmocka_unit_test(test_system_units), cmocka_unit_test(test_job_and_adoption),
                cmocka_unit_test(test_crash_loop),   cmocka_unit_test(test_kill_mode),
                cmocka_unit_test(test_timeouts),     cmocka_unit_test(test_restart),
                cmocka_unit_test(test_start_limit),  cmocka_unit_test(test_type),
                cmocka_unit_test(test_resources),    cmocka_unit_test(test_left_overs),
                cmocka_unit_test(test_ports),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
