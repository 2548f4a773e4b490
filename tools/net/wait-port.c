/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cgmove wait-port`: made for ExecStartPre=, so it needs no daemon, and looks at sockets without taking the
 * port even for a moment.
 *
 * What a bind(2) meets (inet_csk_get_port() of the kernel): every socket on the port conflicts whose address
 * is the same or a wildcard, and a v6 wildcard takes v4 along unless it is IPV6_V6ONLY; but with
 * SO_REUSEADDR on both sides, only one that listens does. Where it is not said which address the server will
 * bind, every socket on the port counts, of both families: a port that is called free is free for 0.0.0.0,
 * for one address, and for [::]. */

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/values.h"
#include "tools/display.h"
#include "tools/failure.h"
#include "tools/net/port-report.h"
#include "tools/net/socket-diag.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/status.h"
#include "tools/verbs.h"

static const char help[] =
                "Usage: cgmove wait-port [OPTION...] [ADDRESS:]PORT...\n\n"
                "Waits until a server can bind these TCP ports, and says who holds them otherwise. With\n"
                "ADDRESS (127.0.0.1:8080, [::1]:8080), what is bound to other ones does not count.\n\n"
                "  -t, --timeout=TIME  wait no longer than TIME (75s if not given; \"infinity\"; 0: just "
                "look)\n"
                "      --reuse         the server sets SO_REUSEADDR: only sockets that listen, or are bound "
                "to\n"
                "                      no connection, are in its way, not what is left of connections\n"
                "      --json          print JSON\n"
                "  -h, --help          show this help\n";

/* More than a connection stays in TIME_WAIT (60 s, and some for the kernel's coarse timers), and less than
 * the 90 s after which a service manager gives up by default, so that it is us who say why. */
#define TIMEOUT_DEFAULT (UINT64_C(75) * USEC_PER_SEC)
#define PORTS_MAX 64

#define STATES_TAKEN (TCP_STATE(TCP_LISTEN) | TCP_STATE_BOUND)
#define STATES_CONNECTED                                                                                    \
        (TCP_STATE(TCP_ESTABLISHED) | TCP_STATE(TCP_SYN_SENT) | TCP_STATE(TCP_SYN_RECV) |                   \
         TCP_STATE(TCP_FIN_WAIT1) | TCP_STATE(TCP_FIN_WAIT2) | TCP_STATE(TCP_TIME_WAIT) |                   \
         TCP_STATE(TCP_CLOSE_WAIT) | TCP_STATE(TCP_LAST_ACK) | TCP_STATE(TCP_CLOSING))

typedef struct Arguments {
        PortAddress ports[PORTS_MAX];
        size_t n_ports;
        uint64_t timeout; /* microseconds */
        bool reuse;
        bool json;
} Arguments;

typedef struct Wait {
        const Arguments *arguments;
        uint32_t states;
        uint64_t start;
        const PortAddress *port; /* that is waited for */
        char text[PORT_ADDRESS_TEXT_MAX];
        bool told;
        Progress progress;
} Wait;

/* --- the command line ------------------------------------------------------------------------------- */

static int parse_ports(int argc, char **argv, Arguments *arguments) {
        if (optind >= argc)
                return usage_error("wait-port", "No port given");
        if (argc - optind > PORTS_MAX)
                return usage_error("wait-port", "More than %d ports given", PORTS_MAX);
        for (; optind < argc; optind++)
                if (port_address_parse(argv[optind], &arguments->ports[arguments->n_ports++]) < 0)
                        return usage_error("wait-port",
                                           "\"%s\" is no port (1 to 65535), and no address and port "
                                           "(127.0.0.1:80, [::1]:80)",
                                           argv[optind]);
        return -1;
}

/* Returns -1 to go on, or the exit status. */
static int parse(int argc, char **argv, Arguments *arguments) {
        enum { OPTION_REUSE = OPTION_FIRST_FREE };
        static const struct option options[] = {
                { "timeout", required_argument, NULL, 't' },
                { "reuse", no_argument, NULL, OPTION_REUSE },
                OPTIONS_COMMON,
        };
        int c;

        while ((c = options_next("wait-port", argc, argv, "t:", options)) >= 0)
                switch (c) {
                case 't':
                        if (parse_duration(optarg, &arguments->timeout) < 0)
                                return usage_error("wait-port",
                                                   "\"%s\" is no time (such as 90, 500ms, 5min)", optarg);
                        break;
                case OPTION_REUSE:
                        arguments->reuse = true;
                        break;
                case OPTION_JSON:
                        arguments->json = true;
                        break;
                case 'h':
                        return options_help(help);
                default:
                        return STATUS_USAGE;
                }
        return parse_ports(argc, argv, arguments);
}

/* --- waiting ---------------------------------------------------------------------------------------- */

/* 1: wait->port is taken; 0: all are free. */
static int look(Wait *wait) {
        for (size_t i = 0; i < wait->arguments->n_ports; i++) {
                TcpSocket socket;
                int r;

                wait->port = &wait->arguments->ports[i];
                r = port_report_find(wait->port, wait->states, &socket);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* The longer it has taken, the less a little more matters: a quarter of it, within bounds. */
static void pause_after(uint64_t elapsed, uint64_t left) {
        uint64_t pause = elapsed / 4;
        struct timespec t;

        pause = pause < 10000 ? 10000 : pause > 500000 ? 500000 : pause;
        pause = pause < left ? pause : left;
        t = (struct timespec){
                .tv_sec = (time_t) (pause / USEC_PER_SEC),
                .tv_nsec = (long) (pause % USEC_PER_SEC) * 1000,
        };
        (void) clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL); /* a signal only has us look sooner */
}

/* Once, after a second: in a unit's journal this is all there is to be seen of a start that takes long. */
static void tell(Wait *wait, uint64_t elapsed) {
        _cleanup_(port_report_done) PortReport report = { .free = false };
        char text[1280];

        if (wait->told || wait->arguments->json || elapsed < PROGRESS_INTERVAL)
                return;
        wait->told = true;
        if (port_report_make(wait->port, wait->states, &report) < 0 || report.holders.n == 0)
                (void) snprintf(text, sizeof(text), "somebody");
        else
                port_report_text(&report, text, sizeof(text));
        port_address_text(wait->port, wait->text);
        progress_begin(&wait->progress, false, "waiting for port %s, taken by %s", wait->text, text);
        wait->progress.start = wait->start;
        if (wait->progress.enabled)
                return;
        (void) fprintf(stderr, "cgmove: Waiting for port %s, taken by ", wait->text);
        output_text(stderr, text);
        (void) fputs(".\n", stderr);
}

/* Returns 0 when all ports are free, 1 if they are not in time, or what socket_diag_find() returns. */
static int wait_until_free(Wait *wait) {
        uint64_t timeout = wait->arguments->timeout;

        for (;;) {
                uint64_t elapsed;
                int r;

                r = look(wait);
                if (r <= 0 && r != -EAGAIN) /* the kernel may have more time for us later */
                        return r;
                elapsed = now_monotonic() - wait->start;
                if (elapsed >= timeout)
                        return r;
                tell(wait, elapsed);
                progress_tick(wait->told ? &wait->progress : NULL);
                pause_after(elapsed, timeout - elapsed);
        }
}

/* --- the answer ------------------------------------------------------------------------------------- */

static const char *cure(const PortReport *report) {
        const PortHolder *first = report->holders.n > 0 ? &report->holders.items[0] : NULL;

        if (!first || (TCP_STATE(first->socket.state) & STATES_CONNECTED && first->socket.inode == 0))
                return "wait longer with --timeout, or use --reuse if the server sets SO_REUSEADDR";
        if (TCP_STATE(first->socket.state) & STATES_CONNECTED)
                return "end that, or use --reuse if the server sets SO_REUSEADDR";
        return "end that, or use another port";
}

static void explain(const Wait *wait, const PortReport *report, Failure *failure) {
        uint64_t waited = now_monotonic() - wait->start;
        char text[900] = "somebody", span[32], port[PORT_ADDRESS_TEXT_MAX];

        port_address_text(wait->port, port);
        if (report->holders.n > 0)
                port_report_text(report, text, sizeof(text));
        if (waited < PROGRESS_INTERVAL) {
                (void) failure_set(failure, STATUS_FAILED, "PortTaken", "Port %s is taken by %s; %s.", port,
                                   text, cure(report));
                return;
        }
        display_span(waited, span, sizeof(span));
        (void) failure_set(failure, STATUS_FAILED, "PortTaken",
                           "Port %s is still taken after %s, by %s; %s.", port, span, text, cure(report));
}

/* The reports of all ports; FIRST has been made, NULL: all are free. */
static json_t *reports_to_json(const Wait *wait, const PortReport *first) {
        json_t *ports = json_array();

        for (size_t i = 0; ports && i < wait->arguments->n_ports; i++) {
                const PortAddress *port = &wait->arguments->ports[i];
                _cleanup_(port_report_done) PortReport report = { .address = *port, .free = !first };
                bool made = first && port_address_compare(&first->address, port) == 0;

                if (first && !made)
                        (void) port_report_make(port, wait->states, &report);
                (void) json_array_append_new(ports, port_report_to_json(made ? first : &report));
        }
        return ports;
}

static int fail_taken(const Wait *wait) {
        _cleanup_(port_report_done) PortReport report = { .address = *wait->port };
        Failure failure;

        (void) port_report_make(wait->port, wait->states, &report);
        explain(wait, &report, &failure);
        (void) failure_print(&failure, false);
        if (wait->arguments->json)
                (void) output_json(json_pack("{s:{s:s, s:o, s:i}, s:o, s:I}", "error", "code", failure.code,
                                             "message", output_json_text(failure.message), "exit_status",
                                             failure.status, "ports", reports_to_json(wait, &report),
                                             "waited_usec", (json_int_t) (now_monotonic() - wait->start)));
        return failure.status;
}

static int fail_unknown(int error, bool json) {
        Failure failure;

        if (error == -EAFNOSUPPORT || error == -EPERM || error == -EACCES)
                (void) failure_set(&failure, STATUS_FAILED, "Unsupported",
                                   "Sockets cannot be looked at here (%s); in a unit with "
                                   "RestrictAddressFamilies=, add AF_NETLINK to it.",
                                   strerror(-error));
        else if (error == -ENOENT || error == -EPROTONOSUPPORT)
                (void) failure_set(&failure, STATUS_FAILED, "Unsupported",
                                   "This kernel has no socket diagnosis (%s); load its module tcp_diag.",
                                   strerror(-error));
        else
                (void) failure_errno(&failure, error, "Cannot look at the sockets of this host");
        return failure_print(&failure, json);
}

static int succeed(const Wait *wait) {
        uint64_t waited = now_monotonic() - wait->start;
        char span[32];

        if (wait->arguments->json)
                return output_json(json_pack("{s:o, s:I}", "ports", reports_to_json(wait, NULL),
                                             "waited_usec", (json_int_t) waited));
        if (wait->told) {
                display_span(waited, span, sizeof(span));
                (void) printf("port %s is free after %s\n", wait->text, span);
        }
        return output_finish(0);
}

int verb_wait_port(int argc, char **argv) {
        Arguments arguments = { .timeout = TIMEOUT_DEFAULT };
        Wait wait = { .arguments = &arguments, .start = now_monotonic(), .port = arguments.ports };
        int r;

        options_fill_stdio();
        r = parse(argc, argv, &arguments);
        if (r >= 0)
                return r;

        wait.states = STATES_TAKEN | (arguments.reuse ? 0 : STATES_CONNECTED);
        r = wait_until_free(&wait);
        progress_end(&wait.progress);
        if (r < 0)
                return fail_unknown(r, arguments.json);
        return r > 0 ? fail_taken(&wait) : succeed(&wait);
}
