/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/on-logout.h"

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"

static const char *const words[] = {
        [ON_LOGOUT_KEEP] = "keep",
        [ON_LOGOUT_AUTO] = "auto",
        [ON_LOGOUT_STOP] = "stop",
};

const char *on_logout_to_string(OnLogout on_logout) {
        return (size_t) on_logout < ELEMENTSOF(words) ? words[on_logout] : NULL;
}

int on_logout_from_string(const char *text, OnLogout *ret) {
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcmp(text, words[i]) == 0) {
                        *ret = (OnLogout) i;
                        return 0;
                }
        return -EINVAL;
}
