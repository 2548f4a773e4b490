/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* grow WHAT: grows as far as it is let, and stays.
 *
 *   tasks    a process that forks, as do its children and theirs, over and over
 *   memory   MiB after MiB, which are used
 *   steps    16 MiB for each SIGUSR1; says "ready" at the beginning, and "more" when it has them */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB (1024 * 1024)
#define PAGE 4096         /* bytes, or a part of a larger one */
#define STEP 16           /* MiB */
#define FORK_PAUSE 500000 /* us: the machine is to serve others, too */
#define MEMORY_PAUSE 50000 /* us */

/* Each page is written to, which the compiler must not find useless. */
static int use_memory(size_t n) {
        volatile char *memory = malloc(n * MIB);

        if (!memory)
                return -1;
        for (size_t i = 0; i < n * MIB; i += PAGE)
                memory[i] = 1;
        return 0;
}

static void grow_tasks(void) {
        (void) signal(SIGCHLD, SIG_IGN);
        for (;;) {
                (void) fork();
                (void) usleep(FORK_PAUSE);
        }
}

static void grow_memory(void) {
        while (use_memory(1) >= 0)
                (void) usleep(MEMORY_PAUSE);
}

static void grow_in_steps(void) {
        sigset_t set;
        int sig;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGUSR1);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        for (const char *text = "ready"; puts(text) >= 0 && fflush(stdout) == 0; text = "more")
                if (sigwait(&set, &sig) != 0 || use_memory(STEP) < 0)
                        break;
}

int main(int argc, char **argv) {
        if (argc == 2 && strcmp(argv[1], "tasks") == 0)
                grow_tasks();
        else if (argc == 2 && strcmp(argv[1], "memory") == 0)
                grow_memory();
        else if (argc == 2 && strcmp(argv[1], "steps") == 0)
                grow_in_steps();
        else
                return 2;
        (void) pause();
        return 0;
}
