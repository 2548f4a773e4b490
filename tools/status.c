/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/status.h"

#include <stddef.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/protocol.h"

int status_from_error(const char *name) {
        static const struct {
                const char *name;
                int status;
        } table[] = {
                { CGMOVE_ERROR_DENIED, STATUS_REFUSED },
                { CGMOVE_ERROR_NOT_YOURS, STATUS_REFUSED },
                { CGMOVE_ERROR_MAIN_PROCESS, STATUS_REFUSED },
                { CGMOVE_ERROR_SANDBOX_LOST, STATUS_REFUSED },
                { CGMOVE_ERROR_FROZEN, STATUS_REFUSED },
                { CGMOVE_ERROR_POLICY_INVALID, STATUS_REFUSED },
                { CGMOVE_ERROR_LIMIT_REACHED, STATUS_TRY_AGAIN },
                { CGMOVE_ERROR_RATE_LIMITED, STATUS_TRY_AGAIN },
                { CGMOVE_ERROR_BUSY, STATUS_TRY_AGAIN },
                { CGMOVE_ERROR_INVALID, STATUS_USAGE },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (strcmp(name, table[i].name) == 0)
                        return table[i].status;
        return STATUS_FAILED;
}
