/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* pam_cgmove.so as it is installed: loaded, called and unloaded, in several threads too. Whether there is a
 * daemon on this host, and what it says, must not matter. */

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tests/unit/pam-fixture.h"

typedef int (*pam_function_t)(pam_handle_t *handle, int flags, int argc, const char **argv);

static pam_function_t get_function(void *module, const char *name) {
        void *symbol = dlsym(module, name);
        pam_function_t function;

        memcpy(&function, &symbol, sizeof(function)); /* as POSIX has it; ISO C knows no such cast */
        return function;
}

static void *run_module(void *userdata) {
        const char *words[] = { "debug", "timeout=1s" };

        for (int i = 0; i < 20; i++) {
                void *module = dlopen(PAM_MODULE, RTLD_NOW);
                pam_handle_t handle = { .user = "root", .service = "sshd" };
                pam_function_t open_session, close_session;

                if (!module)
                        return dlerror();
                open_session = get_function(module, "pam_sm_open_session");
                close_session = get_function(module, "pam_sm_close_session");
                if (!open_session || !close_session)
                        return (void *) "a function is missing";
                errno = 4711;
                if (open_session(&handle, PAM_SILENT, 2, words) != PAM_SUCCESS ||
                    close_session(&handle, 0, 2, words) != PAM_SUCCESS)
                        return (void *) "it failed a login";
                if (errno != 4711)
                        return (void *) "it changed errno";
                pam_fixture_end(&handle);
                (void) dlclose(module);
        }
        return NULL;
}

static void assert_no_complaint(const char *complaint) {
        if (complaint)
                fail_msg("%s", complaint);
}

static void test_calls(void **state) {
        assert_no_complaint(run_module(NULL));
}

static void test_threads(void **state) {
        pthread_t threads[4];
        void *complaint;

        for (size_t i = 0; i < ELEMENTSOF(threads); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, run_module, NULL), 0);
        for (size_t i = 0; i < ELEMENTSOF(threads); i++) {
                assert_int_equal(pthread_join(threads[i], &complaint), 0);
                assert_no_complaint(complaint);
        }
}

/* Only what libpam calls can be seen from outside; there is nothing for authentication, which it would be
 * asked for in vain. */
static void test_symbols(void **state) {
        static const char *const hidden[] = { "pam_call", "pam_session_open", "peer_parse",
                                              "pam_sm_authenticate", "pam_sm_setcred" };
        void *module = dlopen(PAM_MODULE, RTLD_NOW);

        assert_non_null(module);
        for (size_t i = 0; i < ELEMENTSOF(hidden); i++)
                assert_null(get_function(module, hidden[i]));
        (void) dlclose(module);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_calls),
                cmocka_unit_test(test_threads),
                cmocka_unit_test(test_symbols),
        };

        return cmocka_run_group_tests_name("pam-module", tests, NULL, NULL);
}
