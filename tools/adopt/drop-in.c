/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/adopt/drop-in.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/text.h"
#include "tools/restart/plan.h"

#define SHIMS CGMOVE_LIBEXEC_DIR "/shims"
#define PROGRAM CGMOVE_BIN_DIR "/cgmove"

int drop_in_quote(const char *value, char **ret) {
        char *text, *p;

        p = text = malloc(2 * strlen(value) + 3);
        if (!text)
                return -ENOMEM;
        *p++ = '"';
        for (; *value; value++) {
                if (*value == '"' || *value == '\\')
                        *p++ = '\\';
                if (*value == '%')
                        *p++ = '%';
                *p++ = *value;
        }
        *p++ = '"';
        *p = '\0';
        *ret = text;
        return 0;
}

static bool is_shims(const char *part, size_t n) {
        while (n > 1 && part[n - 1] == '/')
                n--;
        return n == strlen(SHIMS) && strncmp(part, SHIMS, n) == 0;
}

int drop_in_clean_path(const char *path, char **ret) {
        char *text, *p;
        bool first = true;

        p = text = malloc(strlen(path) + 1);
        if (!text)
                return -ENOMEM;
        for (const char *part = path;; part++) {
                size_t n = strcspn(part, ":");

                if (!is_shims(part, n)) {
                        if (!first)
                                *p++ = ':';
                        memcpy(p, part, n);
                        p += n;
                        first = false;
                }
                part += n;
                if (!*part)
                        break;
        }
        *p = '\0';
        *ret = text;
        return 0;
}

#define TIME_WAIT_SECONDS 60 /* TCP_TIMEWAIT_LEN of the kernel */
#define WAIT_REUSE 30
#define WAIT_LONG (TIME_WAIT_SECONDS + 15)

unsigned drop_in_timeout(uint64_t start_usec, bool reuse) {
        unsigned wanted = reuse ? WAIT_REUSE : WAIT_LONG;
        uint64_t most = start_usec / 1000000 * 3 / 4;

        if (start_usec == 0 || most >= wanted)
                return wanted;
        return most > 0 ? (unsigned) most : 1;
}

static void put_ports(FILE *f, const DropIn *d) {
        if (d->n_ports == 0)
                return;
        (void) fputs("# The ports it listened on. \"-\": if that is in vain, or cgmove gone, it starts.\n"
                     "ExecStartPre=-" PROGRAM " wait-port",
                     f);
        if (d->reuse)
                (void) fputs(" --reuse", f);
        if (d->timeout > 0)
                (void) fprintf(f, " --timeout=%u", d->timeout);
        for (size_t i = 0; i < d->n_ports; i++) {
                char text[PORT_ADDRESS_TEXT_MAX];

                port_address_text(&d->ports[i], text);
                (void) fprintf(f, " %s", text);
        }
        (void) fputc('\n', f);
}

/* A variable of the unit's environment as the value of Environment=. */
static int quote_assignment(const char *name, const char *value, char **ret) {
        _cleanup_free_ char *assignment = NULL;

        if (!text_is_plain(value))
                return -EINVAL;
        if (asprintf(&assignment, "%s=%s", name, value) < 0)
                return -ENOMEM;
        return drop_in_quote(assignment, ret);
}

static int put_condition(FILE *f, const DropIn *d) {
        _cleanup_free_ char *value = NULL;
        int r;

        if (!d->when)
                return 0;
        r = quote_assignment(PLAN_WHEN_VARIABLE, d->when, &value);
        if (r < 0)
                return r;
        (void) fprintf(f, "# A restart from inside begins when this succeeds.\nEnvironment=%s\n", value);
        return 0;
}

static int quote_path(const char *path, char **ret) {
        _cleanup_free_ char *whole = NULL;

        if (asprintf(&whole, SHIMS "%s%s", path[0] ? ":" : "", path) < 0)
                return -ENOMEM;
        return quote_assignment("PATH", whole, ret);
}

int drop_in_text(const DropIn *d, char **ret) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t size;
        FILE *f;
        int r;

        r = quote_path(d->path, &path);
        if (r < 0)
                return r;
        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        (void) fprintf(f,
                       "%s\n"
                       "[Service]\n"
                       "# A \"systemctl\" that makes a restart or a stop from inside safe, see cgmove(1).\n"
                       "Environment=%s\n",
                       DROP_IN_MARKER, path);
        r = put_condition(f, d);
        put_ports(f, d);
        if (fclose(f) != 0)
                return -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(text);
        return 0;
}

bool drop_in_is_ours(const char *text) {
        size_t n = strlen(DROP_IN_MARKER);

        return strncmp(text, DROP_IN_MARKER, n) == 0 && (text[n] == '\n' || text[n] == '\0');
}
