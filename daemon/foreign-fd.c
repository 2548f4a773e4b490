/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/foreign-fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define STACK_SIZE (64 * 1024)
#define YIELDS 20

typedef struct Closing {
        uid_t uid;
        int fd;
        bool is_begun;       /* it has a thread */
        atomic_bool is_open; /* set here, cleared by the thread */
} Closing;

static Closing closings[FOREIGN_FDS_CLOSING_MAX];

static void *close_it(void *userdata) {
        Closing *closing = userdata;

        (void) close(closing->fd);
        atomic_store(&closing->is_open, false);
        return NULL;
}

/* No signal is for a thread. */
static int start_thread(Closing *closing) {
        pthread_attr_t attributes;
        sigset_t all, before;
        pthread_t thread;
        int r;

        r = pthread_attr_init(&attributes);
        if (r != 0)
                return -r;
        (void) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        (void) pthread_attr_setstacksize(&attributes, STACK_SIZE);
        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&thread, &attributes, close_it, closing);
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        (void) pthread_attr_destroy(&attributes);
        return -r;
}

/* close(2) frees the number first of all: it is awaited here, so that no child inherits the descriptor. What does not hang is through
 * a moment later. */
static void begin(Closing *closing) {
        if (start_thread(closing) < 0)
                return;
        closing->is_begun = true;
        while (atomic_load(&closing->is_open) && fcntl(closing->fd, F_GETFD) >= 0)
                (void) sched_yield();
        for (unsigned i = 0; i < YIELDS && atomic_load(&closing->is_open); i++)
                (void) sched_yield();
}

bool foreign_fds_may_come(uid_t uid) {
        unsigned n_open = 0;
        bool is_waited_for = false;

        for (size_t i = 0; i < ELEMENTSOF(closings); i++) {
                if (!atomic_load(&closings[i].is_open))
                        continue;
                if (!closings[i].is_begun)
                        begin(&closings[i]);
                n_open++;
                is_waited_for |= closings[i].uid == uid;
        }
        if (uid == 0)
                return n_open + FOREIGN_FDS_ONCE_MAX <= FOREIGN_FDS_CLOSING_MAX;
        /* what is left is root's */
        return !is_waited_for && n_open + 2 * FOREIGN_FDS_ONCE_MAX <= FOREIGN_FDS_CLOSING_MAX;
}

void foreign_fds_close(uid_t uid, const int *fds, size_t n) {
        for (size_t i = 0; i < ELEMENTSOF(closings) && n > 0; i++) {
                if (atomic_load(&closings[i].is_open))
                        continue;
                closings[i].uid = uid;
                closings[i].fd = fds[--n];
                closings[i].is_begun = false;
                atomic_store(&closings[i].is_open, true);
                begin(&closings[i]);
        }
}

unsigned foreign_fds_closing(void) {
        unsigned n = 0;

        for (size_t i = 0; i < ELEMENTSOF(closings); i++)
                n += atomic_load(&closings[i].is_open);
        return n;
}
