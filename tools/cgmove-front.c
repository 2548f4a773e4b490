/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command users call. It does `cgmove exec -- COMMAND` itself, being small on purpose (see move-self.h),
 * and hands everything else to cgmove-client, which has the libraries for it. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/move-self.h"
#include "tools/status.h"

#define CLIENT CGMOVE_LIBEXEC_DIR "/cgmove-client"

/* A script without "#!": POSIX wants execvp() to have a shell read it, and not every C library's does. The
 * shell's own exec does, once it has searched for it. */
static void become_script(char **command) {
        static const char *const shell[] = { "/bin/sh", "-c", "exec \"$0\" \"$@\"" };
        size_t n = 0;
        char **argv;

        while (command[n])
                n++;
        argv = calloc(ELEMENTSOF(shell) + n + 1, sizeof(*argv));
        if (!argv)
                return;

        memcpy(argv, shell, sizeof(shell));
        memcpy(argv + ELEMENTSOF(shell), command, n * sizeof(*argv));
        (void) execv(shell[0], argv);
}

static int become(char **command) {
        int error;

        (void) execvp(command[0], command);
        error = errno;
        if (error == ENOEXEC)
                become_script(command);
        fprintf(stderr, "cgmove: %s: %s.\n", command[0], strerror(error));
        return error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_EXECUTE;
}

static int hand_over(char **argv) {
        (void) execv(CLIENT, argv);
        fprintf(stderr, "cgmove: %s cannot be executed (%s); install the package again.\n", CLIENT, strerror(errno));
        return STATUS_OWN_FAILURE;
}

/* "cgmove exec -- COMMAND" or "cgmove exec COMMAND", without options: the command, else NULL. */
static char **find_command(int argc, char **argv) {
        if (argc < 3 || strcmp(argv[1], "exec") != 0)
                return NULL;
        if (strcmp(argv[2], "--") == 0)
                return argc > 3 ? argv + 3 : NULL;
        return argv[2][0] == '-' ? NULL : argv + 2;
}

int main(int argc, char **argv) {
        char **command = find_command(argc, argv), reason[MOVE_SELF_REASON_MAX];
        int r;

        if (!command)
                return hand_over(argv);

        r = move_self_quickly(command, reason);
        if (r < 0)
                return hand_over(argv); /* it knows how to try again, and how to say what is wrong */
        if (r > 0) {
                fprintf(stderr, "cgmove: %s\n", reason);
                return STATUS_OWN_FAILURE;
        }
        return become(command);
}
