/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The values of a policy file as an administrator writes them. All functions return 0 and set *ret, or
 * -EINVAL (not of the form) or -ERANGE (of the form, but too large), and leave *ret alone then. Pure. */

#include <stdint.h>
#include <sys/types.h>

#define USEC_PER_SEC UINT64_C(1000000)
#define LIMIT_NONE UINT64_MAX

/* "512", "64K", "1G", "1.5G" (binary multiples K M G T), "infinity" (LIMIT_NONE); in bytes. */
int parse_size(const char *text, uint64_t *ret);

/* "90", "90s", "5min", "6h", "2d", "1h 30min", "500ms", "infinity" (LIMIT_NONE); in microseconds, a bare
 * number is seconds (systemd.time(7) is the model). */
int parse_duration(const char *text, uint64_t *ret_usec);

/* "30/min", "5/s", "100/h", "500/d", or any duration behind the slash ("10/30s"): COUNT events in PER
 * microseconds. */
int parse_rate(const char *text, uint32_t *ret_count, uint64_t *ret_per_usec);

/* A decimal user or group id; never 4294967295 and never 65535 (both mean "none" somewhere). */
int parse_id(const char *text, uint32_t *ret);

/* "2000-2999": both ends included, first <= last. */
int parse_id_range(const char *text, uint32_t *ret_first, uint32_t *ret_last);
