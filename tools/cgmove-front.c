/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command users call. It does `cgmove exec -- COMMAND` itself, being small on purpose (see move-self.h),
 * and hands everything else to cgmove-client, which has the libraries for it. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/move-self.h"
#include "tools/status.h"

#define CLIENT CGMOVE_LIBEXEC_DIR "/cgmove-client"

static int become(char **command) {
        int error;

        (void) execvp(command[0], command);
        error = errno;
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

        r = move_self_quickly(reason);
        if (r < 0)
                return hand_over(argv); /* it knows how to try again, and how to say what is wrong */
        if (r > 0) {
                fprintf(stderr, "cgmove: %s\n", reason);
                return STATUS_OWN_FAILURE;
        }
        return become(command);
}
