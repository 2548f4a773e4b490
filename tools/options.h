/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What all verbs have in common on their command line. */

#include <getopt.h>
#include <stdbool.h>

/* Values of long options that have no letter. */
enum { OPTION_JSON = 256, OPTION_FIRST_FREE };

#define OPTIONS_COMMON                                                                                      \
        { "json", no_argument, NULL, OPTION_JSON }, { "help", no_argument, NULL, 'h' },                     \
                        { "host", required_argument, NULL, 'H' },                                           \
                        { "machine", required_argument, NULL, 'M' }, {                                      \
                0                                                                                           \
        }

/* getopt_long() with our own words: returns the option, -1 at the end, or '?' after saying what is wrong
 * (of VERB). LETTERS without ":", "h", "H" and "M"; a "+" in front ends the options at the first word, for
 * verbs that take a command. -H and -M are taken here, and are wrong for a verb that has no way there (see
 * remote.h). */
int options_next(const char *verb, int argc, char **argv, const char *letters, const struct option *options);

/* For verbs that take nothing but --json, --help and N_MIN to N_MAX words. Returns -1 to go on (the
 * words start at optind), or the exit status. */
int options_simple(int argc, char **argv, const char *help, int n_min, int n_max, bool *ret_json);

/* Prints TEXT; returns the exit status. */
int options_help(const char *text);

/* Opens /dev/null for each standard stream that is closed, so that no file or socket of ours takes its
 * place. */
void options_fill_stdio(void);
