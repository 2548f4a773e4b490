/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bytes of the module's calls against their bounds; what sd-bus reads in them is in test-pam-session. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/call-head.h"
#include "lib/cleanup.h"
#include "nss-pam/pam-message.h"

/* As long as it says, and as the daemon takes it. */
static void assert_whole(const uint8_t *message, size_t size) {
        uint64_t head, whole;

        assert_true(size <= PAM_MESSAGE_MAX);
        assert_true(call_head_get_sizes(message, &head, &whole));
        assert_int_equal(whole, size);
        assert_true(head < size);
}

/* On the heap, and not larger than promised: the address sanitizer sees what is written beyond. */
static void test_sizes(void **state) {
        static const size_t numbers[] = {
                0, 1, 2, 3, PAM_MESSAGE_GIDS_MAX - 1, PAM_MESSAGE_GIDS_MAX, PAM_MESSAGE_GIDS_MAX + 1
        };
        _cleanup_free_ gid_t *gids = calloc(PAM_MESSAGE_GIDS_MAX + 1, sizeof(gid_t));
        char service[CGMOVE_PAM_SERVICE_MAX + 10] = "";

        assert_non_null(gids);
        for (size_t length = 0; length < sizeof(service); length++) {
                for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
                        _cleanup_free_ uint8_t *message = malloc(PAM_MESSAGE_MAX);

                        assert_non_null(message);
                        assert_whole(message,
                                     pam_message_open(message, (uid_t) -2, service, gids, numbers[i]));
                        assert_whole(message, pam_message_close(message, UINT64_MAX, (uid_t) -2, service));
                }
                service[length] = 'x';
                service[length + 1 < sizeof(service) ? length + 1 : length] = '\0';
        }
}

/* CloseSession() goes into a buffer of its own in the module. */
static void test_close_is_small(void **state) {
        char service[] = "0123456789012345678901234567890123456789012345678901234567890123456789";
        uint8_t message[PAM_MESSAGE_MAX];

        assert_true(pam_message_close(message, UINT64_MAX, 1000, service) <= 512);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_close_is_small),
        };

        return cmocka_run_group_tests_name("pam-message", tests, NULL, NULL);
}
