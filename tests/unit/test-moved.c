/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cgmove move` with a daemon that makes the job and is gone before it can tell of it: it has moved all the
 * same. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/check-call.h"
#include "tools/client.h"
#include "tools/job.h"
#include "tools/move-call.h"
#include "tools/status.h"
#include "tools/verbs.h"

#define JOB UINT64_C(17)

static bool daemon_is_gone;

/* --- the daemon and the way to it --------------------------------------------------------------------- */

int client_connect(Client **ret, Failure *failure) {
        *ret = NULL;
        return 0;
}

Client *client_free(Client *client) {
        return NULL;
}

int client_bad_message(int error, Failure *failure) {
        return failure_errno(failure, error, "Cannot read the answer");
}

int move_call(Client *client, const MoveRequest *request, Progress *progress, uint64_t *ret_id,
              Failure *failure) {
        *ret_id = JOB;
        return 0;
}

int job_get(Client **client, uint64_t id, uint64_t give_up, Job *ret, Failure *failure) {
        static const uint32_t processes[] = { 42 };

        assert_int_equal(id, JOB);
        assert_true(give_up >= 10 * UINT64_C(1000000)); /* a restart of the daemon is within it */
        if (daemon_is_gone)
                return failure_set(failure, STATUS_UNAVAILABLE, "NoDaemon", "The daemon does not run.");
        *ret = (Job){
                .id = id, .source = "session", .outcome = "", .processes = processes, .n_processes = 1
        };
        return 0;
}

int check_call(Client *client, const int *pidfds, size_t n_pidfds, bool tree, const char *restart,
               sd_bus_message **ret_answer, Failure *failure) {
        return failure_errno(failure, ENOSYS, "Cannot check");
}

int check_enter(sd_bus_message *answer) {
        return -ENOSYS;
}

int check_next(sd_bus_message *answer, Check *ret) {
        return -ENOSYS;
}

const char *check_code(const Check *check) {
        return "";
}

int check_status(const Check *check) {
        return STATUS_FAILED;
}

/* --- what is said of it ------------------------------------------------------------------------------- */

/* What `cgmove move [OPTION] PID-OF-THIS-PROCESS` prints. It must succeed. */
static void move(const char *option, char *said, size_t size) {
        char pid[16], *argv[] = { (char *) "move", pid, (char *) option, NULL };
        int out = dup(STDOUT_FILENO), file = memfd_create("said", MFD_CLOEXEC), r;
        ssize_t n;

        assert_true(out >= 0 && file >= 0);
        (void) snprintf(pid, sizeof(pid), "%d", (int) getpid());
        (void) fflush(stdout);
        (void) dup2(file, STDOUT_FILENO);
        optind = 0;
        r = verb_move(option ? 3 : 2, argv);
        (void) fflush(stdout);
        (void) dup2(out, STDOUT_FILENO);

        assert_int_equal(r, 0);
        n = pread(file, said, size - 1, 0);
        assert_true(n >= 0);
        said[n] = '\0';
        (void) close(out);
        (void) close(file);
}

static void test_move(void **state) {
        char said[4096];

        daemon_is_gone = false;
        move(NULL, said, sizeof(said));
        assert_string_equal(said, "job 17: moved 1 process from session\n");
        move("--json", said, sizeof(said));
        assert_non_null(strstr(said, "\"source\": \"session\""));

        daemon_is_gone = true;
        move(NULL, said, sizeof(said));
        assert_string_equal(said, "job 17: moved\n");
        move("--json", said, sizeof(said));
        assert_string_equal(said, "{\"job\": {\"id\": 17}, \"schema\": 1}\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_move),
        };

        return cmocka_run_group_tests_name("moved", tests, NULL, NULL);
}
