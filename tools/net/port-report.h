/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who keeps a TCP port from being bound, for people and for programs. */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/net/port-holder.h"

typedef struct PortReport {
        uint16_t port;
        bool free;
        PortHolderList holders; /* who matters most first: listeners, then connections */
} PortReport;

void port_report_done(PortReport *report);

/* The holders among the sockets in STATES, as port_holders_get() tells them; one of them if they are too
 * many. Returns 0, or what port_holders_get() returns. */
int port_report_make(uint16_t port, uint32_t states, PortReport *ret);

/* Orders the holders as above. Pure. */
void port_report_sort(PortReport *report);

/* "PID 17 (node) of user alice in user:gateway.service, and others", "nobody". TEXT of SIZE bytes. */
void port_report_text(const PortReport *report, char *text, size_t size);

/* {"port", "free", "holders": [...]}, see cgmove(1); NULL: out of memory. */
json_t *port_report_to_json(const PortReport *report);
