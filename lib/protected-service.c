/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/protected-service.h"

#include <stddef.h>

#include "lib/cleanup.h"
#include "lib/pattern.h"

bool system_service_is_protected(const char *name) {
        static const char *const patterns[] = {
                "systemd-*",         "dbus*", "cgmove*",        "user@*", "user-runtime-dir@*",
                "emergency.service", "init*", "rescue.service",
        };

        for (size_t i = 0; i < ELEMENTSOF(patterns); i++)
                if (pattern_match_any(patterns[i], name))
                        return true;
        return false;
}
