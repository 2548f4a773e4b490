/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/pidfd.h"
#include "lib/proc.h"
#include "tools/restart/calling.h"
#include "tools/restart/plan.h"

#define HOSTILE "--then --else=\n$(reboot) '\"\\ \xff --system"

/* --- there and back --------------------------------------------------------------------------------------- */

static int count(char *const *arguments) {
        int n = 0;

        while (arguments[n])
                n++;
        return n;
}

static bool text_equal(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

static void check_round_trip(const RestartPlan *plan) {
        char *arguments[PLAN_ARGUMENTS_MAX];
        _cleanup_free_ char *buffer = NULL;
        RestartPlan back;

        assert_int_equal(plan_to_arguments(plan, "/cgmove-client", "restart-job", arguments, &buffer), 0);
        assert_string_equal(arguments[0], "/cgmove-client");
        assert_string_equal(arguments[1], "restart-job");
        assert_int_equal(plan_from_arguments(count(arguments) - 1, arguments + 1, &back), 0);
        assert_string_equal(back.unit, plan->unit);
        assert_true(text_equal(back.when, plan->when) && text_equal(back.then, plan->then) &&
                    text_equal(back.otherwise, plan->otherwise));
        assert_int_equal(back.system, plan->system);
        assert_int_equal(back.do_not_wait, plan->do_not_wait);
        assert_true(back.delay == plan->delay && back.timeout == plan->timeout &&
                    back.patience == plan->patience && back.job == plan->job &&
                    back.restarted == plan->restarted);
        assert_true(back.engine.pid == plan->engine.pid && back.engine.starttime == plan->engine.starttime);
        assert_int_equal(back.n_ports, plan->n_ports);
        assert_memory_equal(back.ports, plan->ports, plan->n_ports * sizeof(plan->ports[0]));
        assert_int_equal(back.n_ancestors, plan->n_ancestors);
        for (size_t i = 0; i < plan->n_ancestors; i++)
                assert_true(back.ancestors[i].pid == plan->ancestors[i].pid &&
                            back.ancestors[i].starttime == plan->ancestors[i].starttime);
}

static void test_round_trip(void **state) {
        RestartPlan plan = { .unit = "gateway.service" };

        check_round_trip(&plan);
        plan.when = plan.then = plan.otherwise = "";
        check_round_trip(&plan);
        plan.when = HOSTILE;
        plan.otherwise = "--job=17";
        check_round_trip(&plan);
        plan.then = NULL;
        check_round_trip(&plan);
        (void) strcpy(plan.unit, "--system.service"); /* a valid name */
        check_round_trip(&plan);
}

/* Everything that fits, and the largest of it. */
static void test_round_trip_full(void **state) {
        RestartPlan plan = {
                .system = true,
                .do_not_wait = true,
                .when = HOSTILE,
                .then = HOSTILE,
                .otherwise = HOSTILE,
                .delay = UINT64_MAX,
                .timeout = UINT64_MAX - 1,
                .patience = 7,
                .job = UINT64_MAX,
                .restarted = UINT64_MAX,
                .engine = { .pid = INT32_MAX, .starttime = UINT64_MAX },
                .n_ports = PLAN_PORTS_MAX,
                .n_ancestors = PLAN_ANCESTORS_MAX,
        };

        memset(plan.unit, 'u', UNIT_NAME_MAX);
        (void) strcpy(plan.unit + UNIT_NAME_MAX - strlen(".service"), ".service");
        for (uint16_t i = 0; i < PLAN_PORTS_MAX; i++)
                plan.ports[i] = (uint16_t) (UINT16_MAX - i);
        for (int i = 0; i < PLAN_ANCESTORS_MAX; i++)
                plan.ancestors[i] = (PlanProcess){ .pid = INT32_MAX - i,
                                                   .starttime = UINT64_MAX - (unsigned) i };
        check_round_trip(&plan);
}

/* --- words -------------------------------------------------------------------------------------------------- */

/* The words behind the unit's name, up to three. */
static int parse(const char *a, const char *b, const char *c, RestartPlan *ret) {
        char *argv[] = {
                (char *) "restart-job", (char *) "a.service", (char *) a, (char *) b, (char *) c, NULL
        };

        return plan_from_arguments(count(argv), argv, ret);
}

static void test_words(void **state) {
        static const struct {
                const char *words[3];
                bool valid;
        } cases[] = {
                { { NULL }, true },
                { { "--system" }, true },
                { { "--system=1" }, false },
                { { "--do-not-wait" }, true },
                { { "--when", "x" }, true },
                { { "--when" }, false }, /* no value */
                { { "--then", "a", "--else" }, false },
                { { "--else", "--then" }, true }, /* a value, whatever it looks like */
                { { "--when=x" }, false },        /* written otherwise by nobody */
                { { "--port=1" }, true },
                { { "--port=65535", "--port=65535" }, true },
                { { "--port=0" }, false },
                { { "--port=65536" }, false },
                { { "--port=" }, false },
                { { "--port" }, false },
                { { "--port=+1" }, false },
                { { "--port= 1" }, false },
                { { "--port=1 " }, false },
                { { "--port=0x10" }, false },
                { { "--port=-65535" }, false },
                { { "--delay=0" }, true },
                { { "--delay=18446744073709551615" }, true },
                { { "--delay=18446744073709551616" }, false },
                { { "--timeout=99999999999999999999999999" }, false },
                { { "--job=1", "--job=2" }, true },
                { { "--jobs=1" }, false },
                { { "--restarted=1x" }, false },
                { { "--engine=1:2" }, true },
                { { "--engine=1:" }, false },
                { { "--engine=:2" }, false },
                { { "--engine=1" }, false },
                { { "--engine=0:2" }, false },
                { { "--engine=-1:2" }, false },
                { { "--engine=2147483647:2" }, true },
                { { "--engine=2147483648:2" }, false },
                { { "--engine=0000000000000000001:2" }, false },
                { { "--engine=1:2:3" }, false },
                { { "--ancestor=7:18446744073709551615" }, true },
                { { "--ancestor=7:18446744073709551616" }, false },
                { { "--unknown" }, false },
                { { "" }, false },
                { { "b.service" }, false },
                { { "--" }, false },
                { { "-" }, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                RestartPlan plan = { .job = 4711 };
                int r = parse(cases[i].words[0], cases[i].words[1], cases[i].words[2], &plan);

                if (r != (cases[i].valid ? 0 : -EINVAL))
                        fail_msg("case %zu (%s): %d", i, cases[i].words[0] ?: "", r);
                if (r < 0)
                        assert_true(plan.job == 4711); /* untouched */
        }
}

static void test_units(void **state) {
        static const char *const bad[] = {
                "", "a", "a@.service", "a*.service", "../a.service", "--when", "a.service\n"
        };
        char long_name[UNIT_NAME_MAX + 2];
        char *argv[] = { (char *) "restart-job", NULL, NULL };
        RestartPlan plan;

        assert_int_equal(plan_from_arguments(1, argv, &plan), -EINVAL);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                argv[1] = (char *) bad[i];
                assert_int_equal(plan_from_arguments(2, argv, &plan), -EINVAL);
        }
        memset(long_name, 'a', sizeof(long_name));
        (void) strcpy(long_name + UNIT_NAME_MAX + 1 - strlen(".service"), ".service");
        argv[1] = long_name;
        assert_int_equal(plan_from_arguments(2, argv, &plan), -EINVAL);
        argv[1] = long_name + 1;
        assert_int_equal(plan_from_arguments(2, argv, &plan), 0);
        assert_int_equal(strlen(plan.unit), UNIT_NAME_MAX);
}

static void test_too_many(void **state) {
        char words[PLAN_ARGUMENTS_MAX][32],
                        *argv[PLAN_ARGUMENTS_MAX + 1] = { (char *) "restart-job", (char *) "a.service" };
        RestartPlan plan;

        for (int i = 0; i <= PLAN_ANCESTORS_MAX; i++) {
                (void) snprintf(words[i], sizeof(words[i]), "--ancestor=%d:1", i + 1);
                argv[2 + i] = words[i];
        }
        assert_int_equal(plan_from_arguments(2 + PLAN_ANCESTORS_MAX, argv, &plan), 0);
        assert_int_equal(plan.n_ancestors, PLAN_ANCESTORS_MAX);
        assert_int_equal(plan_from_arguments(2 + PLAN_ANCESTORS_MAX + 1, argv, &plan), -EINVAL);

        for (int i = 0; i <= PLAN_PORTS_MAX; i++) {
                (void) snprintf(words[i], sizeof(words[i]), "--port=%d", i + 1);
                argv[2 + i] = words[i];
        }
        assert_int_equal(plan_from_arguments(2 + PLAN_PORTS_MAX, argv, &plan), 0);
        assert_int_equal(plan.n_ports, PLAN_PORTS_MAX);
        assert_int_equal(plan_from_arguments(2 + PLAN_PORTS_MAX + 1, argv, &plan), -EINVAL);
}

static void test_add_port(void **state) {
        RestartPlan plan = { .n_ports = 0 };
        char text[16];

        assert_int_equal(plan_add_port(&plan, "80"), 0);
        assert_int_equal(plan_add_port(&plan, "80"), 0); /* is there */
        assert_int_equal(plan_add_port(&plan, "0080"), 0);
        assert_int_equal(plan.n_ports, 1);
        assert_int_equal(plan_add_port(&plan, "http"), -EINVAL);
        assert_int_equal(plan_add_port(&plan, ""), -EINVAL);
        assert_int_equal(plan_add_port(&plan, "0"), -EINVAL);
        for (unsigned i = 1; i < PLAN_PORTS_MAX; i++) {
                (void) snprintf(text, sizeof(text), "%u", 1000 + i);
                assert_int_equal(plan_add_port(&plan, text), 0);
        }
        assert_int_equal(plan_add_port(&plan, "443"), -E2BIG);
        assert_int_equal(plan_add_port(&plan, "80"), 0); /* still is there */
        assert_int_equal(plan.n_ports, PLAN_PORTS_MAX);
}

/* --- the calling command ------------------------------------------------------------------------------------- */

static void test_calling_command(void **state) {
        static const struct {
                pid_t ancestors[5];       /* the caller first */
                pid_t main_pid, expected; /* 0: none */
                bool listens[PLAN_ANCESTORS_MAX];
        } cases[] = {
                { { 0 }, 10, 0, { false } }, /* from outside */
                { { 0 }, 0, 0, { false } },
                { { 30, 20, 10 }, 10, 20, { false } },
                { { 20, 10 }, 10, 20, { false } },         /* the caller itself */
                { { 40, 30, 20, 10 }, 20, 30, { false } }, /* something in the unit above the main process */
                { { 40, 30, 20, 10 }, 10, 20, { false } },
                { { 30, 20 }, 10, 20, { false } }, /* not below the main process: what was left over */
                { { 30, 20 }, 0, 20, { false } },
                { { 10 }, 10, 10, { false } }, /* the main process itself */
                { { 30 }, 10, 30, { false } },
                /* a gateway that listens, and a command that has inherited its socket */
                { { 30, 20, 10 }, 10, 20, { false, false, true } },
                { { 30, 20, 10 }, 10, 20, { true, true, true } },
                { { 30, 20, 10 }, 10, 20, { false, true, true } },
                /* a wrapper around the gateway */
                { { 40, 30, 20, 10 }, 10, 30, { false, false, true, false } },
                { { 40, 30, 20, 10 }, 10, 30, { true, true, true, false } },
                { { 50, 40, 30, 20, 10 }, 10, 40, { false, false, true, false, false } },
                { { 40, 30, 20 }, 0, 30, { false, false, true } }, /* a gateway that was left over */
                { { 20, 10 }, 10, 20, { true, false } },           /* it calls itself */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                RestartPlan plan = { .n_ancestors = 0 };
                const PlanProcess *command;

                while (plan.n_ancestors < 5 && cases[i].ancestors[plan.n_ancestors] > 0) {
                        plan.ancestors[plan.n_ancestors].pid = cases[i].ancestors[plan.n_ancestors];
                        plan.n_ancestors++;
                }
                command = calling_command(&plan, cases[i].main_pid, cases[i].listens);
                if ((command ? command->pid : 0) != cases[i].expected)
                        fail_msg("case %zu: %d", i, command ? (int) command->pid : 0);
        }
}

/* The caller has said which it is, whatever listens or is the main process. */
static void test_set_command(void **state) {
        static const bool listens[PLAN_ANCESTORS_MAX] = { true, true, true };
        RestartPlan plan = { .n_ancestors = 0 };

        assert_int_equal(calling_set_command(&plan, 20), -ESRCH);
        plan = (RestartPlan){ .ancestors = { { 40, 4 }, { 30, 3 }, { 20, 2 }, { 10, 1 } },
                              .n_ancestors = 4 };
        assert_int_equal(calling_set_command(&plan, 50), -ESRCH);
        assert_int_equal(plan.n_ancestors, 4);
        assert_int_equal(calling_set_command(&plan, 30), 0);
        assert_int_equal(calling_command(&plan, 10, listens)->pid, 30);
        assert_int_equal(calling_command(&plan, 10, listens)->starttime, 3);
}

/* A number that means another process by now is not that process. */
static void test_process_open(void **state) {
        _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        PlanProcess process = { .pid = fork() };
        ProcStat stat;
        int fd;

        assert_true(process.pid >= 0);
        if (process.pid == 0) {
                (void) pause();
                _exit(0);
        }
        assert_int_equal(proc_get_stat(proc, process.pid, &stat), 0);
        process.starttime = stat.starttime;
        fd = plan_process_open(proc, &process);
        assert_true(fd >= 0);
        (void) close(fd);
        process.starttime++;
        assert_int_equal(plan_process_open(proc, &process), -ESRCH);
        process.starttime--;
        assert_int_equal(kill(process.pid, SIGKILL), 0);
        assert_int_equal(waitid(P_PID, (id_t) process.pid, NULL, WEXITED | WNOWAIT), 0);
        assert_int_equal(plan_process_open(proc, &process), -ESRCH); /* a zombie has ended */
        assert_int_equal(waitpid(process.pid, NULL, 0), process.pid);
        assert_int_equal(plan_process_open(proc, &process), -ESRCH);
}

/* A command for people: of the manager that the unit is of, and fit for a shell. */
static void test_command(void **state) {
        RestartPlan plan = { .unit = "a.service" };

        assert_string_equal(plan_command(&plan, "systemctl", "status").text,
                            "systemctl --user status a.service");
        plan.system = true;
        assert_string_equal(plan_command(&plan, "journalctl", "-n 20 -u").text,
                            "journalctl -n 20 -u a.service");
        strcpy(plan.unit, "a\\x2db.service");
        assert_string_equal(plan_command(&plan, "systemctl", "status").text,
                            "systemctl status 'a\\x2db.service'");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_round_trip_full),
                cmocka_unit_test(test_words),        cmocka_unit_test(test_units),
                cmocka_unit_test(test_too_many),     cmocka_unit_test(test_add_port),
                cmocka_unit_test(test_set_command),  cmocka_unit_test(test_calling_command),
                cmocka_unit_test(test_process_open), cmocka_unit_test(test_command),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
