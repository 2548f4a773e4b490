/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/security/race-tree.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define WIDTH 4   /* of what goes on side by side */
#define LIFE 3000 /* microseconds */

static const char *tree_other;

/* By its own name, which it then has from the first instruction on. */
const char *race_program(void) {
        static char path[PATH_MAX];

        if (!path[0] && readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
                _exit(3);
        return path;
}

static void reap(void) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
}

static void live(void) {
        (void) usleep(LIFE);
        _exit(0);
}

/* --- what a member does again and again ------------------------------------------------------------------------------------ */

static void fork_short(void) {
        if (fork() == 0)
                live();
        (void) usleep(200);
        reap();
}

static void fork_dying(void) {
        if (fork() == 0)
                _exit(0);
        reap();
}

static void fork_twice(void) {
        if (fork() == 0) {
                if (fork() == 0)
                        live();
                _exit(0);
        }
        (void) usleep(200);
        reap();
}

static void fork_session(void) {
        if (fork() == 0) {
                (void) setsid();
                if (fork() == 0) {
                        (void) setsid();
                        live();
                }
                _exit(0);
        }
        (void) usleep(200);
        reap();
}

/* One child at a time, each of which leaves its own child behind: never the same process. */
static void fork_chain(void) {
        pid_t pid = fork();

        while (pid == 0) {
                (void) usleep(300);
                pid = fork();
                if (pid > 0)
                        _exit(0);
        }
        for (;;) {
                reap();
                (void) usleep(500);
        }
}

static void vfork_dying(void) {
        pid_t pid = vfork();

        if (pid == 0)
                _exit(0);
        if (pid > 0)
                (void) waitpid(pid, NULL, 0);
}

static void vfork_exec(void) {
        pid_t pid = vfork();

        if (pid == 0) {
                execl(race_program(), RACE_NAME, "--live", NULL);
                _exit(1);
        }
        (void) usleep(500);
        reap();
}

static void clone_elsewhere(void) {
        char path[PATH_MAX];
        int fd;

        (void) snprintf(path, sizeof(path), "/sys/fs/cgroup%s", tree_other);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct clone_args args = { .flags = CLONE_INTO_CGROUP,
                                   .cgroup = (uint64_t) fd,
                                   .exit_signal = SIGCHLD };
        long pid = syscall(SYS_clone3, &args, sizeof(args));
        if (pid < 0) /* in a job it may not */
                pid = fork();
        if (pid == 0)
                live();
        (void) close(fd);
        (void) usleep(300);
        reap();
}

static void go_to(const char *group) {
        char path[PATH_MAX];
        int fd;

        (void) snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cgroup.procs", group);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0 && write(fd, "0", 1) < 0)
                (void) usleep(10); /* in a job it may not */
        (void) close(fd);
}

static void own_group(char *ret, size_t size) {
        char line[PATH_MAX];
        FILE *file = fopen("/proc/self/cgroup", "re");

        ret[0] = '\0';
        while (file && fgets(line, sizeof(line), file))
                if (strncmp(line, "0::", 3) == 0) {
                        line[strcspn(line, "\n")] = '\0';
                        (void) snprintf(ret, size, "%s", line + 3);
                }
        if (file)
                (void) fclose(file);
}

static char tree_home[PATH_MAX];

static void wander(void) {
        go_to(tree_other);
        (void) usleep(100);
        go_to(tree_home);
        (void) usleep(100);
}

/* --- kinds ----------------------------------------------------------------------------------------------------------------- */

typedef void (*act_t)(void);

static void *act_for_ever(void *act) {
        for (;;)
                (*(act_t *) act)();
        return NULL;
}

static void run_in_threads(act_t act) {
        static act_t shared;
        pthread_t thread;

        shared = act;
        for (int i = 1; i < WIDTH; i++)
                (void) pthread_create(&thread, NULL, act_for_ever, &shared);
        (void) act_for_ever(&shared);
}

static void run_in_children(act_t act) {
        for (int i = 0; i < WIDTH; i++)
                if (fork() == 0)
                        (void) act_for_ever(&act);
        for (;;)
                (void) pause();
}

static void *exec_again(void *kind) {
        (void) usleep(LIFE);
        execl(race_program(), RACE_NAME, "--again", (char *) kind, tree_other, NULL);
        return NULL;
}

/* Children in which a thread that leads no group executes the program anew. */
static void run_exec(const char *kind) {
        pthread_t thread;

        (void) pthread_create(&thread, NULL, exec_again, (void *) (uintptr_t) kind);
        for (;;)
                fork_short();
}

void race_tree_run(const char *kind, const char *other) {
        static const struct {
                const char *name;
                act_t act;
                bool threads;
        } kinds[] = {
                { "fork", fork_short, false },         { "dying", fork_dying, false },
                { "twice", fork_twice, false },        { "session", fork_session, false },
                { "chain", fork_chain, false },        { "vfork", vfork_dying, false },
                { "vfork-exec", vfork_exec, false },   { "threads", fork_short, true },
                { "threads-dying", fork_dying, true }, { "elsewhere", clone_elsewhere, false },
                { "wander", wander, false },
        };

        tree_other = other;
        (void) race_program(); /* not for the first time between vfork and exec */
        own_group(tree_home, sizeof(tree_home));
        (void) prctl(PR_SET_NAME, RACE_NAME);
        (void) signal(SIGCHLD, SIG_IGN); /* nobody waits for those whom a subreaper adopts: no zombies */
        (void) prctl(PR_SET_CHILD_SUBREAPER, 1); /* or who is left behind is no descendant any more */
        if (strcmp(kind, "exec") == 0)
                run_exec(kind);
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                if (strcmp(kinds[i].name, kind) != 0)
                        continue;
                if (kinds[i].threads)
                        run_in_threads(kinds[i].act);
                run_in_children(kinds[i].act);
        }
}
