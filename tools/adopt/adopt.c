/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cgmove adopt`: one drop-in, by which whoever is inside the unit and calls systemctl gets the shim. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/text.h"
#include "tools/adopt/adoption.h"
#include "tools/adopt/drop-in.h"
#include "tools/adopt/ports.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/status.h"
#include "tools/verbs.h"

#define SHIMS CGMOVE_LIBEXEC_DIR "/shims"
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
#define NOTES_MAX 6

static const char help[] =
                "Usage: cgmove adopt [OPTION...] UNIT\n\n"
                "Makes 'systemctl restart' and 'systemctl stop' of the service UNIT safe for commands\n"
                "inside of it that know nothing of cgmove: writes one drop-in, after having shown it and\n"
                "asked.\n\n"
                "      --system        UNIT is one of the system manager (root only)\n"
                "  -p, --port=PORT     a TCP port that UNIT listens on (8080, 127.0.0.1:8080), instead\n"
                "                      of those that are found\n"
                "      --when=COMMAND  a restart from inside begins when COMMAND succeeds\n"
                "  -y, --yes           do not ask\n"
                "  -n, --dry-run       only show what would be written\n"
                "      --json          print JSON\n"
                "  -h, --help          show this help\n";

typedef struct Adopt {
        Adoption adoption;
        DropIn drop_in;
        char *path; /* what drop_in.path points to */
        char *text;
        DropInState state;
        const char *notes[NOTES_MAX]; /* sentences */
        size_t n_notes;
} Adopt;

static void adopt_done(Adopt *adopt) {
        adoption_done(&adopt->adoption);
        free(adopt->path);
        free(adopt->text);
}

static void add_note(Adopt *adopt, const char *note) {
        if (adopt->n_notes < NOTES_MAX)
                adopt->notes[adopt->n_notes++] = note;
}

/* --- command line ------------------------------------------------------------------------------------- */

static int take_port(Adopt *adopt, const char *text) {
        PortAddress port;

        if (port_address_parse(text, &port) < 0)
                return usage_error("adopt", "\"%s\" is no port", text);
        if (drop_in_add_port(&adopt->drop_in, &port) < 0)
                return usage_error("adopt", "More than %d ports", DROP_IN_PORTS_MAX);
        return -1;
}

static int take_condition(Adopt *adopt, const char *text) {
        if (!text[0] || !text_is_plain(text))
                return usage_error("adopt", "The command of --when is empty, has control characters, or is "
                                            "not UTF-8");
        adopt->drop_in.when = text;
        return -1;
}

/* Returns -1 to go on, or the exit status. */
static int parse(int argc, char **argv, Adopt *adopt) {
        enum { OPTION_SYSTEM = OPTION_FIRST_FREE, OPTION_WHEN };
        static const struct option options[] = {
                { "system", no_argument, NULL, OPTION_SYSTEM },
                { "port", required_argument, NULL, 'p' },
                { "when", required_argument, NULL, OPTION_WHEN },
                { "yes", no_argument, NULL, 'y' },
                { "dry-run", no_argument, NULL, 'n' },
                OPTIONS_COMMON,
        };
        int c, r;

        while ((c = options_next("adopt", argc, argv, "p:yn", options)) >= 0)
                switch (c) {
                case OPTION_SYSTEM:
                        adopt->adoption.system = true;
                        break;
                case 'p':
                        r = take_port(adopt, optarg);
                        if (r >= 0)
                                return r;
                        break;
                case OPTION_WHEN:
                        r = take_condition(adopt, optarg);
                        if (r >= 0)
                                return r;
                        break;
                case 'y':
                        adopt->adoption.yes = true;
                        break;
                case 'n':
                        adopt->adoption.dry_run = true;
                        break;
                case OPTION_JSON:
                        adopt->adoption.json = true;
                        break;
                case 'h':
                        return options_help(help);
                default:
                        return STATUS_USAGE;
                }
        if (argc - optind != 1)
                return usage_error("adopt", argc == optind ? "No unit given" : "Too many arguments");
        return -1;
}

/* --- what to write ------------------------------------------------------------------------------------ */

static int find_unit_path(Adopt *adopt, Failure *failure) {
        const AdoptUnit *unit = &adopt->adoption.unit;
        const char *path;

        path = adopt_environment_find(unit->environment, "PATH");
        if (!path)
                path = adopt_environment_find(adopt->adoption.manager_environment, "PATH");
        if (!path || !path[0])
                path = DEFAULT_PATH;
        if (drop_in_clean_path(path, &adopt->path) < 0)
                return failure_errno(failure, ENOMEM, "Cannot write the drop-in");
        adopt->drop_in.path = adopt->path;
        if (unit->has_environment_file)
                add_note(adopt, "The unit has EnvironmentFile=; a PATH in there would win over this one.");
        return 0;
}

static int find_ports(Adopt *adopt, Failure *failure) {
        const AdoptUnit *unit = &adopt->adoption.unit;
        bool given = adopt->drop_in.n_ports > 0;
        DropIn found = { .n_ports = 0, .reuse = true };
        int r;

        if (unit->control_group[0] && !unit->socket_activated) {
                r = unit_ports_find(unit->control_group, unit->main_pid, &found);
                if (r < 0 && !given) /* with them it is only known less well how long to wait */
                        return failure_errno(failure, r,
                                             "Cannot tell the ports of %s; name them with --port", unit->id);
        }
        adopt->drop_in.reuse = found.reuse;
        if (!given) {
                memcpy(adopt->drop_in.ports, found.ports, sizeof(found.ports));
                adopt->drop_in.n_ports = found.n_ports;
        }
        adopt->drop_in.timeout = drop_in_timeout(unit->timeout_start, found.reuse);
        if (adopt->drop_in.n_ports > 0)
                return 0;
        if (unit->socket_activated)
                add_note(adopt,
                         "It is socket-activated: its ports stay with its manager, and are not waited for.");
        else if (unit->control_group[0])
                add_note(adopt, "It listens on no TCP port now, so none is waited for; name them with "
                                "--port. An agent whose "
                                "workers run its commands is better not adopted, see cgmove(1).");
        else
                add_note(adopt, "It does not run, so its ports are not known, and none is waited for; adopt "
                                "it again when it runs, or name them with --port.");
        return 0;
}

static int prepare(Adopt *adopt, Failure *failure) {
        Adoption *a = &adopt->adoption;
        int r;

        r = find_unit_path(adopt, failure);
        if (r == 0)
                r = find_ports(adopt, failure);
        if (r != 0)
                return r;
        r = drop_in_text(&adopt->drop_in, &adopt->text);
        if (r == -EINVAL)
                return failure_set(failure, STATUS_FAILED, "Failed",
                                   "The PATH of %s has control characters or is not UTF-8; systemd would "
                                   "not take it.",
                                   a->unit.id);
        if (r < 0)
                return failure_errno(failure, r, "Cannot write the drop-in");
        return drop_in_look(a->folder, a->path, adopt->text, &adopt->state, failure);
}

/* --- writing it --------------------------------------------------------------------------------------- */

/* Another drop-in, with a later name, may have the last word about PATH. */
static void check_effect(Adopt *adopt) {
        Adoption *a = &adopt->adoption;
        AdoptUnit unit;
        const char *path;
        Failure ignored;

        if (adopt_unit_get(a->bus, a->unit.id, &unit, &ignored) != 0)
                return;
        path = adopt_environment_find(unit.environment, "PATH");
        if (!path || strncmp(path, SHIMS ":", strlen(SHIMS) + 1) != 0)
                add_note(adopt, "It has no effect: a drop-in with a later name sets PATH again; take that "
                                "out there, and adopt the unit again.");
        adopt_unit_done(&unit);
}

static int write_it(Adopt *adopt, Failure *failure) {
        Adoption *a = &adopt->adoption;
        int r = 0;

        if (adopt->state != DROP_IN_SAME) {
                if (a->folder < 0)
                        r = drop_in_folder_open(a->path, true, &a->folder, failure);
                if (r == 0)
                        r = drop_in_write(a->folder, a->path, adopt->text, failure);
        }
        if (r == 0)
                r = adoption_reload(a, adopt->state == DROP_IN_SAME ? "there already" : "written", failure);
        if (r == 0)
                check_effect(adopt);
        return r;
}

/* --- output ------------------------------------------------------------------------------------------- */

static void print_plan(const Adopt *adopt) {
        (void) printf("%s/" DROP_IN_NAME "%s:\n\n", adopt->adoption.path,
                      adopt->state == DROP_IN_SAME ? " (as it is already)" : "");
        for (const char *line = adopt->text; *line;) {
                size_t n = strcspn(line, "\n");

                (void) printf("    %.*s\n", (int) n, line);
                line += n + (line[n] == '\n');
        }
        (void) putchar('\n');
}

static void print_notes(const Adopt *adopt) {
        for (size_t i = 0; i < adopt->n_notes; i++)
                (void) printf("Note: %s\n", adopt->notes[i]);
}

static void print_done(const Adopt *adopt) {
        const Adoption *a = &adopt->adoption;

        (void) printf("%s is adopted. It takes effect with its next start; what runs in it now keeps its "
                      "PATH.\n"
                      "'cgmove restart%s %s' starts it anew, 'cgmove release%s %s' takes it back.\n",
                      a->unit.id, adoption_scope(a), a->unit.id, adoption_scope(a), a->unit.id);
}

static void ports_to_json(const DropIn *drop_in, json_t *ports, json_t *addresses) {
        for (size_t i = 0; ports && addresses && i < drop_in->n_ports; i++) {
                const PortAddress *port = &drop_in->ports[i];
                char text[PORT_ADDRESS_TEXT_MAX];

                port_address_text(port, text);
                (void) json_array_append_new(addresses, json_string(text));
                if (i == 0 || port->port != port[-1].port)
                        (void) json_array_append_new(ports, json_integer(port->port));
        }
}

static int print_json(const Adopt *adopt, bool written) {
        const Adoption *a = &adopt->adoption;
        json_t *ports = json_array(), *addresses = json_array(), *notes = json_array();

        ports_to_json(&adopt->drop_in, ports, addresses);
        for (size_t i = 0; notes && i < adopt->n_notes; i++)
                (void) json_array_append_new(notes, output_json_text(adopt->notes[i]));
        return output_json(json_pack("{s:{s:s, s:b, s:o, s:s, s:o, s:o, s:o, s:o, s:s?, s:b, s:b, s:o}}", "adopt",
                                     "unit", a->unit.id, "system", (int) a->system, "folder",
                                     output_json_text(a->path), "name", DROP_IN_NAME, "text",
                                     output_json_text(adopt->text), "path", output_json_text(adopt->path),
                                     "ports", ports, "addresses", addresses, "when", adopt->drop_in.when, "changed",
                                     (int) (written && adopt->state != DROP_IN_SAME), "dry_run",
                                     (int) a->dry_run, "notes", notes));
}

static int adopt_unit(Adopt *adopt, const char *word, Failure *failure) {
        Adoption *a = &adopt->adoption;
        int r;

        r = adoption_open(a, word, failure);
        if (r == 0)
                r = prepare(adopt, failure);
        if (r != 0)
                return r;
        if (!a->json)
                print_plan(adopt);
        if (!a->dry_run && adopt->state != DROP_IN_SAME)
                r = adoption_ask(a, "Write this?", failure);
        if (r == 0 && !a->dry_run)
                r = write_it(adopt, failure);
        return r;
}

int verb_adopt(int argc, char **argv) {
        _cleanup_(adopt_done) Adopt adopt = { .adoption = { .verb = "adopt", .folder = -1 } };
        Failure failure;
        int r;

        options_fill_stdio();
        r = parse(argc, argv, &adopt);
        if (r >= 0)
                return r;
        r = adopt_unit(&adopt, argv[optind], &failure);
        if (r != 0)
                return failure_print(&failure, adopt.adoption.json);
        if (adopt.adoption.json)
                return print_json(&adopt, !adopt.adoption.dry_run);
        print_notes(&adopt);
        if (!adopt.adoption.dry_run)
                print_done(&adopt);
        return output_finish(0);
}
