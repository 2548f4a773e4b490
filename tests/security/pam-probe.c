/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A program that opens PAM sessions, and looks afterwards whether anything in it has changed:
 *
 *   pam-probe SERVICE USER THREADS ROUNDS         in each thread, one after another, every other one of which is closed by a child
 *   pam-probe SERVICE USER THREADS ROUNDS open    that are never closed
 *
 * Says "sessions N" and "longest N" (milliseconds that one of its calls took), or what has failed. */

#include <dirent.h>
#include <locale.h>
#include <pthread.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64

extern char **environ;

typedef struct Plan {
        const char *service;
        const char *user;
        int rounds;
        bool leave_open;
} Plan;

static atomic_int longest;

_Noreturn static void fail(const char *what) {
        printf("failed: %s\n", what);
        exit(1);
}

static int converse(int n, const struct pam_message **messages, struct pam_response **ret, void *userdata) {
        fail("it asks the user something");
}

static uint64_t now_ms(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

static void note_time(uint64_t since) {
        int took = (int) (now_ms() - since), known = atomic_load(&longest);

        while (took > known && !atomic_compare_exchange_weak(&longest, &known, took))
                ;
}

static int close_session(pam_handle_t *handle) {
        uint64_t begun = now_ms();
        int r = pam_close_session(handle, PAM_SILENT);

        note_time(begun);
        return r;
}

static void close_in_child(pam_handle_t *handle) {
        pid_t pid = fork();
        int status;

        if (pid == 0)
                _exit(close_session(handle) != PAM_SUCCESS);
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
                fail("a session does not end in a child");
}

static void run_session(const Plan *plan, bool in_child) {
        const struct pam_conv conversation = { .conv = converse };
        pam_handle_t *handle = NULL;
        uint64_t begun;

        if (pam_start(plan->service, plan->user, &conversation, &handle) != PAM_SUCCESS)
                fail("PAM does not start");
        begun = now_ms();
        if (pam_open_session(handle, PAM_SILENT) != PAM_SUCCESS)
                fail("a session does not begin");
        note_time(begun);
        if (in_child && !plan->leave_open)
                close_in_child(handle);
        else if (!plan->leave_open && close_session(handle) != PAM_SUCCESS)
                fail("a session does not end");
        (void) pam_end(handle, PAM_SUCCESS);
}

static void *run_thread(void *userdata) {
        const Plan *plan = userdata;

        for (int i = 0; i < plan->rounds; i++)
                run_session(plan, i % 2 != 0);
        return NULL;
}

static int count_entries(const char *path) {
        DIR *dir = opendir(path);
        int n = 0;

        while (dir && readdir(dir))
                n++;
        if (dir)
                (void) closedir(dir);
        return n;
}

/* What a library could change in its program. */
static void note_process(char *text, size_t size) {
        struct itimerval timer;
        struct sigaction action;
        size_t n, n_environment = 0;
        sigset_t mask;
        mode_t old = umask(0);

        (void) umask(old);
        closelog(); /* of libpam, and one for all threads: one may open it while another one closes it */
        (void) sigprocmask(SIG_SETMASK, NULL, &mask);
        (void) getitimer(ITIMER_REAL, &timer);
        for (char **variable = environ; *variable; variable++)
                n_environment += strlen(*variable) + 1;
        n = (size_t) snprintf(
                        text, size,
                        "descriptors %d threads %d umask %o locale %s timer %ld environment %zu signals",
                        count_entries("/proc/self/fd"), count_entries("/proc/self/task"), old,
                        setlocale(LC_ALL, NULL), (long) timer.it_value.tv_sec, n_environment);
        for (int sig = 1; sig < NSIG && n < size; sig++)
                if (sigaction(sig, NULL, &action) == 0)
                        n += (size_t) snprintf(text + n, size - n, " %d:%d:%p:%x", sig,
                                               sigismember(&mask, sig), (void *) action.sa_sigaction,
                                               (unsigned) action.sa_flags);
}

int main(int argc, char **argv) {
        static char before[16384], after[16384];
        pthread_t threads[THREADS_MAX];
        int n_threads, n_tasks;
        Plan plan;

        if (argc < 5)
                return 2;
        plan = (Plan){
                .service = argv[1], .user = argv[2], .rounds = atoi(argv[4]), .leave_open = argc > 5
        };
        n_threads = atoi(argv[3]);
        if (n_threads < 1 || n_threads > THREADS_MAX)
                return 2;

        run_session(&plan, false); /* the modules are loaded, and what libc keeps for good is there */
        note_process(before, sizeof(before));
        n_tasks = count_entries("/proc/self/task");
        for (int i = 0; i < n_threads; i++)
                if (pthread_create(&threads[i], NULL, run_thread, &plan) != 0)
                        fail("there is no thread");
        for (int i = 0; i < n_threads; i++)
                (void) pthread_join(threads[i], NULL);
        /* a thread that was joined is listed until the kernel is done with it */
        for (int i = 0; i < 1000 && count_entries("/proc/self/task") > n_tasks; i++)
                (void) usleep(10000);
        note_process(after, sizeof(after));
        if (strcmp(before, after) != 0) {
                printf("failed: something is left in the program\n%s\n%s\n", before, after);
                return 1;
        }
        printf("sessions %d\nlongest %d\n", 1 + n_threads * plan.rounds, atomic_load(&longest));
        return 0;
}
