/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Asks libc for the group cgmove-allowed in every way, from threads and from children of a process with
 * threads, for SECONDS: nss-caller SECONDS. Each answer must be "alice" alone or "bob" and "carol" (which
 * whoever calls it puts there in turn), or none. Says "tried N"; the exit status is 1 if one was anything
 * else. */

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4

static atomic_ulong n_tried;
static atomic_bool bad;
static time_t end;

static bool is_one_of_both(const struct group *group) {
        if (strcmp(group->gr_name, "cgmove-allowed") != 0 || !group->gr_mem[0])
                return false;
        if (strcmp(group->gr_mem[0], "alice") == 0)
                return !group->gr_mem[1];
        return strcmp(group->gr_mem[0], "bob") == 0 && group->gr_mem[1] &&
               strcmp(group->gr_mem[1], "carol") == 0 && !group->gr_mem[2];
}

static void ask(void) {
        struct group group, *found = NULL;
        gid_t groups[64];
        char buffer[512];
        int n = 64;

        if (getgrnam_r("cgmove-allowed", &group, buffer, sizeof(buffer), &found) != 0 ||
            (found && !is_one_of_both(found)))
                bad = true;
        if (found && (getgrgid_r(found->gr_gid, &group, buffer, sizeof(buffer), &found) != 0 ||
                      (found && !is_one_of_both(found))))
                bad = true;
        if (getgrouplist("alice", 1000, groups, &n) < 1)
                bad = true;
        if (getgrnam_r("cgmove-allowed", &group, buffer, 8, &found) != ERANGE)
                bad = true;
        n_tried += 4;
}

static void *ask_on(void *userdata) {
        while (time(NULL) < end)
                ask();
        return NULL;
}

static void ask_in_a_child(void) {
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                alarm(60);
                ask();
                _exit(bad);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
                bad = true;
        n_tried += 4;
}

int main(int argc, char **argv) {
        pthread_t threads[THREADS];

        if (argc != 2)
                return 2;
        end = time(NULL) + atoi(argv[1]);
        for (int i = 0; i < THREADS; i++)
                if (pthread_create(&threads[i], NULL, ask_on, NULL) != 0)
                        return 2;
        while (time(NULL) < end)
                ask_in_a_child();
        for (int i = 0; i < THREADS; i++)
                (void) pthread_join(threads[i], NULL);

        printf("tried %lu\n", (unsigned long) n_tried);
        return bad ? 1 : 0;
}
