/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/uptime.h"

#include <errno.h>
#include <time.h>

#include "lib/values.h"

uint64_t uptime_now(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

int uptime_since(uint64_t up, uint64_t *ret) {
        uint64_t now = uptime_now();

        if (up == 0 || up > now)
                return -ENODATA;
        *ret = now - up;
        return 0;
}
