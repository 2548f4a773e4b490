/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The file in which cgmoved says whom the policy in force lets do anything, and from which libnss_cgmove(8),
 * which describes it, answers for the group "cgmove-allowed":
 *
 *     cgmove-allowed 1 GID MEMBERS BYTES
 *     alice
 *     bob
 *     end
 *
 * The version is 1; BYTES are those of all names with their newlines. Names are sorted by bytes, each once.
 * What is cut off, or longer than it says, is no snapshot. Needs nothing but libc, allocates nothing in
 * order to read, and knows no locale: the module is loaded into every program. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALLOWED_GROUP "cgmove-allowed"
#define ALLOWED_FILE_NAME "allowed" /* in CGMOVE_RUN_DIR */
#define ALLOWED_SIZE_MAX (1024 * 1024)
#define ALLOWED_MEMBERS_MAX 65536
#define ALLOWED_NAME_MAX 255
#define ALLOWED_HEAD_MAX 64
#define ALLOWED_END "end\n"

/* Below are system groups, groups of users, and what membership would give rights in. */
#define ALLOWED_GID_MIN 60000
#define ALLOWED_GID_DEFAULT 77000

/* Neither nobody's (65534) nor one that means "none" to the kernel, with 16 bits or 32. */
bool allowed_gid_is_valid(uint32_t gid);

/* NAME has N bytes and no end mark: at most ALLOWED_NAME_MAX, no control character, none of ":", "," and
 * "/", no blank at either end, no "-" or "+" first. */
bool allowed_name_is_valid(const char *name, size_t n);

typedef struct AllowedHead {
        uint32_t gid;
        uint32_t n_members;
        uint32_t n_bytes; /* of all names with a newline, or an end mark, each */
} AllowedHead;

/* Reads the first line from the N bytes at TEXT, which are the beginning of a file of SIZE bytes; ret_n: the
 * length of the line. Returns 0, or -EBADMSG if there is none or such a file cannot have it. */
int allowed_head_parse(const char *text, size_t n, size_t size, AllowedHead *ret, size_t *ret_n);

/* What follows, in pieces of any size. */
typedef struct AllowedBody {
        AllowedHead head;
        uint32_t n_members; /* seen so far */
        uint32_t n_bytes;
        bool ended;
        size_t n_line;
        size_t n_last;
        char line[ALLOWED_NAME_MAX + 1];
        char last[ALLOWED_NAME_MAX + 1];
} AllowedBody;

typedef void (*allowed_member_t)(const char *name, size_t n, void *userdata); /* no end mark */

void allowed_body_init(AllowedBody *body, const AllowedHead *head);

/* MEMBER (may be NULL) is called for each name in turn; what it was told counts only if all of the file
 * proves good. Returns 0 or -EBADMSG. */
int allowed_body_feed(AllowedBody *body, const char *text, size_t n, allowed_member_t member,
                      void *userdata);

/* Whether all has been fed. */
bool allowed_body_is_complete(const AllowedBody *body);

/* The file for NAMES, SIZE bytes of sorted names with a newline each. Returns 0, -EINVAL if GID or NAMES are
 * not what may be in it, or -ENOMEM. The caller frees *ret. */
int allowed_encode(uint32_t gid, const char *names, size_t size, char **ret, size_t *ret_size);
