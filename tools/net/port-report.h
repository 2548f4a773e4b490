/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who keeps a TCP port from being bound, for people and for programs. */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/net/port-address.h"
#include "tools/net/port-holder.h"

typedef struct PortReport {
        PortAddress address; /* what somebody wants to bind */
        bool free;
        PortHolderList holders; /* who matters most first: listeners, then connections */
} PortReport;

void port_report_done(PortReport *report);

/* Whether one of the sockets in STATES is in the way of ADDRESS: as socket_diag_find(). */
int port_report_find(const PortAddress *address, uint32_t states, TcpSocket *ret);

/* The holders among them, as port_holders_get() tells them; one of them if they are too many. Returns 0, or
 * what port_holders_get() returns. */
int port_report_make(const PortAddress *address, uint32_t states, PortReport *ret);

/* "PID 17 (node) of user alice in user:gateway.service, and others", "nobody". TEXT of SIZE bytes. */
void port_report_text(const PortReport *report, char *text, size_t size);

/* {"port", "address", "free", "holders": [...]}, see cgmove(1); NULL: out of memory. */
json_t *port_report_to_json(const PortReport *report);
