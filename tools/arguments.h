/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Words of the command line. Pure: 0, or -EINVAL with *ret left alone. */

#include <stdint.h>
#include <sys/types.h>

int argument_job_id(const char *text, uint64_t *ret); /* decimal, 1 or more */
int argument_pid(const char *text, pid_t *ret);       /* the same, in the range of pid_t */
int argument_port(const char *text, uint16_t *ret);   /* the same, up to 65535 */
int argument_signal(const char *text, int *ret);      /* "TERM", "SIGTERM", "15", "RTMIN+1" */
