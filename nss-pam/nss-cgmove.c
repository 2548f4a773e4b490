/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The entry points that libc calls for "cgmove" in nsswitch.conf(5), see libnss_cgmove(8). They run in every
 * program, set-uid ones too, in any thread, after fork() and with any limit: no lock, no heap but libc's own
 * array of groups, no environment, no log, no other library. For any other group they answer without looking
 * at a file. */

#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "nss-pam/nss-entry.h"
#include "nss-pam/nss-file.h"

#define NO_PASSWORD "!*" /* that nobody can type: newgrp(1) adds nobody */

/* The one group of getgrent(): handed out already. libc has a lock around its enumeration; without one there
 * is nothing here that a fork() in another thread could leave locked. */
static atomic_bool group_given;

/* libc tells the caller what is in *ret_errno, which is its errno mostly. */
static enum nss_status status_of(int r, int saved_errno, int *ret_errno) {
        errno = saved_errno;
        switch (r) {
        case 0:
                return NSS_STATUS_SUCCESS;
        case -ENOENT:
                *ret_errno = ENOENT;
                return NSS_STATUS_NOTFOUND;
        case -ERANGE:
        case -EMFILE:
        case -ENFILE:
        case -ENOMEM:
        case -EINTR:
                *ret_errno = -r;
                return NSS_STATUS_TRYAGAIN;
        default:
                *ret_errno = ENOENT;
                return NSS_STATUS_UNAVAIL;
        }
}

/* --- the group ---------------------------------------- */

/* The caller's buffer: pointers to names first, aligned, then the names. */
typedef struct Layout {
        char **members;
        size_t n;
        char *next;
} Layout;

static int layout_init(Layout *layout, char *buffer, size_t size, const AllowedHead *head) {
        size_t pad = (size_t) (-(uintptr_t) buffer % _Alignof(char *));
        size_t pointers = ((size_t) head->n_members + 1) * sizeof(char *);

        if (size < pad + pointers + head->n_bytes + sizeof(ALLOWED_GROUP) + sizeof(NO_PASSWORD))
                return -ERANGE;

        *layout = (Layout){
                .members = (char **) (void *) (buffer + pad),
                .next = buffer + pad + pointers,
        };
        return 0;
}

static char *layout_add(Layout *layout, const char *text, size_t n) {
        char *at = layout->next;

        memcpy(at, text, n);
        at[n] = '\0';
        layout->next += n + 1;
        return at;
}

static void add_member(const char *name, size_t n, void *userdata) {
        Layout *layout = userdata;

        layout->members[layout->n++] = layout_add(layout, name, n);
}

static int fill_from(NssFile *file, struct group *ret, char *buffer, size_t size) {
        Layout layout;
        int r;

        r = layout_init(&layout, buffer, size, &file->head);
        if (r >= 0)
                r = nss_file_read(file, add_member, &layout);
        if (r < 0)
                return r;

        layout.members[layout.n] = NULL;
        *ret = (struct group){
                .gr_name = layout_add(&layout, ALLOWED_GROUP, strlen(ALLOWED_GROUP)),
                .gr_passwd = layout_add(&layout, NO_PASSWORD, strlen(NO_PASSWORD)),
                .gr_gid = file->head.gid,
                .gr_mem = layout.members,
        };
        return 0;
}

/* GID: the one that is looked for; NULL: whichever it has. */
static int fill(const gid_t *gid, struct group *ret, char *buffer, size_t size) {
        NssFile file;
        int r;

        r = nss_file_open(&file);
        if (r < 0)
                return r;

        r = gid && *gid != file.head.gid ? -ENOENT : fill_from(&file, ret, buffer, size);
        nss_file_close(&file);
        return r;
}

enum nss_status _nss_cgmove_getgrnam_r(const char *name, struct group *ret, char *buffer, size_t size,
                                       int *ret_errno) {
        int saved_errno = errno;

        if (strcmp(name, ALLOWED_GROUP) != 0)
                return status_of(-ENOENT, saved_errno, ret_errno);
        return status_of(fill(NULL, ret, buffer, size), saved_errno, ret_errno);
}

enum nss_status _nss_cgmove_getgrgid_r(gid_t gid, struct group *ret, char *buffer, size_t size,
                                       int *ret_errno) {
        int saved_errno = errno;

        /* most groups, root's among them, cannot be ours, whatever a file says */
        if (!allowed_gid_is_valid(gid))
                return status_of(-ENOENT, saved_errno, ret_errno);
        return status_of(fill(&gid, ret, buffer, size), saved_errno, ret_errno);
}

enum nss_status _nss_cgmove_setgrent(int stay_open) {
        (void) stay_open;
        atomic_store(&group_given, false);
        return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_cgmove_endgrent(void) {
        atomic_store(&group_given, false);
        return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_cgmove_getgrent_r(struct group *ret, char *buffer, size_t size, int *ret_errno) {
        int saved_errno = errno, r;

        if (atomic_exchange(&group_given, true))
                return status_of(-ENOENT, saved_errno, ret_errno);

        r = fill(NULL, ret, buffer, size);
        if (r == -ERANGE) /* asked again with a larger one */
                atomic_store(&group_given, false);
        return status_of(r, saved_errno, ret_errno);
}

/* --- the groups of a user ---------------------------------------- */

typedef struct Search {
        const char *name;
        size_t n;
        bool found;
} Search;

static void compare(const char *name, size_t n, void *userdata) {
        Search *search = userdata;

        if (n == search->n && memcmp(name, search->name, n) == 0)
                search->found = true;
}

/* Whether USER is in the group, which is known only once all of the file has been read. */
static int find_user(const char *user, gid_t *ret_gid) {
        Search search = { .name = user, .n = strlen(user) };
        NssFile file;
        int r;

        r = nss_file_open(&file);
        if (r < 0)
                return r;

        r = nss_file_read(&file, compare, &search);
        nss_file_close(&file);
        if (r < 0)
                return r;
        if (!search.found)
                return -ENOENT;

        *ret_gid = file.head.gid;
        return 0;
}

/* libc's array: *N of *SIZE are in use, LIMIT at most (0 or less: no limit). */
static int add_group(gid_t gid, long *n, long *size, gid_t **groups, long limit) {
        for (long i = 0; i < *n; i++)
                if ((*groups)[i] == gid)
                        return 0;

        if (*n >= *size) {
                long wanted = *size > 0 ? *size * 2 : 16;
                gid_t *grown;

                if (limit > 0 && *n >= limit)
                        return 0; /* no more are wanted */
                if (limit > 0 && wanted > limit)
                        wanted = limit;
                grown = reallocarray(*groups, (size_t) wanted, sizeof(gid_t));
                if (!grown)
                        return -ENOMEM;
                *groups = grown;
                *size = wanted;
        }
        (*groups)[(*n)++] = gid;
        return 0;
}

enum nss_status _nss_cgmove_initgroups_dyn(const char *user, gid_t group, long int *start, long int *size,
                                           gid_t **groups, long int limit, int *ret_errno) {
        int saved_errno = errno, r;
        gid_t gid;

        r = find_user(user, &gid);
        if (r >= 0 && gid != group)
                r = add_group(gid, start, size, groups, limit);
        return status_of(r, saved_errno, ret_errno);
}
