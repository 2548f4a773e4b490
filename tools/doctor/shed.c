/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/doctor/shed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/display.h"

static void add(char list[static SHED_MAX], const char *name, const char *value) {
        size_t n = strlen(list);

        (void) snprintf(list + n, SHED_MAX - n, "%s%s%s", n > 0 ? ", " : "", name, value);
}

static void add_bytes(char list[static SHED_MAX], const char *name, uint64_t bytes) {
        char text[32];

        if (bytes == UINT64_MAX)
                return;
        display_bytes(bytes, text, sizeof(text));
        add(list, name, text);
}

size_t shed_limits(const UnitFacts *unit, char ret[static SHED_MAX]) {
        char text[32];

        ret[0] = '\0';
        add_bytes(ret, "MemoryMax=", unit->memory_max);
        add_bytes(ret, "MemoryHigh=", unit->memory_high);
        if (unit->tasks_max != UINT64_MAX && unit->tasks_max != unit->tasks_default) {
                (void) snprintf(text, sizeof(text), "%" PRIu64, unit->tasks_max);
                add(ret, "TasksMax=", text);
        }
        if (unit->cpu_quota != UINT64_MAX) {
                (void) snprintf(text, sizeof(text), "%" PRIu64 "%%", unit->cpu_quota / 10000);
                add(ret, "CPUQuota=", text);
        }
        return strlen(ret);
}

size_t shed_all(const UnitFacts *unit, char ret[static SHED_MAX]) {
        (void) shed_limits(unit, ret);
        if (unit->sandbox[0])
                add(ret, unit->sandbox, "");
        if (unit->sandbox_lsm[0])
                add(ret, unit->sandbox_lsm, "");
        return strlen(ret);
}
