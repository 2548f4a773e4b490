/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* For cppcheck alone, which does not read the system's headers: what it would take for syntax errors of sys/queue.h. */

#define LIST_HEAD(name, type)                                                                                \
        struct name {                                                                                        \
                struct type *lh_first;                                                                       \
        }
#define LIST_ENTRY(type)                                                                                     \
        struct {                                                                                             \
                struct type *le_next, **le_prev;                                                             \
        }
#define LIST_FIRST(head) ((head)->lh_first)
#define LIST_NEXT(element, field) ((element)->field.le_next)
#define LIST_FOREACH(var, head, field) for ((var) = (head)->lh_first; (var); (var) = (var)->field.le_next)
