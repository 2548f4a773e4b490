/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A cgroup path, as it is and as the text of /proc/PID/cgroup; a pattern against it; a source in words. */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/pattern.h"
#include "lib/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_source(const char *path) {
        _cleanup_free_ char *text = NULL;
        Source source;

        source_from_cgroup_path(path, &source);
        assert(source_to_string(&source, &text) == 0);

        switch (source.kind) {
        case SOURCE_OTHER:
                assert(source.owner_uid == UID_NONE && source.unit[0] == '\0' && !source.control);
                break;
        case SOURCE_MANAGER:
                assert(source.unit[0] == '\0');
                break;
        case SOURCE_SYSTEM_UNIT:
                assert(unit_name_is_valid(source.unit));
                break;
        case SOURCE_USER_UNIT:
        case SOURCE_SESSION:
        case SOURCE_JOB:
                assert(unit_name_is_valid(source.unit));
                assert(source.owner_uid != UID_NONE && strncmp(path, "/user.slice/user-", 17) == 0);
                break;
        }
        assert(source.job == 0 || source.kind == SOURCE_JOB);

        /* what cannot be named cannot be asked for */
        if (source.kind != SOURCE_OTHER && source.kind != SOURCE_MANAGER) {
                Source again;

                assert(source_from_string(text, source.owner_uid, &again) == 0);
                assert(again.kind == source.kind);
        } else
                assert(source_from_string(text, 0, &source) == -EINVAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = NULL, *path = NULL;
        bool deleted;
        char *line;
        int r;

        if (size > 8192)
                return 0;
        text = malloc(size + 1);
        if (!text)
                return 0;
        memcpy(text, data, size);
        text[size] = '\0';

        check_source(text);
        r = cgroup_path_from_proc(text, &path, &deleted);
        assert(r == 0 || r == -ENODATA || r == -EINVAL);
        if (r == 0)
                check_source(path);

        line = strchr(text, '\n');
        if (line) {
                *line = '\0';
                assert(!pattern_match(text, line + 1) || pattern_match_any(text, line + 1));
        }

        return 0;
}
