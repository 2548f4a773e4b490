/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/remote-said.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/output.h"

static int replace_stderr(RemoteSaid *said, int fd) {
        said->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (said->saved < 0 || dup2(fd, STDERR_FILENO) < 0)
                return -errno;
        return 0;
}

/* Whoever writes more than is read gets an error, and does not wait. */
int remote_said_begin(RemoteSaid *said) {
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        said->fd = fds[0];
        r = replace_stderr(said, fds[1]);
        (void) close(fds[1]);
        if (r < 0)
                remote_said_done(said);
        return r;
}

void remote_said_end(RemoteSaid *said) {
        if (said->saved < 0)
                return;
        (void) dup2(said->saved, STDERR_FILENO);
        closep(&said->saved);
}

static void print_lines(char *text) {
        char *line, *rest = text;

        while ((line = strsep(&rest, "\r\n")))
                if (line[0]) {
                        output_text(stderr, line);
                        (void) fputc('\n', stderr);
                }
}

void remote_said_print(const RemoteSaid *said) {
        char text[PIPE_BUF + 1];
        ssize_t n;

        while (said->fd >= 0 && (n = read(said->fd, text, sizeof(text) - 1)) > 0) {
                text[n] = 0;
                print_lines(text);
        }
}

void remote_said_done(RemoteSaid *said) {
        remote_said_end(said);
        closep(&said->fd);
}
