/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/source.h"
#include "tools/adopt/systemctl-command.h"

#define WORDS_MAX 24

typedef struct Line {
        char text[256];
        char *argv[WORDS_MAX + 1];
        int argc;
        SystemctlPart parts[WORDS_MAX + 1];
        SystemctlCommand command;
} Line;

static void line_parse(Line *line, const char *text, bool posix) {
        char *rest = line->text, *word;

        assert_true(strlen(text) < sizeof(line->text));
        strcpy(line->text, text);
        line->argc = 0;
        while ((word = strsep(&rest, " "))) {
                assert_true(line->argc < WORDS_MAX);
                line->argv[line->argc++] = strcmp(word, "''") == 0 ? word + 2 : word;
        }
        line->argv[line->argc] = NULL;
        systemctl_parse(line->argc, line->argv, posix, &line->command, line->parts);
}

/* The units, joined by spaces. */
static void line_units(const Line *line, char *ret, size_t size) {
        ret[0] = '\0';
        for (int i = 0; i < line->argc; i++)
                if (line->parts[i] == SYSTEMCTL_UNIT)
                        (void) snprintf(ret + strlen(ret), size - strlen(ret), "%s%s", ret[0] ? " " : "",
                                        line->argv[i]);
}

typedef struct Case {
        const char *text;
        SystemctlAction action;
        bool user;
        const char *units;
} Case;

static const Case cases[] = {
        /* verbs and their other names */
        { "systemctl restart x", SYSTEMCTL_RESTART, false, "x" },
        { "systemctl --user restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user restart x.service", SYSTEMCTL_RESTART, true, "x.service" },
        { "systemctl --user try-restart x", SYSTEMCTL_TRY_RESTART, true, "x" },
        { "systemctl --user condrestart x", SYSTEMCTL_TRY_RESTART, true, "x" },
        { "systemctl --user reload-or-restart x", SYSTEMCTL_RELOAD_OR_RESTART, true, "x" },
        { "systemctl --user try-reload-or-restart x", SYSTEMCTL_TRY_RELOAD_OR_RESTART, true, "x" },
        { "systemctl --user reload-or-try-restart x", SYSTEMCTL_TRY_RELOAD_OR_RESTART, true, "x" },
        { "systemctl --user force-reload x", SYSTEMCTL_TRY_RELOAD_OR_RESTART, true, "x" },
        { "systemctl --user condreload x", SYSTEMCTL_TRY_RELOAD_OR_RESTART, true, "x" },
        { "systemctl --user stop x", SYSTEMCTL_STOP, true, "x" },
        { "systemctl --user condstop x", SYSTEMCTL_STOP, true, "x" },
        { "systemctl --user start x", SYSTEMCTL_START, true, "x" },
        { "systemctl --user reload x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user kill x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user status x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user isolate x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user disable --now x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user restarts x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user rest x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user Restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user '' x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl daemon-reload", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user daemon-reload restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user", SYSTEMCTL_OTHER, false, "" },
        { "systemctl restart", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user restart --", SYSTEMCTL_OTHER, false, "" },

        /* several units, and what may be a unit */
        { "systemctl restart a b c", SYSTEMCTL_RESTART, false, "a b c" },
        { "systemctl restart a* b@1", SYSTEMCTL_RESTART, false, "a* b@1" },
        { "systemctl restart restart", SYSTEMCTL_RESTART, false, "restart" },
        { "systemctl restart ''", SYSTEMCTL_RESTART, false, "" },
        { "systemctl restart -", SYSTEMCTL_RESTART, false, "-" },
        { "systemctl - restart", SYSTEMCTL_OTHER, false, "" },

        /* where options may stand */
        { "systemctl restart --user x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl restart x --user", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl restart a --user b --no-block c", SYSTEMCTL_RESTART, true, "a b c" },
        { "systemctl -- restart x", SYSTEMCTL_RESTART, false, "x" },
        { "systemctl --user -- restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user restart -- x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user restart -- -x", SYSTEMCTL_RESTART, true, "-x" },
        { "systemctl restart -- x --user", SYSTEMCTL_RESTART, false, "x --user" },
        { "systemctl restart -- -- x", SYSTEMCTL_RESTART, false, "-- x" },
        { "systemctl restart x -- y", SYSTEMCTL_RESTART, false, "x y" },
        { "systemctl -- --user restart x", SYSTEMCTL_OTHER, false, "" },

        /* the last scope counts */
        { "systemctl --user --system restart x", SYSTEMCTL_RESTART, false, "x" },
        { "systemctl --system restart x --user", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user --global restart x", SYSTEMCTL_OTHER, false, "" },

        /* other hosts, other roots, no deed */
        { "systemctl -H host restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl -Hhost restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --host=h restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user -M alice@ restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --machine alice@ restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl -C capsule restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --capsule=c restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --root=/mnt restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --root /mnt restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --image=/i restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --dry-run restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user restart x --help", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user restart x -h", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --version restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user restart --marked x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user restart -T x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user restart --runtime x", SYSTEMCTL_OTHER, false, "" },

        /* options without a value */
        { "systemctl --user --no-block restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user -q restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user restart x -qlaf", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user -ql restart x --no-pager --no-ask-password", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user --no-block=yes restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user= restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --quiet --wait restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user --wait start x", SYSTEMCTL_START, true, "x" },
        { "systemctl --user --wait try-restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --wait stop x", SYSTEMCTL_OTHER, false, "" },

        /* options with a value: the word behind it is none */
        { "systemctl --user -n 5 restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user -n5 restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user -qn5 restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user -qn 5 restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user -n restart x y", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user -n5q restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user restart x -n", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --lines=5 restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user --lines 5 restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user --lines restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user restart x --lines", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --job-mode=replace restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user --job-mode fail restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user --job-mode=isolate restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --job-mode= restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --job-mode restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --job-mode=help restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --legend=no restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user --legend=maybe restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user -t service restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user -p Id restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user -P Id restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user -s TERM restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --kill-whom main restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --state failed restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user -o json restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --what=all restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --when=+1h restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --timestamp=unix restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --preset-mode=full restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --check-inhibitors=no restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --firmware-setup restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl -.mount restart x", SYSTEMCTL_OTHER, false, "" },

        /* abbreviations */
        { "systemctl --us restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --u restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --sys restart x", SYSTEMCTL_RESTART, false, "x" },
        { "systemctl --s restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --qui restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user --no-b restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user --no restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --lin 5 restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user --job=fail restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user --fail restart x", SYSTEMCTL_RESTART, true, "x" },
        { "systemctl --user --failed restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --user --image x restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --userx restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --nonsense restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl -Z restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl -qZ restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl ---user restart x", SYSTEMCTL_OTHER, false, "" },
        { "systemctl --=x restart x", SYSTEMCTL_OTHER, false, "" },
};

static void test_table(void **state) {
        assert_true(ELEMENTSOF(cases) >= 80);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const Case *c = &cases[i];
                char units[256];
                Line line;

                line_parse(&line, c->text, false);
                if (line.command.action != c->action || line.command.user != c->user)
                        fail_msg("%s: action %d, user %d", c->text, line.command.action, line.command.user);
                if (c->action == SYSTEMCTL_OTHER)
                        continue;
                line_units(&line, units, sizeof(units));
                if (strcmp(units, c->units) != 0)
                        fail_msg("%s: units \"%s\"", c->text, units);
        }
}

/* What getopt_long() makes of the same, with the options of systemd 257. */
static const struct option systemd_options[] = {
        { "help", 0, NULL, 'h' },
        { "version", 0, NULL, 1 },
        { "type", 1, NULL, 't' },
        { "property", 1, NULL, 'p' },
        { "all", 0, NULL, 'a' },
        { "reverse", 0, NULL, 2 },
        { "after", 0, NULL, 3 },
        { "before", 0, NULL, 4 },
        { "show-types", 0, NULL, 5 },
        { "failed", 0, NULL, 6 },
        { "full", 0, NULL, 'l' },
        { "job-mode", 1, NULL, 7 },
        { "fail", 0, NULL, 8 },
        { "irreversible", 0, NULL, 9 },
        { "ignore-dependencies", 0, NULL, 10 },
        { "ignore-inhibitors", 0, NULL, 'i' },
        { "check-inhibitors", 1, NULL, 11 },
        { "value", 0, NULL, 12 },
        { "user", 0, NULL, 13 },
        { "system", 0, NULL, 14 },
        { "global", 0, NULL, 15 },
        { "capsule", 1, NULL, 'C' },
        { "wait", 0, NULL, 16 },
        { "no-block", 0, NULL, 17 },
        { "legend", 1, NULL, 18 },
        { "no-legend", 0, NULL, 19 },
        { "no-pager", 0, NULL, 20 },
        { "no-wall", 0, NULL, 21 },
        { "dry-run", 0, NULL, 22 },
        { "quiet", 0, NULL, 'q' },
        { "no-warn", 0, NULL, 23 },
        { "root", 1, NULL, 24 },
        { "image", 1, NULL, 25 },
        { "image-policy", 1, NULL, 26 },
        { "force", 0, NULL, 'f' },
        { "no-reload", 0, NULL, 27 },
        { "kill-whom", 1, NULL, 28 },
        { "kill-value", 1, NULL, 29 },
        { "signal", 1, NULL, 's' },
        { "no-ask-password", 0, NULL, 30 },
        { "host", 1, NULL, 'H' },
        { "machine", 1, NULL, 'M' },
        { "runtime", 0, NULL, 31 },
        { "lines", 1, NULL, 'n' },
        { "output", 1, NULL, 'o' },
        { "plain", 0, NULL, 32 },
        { "state", 1, NULL, 33 },
        { "recursive", 0, NULL, 'r' },
        { "with-dependencies", 0, NULL, 34 },
        { "preset-mode", 1, NULL, 35 },
        { "firmware-setup", 0, NULL, 36 },
        { "boot-loader-menu", 1, NULL, 37 },
        { "boot-loader-entry", 1, NULL, 38 },
        { "now", 0, NULL, 39 },
        { "message", 1, NULL, 40 },
        { "show-transaction", 0, NULL, 'T' },
        { "what", 1, NULL, 41 },
        { "reboot-argument", 1, NULL, 42 },
        { "timestamp", 1, NULL, 43 },
        { "read-only", 0, NULL, 44 },
        { "mkdir", 0, NULL, 45 },
        { "marked", 0, NULL, 46 },
        { "drop-in", 1, NULL, 47 },
        { "when", 1, NULL, 48 },
        { "stdin", 0, NULL, 49 },
        { 0 },
};

/* The verb and the units as getopt_long() leaves them; false if it finds something wrong. */
static bool getopt_words(const Line *line, char *ret, size_t size) {
        char *argv[WORDS_MAX + 1];
        int c;

        memcpy(argv, line->argv, sizeof(argv));
        optind = 0;
        opterr = 0;
        while ((c = getopt_long(line->argc, argv, "hC:t:p:P:alqfs:H:M:n:o:iTr.::", systemd_options, NULL)) >=
               0)
                if (c == '?')
                        return false;
        ret[0] = '\0';
        for (int i = optind + 1; i < line->argc; i++)
                (void) snprintf(ret + strlen(ret), size - strlen(ret), "%s%s", ret[0] ? " " : "", argv[i]);
        return true;
}

static void test_as_getopt_does(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char ours[256], theirs[256];
                Line line;

                line_parse(&line, cases[i].text, false);
                if (line.command.action == SYSTEMCTL_OTHER)
                        continue;
                if (!getopt_words(&line, theirs, sizeof(theirs)))
                        fail_msg("%s is wrong for getopt_long()", cases[i].text);
                line_units(&line, ours, sizeof(ours));
                assert_string_equal(ours, theirs);
        }
}

static void test_flags(void **state) {
        Line line;

        line_parse(&line, "systemctl restart x", false);
        assert_false(line.command.quiet);
        assert_false(line.command.all);
        line_parse(&line, "systemctl -q restart x", false);
        assert_true(line.command.quiet);
        line_parse(&line, "systemctl restart x --quiet -a", false);
        assert_true(line.command.quiet);
        assert_true(line.command.all);
}

static void test_parts(void **state) {
        static const SystemctlPart expected[] = { SYSTEMCTL_PROGRAM, SYSTEMCTL_OPTION, SYSTEMCTL_OPTION,
                                                  SYSTEMCTL_VERB,    SYSTEMCTL_UNIT,   SYSTEMCTL_OPTION,
                                                  SYSTEMCTL_END,     SYSTEMCTL_UNIT };
        Line line;

        line_parse(&line, "systemctl -n 5 restart a --user -- -b", false);
        assert_int_equal(line.argc, ELEMENTSOF(expected));
        assert_memory_equal(line.parts, expected, sizeof(expected));
}

static void test_posix(void **state) {
        char units[64];
        Line line;

        line_parse(&line, "systemctl --user restart x -q", true);
        assert_int_equal(line.command.action, SYSTEMCTL_RESTART);
        assert_true(line.command.user);
        assert_false(line.command.quiet);
        line_units(&line, units, sizeof(units));
        assert_string_equal(units, "x -q");
        line_parse(&line, "systemctl restart --user x", true);
        assert_false(line.command.user);
}

static void test_nothing_at_all(void **state) {
        SystemctlCommand command;
        SystemctlPart parts[1];
        char *none[] = { NULL };

        systemctl_parse(0, none, false, &command, parts);
        assert_int_equal(command.action, SYSTEMCTL_OTHER);
}

static void test_meaning(void **state) {
        static const struct {
                const char *word, *unit;
                bool same;
        } table[] = {
                { "x", "x.service", true },
                { "x.service", "x.service", true },
                { "y", "x.service", false },
                { "x.socket", "x.service", false },
                { "x.", "x.service", false },
                { "a.b", "a.b.service", true },
                { "x.service.service", "x.service", false },
                { "", "x.service", false },
                { "/x.service", "x.service", false },
                { "./x", "x.service", false },
                { "x@1", "x@1.service", true },
                { "x@1.service", "x@1.service", true },
                { "x@", "x@1.service", false },
                { "x@.service", "x@1.service", false },
                { "x*", "x.service", true },
                { "x@*", "x@1.service", true },
                { "*", "x.service", true },
                { "x?service", "x.service", true },
                { "[xy].service", "x.service", true },
                { "[!x].service", "x.service", false },
                { "*.socket", "x.service", false },
                { "x*y", "x.service", false },
                { "?", "x.service", false },
                { "x\\x2dy", "x\\x2dy.service", true },
                { "x\\*", "x.service", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (systemctl_word_means(table[i].word, table[i].unit) != table[i].same)
                        fail_msg("%s and %s", table[i].word, table[i].unit);
}

static void test_complete(void **state) {
        char name[UNIT_NAME_MAX + 1], longest[300];

        assert_true(systemctl_word_complete("x", name, sizeof(name)));
        assert_string_equal(name, "x.service");
        assert_true(systemctl_word_complete("x.timer", name, sizeof(name)));
        assert_string_equal(name, "x.timer");
        memset(longest, 'x', sizeof(longest));
        longest[255 - strlen(".service")] = '\0';
        assert_true(systemctl_word_complete(longest, name, sizeof(name)));
        longest[255 - strlen(".service")] = 'x';
        longest[299] = '\0';
        assert_false(systemctl_word_complete(longest, name, sizeof(name)));
        assert_false(systemctl_word_complete("a b", name, sizeof(name)));
        assert_false(systemctl_word_complete("a*", name, sizeof(name)));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table),   cmocka_unit_test(test_as_getopt_does),
                cmocka_unit_test(test_flags),   cmocka_unit_test(test_parts),
                cmocka_unit_test(test_posix),   cmocka_unit_test(test_nothing_at_all),
                cmocka_unit_test(test_meaning), cmocka_unit_test(test_complete),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
