/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/values.h"

#define UNTOUCHED 0xabcdef

typedef struct ValueCase {
        const char *text;
        int r;
        uint64_t value;
} ValueCase;

static void check(const ValueCase *cases, size_t n, int (*parse)(const char *, uint64_t *)) {
        for (size_t i = 0; i < n; i++) {
                uint64_t value = UNTOUCHED;
                int r = parse(cases[i].text, &value);

                if (r != cases[i].r || value != (r < 0 ? UNTOUCHED : cases[i].value))
                        fail_msg("\"%s\": %d, %lu", cases[i].text, r, value);
        }
}

static void test_size(void **state) {
        static const ValueCase cases[] = {
                { "0", 0, 0 },
                { "512", 0, 512 },
                { "64K", 0, 65536 },
                { "1M", 0, 1048576 },
                { "1G", 0, 1073741824 },
                { "2T", 0, UINT64_C(2) << 40 },
                { "1.5G", 0, 1610612736 },
                { "0.5K", 0, 512 },
                { "infinity", 0, LIMIT_NONE },
                { "18446744073709551614", 0, UINT64_MAX - 1 },
                { "18446744073709551615", -ERANGE, 0 },
                { "18446744073709551616", -ERANGE, 0 },
                { "16777216T", -ERANGE, 0 },
                { "16777215.999999T", 0, UINT64_C(18446744073708452104) },
                { "", -EINVAL, 0 },
                { "G", -EINVAL, 0 },
                { "010", -EINVAL, 0 },
                { "0x10", -EINVAL, 0 },
                { "-1", -EINVAL, 0 },
                { "+1", -EINVAL, 0 },
                { " 1", -EINVAL, 0 },
                { "1 ", -EINVAL, 0 },
                { "1g", -EINVAL, 0 },
                { "1GB", -EINVAL, 0 },
                { "1 G", -EINVAL, 0 },
                { "1.G", -EINVAL, 0 },
                { ".5G", -EINVAL, 0 },
                { "1.5", -EINVAL, 0 },
                { "1.5.5G", -EINVAL, 0 },
                { "1.1234567G", -EINVAL, 0 },
                { "Infinity", -EINVAL, 0 },
                { "infinityG", -EINVAL, 0 },
                { "1e3", -EINVAL, 0 },
        };

        check(cases, ELEMENTSOF(cases), parse_size);
}

static void test_duration(void **state) {
        static const ValueCase cases[] = {
                { "0", 0, 0 },
                { "90", 0, 90 * USEC_PER_SEC },
                { "90 ", 0, 90 * USEC_PER_SEC },
                { "90s", 0, 90 * USEC_PER_SEC },
                { "5min", 0, 300 * USEC_PER_SEC },
                { "5 min", 0, 300 * USEC_PER_SEC },
                { "5m", 0, 300 * USEC_PER_SEC },
                { "6h", 0, 21600 * USEC_PER_SEC },
                { "2d", 0, 172800 * USEC_PER_SEC },
                { "2 days", 0, 172800 * USEC_PER_SEC },
                { "1w", 0, 604800 * USEC_PER_SEC },
                { "1h 30min", 0, 5400 * USEC_PER_SEC },
                { "1h30min", 0, 5400 * USEC_PER_SEC },
                { "1.5h", 0, 5400 * USEC_PER_SEC },
                { "500ms", 0, 500000 },
                { "7us", 0, 7 },
                { "infinity", 0, LIMIT_NONE },
                { "18446744073710s", -ERANGE, 0 },
                { "30500568904944w", -ERANGE, 0 },
                { "30500568w 30500568w", -ERANGE, 0 },
                { "99999999999999999999", -ERANGE, 0 },
                { "", -EINVAL, 0 },
                { " 1s", -EINVAL, 0 },
                { "s", -EINVAL, 0 },
                { "1h 30", -EINVAL, 0 },
                { "90 90", -EINVAL, 0 },
                { "1y", -EINVAL, 0 },
                { "1S", -EINVAL, 0 },
                { "-1s", -EINVAL, 0 },
                { "010s", -EINVAL, 0 },
                { "1h, 1s", -EINVAL, 0 },
                { "infinity 1s", -EINVAL, 0 },
                { "1s infinity", -EINVAL, 0 },
                { "1minx", -EINVAL, 0 },
        };

        check(cases, ELEMENTSOF(cases), parse_duration);
}

static void test_rate(void **state) {
        static const struct {
                const char *text;
                int r;
                uint32_t count;
                uint64_t per;
        } cases[] = {
                { "30/min", 0, 30, 60 * USEC_PER_SEC },
                { "5/s", 0, 5, USEC_PER_SEC },
                { "100/h", 0, 100, 3600 * USEC_PER_SEC },
                { "500/d", 0, 500, 86400 * USEC_PER_SEC },
                { "10/30s", 0, 10, 30 * USEC_PER_SEC },
                { "1/1h 30min", 0, 1, 5400 * USEC_PER_SEC },
                { "4294967295/s", 0, UINT32_MAX, USEC_PER_SEC },
                { "4294967296/s", -ERANGE, 0, 0 },
                { "1/99999999999w", -ERANGE, 0, 0 },
                { "0/s", -EINVAL, 0, 0 },
                { "1/0s", -EINVAL, 0, 0 },
                { "1/infinity", -EINVAL, 0, 0 },
                { "1/", -EINVAL, 0, 0 },
                { "1", -EINVAL, 0, 0 },
                { "/s", -EINVAL, 0, 0 },
                { "", -EINVAL, 0, 0 },
                { "010/s", -EINVAL, 0, 0 },
                { "1 / s", -EINVAL, 0, 0 },
                { "1/s ", -EINVAL, 0, 0 },
                { "1/s/s", -EINVAL, 0, 0 },
                { "1.5/s", -EINVAL, 0, 0 },
                { "-1/s", -EINVAL, 0, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint32_t count = UNTOUCHED;
                uint64_t per = UNTOUCHED;
                int r = parse_rate(cases[i].text, &count, &per);

                if (r != cases[i].r || count != (r < 0 ? UNTOUCHED : cases[i].count) ||
                    per != (r < 0 ? UNTOUCHED : cases[i].per))
                        fail_msg("\"%s\": %d, %u in %lu", cases[i].text, r, count, per);
        }
}

static void test_id(void **state) {
        static const struct {
                const char *text;
                int r;
                uint32_t id;
        } cases[] = {
                { "0", 0, 0 },
                { "1000", 0, 1000 },
                { "65534", 0, 65534 },
                { "4294967294", 0, UINT32_MAX - 1 },
                { "65535", -EINVAL, 0 },
                { "4294967295", -EINVAL, 0 },
                { "4294967296", -ERANGE, 0 },
                { "99999999999999999999", -ERANGE, 0 },
                { "", -EINVAL, 0 },
                { "-1", -EINVAL, 0 },
                { "+1", -EINVAL, 0 },
                { "01", -EINVAL, 0 },
                { "00", -EINVAL, 0 },
                { "1a", -EINVAL, 0 },
                { " 1", -EINVAL, 0 },
                { "1\n", -EINVAL, 0 },
                { "0x1", -EINVAL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint32_t id = UNTOUCHED;
                int r = parse_id(cases[i].text, &id);

                if (r != cases[i].r || id != (r < 0 ? UNTOUCHED : cases[i].id))
                        fail_msg("\"%s\": %d, %u", cases[i].text, r, id);
        }
}

static void test_id_range(void **state) {
        static const struct {
                const char *text;
                int r;
                uint32_t first;
                uint32_t last;
        } cases[] = {
                { "2000-2999", 0, 2000, 2999 },
                { "7-7", 0, 7, 7 },
                { "0-4294967294", 0, 0, UINT32_MAX - 1 },
                { "8-7", -EINVAL, 0, 0 },
                { "7", -EINVAL, 0, 0 },
                { "7-", -EINVAL, 0, 0 },
                { "-7", -EINVAL, 0, 0 },
                { "7--8", -EINVAL, 0, 0 },
                { "7 - 8", -EINVAL, 0, 0 },
                { "7-8-9", -EINVAL, 0, 0 },
                { "7-65535", -EINVAL, 0, 0 },
                { "7-4294967295", -EINVAL, 0, 0 },
                { "7-4294967296", -ERANGE, 0, 0 },
                { "", -EINVAL, 0, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint32_t first = UNTOUCHED, last = UNTOUCHED;
                int r = parse_id_range(cases[i].text, &first, &last);

                if (r != cases[i].r || first != (r < 0 ? UNTOUCHED : cases[i].first) ||
                    last != (r < 0 ? UNTOUCHED : cases[i].last))
                        fail_msg("\"%s\": %d, %u to %u", cases[i].text, r, first, last);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_size), cmocka_unit_test(test_duration), cmocka_unit_test(test_rate),
                cmocka_unit_test(test_id),   cmocka_unit_test(test_id_range),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
