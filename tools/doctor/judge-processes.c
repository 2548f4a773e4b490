/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is in the unit's group, and who holds its ports. */

#include <stdio.h>
#include <string.h>

#include "tools/doctor/judge.h"

static bool is_up(const UnitFacts *unit) {
        return strcmp(unit->active_state, "active") == 0 || strcmp(unit->active_state, "reloading") == 0;
}

static void list_processes(const UnitFacts *unit, bool older, char *list, size_t size) {
        size_t n_told = 0;

        list[0] = 0;
        for (size_t i = 0; i < unit->n_left_overs && i < PROCESSES_TOLD; i++) {
                const ProcessFacts *process = &unit->left_overs[i];
                size_t n = strlen(list);

                if (process->older != older)
                        continue;
                (void) snprintf(list + n, size - n, "%s%d (%s)", n_told > 0 ? ", " : "", (int) process->pid,
                                process->comm);
                n_told++;
        }
}

static void check_left_overs(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        size_t newer = unit->n_left_overs - unit->n_older;
        char list[384];

        if (!judge_unit_is_readable(facts))
                return;
        if (unit->n_older > 0) {
                list_processes(unit, true, list, sizeof(list));
                finding_cure(finding_add(findings, FINDING_WARNING, "left-overs",
                                         "%zu process%s in the unit %s left over from an earlier instance: "
                                         "%s%s.",
                                         unit->n_older, unit->n_older == 1 ? "" : "es",
                                         unit->n_older == 1 ? "is" : "are", list,
                                         unit->n_left_overs > PROCESSES_TOLD ? ", ..." : ""),
                             "%skill PID for what is not needed; %s ends those that hold its ports",
                             judge_as_owner(facts), judge_restart(facts).text);
        }
        if (newer > 0) {
                list_processes(unit, false, list, sizeof(list));
                finding_add(findings, FINDING_NOTE, "left-overs",
                            "%zu process%s of the unit %s detached from its main process: %s%s.", newer,
                            newer == 1 ? "" : "es", newer == 1 ? "is" : "are", list,
                            unit->n_left_overs > PROCESSES_TOLD ? ", ..." : "");
        }
}

static void tell_foreign(const Facts *facts, const PortFacts *port, Findings *findings) {
        Finding *finding;

        finding = finding_add(findings, is_up(&facts->unit) ? FINDING_WARNING : FINDING_PROBLEM, "port",
                              "Port %u is held by %s, which is not of %s; cgmove restart does not touch it.",
                              (unsigned) port->port, port->holder, facts->unit.name);
        if (port->pid > 0)
                finding_cure(finding, "%skill %d, or another port for one of the two",
                             port->own_user ? "" : judge_as_root(facts), (int) port->pid);
        else
                finding_cure(finding,
                             "%sss -ltnp 'sport = :%u' tells the process; then end it, or another port for "
                             "one of the two",
                             judge_as_root(facts), (unsigned) port->port);
}

static void tell_left_over(const Facts *facts, const PortFacts *port, Findings *findings) {
        const UnitFacts *unit = &facts->unit;

        finding_cure(finding_add(findings, is_up(unit) ? FINDING_WARNING : FINDING_PROBLEM, "port",
                                 is_up(unit) ? "Port %u is held by %s, a left-over of the unit: after a "
                                               "plain systemctl restart the new instance would get "
                                               "EADDRINUSE."
                                             : "Port %u is held by %s, a left-over of the unit: each new "
                                               "instance gets EADDRINUSE.",
                                 (unsigned) port->port, port->holder),
                     "%s", judge_restart(facts).text);
}

static void check_ports(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;

        if (!judge_unit_is_readable(facts))
                return;
        for (size_t i = 0; i < unit->n_ports; i++) {
                const PortFacts *port = &unit->ports[i];

                switch (port->state) {
                case PORT_OWN:
                        finding_add(findings, FINDING_OK, "port", "Port %u is held by the unit itself.",
                                    (unsigned) port->port);
                        break;
                case PORT_DETACHED:
                        finding_cure(finding_add(findings,
                                                 strcmp(unit->kill_mode, "process") == 0 ? FINDING_WARNING
                                                                                         : FINDING_NOTE,
                                                 "port",
                                                 "Port %u is held by %s, which is in the unit and not below "
                                                 "its main process.",
                                                 (unsigned) port->port, port->holder),
                                     "%s, which ends it if it keeps the port", judge_restart(facts).text);
                        break;
                case PORT_LEFT_OVER:
                        tell_left_over(facts, port, findings);
                        break;
                case PORT_FOREIGN:
                        tell_foreign(facts, port, findings);
                        break;
                case PORT_TIME_WAIT:
                        if (!is_up(unit))
                                finding_cure(finding_add(findings, FINDING_WARNING, "port",
                                                         "Port %u has connections in TIME_WAIT: for a "
                                                         "minute a server without SO_REUSEADDR cannot bind "
                                                         "it.",
                                                         (unsigned) port->port),
                                             "%s, which waits for it", judge_restart(facts).text);
                        break;
                case PORT_FREE:
                        if (is_up(unit))
                                finding_add(findings, FINDING_NOTE, "port",
                                            "Port %u is in the unit's command, and nothing listens on it.",
                                            (unsigned) port->port);
                        break;
                }
        }
}

static void check_ports_known(const Facts *facts, Findings *findings) {
        if (judge_unit_is_readable(facts) && !facts->unit.ports_known)
                finding_add(findings, FINDING_NOTE, "port",
                            "Who holds ports here is not known: the kernel does not tell it "
                            "(sock_diag(7)), or one user has too many sockets.");
}

const JudgeCheck judge_processes[] = { check_left_overs, check_ports, check_ports_known, NULL };
