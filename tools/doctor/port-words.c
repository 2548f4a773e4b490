/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "tools/doctor/gather.h"

uint16_t port_from_words(const char *previous, const char *word) {
        static const char option[] = "--port=";
        const char *digits = NULL;
        unsigned long n;
        char *end;

        if (strncmp(word, option, strlen(option)) == 0)
                digits = word + strlen(option);
        else if (strcmp(previous, "--port") == 0 || strcmp(previous, "-p") == 0 ||
                 strcmp(previous, "wait-port") == 0)
                digits = word;
        if (!digits || digits[0] < '0' || digits[0] > '9')
                return 0;
        n = strtoul(digits, &end, 10);
        return *end || n > UINT16_MAX ? 0 : (uint16_t) n;
}
