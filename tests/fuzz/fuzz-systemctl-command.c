/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A command line of systemctl, one argument a line. */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/source.h"
#include "tools/adopt/systemctl-command.h"

#define TEXT_MAX 8192
#define ARGUMENTS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char text[TEXT_MAX + 1], *rest = text, *argv[ARGUMENTS_MAX + 1], name[UNIT_NAME_MAX + 1];
        SystemctlPart parts[ARGUMENTS_MAX];
        SystemctlCommand command;
        int argc = 0, verbs = 0, units = 0;

        if (size > TEXT_MAX)
                return 0;
        memcpy(text, data, size);
        text[size] = '\0';
        while (argc < ARGUMENTS_MAX && (argv[argc] = strsep(&rest, "\n")))
                argc++;
        argv[argc] = NULL;

        memset(parts, 0xff, sizeof(parts));
        systemctl_parse(argc, argv, size & 1, &command, parts);
        for (int i = 0; i < argc; i++) {
                (void) systemctl_word_means(argv[i], "a-b@1.service");
                if (systemctl_word_complete(argv[i], name, sizeof(name)))
                        assert(unit_name_is_valid(name) && strchr(name, '.'));
                if (command.action == SYSTEMCTL_OTHER)
                        continue;
                assert(parts[i] >= SYSTEMCTL_PROGRAM && parts[i] <= SYSTEMCTL_UNIT);
                verbs += parts[i] == SYSTEMCTL_VERB;
                units += parts[i] == SYSTEMCTL_UNIT;
        }
        if (command.action != SYSTEMCTL_OTHER)
                assert(parts[0] == SYSTEMCTL_PROGRAM && verbs == 1 && units > 0);
        return 0;
}
