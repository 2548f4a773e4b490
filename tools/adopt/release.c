/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cgmove release`: takes away what `cgmove adopt` has written, and nothing else. */

#include <stdio.h>

#include "lib/cleanup.h"
#include "tools/adopt/adoption.h"
#include "tools/adopt/drop-in.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/status.h"
#include "tools/verbs.h"

static const char help[] = "Usage: cgmove release [OPTION...] UNIT\n\n"
                           "Removes the drop-in that 'cgmove adopt' has written for the service UNIT.\n\n"
                           "      --system   UNIT is one of the system manager (root only)\n"
                           "  -y, --yes      for nothing: a release does not ask\n"
                           "  -n, --dry-run  only show what would be removed\n"
                           "      --json     print JSON\n"
                           "  -h, --help     show this help\n";

/* Returns -1 to go on, or the exit status. */
static int parse(int argc, char **argv, Adoption *a) {
        enum { OPTION_SYSTEM = OPTION_FIRST_FREE };
        static const struct option options[] = {
                { "system", no_argument, NULL, OPTION_SYSTEM },
                { "yes", no_argument, NULL, 'y' }, /* nothing is asked; for symmetry with adopt */
                { "dry-run", no_argument, NULL, 'n' },
                OPTIONS_COMMON,
        };
        int c;

        while ((c = options_next("release", argc, argv, "yn", options)) >= 0)
                switch (c) {
                case OPTION_SYSTEM:
                        a->system = true;
                        break;
                case 'y':
                        break;
                case 'n':
                        a->dry_run = true;
                        break;
                case OPTION_JSON:
                        a->json = true;
                        break;
                case 'h':
                        return options_help(help);
                default:
                        return STATUS_USAGE;
                }
        if (argc - optind != 1)
                return usage_error("release", argc == optind ? "No unit given" : "Too many arguments");
        return -1;
}

static int release(Adoption *a, const char *word, DropInState *ret_state, Failure *failure) {
        int r;

        r = adoption_open(a, word, failure);
        if (r == 0)
                r = drop_in_look(a->folder, a->path, NULL, ret_state, failure);
        if (r != 0 || *ret_state == DROP_IN_ABSENT || a->dry_run)
                return r;
        r = drop_in_remove(a->folder, a->path, failure);
        return r == 0 ? adoption_reload(a, "removed", failure) : r;
}

static void print_done(const Adoption *a, DropInState state) {
        if (state == DROP_IN_ABSENT)
                (void) printf("%s is not adopted; there is nothing to remove.\n", a->unit.id);
        else if (a->dry_run)
                (void) printf("Would remove %s/" DROP_IN_NAME ".\n", a->path);
        else
                (void) printf("%s/" DROP_IN_NAME
                              " is removed. It takes effect with the next start of %s; what runs in it now "
                              "keeps its PATH.\n",
                              a->path, a->unit.id);
}

int verb_release(int argc, char **argv) {
        _cleanup_(adoption_done) Adoption a = { .verb = "release", .folder = -1 };
        DropInState state = DROP_IN_ABSENT;
        Failure failure;
        int r;

        options_fill_stdio();
        r = parse(argc, argv, &a);
        if (r >= 0)
                return r;
        r = release(&a, argv[optind], &state, &failure);
        if (r != 0)
                return failure_print(&failure, a.json);
        if (a.json)
                return output_json(json_pack("{s:{s:s, s:b, s:o, s:s, s:b, s:b}}", "release", "unit",
                                             a.unit.id, "system", (int) a.system, "folder",
                                             output_json_text(a.path), "name", DROP_IN_NAME, "changed",
                                             (int) (state != DROP_IN_ABSENT && !a.dry_run), "dry_run",
                                             (int) a.dry_run));
        print_done(&a, state);
        return output_finish(0);
}
