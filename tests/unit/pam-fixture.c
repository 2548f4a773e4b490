/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/pam-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <security/pam_ext.h>
#include <security/pam_modutil.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/protocol.h"

/* --- libpam -------------------------------------------------------------------------------------------- */

int pam_get_item(const pam_handle_t *handle, int item, const void **ret) {
        if (item != PAM_USER && item != PAM_SERVICE)
                return PAM_BAD_ITEM;
        *ret = item == PAM_USER ? handle->user : handle->service;
        return PAM_SUCCESS;
}

int pam_set_data(pam_handle_t *handle, const char *name, void *data,
                 void (*cleanup)(pam_handle_t *, void *, int)) {
        if (handle->data && handle->cleanup)
                handle->cleanup(handle, handle->data, PAM_DATA_REPLACE);
        handle->data = data;
        handle->cleanup = cleanup;
        return PAM_SUCCESS;
}

int pam_get_data(const pam_handle_t *handle, const char *name, const void **ret) {
        if (!handle->data)
                return PAM_NO_MODULE_DATA;
        *ret = handle->data;
        return PAM_SUCCESS;
}

const char *pam_getenv(pam_handle_t *handle, const char *name) {
        size_t length = strlen(name);

        for (size_t i = 0; i < PAM_FIXTURE_VARIABLES && handle->variables[i]; i++)
                if (strncmp(handle->variables[i], name, length) == 0 && handle->variables[i][length] == '=')
                        return handle->variables[i] + length + 1;
        return NULL;
}

int pam_putenv(pam_handle_t *handle, const char *text) {
        for (size_t i = 0; i < PAM_FIXTURE_VARIABLES; i++)
                if (!handle->variables[i]) {
                        handle->variables[i] = strdup(text);
                        return PAM_SUCCESS;
                }
        return PAM_BUF_ERR;
}

struct passwd *pam_modutil_getpwnam(pam_handle_t *handle, const char *name) {
        struct passwd *found = NULL;

        (void) getpwnam_r(name, &handle->passwd, handle->buffer, sizeof(handle->buffer), &found);
        return found;
}

void pam_vsyslog(const pam_handle_t *handle, int priority, const char *format, va_list ap) {
        pam_handle_t *h = (pam_handle_t *) handle;
        size_t used = strlen(h->said);
        char text[1024];

        (void) vsnprintf(text, sizeof(text), format, ap);
        (void) snprintf(h->said + used, sizeof(h->said) - used, "%d %s\n", priority, text);
}

void pam_syslog(const pam_handle_t *handle, int priority, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        pam_vsyslog(handle, priority, format, ap);
        va_end(ap);
}

void pam_fixture_end(pam_handle_t *handle) {
        (void) pam_set_data(handle, "", NULL, NULL);
        for (size_t i = 0; i < PAM_FIXTURE_VARIABLES; i++) {
                free(handle->variables[i]);
                handle->variables[i] = NULL;
        }
        handle->said[0] = '\0';
}

/* --- daemons ------------------------------------------------------------------------------------------- */

typedef struct Server {
        FalseDaemon kind;
        int log_fd;
        bool done;
} Server;

static int on_open(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        Server *server = userdata;
        const char *service, *key;
        const void *gids;
        uint32_t uid;
        size_t size;

        server->done = true;
        if (sd_bus_message_read(message, "us", &uid, &service) < 0 ||
            sd_bus_message_enter_container(message, 'a', "{sv}") < 0 ||
            sd_bus_message_enter_container(message, 'e', "sv") <= 0 ||
            sd_bus_message_read(message, "s", &key) < 0 || strcmp(key, "gids") != 0 ||
            sd_bus_message_enter_container(message, 'v', "au") < 0 ||
            sd_bus_message_read_array(message, 'u', &gids, &size) < 0)
                abort();
        (void) dprintf(server->log_fd, "OpenSession %u %s %zu\n", uid, service, size / sizeof(gid_t));
        if (server->kind == DAEMON_REFUSES)
                return sd_bus_error_set(ret_error, CGMOVE_ERROR_DENIED, "Only root may.");
        return sd_bus_reply_method_return(message, "t", UINT64_C(17) * (server->kind != DAEMON_NO_POLICY));
}

static int on_close(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        Server *server = userdata;
        const char *service;
        uint64_t id;
        uint32_t uid;

        server->done = true;
        if (sd_bus_message_read(message, "tus", &id, &uid, &service) < 0 ||
            sd_bus_message_skip(message, "a{sv}") < 0 || sd_bus_message_at_end(message, true) <= 0 ||
            id != 17)
                abort();
        (void) dprintf(server->log_fd, "CloseSession %u %s 0\n", uid, service);
        if (server->kind == DAEMON_REFUSES)
                return sd_bus_error_set(ret_error, CGMOVE_ERROR_DENIED, "Only root may.");
        return sd_bus_reply_method_return(message, NULL);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("OpenSession", "usa{sv}", "t", on_open, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("CloseSession", "tusa{sv}", "", on_close, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static void serve(Server *server, int fd) {
        sd_id128_t id = SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f, 10);
        sd_bus *bus = NULL;

        server->done = false;
        if (sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 || sd_bus_set_server(bus, 1, id) < 0 ||
            sd_bus_negotiate_fds(bus, 1) < 0 ||
            sd_bus_add_object_vtable(bus, NULL, CGMOVE_PATH, CGMOVE_MANAGER_INTERFACE, vtable, server) < 0 ||
            sd_bus_start(bus) < 0)
                abort();
        while (!server->done && sd_bus_process(bus, NULL) >= 0)
                (void) sd_bus_wait(bus, 1000);
        (void) sd_bus_flush(bus);
        (void) sd_bus_close_unref(bus);
}

static void say(int fd, const char *text, size_t size) {
        (void) !send(fd, text, size, MSG_NOSIGNAL);
}

#define AGREEMENT "DATA\r\nOK 0102030405060708090a0b0c0d0e0f10\r\nAGREE_UNIX_FD\r\n"

static void trickle(int fd) {
        while (send(fd, "D", 1, MSG_NOSIGNAL) == 1)
                (void) poll(NULL, 0, 20);
}

static void flood(int fd) {
        char block[4096];

        memset(block, 'x', sizeof(block));
        say(fd, AGREEMENT, sizeof(AGREEMENT) - 1);
        while (send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0)
                ;
}

/* One that a client does not get away from by itself waits until the client is gone. */
static void wait_for_end(int fd) {
        char byte[256];

        while (recv(fd, byte, sizeof(byte), 0) > 0)
                ;
}

static void lie(Server *server, int fd) {
        static const char half[] = AGREEMENT "l\2\1\1\10\0\0\0\1\0\0\0\10\0\0\0\5\1u";
        static const char large[] = AGREEMENT "l\2\1\1\377\377\377\177\1\0\0\0\10\0\0\0\5\1u\0\1\0\0\0";
        static const char garbage[] = AGREEMENT "and now for something completely different";

        switch (server->kind) {
        case DAEMON_TRICKLES:
                trickle(fd);
                break;
        case DAEMON_FLOODS:
                flood(fd);
                break;
        case DAEMON_HALF:
                say(fd, half, sizeof(half) - 1);
                break;
        case DAEMON_LARGE:
                say(fd, large, sizeof(large) - 1);
                break;
        case DAEMON_GARBAGE:
                say(fd, garbage, sizeof(garbage) - 1);
                break;
        default:
                break;
        }
        if (server->kind != DAEMON_HANGS_UP)
                wait_for_end(fd);
        closep(&fd);
}

_Noreturn static void run_daemon(int listen_fd, FalseDaemon kind, int log_fd) {
        Server server = { .kind = kind, .log_fd = log_fd };

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
                int fd;

                if (kind == DAEMON_NEVER_TAKES)
                        (void) pause();
                fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
                if (fd < 0)
                        _exit(1);
                if (kind <= DAEMON_REFUSES)
                        serve(&server, fd);
                else
                        lie(&server, fd);
        }
}

/* A connection more than the queue has room for is not made. */
static void fill_queue(const struct sockaddr_un *address) {
        for (;;) {
                int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

                if (connect(fd, (const struct sockaddr *) address, sizeof(*address)) < 0) {
                        closep(&fd);
                        return;
                }
        }
}

void daemon_fixture_start(DaemonFixture *f, FalseDaemon kind) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -1;
        int fds[2];

        (void) strcpy(f->folder, "/tmp/cgmove-test-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        (void) snprintf(f->path, sizeof(f->path), "%s/socket", f->folder);
        (void) strcpy(address.sun_path, f->path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, kind == DAEMON_NEVER_TAKES ? 0 : 128), 0);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);

        f->pid = fork();
        assert_true(f->pid >= 0);
        if (f->pid == 0) {
                closep(&fds[0]);
                if (kind == DAEMON_NEVER_TAKES)
                        fill_queue(&address);
                run_daemon(fd, kind, fds[1]);
        }
        closep(&fds[1]);
        f->log_fd = fds[0];
        if (kind == DAEMON_NEVER_TAKES)
                (void) poll(NULL, 0, 100); /* until it is full */
}

void daemon_fixture_stop(DaemonFixture *f) {
        assert_int_equal(kill(f->pid, SIGKILL), 0);
        assert_int_equal(waitpid(f->pid, NULL, 0), f->pid);
        closep(&f->log_fd);
        assert_int_equal(unlink(f->path), 0);
        assert_int_equal(rmdir(f->folder), 0);
}

void daemon_fixture_read(DaemonFixture *f, char *line, size_t size) {
        size_t n = 0;

        while (n + 1 < size && read(f->log_fd, line + n, 1) == 1 && line[n] != '\n')
                n++;
        line[n] = '\0';
}

/* --- for both ------------------------------------------------------------------------------------------ */

const char *const hasty[2] = { "debug", "timeout=150ms" };
const char *const patient[2] = { "timeout=10s", "debug" };

const char *me(void) {
        static char name[64];

        if (!name[0])
                (void) snprintf(name, sizeof(name), "%s", getpwuid(getuid())->pw_name);
        return name;
}

PamPlace place_of(const DaemonFixture *f) {
        return (PamPlace){ .daemon = { .path = f->path, .uid = getuid() }, .runtime_root = f->folder };
}

uint64_t now_ms(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

void assert_said(const pam_handle_t *handle, const char *text) {
        if (!strstr(handle->said, text))
                fail_msg("\"%s\" is not in \"%s\"", text, handle->said);
}

void assert_call(DaemonFixture *f, const char *member, const char *service) {
        char line[256], expected[256];

        daemon_fixture_read(f, line, sizeof(line));
        (void) snprintf(expected, sizeof(expected), "%s %u %s ", member, getuid(), service);
        if (strncmp(line, expected, strlen(expected)) != 0)
                fail_msg("\"%s\" is not \"%s\"", line, expected);
}

const char *const said_of[N_FALSE_DAEMONS] = {
        [DAEMON_ANSWERS] = "is known to cgmoved",
        [DAEMON_NO_POLICY] = "no policy is for user",
        [DAEMON_REFUSES] = "cgmoved refuses: Only root may.",
        [DAEMON_HANGS] = "it did not answer within 150 ms",
        [DAEMON_NEVER_TAKES] = "it did not answer within 150 ms",
        [DAEMON_HALF] = "it did not answer within 150 ms",
        [DAEMON_TRICKLES] = "it did not answer within 150 ms",
        [DAEMON_FLOODS] = "what it says is no answer",
        [DAEMON_HANGS_UP] = "it has hung up",
        [DAEMON_GARBAGE] = "what it says is no answer",
        [DAEMON_LARGE] = "what it says is no answer",
};

const char *const *words_for(FalseDaemon kind) {
        return strstr(said_of[kind], "150 ms") ? hasty : patient;
}
