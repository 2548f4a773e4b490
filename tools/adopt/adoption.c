/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/adopt/adoption.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tools/adopt/drop-in.h"
#include "tools/adopt/systemctl-command.h"
#include "tools/output.h"
#include "tools/status.h"

void adoption_done(Adoption *a) {
        (void) sd_bus_close_unref(a->bus);
        adopt_unit_done(&a->unit);
        adopt_strv_free(&a->manager_environment);
        if (a->folder >= 0)
                (void) close(a->folder);
}

int adoption_reload(const Adoption *adoption, const char *done, Failure *failure) {
        Failure reason;

        if (adopt_manager_reload(adoption->bus, &reason) == 0)
                return 0;
        return failure_set(failure, reason.status, reason.code,
                           "%s/" DROP_IN_NAME
                           " is %s, but not in force yet. %s 'systemctl%s daemon-reload' asks it again.",
                           adoption->path, done, reason.message, adoption->system ? "" : " --user");
}

const char *adoption_scope(const Adoption *a) {
        return a->system ? " --system" : "";
}

static int complete(const char *verb, const char *word, char name[static UNIT_NAME_MAX + 1],
                    Failure *failure) {
        const char *suffix;

        if (!systemctl_word_complete(word, name, UNIT_NAME_MAX + 1))
                return failure_set(failure, STATUS_USAGE, "Usage",
                                   "\"%s\" is no name of a unit; 'systemctl --user list-units "
                                   "--type=service' shows those of services.",
                                   word);
        suffix = strrchr(name, '.');
        if (strcmp(suffix, ".service") != 0)
                return failure_set(failure, STATUS_USAGE, "Usage",
                                   "%s is no service; 'cgmove %s' is for services.", name, verb);
        return 0;
}

static int check_unit(const Adoption *a, Failure *failure) {
        const AdoptUnit *unit = &a->unit;

        if (strcmp(unit->load_state, "loaded") == 0)
                return 0;
        if (strcmp(unit->load_state, "not-found") == 0)
                return failure_set(failure, STATUS_FAILED, "NoSuchUnit",
                                   "%s has no unit %s; 'systemctl%s list-unit-files' shows what there is.",
                                   a->system ? "The system manager" : "Your user manager", unit->id,
                                   a->system ? "" : " --user");
        return failure_set(failure, STATUS_FAILED, "NotLoaded",
                           "%s cannot be loaded (%s); see 'systemctl%s status %s'.", unit->id,
                           unit->load_state, a->system ? "" : " --user", unit->id);
}

/* The folders that the manager itself reads, whatever the environment of this process says: that of a
 * root shell may name the home of someone else. */
static int find_path(Adoption *a, Failure *failure) {
        const char *config = adopt_environment_find(a->manager_environment, "XDG_CONFIG_HOME");
        const char *home = adopt_environment_find(a->manager_environment, "HOME");
        const struct passwd *user;
        int r;

        if (!home) {
                user = getpwuid(geteuid());
                home = user ? user->pw_dir : "";
        }
        if (config && !config[0])
                config = NULL;
        r = a->system ? drop_in_folder_path(a->unit.id, NULL, NULL, a->path, sizeof(a->path))
                      : drop_in_folder_path(a->unit.id, config, home, a->path, sizeof(a->path));
        return r < 0 ? failure_errno(failure, r, "Cannot tell where the unit files of your user manager are")
                     : 0;
}

int adoption_open(Adoption *a, const char *word, Failure *failure) {
        char name[UNIT_NAME_MAX + 1];
        int r;

        a->folder = -1;
        r = complete(a->verb, word, name, failure);
        if (r != 0)
                return r;
        if (a->system && geteuid() != 0)
                return failure_set(failure, STATUS_FAILED, "NotRoot",
                                   "Only root can %s a unit of the system manager; run 'sudo cgmove %s "
                                   "--system %s'.",
                                   a->verb, a->verb, name);
        r = adopt_manager_open(a->system, &a->bus, failure);
        if (r == 0)
                r = adopt_manager_environment(a->bus, &a->manager_environment, failure);
        if (r == 0)
                r = adopt_unit_get(a->bus, name, &a->unit, failure);
        if (r == 0)
                r = find_path(a, failure);
        if (r == 0 && strcmp(a->verb, "adopt") == 0) /* what is gone can still be released */
                r = check_unit(a, failure);
        if (r == 0)
                r = drop_in_folder_open(a->path, false, &a->folder, failure);
        return r;
}

int adoption_ask(const Adoption *a, const char *question, Failure *failure) {
        char answer[16];

        if (a->yes)
                return 0;
        if (a->json || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
                return failure_set(failure, STATUS_FAILED, "NotConfirmed",
                                   "There is no terminal to ask at; nothing was changed. Give --yes, or "
                                   "--dry-run to see what would be done.");
        (void) fflush(stdout);
        (void) fprintf(stderr, "%s [y/N] ", question);
        if (fgets(answer, sizeof(answer), stdin) && strncasecmp(answer, "y", 1) == 0)
                return 0;
        return failure_set(failure, STATUS_FAILED, "NotConfirmed", "Nothing was changed.");
}
