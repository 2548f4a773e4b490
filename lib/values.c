/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/values.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "lib/cleanup.h"

#define FRACTION_DIGITS_MAX 6

/* A number as written: whole + fraction / scale. */
typedef struct Decimal {
        uint64_t whole;
        uint64_t fraction;
        uint64_t scale; /* a power of ten; 1 without a fraction */
} Decimal;

typedef struct Unit {
        const char *name;
        uint64_t factor;
} Unit;

static const Unit duration_units[] = {
        { "us", 1 },
        { "ms", 1000 },
        { "s", USEC_PER_SEC },
        { "sec", USEC_PER_SEC },
        { "second", USEC_PER_SEC },
        { "seconds", USEC_PER_SEC },
        { "m", 60 * USEC_PER_SEC },
        { "min", 60 * USEC_PER_SEC },
        { "minute", 60 * USEC_PER_SEC },
        { "minutes", 60 * USEC_PER_SEC },
        { "h", 3600 * USEC_PER_SEC },
        { "hr", 3600 * USEC_PER_SEC },
        { "hour", 3600 * USEC_PER_SEC },
        { "hours", 3600 * USEC_PER_SEC },
        { "d", 86400 * USEC_PER_SEC },
        { "day", 86400 * USEC_PER_SEC },
        { "days", 86400 * USEC_PER_SEC },
        { "w", 604800 * USEC_PER_SEC },
        { "week", 604800 * USEC_PER_SEC },
        { "weeks", 604800 * USEC_PER_SEC },
};

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Digits in base ten. A leading zero is refused: half the readers would take "010" for eight. */
static int take_whole(const char **p, uint64_t *ret) {
        const char *s = *p;
        uint64_t n = 0;

        if (!is_digit(*s) || (*s == '0' && is_digit(s[1])))
                return -EINVAL;

        for (; is_digit(*s); s++)
                if (__builtin_mul_overflow(n, 10, &n) ||
                    __builtin_add_overflow(n, (uint64_t) (*s - '0'), &n))
                        return -ERANGE;

        *p = s;
        *ret = n;
        return 0;
}

static int take_decimal(const char **p, Decimal *ret) {
        Decimal d = { .scale = 1 };
        const char *s = *p;
        int r;

        r = take_whole(&s, &d.whole);
        if (r < 0)
                return r;

        if (*s == '.') {
                s++;
                if (!is_digit(*s))
                        return -EINVAL;
                for (unsigned i = 0; is_digit(*s); i++, s++) {
                        if (i >= FRACTION_DIGITS_MAX)
                                return -EINVAL;
                        d.fraction = d.fraction * 10 + (uint64_t) (*s - '0');
                        d.scale *= 10;
                }
        }

        *p = s;
        *ret = d;
        return 0;
}

/* LIMIT_NONE is no number: only "infinity" gives it. */
static int decimal_scale(const Decimal *d, uint64_t factor, uint64_t *ret) {
        uint64_t n;

        if (__builtin_mul_overflow(d->whole, factor, &n) ||
            __builtin_add_overflow(n, d->fraction * factor / d->scale, &n) || n == LIMIT_NONE)
                return -ERANGE;

        *ret = n;
        return 0;
}

static uint64_t size_suffix_factor(const char *suffix) {
        static const char letters[] = "KMGT";
        const char *found;

        if (suffix[0] == '\0' || suffix[1] != '\0')
                return 0;

        found = strchr(letters, suffix[0]);
        return found ? UINT64_C(1) << (10 * (found - letters + 1)) : 0;
}

int parse_size(const char *text, uint64_t *ret) {
        uint64_t factor;
        Decimal d;
        int r;

        if (strcmp(text, "infinity") == 0) {
                *ret = LIMIT_NONE;
                return 0;
        }

        r = take_decimal(&text, &d);
        if (r < 0)
                return r;

        if (*text == '\0')
                factor = d.scale == 1 ? 1 : 0; /* there is no half byte */
        else
                factor = size_suffix_factor(text);
        if (factor == 0)
                return -EINVAL;

        return decimal_scale(&d, factor, ret);
}

static const char *skip_spaces(const char *p) {
        return p + strspn(p, " \t");
}

/* Takes the letters at *p as the name of a unit of time. */
static int take_duration_unit(const char **p, uint64_t *ret_factor) {
        size_t n = 0;

        while (is_letter((*p)[n]))
                n++;

        for (size_t i = 0; i < ELEMENTSOF(duration_units); i++) {
                const Unit *u = &duration_units[i];

                if (strlen(u->name) == n && memcmp(u->name, *p, n) == 0) {
                        *p += n;
                        *ret_factor = u->factor;
                        return 0;
                }
        }

        return -EINVAL;
}

static int take_duration_part(const char **p, bool first, uint64_t *ret) {
        uint64_t factor = USEC_PER_SEC;
        const char *s = *p;
        Decimal d;
        int r;

        r = take_decimal(&s, &d);
        if (r < 0)
                return r;

        s = skip_spaces(s);
        if (!first || *s) { /* only a number that stands alone does without a unit */
                r = take_duration_unit(&s, &factor);
                if (r < 0)
                        return r;
        }

        r = decimal_scale(&d, factor, ret);
        if (r < 0)
                return r;

        *p = skip_spaces(s);
        return 0;
}

int parse_duration(const char *text, uint64_t *ret_usec) {
        uint64_t total = 0;

        if (strcmp(text, "infinity") == 0) {
                *ret_usec = LIMIT_NONE;
                return 0;
        }

        for (const char *p = text; p == text || *p;) {
                uint64_t part;
                int r;

                r = take_duration_part(&p, p == text, &part);
                if (r < 0)
                        return r;
                if (__builtin_add_overflow(total, part, &total) || total == LIMIT_NONE)
                        return -ERANGE;
        }

        *ret_usec = total;
        return 0;
}

/* "min" or "30s"; never nothing, never for ever. */
static int parse_period(const char *text, uint64_t *ret_usec) {
        uint64_t usec;
        int r;

        if (is_digit(*text))
                r = parse_duration(text, &usec);
        else {
                r = take_duration_unit(&text, &usec);
                if (r == 0 && *text)
                        r = -EINVAL;
        }
        if (r < 0)
                return r;
        if (usec == 0)
                return -EINVAL;

        *ret_usec = usec;
        return 0;
}

int parse_rate(const char *text, uint32_t *ret_count, uint64_t *ret_per_usec) {
        uint64_t count, per;
        int r;

        r = take_whole(&text, &count);
        if (r < 0)
                return r;
        if (*text != '/' || count == 0)
                return -EINVAL;
        if (count > UINT32_MAX)
                return -ERANGE;

        r = parse_period(text + 1, &per);
        if (r < 0)
                return r;

        *ret_count = (uint32_t) count;
        *ret_per_usec = per;
        return 0;
}

static int take_id(const char **p, uint32_t *ret) {
        uint64_t id;
        int r;

        r = take_whole(p, &id);
        if (r < 0)
                return r;
        if (id > UINT32_MAX)
                return -ERANGE;
        if (id == UINT32_MAX || id == UINT16_MAX)
                return -EINVAL;

        *ret = (uint32_t) id;
        return 0;
}

int parse_id(const char *text, uint32_t *ret) {
        uint32_t id;
        int r;

        r = take_id(&text, &id);
        if (r < 0)
                return r;
        if (*text)
                return -EINVAL;

        *ret = id;
        return 0;
}

int parse_id_range(const char *text, uint32_t *ret_first, uint32_t *ret_last) {
        uint32_t first, last;
        int r;

        r = take_id(&text, &first);
        if (r < 0)
                return r;
        if (*text != '-')
                return -EINVAL;

        r = parse_id(text + 1, &last);
        if (r < 0)
                return r;
        if (first > last)
                return -EINVAL;

        *ret_first = first;
        *ret_last = last;
        return 0;
}
