/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/user-name.h"

#include <pwd.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/cleanup.h"
#include "tools/remote.h"

#define KEPT_MAX 64 /* users on one screen, and more */

const char *user_name(uid_t uid, char buffer[static USER_NAME_SIZE]) {
        static struct {
                uid_t uid;
                char name[USER_NAME_SIZE];
        } kept[KEPT_MAX];
        static size_t n;
        const struct passwd *user;

        for (size_t i = 0; i < n && i < KEPT_MAX; i++)
                if (kept[i].uid == uid) {
                        (void) snprintf(buffer, USER_NAME_SIZE, "%s", kept[i].name);
                        return buffer;
                }
        /* the users of another host are not known here */
        user = remote_chosen()->kind == REMOTE_NONE ? getpwuid(uid) : NULL;
        if (user)
                (void) snprintf(buffer, USER_NAME_SIZE, "%s", user->pw_name);
        else
                (void) snprintf(buffer, USER_NAME_SIZE, "%u", (unsigned) uid);
        kept[n % KEPT_MAX].uid = uid;
        (void) snprintf(kept[n % KEPT_MAX].name, USER_NAME_SIZE, "%s", buffer);
        n++;
        return buffer;
}
