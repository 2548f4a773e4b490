/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Every option of cgmove.conf and policy.d: its name, what is expected of it, and how its text becomes a
 * value. The parser (lib/policy-parse.c) knows nothing of any single option. cgmove.conf(5) describes the
 * same. */

#include <stdbool.h>

#include "lib/policy.h"
#include "lib/settings.h"

#define POLICY_LIST_MAX 256 /* entries of one list */

typedef struct SchemaOption {
        const char *name;
        bool list; /* SET is called for each entry */
        bool mandatory;
        bool pending;         /* understood, but nothing acts on it yet */
        const char *expected; /* completes the sentence "expected ..." */

        /* OBJECT is of the type that the table of the option is for. Returns 0; -EINVAL if TEXT is not what
         * is expected (*expected may be set to say it better); -ENOMEM. */
        int (*set)(void *object, const char *text, const char **expected);
} SchemaOption;

typedef enum SchemaKind {
        SCHEMA_SETTINGS, /* the top level of cgmove.conf; object: Settings */
        SCHEMA_POOL,     /* pool { }; object: Settings */
        SCHEMA_RESULTS,  /* results { }; object: Settings */
        SCHEMA_POLICY,   /* policy "NAME" { }; object: PolicySection */
        SCHEMA_WATCH,    /* watch "NAME" { } in a policy; object: Watch */
        _SCHEMA_MAX,
} SchemaKind;

typedef struct Schema {
        const char *name; /* of the section; "root" (libconfuse's word) for the top level */
        const SchemaOption *options;
        size_t n_options;
} Schema;

const Schema *schema_get(SchemaKind kind);

/* Set the defaults. policy_section_clear() and watch_clear() free what the object comes to own. Return 0 or
 * -ENOMEM. */
int policy_section_init(PolicySection *section);
int watch_init(Watch *watch);

/* A title: 1 to 64 bytes of [A-Za-z0-9@._:-], for it is shown, logged, and sent over the bus. */
bool policy_name_is_valid(const char *name);
