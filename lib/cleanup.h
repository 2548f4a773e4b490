/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Scope-bound release of resources: declare a variable with _cleanup_(destructor) and initialise it at once;
 * TAKE_PTR() and TAKE_FD() hand the resource on. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

#define DEFINE_CLEANUP(type, destructor)                                                                     \
        static inline void destructor##p(type **p) {                                                         \
                if (*p)                                                                                      \
                        destructor(*p);                                                                      \
        }

static inline void freep(void *p) {
        free(*(void **) p);
}

static inline void closep(int *fd) {
        if (*fd >= 0)
                (void) close(*fd);
}

static inline void fclosep(FILE **f) {
        if (*f)
                (void) fclose(*f);
}

static inline void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)
#define _cleanup_closedir_ _cleanup_(closedirp)

#define TAKE_PTR(ptr)                                                                                        \
        ({                                                                                                   \
                typeof(ptr) _taken = (ptr);                                                                  \
                (ptr) = NULL;                                                                                \
                _taken;                                                                                      \
        })

#define TAKE_FD(fd)                                                                                          \
        ({                                                                                                   \
                int _taken = (fd);                                                                           \
                (fd) = -1;                                                                                   \
                _taken;                                                                                      \
        })

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))
#define UID_NONE ((uid_t) -1)
#define GID_NONE ((gid_t) -1)
