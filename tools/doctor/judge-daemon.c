/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon, and whether it has a policy. */

#include <string.h>

#include "tools/doctor/judge.h"

static void check_reachable(const Facts *facts, Findings *findings) {
        const DaemonFacts *daemon = &facts->daemon;
        Finding *finding;

        if (daemon->reachable == ANSWER_YES)
                return;
        finding = finding_add(findings, FINDING_PROBLEM, "daemon", "%s", daemon->error);
        if (!facts->host.systemd) /* where it is root's to start, and to keep */
                finding_cure(finding,
                             "%sstart " CGMOVE_LIBEXEC_DIR "/cgmoved, with tree = \"direct\" in cgmove.conf (see "
                             "cgmoved(8))",
                             judge_as_root(facts));
        else if (daemon->timeout)
                finding_cure(finding, "%ssystemctl restart cgmoved.service", judge_as_root(facts));
        else if (daemon->untrusted)
                finding_cure(finding, "%srm -r /run/cgmove && systemctl restart cgmoved.socket",
                             judge_as_root(facts));
        else
                finding_cure(finding, "%ssystemctl enable --now cgmoved.socket cgmoved.service",
                             judge_as_root(facts));
}

static void check_version(const Facts *facts, Findings *findings) {
        const DaemonFacts *daemon = &facts->daemon;
        Finding *finding;

        if (daemon->reachable != ANSWER_YES)
                return;
        if (strcmp(daemon->version, daemon->tool_version) == 0) {
                finding_add(findings, FINDING_OK, "daemon", "cgmoved %s answers.", daemon->version);
                return;
        }
        finding = finding_add(findings, FINDING_WARNING, "daemon",
                              "cgmoved is of version %s and this tool of %s: the daemon was not restarted "
                              "after an upgrade.",
                              daemon->version, daemon->tool_version);
        finding_cure(finding, "%ssystemctl restart cgmoved.service (no job is touched)",
                     judge_as_root(facts));
}

static void check_policy_loaded(const Facts *facts, Findings *findings) {
        const DaemonFacts *daemon = &facts->daemon;
        const char *problem = daemon->policy_problem[0] ? daemon->policy_problem : daemon->file_problem;

        if (daemon->reachable == ANSWER_YES && daemon->policy_loaded == 0)
                finding_cure(finding_add(findings, FINDING_PROBLEM, "policy-file",
                                         "No policy is in force, so all is refused: %s",
                                         problem[0] ? problem : "it is not loaded yet."),
                             "%scgmove policy check && systemctl reload cgmoved.service",
                             judge_as_root(facts));
}

static void check_policy_file(const Facts *facts, Findings *findings) {
        const DaemonFacts *daemon = &facts->daemon;
        const char *problem = daemon->file_problem[0] ? daemon->file_problem : daemon->policy_problem;

        if (daemon->reachable == ANSWER_YES && daemon->policy_loaded == 0)
                return;
        if (problem[0])
                finding_cure(finding_add(findings, FINDING_WARNING, "policy-file",
                                         "The policy on the disk is not good, the one before it stays in "
                                         "force until the daemon starts anew: %s",
                                         problem),
                             "%scgmove policy check && systemctl reload cgmoved.service",
                             judge_as_root(facts));
        else if (daemon->reachable == ANSWER_YES && daemon->file_newer)
                finding_cure(finding_add(findings, FINDING_NOTE, "policy-file",
                                         "The policy on the disk was changed after it was loaded."),
                             "%ssystemctl reload cgmoved.service", judge_as_root(facts));
}

static void check_logind(const Facts *facts, Findings *findings) {
        if (facts->host.systemd && facts->daemon.reachable == ANSWER_YES && facts->daemon.logind == ANSWER_NO)
                finding_cure(finding_add(findings, FINDING_NOTE, "logind",
                                         "systemd-logind cannot be asked by the daemon over the system bus: jobs "
                                         "stay at a logout, whatever on-logout says."),
                             "%ssystemctl start dbus.service systemd-logind.service", judge_as_root(facts));
}

const JudgeCheck judge_daemon[] = {
        check_reachable, check_version, check_policy_loaded, check_policy_file, check_logind, NULL,
};
