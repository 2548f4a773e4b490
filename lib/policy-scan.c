/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/policy-scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/text.h"

#define NAMES_MAX 32 /* different names in one section: there are not as many */
#define NAME_LENGTH_MAX 32
#define TITLED_SECTIONS_MAX 4096 /* libconfuse compares each title with all before */

typedef struct Word {
        const char *start;
        size_t n;
} Word;

/* The names that were given a value so far, in one section. */
typedef struct Level {
        Word names[NAMES_MAX];
        size_t n_names;
} Level;

typedef enum ScanState {
        SCAN_STATEMENT, /* NAME = ..., NAME [TITLE] { */
        SCAN_VALUE,     /* behind "=" */
        SCAN_LIST,      /* behind "= {" */
} ScanState;

typedef struct Scan {
        char *p; /* in the copy, which ends with a NUL and has no other */
        unsigned line;
        ScanState state;
        Word name;      /* the first word of the statement */
        size_t n_words; /* in the statement so far */
        Level levels[POLICY_DEPTH_MAX + 1];
        size_t depth;
        unsigned name_line;
        PolicyScanResult result;
        PolicyScanError error;
} Scan;

static int fail(Scan *scan, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(Scan *scan, const char *format, ...) {
        va_list ap;

        scan->error.line = scan->line;
        va_start(ap, format);
        (void) vsnprintf(scan->error.text, sizeof(scan->error.text), format, ap);
        va_end(ap);
        return -EINVAL;
}

static int check_characters(Scan *scan) {
        for (const char *p = scan->p; *p;) {
                size_t n = text_plain_length(p);

                if (*p == '\n')
                        scan->line++;
                if (n == 0 && *p != '\n' && *p != '\t' && (p[0] != '\r' || p[1] != '\n'))
                        return fail(scan, "a control character, or text that is not UTF-8");
                p += n > 0 ? n : 1;
        }

        scan->line = 1;
        return 0;
}

static int level_add_name(Scan *scan, const Word *name, bool may_repeat) {
        Level *level = &scan->levels[scan->depth];

        for (size_t i = 0; i < level->n_names; i++)
                if (level->names[i].n == name->n && memcmp(level->names[i].start, name->start, name->n) == 0)
                        return may_repeat ? 0
                                          : fail(scan, "\"%.*s\" stands here a second time", (int) name->n,
                                                 name->start);

        if (level->n_names == NAMES_MAX)
                return fail(scan, "more options than there are");

        level->names[level->n_names++] = *name;
        return 0;
}

static int take_name(Scan *scan, const Word *word) {
        for (size_t i = 0; i < word->n; i++)
                if ((word->start[i] < 'a' || word->start[i] > 'z') && word->start[i] != '-')
                        return fail(scan, "expected the name of an option (lower case letters and \"-\", no "
                                          "quotes)");
        if (word->n > NAME_LENGTH_MAX)
                return fail(scan, "no option has so long a name");

        scan->name = *word;
        scan->name_line = scan->line;
        return 0;
}

static int take_word(Scan *scan, const Word *word) {
        int r;

        if (scan->state == SCAN_VALUE)
                scan->state = SCAN_STATEMENT;
        else if (scan->state == SCAN_STATEMENT) {
                if (scan->n_words == 0) {
                        r = take_name(scan, word);
                        if (r < 0)
                                return r;
                }
                scan->n_words++;
                return 0;
        }

        scan->n_words = 0;
        return 0;
}

static int take_assignment(Scan *scan, bool append) {
        if (scan->state != SCAN_STATEMENT || scan->n_words != 1)
                return fail(scan, "\"%s\" is only possible behind the name of an option",
                            append ? "+=" : "=");

        scan->state = SCAN_VALUE;
        return level_add_name(scan, &scan->name, append);
}

static int result_add_line(PolicyScanResult *result, unsigned line) {
        unsigned *grown;

        grown = reallocarray(result->lines, result->n_lines + 1, sizeof(unsigned));
        if (!grown)
                return -ENOMEM;

        grown[result->n_lines++] = line;
        result->lines = grown;
        return 0;
}

static int take_open(Scan *scan) {
        int r;

        if (scan->state == SCAN_VALUE) {
                scan->state = SCAN_LIST;
                return 0;
        }
        if (scan->state == SCAN_LIST || scan->n_words == 0)
                return fail(scan, "\"{\" is only possible behind \"=\" or behind the name of a section");
        if (scan->depth == POLICY_DEPTH_MAX)
                return fail(scan, "sections in sections in sections");

        if (scan->n_words == 1)
                r = level_add_name(scan, &scan->name, false);
        else if (scan->result.n_lines == TITLED_SECTIONS_MAX)
                return fail(scan, "more than %d sections", TITLED_SECTIONS_MAX);
        else /* those with a title may repeat, with another one */
                r = result_add_line(&scan->result, scan->name_line);
        if (r < 0)
                return r;

        scan->levels[++scan->depth].n_names = 0;
        scan->n_words = 0;
        return 0;
}

static int take_close(Scan *scan) {
        if (scan->state == SCAN_LIST)
                scan->state = SCAN_STATEMENT;
        else if (scan->state == SCAN_VALUE || scan->n_words > 0)
                return fail(scan, "\"}\" comes in the middle of an option");
        else if (scan->depth == 0)
                return fail(scan, "\"}\" closes nothing");
        else
                scan->depth--;

        scan->n_words = 0;
        return 0;
}

static void blank_line_comment(Scan *scan) {
        for (; *scan->p && *scan->p != '\n'; scan->p++)
                *scan->p = ' ';
}

static int blank_comment(Scan *scan) {
        char *end = strstr(scan->p + 2, "*/");

        if (!end)
                return fail(scan, "the comment that starts here has no end");

        for (end += 2; scan->p < end; scan->p++)
                if (*scan->p == '\n')
                        scan->line++;
                else
                        *scan->p = ' ';

        return 0;
}

/* Only what cannot surprise: a string ends on its line, and a backslash keeps the next quote or backslash
 * from its meaning. */
static int scan_string(Scan *scan) {
        char quote = *scan->p;
        Word word = { .start = scan->p };

        for (scan->p++; *scan->p != quote; scan->p++) {
                if (*scan->p == '\0' || *scan->p == '\n')
                        return fail(scan, "the string has no closing %c on its line", quote);
                if (quote == '"' && scan->p[0] == '$' && scan->p[1] == '{')
                        return fail(scan, "\"${\" is not expanded; in single quotes it stands for itself");
                if (*scan->p != '\\')
                        continue;
                if (scan->p[1] == quote || scan->p[1] == '\\')
                        scan->p++;
                else if (quote == '"')
                        return fail(scan,
                                    "in double quotes \"\\\" is possible only before \"\\\" and \"\"\"; "
                                    "in single quotes it stands for itself");
        }

        scan->p++;
        word.n = (size_t) (scan->p - word.start);
        return take_word(scan, &word);
}

static int scan_bare_word(Scan *scan) {
        static const char ends[] = " \t\r\n#\"'={}()+,*$";
        Word word = { .start = scan->p };

        while (*scan->p && !strchr(ends, *scan->p) && strncmp(scan->p, "//", 2) != 0 &&
               strncmp(scan->p, "/*", 2) != 0)
                scan->p++;

        word.n = (size_t) (scan->p - word.start);
        if (word.n == 0)
                return fail(scan, "\"%c\" is possible only in quotes", *scan->p);

        return take_word(scan, &word);
}

static int scan_token(Scan *scan) {
        switch (*scan->p) {
        case '\n':
                scan->line++;
                scan->p++;
                return 0;
        case ' ':
        case '\t':
        case '\r':
                scan->p++;
                return 0;
        case '#':
                blank_line_comment(scan);
                return 0;
        case '"':
        case '\'':
                return scan_string(scan);
        case '{':
                scan->p++;
                return take_open(scan);
        case '}':
                scan->p++;
                return take_close(scan);
        case '=':
                scan->p++;
                return take_assignment(scan, false);
        case ',':
                scan->p++;
                return scan->state == SCAN_LIST ? 0 : fail(scan, "\",\" is possible only in a list");
        default:
                break;
        }

        if (strncmp(scan->p, "//", 2) == 0)
                blank_line_comment(scan);
        else if (strncmp(scan->p, "/*", 2) == 0)
                return blank_comment(scan);
        else if (strncmp(scan->p, "+=", 2) == 0) {
                scan->p += 2;
                return take_assignment(scan, true);
        } else
                return scan_bare_word(scan);

        return 0;
}

static int scan_all(Scan *scan) {
        int r;

        r = check_characters(scan);
        while (r >= 0 && *scan->p)
                r = scan_token(scan);
        if (r < 0)
                return r;

        if (scan->state != SCAN_STATEMENT || scan->n_words > 0)
                return fail(scan, "the file ends in the middle of an option");
        if (scan->depth > 0)
                return fail(scan, "the file ends before its last section does: a \"}\" is missing");

        return 0;
}

void policy_scan_result_clear(PolicyScanResult *result) {
        free(result->text);
        free(result->lines);
        *result = (PolicyScanResult){ 0 };
}

int policy_scan(const char *text, size_t size, PolicyScanResult *ret, PolicyScanError *ret_error) {
        _cleanup_free_ Scan *scan = NULL;
        _cleanup_free_ char *copy = NULL;
        int r;

        scan = calloc(1, sizeof(*scan));
        copy = malloc(size + 1);
        if (!scan || !copy)
                return -ENOMEM;

        if (size > 0)
                memcpy(copy, text, size);
        copy[size] = '\0';
        scan->p = scan->result.text = TAKE_PTR(copy);
        scan->line = 1;

        r = strlen(scan->p) == size ? scan_all(scan) : fail(scan, "a NUL character");
        if (r < 0) {
                *ret_error = scan->error;
                policy_scan_result_clear(&scan->result);
                return r;
        }

        *ret = scan->result;
        return 0;
}
