/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/doctor/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines of mounts that come one after another, the words of each being a command as well. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        HostFacts host = { .kernel = "" };
        char *text = strndup((const char *) data, size), *lines, *words;
        const char *previous = "";

        if (!text)
                return 0;
        for (char *line = strtok_r(text, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
                mount_line_parse(line, &host);
                for (char *word = strtok_r(line, " ", &words); word; word = strtok_r(NULL, " ", &words)) {
                        (void) port_from_words(previous, word);
                        previous = word;
                }
        }
        if (strlen(host.cgroup_mount) >= sizeof(host.cgroup_mount) ||
            strlen(host.cgroup_v1) >= sizeof(host.cgroup_v1))
                abort();
        free(text);
        return 0;
}
