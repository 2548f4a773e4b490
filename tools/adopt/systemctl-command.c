/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fnmatch.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/source.h"
#include "tools/adopt/systemctl-command.h"

/* --- options ------------------------------------------------------------------------------------------ */

typedef enum Meaning {
        FOREIGN,  /* makes the command line one that is not ours */
        HARMLESS, /* changes nothing about a start, stop or restart but what is printed or waited for */
        USER,
        SYSTEM,
        QUIET,
        ALL,
        WAIT,     /* the real one takes it with few verbs only */
        JOB_MODE, /* ours, if the value is */
        NUMBER,
        BOOLEAN,
} Meaning;

typedef struct Option {
        const char *name;
        char letter; /* NUL: none */
        bool value;
        Meaning meaning;
} Option;

/* All that have a name, for what is an abbreviation and what takes a value. */
static const Option options[] = {
        { "after", 0, false, FOREIGN },
        { "all", 'a', false, ALL },
        { "before", 0, false, FOREIGN },
        { "boot-loader-entry", 0, true, FOREIGN },
        { "boot-loader-menu", 0, true, FOREIGN },
        { "capsule", 'C', true, FOREIGN },
        { "check-inhibitors", 0, true, FOREIGN },
        { "drop-in", 0, true, FOREIGN },
        { "dry-run", 0, false, FOREIGN },
        { "fail", 0, false, HARMLESS }, /* --job-mode=fail */
        { "failed", 0, false, FOREIGN },
        { "firmware-setup", 0, false, FOREIGN },
        { "force", 'f', false, HARMLESS },
        { "full", 'l', false, HARMLESS },
        { "global", 0, false, FOREIGN },
        { "help", 'h', false, FOREIGN },
        { "host", 'H', true, FOREIGN },
        { "ignore-dependencies", 0, false, FOREIGN },
        { "ignore-inhibitors", 'i', false, HARMLESS },
        { "image", 0, true, FOREIGN },
        { "image-policy", 0, true, FOREIGN },
        { "irreversible", 0, false, HARMLESS }, /* --job-mode=replace-irreversibly */
        { "job-mode", 0, true, JOB_MODE },
        { "kill-value", 0, true, FOREIGN },
        { "kill-whom", 0, true, FOREIGN },
        { "legend", 0, true, BOOLEAN },
        { "lines", 'n', true, NUMBER },
        { "machine", 'M', true, FOREIGN },
        { "marked", 0, false, FOREIGN },
        { "message", 0, true, FOREIGN },
        { "mkdir", 0, false, FOREIGN },
        { "no-ask-password", 0, false, HARMLESS },
        { "no-block", 0, false, HARMLESS },
        { "no-legend", 0, false, HARMLESS },
        { "no-pager", 0, false, HARMLESS },
        { "no-reload", 0, false, HARMLESS },
        { "no-wall", 0, false, HARMLESS },
        { "no-warn", 0, false, HARMLESS },
        { "now", 0, false, FOREIGN },
        { "output", 'o', true, FOREIGN },
        { "plain", 0, false, HARMLESS },
        { "preset-mode", 0, true, FOREIGN },
        { "property", 'p', true, FOREIGN },
        { "read-only", 0, false, FOREIGN },
        { "reboot-argument", 0, true, FOREIGN },
        { "recursive", 'r', false, FOREIGN },
        { "reverse", 0, false, FOREIGN },
        { "root", 0, true, FOREIGN },
        { "runtime", 0, false, FOREIGN },
        { "quiet", 'q', false, QUIET },
        { "show-transaction", 'T', false, FOREIGN },
        { "show-types", 0, false, FOREIGN },
        { "signal", 's', true, FOREIGN },
        { "state", 0, true, FOREIGN },
        { "stdin", 0, false, FOREIGN },
        { "system", 0, false, SYSTEM },
        { "timestamp", 0, true, FOREIGN },
        { "type", 't', true, FOREIGN },
        { "user", 0, false, USER },
        { "value", 0, false, FOREIGN },
        { "version", 0, false, FOREIGN },
        { "wait", 0, false, WAIT },
        { "what", 0, true, FOREIGN },
        { "when", 0, true, FOREIGN },
        { "with-dependencies", 0, false, FOREIGN },
};

typedef struct State {
        SystemctlCommand command;
        bool wait;
} State;

static const Option *find_letter(char letter) {
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (options[i].letter == letter)
                        return &options[i];
        return NULL; /* -P and -. among them */
}

/* The option of this name, or the only one that begins so. */
static const Option *find_name(const char *name, size_t length) {
        const Option *found = NULL;

        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                if (strncmp(options[i].name, name, length) != 0)
                        continue;
                if (options[i].name[length] == '\0')
                        return &options[i];
                if (found)
                        return NULL;
                found = &options[i];
        }
        return found;
}

static bool is_one_of(const char *word, const char *const *list) {
        for (; *list; list++)
                if (strcmp(word, *list) == 0)
                        return true;
        return false;
}

static bool value_is_ours(Meaning meaning, const char *value) {
        static const char *const modes[] = { "replace", "fail", "replace-irreversibly", NULL };
        static const char *const booleans[] = { "yes", "no", "true", "false", "1", "0", "on", "off", NULL };
        size_t n = strspn(value, "0123456789");

        switch (meaning) {
        case JOB_MODE:
                return is_one_of(value, modes);
        case BOOLEAN:
                return is_one_of(value, booleans);
        case NUMBER:
                return n > 0 && n < 10 && !value[n];
        default:
                return false;
        }
}

/* VALUE is NULL for an option without one. Returns false if the command line is not ours. */
static bool take(State *state, const Option *option, const char *value) {
        switch (option->meaning) {
        case FOREIGN:
                return false;
        case HARMLESS:
                return true;
        case USER:
        case SYSTEM:
                state->command.user = option->meaning == USER; /* the last one counts */
                return true;
        case QUIET:
                state->command.quiet = true;
                return true;
        case ALL:
                state->command.all = true;
                return true;
        case WAIT:
                state->wait = true;
                return true;
        default:
                return value && value_is_ours(option->meaning, value);
        }
}

/* ARG is "--...", NEXT the argument behind it or NULL. Returns how many arguments that was, or 0. */
static int take_long(State *state, const char *arg, const char *next) {
        size_t length = strcspn(arg + 2, "=");
        const char *value = arg[2 + length] ? arg + 2 + length + 1 : NULL;
        const Option *option = find_name(arg + 2, length);

        if (!option || (value && !option->value))
                return 0;
        if (!option->value || value)
                return take(state, option, value);
        return next && take(state, option, next) ? 2 : 0;
}

/* The same for "-...". */
static int take_short(State *state, const char *arg, const char *next) {
        for (const char *p = arg + 1; *p; p++) {
                const Option *option = find_letter(*p);

                if (!option)
                        return 0;
                if (!option->value) {
                        if (!take(state, option, NULL))
                                return 0;
                        continue;
                }
                if (p[1])
                        return take(state, option, p + 1);
                return next && take(state, option, next) ? 2 : 0;
        }
        return 1;
}

/* --- words -------------------------------------------------------------------------------------------- */

/* unit_actions[] of src/systemctl/systemctl-start-unit.c */
static SystemctlAction find_action(const char *verb) {
        static const struct {
                const char *verb;
                SystemctlAction action;
        } actions[] = {
                { "start", SYSTEMCTL_START },
                { "stop", SYSTEMCTL_STOP },
                { "condstop", SYSTEMCTL_STOP },
                { "restart", SYSTEMCTL_RESTART },
                { "try-restart", SYSTEMCTL_TRY_RESTART },
                { "condrestart", SYSTEMCTL_TRY_RESTART },
                { "reload-or-restart", SYSTEMCTL_RELOAD_OR_RESTART },
                { "try-reload-or-restart", SYSTEMCTL_TRY_RELOAD_OR_RESTART },
                { "reload-or-try-restart", SYSTEMCTL_TRY_RELOAD_OR_RESTART },
                { "condreload", SYSTEMCTL_TRY_RELOAD_OR_RESTART },
                { "force-reload", SYSTEMCTL_TRY_RELOAD_OR_RESTART },
        };

        for (size_t i = 0; i < ELEMENTSOF(actions); i++)
                if (strcmp(verb, actions[i].verb) == 0)
                        return actions[i].action;
        return SYSTEMCTL_OTHER;
}

static bool is_option(const char *arg) {
        return arg[0] == '-' && arg[1];
}

/* Returns false if the command line is not ours. */
static bool take_word(State *state, const char *arg, size_t *n_words, SystemctlPart *part) {
        if ((*n_words)++ > 0) {
                *part = SYSTEMCTL_UNIT;
                return true;
        }
        *part = SYSTEMCTL_VERB;
        state->command.action = find_action(arg);
        return state->command.action != SYSTEMCTL_OTHER;
}

static bool parse(int argc, char *const *argv, bool posix, State *state, SystemctlPart *parts) {
        bool ended = false;
        size_t n_words = 0;
        int n;

        for (int i = 1; i < argc; i += n) {
                const char *next = i + 1 < argc ? argv[i + 1] : NULL;

                n = 1;
                if (ended || !is_option(argv[i])) {
                        if (!take_word(state, argv[i], &n_words, &parts[i]))
                                return false;
                        ended = ended || posix;
                        continue;
                }
                if (strcmp(argv[i], "--") == 0) {
                        parts[i] = SYSTEMCTL_END;
                        ended = true;
                        continue;
                }
                n = argv[i][1] == '-' ? take_long(state, argv[i], next) : take_short(state, argv[i], next);
                if (n == 0)
                        return false;
                for (int k = i; k < i + n; k++)
                        parts[k] = SYSTEMCTL_OPTION;
        }
        /* verb_start(): it says so, and does nothing */
        if (state->wait && state->command.action != SYSTEMCTL_START &&
            state->command.action != SYSTEMCTL_RESTART)
                return false;
        return n_words > 1;
}

void systemctl_parse(int argc, char *const *argv, bool posix, SystemctlCommand *ret, SystemctlPart *parts) {
        State state = { .command = { .action = SYSTEMCTL_OTHER } };

        if (argc > 0)
                parts[0] = SYSTEMCTL_PROGRAM;
        if (!parse(argc, argv, posix, &state, parts))
                state.command = (SystemctlCommand){ .action = SYSTEMCTL_OTHER };
        *ret = state.command;
}

bool systemctl_word_is_pattern(const char *word) {
        return word[strcspn(word, "*?[")] != '\0';
}

bool systemctl_word_complete(const char *word, char *buffer, size_t size) {
        if (systemctl_word_is_pattern(word) || strchr(word, '/'))
                return false;
        if (snprintf(buffer, size, "%s", word) >= (int) size)
                return false;
        if (unit_name_is_valid(buffer))
                return true;
        if (snprintf(buffer, size, "%s.service", word) >= (int) size)
                return false;
        return unit_name_is_valid(buffer);
}

bool systemctl_word_means(const char *word, const char *unit) {
        char name[UNIT_NAME_MAX + 1];

        if (systemctl_word_is_pattern(word)) /* an instance of a template is matched like any other name */
                return fnmatch(word, unit, FNM_NOESCAPE) == 0;
        return systemctl_word_complete(word, name, sizeof(name)) && strcmp(name, unit) == 0;
}
