/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/failure.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/output.h"
#include "tools/status.h"
#include "tools/terminal.h"
#include "tools/wrap.h"

static void set_code(Failure *failure, const char *code) {
        (void) snprintf(failure->code, sizeof(failure->code), "%s", code);
}

int failure_set(Failure *failure, int status, const char *code, const char *format, ...) {
        va_list ap;

        *failure = (Failure){ .status = status };
        set_code(failure, code);
        va_start(ap, format);
        (void) vsnprintf(failure->message, sizeof(failure->message), format, ap);
        va_end(ap);
        return status;
}

/* What to do about ERROR, for those that mean the same everywhere. */
static const char *cure(int error) {
        switch (error) {
        case ENOSPC:
        case EDQUOT:
                return "; make room on that file system";
        case EROFS:
                return "; its file system is mounted read-only";
        case EMFILE:
                return "; raise the limit of open files (ulimit -n)";
        case ENFILE:
        case ENOMEM:
        case EAGAIN:
                return "; try again when the host has more to spare";
        default:
                return "";
        }
}

int failure_errno(Failure *failure, int error, const char *what, ...) {
        size_t n;
        va_list ap;

        *failure = (Failure){ .status = STATUS_FAILED };
        set_code(failure, "Failed");
        va_start(ap, what);
        (void) vsnprintf(failure->message, sizeof(failure->message), what, ap);
        va_end(ap);
        n = strlen(failure->message);
        (void) snprintf(failure->message + n, sizeof(failure->message) - n, ": %s%s.",
                        strerror(error < 0 ? -error : error), cure(error < 0 ? -error : error));
        return failure->status;
}

void failure_print_text(const char *text) {
        static const char name[] = "cgmove: ";

        (void) fputs(name, stderr);
        wrap_print(stderr, text, strlen(name), terminal_columns(STDERR_FILENO));
}

int failure_print(const Failure *failure, bool json) {
        failure_print_text(failure->message);
        if (json)
                (void) output_json(json_pack("{s:{s:s, s:o, s:i}}", "error", "code", failure->code,
                                             "message", output_json_text(failure->message), "exit_status",
                                             failure->status));
        return failure->status;
}

int usage_error(const char *verb, const char *format, ...) {
        char text[512], line[768];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        (void) snprintf(line, sizeof(line), "cgmove%s%s: %s; see 'cgmove%s%s --help'.", verb[0] ? " " : "",
                        verb, text, verb[0] ? " " : "", verb);
        wrap_print(stderr, line, 0, terminal_columns(STDERR_FILENO));
        return STATUS_USAGE;
}
