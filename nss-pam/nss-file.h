/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The snapshot, read piece by piece: whatever its size, it takes a page of the stack and nothing of the
 * heap. */

#include "lib/allowed-snapshot.h"

typedef struct NssFile {
        int fd;
        size_t size; /* of the file, when it was opened */
        size_t at;   /* what the chunk holds begins here */
        size_t n;
        AllowedHead head;
        size_t n_head;
        char chunk[4096];
} NssFile;

/* Opens the snapshot and reads its head. Returns 0; -ENOENT if there is none; -EMFILE, -ENFILE, -ENOMEM or
 * -EINTR, which pass; -EBADMSG for whatever else is wrong with it: another owner, writable by others, no
 * regular file, too large, not readable, malformed. Call nss_file_close() after success. */
int nss_file_open(NssFile *file);
void nss_file_close(NssFile *file);

/* All names, see allowed_body_feed(). Returns 0 if the whole file is good, else as nss_file_open() but
 * -ENOENT. */
int nss_file_read(NssFile *file, allowed_member_t member, void *userdata);
