/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/decision.h"
#include "lib/protocol.h"
#include "lib/text.h"

int decision_refuse(Decision *decision, const char *error, const char *format, ...) {
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = vasprintf(&decision->message, format, arguments);
        va_end(arguments);
        if (r < 0) {
                decision->message = NULL;
                return -ENOMEM;
        }

        /* what is no text cannot be sent */
        (void) text_copy_plain(decision->message, strlen(decision->message) + 1, decision->message);
        decision->error = error;
        return 1;
}

static int check_process(const Caller *caller, const Target *target, Decision *decision) {
        if (target->kernel_thread)
                return decision_refuse(decision, CGMOVE_ERROR_NOT_YOURS,
                                       "Process %d is a kernel thread, which nobody may move.", (int) target->pid);
        if (target->pid == 1 || target->pid == getpid())
                return decision_refuse(decision, CGMOVE_ERROR_NOT_YOURS,
                                       "Process %d is %s, which nobody may move.", (int) target->pid,
                                       target->pid == 1 ? "PID 1" : "cgmoved itself");
        if (target->status.tgid != target->pid)
                return decision_refuse(decision, CGMOVE_ERROR_INVALID,
                                       "%d is a thread of process %d; name the process, its threads come along.",
                                       (int) target->pid, (int) target->status.tgid);
        if (caller->uid != 0 && !proc_status_is_of(&target->status, caller->uid))
                return decision_refuse(decision, CGMOVE_ERROR_NOT_YOURS,
                                       "Process %d is not yours: its real, effective and saved user ids are %u, %u and %u, "
                                       "and all must be %u.",
                                       (int) target->pid, target->status.uid[0], target->status.uid[1],
                                       target->status.uid[2], caller->uid);
        /* a job has one owner, whom its limits and its results belong to */
        if (!proc_status_is_of(&target->status, target->status.uid[0]))
                return decision_refuse(decision, CGMOVE_ERROR_NOT_YOURS,
                                       "Process %d has different real, effective and saved user ids (%u, %u, %u), "
                                       "so that it is nobody's own; it cannot be moved.",
                                       (int) target->pid, target->status.uid[0], target->status.uid[1], target->status.uid[2]);
        /* the kernel leaves the first thread where it is, and with it what /proc/PID/cgroup says, and lists no process in the
         * group that the other threads go to */
        if (target->leader_ended)
                return decision_refuse(decision, CGMOVE_ERROR_UNSUPPORTED,
                                       "The first thread of process %d has ended, so that the kernel would move only the others, "
                                       "or it is just ending; it cannot be moved.",
                                       (int) target->pid);
        return 0;
}

static int check_place(const Target *target, Decision *decision) {
        const Source *source = &target->source;

        switch (source->kind) {
        case SOURCE_MANAGER:
                return decision_refuse(decision, CGMOVE_ERROR_MAIN_PROCESS,
                                       "Process %d belongs to a service manager, which cannot run units outside its own "
                                       "cgroup; nobody may move it.",
                                       (int) target->pid);
        case SOURCE_OTHER:
                return decision_refuse(decision, CGMOVE_ERROR_DENIED,
                                       "Process %d is in cgroup %s, which is no unit or session that a policy could name.",
                                       (int) target->pid, target->cgroup);
        case SOURCE_JOB:
                if (source->job == 0)
                        return decision_refuse(decision, CGMOVE_ERROR_MAIN_PROCESS,
                                               "Process %d keeps the pool of user %u alive; nobody may move it.",
                                               (int) target->pid, source->owner_uid);
                break;
        case SOURCE_USER_UNIT:
        case SOURCE_SESSION:
        case SOURCE_SYSTEM_UNIT:
                break;
        }

        if (source->control)
                return decision_refuse(decision, CGMOVE_ERROR_MAIN_PROCESS,
                                       "Process %d is a control process of %s (ExecStartPre=, ExecReload=, ExecStop= or the "
                                       "like), which its manager waits for; nobody may move it.",
                                       (int) target->pid, source->unit);
        if (source->kind != SOURCE_SYSTEM_UNIT && source->owner_uid != target->status.uid[0])
                return decision_refuse(decision, CGMOVE_ERROR_DENIED,
                                       "Process %d of user %u is in cgroup %s, which belongs to user %u; only processes in "
                                       "their own user's units and sessions can be moved.",
                                       (int) target->pid, target->status.uid[0], target->cgroup, source->owner_uid);
        /* what cannot be looked at cannot be compared with the destination either */
        if (target->gone)
                return decision_refuse(decision, CGMOVE_ERROR_DENIED,
                                       "Process %d is in cgroup %s, which is being removed or cannot be told from one that is.",
                                       (int) target->pid, target->cgroup);
        if (target->frozen)
                return decision_refuse(decision, CGMOVE_ERROR_FROZEN,
                                       "Process %d is in cgroup %s, which is frozen, and moving it would thaw it; try again "
                                       "when it is thawed.",
                                       (int) target->pid, target->cgroup);
        if (target->unit_process == YES)
                return decision_refuse(decision, CGMOVE_ERROR_MAIN_PROCESS,
                                       "Process %d is the main or control process of %s, and moving it would not save it "
                                       "from a restart; use \"cgmove run\" for what is to outlive the unit.",
                                       (int) target->pid, source->unit);
        return 0;
}

static int check_policy(const Policy *policy, const Caller *caller, const Target *target, Decision *decision) {
        PolicyFacts facts = {
                .uid = caller->uid,
                .gids = caller->gids,
                .n_gids = caller->n_gids,
                .source = &target->source,
        };
        PolicyVerdict verdict;
        int r;

        /* root needs no rule: it can write to cgroup.procs as it likes */
        if (caller->uid == 0)
                return 0;

        policy_decide(policy, &facts, &verdict);
        decision->section = verdict.section;
        if (verdict.allowed)
                return 0;

        r = policy_refusal_text(&facts, &verdict, &decision->message);
        if (r < 0)
                return r;
        decision->error = verdict.undecided ? CGMOVE_ERROR_BUSY
                        : verdict.invalid   ? CGMOVE_ERROR_POLICY_INVALID
                                            : CGMOVE_ERROR_DENIED;
        return 1;
}

static int check_sandbox(const Target *target, Decision *decision) {
        if (target->sandbox_lost != YES || (decision->section && decision->section->allow_unsandbox))
                return 0;

        return decision_refuse(decision, CGMOVE_ERROR_SANDBOX_LOST,
                               "Process %d would leave a restriction of %s behind (%s) that its cgroup enforces; only a "
                               "policy section with \"allow-unsandbox = true\" lets it.",
                               (int) target->pid, target->source.unit[0] ? target->source.unit : "its session",
                               target->sandbox);
}

int decide(const Policy *policy, const Caller *caller, const Target *target, Decision *ret) {
        Decision decision = {};
        int r;

        r = check_process(caller, target, &decision);
        if (r == 0)
                r = check_place(target, &decision);
        if (r == 0)
                r = check_policy(policy, caller, target, &decision);
        if (r == 0)
                r = check_sandbox(target, &decision);
        if (r < 0) {
                decision_done(&decision);
                return r;
        }

        *ret = decision;
        return 0;
}

void decision_done(Decision *decision) {
        free(decision->message);
        *decision = (Decision) {};
}

bool target_needs_manager(const Target *target, bool parent_is_manager) {
        switch (target->source.kind) {
        case SOURCE_SYSTEM_UNIT:
                return true;
        case SOURCE_USER_UNIT:
                return parent_is_manager;
        default:
                return false;
        }
}
