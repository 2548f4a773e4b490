/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nss-pam/nss-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nss-pam/nss-place.h"

/* What is not the file's fault may be otherwise at the next call. */
static int error_of(int error) {
        switch (error) {
        case ENOENT:
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case EINTR:
                return -error;
        default:
                return -EBADMSG;
        }
}

static int read_chunk(NssFile *file, size_t at) {
        ssize_t n;

        do
                n = pread(file->fd, file->chunk, sizeof(file->chunk), (off_t) at);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_of(errno);

        file->at = at;
        file->n = (size_t) n;
        return 0;
}

static int check_file(NssFile *file) {
        struct stat st;

        if (fstat(file->fd, &st) < 0)
                return error_of(errno);
        if (!S_ISREG(st.st_mode) || st.st_uid != nss_place_owner() || (st.st_mode & (S_IWGRP | S_IWOTH)) ||
            st.st_size < 0 || st.st_size > ALLOWED_SIZE_MAX)
                return -EBADMSG;

        file->size = (size_t) st.st_size;
        return 0;
}

int nss_file_open(NssFile *file) {
        int r;

        /* O_NONBLOCK: neither a FIFO nor a lease makes anybody wait */
        file->fd = open(nss_place_path(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (file->fd < 0)
                return error_of(errno);

        r = check_file(file);
        if (r >= 0)
                r = read_chunk(file, 0);
        if (r >= 0)
                r = allowed_head_parse(file->chunk, file->n, file->size, &file->head, &file->n_head);
        if (r < 0)
                nss_file_close(file);
        return r == -ENOENT ? -EBADMSG : r;
}

void nss_file_close(NssFile *file) {
        (void) close(file->fd);
        file->fd = -1;
}

int nss_file_read(NssFile *file, allowed_member_t member, void *userdata) {
        size_t skip = file->n_head;
        AllowedBody body;
        int r = 0;

        allowed_body_init(&body, &file->head);
        if (file->at != 0)
                r = read_chunk(file, 0);
        while (r >= 0 && file->n > skip) {
                r = allowed_body_feed(&body, file->chunk + skip, file->n - skip, member, userdata);
                skip = 0;
                /* the body knows when it has enough: a file that grows is none */
                if (r >= 0)
                        r = read_chunk(file, file->at + file->n);
        }
        if (r < 0)
                return r == -ENOENT ? -EBADMSG : r;
        return allowed_body_is_complete(&body) ? 0 : -EBADMSG;
}
