/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ports with an address: how they are written, and what is in their way. */

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/net/port-address.h"

static void test_round_trip(void **state) {
        static const struct {
                const char *text, *written; /* NULL: the same */
                uint16_t port;
                bool any;
        } cases[] = {
                { "1", NULL, 1, true },
                { "65535", NULL, 65535, true },
                { "127.0.0.1:8080", NULL, 8080, false },
                { "0.0.0.0:80", NULL, 80, false },
                { "255.255.255.255:65535", NULL, 65535, false },
                { "[::1]:80", NULL, 80, false },
                { "[::]:80", NULL, 80, false },
                { "[2001:DB8::0:1]:80", "[2001:db8::1]:80", 80, false },
                { "[::ffff:127.0.0.1]:80", "127.0.0.1:80", 80, false },
                { "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535", NULL, 65535, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[PORT_ADDRESS_TEXT_MAX];
                PortAddress address;

                assert_int_equal(port_address_parse(cases[i].text, &address), 0);
                assert_int_equal(address.port, cases[i].port);
                assert_int_equal(address.any, cases[i].any);
                port_address_text(&address, text);
                assert_string_equal(text, cases[i].written ? cases[i].written : cases[i].text);
        }
}

static void test_refused(void **state) {
        static const char *const bad[] = {
                "",
                "0",
                "65536",
                ":80",
                "127.0.0.1:",
                "127.0.0.1",
                "127.0.0.1:0",
                "127.1:80",
                "127.0.0.1.1:80",
                "256.0.0.1:80",
                "localhost:80",
                "*:80",
                "::1:80",
                "::1",
                "[::1]",
                "[::1]80",
                "[::1:80",
                "::1]:80",
                "[]:80",
                "[127.0.0.1]:80",
                "[fe80::1%eth0]:80",
                "1234:80",
                "ffff:127.0.0.1:80",
                "::ffff:127.0.0.1:80",
                "127.0.0.1:80:80",
                " 127.0.0.1:80",
                "[00000000000000000000000000000000000000000000000000000000000000000::1]:80",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                PortAddress address = { .port = 7 };

                if (port_address_parse(bad[i], &address) != -EINVAL)
                        fail_msg("\"%s\"", bad[i]);
                assert_int_equal(address.port, 7);
        }
}

static TcpSocket bound_to(const char *text, bool v6only) {
        PortAddress address;

        assert_int_equal(port_address_parse(text, &address), 0);
        return (TcpSocket){
                .family = IN6_IS_ADDR_V4MAPPED(&address.address) ? AF_INET : AF_INET6,
                .v6only = v6only,
                .port = address.port,
                .address = address.address,
        };
}

static void test_overlaps(void **state) {
        static const struct {
                const char *wanted, *there;
                bool v6only, expected;
        } cases[] = {
                { "80", "127.0.0.1:80", false, true },
                { "80", "[::]:80", true, true },
                { "80", "127.0.0.1:81", false, false },
                { "127.0.0.1:80", "127.0.0.1:80", false, true },
                { "127.0.0.1:80", "127.0.0.1:81", false, false },
                { "127.0.0.1:80", "127.0.0.2:80", false, false },
                { "127.0.0.1:80", "0.0.0.0:80", false, true },
                { "127.0.0.1:80", "[::]:80", false, true },
                { "127.0.0.1:80", "[::]:80", true, false },
                { "127.0.0.1:80", "[::1]:80", false, false },
                { "0.0.0.0:80", "127.0.0.2:80", false, true },
                { "0.0.0.0:80", "[::1]:80", false, false },
                { "[::1]:80", "[::]:80", true, true },
                { "[::1]:80", "127.0.0.1:80", false, false },
                { "[::]:80", "127.0.0.1:80", false, true },
                { "[::]:80", "[::1]:80", false, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const TcpSocket socket = bound_to(cases[i].there, cases[i].v6only);
                PortAddress address;

                assert_int_equal(port_address_parse(cases[i].wanted, &address), 0);
                if (port_address_overlaps(&address, &socket) != cases[i].expected)
                        fail_msg("%s, %s", cases[i].wanted, cases[i].there);
        }
}

/* A link-local address can be on any interface. */
static void test_of_socket(void **state) {
        static const struct {
                const char *there, *expected;
        } cases[] = {
                { "127.0.0.1:80", "127.0.0.1:80" },
                { "[::]:80", "[::]:80" },
                { "[fe80::1]:80", "80" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const TcpSocket socket = bound_to(cases[i].there, false);
                const PortAddress address = port_address_of(&socket);
                char text[PORT_ADDRESS_TEXT_MAX];

                port_address_text(&address, text);
                assert_string_equal(text, cases[i].expected);
        }
}

static void test_tells(void **state) {
        const TcpSocket all = bound_to("[::]:80", false), all_v6 = bound_to("[::]:80", true),
                        one = bound_to("[::1]:80", true), v4 = bound_to("0.0.0.0:80", false);

        assert_true(port_address_tells(&all));
        assert_false(port_address_tells(&all_v6));
        assert_true(port_address_tells(&one));
        assert_true(port_address_tells(&v4));
}

static void test_compare(void **state) {
        static const char *const in_order[] = { "80", "127.0.0.1:80", "127.0.0.2:80", "[::1]:81", "443" };

        for (size_t i = 0; i < ELEMENTSOF(in_order); i++)
                for (size_t j = 0; j < ELEMENTSOF(in_order); j++) {
                        PortAddress a, b;
                        int order;

                        assert_int_equal(port_address_parse(in_order[i], &a), 0);
                        assert_int_equal(port_address_parse(in_order[j], &b), 0);
                        order = port_address_compare(&a, &b);
                        assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip), cmocka_unit_test(test_refused),
                cmocka_unit_test(test_overlaps),   cmocka_unit_test(test_of_socket),
                cmocka_unit_test(test_tells),      cmocka_unit_test(test_compare),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
