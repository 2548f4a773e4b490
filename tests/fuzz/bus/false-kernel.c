/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fuzz/bus/false-kernel-private.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/cgroup.h"
#include "daemon/job.h"
#include "daemon/pool-tree.h"
#include "lib/cleanup.h"

#define FIRST_PID 100

FalseProcess false_processes[FALSE_PROCESSES];
int false_tree_fd = -1;
char false_folder[FALSE_PATH_MAX];
bool false_root_asks;

int false_proc_fd = -1;
static unsigned n_dead;
static bool is_touched[FALSE_PROCESSES]; /* it is not what it was in the beginning any more */

/* --- files --------------------------------------------------------------------------------------------------------- */

void false_put_file(int dir_fd, const char *name, const void *data, size_t size) {
        int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert(fd >= 0);
        assert(write(fd, data, size) == (ssize_t) size);
        (void) close(fd);
}

void false_put_text(int dir_fd, const char *name, const char *text) {
        false_put_file(dir_fd, name, text, strlen(text));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return ftw->level == 0 ? 0 : remove(path);
}

/* All that is in FOLDER/NAME. */
static void clear_folder(const char *name) {
        char path[2 * FALSE_PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s/%s", false_folder, name);
        assert(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

unsigned false_n_fds(void) {
        _cleanup_closedir_ DIR *dir = opendir("/proc/self/fd");
        const struct dirent *entry;
        unsigned n = 0;

        assert(dir);
        while ((entry = readdir(dir))) {
                char text[32];
                ssize_t size = readlinkat(dirfd(dir), entry->d_name, text, sizeof(text));

                /* timers, watches and a reserve are made when they are first needed, and kept; what comes from or is about a
                 * client is none of these */
                n += size < 0 || !memmem(text, (size_t) size, "anon_inode:", strlen("anon_inode:"));
        }
        return n;
}

/* --- groups -------------------------------------------------------------------------------------------------------- */

bool false_group_find(int fd, char ret[static FALSE_PATH_MAX]) {
        char link[64], text[2 * FALSE_PATH_MAX], root[2 * FALSE_PATH_MAX];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, text, sizeof(text) - 1);
        assert(n > 0);
        text[n] = 0;
        n = snprintf(root, sizeof(root), "%s/tree", false_folder);
        if (strncmp(text, root, (size_t) n) != 0)
                return false;
        (void) snprintf(ret, FALSE_PATH_MAX, "%s", text[n] ? text + n : "/");
        return true;
}

bool false_group_is_in(const char *group, const char *path, bool below) {
        size_t n = strlen(path);

        return strncmp(group, path, n) == 0 && (group[n] == 0 || (below && group[n] == '/'));
}

static void put_events(int fd, bool populated) {
        char text[64], freeze[4] = "";

        (void) cgroup_read(fd, "cgroup.freeze", freeze, sizeof(freeze));
        (void) snprintf(text, sizeof(text), "populated %d\nfrozen %d\n", populated, freeze[0] == '1');
        false_put_text(fd, "cgroup.events", text);
}

void false_group_put(const char *path) {
        _cleanup_close_ int fd = -1;
        char text[16 * FALSE_PROCESSES] = "";
        size_t n = 0;

        if (cgroup_open(false_tree_fd, path, &fd) < 0)
                return;
        for (size_t i = 0; i < FALSE_PROCESSES; i++) {
                const FalseProcess *p = &false_processes[i];

                if (p->pid > 0 && !p->zombie && strcmp(p->group, path) == 0)
                        n += (size_t) snprintf(text + n, sizeof(text) - n, "%d\n", p->pid);
        }
        false_put_text(fd, "cgroup.procs", text);
        put_events(fd, n > 0);
}

void false_group_fill(int fd) {
        false_put_text(fd, "cgroup.procs", "");
        false_put_text(fd, "cgroup.freeze", "0\n");
        false_put_text(fd, "cgroup.kill", "");
        false_put_text(fd, "cgroup.controllers", "memory pids cpu\n");
        false_put_text(fd, "cgroup.subtree_control", "memory pids cpu\n");
        false_put_text(fd, "pids.max", "max\n");
        false_put_text(fd, "pids.current", "1\n");
        false_put_text(fd, "memory.max", "max\n");
        false_put_text(fd, "memory.current", "4096\n");
        false_put_text(fd, "memory.events", "low 0\noom_kill 0\n");
        false_put_text(fd, "cpu.weight", "100\n");
        false_put_text(fd, "cpu.stat", "usage_usec 17\n");
        put_events(fd, false);
}

static void make_groups(const char *path) {
        char part[FALSE_PATH_MAX];

        for (const char *end = path; end[strspn(end, "/")];) {
                _cleanup_close_ int fd = -1;

                end = strchrnul(end + 1, '/');
                (void) snprintf(part, sizeof(part), "%.*s", (int) (end - path), path);
                if (mkdirat(false_tree_fd, part + 1, 0755) < 0) {
                        assert(errno == EEXIST);
                        continue;
                }
                assert(cgroup_open(false_tree_fd, part, &fd) == 0);
                false_group_fill(fd);
        }
}

void false_groups_remove(const char *path) {
        char name[FALSE_PATH_MAX + 8];

        (void) snprintf(name, sizeof(name), "tree%s", path);
        clear_folder(name);
        assert(unlinkat(false_tree_fd, path + 1, AT_REMOVEDIR) == 0);
}

/* --- processes ----------------------------------------------------------------------------------------------------- */

FalseProcess *false_process_find(pid_t pid) {
        for (size_t i = 0; i < FALSE_PROCESSES; i++)
                if (pid > 0 && false_processes[i].pid == pid)
                        return &false_processes[i];
        return NULL;
}

static int open_process(pid_t pid) {
        char name[16];
        int fd;

        (void) snprintf(name, sizeof(name), "%d", pid);
        fd = openat(false_proc_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert(fd >= 0);
        return fd;
}

static void touch(const FalseProcess *process) {
        is_touched[process - false_processes] = true;
}

static void put_process(const FalseProcess *p) {
        _cleanup_close_ int fd = open_process(p->pid);
        char text[512];

        touch(p);
        (void) snprintf(text, sizeof(text),
                        "%d (a) b) %c %d %d %d 0 -1 %u 0 0 0 0 0 0 0 0 20 0 %u 0 %d 0 0\n", p->pid,
                        p->zombie ? 'Z' : 'S', p->ppid, p->pid, p->pid, p->kernel_thread ? 0x00200000U : 0U,
                        p->n_threads, 1000 + p->pid);
        false_put_text(fd, "stat", text);
        (void) snprintf(text, sizeof(text),
                        "Name:\ta\nTgid:\t%d\nUid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", p->pid,
                        p->uid[0], p->uid[1], p->uid[2], p->uid[1], p->uid[0], p->uid[0], p->uid[0],
                        p->uid[0]);
        false_put_text(fd, "status", text);
        (void) snprintf(text, sizeof(text), "1:name=systemd:/x\n0::%s\n", p->group);
        false_put_text(fd, "cgroup", text);
}

static void start_as(FalseProcess *p, pid_t ppid, uid_t uid, const char *group) {
        *p = (FalseProcess){ .pid = FIRST_PID + (pid_t) (p - false_processes),
                             .ppid = ppid,
                             .uid = { uid, uid, uid },
                             .n_threads = 1,
                             .kernel_thread = ppid == 2 };
        (void) snprintf(p->group, sizeof(p->group), "%s", group);
}

static void put_new_process(const FalseProcess *p, const void *command, size_t size) {
        _cleanup_close_ int fd = -1;
        char name[16];

        (void) snprintf(name, sizeof(name), "%d", p->pid);
        assert(mkdirat(false_proc_fd, name, 0755) == 0);
        fd = open_process(p->pid);
        false_put_file(fd, "cmdline", command, size);
        false_put_text(fd, "oom_score_adj", "100\n");
        put_process(p);
}

FalseProcess *false_process_start(pid_t ppid, uid_t uid, const char *group, const void *command,
                                  size_t size) {
        for (size_t i = 0; i < FALSE_PROCESSES; i++) {
                FalseProcess *p = &false_processes[i];

                if (p->pid > 0)
                        continue;
                start_as(p, ppid, uid, group);
                put_new_process(p, command, size);
                false_group_put(group);
                return p;
        }
        return NULL;
}

void false_process_end(FalseProcess *process, bool reap) {
        char name[16], dead[32];

        touch(process);
        process->zombie = true;
        false_group_put(process->group);
        if (!reap) {
                put_process(process);
                return;
        }
        (void) snprintf(name, sizeof(name), "%d", process->pid);
        (void) snprintf(dead, sizeof(dead), "dead-%u", n_dead++);
        assert(renameat(false_proc_fd, name, false_proc_fd, dead) == 0);
        process->pid = 0;
}

void false_process_become(FalseProcess *process, uid_t real, uid_t effective) {
        process->uid[0] = real;
        process->uid[1] = process->uid[2] = effective;
        put_process(process);
}

void false_process_go(FalseProcess *process, const char *group) {
        char before[FALSE_PATH_MAX];

        memcpy(before, process->group, sizeof(before));
        (void) snprintf(process->group, sizeof(process->group), "%s", group);
        put_process(process);
        false_group_put(before);
        false_group_put(process->group);
}

int false_pidfd_open(const FalseProcess *process) {
        return open_process(process->pid);
}

bool false_group_is_pool(const char *path) {
        return strncmp(path, "/user.slice/user-cgmove.slice/", 30) == 0;
}

void false_jobs_end(void) {
        for (size_t i = 0; i < FALSE_PROCESSES; i++)
                if (false_processes[i].pid > 0 && false_group_is_pool(false_processes[i].group))
                        false_process_end(&false_processes[i], true);
}

/* --- the beginning ------------------------------------------------------------------------------------------------- */

void false_job_leave(uid_t uid, uint64_t id, const void *record, size_t size, bool frozen) {
        char pool[POOL_PATH_MAX], path[POOL_PATH_MAX + JOB_GROUP_NAME_MAX + 1], name[JOB_GROUP_NAME_MAX];
        _cleanup_close_ int fd = -1;

        pool_tree_path(uid, pool);
        (void) snprintf(path, sizeof(path), "%s/keeper", pool);
        make_groups(path);
        job_group_name(id, name);
        (void) snprintf(path, sizeof(path), "%s/%s", pool, name);
        make_groups(path);
        assert(cgroup_open(false_tree_fd, path, &fd) == 0);
        false_put_file(fd, "record", record, size);
        false_put_text(fd, "cgroup.freeze", frozen ? "1\n" : "0\n");
        false_group_put(path);
}

void false_pool_stop(uid_t uid) {
        char pool[POOL_PATH_MAX];

        pool_tree_path(uid, pool);
        for (size_t i = 0; i < FALSE_PROCESSES; i++)
                if (false_processes[i].pid > 0 && false_group_is_in(false_processes[i].group, pool, true))
                        false_process_end(&false_processes[i], true);
        if (faccessat(false_tree_fd, pool + 1, F_OK, 0) == 0)
                false_groups_remove(pool);
}

static void remove_folder(void) {
        clear_folder(".");
        (void) rmdir(false_folder);
}

void false_kernel_new(void) {
        static const char *const folders[] = { "tree", "proc", "conf", "state", "run" };
        const char *parent = getenv("TMPDIR");
        _cleanup_close_ int fd = -1;

        if (!parent) /* thousands of small files a second are made and removed: no disk's matter */
                parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        (void) snprintf(false_folder, sizeof(false_folder), "%s/cgmove-fuzz-XXXXXX", parent);
        assert(mkdtemp(false_folder));
        (void) atexit(remove_folder);
        fd = open(false_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                assert(mkdirat(fd, folders[i], 0700) == 0);
        false_tree_fd = openat(fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        false_proc_fd = openat(fd, "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert(false_tree_fd >= 0 && false_proc_fd >= 0);
        false_group_fill(false_tree_fd);
        memset(is_touched, true, sizeof(is_touched));
}

#define A "/user.slice/user-2111000001.slice"
#define B "/user.slice/user-2111000002.slice"
static const struct {
        pid_t ppid;
        uid_t uid;
        const char *group;
} beginning[] = {
        { 1, 0, "/system.slice/ssh.service" },
        { 100, FALSE_ALICE, A "/session-1.scope" },
        { 101, FALSE_ALICE, A "/user@2111000001.service/app.slice/gateway.service" },
        { 102, FALSE_ALICE, A "/user@2111000001.service/app.slice/gateway.service" },
        { 103, FALSE_ALICE, A "/user@2111000001.service/app.slice/other.service" },
        { 1, FALSE_ALICE, "/system.slice/alice.service" },
        { 100, FALSE_BOB, B "/session-2.scope" },
        { 106, FALSE_BOB, B "/user@2111000002.service/app.slice/gateway.service" },
        { 2, 0, "/" },
        { 1, FALSE_ALICE, A "/user@2111000001.service/app.slice/frozen.service" },
        { 1, FALSE_ALICE, A "/user@2111000001.service/.control" },
};

/* The files of a process that is not what it was. */
static void remove_process(const FalseProcess *process) {
        char name[32];

        if (process->pid == 0)
                return;
        (void) snprintf(name, sizeof(name), "proc/%d", process->pid);
        clear_folder(name);
        assert(unlinkat(false_proc_fd, name + 5, AT_REMOVEDIR) == 0);
}

static void reset_processes(void) {
        for (; n_dead > 0; n_dead--) {
                char name[32];

                (void) snprintf(name, sizeof(name), "proc/dead-%u", n_dead - 1);
                clear_folder(name);
                assert(unlinkat(false_proc_fd, name + 5, AT_REMOVEDIR) == 0);
        }
        for (size_t i = 0; i < FALSE_PROCESSES; i++) {
                FalseProcess *p = &false_processes[i];

                if (is_touched[i])
                        remove_process(p);
                *p = (FalseProcess){ .pid = 0 };
                if (i >= ELEMENTSOF(beginning))
                        continue;
                start_as(p, beginning[i].ppid, beginning[i].uid, beginning[i].group);
                if (is_touched[i])
                        put_new_process(p, "sh\0-c\0x", 7);
        }
}

void false_kernel_check(void) {
        for (size_t i = 0; i < ELEMENTSOF(beginning); i++) {
                _cleanup_close_ int fd = -1;
                uint64_t freeze;

                assert(cgroup_open(false_tree_fd, beginning[i].group, &fd) == 0);
                assert(cgroup_read_u64(fd, "cgroup.freeze", &freeze) == 0);
                assert(freeze == (strstr(beginning[i].group, "/frozen") != NULL));
        }
}

void false_kernel_reset(void) {
        static const char pools[] = "/user.slice/user-cgmove.slice";

        false_root_asks = false;
        clear_folder("state");
        clear_folder("run");
        if (faccessat(false_tree_fd, pools + 1, F_OK, 0) == 0)
                false_groups_remove(pools);
        reset_processes();
        for (size_t i = 0; i < ELEMENTSOF(beginning); i++) {
                const char *group = beginning[i].group;
                _cleanup_close_ int fd = -1;

                if (!is_touched[i])
                        continue;
                make_groups(group);
                assert(cgroup_open(false_tree_fd, group, &fd) == 0);
                false_put_text(fd, "cgroup.freeze", strstr(group, "/frozen") ? "1\n" : "0\n");
                false_group_put(group);
        }
        memset(is_touched, false, sizeof(is_touched));
}
