/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/patience.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/failure.h"

_Noreturn static void wait_and_say(int fd) {
        struct pollfd end = { .fd = fd };

        if (poll(&end, 1, PATIENCE_MSEC) == 0)
                failure_print_text("Names are still being looked up, since a directory service does not "
                                   "answer; Ctrl-C ends the wait.");
        _exit(0);
}

Patience patience_begin(void) {
        Patience patience = { .fd = -1 };
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return patience;
        patience.pid = fork();
        if (patience.pid == 0) {
                (void) close(ends[1]);
                wait_and_say(ends[0]);
        }
        (void) close(ends[0]);
        patience.fd = ends[1];
        return patience;
}

void patience_end(Patience *patience) {
        closep(&patience->fd);
        while (patience->pid > 0 && waitpid(patience->pid, NULL, 0) < 0 && errno == EINTR)
                ;
}
