/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tools/failure.h"
#include "tools/output.h"
#include "tools/remote.h"
#include "tools/status.h"

int options_help(const char *text) {
        (void) fputs(text, stdout);
        return output_finish(0);
}

void options_fill_stdio(void) {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
                        (void) open("/dev/null", O_RDWR); /* the lowest free number is this one */
}

int options_next(const char *verb, int argc, char **argv, const char *letters,
                 const struct option *options) {
        bool words_end_options = letters[0] == '+';
        char text[64], letter[3] = "-";
        int c;

        opterr = 0;
        (void) snprintf(text, sizeof(text), "%s:hH:M:%s", words_end_options ? "+" : "",
                        letters + words_end_options);
        while ((c = getopt_long(argc, argv, text, options, NULL)) == 'H' || c == 'M')
                if (remote_choose(verb, c == 'H' ? REMOTE_HOST : REMOTE_MACHINE, optarg) != 0)
                        return '?';
        if (c != ':' && c != '?')
                return c;
        letter[1] = (char) optopt;
        (void) usage_error(verb, c == ':' ? "Option %s needs a value" : "Unknown or wrongly used option %s",
                           optopt > 0 && optopt < OPTION_JSON ? letter : argv[optind - 1]);
        return '?';
}

int options_simple(int argc, char **argv, const char *help, int n_min, int n_max, bool *ret_json) {
        static const struct option options[] = { OPTIONS_COMMON };
        bool json = false;
        int c;

        options_fill_stdio();
        while ((c = options_next(argv[0], argc, argv, "", options)) >= 0)
                switch (c) {
                case OPTION_JSON:
                        json = true;
                        break;
                case 'h':
                        return options_help(help);
                default:
                        return STATUS_USAGE;
                }
        if (argc - optind < n_min)
                return usage_error(argv[0], "An argument is missing");
        if (argc - optind > n_max)
                return usage_error(argv[0], "Too many arguments");
        *ret_json = json;
        return -1;
}
