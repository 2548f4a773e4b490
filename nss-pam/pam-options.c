/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nss-pam/pam-options.h"

#include <string.h>

static bool parse_timeout(const char *text, unsigned *ret) {
        const char *digit = text;
        unsigned n = 0;

        for (; *digit >= '0' && *digit <= '9'; digit++)
                if (n <= PAM_TIMEOUT_MAX) /* more is no other than too much */
                        n = n * 10 + (unsigned) (*digit - '0');
        if (digit == text)
                return false;
        if (strcmp(digit, "") == 0 || strcmp(digit, "s") == 0)
                n = n < PAM_TIMEOUT_MAX ? n * 1000 : PAM_TIMEOUT_MAX;
        else if (strcmp(digit, "ms") != 0)
                return false;

        *ret = n < PAM_TIMEOUT_MIN ? PAM_TIMEOUT_MIN : n > PAM_TIMEOUT_MAX ? PAM_TIMEOUT_MAX : n;
        return true;
}

static bool parse_word(const char *word, PamOptions *options) {
        const char *timeout = "timeout=";

        if (strcmp(word, "debug") == 0)
                options->debug = true;
        else if (strcmp(word, "quiet") == 0)
                options->quiet = true;
        else if (strncmp(word, timeout, strlen(timeout)) == 0)
                return parse_timeout(word + strlen(timeout), &options->timeout);
        else
                return false;
        return true;
}

void pam_options_parse(int argc, const char *const *argv, PamOptions *ret) {
        *ret = (PamOptions){ .timeout = PAM_TIMEOUT_DEFAULT };

        for (int i = 0; i < argc; i++)
                if (!parse_word(argv[i], ret) && !ret->unknown)
                        ret->unknown = argv[i];
}
