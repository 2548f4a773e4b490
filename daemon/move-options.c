/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a client hands over with a move: every value is checked here, and nothing of it ever becomes part of
 * a path that the daemon opens. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/request.h"
#include "lib/pidfd.h"
#include "lib/protocol.h"
#include "lib/text.h"

static int add_process(const Kernel *kernel, Targets *targets, int fd, sd_bus_error *ret_error) {
        int copy, r;

        copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
                return -errno;

        r = targets_add(kernel, targets, copy);
        if (r == -EBADF)
                return sd_bus_error_set(ret_error, CGMOVE_ERROR_INVALID, "A descriptor of Move is not a pidfd of a process.");
        if (r == -ESRCH)
                return sd_bus_error_set(ret_error, CGMOVE_ERROR_NO_SUCH_PROCESS,
                                        "A process that was to be moved has ended; nothing was moved.");
        if (r == -EINVAL)
                return sd_bus_error_set(ret_error, CGMOVE_ERROR_DENIED,
                                        "A process that was to be moved is in no cgroup of this machine (in a container, "
                                        "that of its host).");
        return r;
}

/* Each handle costs a look at its process, also one that names the same descriptor as another, of which a message may have
 * any number. */
int request_read_processes(sd_bus_message *message, const Kernel *kernel, Targets *targets, sd_bus_error *ret_error) {
        size_t n = 0;
        int fd, r;

        r = sd_bus_message_enter_container(message, 'a', "h");
        while (r >= 0 && (r = sd_bus_message_read_basic(message, 'h', &fd)) > 0) {
                if (n++ >= CGMOVE_PROCESSES_MAX)
                        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_LIMIT_REACHED,
                                                 "One call moves %d processes at most.", CGMOVE_PROCESSES_MAX);
                r = add_process(kernel, targets, fd, ret_error);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        if (r < 0)
                return r;

        return 0;
}

int request_add_caller(const Connection *connection, const MoveOptions *options, Targets *targets,
                       sd_bus_error *ret_error) {
        const Caller *caller = &connection->caller;
        _cleanup_close_ int opened = -1;
        int r;

        if (options->self) {
                opened = caller->pidfd >= 0 ? -1 : pidfd_open_process(caller->pid);
                r = add_process(&connection->daemon->kernel, targets, caller->pidfd >= 0 ? caller->pidfd : opened,
                                ret_error);
                if (r < 0)
                        return r;
        }

        if (targets->n == 0)
                return sd_bus_error_set(ret_error, CGMOVE_ERROR_INVALID, "This call needs at least one process.");
        if (options->restart && targets->n > 1)
                return sd_bus_error_set(ret_error, CGMOVE_ERROR_INVALID,
                                        "A restart is made by one process, which becomes the job.");
        return 0;
}

static int invalid(sd_bus_error *ret_error, const char *what) {
        return sd_bus_error_set(ret_error, CGMOVE_ERROR_INVALID, what);
}

static int read_string(sd_bus_message *message, char **ret) {
        const char *text;
        char *copy;
        int r;

        r = sd_bus_message_read(message, "v", "s", &text);
        if (r < 0)
                return r;
        copy = strdup(text);
        if (!copy)
                return -ENOMEM;

        free(*ret);
        *ret = copy;
        return 0;
}

static int read_boolean(sd_bus_message *message, bool *ret) {
        int value, r;

        r = sd_bus_message_read(message, "v", "b", &value);
        if (r < 0)
                return r;

        *ret = value;
        return 0;
}

static int read_kind(sd_bus_message *message, JobKind *ret) {
        const char *text;
        int r;

        r = sd_bus_message_read(message, "v", "s", &text);
        return r < 0 ? r : job_kind_from_string(text, ret);
}

static int read_option(sd_bus_message *message, const char *key, MoveOptions *options, sd_bus_error *ret_error) {
        if (strcmp(key, "name") == 0)
                return read_string(message, &options->name);
        if (strcmp(key, "command") == 0)
                return read_string(message, &options->command);
        if (strcmp(key, "log") == 0)
                return read_string(message, &options->log);
        if (strcmp(key, "log-directory") == 0)
                return read_string(message, &options->log_directory);
        if (strcmp(key, "restart") == 0)
                return read_string(message, &options->restart);
        if (strcmp(key, "kind") == 0)
                return read_kind(message, &options->kind);
        if (strcmp(key, "self") == 0)
                return read_boolean(message, &options->self);
        if (strcmp(key, "tree") == 0)
                return read_boolean(message, &options->tree);
        if (strcmp(key, "reset-oom-score") == 0)
                return read_boolean(message, &options->reset_oom_score);

        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_INVALID, "Move has no option \"%s\".", key);
}

static int check_path(const char *path, const char *option, sd_bus_error *ret_error) {
        if (!path || (path[0] == '/' && strlen(path) < CGMOVE_LOG_PATH_MAX - JOB_GROUP_NAME_MAX && text_is_plain(path)))
                return 0;

        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_INVALID,
                                 "The option %s must be an absolute path of less than %d bytes without control "
                                 "characters.",
                                 option, CGMOVE_LOG_PATH_MAX - JOB_GROUP_NAME_MAX);
}

static int check_restart(MoveOptions *options, sd_bus_error *ret_error) {
        Source service;

        if (!options->restart)
                return options->kind == JOB_RESTART ? invalid(ret_error, "The kind \"restart\" needs the option restart.")
                                                    : 0;
        if (service_from_string(options->restart, 0, &service) < 0)
                return invalid(ret_error, "The option restart is \"user:NAME.service\" or \"system:NAME.service\": one "
                                          "service by its full name, no template, pattern or path.");
        if (options->tree)
                return invalid(ret_error, "The options restart and tree exclude each other.");

        options->kind = JOB_RESTART;
        return 0;
}

static int check_options(MoveOptions *options, sd_bus_error *ret_error) {
        int r;

        if (options->name && !job_name_is_valid(options->name))
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_INVALID,
                                         "A job's name is 1 to %d letters, digits, and \"@._:-\", and starts with "
                                         "neither \".\" nor \"-\".",
                                         CGMOVE_JOB_NAME_MAX);
        if (options->log && options->log_directory)
                return invalid(ret_error, "The options log and log-directory exclude each other.");

        r = check_restart(options, ret_error);
        if (r >= 0)
                r = check_path(options->log, "log", ret_error);
        return r < 0 ? r : check_path(options->log_directory, "log-directory", ret_error);
}

int move_options_read(sd_bus_message *message, MoveOptions *ret, sd_bus_error *ret_error) {
        _cleanup_(move_options_done) MoveOptions options = { .kind = JOB_MOVE };
        const char *key;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(message, 's', &key);
                if (r >= 0)
                        r = read_option(message, key, &options, ret_error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        if (r >= 0)
                r = check_options(&options, ret_error);
        if (r < 0) {
                if (!sd_bus_error_is_set(ret_error) && r != -ENOMEM)
                        return invalid(ret_error, "An option of Move is not of its type, or has no such value.");
                return r;
        }

        *ret = options;
        options = (MoveOptions) {};
        return 0;
}

void move_options_done(MoveOptions *options) {
        free(options->name);
        free(options->command);
        free(options->log);
        free(options->log_directory);
        free(options->restart);
}
