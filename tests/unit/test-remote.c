/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/remote.h"
#include "tools/remote-said.h"

#define BRIDGE "systemd-stdio-bridge", "--bus-path=unix:path=/run/cgmove/private"

static void check_command(RemoteKind kind, const char *text, const char *const *expected) {
        RemoteCommand command;
        Remote remote;
        size_t n = 0;

        assert_int_equal(remote_parse(kind, text, &remote), 0);
        assert_int_equal(remote.kind, kind);
        remote_command(&remote, NULL, &command);
        for (; expected[n]; n++) {
                assert_non_null(command.argv[n]);
                assert_string_equal(command.argv[n], expected[n]);
        }
        assert_null(command.argv[n]);
}

#define CHECK_COMMAND(kind, text, ...) check_command(kind, text, (const char *const[]){ __VA_ARGS__, NULL })

static void test_hosts(void **state) {
        CHECK_COMMAND(REMOTE_HOST, "example.org", "ssh", "-xT", "--", "example.org", BRIDGE);
        CHECK_COMMAND(REMOTE_HOST, "alice@build-7", "ssh", "-xT", "--", "alice@build-7", BRIDGE);
        CHECK_COMMAND(REMOTE_HOST, "alice@10.0.0.1:2222", "ssh", "-xT", "-p", "2222", "--", "alice@10.0.0.1",
                      BRIDGE);
        CHECK_COMMAND(REMOTE_HOST, "a.b_c-d@[fe80::1%eth0.5]:22", "ssh", "-xT", "-p", "22", "--",
                      "a.b_c-d@fe80::1%eth0.5", BRIDGE);
        CHECK_COMMAND(REMOTE_HOST, "[::ffff:10.0.0.1]", "ssh", "-xT", "--", "::ffff:10.0.0.1", BRIDGE);
}

static void test_machines(void **state) {
        CHECK_COMMAND(REMOTE_MACHINE, "web", "systemd-run", "--machine=web", "--quiet", "--pipe", "--wait",
                      "--collect", "--", BRIDGE);
        CHECK_COMMAND(REMOTE_MACHINE, "alice@web-1.test", "systemd-run", "--machine=web-1.test", "--quiet",
                      "--pipe", "--wait", "--collect", "--property=User=alice", "--", BRIDGE);
        CHECK_COMMAND(REMOTE_MACHINE, "alice@", "systemd-run", "--machine=.host", "--quiet", "--pipe",
                      "--wait", "--collect", "--property=User=alice", "--", BRIDGE);
        CHECK_COMMAND(REMOTE_MACHINE, "1000@.host", "systemd-run", "--machine=.host", "--quiet", "--pipe",
                      "--wait", "--collect", "--property=User=1000", "--", BRIDGE);
}

static void test_this_host(void **state) {
        Remote remote = { .kind = REMOTE_MACHINE };

        assert_int_equal(remote_parse(REMOTE_MACHINE, ".host", &remote), 0);
        assert_int_equal(remote.kind, REMOTE_NONE);
}

static void test_other_ssh(void **state) {
        RemoteCommand command;
        Remote remote;

        assert_int_equal(remote_parse(REMOTE_HOST, "a", &remote), 0);
        remote_command(&remote, "/opt/ssh", &command);
        assert_string_equal(command.argv[0], "/opt/ssh");
}

/* Nothing that ssh, its ProxyCommand=, the shell over there or systemd would take for more than a name. */
static void test_bad(void **state) {
        static const char *const both[] = {
                "",           "-oProxyCommand=x",
                "--",         "a b",
                "a;b",        "$(b)",
                "`b`",        "a\nb",
                "a|b",        "a&b",
                "a'b",        "a\"b",
                "a\\b",       "a%h",
                "-",          "a/b",
                "a@b@c",      "@a",
                "-x@a",       "a@-x",
                "a@-",        "a b@c",
                "$x@c",       ".",
                "..",         ".a",
                "a@.a",       "\xc3\xa9",
                "a@b c",      "a@b;c",
                "a,b",        "a=b",
                "{a,b}",      "~a",
                "*",          "a\tb",
                ".host ",     "a@.host/b",
                "a@.host:22",
        };
        static const char *const hosts[] = {
                ":22",      "a:",      "a:0",        "a:65536",   "a:x",    "a:22x",  "a:-1",
                "a:22/b",   "a:b",     "a@",         ".host",     "[::1",   "::1",    "[::1]x",
                "[]",       "[a]",     "[10.0.0.1]", "[-::1]",    "[::1]:", "[::1%]", "[::1%-a]",
                "[::1%a;]", "[::1;x]", "a@[::1]:x",  "[::1%a%b]",
        };
        static const char *const machines[] = { "a:b", "a:22", "[::1]", "-.host" };
        Remote remote = { .name = "untouched" };
        char word[400];

        for (size_t i = 0; i < ELEMENTSOF(both); i++) {
                assert_int_equal(remote_parse(REMOTE_HOST, both[i], &remote), -EINVAL);
                assert_int_equal(remote_parse(REMOTE_MACHINE, both[i], &remote), -EINVAL);
        }
        for (size_t i = 0; i < ELEMENTSOF(hosts); i++)
                assert_int_equal(remote_parse(REMOTE_HOST, hosts[i], &remote), -EINVAL);
        for (size_t i = 0; i < ELEMENTSOF(machines); i++)
                assert_int_equal(remote_parse(REMOTE_MACHINE, machines[i], &remote), -EINVAL);
        assert_string_equal(remote.name, "untouched");

        memset(word, 'a', sizeof(word));
        word[REMOTE_NAME_MAX + 1] = 0;
        assert_int_equal(remote_parse(REMOTE_HOST, word, &remote), -EINVAL);
        word[REMOTE_NAME_MAX] = 0;
        assert_int_equal(remote_parse(REMOTE_HOST, word, &remote), 0);
        assert_int_equal(remote_parse(REMOTE_MACHINE, word, &remote), -EINVAL);
        word[64] = 0;
        assert_int_equal(remote_parse(REMOTE_MACHINE, word, &remote), 0);
        word[REMOTE_USER_MAX + 1] = '@'; /* a user of one too many */
        word[64] = 'a';
        word[REMOTE_USER_MAX + 2] = 'b';
        word[REMOTE_USER_MAX + 3] = 0;
        assert_int_equal(remote_parse(REMOTE_HOST, word, &remote), -EINVAL);
}

static void test_verbs(void **state) {
        static const char *const here[] = { "run",       "exec",    "move", "adopt",  "release",
                                            "where",     "restart", "logs", "doctor", "policy",
                                            "wait-port", "finish",  "" };

        assert_true(remote_serves("list"));
        assert_true(remote_serves("stop"));
        for (size_t i = 0; i < ELEMENTSOF(here); i++)
                assert_false(remote_serves(here[i]));
}

/* Whoever is started meanwhile has a pipe, and what comes from there commands no terminal. */
static void test_said(void **state) {
        static const char said[] = "no \x1b[2Jway\r\n\nat all", shown[] = "no \\x1b[2Jway\nat all\n";
        _cleanup_(remote_said_done) RemoteSaid pipe = REMOTE_SAID_INIT;
        int saved = dup(STDERR_FILENO);
        char text[256] = "";
        FILE *file = tmpfile();

        assert_non_null(file);
        assert_return_code(dup2(fileno(file), STDERR_FILENO), errno);
        assert_int_equal(remote_said_begin(&pipe), 0);
        assert_int_equal(write(STDERR_FILENO, said, sizeof(said) - 1), sizeof(said) - 1);
        remote_said_end(&pipe);
        remote_said_print(&pipe);
        remote_said_print(&pipe);
        (void) fflush(stderr);
        assert_return_code(dup2(saved, STDERR_FILENO), errno);
        (void) close(saved);
        rewind(file);
        assert_int_equal(fread(text, 1, sizeof(text) - 1, file), sizeof(shown) - 1);
        (void) fclose(file);
        assert_string_equal(text, shown);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hosts),     cmocka_unit_test(test_machines),
                cmocka_unit_test(test_this_host), cmocka_unit_test(test_other_ssh),
                cmocka_unit_test(test_bad),       cmocka_unit_test(test_verbs),
                cmocka_unit_test(test_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
