/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/policy-problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/text.h"

void policy_problem_clear(PolicyProblem *problem) {
        free(problem->text);
        free(problem->pending);
        *problem = (PolicyProblem){ 0 };
}

int policy_problem_set(PolicyProblem *problem, const char *file, unsigned line, const char *format, ...) {
        char text[768], plain[768], number[16] = "";
        va_list ap;

        if (problem->text)
                return -EINVAL;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);

        /* what is cut may end in half a character */
        (void) text_copy_plain(plain, sizeof(plain), text);
        if (line > 0)
                snprintf(number, sizeof(number), ":%u", line);

        if (asprintf(&problem->text, "%s%s: %s", file, number, plain) < 0) {
                problem->text = NULL;
                return -ENOMEM;
        }

        return -EINVAL;
}

/* "restart", "restart and watch", "restart, watch and on-logout" */
static void join_names(const char *const *names, size_t n_names, char *to, size_t size) {
        size_t used = 0;

        to[0] = '\0';
        for (size_t i = 0; i < n_names && used < size; i++) {
                const char *glue = i == 0 ? "" : i + 1 == n_names ? " and " : ", ";

                used += (size_t) snprintf(to + used, size - used, "%s%s", glue, names[i]);
        }
}

int policy_problem_add_pending(PolicyProblem *problem, const char *file, const char *const *names,
                               size_t n_names) {
        char list[128], *text;

        if (n_names == 0)
                return 0;

        join_names(names, n_names, list, sizeof(list));
        if (asprintf(&text, "%s%s%s: %s %s understood, but this version does not act on %s yet.",
                     problem->pending ? problem->pending : "", problem->pending ? " " : "", file, list,
                     n_names == 1 ? "is" : "are", n_names == 1 ? "it" : "them") < 0)
                return -ENOMEM;

        free(problem->pending);
        problem->pending = text;
        return 0;
}
