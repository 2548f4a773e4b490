/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a command line of systemctl(1) asks for, as far as it concerns whoever would be ended by it:
 * nothing but libc, no allocation, pure.
 *
 * The options are those of systemd 252 and 257 together (systemctl_parse_argv() of
 * src/systemctl/systemctl.c), read as getopt_long(3) does: bundled letters, abbreviated long options,
 * options behind words, "--". What one of the two does not know, or what changes more than whether
 * something is printed or waited for, makes the command line one that is not ours: the real systemctl
 * knows better. */

#include <stdbool.h>
#include <stddef.h>

typedef enum SystemctlAction {
        SYSTEMCTL_OTHER, /* nothing for us */
        SYSTEMCTL_START,
        SYSTEMCTL_STOP,
        SYSTEMCTL_RESTART,
        SYSTEMCTL_TRY_RESTART,           /* if it is active */
        SYSTEMCTL_RELOAD_OR_RESTART,     /* a restart if it cannot be reloaded */
        SYSTEMCTL_TRY_RELOAD_OR_RESTART, /* both conditions */
} SystemctlAction;

/* What each argument is. */
typedef enum SystemctlPart {
        SYSTEMCTL_PROGRAM, /* argv[0] */
        SYSTEMCTL_OPTION,  /* with the value that is behind it, if that is an argument of its own */
        SYSTEMCTL_END,     /* the first "--" */
        SYSTEMCTL_VERB,
        SYSTEMCTL_UNIT, /* a name or a pattern */
} SystemctlPart;

typedef struct SystemctlCommand {
        SystemctlAction action;
        bool user; /* of the user's manager; else of the system's */
        bool quiet;
        bool all; /* patterns mean units that are not active, too */
} SystemctlCommand;

/* POSIX: the first word ends the options, as getopt_long() has it with POSIXLY_CORRECT in the environment.
 * PARTS has room for ARGC entries, which are set if the action is not SYSTEMCTL_OTHER. */
void systemctl_parse(int argc, char *const *argv, bool posix, SystemctlCommand *ret, SystemctlPart *parts);

/* Whether WORD means the service UNIT ("x.service"): its name, its name without ".service", or a pattern, as
 * systemctl completes them (unit_name_mangle()). Aliases are not known here. */
bool systemctl_word_means(const char *word, const char *unit);

/* The unit name that WORD is, with ".service" behind it if it has no suffix, in BUFFER of SIZE bytes;
 * false for a pattern, a path, or what is no unit name. */
bool systemctl_word_complete(const char *word, char *buffer, size_t size);

bool systemctl_word_is_pattern(const char *word);
