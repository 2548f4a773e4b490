/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reads cgmove.conf and policy.d (libconfuse): the only place that knows the grammar. See cgmove.conf(5). */

#include <stdbool.h>

#include "lib/policy.h"
#include "lib/settings.h"

#define POLICY_FILE_SIZE_MAX (1024 * 1024) /* bytes of one file */
#define POLICY_FILES_MAX 256
#define POLICY_SECTIONS_MAX 1024

typedef struct PolicyProblem {
        char *text; /* "FILE:LINE: section "x", option "y": what was expected" in one line; NULL if none */
        char *pending; /* options that are understood but not acted on yet, one sentence; NULL if none */
} PolicyProblem;

void policy_problem_clear(PolicyProblem *problem);

/* Who may own and write a policy file. */
typedef enum PolicyTrust {
        /* the daemon and `policy check` of the installed files: a regular file, owned by root, writable by
         * nobody else; so its folder */
        POLICY_TRUST_ROOT,
        POLICY_TRUST_ANY, /* `policy check FILE` of a draft */
} PolicyTrust;

/* Loads CONF_DIR/cgmove.conf (may be missing) and CONF_DIR/policy.d/NAME.conf in the order of names,
 * validates everything and only then sets *ret_settings and *ret_policy (names not resolved yet, see
 * policy_resolve()). No symbolic link is followed, nothing but a regular file is opened for reading, no
 * environment variable is expanded. Returns 0; -EINVAL for a bad file (problem->text says file, line,
 * section, option, and what was expected); -EPERM for one of the wrong owner or mode (said likewise); other
 * errors of the system. */
int policy_files_load(const char *conf_dir, PolicyTrust trust, Settings *ret_settings, Policy **ret_policy,
                      PolicyProblem *problem);

/* What CONF_DIR/cgmove.conf sets besides policies, whatever is in policy.d; errors likewise. */
int policy_files_load_settings(const char *conf_dir, PolicyTrust trust, Settings *ret,
                               PolicyProblem *problem);

/* The same for single files, in the order given. */
int policy_files_load_list(char *const *paths, PolicyTrust trust, Settings *ret_settings,
                           Policy **ret_policy, PolicyProblem *problem);

/* The text of one file in memory; NAME is for messages. What fuzzing and unit tests call. */
int policy_text_parse(const char *name, const char *text, size_t size, Settings *settings, Policy *policy,
                      PolicyProblem *problem);
