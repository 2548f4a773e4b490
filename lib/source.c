/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/values.h"

#define DELETED_SUFFIX " (deleted)"
#define USER_SLICE "user.slice"
#define POOL_SLICE "user-cgmove.slice"

static const char *const unit_suffixes[] = {
        ".service", ".scope", ".socket", ".slice",  ".mount",  ".automount",
        ".swap",    ".timer", ".path",   ".target", ".device",
};

static bool has_suffix(const char *s, size_t n, const char *suffix) {
        size_t k = strlen(suffix);

        return n >= k && memcmp(s + n - k, suffix, k) == 0;
}

static bool is_unit_char(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c != '\0' && strchr(":-_.\\@", c));
}

/* Bytes before the suffix, or 0. */
static size_t unit_stem_length(const char *name, size_t n) {
        for (size_t i = 0; i < ELEMENTSOF(unit_suffixes); i++)
                if (has_suffix(name, n, unit_suffixes[i]))
                        return n - strlen(unit_suffixes[i]);

        return 0;
}

bool unit_name_is_valid(const char *name) {
        size_t n = strnlen(name, UNIT_NAME_MAX + 1), stem;
        const char *at;

        if (n > UNIT_NAME_MAX)
                return false;

        stem = unit_stem_length(name, n);
        if (stem == 0)
                return false;

        for (size_t i = 0; i < stem; i++)
                if (!is_unit_char(name[i]))
                        return false;

        at = memchr(name, '@', stem);
        /* neither a bare instance nor a template */
        return !at || (at != name && at != name + stem - 1);
}

static bool cgroup_path_is_valid(const char *path) {
        if (path[0] != '/')
                return false;
        if (path[1] == '\0')
                return true;

        for (const char *p = path; *p;) {
                size_t n = strcspn(++p, "/"); /* p was at a slash */

                if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return false;
                for (size_t i = 0; i < n; i++)
                        if ((unsigned char) p[i] < 0x20 || p[i] == 0x7f)
                                return false;
                p += n;
        }

        return true;
}

int cgroup_path_from_proc(const char *text, char **ret_path, bool *ret_deleted) {
        _cleanup_free_ char *path = NULL;
        const char *line = text;
        bool deleted;
        size_t n;

        while (strncmp(line, "0::", 3) != 0) {
                line = strchr(line, '\n');
                if (!line)
                        return -ENODATA;
                line++;
        }

        line += 3;
        n = strcspn(line, "\n");
        deleted = has_suffix(line, n, DELETED_SUFFIX);
        if (deleted)
                n -= strlen(DELETED_SUFFIX);

        path = strndup(line, n);
        if (!path)
                return -ENOMEM;
        if (!cgroup_path_is_valid(path))
                return -EINVAL;

        *ret_path = TAKE_PTR(path);
        *ret_deleted = deleted;
        return 0;
}

/* Takes one component off a path without its leading slash; -ENOENT at the end, -ENAMETOOLONG for what no
 * file system has. */
static int take_component(const char **p, char ret[static UNIT_NAME_MAX + 1]) {
        size_t n = strcspn(*p, "/");

        if (n == 0)
                return -ENOENT;
        if (n > UNIT_NAME_MAX)
                return -ENAMETOOLONG;

        memcpy(ret, *p, n);
        ret[n] = '\0';
        *p += n;
        if (**p == '/')
                (*p)++;
        return 0;
}

/* cg_unescape() of systemd. */
static const char *unescape(const char *component) {
        return component[0] == '_' ? component + 1 : component;
}

static bool is_slice(const char *unit) {
        return has_suffix(unit, strlen(unit), ".slice");
}

/* "a-b.slice" lies in "a.slice", "a.slice" at the root; PARENT is "" there. */
static bool slice_lies_in(const char *slice, const char *parent) {
        size_t stem = strlen(slice) - strlen(".slice"), n;
        const char *dash = memrchr(slice, '-', stem);

        n = dash ? (size_t) (dash - slice) : 0;
        if (parent[0] == '\0')
                return n == 0;

        return n > 0 && strlen(parent) == n + strlen(".slice") && memcmp(slice, parent, n) == 0;
}

/* Skips the slices at *p, which must nest as systemd nests them, and gives the component after them (as it
 * stands, not unescaped). A slice that is made to look like user.slice by its escaping is nobody's. */
static int take_after_slices(const char **p, char ret[static UNIT_NAME_MAX + 1]) {
        char slice[UNIT_NAME_MAX + 1] = "";
        int r;

        for (;;) {
                char component[UNIT_NAME_MAX + 1];
                const char *unit;

                r = take_component(p, component);
                if (r < 0)
                        return r;

                unit = unescape(component);
                if (!is_slice(unit)) {
                        strcpy(ret, component);
                        return 0;
                }
                if (!unit_name_is_valid(unit) || !slice_lies_in(unit, slice) ||
                    (unit != component && strcmp(unit, USER_SLICE) == 0))
                        return -EINVAL;

                strcpy(slice, unit);
        }
}

/* Whether what is left of the path has a component NAME. */
static bool path_has_component(const char *rest, const char *name) {
        char component[UNIT_NAME_MAX + 1];

        while (take_component(&rest, component) >= 0)
                if (strcmp(component, name) == 0)
                        return true;

        return false;
}

/* Reads PREFIX, a user id, SUFFIX. */
static bool name_with_uid(const char *name, const char *prefix, const char *suffix, uid_t *ret) {
        size_t n = strlen(name), k = strlen(prefix);
        char digits[16];

        if (strncmp(name, prefix, k) != 0 || !has_suffix(name, n, suffix) || n <= k + strlen(suffix))
                return false;

        n -= k + strlen(suffix);
        if (n >= sizeof(digits))
                return false;

        memcpy(digits, name + k, n);
        digits[n] = '\0';
        return parse_id(digits, ret) >= 0;
}

static bool is_session_scope(const char *name) {
        size_t n = strlen(name), prefix = strlen("session-"), suffix = strlen(".scope");

        if (strncmp(name, "session-", prefix) != 0 || !has_suffix(name, n, ".scope") || n <= prefix + suffix)
                return false;

        for (size_t i = prefix; i < n - suffix; i++)
                if (!is_unit_char(name[i]) || strchr(":-_.\\@", name[i]))
                        return false;

        return true;
}

/* What the unit COMPONENT, with REST below it, is; KIND is what a plain unit is at this place. */
static void source_set_unit(Source *source, SourceKind kind, const char *component, const char *rest) {
        const char *unit = unescape(component);

        source->control = path_has_component(rest, ".control");

        /* init.scope is where a manager lives; one that is nested in a container is one too */
        if (strcmp(unit, "init.scope") == 0 || path_has_component(rest, "init.scope")) {
                source->kind = SOURCE_MANAGER;
                return;
        }
        if (!unit_name_is_valid(unit) || is_slice(unit))
                return;

        source->kind = kind;
        strcpy(source->unit, unit);
}

static void source_set_user_unit(Source *source, const char *rest) {
        char component[UNIT_NAME_MAX + 1];
        const char *p = rest;

        /* a process of the manager that is not in init.scope (yet), or in the manager's own ".control" */
        if (take_component(&p, component) < 0 || strcmp(component, ".control") == 0) {
                source->kind = SOURCE_MANAGER;
                source->control = rest[0] != '\0';
                return;
        }

        if (take_after_slices(&rest, component) >= 0)
                source_set_unit(source, SOURCE_USER_UNIT, component, rest);
}

/* "job-17" gives 17; 0 for any other name, be it only written otherwise ("job-017", "job-+17"). */
static uint64_t job_id_from_component(const char *component) {
        char canonical[32];
        uint64_t id;

        if (strncmp(component, "job-", 4) != 0)
                return 0;

        id = strtoull(component + 4, NULL, 10);
        snprintf(canonical, sizeof(canonical), "job-%" PRIu64, id);
        return strcmp(component, canonical) == 0 ? id : 0;
}

/* REST is below /user.slice/user-cgmove.slice. Nothing there but a pool at its one place is a place to move
 * from. */
static void source_set_job(Source *source, const char *rest) {
        char component[UNIT_NAME_MAX + 1];
        uid_t slice_uid, unit_uid;

        if (take_component(&rest, component) < 0 ||
            !name_with_uid(component, "user-cgmove-", ".slice", &slice_uid))
                return;
        if (take_component(&rest, component) < 0 ||
            !name_with_uid(component, "cgmove@", ".service", &unit_uid) || unit_uid != slice_uid)
                return;

        source->kind = SOURCE_JOB;
        source->owner_uid = slice_uid;
        source->control = path_has_component(rest, ".control");
        strcpy(source->unit, component);
        if (take_component(&rest, component) >= 0)
                source->job = job_id_from_component(component);
}

/* Names that mean a session, a manager or a pool; anywhere but at their own place they are nobody's. */
static bool unit_is_misplaced(const char *unit) {
        return is_session_scope(unit) || strncmp(unit, "user@", strlen("user@")) == 0 ||
               strncmp(unit, "cgmove@", strlen("cgmove@")) == 0;
}

static void source_set_system_unit(Source *source, const char *rest) {
        char component[UNIT_NAME_MAX + 1];

        if (take_after_slices(&rest, component) >= 0 && !unit_is_misplaced(unescape(component)))
                source_set_unit(source, SOURCE_SYSTEM_UNIT, component, rest);
}

/* REST is below /user.slice/user-UID.slice, PATH the whole without its leading slash. */
static void source_set_in_user_slice(Source *source, uid_t uid, const char *rest, const char *path) {
        char component[UNIT_NAME_MAX + 1];
        uid_t manager_uid;

        if (take_component(&rest, component) < 0)
                return;

        source->owner_uid = uid;
        if (is_session_scope(component)) {
                source->kind = SOURCE_SESSION;
                source->control = path_has_component(rest, ".control");
                strcpy(source->unit, component);
        } else if (name_with_uid(component, "user@", ".service", &manager_uid)) {
                if (manager_uid == uid)
                        source_set_user_unit(source, rest);
        } else
                source_set_system_unit(source, path);
}

void source_from_cgroup_path(const char *path, Source *ret) {
        Source source = { .kind = SOURCE_OTHER, .owner_uid = UID_NONE };
        char component[UNIT_NAME_MAX + 1];
        const char *rest;
        uid_t uid;

        *ret = source;
        if (!cgroup_path_is_valid(path))
                return;

        rest = ++path;
        if (take_component(&rest, component) < 0)
                return;

        if (strcmp(component, USER_SLICE) != 0 || take_component(&rest, component) < 0)
                source_set_system_unit(&source, path);
        else if (strcmp(component, POOL_SLICE) == 0)
                source_set_job(&source, rest);
        else if (name_with_uid(component, "user-", ".slice", &uid))
                source_set_in_user_slice(&source, uid, rest, path);
        else
                source_set_system_unit(&source, path);

        if (source.kind != SOURCE_OTHER)
                *ret = source;
}

int source_to_string(const Source *source, char **ret) {
        const char *prefix = "", *word = "other";
        char *s;

        switch (source->kind) {
        case SOURCE_OTHER:
                break;
        case SOURCE_MANAGER:
                word = "manager";
                break;
        case SOURCE_USER_UNIT:
                prefix = "user:";
                word = source->unit;
                break;
        case SOURCE_SYSTEM_UNIT:
                prefix = "system:";
                word = source->unit;
                break;
        case SOURCE_SESSION:
                word = "session";
                break;
        case SOURCE_JOB:
                word = "job";
                break;
        }

        if (asprintf(&s, "%s%s", prefix, word) < 0)
                return -ENOMEM;

        *ret = s;
        return 0;
}

int source_from_string(const char *text, uid_t owner_uid, Source *ret) {
        static const struct {
                const char *prefix;
                SourceKind kind;
        } kinds[] = { { "user:", SOURCE_USER_UNIT }, { "system:", SOURCE_SYSTEM_UNIT } };
        Source source = { .owner_uid = owner_uid };

        if (strcmp(text, "session") == 0 || strcmp(text, "job") == 0) {
                source.kind = text[0] == 's' ? SOURCE_SESSION : SOURCE_JOB;
                *ret = source;
                return 0;
        }

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                size_t n = strlen(kinds[i].prefix);

                if (strncmp(text, kinds[i].prefix, n) != 0 || !unit_name_is_valid(text + n))
                        continue;

                source.kind = kinds[i].kind;
                strcpy(source.unit, text + n); /* unit_name_is_valid() has looked at the length */
                *ret = source;
                return 0;
        }

        return -EINVAL;
}

int service_from_string(const char *text, uid_t owner_uid, Source *ret) {
        Source source;
        const char *suffix;

        if (source_from_string(text, owner_uid, &source) < 0)
                return -EINVAL;

        suffix = strrchr(source.unit, '.');
        if (!suffix || strcmp(suffix, ".service") != 0)
                return -EINVAL;

        *ret = source;
        return 0;
}
