/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "lib/text.h"

int journal_init(Journal *journal, const char *path) {
        *journal = (Journal){ .fd = -1 };
        if (!path)
                return 0;
        if (strlen(path) >= sizeof(journal->path))
                return -ENAMETOOLONG;

        strcpy(journal->path, path);
        journal->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        return journal->fd < 0 ? -errno : 0;
}

void journal_done(Journal *journal) {
        closep(&journal->fd);
        journal->fd = -1;
}

static bool stream_is(int fd, uint64_t device, uint64_t inode) {
        struct stat st;

        return fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

bool journal_is_stderr(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        uint64_t device, inode;

        if (!stream || sscanf(stream, "%" SCNu64 ":%" SCNu64, &device, &inode) != 2)
                return false;
        return stream_is(STDERR_FILENO, device, inode) || stream_is(STDOUT_FILENO, device, inode);
}

/* --- entries --------------------------------------------------------------------------------------- */

void journal_entry_init(JournalEntry *entry) {
        entry->size = 0;
        entry->message = entry->message_size = 0;
}

/* Writes VALUE escaped to TO and returns its length, below JOURNAL_VALUE_MAX. */
static size_t escape(char to[static JOURNAL_VALUE_MAX], const char *value) {
        static const char hex[] = "0123456789abcdef";
        size_t n = 0;

        while (*value) {
                unsigned char byte = (unsigned char) *value;
                size_t length = text_plain_length(value);

                if (n + 4 + strlen("...") >= JOURNAL_VALUE_MAX) {
                        memcpy(to + n, "...", 3);
                        return n + 3;
                }
                if (length > 0) {
                        memcpy(to + n, value, length);
                        n += length;
                        value += length;
                } else {
                        memcpy(to + n, (char[]){ '\\', 'x', hex[byte >> 4], hex[byte & 15] }, 4);
                        n += 4;
                        value++;
                }
        }
        return n;
}

void journal_entry_add(JournalEntry *entry, const char *field, const char *value) {
        char escaped[JOURNAL_VALUE_MAX];
        size_t n_field = strlen(field), n = escape(escaped, value);
        char *to = entry->text + entry->size;

        if (n_field + n + 2 > sizeof(entry->text) - entry->size)
                return;
        memcpy(to, field, n_field);
        to[n_field] = '=';
        memcpy(to + n_field + 1, escaped, n);
        to[n_field + 1 + n] = '\n';
        if (strcmp(field, "MESSAGE") == 0) {
                entry->message = entry->size + n_field + 1;
                entry->message_size = n;
        }
        entry->size += n_field + n + 2;
}

void journal_entry_addf(JournalEntry *entry, const char *field, const char *format, ...) {
        char value[JOURNAL_VALUE_MAX];
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(value, sizeof(value), format, ap);
        va_end(ap);
        if (n >= 0)
                journal_entry_add(entry, field, value);
}

/* --- sending --------------------------------------------------------------------------------------- */

/* Standard error may be a pipe or a socket that nobody reads. */
static void console_write(const JournalEntry *entry) {
        struct pollfd pollfd = { .fd = STDERR_FILENO, .events = POLLOUT };
        struct iovec line[] = {
                { (void *) "cgmoved: ", strlen("cgmoved: ") },
                { (void *) (entry->text + entry->message), entry->message_size },
                { (void *) "\n", 1 },
        };

        if (poll(&pollfd, 1, 0) == 1 && (pollfd.revents & POLLOUT))
                (void) !writev(STDERR_FILENO, line, ELEMENTSOF(line));
}

static int journal_deliver(const Journal *journal, const JournalEntry *entry) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        strcpy(address.sun_path, journal->path);
        if (sendto(journal->fd, entry->text, entry->size, MSG_NOSIGNAL | MSG_DONTWAIT,
                   (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        return 0;
}

static void journal_tell_lost(Journal *journal) {
        JournalEntry entry;

        journal_entry_init(&entry);
        journal_entry_addf(&entry, "MESSAGE",
                           "%" PRIu64 " log entries are lost: the journal did not take them",
                           journal->n_lost);
        journal_entry_add(&entry, "PRIORITY", "4");
        journal_entry_add(&entry, "SYSLOG_IDENTIFIER", "cgmoved");
        if (journal_deliver(journal, &entry) == 0)
                journal->n_lost = 0;
}

void journal_send(Journal *journal, const JournalEntry *entry) {
        if (journal->fd < 0) {
                console_write(entry);
                return;
        }
        if (journal_deliver(journal, entry) == 0) {
                if (journal->n_lost > 0)
                        journal_tell_lost(journal);
                return;
        }
        if (journal->n_lost == 0)
                console_write(entry);
        journal->n_lost++;
}
