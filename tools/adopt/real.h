/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The program that a shim stands before: the next one of its name. Nothing but libc. */

#include <stdbool.h>
#include <sys/stat.h>

typedef struct RealProgram {
        char path[4096];
} RealProgram;

/* The first executable regular file NAME in SEARCH (a PATH; NULL: none) that is not the file SELF; if
 * SELF itself is found, only behind its last place, so that shims in one PATH, however often each is in it,
 * do not call each other for ever. Else the first of FALLBACKS (NULL-terminated, absolute paths). Returns 0
 * or -ENOENT. Empty parts of a PATH are the working folder, as execvp(3) has it. */
int real_program_find(const char *name, const char *search, const struct stat *self,
                      const char *const *fallbacks, RealProgram *ret);
