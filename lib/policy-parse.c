/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The text of one file into settings and sections: libconfuse parses, the tables of lib/policy-schema.c say
 * what is valid. */

#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/policy-file.h"
#include "lib/policy-problem.h"
#include "lib/policy-scan.h"
#include "lib/policy-schema.h"

#define OPTIONS_MAX 24 /* in one section, its subsections and the end mark included */

DEFINE_CLEANUP(cfg_t, cfg_free)

typedef struct ParseContext {
        const char *file;
        bool with_settings;
        PolicyProblem *problem;
        bool out_of_memory;
        const char *pending[8]; /* options that are understood only, each once */
        size_t n_pending;
} ParseContext;

/* libconfuse gives its callbacks no pointer of the caller's, and its own scanner is static anyway: one parse
 * at a time in a process. Set for as long as cfg_parse_buf() runs, NULL else. */
static ParseContext *current_parse;

/* --- problems
 * ---------------------------------------------------------------------------------------------------- */

/* What SEC is called in a message, to SIZE bytes of TO: 'section "x"', 'watch "y"', 'pool', or nothing at
 * the top. */
static void describe_section(cfg_t *sec, char *to, size_t size) {
        const char *name = cfg_name(sec), *title = cfg_title(sec);

        if (strcmp(name, schema_get(SCHEMA_SETTINGS)->name) == 0)
                to[0] = '\0';
        else if (title)
                snprintf(to, size, "%s \"%.64s\"", strcmp(name, "policy") == 0 ? "section" : name, title);
        else
                snprintf(to, size, "%s", name);
}

static int problem_in(ParseContext *context, cfg_t *sec, int line, const char *option, const char *format,
                      ...) __attribute__((format(printf, 5, 6)));

static int problem_in(ParseContext *context, cfg_t *sec, int line, const char *option, const char *format,
                      ...) {
        char where[128], text[512], named[64] = "";
        va_list ap;

        describe_section(sec, where, sizeof(where));
        if (option)
                snprintf(named, sizeof(named), "option \"%s\"", option);

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);

        return policy_problem_set(context->problem, context->file, (unsigned) line, "%s%s%s%s%s", where,
                                  where[0] && named[0] ? ", " : "", named, where[0] || named[0] ? ": " : "",
                                  text);
}

static void on_error(cfg_t *sec, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));

/* cfg_errfunc_t: errors of libconfuse itself */
static void on_error(cfg_t *sec, const char *format, va_list ap) {
        char text[256];

        (void) vsnprintf(text, sizeof(text), format, ap);
        if (problem_in(current_parse, sec, sec->line, NULL, "%s", text) == -ENOMEM)
                current_parse->out_of_memory = true;
}

/* --- checks while the line is known
 * ----------------------------------------------------------------------------- */

static const Schema *schema_of(cfg_t *sec) {
        for (SchemaKind kind = 0; kind < _SCHEMA_MAX; kind++)
                if (strcmp(schema_get(kind)->name, cfg_name(sec)) == 0)
                        return schema_get(kind);

        return NULL;
}

static const SchemaOption *schema_find(const Schema *schema, const char *name) {
        for (size_t i = 0; schema && i < schema->n_options; i++)
                if (strcmp(schema->options[i].name, name) == 0)
                        return &schema->options[i];

        return NULL;
}

/* Tries SET on an object that is thrown away. */
static int try_option(const Schema *schema, const SchemaOption *option, const char *text,
                      const char **expected) {
        _cleanup_(policy_section_clear) PolicySection section = { 0 };
        _cleanup_(watch_clear) Watch watch = { 0 };
        Settings settings;
        int r;

        if (schema == schema_get(SCHEMA_POLICY)) {
                r = policy_section_init(&section);
                return r < 0 ? r : option->set(&section, text, expected);
        }
        if (schema == schema_get(SCHEMA_WATCH)) {
                r = watch_init(&watch);
                return r < 0 ? r : option->set(&watch, text, expected);
        }

        settings_init(&settings);
        return option->set(&settings, text, expected);
}

static void note_pending(ParseContext *context, const Schema *schema, const SchemaOption *option) {
        const char *name = schema == schema_get(SCHEMA_WATCH) ? schema->name : option->name;

        for (size_t i = 0; i < context->n_pending; i++)
                if (strcmp(context->pending[i], name) == 0)
                        return;

        if (context->n_pending < ELEMENTSOF(context->pending))
                context->pending[context->n_pending++] = name;
}

/* cfg_validate_callback_t: each value as it is read, the last of a list once more at its end */
static int on_value(cfg_t *sec, cfg_opt_t *opt) {
        const Schema *schema = schema_of(sec);
        const SchemaOption *option = schema_find(schema, opt->name);
        const char *text, *expected;
        int r;

        if (!option || cfg_opt_size(opt) == 0)
                return -1;
        if (!current_parse->with_settings && schema != schema_get(SCHEMA_POLICY) &&
            schema != schema_get(SCHEMA_WATCH)) {
                (void) problem_in(current_parse, sec, sec->line, option->name,
                                  "belongs in cgmove.conf, not in a file of policies");
                return -1;
        }
        if (cfg_opt_size(opt) > POLICY_LIST_MAX) {
                (void) problem_in(current_parse, sec, sec->line, option->name, "more than %d entries",
                                  POLICY_LIST_MAX);
                return -1;
        }

        text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
        expected = option->expected;
        r = try_option(schema, option, text, &expected);
        if (r == -ENOMEM)
                current_parse->out_of_memory = true;
        else if (r < 0)
                (void) problem_in(current_parse, sec, sec->line, option->name, "expected %s, not \"%.80s\"",
                                  expected, text);
        else if (option->pending)
                note_pending(current_parse, schema, option);

        return r < 0 ? -1 : 0;
}

/* --- the grammar for libconfuse
 * ---------------------------------------------------------------------------------- */

/* All options are strings to libconfuse, so that "010" is not eight and no default comes from there. */
static void options_from_schema(SchemaKind kind, cfg_opt_t *subsections, size_t n_subsections,
                                cfg_opt_t ret[static OPTIONS_MAX]) {
        const Schema *schema = schema_get(kind);
        size_t n = 0;

        for (; n < schema->n_options; n++) {
                const char *name = schema->options[n].name;
                cfg_opt_t single = CFG_STR(name, NULL, CFGF_NODEFAULT);
                cfg_opt_t list = CFG_STR_LIST(name, NULL, CFGF_NODEFAULT);

                ret[n] = schema->options[n].list ? list : single;
                ret[n].validcb = on_value;
        }
        for (size_t i = 0; i < n_subsections; i++)
                ret[n++] = subsections[i];

        ret[n] = (cfg_opt_t) CFG_END();
}

static cfg_t *grammar_new(void) {
        const cfg_flag_t titled = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;
        cfg_opt_t watch[OPTIONS_MAX], policy[OPTIONS_MAX], pool[OPTIONS_MAX], results[OPTIONS_MAX],
                        top[OPTIONS_MAX];
        cfg_t *cfg;

        options_from_schema(SCHEMA_WATCH, NULL, 0, watch);
        options_from_schema(SCHEMA_POLICY, (cfg_opt_t[]){ CFG_SEC("watch", watch, titled) }, 1, policy);
        options_from_schema(SCHEMA_POOL, NULL, 0, pool);
        options_from_schema(SCHEMA_RESULTS, NULL, 0, results);
        options_from_schema(SCHEMA_SETTINGS,
                            (cfg_opt_t[]){ CFG_SEC("pool", pool, CFGF_NODEFAULT),
                                           CFG_SEC("results", results, CFGF_NODEFAULT),
                                           CFG_SEC("policy", policy, titled) },
                            3, top);

        cfg = cfg_init(top, CFGF_NONE);
        if (cfg)
                (void) cfg_set_error_function(cfg, on_error);
        return cfg;
}

static int parse_text(ParseContext *context, cfg_t *cfg, const char *text) {
        int r;

        current_parse = context;
        r = cfg_parse_buf(cfg, text);
        current_parse = NULL;

        if (r == CFG_SUCCESS)
                return 0;
        if (context->out_of_memory || !context->problem->text)
                return -ENOMEM; /* the one thing libconfuse fails of without a message */
        return -EINVAL;
}

/* libconfuse has the line on which a section ended. The scan found the same sections in the same order. */
static void restore_lines(cfg_t *cfg, const PolicyScanResult *scan) {
        size_t n = 0;

        for (unsigned i = 0; i < cfg_size(cfg, "policy"); i++) {
                cfg_t *sec = cfg_getnsec(cfg, "policy", i);

                if (n < scan->n_lines)
                        sec->line = (int) scan->lines[n++];
                for (unsigned j = 0; j < cfg_size(sec, "watch"); j++)
                        if (n < scan->n_lines)
                                cfg_getnsec(sec, "watch", j)->line = (int) scan->lines[n++];
        }
}

/* --- from libconfuse's tree to ours
 * ------------------------------------------------------------------------------- */

static int take_options(ParseContext *context, cfg_t *sec, SchemaKind kind, void *object) {
        const Schema *schema = schema_get(kind);

        for (size_t i = 0; i < schema->n_options; i++) {
                const SchemaOption *option = &schema->options[i];
                const char *expected = option->expected;
                unsigned n = cfg_size(sec, option->name);

                if (n == 0 && option->mandatory)
                        return problem_in(context, sec, sec->line, option->name, "is missing or empty");

                for (unsigned j = 0; j < n; j++) {
                        int r = option->set(object, cfg_getnstr(sec, option->name, j), &expected);
                        if (r < 0)
                                return r;
                }
        }

        return 0;
}

static int check_title(ParseContext *context, cfg_t *sec) {
        if (policy_name_is_valid(cfg_title(sec)))
                return 0;

        return problem_in(context, sec, sec->line, NULL,
                          "expected a name of 1 to 64 letters, digits and \"@._:-\"");
}

static int take_watch(ParseContext *context, cfg_t *sec, Watch *watch) {
        int r;

        r = check_title(context, sec);
        if (r < 0)
                return r;

        watch->name = strdup(cfg_title(sec));
        return watch->name ? take_options(context, sec, SCHEMA_WATCH, watch) : -ENOMEM;
}

static int take_watches(ParseContext *context, cfg_t *sec, PolicySection *section) {
        unsigned n = cfg_size(sec, "watch");

        if (n == 0)
                return 0;
        if (n > POLICY_LIST_MAX)
                return problem_in(context, sec, sec->line, "watch", "more than %d of them", POLICY_LIST_MAX);

        section->watches = calloc(n, sizeof(Watch));
        if (!section->watches)
                return -ENOMEM;

        for (unsigned i = 0; i < n; i++) {
                Watch *watch = &section->watches[i];
                int r;

                r = watch_init(watch);
                if (r < 0)
                        return r;
                section->n_watches++;

                r = take_watch(context, cfg_getnsec(sec, "watch", i), watch);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* libconfuse knows of one file at a time; names are unique over all. */
static int check_unique(ParseContext *context, cfg_t *sec, const Policy *policy) {
        for (size_t i = 0; i < policy->n_sections; i++) {
                const PolicySection *other = &policy->sections[i];

                if (strcmp(other->name, cfg_title(sec)) == 0)
                        return problem_in(context, sec, sec->line, NULL,
                                          "%.200s:%u has a section of that name already", other->file,
                                          other->line);
        }

        if (policy->n_sections >= POLICY_SECTIONS_MAX)
                return problem_in(context, sec, sec->line, NULL, "more than %d sections",
                                  POLICY_SECTIONS_MAX);

        return check_title(context, sec);
}

static int take_section(ParseContext *context, cfg_t *sec, Policy *policy) {
        PolicySection *grown, *section;
        int r;

        r = check_unique(context, sec, policy);
        if (r < 0)
                return r;

        grown = reallocarray(policy->sections, policy->n_sections + 1, sizeof(PolicySection));
        if (!grown)
                return -ENOMEM;
        policy->sections = grown;
        section = &grown[policy->n_sections];

        r = policy_section_init(section);
        if (r < 0)
                return r;
        policy->n_sections++; /* from here policy_free() frees it, also when it is not complete */

        section->name = strdup(cfg_title(sec));
        section->file = strdup(context->file);
        section->line = (unsigned) sec->line;
        if (!section->name || !section->file)
                return -ENOMEM;

        r = take_options(context, sec, SCHEMA_POLICY, section);
        return r < 0 ? r : take_watches(context, sec, section);
}

static int take_settings_section(ParseContext *context, cfg_t *cfg, SchemaKind kind, Settings *settings) {
        const char *name = schema_get(kind)->name;

        if (cfg_size(cfg, name) == 0)
                return 0;
        if (!settings) /* an empty section; an option in it was refused where it stands */
                return problem_in(context, cfg_getsec(cfg, name), cfg_getsec(cfg, name)->line, NULL,
                                  "belongs in cgmove.conf, not in a file of policies");

        return take_options(context, cfg_getsec(cfg, name), kind, settings);
}

static int take_all(ParseContext *context, cfg_t *cfg, Settings *settings, Policy *policy) {
        int r;

        r = settings ? take_options(context, cfg, SCHEMA_SETTINGS, settings) : 0;
        if (r >= 0)
                r = take_settings_section(context, cfg, SCHEMA_POOL, settings);
        if (r >= 0)
                r = take_settings_section(context, cfg, SCHEMA_RESULTS, settings);

        for (unsigned i = 0; r >= 0 && i < cfg_size(cfg, "policy"); i++)
                r = take_section(context, cfg_getnsec(cfg, "policy", i), policy);

        return r;
}

int policy_text_parse(const char *name, const char *text, size_t size, Settings *settings, Policy *policy,
                      PolicyProblem *problem) {
        ParseContext context = { .file = name, .with_settings = settings, .problem = problem };
        _cleanup_(policy_scan_result_clear) PolicyScanResult clean = { 0 };
        _cleanup_(cfg_freep) cfg_t *cfg = NULL;
        PolicyScanError error;
        int r;

        r = policy_scan(text, size, &clean, &error);
        if (r == -EINVAL)
                return policy_problem_set(problem, name, error.line, "%s", error.text);
        if (r < 0)
                return r;

        cfg = grammar_new();
        if (!cfg)
                return -ENOMEM;

        r = parse_text(&context, cfg, clean.text);
        if (r >= 0) {
                restore_lines(cfg, &clean);
                r = take_all(&context, cfg, settings, policy);
        }
        if (r >= 0)
                r = policy_problem_add_pending(problem, name, context.pending, context.n_pending);

        return r;
}
