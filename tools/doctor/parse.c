/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/doctor/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

static void append_word(char *list, size_t size, const char *separator, const char *word) {
        size_t n = strlen(list);

        (void) snprintf(list + n, size - n, "%s%s", n > 0 ? separator : "", word);
}

/* The controllers among the options of a v1 hierarchy; systemd's own, named, one is none. */
static void add_v1(HostFacts *host, char *options) {
        static const char *const controllers[] = { "cpu",   "cpuset",  "memory", "pids",
                                                   "blkio", "devices", "freezer" };
        char *state;

        for (char *word = strtok_r(options, ",", &state); word; word = strtok_r(NULL, ",", &state))
                for (size_t i = 0; i < ELEMENTSOF(controllers); i++)
                        if (strcmp(word, controllers[i]) == 0)
                                append_word(host->cgroup_v1, sizeof(host->cgroup_v1), ", ", word);
}

void mount_line_parse(const char *line, HostFacts *host) {
        char point[256], type[32], options[256];
        const char *rest = strstr(line, " - ");

        if (!rest || sscanf(line, "%*s %*s %*s %*s %255s", point) != 1 ||
            sscanf(rest, " - %31s %*s %255s", type, options) != 2 || point[0] != '/')
                return;
        if (strcmp(type, "cgroup") == 0)
                add_v1(host, options);
        /* /sys/fs/cgroup, if it is there, and not a bind mount that somebody made elsewhere */
        if (strcmp(type, "cgroup2") == 0 &&
            (!host->cgroup_mount[0] || strcmp(point, "/sys/fs/cgroup") == 0)) {
                strcpy(host->cgroup_mount, point);
                strcpy(host->cgroup_options, options);
        }
}

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
