/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What `adopt` and `release` have in common: the unit, its manager, and the place of the drop-in. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "tools/adopt/folder.h"
#include "tools/adopt/manager.h"
#include "tools/failure.h"

typedef struct Adoption {
        const char *verb; /* "adopt" or "release" */
        bool system, yes, dry_run, json;
        sd_bus *bus;
        AdoptUnit unit;
        char **manager_environment;
        char path[4096]; /* the folder of drop-ins */
        int folder;      /* -1: it does not exist */
} Adoption;

void adoption_done(Adoption *adoption);

/* Finds all of it for the service WORD. Returns 0, or an exit status with FAILURE filled. */
int adoption_open(Adoption *adoption, const char *word, Failure *failure);

/* After it was shown what is about to be done: yes or no. Without a terminal to ask at, and without
 * --yes, fails. Returns 0, or an exit status with FAILURE filled. */
int adoption_ask(const Adoption *adoption, const char *question, Failure *failure);

/* Has the manager read the change of the drop-in. If it does not, the sentence in FAILURE begins with what has
 * become of the file, the word DONE, since that stays. */
int adoption_reload(const Adoption *adoption, const char *done, Failure *failure);

/* " --system" or "". */
const char *adoption_scope(const Adoption *adoption);
