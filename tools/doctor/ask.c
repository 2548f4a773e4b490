/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/doctor/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "lib/cleanup.h"
#include "lib/protocol.h"
#include "tools/connect.h"
#include "tools/output.h"

int ask_open_system_bus(sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_bus_open_system(&bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

static int connect_owned(const char *path, uid_t uid) {
        const struct timeval timeout = { .tv_sec = ASK_TIMEOUT / 1000000 };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        struct ucred peer;
        socklen_t size = sizeof(peer);
        _cleanup_close_ int fd = -1;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
            connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        return peer.uid == uid || peer.uid == 0 ? TAKE_FD(fd) : -EPERM;
}

/* Takes FD over. */
static int start_on(int fd, sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_fd(bus, fd, fd);
        if (r < 0) {
                (void) close(fd);
                return r;
        }
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

static int open_private(const char *path, uid_t uid, sd_bus **ret) {
        int fd = connect_owned(path, uid);

        return fd < 0 ? fd : start_on(fd, ret);
}

int ask_open_daemon(sd_bus **ret) {
        int fd = connect_private(CGMOVE_PRIVATE_SOCKET);

        return fd < 0 ? fd : start_on(fd, ret);
}

int ask_open_user_manager(uid_t uid, sd_bus **ret) {
        char path[64];

        (void) snprintf(path, sizeof(path), "/run/user/%u/systemd/private", (unsigned) uid);
        return open_private(path, uid, ret);
}

int ask_open_system_manager(sd_bus **ret) {
        /* root needs no bus daemon for it, and it lets nobody else in */
        if (geteuid() == 0 && open_private("/run/systemd/private", 0, ret) >= 0)
                return 0;
        return ask_open_system_bus(ret);
}

/* --- one call ---------------------------------------------------------------------------------------- */

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        sd_bus_message **answer = userdata;

        *answer = sd_bus_message_ref(message);
        return 1;
}

static int wait_until(sd_bus *bus, sd_bus_message *const *answer, uint64_t end, Progress *progress) {
        while (!*answer) {
                uint64_t now = now_monotonic();
                int r = sd_bus_process(bus, NULL);

                if (r < 0)
                        return r;
                if (r > 0)
                        continue;
                if (now >= end)
                        return -ETIMEDOUT;
                r = sd_bus_wait(bus, end - now < PROGRESS_INTERVAL ? end - now : PROGRESS_INTERVAL);
                if (r < 0 && r != -EINTR)
                        return r;
                progress_tick(progress);
        }
        return 0;
}

/* Not sd_bus_call(): that waits for a peer that never authenticates for as long as the library likes. */
static int wait_for(sd_bus *bus, sd_bus_message *const *answer) {
        Progress progress;
        int r;

        progress_begin(&progress, false, "waiting for an answer");
        r = wait_until(bus, answer, now_monotonic() + ASK_TIMEOUT, &progress);
        progress_end(&progress);
        return r;
}

int ask_call(sd_bus *bus, sd_bus_message *message, sd_bus_message **ret, char *error, size_t size) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        const sd_bus_error *e;
        sd_bus_slot *slot = NULL;
        int r;

        r = sd_bus_call_async(bus, &slot, message, on_answer, &answer, ASK_TIMEOUT);
        if (r >= 0)
                r = wait_for(bus, &answer);
        sd_bus_slot_unref(slot);
        if (r < 0)
                return r;
        if (sd_bus_message_is_method_error(answer, NULL)) {
                e = sd_bus_message_get_error(answer);
                if (error)
                        (void) snprintf(error, size, "%s",
                                        e->message && e->message[0] ? e->message : e->name);
                r = -sd_bus_error_get_errno(e);
                return r < 0 ? r : -EIO;
        }
        *ret = TAKE_PTR(answer);
        return 0;
}

/* --- dictionaries ------------------------------------------------------------------------------------- */

int ask_read_string(sd_bus_message *message, void *to, size_t size) {
        const char *text;
        int r;

        r = sd_bus_message_read_basic(message, 's', &text);
        if (r >= 0)
                (void) snprintf(to, size, "%s", text);
        return r;
}

int ask_read_bool(sd_bus_message *message, void *to, size_t size) {
        int value, r;

        r = sd_bus_message_read_basic(message, 'b', &value);
        if (r >= 0)
                *(bool *) to = value;
        return r;
}

int ask_read_u32(sd_bus_message *message, void *to, size_t size) {
        return sd_bus_message_read_basic(message, 'u', to);
}

int ask_read_i32(sd_bus_message *message, void *to, size_t size) {
        return sd_bus_message_read_basic(message, 'i', to);
}

int ask_read_u64(sd_bus_message *message, void *to, size_t size) {
        return sd_bus_message_read_basic(message, 't', to);
}

static int read_value(sd_bus_message *message, const AskField *field, void *to) {
        const char *contents;
        int r;

        r = sd_bus_message_peek_type(message, NULL, &contents);
        if (r < 0)
                return r;
        if (!contents || strcmp(contents, field->type) != 0)
                return sd_bus_message_skip(message, "v");
        r = sd_bus_message_enter_container(message, 'v', field->type);
        if (r >= 0)
                r = field->read(message, (char *) to + field->offset, field->size);
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_entry(sd_bus_message *message, const AskField *fields, size_t n, void *to) {
        const char *key;
        int r;

        r = sd_bus_message_read_basic(message, 's', &key);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (strcmp(key, fields[i].name) == 0)
                        return read_value(message, &fields[i], to);
        return sd_bus_message_skip(message, "v");
}

int ask_read_dictionary(sd_bus_message *message, const AskField *fields, size_t n, void *to) {
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        if (r <= 0)
                return r;
        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = read_entry(message, fields, n, to);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        return r < 0 ? r : 1;
}

int ask_properties(sd_bus *bus, const char *destination, const char *path, const char *interface,
                   const AskField *fields, size_t n, void *to) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *answer = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &message, destination, path,
                                           "org.freedesktop.DBus.Properties", "GetAll");
        if (r >= 0)
                r = sd_bus_message_append(message, "s", interface);
        if (r >= 0)
                r = ask_call(bus, message, &answer, NULL, 0);
        if (r >= 0)
                r = ask_read_dictionary(answer, fields, n, to);
        return r < 0 ? r : 0;
}
