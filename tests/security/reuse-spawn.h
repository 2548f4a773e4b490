/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Processes with a given number, in a given cgroup, of a given user: what PID reuse is made of.
 *
 * clone3(2) with set_tid takes a number as soon as it is free, which saves an attacker's wait for the counter
 * to come round; without it (number 0) the kernel chooses. */

#include <stdbool.h>
#include <sys/types.h>

#define SPAWN_GROUP_NONE (-1)

/* Who takes a number that has become free. */
typedef enum StrangerKind {
        STRANGER_OTHER,     /* a child of another user's process */
        STRANGER_OWN,       /* another process of the owner, in another unit of his */
        STRANGER_ROOT,      /* a child of a process of root */
        STRANGER_SUBREAPER, /* forked twice, below a subreaper */
        STRANGER_ORPHAN,    /* forked twice, so that its parent is PID 1 */
        STRANGER_DAEMON,    /* the same in a session of its own */
        N_STRANGERS,
} StrangerKind;

int stranger_kind_from_string(const char *text);  /* -1 */
bool stranger_kind_is_adopted(StrangerKind kind); /* its parent is PID 1 */

/* What a process does: says a byte to READY, takes one from GATE, says one to DONE, and ends. */
typedef struct Doors {
        int ready[2], gate[2], done[2];
} Doors;

void doors_init(Doors *doors);
/* Whether N bytes come out of FD, within the time in ms. Returns how many came. */
int doors_take(int fd, int n, int timeout);
void doors_give(int fd, int n);

/* A child of this process: in the cgroup behind GROUP_FD, with NUMBER, of user UID (0: as it is). Returns
 * its PID, or a negative errno: -EEXIST if the number is taken. */
pid_t spawn(const Doors *doors, int group_fd, pid_t number, uid_t uid);

/* A stranger with this number. OWNER: the user of STRANGER_OWN; all others are of this process's. */
pid_t spawn_stranger(const Doors *doors, StrangerKind kind, int group_fd, pid_t number, uid_t owner);

/* Becomes a process of UID that keeps root's capabilities. */
void become_powerful(uid_t uid);

/* Forks processes that end at once until the next number is NUMBER or just below. */
void advance_numbers(pid_t number);

/* N processes that keep the kernel's lock of migrations busy until they are killed with this one: some fork,
 * one migrates itself. */
void contend(int n);

void die(const char *what) __attribute__((noreturn));
