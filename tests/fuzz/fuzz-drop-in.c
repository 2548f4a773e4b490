/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The drop-in of `cgmove adopt`: the PATH of a unit, which becomes a setting of it, and the beginning of a file, which may be another's. */

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "tools/adopt/drop-in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned count(const char *text, char c) {
        unsigned n = 0;

        for (; *text; text++)
                n += *text == c;
        return n;
}

/* A PATH stays on the line that it is on, whatever is in it. */
static void check_text(const char *path) {
        DropIn drop_in = { .path = "", .ports = { { .port = 80, .any = true } }, .n_ports = 1 };
        _cleanup_free_ char *text = NULL, *plain = NULL;
        int r;

        assert(drop_in_text(&drop_in, &plain) == 0);
        drop_in.path = path;
        r = drop_in_text(&drop_in, &text);
        assert(r == 0 || r == -EINVAL);
        if (r < 0)
                return;
        assert(drop_in_is_ours(text));
        assert(count(text, '\n') == count(plain, '\n'));
}

/* Out of it once is out of it for good. */
static void check_clean(const char *path) {
        _cleanup_free_ char *once = NULL, *twice = NULL;

        assert(drop_in_clean_path(path, &once) == 0 && drop_in_clean_path(once, &twice) == 0);
        assert(strlen(once) <= strlen(path) && strcmp(once, twice) == 0);
}

/* What systemd would read back is the value. */
static void check_quote(const char *value) {
        _cleanup_free_ char *text = NULL;
        const char *p;

        assert(drop_in_quote(value, &text) == 0);
        assert(text[0] == '"');
        for (p = text + 1; *value; value++) {
                if (*p == '\\' || *p == '%')
                        p++;
                else
                        assert(*p != '"');
                assert(*p++ == *value);
        }
        assert(strcmp(p, "\"") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size);

        if (!text)
                return 0;
        if (drop_in_is_ours(text))
                assert(strncmp(text, DROP_IN_MARKER, strlen(DROP_IN_MARKER)) == 0);
        check_text(text);
        check_clean(text);
        check_quote(text);
        return 0;
}
