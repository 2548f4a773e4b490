/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/adopt/real.h"

typedef enum Found { NOTHING, ITSELF, PROGRAM } Found;

static Found look(const char *path, const struct stat *self) {
        struct stat st;

        if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
                return NOTHING;
        if (st.st_dev == self->st_dev && st.st_ino == self->st_ino)
                return ITSELF;
        return access(path, X_OK) == 0 ? PROGRAM : NOTHING;
}

/* The next part of *SEARCH with NAME behind it; false at the end. What is too long cannot be executed. */
static bool next_path(const char **search, const char *name, RealProgram *ret) {
        const char *part = *search;
        size_t n;

        if (!part)
                return false;
        n = strcspn(part, ":");
        *search = part[n] ? part + n + 1 : NULL;
        if (snprintf(ret->path, sizeof(ret->path), "%.*s%s%s", (int) n, part, n > 0 ? "/" : "./", name) >=
            (int) sizeof(ret->path))
                ret->path[0] = '\0';
        return true;
}

/* What of SEARCH is behind the last SELF; all of it if there is none. */
static const char *behind_self(const char *name, const char *search, const struct stat *self) {
        const char *behind = search;
        RealProgram program;

        while (next_path(&search, name, &program))
                if (look(program.path, self) == ITSELF)
                        behind = search;
        return behind;
}

static bool search_path(const char *name, const char *search, const struct stat *self, RealProgram *ret) {
        RealProgram program;

        while (next_path(&search, name, &program)) {
                if (look(program.path, self) != PROGRAM)
                        continue;
                *ret = program;
                return true;
        }
        return false;
}

int real_program_find(const char *name, const char *search, const struct stat *self,
                      const char *const *fallbacks, RealProgram *ret) {
        if (search_path(name, behind_self(name, search, self), self, ret))
                return 0;
        for (; *fallbacks; fallbacks++)
                if (look(*fallbacks, self) == PROGRAM) {
                        (void) snprintf(ret->path, sizeof(ret->path), "%s", *fallbacks);
                        return 0;
                }
        return -ENOENT;
}
