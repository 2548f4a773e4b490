/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/arguments.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

static int parse_decimal(const char *text, uint64_t max, uint64_t *ret) {
        uint64_t value = 0;

        if (!*text)
                return -EINVAL;
        for (; *text; text++) {
                unsigned digit = (unsigned) (*text - '0');

                if (*text < '0' || *text > '9' || value > (max - digit) / 10)
                        return -EINVAL;
                value = value * 10 + digit;
        }
        *ret = value;
        return 0;
}

int argument_job_id(const char *text, uint64_t *ret) {
        uint64_t value;

        if (parse_decimal(text, UINT64_MAX - 1, &value) < 0 || value == 0)
                return -EINVAL;
        *ret = value;
        return 0;
}

int argument_pid(const char *text, pid_t *ret) {
        uint64_t value;

        if (parse_decimal(text, INT_MAX, &value) < 0 || value == 0)
                return -EINVAL;
        *ret = (pid_t) value;
        return 0;
}

int argument_port(const char *text, uint16_t *ret) {
        uint64_t value;

        if (parse_decimal(text, UINT16_MAX, &value) < 0 || value == 0)
                return -EINVAL;
        *ret = (uint16_t) value;
        return 0;
}

static int parse_realtime(const char *text, int *ret) {
        uint64_t offset = 0;

        if (strncasecmp(text, "RTMIN", 5) == 0) {
                if (text[5] && (text[5] != '+' ||
                                parse_decimal(text + 6, (uint64_t) (SIGRTMAX - SIGRTMIN), &offset) < 0))
                        return -EINVAL;
                *ret = SIGRTMIN + (int) offset;
                return 0;
        }
        if (strncasecmp(text, "RTMAX", 5) == 0) {
                if (text[5] && (text[5] != '-' ||
                                parse_decimal(text + 6, (uint64_t) (SIGRTMAX - SIGRTMIN), &offset) < 0))
                        return -EINVAL;
                *ret = SIGRTMAX - (int) offset;
                return 0;
        }
        return -EINVAL;
}

int argument_signal(const char *text, int *ret) {
        uint64_t value;

        if (parse_decimal(text, (uint64_t) SIGRTMAX, &value) == 0) {
                if (value == 0)
                        return -EINVAL;
                *ret = (int) value;
                return 0;
        }
        if (strncasecmp(text, "SIG", 3) == 0)
                text += 3;
        for (int i = 1; i < NSIG; i++) {
                const char *name = sigabbrev_np(i);

                if (name && strcasecmp(name, text) == 0) {
                        *ret = i;
                        return 0;
                }
        }
        return parse_realtime(text, ret);
}
