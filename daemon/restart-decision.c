/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/restart-decision.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/pattern.h"
#include "lib/protocol.h"

__attribute__((format(printf, 3, 4))) static int refuse(Decision *decision, const char *error, const char *format,
                                                       ...) {
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = vasprintf(&decision->message, format, arguments);
        va_end(arguments);
        if (r < 0) {
                decision->message = NULL;
                return -ENOMEM;
        }

        decision->error = error;
        return 1;
}

bool system_service_is_protected(const char *name) {
        static const char *const patterns[] = {
                "systemd-*",         "dbus*", "cgmove*",           "user@*",         "user-runtime-dir@*",
                "emergency.service", "init*", "rescue.service",
        };

        for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
                if (pattern_match_any(patterns[i], name))
                        return true;
        return false;
}

static bool is_inside(const Target *target, const Source *service) {
        return service->kind == SOURCE_USER_UNIT && target->source.kind == SOURCE_USER_UNIT &&
               target->source.owner_uid == target->status.uid[0] && strcmp(target->source.unit, service->unit) == 0;
}

static int check_system(const Caller *caller, const Target *target, const Source *service, Decision *decision) {
        if (service->kind != SOURCE_SYSTEM_UNIT)
                return 0;
        if (system_service_is_protected(service->unit))
                return refuse(decision, CGMOVE_ERROR_DENIED,
                              "%s is a service that this machine stands on, and no policy can have cgmove restart it; "
                              "root can, with systemctl.",
                              service->unit);
        /* the job, which acts as its owner, would be refused later */
        if (caller->uid == 0 && target->status.uid[0] != 0)
                return refuse(decision, CGMOVE_ERROR_DENIED,
                              "Process %d of user %u cannot restart a system unit because root asks; move a process of "
                              "root, or have the user ask.",
                              (int) target->pid, target->status.uid[0]);
        return 0;
}

static int check_section(const Caller *caller, const Target *target, const PolicySection *section,
                         const Source *service, Decision *decision) {
        int r;

        if (caller->uid == 0 || is_inside(target, service) || (section && policy_section_restarts(section, service)))
                return 0;
        if (!section)
                return refuse(decision, CGMOVE_ERROR_DENIED, "No policy lets user %" PRIu32 " restart %s.",
                              caller->uid, service->unit);

        r = policy_restart_refusal_text(caller->uid, section, service, &decision->message);
        if (r < 0)
                return r;
        decision->error = CGMOVE_ERROR_DENIED;
        return 1;
}

int decide_restart(const Caller *caller, const Target *target, const PolicySection *section, const Source *service,
                   Decision *ret) {
        Decision decision = { .section = section };
        int r;

        r = check_system(caller, target, service, &decision);
        if (r == 0)
                r = check_section(caller, target, section, service, &decision);
        if (r < 0) {
                decision_done(&decision);
                return r;
        }

        *ret = decision;
        return 0;
}
