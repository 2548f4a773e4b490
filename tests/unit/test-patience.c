/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sentence for who waits for a directory service. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/patience.h"

static int kept, ends[2];

/* What is written to the standard error goes into a pipe, until restore(). */
static void redirect(void) {
        kept = dup(STDERR_FILENO);
        assert_true(kept >= 0);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
        (void) close(ends[1]);
}

static void restore(void) {
        (void) dup2(kept, STDERR_FILENO);
        (void) close(kept);
}

static void test_quick(void **state) {
        Patience patience;
        char c;

        redirect();
        patience = patience_begin();
        patience_end(&patience);
        restore();
        assert_int_equal(read(ends[0], &c, 1), 0);
        (void) close(ends[0]);
}

static void test_slow(void **state) {
        char text[512] = "";
        Patience patience;
        ssize_t n = 1;

        redirect();
        patience = patience_begin();
        for (size_t at = 0; n > 0 && !strchr(text, '.'); at += (size_t) n) /* as long as it takes */
                n = read(ends[0], text + at, sizeof(text) - 1 - at);
        assert_true(n > 0);
        patience_end(&patience);
        restore();
        assert_non_null(strstr(text, "still being looked up"));
        (void) close(ends[0]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_quick),
                cmocka_unit_test(test_slow),
        };

        return cmocka_run_group_tests_name("patience", tests, NULL, NULL);
}
