/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/caplog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK_START "\n[cgmove: "
#define MARK_END " bytes of output left out here]\n"
#define MARK_UNKNOWN "?"
#define MARK_SIZE (sizeof(MARK_START) - 1 + 20 + sizeof(MARK_END) - 1)
#define IN_VAIN_MAX 25   /* looks in a row for which a reader makes way */
#define LINE_SEARCH 4096 /* the kept end starts with a whole line if one begins within so many bytes */

static uint64_t effective_max(uint64_t max) {
        return max < CAPLOG_MAX_MIN ? CAPLOG_MAX_MIN : max;
}

void caplog_init(CapLog *log, int fd, uint64_t max) {
        *log = (CapLog) { .fd = fd, .max = effective_max(max) };
}

static int write_at(int fd, const void *data, size_t size, uint64_t at) {
        while (size > 0) {
                ssize_t n = pwrite(fd, data, size, (off_t) at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                data = (const char *) data + n;
                size -= (size_t) n;
                at += (uint64_t) n;
        }
        return 0;
}

static int copy_down(int fd, uint64_t from, uint64_t to, uint64_t size) {
        char buffer[64 * 1024];

        while (size > 0) {
                size_t chunk = size < sizeof(buffer) ? (size_t) size : sizeof(buffer);
                ssize_t n = pread(fd, buffer, chunk, (off_t) from);
                int r;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                r = write_at(fd, buffer, (size_t) n, to);
                if (r < 0)
                        return r;
                from += (uint64_t) n;
                to += (uint64_t) n;
                size -= (uint64_t) n;
        }
        return 0;
}

/* The start of the first line behind AT, or AT. */
static uint64_t next_line(int fd, uint64_t at) {
        char buffer[LINE_SEARCH];
        ssize_t n = pread(fd, buffer, sizeof(buffer), (off_t) at);
        const char *end = n > 0 ? memchr(buffer, '\n', (size_t) n) : NULL;

        return end ? at + (uint64_t) (end - buffer) + 1 : at;
}

static int write_mark(int fd, uint64_t at, uint64_t left_out) {
        char text[MARK_SIZE + 1];

        (void) snprintf(text, sizeof(text), MARK_START "%20" PRIu64 MARK_END, left_out);
        return write_at(fd, text, MARK_SIZE, at);
}

/* For readers that no lock keeps away: what is behind it is being copied. */
static int write_mark_unknown(int fd, uint64_t at) {
        char text[MARK_SIZE + 1];

        (void) snprintf(text, sizeof(text), MARK_START "%20s" MARK_END, MARK_UNKNOWN);
        return write_at(fd, text, MARK_SIZE, at);
}

/* Cuts the end part to its last quarter of the limit. The number comes last: who reads the same one before
 * and after he has read something has read what belongs to it. */
static int cut(CapLog *log) {
        uint64_t half = log->max / 2, to = half + MARK_SIZE;
        uint64_t start = log->left_out > 0 ? to : half; /* of the end part */
        uint64_t from = next_line(log->fd, log->size - log->max / 4);
        int r;

        r = copy_down(log->fd, from, to, log->size - from);
        if (r < 0)
                return r;
        if (ftruncate(log->fd, (off_t) (to + (log->size - from))) < 0)
                return -errno;
        log->left_out += from - start;
        log->size = to + (log->size - from);
        return write_mark(log->fd, half, log->left_out);
}

static int compact(CapLog *log) {
        bool locked = flock(log->fd, LOCK_EX | LOCK_NB) == 0;
        int r = locked ? 0 : write_mark_unknown(log->fd, log->max / 2);

        if (r >= 0)
                r = cut(log);
        if (locked)
                (void) flock(log->fd, LOCK_UN);
        return r;
}

/* Returns the bytes written, which may be fewer than SIZE, or a negative errno. */
static ssize_t append_some(CapLog *log, const void *data, size_t size) {
        ssize_t n;
        int r;

        if (log->size >= log->max) {
                r = compact(log);
                if (r < 0)
                        return r;
        }
        if (size > log->max - log->size)
                size = (size_t) (log->max - log->size);
        n = pwrite(log->fd, data, size, (off_t) log->size);
        if (n < 0)
                return -errno;
        log->size += (uint64_t) n;
        return n > 0 ? n : -EIO;
}

static size_t append(CapLog *log, const void *data, size_t size) {
        size_t done = 0;

        while (done < size) {
                ssize_t n = append_some(log, (const char *) data + done, size - done);

                if (n == -EINTR)
                        continue;
                if (n < 0) {
                        log->error = (int) -n;
                        break;
                }
                done += (size_t) n;
        }
        return done;
}

static void note_loss(CapLog *log) {
        char text[160];
        int n;

        n = snprintf(text, sizeof(text), "\n[cgmove: %" PRIu64 " bytes of output lost here: %s]\n",
                     log->lost, strerror(log->error));
        if (append(log, text, (size_t) n) > 0)
                log->lost = 0;
}

void caplog_write(CapLog *log, const void *data, size_t size) {
        size_t done;

        if (log->lost > 0)
                note_loss(log);
        done = log->lost > 0 ? 0 : append(log, data, size);
        log->lost += size - done;
}

void caplog_finish(CapLog *log) {
        if (log->lost > 0)
                note_loss(log);
}

/* --- reading
 * ------------------------------------------------------------------------------------------------- */

/* The number in the line in the middle; 0 if there is none. Returns 0; -EAGAIN while it is not known. */
static int read_mark(int fd, uint64_t at, uint64_t *ret) {
        char text[MARK_SIZE + 1];
        uint64_t value = 0;
        size_t i;

        *ret = 0;
        if (pread(fd, text, MARK_SIZE, (off_t) at) != (ssize_t) MARK_SIZE)
                return 0;
        text[MARK_SIZE] = 0;
        if (strncmp(text, MARK_START, strlen(MARK_START)) != 0 ||
            strcmp(text + MARK_SIZE - strlen(MARK_END), MARK_END) != 0)
                return 0;
        for (i = strlen(MARK_START); text[i] == ' '; i++)
                ;
        if (text[i] == MARK_UNKNOWN[0])
                return -EAGAIN;
        for (; text[i] >= '0' && text[i] <= '9'; i++)
                value = value * 10 + (uint64_t) (text[i] - '0');
        *ret = value;
        return 0;
}

/* Where LEFT_OUT is what the line in the middle says. */
static ssize_t read_at(CapLogReader *reader, uint64_t left_out, void *buffer, size_t size,
                       uint64_t *ret_left_out) {
        uint64_t half = effective_max(reader->max) / 2, position = reader->position, at = position;
        ssize_t n;

        *ret_left_out = 0;
        if (left_out > 0 && position >= half) {
                if (position < half + left_out) {
                        *ret_left_out = half + left_out - position;
                        position = half + left_out;
                }
                at = position - left_out + MARK_SIZE;
        } else if (left_out > 0 && size > half - position)
                size = (size_t) (half - position);
        n = pread(reader->fd, buffer, size, (off_t) at);
        if (n < 0)
                return -errno;
        reader->position = position + (uint64_t) n;
        return n;
}

/* -EAGAIN if the middle was cut anew meanwhile; with DOUBTFUL, what is there is taken as it is. */
static ssize_t read_once(CapLogReader *reader, bool doubtful, void *buffer, size_t size,
                         uint64_t *ret_left_out) {
        uint64_t half = effective_max(reader->max) / 2, before, after, position = reader->position;
        ssize_t n;

        if (read_mark(reader->fd, half, &before) < 0) {
                if (!doubtful)
                        return -EAGAIN;
                before = reader->left_out;
        }
        n = read_at(reader, before, buffer, size, ret_left_out);
        if (!doubtful && (read_mark(reader->fd, half, &after) < 0 || after != before)) {
                reader->position = position;
                return -EAGAIN;
        }
        reader->left_out = before;
        return n;
}

ssize_t caplog_read(CapLogReader *reader, void *buffer, size_t size, uint64_t *ret_left_out) {
        bool locked = flock(reader->fd, LOCK_SH | LOCK_NB) == 0, doubtful = reader->in_vain >= IN_VAIN_MAX;
        ssize_t n = -EAGAIN;

        if (locked || doubtful)
                n = read_once(reader, doubtful, buffer, size, ret_left_out);
        if (locked)
                (void) flock(reader->fd, LOCK_UN);
        reader->is_busy = n == -EAGAIN;
        if (reader->is_busy) {
                reader->in_vain++;
                *ret_left_out = 0;
                return 0;
        }
        if (!doubtful)
                reader->in_vain = 0;
        return n;
}
