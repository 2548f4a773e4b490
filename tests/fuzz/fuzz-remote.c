/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The word of -H or -M: what is taken is nothing that ssh, a shell or systemd-run would read as more than
 * a name. */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/cleanup.h"
#include "tools/remote.h"

#define TEXT_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_word(const char *word, const char *more) {
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

        assert(word[0] != '-');
        for (; *word; word++)
                assert(strchr(plain, *word) || strchr(more, *word));
}

static void check(RemoteKind kind, const char *text) {
        RemoteCommand command;
        Remote remote;
        size_t n = 0;

        if (remote_parse(kind, text, &remote) < 0 || remote.kind == REMOTE_NONE)
                return;
        assert(remote.kind == kind && remote.name[0]);
        check_word(remote.user, "");
        check_word(remote.name, kind == REMOTE_HOST ? ":%" : "");
        assert(strspn(remote.port, "0123456789") == strlen(remote.port));
        remote_command(&remote, NULL, &command);
        while (command.argv[n])
                n++;
        assert(n > 2 && n < ELEMENTSOF(command.argv));
        assert(strcmp(command.argv[n - 2], "systemd-stdio-bridge") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char text[TEXT_MAX + 1];

        if (size > TEXT_MAX)
                return 0;
        memcpy(text, data, size);
        text[size] = '\0';
        check(REMOTE_HOST, text);
        check(REMOTE_MACHINE, text);
        return 0;
}
