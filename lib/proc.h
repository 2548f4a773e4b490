/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Facts about a process from /proc, under a root descriptor so that a test can put a false one there.
 * proc(5). Each function reads a bounded amount and returns -ESRCH if the process is gone, -EBADMSG if the
 * text is not of the documented form. The caller holds a pidfd and checks with pidfd_is_alive() after
 * reading that the PID still meant the same process. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct ProcStat {
        pid_t ppid;
        pid_t pgrp;
        pid_t session;
        char state;
        bool kernel_thread; /* PF_KTHREAD */
        uint64_t starttime; /* clock ticks since boot */
        uint64_t n_threads;
} ProcStat;

typedef struct ProcStatus {
        pid_t tgid;
        uid_t uid[4]; /* real, effective, saved, file system; in our user namespace */
        gid_t gid[4];
} ProcStatus;

/* Parsers of the files' text, for tests and fuzzing. */
int proc_stat_parse(const char *text, ProcStat *ret);
int proc_status_parse(const char *text, ProcStatus *ret);
int proc_pending_signals_parse(const char *text,
                               uint64_t *ret); /* of status, see proc_get_pending_signals() */

/* Whether real, effective and saved user id are all UID. */
static inline bool proc_status_is_of(const ProcStatus *status, uid_t uid) {
        return status->uid[0] == uid && status->uid[1] == uid && status->uid[2] == uid;
}

int proc_get_stat(int proc_fd, pid_t pid, ProcStat *ret);
int proc_get_status(int proc_fd, pid_t pid, ProcStatus *ret);
int proc_get_cgroup(int proc_fd, pid_t pid, char **ret_path, bool *ret_deleted);
/* Arguments joined by spaces, cut to MAX bytes, plain (text.h). May wait for as long as the process likes, see
 * target.h: not for the daemon. */
int proc_get_cmdline(int proc_fd, pid_t pid, size_t max, char **ret);
/* Signals that the process has been sent and not taken yet, as a mask in which signal N is bit N - 1. */
int proc_get_pending_signals(int proc_fd, pid_t pid, uint64_t *ret);
int proc_get_seccomp(int proc_fd, pid_t pid, int *ret); /* a SECCOMP_MODE_* of seccomp(2) */
int proc_get_comm(int proc_fd, pid_t pid, char **ret);

/* Calls EACH for every process (not thread) until it returns non-zero, which is passed on. */
typedef int (*proc_each_t)(pid_t pid, void *userdata);
int proc_each(int proc_fd, proc_each_t each, void *userdata);
