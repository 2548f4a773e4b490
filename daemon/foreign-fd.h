/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Descriptors that a client has passed and that are no pidfds. close(2) tells the file system of a file (flush), and that may be one of
 * the client's own, which never answers: any user can have one (FUSE, in a user namespace), and not even SIGKILL ends that wait. So
 * each of them is closed by a thread, which has nothing else to do and nothing of ours in its hands, and waits as long as it likes;
 * the number is free again at once. Descriptors that are still on their way are dropped by the kernel without that. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* that are received at once: more than a message may have, and what CMSG_SPACE() has exactly the room for */
#define FOREIGN_FDS_ONCE_MAX 130
#define FOREIGN_FDS_CLOSING_MAX 1040

/* Whether descriptors of UID are to be received at all: not while one of his still waits to be closed, nor while there is no room for
 * those of another user. Root's always are. */
bool foreign_fds_may_come(uid_t uid);

/* Closes N descriptors, at most FOREIGN_FDS_ONCE_MAX, after foreign_fds_may_come(). None of the numbers is in use afterwards, but for
 * want of memory or threads: those are tried again with the next question whether more may come. */
void foreign_fds_close(uid_t uid, const int *fds, size_t n);

unsigned foreign_fds_closing(void); /* how many wait to be closed */
