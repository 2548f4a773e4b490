/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/prepare.h"

#include <string.h>

#include "tools/restart/watch.h"
#include "tools/status.h"

#define SPARE (UINT64_C(75) * 1000000) /* microseconds: a port can be in TIME_WAIT for 60 s */
#define ONE_MAX (UINT64_C(900) * 1000000)

uint64_t restart_timeout(const RestartPlan *plan, const Unit *unit) {
        uint64_t stop = unit->timeout_stop < ONE_MAX ? unit->timeout_stop : ONE_MAX;
        uint64_t begin = unit->timeout_start < ONE_MAX ? unit->timeout_start : ONE_MAX;

        return plan->timeout > 0 ? plan->timeout : stop + begin + SPARE;
}

static int check_loaded(const RestartPlan *plan, const Unit *unit, Outcome *outcome) {
        if (strcmp(unit->load_state, "loaded") == 0)
                return 0;
        if (strcmp(unit->load_state, "masked") == 0)
                outcome_end(outcome, "failed", "masked",
                            "%s is masked, so it could not start again; \"%s\"%s first. Nothing was "
                            "stopped.",
                            outcome->unit, plan_command(plan, "systemctl", "unmask").text,
                            plan->system ? " as root" : "");
        else
                outcome_end(outcome, "failed", "not-loaded",
                            "%s cannot be loaded (%s), so it could not start again; \"%s\" says more. "
                            "Nothing was "
                            "stopped.",
                            outcome->unit, unit->load_state, plan_command(plan, "systemctl", "status").text);
        return STATUS_FAILED;
}

int restart_check(UnitManager *manager, const RestartPlan *plan, bool may_reload, Unit *ret,
                  Outcome *outcome) {
        Failure failure;
        int r;

        r = unit_get(manager, plan->unit, ret, &failure);
        if (r == 0 && ret->need_daemon_reload && may_reload) {
                outcome_begin_phase(outcome, "reloading");
                r = unit_manager_reload(manager, &failure);
                if (r == 0)
                        r = unit_get(manager, plan->unit, ret, &failure);
        }
        if (r != 0) {
                restart_manager_failed(outcome, &failure);
                return r;
        }
        return check_loaded(plan, ret, outcome);
}

int restart_note_ports(int proc_fd, const RestartPlan *plan, const Unit *unit, UnitPorts *ret,
                       Outcome *outcome) {
        UnitPorts ports = { .n_wanted = plan->n_ports };
        int r = 0;

        memcpy(ports.wanted, plan->ports, sizeof(ports.wanted));
        if (plan->n_ports == 0)
                r = unit_ports_note(proc_fd, unit, &ports);
        if (r < 0) {
                outcome_end(outcome, "failed", "refused",
                            "The ports of %s cannot be told: %s. Nothing was stopped.", outcome->unit,
                            strerror(-r));
                return STATUS_FAILED;
        }
        memcpy(outcome->ports, ports.wanted, sizeof(outcome->ports));
        outcome->n_ports = ports.n_wanted;
        *ret = ports;
        return 0;
}
