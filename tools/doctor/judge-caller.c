/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The user's login: lingering, manager, bus. */

#include <errno.h>
#include <string.h>

#include "tools/doctor/judge.h"

/* Root's manager is seldom there, and a unit of the system does not care for its user's. */
static bool is_of_interest(const Facts *facts) {
        return !facts->unit.system && (facts->caller.uid != 0 || facts->unit.asked);
}

static void check_lingering(const Facts *facts, Findings *findings) {
        const CallerFacts *caller = &facts->caller;
        Finding *finding;

        if (!is_of_interest(facts) || !facts->host.systemd)
                return;
        if (caller->lingers == ANSWER_YES) {
                finding_add(findings, FINDING_OK, "linger", "%s lingers: the user manager stays at logout.",
                            caller->name);
                return;
        }
        finding = finding_add(findings, FINDING_WARNING, "linger",
                              caller->lingers == ANSWER_NO
                                              ? "%s does not linger: at the last logout the user manager "
                                                "and all of its units end, and so does a restart that is "
                                                "under way."
                                              : "It cannot be told whether %s lingers.",
                              caller->name);
        finding_cure(finding, "%sloginctl enable-linger %s", judge_as_root(facts), caller->name);
}

static void check_logout(const Facts *facts, Findings *findings) {
        const CallerFacts *caller = &facts->caller;
        const RuleFacts *rule = facts->unit.asked ? &facts->unit.rule : &caller->rule;
        bool ipc = facts->host.remove_ipc == ANSWER_YES && caller->uid >= 1000;

        if (!is_of_interest(facts) || caller->lingers != ANSWER_NO || !caller->runtime_directory)
                return;
        finding_cure(finding_add(findings, FINDING_NOTE, "logout",
                                 "At the last logout /run/user/%u goes%s; %s.", (unsigned) caller->uid,
                                 ipc ? ", and shared memory and semaphores (RemoveIPC=yes)" : "",
                                 strcmp(rule->on_logout, "keep") == 0
                                                 ? "jobs stay (on-logout = \"keep\")"
                                                 : "'cgmove sessions' shows whether jobs stay"),
                     "%sloginctl enable-linger %s", judge_as_root(facts), caller->name);
}

static void check_manager(const Facts *facts, Findings *findings) {
        const CallerFacts *caller = &facts->caller;
        FindingLevel level = facts->unit.asked ? FINDING_PROBLEM : FINDING_NOTE;
        Finding *finding;

        if (!is_of_interest(facts))
                return;
        if (caller->manager == ANSWER_YES) {
                finding_add(findings, FINDING_OK, "user-manager", "The user manager of %s answers.",
                            caller->name);
                return;
        }
        finding = finding_add(findings, level, "user-manager",
                              "The user manager of %s (user@%u.service) cannot be reached: %s", caller->name,
                              (unsigned) caller->uid,
                              caller->manager_error[0] ? caller->manager_error : "it does not run.");
        if (caller->lingers == ANSWER_YES || caller->runtime_directory)
                finding_cure(finding, "%ssystemctl restart user@%u.service", judge_as_root(facts),
                             (unsigned) caller->uid);
        else
                finding_cure(finding, "%sloginctl enable-linger %s", judge_as_root(facts), caller->name);
}

/* `systemctl --user` finds its manager by XDG_RUNTIME_DIR; cgmove does not need it. */
static void check_bus(const Facts *facts, Findings *findings) {
        const CallerFacts *caller = &facts->caller;

        if (!is_of_interest(facts) || caller->manager != ANSWER_YES)
                return;
        if (!caller->bus)
                finding_cure(finding_add(findings, FINDING_NOTE, "user-bus",
                                         "There is no user bus at /run/user/%u/bus; cgmove does not need "
                                         "it, other programs may.",
                                         (unsigned) caller->uid),
                             "%sapt-get install dbus-user-session", judge_as_root(facts));
        else if (!caller->runtime_variable)
                finding_cure(finding_add(findings, FINDING_NOTE, "user-bus",
                                         "XDG_RUNTIME_DIR is not set here, so systemctl --user does not "
                                         "find the user manager; cgmove does, and sets it for the commands "
                                         "of cgmove run."),
                             "export XDG_RUNTIME_DIR=/run/user/%u", (unsigned) caller->uid);
        else
                finding_add(findings, FINDING_OK, "user-bus", "The user bus is there.");
}

/* Where its folder is only read in the unit's sandbox, it can be let out; where it is out of reach, a setting that lets it out
 * may not help either (ProtectHome=yes, tmpfs), or there is no such home. */
static void cure_log_of_unit(const Facts *facts, Finding *finding) {
        const CallerFacts *caller = &facts->caller;
        const char *folder = caller->log_folder, *systemctl = judge_systemctl(facts);

        if (folder[0] &&
            caller->log_error == EROFS) /* a unit with a path that is not there does not start */
                finding_cure(finding,
                             "as %s, outside of the unit: mkdir -p %s; then %sReadWritePaths=%s under "
                             "[Service] with "
                             "'%s edit %s'",
                             caller->name, folder, judge_as_owner(facts), folder, systemctl,
                             judge_word(facts->unit.name).text);
        else
                finding_cure(finding,
                             "%sEnvironment=XDG_STATE_HOME=DIRECTORY, one that %s may write there, under "
                             "[Service] with "
                             "'%s edit %s'",
                             judge_as_owner(facts), caller->name, systemctl,
                             judge_word(facts->unit.name).text);
}

/* A restart does without its log, `cgmove run` does not. */
static void check_log(const Facts *facts, Findings *findings) {
        const CallerFacts *caller = &facts->caller;
        bool asked = facts->unit.asked;
        FindingLevel level = asked ? FINDING_WARNING : FINDING_PROBLEM;
        const char *without = asked ? " (a restart does without)" : "";
        Finding *finding;

        if (asked && !facts->unit.inside)
                return; /* it may be another one there */
        if (!caller->log_folder[0])
                finding = finding_add(findings, level, "log",
                                      "No home directory is known here, so jobs have no place for their "
                                      "logs%s.",
                                      without);
        else if (caller->log_error != 0)
                finding = finding_add(findings, level, "log",
                                      "The logs of jobs go to %s, which cannot be written from here: %s%s.",
                                      caller->log_folder, strerror(caller->log_error), without);
        else
                return;
        if (asked)
                cure_log_of_unit(facts, finding);
        else if (!caller->log_folder[0])
                finding_cure(finding, "export HOME=~%s", caller->name);
        else
                finding_cure(finding, "export XDG_STATE_HOME=DIRECTORY, one that you may write");
}

const JudgeCheck judge_caller[] = {
        check_log, check_lingering, check_logout, check_manager, check_bus, NULL
};
