/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "daemon/journal.h"
#include "daemon/log-limit.h"
#include "daemon/log.h"
#include "lib/protocol.h"

typedef struct Fixture {
        char folder[32];
        char path[64];
        int journal_fd; /* a journald of our own */
        int stderr_fd;  /* the real one; ours is a pipe */
        int pipe_fd;
        char text[JOURNAL_ENTRY_MAX + 1];
} Fixture;

static void start_journal(Fixture *f) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        strcpy(address.sun_path, f->path);
        f->journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(f->journal_fd >= 0);
        assert_int_equal(bind(f->journal_fd, (struct sockaddr *) &address, sizeof(address)), 0);
}

static void stop_journal(Fixture *f) {
        closep(&f->journal_fd);
        f->journal_fd = -1;
        (void) unlink(f->path);
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));
        int fds[2];

        assert_non_null(f);
        strcpy(f->folder, "/tmp/cgmove-test-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        (void) snprintf(f->path, sizeof(f->path), "%s/socket", f->folder);
        start_journal(f);
        assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        f->pipe_fd = fds[0];
        f->stderr_fd = dup(STDERR_FILENO);
        assert_true(f->stderr_fd >= 0);
        assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
        closep(&fds[1]);
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        log_close();
        assert_int_equal(dup2(f->stderr_fd, STDERR_FILENO), STDERR_FILENO);
        closep(&f->stderr_fd);
        closep(&f->pipe_fd);
        stop_journal(f);
        assert_int_equal(rmdir(f->folder), 0);
        free(f);
        return 0;
}

/* The next entry, or "". */
static const char *entry(Fixture *f) {
        ssize_t n = f->journal_fd < 0 ? 0 : recv(f->journal_fd, f->text, JOURNAL_ENTRY_MAX, 0);

        f->text[n > 0 ? n : 0] = '\0';
        return f->text;
}

static const char *console(Fixture *f) {
        ssize_t n = read(f->pipe_fd, f->text, JOURNAL_ENTRY_MAX);

        f->text[n > 0 ? n : 0] = '\0';
        return f->text;
}

static void assert_has(const char *text, const char *line) {
        if (!strstr(text, line))
                fail_msg("\"%s\" is not in \"%s\"", line, text);
}

static void test_fields(void **state) {
        Fixture *f = *state;
        LogFields fields = {
                .job = 17,
                .caller_pid = 12,
                .pid = 13,
                .source = "session",
                .policy = "agents",
                .error = CGMOVE_ERROR_DENIED,
                .error_number = -EPERM,
        };
        const char *text;

        log_open(f->path);
        log_event(LOG_KIND_REFUSED, 1000, &fields, "no %s", "way");
        text = entry(f);
        assert_has(text, "MESSAGE=no way\n");
        assert_has(text, "PRIORITY=5\n");
        assert_has(text, "MESSAGE_ID=c54f40ea6aa64647aa70176f84c07712\n");
        assert_has(text, "SYSLOG_IDENTIFIER=cgmoved\n");
        assert_has(text, "CGMOVE_EVENT=move-refused\n");
        assert_has(text, "CGMOVE_UID=1000\n");
        assert_has(text, "CGMOVE_JOB=17\n");
        assert_has(text, "CGMOVE_CALLER_PID=12\n");
        assert_has(text, "CGMOVE_PID=13\n");
        assert_has(text, "CGMOVE_SOURCE=session\n");
        assert_has(text, "CGMOVE_POLICY=agents\n");
        assert_has(text, "CGMOVE_ERROR=Denied\n");
        assert_has(text, "ERRNO=1\n");
        assert_string_equal(console(f), "");
}

/* Nobody can add a field or a line of his own. */
static void test_escaped(void **state) {
        Fixture *f = *state;
        LogFields fields = { .source = "a\nMESSAGE_ID=0\n" };
        const char *text;

        log_open(f->path);
        log_event(LOG_KIND_FAILURE, UID_NONE, &fields, "%s", "x\n_UID=0\n\x1b[31m\xff");
        text = entry(f);
        assert_has(text, "MESSAGE=x\\x0a_UID=0\\x0a\\x1b[31m\\xff\n");
        assert_has(text, "CGMOVE_SOURCE=a\\x0aMESSAGE_ID=0\\x0a\n");
        assert_null(strstr(text, "CGMOVE_UID"));
}

static void test_long(void **state) {
        Fixture *f = *state;
        char message[20000];
        const char *text;

        log_open(f->path);
        memset(message, '\n', sizeof(message));
        message[sizeof(message) - 1] = '\0';
        log_event(LOG_KIND_FAILURE, UID_NONE,
                  &(LogFields){ .source = message, .policy = message, .error = message }, "%s", message);
        text = entry(f);
        assert_true(strlen(text) > JOURNAL_VALUE_MAX);
        assert_has(text, "\\x0a...\nPRIORITY=");
        assert_int_equal(text[strlen(text) - 1], '\n');
}

static void test_stderr(void **state) {
        Fixture *f = *state;

        log_open(NULL); /* standard error is a pipe */
        log_event(LOG_KIND_FAILURE, UID_NONE, NULL, "a\nb");
        assert_string_equal(console(f), "cgmoved: a\\x0ab\n");
        assert_string_equal(entry(f), "");
}

static void test_stderr_full(void **state) {
        Fixture *f = *state;

        log_open(NULL);
        assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, 0), 0); /* would block */
        for (int i = 0; i < 100000; i++)
                log_event(LOG_KIND_FAILURE, UID_NONE, NULL, "nobody reads this");
        assert_string_not_equal(console(f), "");
}

static void test_journal_gone(void **state) {
        Fixture *f = *state;

        log_open(f->path);
        stop_journal(f);
        log_event(LOG_KIND_FAILURE, UID_NONE, NULL, "one");
        log_event(LOG_KIND_FAILURE, UID_NONE, NULL, "two");
        assert_string_equal(console(f), "cgmoved: one\n"); /* once */

        start_journal(f);
        log_event(LOG_KIND_FAILURE, UID_NONE, NULL, "three");
        assert_has(entry(f), "MESSAGE=three\n");
        assert_has(entry(f), "MESSAGE=2 log entries are lost");
        log_event(LOG_KIND_FAILURE, UID_NONE, NULL, "four");
        assert_has(entry(f), "MESSAGE=four\n");
        assert_string_equal(entry(f), "");
}

static void test_journal_hangs(void **state) {
        Fixture *f = *state;

        log_open(f->path);
        for (int i = 0; i < 10000; i++) /* nobody reads */
                log_event(LOG_KIND_FAILURE, UID_NONE, NULL, "line");
        assert_string_equal(console(f), "cgmoved: line\n");
}

static void test_flood(void **state) {
        Fixture *f = *state;
        int refusals = 0, others = 0, hidden = 0;
        const char *text;

        log_open(f->path);
        for (int i = 0; i < 1000; i++) {
                log_connection_refused(1000, 1, "too many");
                if (i % 100 == 0)
                        log_connection_refused(1001, 1, "too many");
                while (*(text = entry(f))) {
                        refusals += strstr(text, "user 1000 was refused") != NULL;
                        others += strstr(text, "user 1001 was refused") != NULL;
                        hidden += strstr(text, "CGMOVE_EVENT=lines-hidden\n") != NULL;
                }
        }
        assert_int_equal(refusals, LOG_LIMIT_LINES);
        assert_int_equal(others, 10);
        assert_int_equal(hidden, 1);
}

static void test_limit(void **state) {
        LogLimit limit = { 0 };
        uint64_t hidden = 0, now = 5;
        uid_t uid = 0;

        for (int i = 0; i < LOG_LIMIT_LINES; i++)
                assert_int_equal(log_limit_judge(&limit, 1, now, &hidden, &uid), LOG_VERDICT_LOG);
        assert_int_equal(log_limit_judge(&limit, 1, now, &hidden, &uid), LOG_VERDICT_MUTE);
        assert_int_equal(log_limit_judge(&limit, 1, now, &hidden, &uid), LOG_VERDICT_HIDE);
        assert_int_equal(hidden, 0);

        now += LOG_LIMIT_WINDOW;
        assert_int_equal(log_limit_judge(&limit, 1, now, &hidden, &uid), LOG_VERDICT_LOG);
        assert_int_equal(hidden, 2);
        assert_int_equal(uid, 1);
        assert_int_equal(log_limit_judge(&limit, 1, now, &hidden, &uid), LOG_VERDICT_LOG);
        assert_int_equal(hidden, 0);
}

static void test_limit_many_users(void **state) {
        LogLimit limit = { 0 };
        uint64_t hidden, logged = 0;
        uid_t uid;

        for (int round = 0; round < 30; round++)
                for (uid_t user = 0; user < 1000; user++)
                        logged += log_limit_judge(&limit, user, 5, &hidden, &uid) == LOG_VERDICT_LOG;
        assert_int_equal(logged, (LOG_LIMIT_USERS + 1) * LOG_LIMIT_LINES);
}

static void test_usual_ones(void **state) {
        Fixture *f = *state;
        JobRecord record = {
                .id = 17,
                .uid = 1000,
                .name = "n",
                .source = "session",
                .section = "s",
                .command = "secret",
                .log = "/home/alice/log",
                .ended = 5,
                .result = CGMOVE_RESULT_FAILED,
                .status_known = true,
                .exit_code = 3,
        };
        Caller caller = { .uid = 1000, .pid = 99, .pidfd = -1 };
        const char *text;

        log_open(f->path);
        log_move_done(&caller, &record, 2);
        assert_has(entry(f),
                   "Processes of user 1000 from session became job 17 (n), as policy \"s\" allows\n");
        log_job_ended(&record);
        text = entry(f);
        assert_has(text, "Job 17 (n) of user 1000 has ended: failed, with status 3\n");
        assert_has(text, "CGMOVE_RESULT=failed\n");
        assert_null(strstr(text, "secret"));
        log_job_signalled(&record, 0, SIGKILL);
        assert_has(entry(f), "Job 17 of user 1000 gets SIGKILL, as user 0 asked\n");
        log_move_refused(&caller, NULL, NULL, CGMOVE_ERROR_RATE_LIMITED, "Wait.");
        assert_has(entry(f), "CGMOVE_EVENT=limit-reached\n");
        log_move_refused(&caller, NULL, "user:a.service", CGMOVE_ERROR_DENIED, "No.");
        text = entry(f);
        assert_has(text, "CGMOVE_EVENT=restart-refused\n");
        assert_has(text, "CGMOVE_UNIT=user:a.service\n");
        log_move_refused(&caller, NULL, "user:a.service", CGMOVE_ERROR_RATE_LIMITED, "Wait.");
        assert_has(entry(f), "CGMOVE_EVENT=limit-reached\n");
        log_stranger(&record, 5, "quarantine", 0);
        assert_has(entry(f), "PRIORITY=2\n");
        log_stranger(&record, 5, "session", 0);
        assert_has(entry(f), "CGMOVE_EVENT=pid-reuse-repaired\n");
        log_failure(&record, "%d", 5);
        assert_has(entry(f), "CGMOVE_JOB=17\n");
}

static void test_restarts(void **state) {
        Fixture *f = *state;
        JobRecord record = {
                .id = 18,
                .uid = 1000,
                .kind = JOB_RESTART,
                .name = "",
                .source = "session",
                .section = "s",
                .unit = "user:a.service",
                .outcome = "{secret}",
        };
        Caller caller = { .uid = 1000, .pid = 99, .pidfd = -1 };
        const char *text;

        log_open(f->path);
        log_move_done(&caller, &record, 1);
        text = entry(f);
        assert_has(text, "A process of user 1000 from session became job 18 (no name) to restart user:a.service, as "
                         "policy \"s\" allows\n");
        assert_has(text, "CGMOVE_EVENT=restart-asked\n");
        assert_has(text, "CGMOVE_UNIT=user:a.service\n");
        assert_null(strstr(text, "secret"));
        log_restart_joined(&caller, &record);
        text = entry(f);
        assert_has(text, "CGMOVE_EVENT=restart-joined\n");
        assert_has(text, "CGMOVE_JOB=18\n");
}

static void test_ids(void **state) {
        for (int i = 0; i <= LOG_KIND_LAST; i++) {
                assert_non_null(log_kind_to_string((LogKind) i));
                for (int j = 0; j < i; j++) {
                        assert_false(sd_id128_equal(log_kind_id((LogKind) i), log_kind_id((LogKind) j)));
                        assert_string_not_equal(log_kind_to_string((LogKind) i),
                                                log_kind_to_string((LogKind) j));
                }
        }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_fields),
                TEST(test_escaped),
                TEST(test_long),
                TEST(test_stderr),
                TEST(test_stderr_full),
                TEST(test_journal_gone),
                TEST(test_journal_hangs),
                TEST(test_flood),
                cmocka_unit_test(test_limit),
                cmocka_unit_test(test_limit_many_users),
                TEST(test_usual_ones),
                TEST(test_restarts),
                cmocka_unit_test(test_ids),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
