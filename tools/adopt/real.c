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

/* With BEHIND_SELF only what comes after SELF. */
static bool search_path(const char *name, const char *search, const struct stat *self, bool behind_self,
                        RealProgram *ret) {
        bool behind = !behind_self;
        RealProgram program;

        while (next_path(&search, name, &program)) {
                Found found = look(program.path, self);

                if (found == ITSELF)
                        behind = true;
                if (found != PROGRAM || !behind)
                        continue;
                *ret = program;
                return true;
        }
        return false;
}

static bool has_self(const char *name, const char *search, const struct stat *self) {
        RealProgram program;

        while (next_path(&search, name, &program))
                if (look(program.path, self) == ITSELF)
                        return true;
        return false;
}

int real_program_find(const char *name, const char *search, const struct stat *self,
                      const char *const *fallbacks, RealProgram *ret) {
        if (search_path(name, search, self, has_self(name, search, self), ret))
                return 0;
        for (; *fallbacks; fallbacks++)
                if (look(*fallbacks, self) == PROGRAM) {
                        (void) snprintf(ret->path, sizeof(ret->path), "%s", *fallbacks);
                        return 0;
                }
        return -ENOENT;
}
