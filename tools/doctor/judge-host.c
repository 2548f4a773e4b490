/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel, the cgroup tree, systemd. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "tools/doctor/judge.h"

#define SYSTEMD_OLDEST 252

/* systemd's hybrid layout: the v2 hierarchy is there, and has no controllers. */
static bool is_hybrid(const HostFacts *host) {
        return strcmp(host->cgroup_mount, "/sys/fs/cgroup/unified") == 0;
}

static void check_cgroup(const Facts *facts, Findings *findings) {
        const HostFacts *host = &facts->host;
        FindingLevel level = facts->daemon.direct ? FINDING_NOTE : FINDING_PROBLEM;
        Finding *finding;

        if (!host->cgroup_mount[0])
                finding = finding_add(findings, FINDING_PROBLEM, "cgroup",
                                      "No cgroup v2 hierarchy is mounted; cgmove needs one.");
        else if (is_hybrid(host))
                finding = finding_add(findings, level, "cgroup",
                                      "This host has the hybrid cgroup layout, where systemd keeps its "
                                      "controllers in v1 hierarchies; cgmove needs the unified one.");
        else if (host->cgroup_v1[0]) {
                finding = finding_add(findings, FINDING_WARNING, "cgroup",
                                      "Controllers are in v1 hierarchies beside cgroup v2 (%s): limits of "
                                      "jobs that need them are not set.",
                                      host->cgroup_v1);
                finding_cure(finding, "cgroup_no_v1=all on the kernel command line");
                return;
        } else {
                finding_add(findings, FINDING_OK, "cgroup", "cgroup v2 is mounted on %s.",
                            host->cgroup_mount);
                return;
        }
        finding_cure(finding, "systemd.unified_cgroup_hierarchy=1 on the kernel command line");
}

static void check_kernel(const Facts *facts, Findings *findings) {
        const HostFacts *host = &facts->host;
        Finding *finding = NULL;

        if (!host->pidfd)
                finding = finding_add(findings, FINDING_PROBLEM, "kernel",
                                      "Linux %s gives this process no pidfd (since 5.3; or a system call "
                                      "filter forbids it), and cgmove names processes by nothing else.",
                                      host->kernel);
        else if (host->freezer == ANSWER_NO)
                finding = finding_add(findings, FINDING_PROBLEM, "kernel",
                                      "Linux %s has no freezer in cgroup v2 (since 5.2), which every move "
                                      "goes through.",
                                      host->kernel);
        else if (host->cgroup_kill == ANSWER_NO)
                finding = finding_add(
                                findings, FINDING_WARNING, "kernel",
                                "Linux %s has no cgroup.kill (since 5.14): a job that forks fast can outrun "
                                "its end.",
                                host->kernel);
        if (finding)
                finding_cure(finding, "a kernel of 5.14 or later; Debian 12 has 6.1");
        else
                finding_add(findings, FINDING_OK, "kernel", "Linux %s: pidfd%s%s.", host->kernel,
                            host->freezer == ANSWER_YES ? ", freezer" : "",
                            host->cgroup_kill == ANSWER_YES ? ", cgroup.kill" : "");
}

/* Documentation/admin-guide/cgroup-v2.rst, "favordynmods"; the option is of Linux 6.0. */
static void check_favordynmods(const Facts *facts, Findings *findings) {
        const HostFacts *host = &facts->host;
        Finding *finding;

        if (!host->cgroup_mount[0] || is_hybrid(host) || host->kernel_major < 6 ||
            strstr(host->cgroup_options, "favordynmods"))
                return;
        finding = finding_add(findings, FINDING_NOTE, "favordynmods",
                              "cgroup v2 is mounted without favordynmods, so a lone move may wait some 10 "
                              "ms for the kernel (an RCU grace period); nothing else depends on it.");
        if (host->container[0])
                finding_cure(finding,
                             "on the host of this container, as root: mount -o remount,%s,favordynmods %s",
                             host->cgroup_options, host->cgroup_mount);
        else
                finding_cure(finding, "%smount -o remount,%s,favordynmods %s", judge_as_root(facts),
                             host->cgroup_options, host->cgroup_mount);
}

/* "255.4-1ubuntu8" */
static void parse_version(const char *text, unsigned *ret_major, unsigned *ret_minor) {
        char *end;

        *ret_major = (unsigned) strtoul(text, &end, 10);
        *ret_minor = *end == '.' ? (unsigned) strtoul(end + 1, NULL, 10) : 0;
}

/* logind of 255, and of 256 before 256.3, ends user@UID.service at the last logout though the user lingers:
 * https://github.com/systemd/systemd/issues/43361 */
static void check_systemd(const Facts *facts, Findings *findings) {
        const HostFacts *host = &facts->host;
        unsigned major, minor;
        Finding *finding;

        if (!host->systemd) {
                finding = finding_add(findings, facts->daemon.direct ? FINDING_NOTE : FINDING_PROBLEM,
                                      "systemd",
                                      "PID 1 is not systemd: there are no units, and the daemon works only "
                                      "with tree = \"direct\" in %s/cgmove.conf.",
                                      CGMOVE_CONF_DIR);
                finding_cure(finding,
                             "tree = \"direct\" in " CGMOVE_CONF_DIR "/cgmove.conf, see cgmove.conf(5)");
                return;
        }
        if (!host->systemd_version[0]) {
                finding_add(findings, FINDING_NOTE, "systemd",
                            "systemd runs here, but cannot be asked for its version, as no bus is "
                            "reachable; 'systemctl --version' tells that of the tools.");
                return;
        }
        parse_version(host->systemd_version, &major, &minor);
        if (major < SYSTEMD_OLDEST) {
                finding = finding_add(findings, FINDING_WARNING, "systemd",
                                      "systemd %s is older than %d, the oldest that cgmove is tested with.",
                                      host->systemd_version, SYSTEMD_OLDEST);
                finding_cure(finding, "systemd %d or later; Debian 12 has 252", SYSTEMD_OLDEST);
        } else if (major == 255 || (major == 256 && minor < 3)) {
                finding = finding_add(findings, FINDING_WARNING, "systemd",
                                      "systemd %s stops user@%u.service at the last logout in spite of "
                                      "lingering (a bug of 255, fixed in 256.3): jobs survive that, user "
                                      "units do not.",
                                      host->systemd_version, (unsigned) facts->caller.uid);
                finding_cure(finding,
                             "systemd 256.3 or later; after it has happened, as root: systemctl start "
                             "user@%u.service",
                             (unsigned) facts->caller.uid);
        } else
                finding_add(findings, FINDING_OK, "systemd", "systemd %s.", host->systemd_version);
}

static bool has_word(const char *list, const char *word) {
        size_t n = strlen(word);

        for (const char *at = list; (at = strstr(at, word)); at += n)
                if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == 0))
                        return true;
        return false;
}

static void check_controllers(const Facts *facts, Findings *findings) {
        static const char *const wanted[] = { "cpu", "memory", "pids" };
        const HostFacts *host = &facts->host;
        char missing[64] = "";
        Finding *finding;

        if (host->controllers_known != ANSWER_YES)
                return;
        for (size_t i = 0; i < ELEMENTSOF(wanted); i++)
                if (!has_word(host->controllers, wanted[i])) {
                        size_t n = strlen(missing);

                        (void) snprintf(missing + n, sizeof(missing) - n, "%s%s", n > 0 ? ", " : "",
                                        wanted[i]);
                }
        if (!missing[0]) {
                finding_add(findings, FINDING_OK, "controllers",
                            "Jobs can be limited by cpu, memory and pids.");
                return;
        }
        finding = finding_add(findings, FINDING_WARNING, "controllers",
                              "Jobs are not limited by what needs the controllers %s, which this place does "
                              "not have.",
                              missing);
        if (host->container[0])
                finding_cure(finding, "Delegate=cpu memory pids for this container's unit, on its host");
        else if (strcmp(missing, "memory") == 0)
                finding_cure(finding, "cgroup_enable=memory on the kernel command line");
        else
                finding_cure(finding,
                             "%scat %s/cgroup.controllers tells what the kernel has; what is missing there "
                             "was turned off by cgroup_disable= on the kernel command line",
                             judge_as_root(facts), host->cgroup_mount);
}

static void check_install(const Facts *facts, Findings *findings) {
        Finding *finding;

        if (facts->host.installed)
                return;
        finding = finding_add(findings, FINDING_PROBLEM, "install",
                              "%s/cgmove-supervise cannot be executed.", CGMOVE_LIBEXEC_DIR);
        finding_cure(finding, "%sapt-get install --reinstall cgmove", judge_as_root(facts));
}

const JudgeCheck judge_host[] = {
        check_cgroup,  check_kernel, check_favordynmods, check_systemd, check_controllers,
        check_install, NULL,
};
