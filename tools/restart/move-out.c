/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/move-out.h"

#include <inttypes.h>
#include <stdio.h>

#include "tools/move-call.h"

void calling_move_out(Client **client, int pidfd) {
        const MoveRequest request = { .pidfds = &pidfd, .n_pidfds = 1, .kind = "move", .tree = true };
        Failure failure;
        uint64_t id;

        if (!*client && client_connect(client, &failure) != 0)
                (void) failure_print(&failure, false);
        else if (move_call(*client, &request, NULL, &id, &failure) != 0)
                (void) failure_print(&failure, false);
        else
                (void) fprintf(stderr, "cgmove: The calling command is job %" PRIu64 " now.\n", id);
}
