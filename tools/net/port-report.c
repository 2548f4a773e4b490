/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/net/port-report.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "tools/output.h"

#define HOLDERS_SHOWN_MAX 64 /* in JSON */

void port_report_done(PortReport *report) {
        port_holder_list_done(&report->holders);
}

static bool is_connection(const PortHolder *holder) {
        return holder->socket.state != TCP_LISTEN && holder->socket.state != TCP_CLOSE;
}

/* Listeners before what is only bound before connections; then with a process before without. */
static int rank(const PortHolder *holder) {
        return (holder->socket.state == TCP_LISTEN ? 0
                : is_connection(holder)            ? 8
                                                   : 4) +
               (holder->socket.inode == 0) * 2 + (holder->pid == 0);
}

static int compare_holders(const void *a, const void *b) {
        const PortHolder *x = a, *y = b;

        return rank(x) != rank(y) ? rank(x) - rank(y) : (x->pid > y->pid) - (x->pid < y->pid);
}

static void sort_holders(PortReport *report) {
        if (report->holders.n > 0)
                qsort(report->holders.items, report->holders.n, sizeof(PortHolder), compare_holders);
}

static bool is_in_the_way(const TcpSocket *socket, const void *userdata) {
        return port_address_overlaps(userdata, socket);
}

int port_report_find(const PortAddress *address, uint32_t states, TcpSocket *ret) {
        return socket_diag_find_if(states, address->port, is_in_the_way, address, ret);
}

/* One of so many, without the process that has it. */
static int make_short(const PortAddress *address, uint32_t states, PortHolderList *list) {
        TcpSocket socket;
        int r;

        r = port_report_find(address, states, &socket);
        if (r <= 0)
                return r;
        list->items = calloc(1, sizeof(*list->items));
        if (!list->items)
                return -ENOMEM;
        list->items[0].socket = socket;
        list->n = 1;
        return 0;
}

int port_report_make(const PortAddress *address, uint32_t states, PortReport *ret) {
        _cleanup_(port_report_done) PortReport report = { .address = *address };
        _cleanup_close_ int proc = -1;
        int r;

        proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
                return -errno;
        r = port_holders_get_if(proc, states, address->port, is_in_the_way, address, &report.holders);
        if (r == -E2BIG)
                r = make_short(address, states, &report.holders);
        if (r < 0)
                return r;
        sort_holders(&report);
        report.free = report.holders.n == 0;
        *ret = report;
        report.holders = (PortHolderList){ .items = NULL };
        return 0;
}

void port_report_text(const PortReport *report, char *text, size_t size) {
        const PortHolderList *holders = &report->holders;
        char first[1024] = "nobody";
        bool others = false;

        if (holders->n > 0)
                port_holder_text(&holders->items[0], first, sizeof(first));
        for (size_t i = 1; i < holders->n; i++)
                others = others || holders->items[i].pid != holders->items[0].pid;
        (void) snprintf(text, size, "%s%s", first, others ? ", and others" : "");
}

static json_t *address_to_json(const struct in6_addr *address) {
        char text[INET6_ADDRSTRLEN] = "";

        if (IN6_IS_ADDR_V4MAPPED(address))
                (void) inet_ntop(AF_INET, &address->s6_addr[12], text, sizeof(text));
        else
                (void) inet_ntop(AF_INET6, address, text, sizeof(text));
        return output_json_text(text);
}

static json_t *holder_to_json(const PortHolder *holder) {
        bool orphan = holder->socket.inode == 0;
        char text[1024];

        port_holder_text(holder, text, sizeof(text));
        return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "state",
                         tcp_state_to_string(holder->socket.state), "address",
                         address_to_json(&holder->socket.address), "pid",
                         output_json_number((uint64_t) holder->pid, true), "uid",
                         orphan ? json_null() : json_integer(holder->socket.uid), "command",
                         output_json_text(holder->comm), "source", output_json_text(holder->source),
                         "control_group", output_json_text(holder->cgroup), "text", output_json_text(text));
}

json_t *port_report_to_json(const PortReport *report) {
        json_t *holders = json_array();

        for (size_t i = 0; holders && i < report->holders.n && i < HOLDERS_SHOWN_MAX; i++)
                (void) json_array_append_new(holders, holder_to_json(&report->holders.items[i]));
        return json_pack("{s:i, s:o, s:b, s:o}", "port", (int) report->address.port, "address",
                         report->address.any ? json_null() : address_to_json(&report->address.address),
                         "free", report->free, "holders", holders);
}
