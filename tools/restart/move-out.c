/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/move-out.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/pidfd.h"
#include "lib/proc.h"
#include "tools/move-call.h"
#include "tools/restart/calling.h"
#include "tools/status.h"

#define TRY_FOR (UINT64_C(5) * 1000000) /* microseconds */
#define PAUSE_NSEC 400000000L           /* between two tries */

/* Whatever the daemon answered, or could not answer any more: this is what counts. */
static bool is_still_inside(int proc_fd, const RestartPlan *plan, const PlanProcess *command, int pidfd) {
        return pidfd_is_alive(pidfd) && calling_is_inside(proc_fd, command->pid, plan) != 0 &&
               pidfd_is_alive(pidfd);
}

static int try_once(Client **client, int pidfd, Failure *failure) {
        const MoveRequest request = { .pidfds = &pidfd, .n_pidfds = 1, .kind = "move", .tree = true };
        uint64_t id;
        int r = 0;

        if (!*client)
                r = client_connect(client, failure);
        if (r == 0)
                r = move_call(*client, &request, NULL, &id, failure);
        if (r == 0)
                (void) fprintf(stderr, "cgmove: The calling command is job %" PRIu64 " now.\n", id);
        else if (failure->lost)
                *client = client_free(*client);
        return r;
}

int calling_move_out(Client **client, int proc_fd, const RestartPlan *plan, const PlanProcess *command,
                     int pidfd, Failure *failure) {
        static const struct timespec pause = { .tv_nsec = PAUSE_NSEC };
        uint64_t start = now_monotonic();
        int r;

        for (;;) {
                r = try_once(client, pidfd, failure);
                if (r == 0 || !is_still_inside(proc_fd, plan, command, pidfd))
                        return 0;
                /* gone, busy, or a limit at which others may leave off: it is worth a few seconds */
                if ((!failure->lost && r != STATUS_TRY_AGAIN) || now_monotonic() - start >= TRY_FOR)
                        return r;
                (void) nanosleep(&pause, NULL);
        }
}
