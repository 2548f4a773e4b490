/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/policy-values.h"

#include <errno.h>
#include <string.h>

#include "lib/source.h"
#include "lib/text.h"
#include "lib/values.h"

#define USER_NAME_MAX 255

static const char letters_and_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static bool consists_of(const char *text, const char *others) {
        while (*text && (strchr(letters_and_digits, *text) || strchr(others, *text)))
                text++;

        return *text == '\0';
}

bool unit_pattern_is_valid(const char *text) {
        const char *unit;

        if (strncmp(text, "user:", strlen("user:")) != 0 && strncmp(text, "system:", strlen("system:")) != 0)
                return false;

        unit = strchr(text, ':') + 1;
        if (!strpbrk(unit, "*?"))
                return unit_name_is_valid(unit);

        return strlen(unit) <= UNIT_NAME_MAX && consists_of(unit, "*?:-_.\\@");
}

bool source_pattern_is_valid(const char *text) {
        return strcmp(text, "session") == 0 || strcmp(text, "job") == 0 || unit_pattern_is_valid(text);
}

bool variable_pattern_is_valid(const char *text) {
        return *text && strlen(text) <= 255 && consists_of(text, "_*?");
}

bool user_name_is_valid(const char *name) {
        size_t n = strlen(name);

        if (n == 0 || n > USER_NAME_MAX || !text_is_plain(name) || strpbrk(name, ":/"))
                return false;
        if (strchr("-@. ", name[0]) || name[n - 1] == ' ')
                return false;

        return strspn(name, "0123456789") < n;
}

static int user_match_parse_id(const char *text, UserMatch *ret) {
        uint32_t first, last;
        int r;

        if (strchr(text, '-'))
                r = parse_id_range(text, &first, &last);
        else {
                r = parse_id(text, &first);
                last = first;
        }
        if (r < 0)
                return -EINVAL;

        *ret = (UserMatch){ .kind = USER_MATCH_RANGE, .first = first, .last = last };
        return 0;
}

int user_match_parse(const char *text, UserMatch *ret) {
        bool group = text[0] == '@';
        char *name;

        if (text[0] >= '0' && text[0] <= '9')
                return user_match_parse_id(text, ret);
        if (!user_name_is_valid(text + group))
                return -EINVAL;

        name = strdup(text + group);
        if (!name)
                return -ENOMEM;

        *ret = (UserMatch){
                .kind = group ? USER_MATCH_GROUP : USER_MATCH_NAME,
                .name = name,
                .first = UID_NONE,
                .last = UID_NONE,
        };
        return 0;
}
