/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The log of a job: a plain text file that never grows over its limit. It keeps the beginning and the
 * end of the output, always in order, so that cat(1) and tail(1) can be used on it:
 *
 *     the first half of the limit | "[cgmove: N bytes of output left out here]" | the last output
 *
 * When the file is full, the end part is cut to its last quarter of the limit, which is copied in
 * place behind the first half, and grows again: at least the last quarter is there at any time, and
 * each byte is copied once at the most on average. The line in the middle has a fixed width and is
 * written anew each time.
 *
 * What cannot be written (disk full, over quota) is dropped and counted, and said in the log as soon
 * as there is room: a log never holds up the command.
 *
 * A reader that follows the log (flock(2), shared) is not disturbed by the copying (exclusive, but
 * never waited for: without the lock the line in the middle has no number while it goes on, by which a
 * reader knows). */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CAPLOG_MAX_MIN 4096 /* a smaller limit is taken as this one */

typedef struct CapLog {
        int fd; /* not owned; open for reading and writing */
        uint64_t max;
        uint64_t size;     /* of the file */
        uint64_t left_out; /* bytes cut out of the middle */
        uint64_t lost;     /* bytes that could not be written since the last note about it */
        int error;         /* why */
} CapLog;

/* FD: an empty regular file. MAX: bytes; UINT64_MAX for no limit. */
void caplog_init(CapLog *log, int fd, uint64_t max);
void caplog_write(CapLog *log, const void *data, size_t size);

/* Writes what is still to be said. */
void caplog_finish(CapLog *log);

typedef struct CapLogReader {
        int fd;            /* not owned */
        uint64_t max;      /* that of the writer */
        uint64_t position; /* bytes of output from the beginning; may be set back to read some again */
        bool is_busy;      /* the last look came to nothing, since the file was being copied: there may be more */
        unsigned in_vain;  /* so many looks in a row have ... */
        uint64_t left_out; /* before the last one that has not */
} CapLogReader;

/* Reads on at READER's position; what was left out before it could be read is jumped over and told in
 * *ret_left_out. Returns the bytes read, 0 if there are no more yet, or a negative errno. Whoever keeps
 * readers away for many looks in a row is not waited for any longer: then what is read may be torn. */
ssize_t caplog_read(CapLogReader *reader, void *buffer, size_t size, uint64_t *ret_left_out);
