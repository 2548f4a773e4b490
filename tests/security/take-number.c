/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* take-number NUMBER UID: a process of UID with this number, for as long as this program's standard input is open. Says
 * "taken", or "not taken". */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/security/reuse-spawn.h"

int main(int argc, char **argv) {
        Doors doors;
        pid_t pid;
        char c;

        if (argc != 3)
                return 2;
        doors_init(&doors);
        pid = spawn(&doors, SPAWN_GROUP_NONE, (pid_t) atoi(argv[1]), (uid_t) atoi(argv[2]));
        printf("%s\n", pid > 0 && doors_take(doors.ready[0], 1, 10000) == 1 ? "taken" : "not taken");
        (void) fflush(stdout);
        while (read(STDIN_FILENO, &c, 1) > 0)
                ;
        if (pid > 0 && (kill(pid, SIGKILL) < 0 || waitpid(pid, NULL, 0) != pid))
                return 1;
        return pid > 0 ? 0 : 1;
}
