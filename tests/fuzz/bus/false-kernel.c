/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fuzz/bus/false-kernel.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/cgroup.h"
#include "daemon/job.h"
#include "daemon/pool-tree.h"
#include "daemon/repair.h"
#include "lib/cleanup.h"
#include "lib/pidfd.h"

#define FIRST_PID 100

FalseProcess false_processes[FALSE_PROCESSES];
int false_tree_fd = -1;
char false_folder[FALSE_PATH_MAX];
bool false_root_asks;

static int proc_fd = -1;
static unsigned n_dead;
static bool is_touched[FALSE_PROCESSES]; /* it is not what it was in the beginning any more */

/* --- files --------------------------------------------------------------------------------------------------------- */

static void put_file(int dir_fd, const char *name, const void *data, size_t size) {
        int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert(fd >= 0);
        assert(write(fd, data, size) == (ssize_t) size);
        (void) close(fd);
}

static void put_text(int dir_fd, const char *name, const char *text) {
        put_file(dir_fd, name, text, strlen(text));
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

/* The path of a group in the tree, from the descriptor that the daemon has of it; false for any other file. */
static bool find_path(int fd, char ret[static FALSE_PATH_MAX]) {
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

static bool is_in(const char *group, const char *path, bool below) {
        size_t n = strlen(path);

        return strncmp(group, path, n) == 0 && (group[n] == 0 || (below && group[n] == '/'));
}

static void put_events(int fd, bool populated) {
        char text[64], freeze[4] = "";

        (void) cgroup_read(fd, "cgroup.freeze", freeze, sizeof(freeze));
        (void) snprintf(text, sizeof(text), "populated %d\nfrozen %d\n", populated, freeze[0] == '1');
        put_text(fd, "cgroup.events", text);
}

/* What the kernel says of the processes of PATH, if it is there. */
static void put_group(const char *path) {
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
        put_text(fd, "cgroup.procs", text);
        put_events(fd, n > 0);
}

static void fill_group(int fd) {
        put_text(fd, "cgroup.procs", "");
        put_text(fd, "cgroup.freeze", "0\n");
        put_text(fd, "cgroup.kill", "");
        put_text(fd, "cgroup.controllers", "memory pids cpu\n");
        put_text(fd, "cgroup.subtree_control", "memory pids cpu\n");
        put_text(fd, "pids.max", "max\n");
        put_text(fd, "pids.current", "1\n");
        put_text(fd, "memory.max", "max\n");
        put_text(fd, "memory.current", "4096\n");
        put_text(fd, "memory.events", "low 0\noom_kill 0\n");
        put_text(fd, "cpu.weight", "100\n");
        put_text(fd, "cpu.stat", "usage_usec 17\n");
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
                fill_group(fd);
        }
}

static void remove_groups(const char *path) {
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
        fd = openat(proc_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
        put_text(fd, "stat", text);
        (void) snprintf(text, sizeof(text),
                        "Name:\ta\nTgid:\t%d\nUid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", p->pid,
                        p->uid[0], p->uid[1], p->uid[2], p->uid[1], p->uid[0], p->uid[0], p->uid[0],
                        p->uid[0]);
        put_text(fd, "status", text);
        (void) snprintf(text, sizeof(text), "1:name=systemd:/x\n0::%s\n", p->group);
        put_text(fd, "cgroup", text);
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
        assert(mkdirat(proc_fd, name, 0755) == 0);
        fd = open_process(p->pid);
        put_file(fd, "cmdline", command, size);
        put_text(fd, "oom_score_adj", "100\n");
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
                put_group(group);
                return p;
        }
        return NULL;
}

void false_process_end(FalseProcess *process, bool reap) {
        char name[16], dead[32];

        touch(process);
        process->zombie = true;
        put_group(process->group);
        if (!reap) {
                put_process(process);
                return;
        }
        (void) snprintf(name, sizeof(name), "%d", process->pid);
        (void) snprintf(dead, sizeof(dead), "dead-%u", n_dead++);
        assert(renameat(proc_fd, name, proc_fd, dead) == 0);
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
        put_group(before);
        put_group(process->group);
}

int false_pidfd_open(const FalseProcess *process) {
        return open_process(process->pid);
}

static bool is_pool_path(const char *path) {
        return strncmp(path, "/user.slice/user-cgmove.slice/", 30) == 0;
}

void false_jobs_end(void) {
        for (size_t i = 0; i < FALSE_PROCESSES; i++)
                if (false_processes[i].pid > 0 && is_pool_path(false_processes[i].group))
                        false_process_end(&false_processes[i], true);
}

/* --- what the daemon calls instead of the kernel's ------------------------------------------------------------------ */

int __wrap_kernel_open(const char *cgroup_root, Kernel *ret);
int __wrap_pidfd_open_process(pid_t pid);
int __wrap_pidfd_get_pid(int fdinfo_fd, int fd, pid_t *ret);
bool __wrap_pidfd_is_genuine(int fd);
bool __wrap_pidfd_is_alive(int fd);
int __wrap_pidfd_kill(int fd, int sig);
int __real_cgroup_create(int parent_fd, const char *name, int *ret_fd);
int __wrap_cgroup_create(int parent_fd, const char *name, int *ret_fd);
int __wrap_cgroup_remove(int parent_fd, const char *name);
int __wrap_cgroup_attach(int fd, pid_t pid);
int __wrap_cgroup_freeze(int fd, bool freeze);
int __wrap_cgroup_kill(int fd);
int __wrap_cgroup_set_record(int fd, const char *text, size_t size);
int __wrap_cgroup_get_record(int fd, char *buffer, size_t size, size_t *ret_size);
int __wrap_cgroup_remove_record(int fd);

int __wrap_kernel_open(const char *cgroup_root, Kernel *ret) {
        Kernel kernel = KERNEL_INIT;

        kernel.cgroup_fd = fcntl(false_tree_fd, F_DUPFD_CLOEXEC, 3);
        kernel.proc_fd = fcntl(proc_fd, F_DUPFD_CLOEXEC, 3);
        kernel.fdinfo_fd = open("/proc/self/fdinfo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert(kernel.cgroup_fd >= 0 && kernel.proc_fd >= 0 && kernel.fdinfo_fd >= 0);
        *ret = kernel;
        return 0;
}

int __wrap_pidfd_open_process(pid_t pid) {
        const FalseProcess *process = false_process_find(pid);

        return pid < 1 ? -EINVAL : !process ? -ESRCH : false_pidfd_open(process);
}

/* The folder of a process in the false /proc stands for its pidfd: one that was reaped has another name. */
int __wrap_pidfd_get_pid(int fdinfo_fd, int fd, pid_t *ret) {
        char link[64], text[2 * FALSE_PATH_MAX], root[2 * FALSE_PATH_MAX];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, text, sizeof(text) - 1);
        if (n < 0)
                return -EBADF;
        text[n] = 0;
        n = snprintf(root, sizeof(root), "%s/proc/", false_folder);
        if (strncmp(text, root, (size_t) n) != 0)
                return -EBADF;
        if (text[n] < '0' || text[n] > '9')
                return -ESRCH;
        *ret = (pid_t) strtol(text + n, NULL, 10);
        return 0;
}

bool __wrap_pidfd_is_genuine(int fd) {
        pid_t pid;

        return __wrap_pidfd_get_pid(-1, fd, &pid) != -EBADF;
}

bool __wrap_pidfd_is_alive(int fd) {
        const FalseProcess *process;
        pid_t pid;

        if (__wrap_pidfd_get_pid(-1, fd, &pid) < 0)
                return false;
        process = false_process_find(pid);
        return process && !process->zombie;
}

/* The daemon signals nobody but members of jobs. */
int __wrap_pidfd_kill(int fd, int sig) {
        FalseProcess *process;
        pid_t pid;

        if (!__wrap_pidfd_is_alive(fd) || __wrap_pidfd_get_pid(-1, fd, &pid) < 0)
                return -ESRCH;
        process = false_process_find(pid);
        assert(is_pool_path(process->group));
        if (sig == SIGKILL)
                false_process_end(process, true);
        return 0;
}

int __wrap_cgroup_create(int parent_fd, const char *name, int *ret_fd) {
        char path[FALSE_PATH_MAX];
        uint64_t id;
        int r;

        assert(find_path(parent_fd, path));
        /* no name of a client's becomes part of a path */
        if (strstr(path, "/cgmove@"))
                assert(job_group_name_parse(name, &id) || strcmp(name, QUARANTINE_GROUP) == 0 ||
                       strcmp(name, "keeper") == 0);
        r = __real_cgroup_create(parent_fd, name, ret_fd);
        if (r >= 0)
                fill_group(*ret_fd);
        return r;
}

int __wrap_cgroup_remove(int parent_fd, const char *name) {
        char parent[FALSE_PATH_MAX], path[2 * FALSE_PATH_MAX];

        assert(find_path(parent_fd, parent) && !strchr(name, '/'));
        (void) snprintf(path, sizeof(path), "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name);
        assert(is_pool_path(path));
        for (size_t i = 0; i < FALSE_PROCESSES; i++)
                if (false_processes[i].pid > 0 && !false_processes[i].zombie &&
                    is_in(false_processes[i].group, path, true))
                        return -EBUSY;
        if (faccessat(parent_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        remove_groups(path);
        return 0;
}

/* What happens to a process just when it is moved; false if it does not arrive. */
static bool play(FalseProcess *process) {
        pid_t pid = process->pid;

        if (process->exec_suid)
                false_process_become(process, process->uid[0], 0);
        if (!process->dies)
                return true;
        if (process->taken_over) {
                bool bobs = process->uid[0] != FALSE_BOB;

                false_process_end(process, true);
                process = false_process_start(1, bobs ? FALSE_BOB : FALSE_ALICE,
                                              "/system.slice/cron.service", "x", 1);
                return process && process->pid == pid;
        }
        false_process_end(process, true);
        return false;
}

/* Where the daemon may put a process: into a job of its owner's pool, or its quarantine; or back to where it was, or to its parent. */
static void check_destination(const FalseProcess *process, const char *path) {
        const FalseProcess *parent = false_process_find(process->ppid);
        char pool[POOL_PATH_MAX], *name;
        uint64_t id;
        unsigned uid;

        if (strcmp(process->source, path) == 0 || (parent && strcmp(parent->group, path) == 0))
                return;
        assert(is_pool_path(path) &&
               sscanf(path, "/user.slice/user-cgmove.slice/user-cgmove-%u.slice/", &uid) == 1);
        pool_tree_path(uid, pool);
        assert(strncmp(path, pool, strlen(pool)) == 0 && path[strlen(pool)] == '/');
        name = strrchr(path, '/') + 1;
        assert(name == path + strlen(pool) + 1);
        assert(job_group_name_parse(name, &id) || strcmp(name, QUARANTINE_GROUP) == 0);
}

int __wrap_cgroup_attach(int fd, pid_t pid) {
        FalseProcess *process = false_process_find(pid);
        char path[FALSE_PATH_MAX], pool[POOL_PATH_MAX];
        bool was_moved = process && process->source[0];

        assert(find_path(fd, path));
        if (!process || process->zombie)
                return -ESRCH;
        assert(!process->kernel_thread && pid != 1);
        check_destination(process, path);
        if (!is_pool_path(path) || was_moved) {
                process->source[0] = 0;
                false_process_go(process, path);
                return 0;
        }

        if (strcmp(strrchr(path, '/') + 1, QUARANTINE_GROUP) != 0) {
                /* into a job: of his own who is moved, and nobody whom a manager has to keep */
                pool_tree_path(process->uid[0], pool);
                assert(strncmp(path, pool, strlen(pool)) == 0);
                assert(!strstr(process->group, "/.control") && !strstr(process->group, "/init.scope") &&
                       process->group[1]);
                assert(false_root_asks ||
                       (process->uid[0] == process->uid[1] && process->uid[1] == process->uid[2]));
        }
        if (!play(process))
                return -ESRCH;
        process = false_process_find(pid);
        memcpy(process->source, process->group, sizeof(process->source));
        false_process_go(process, path);
        return 0;
}

int __wrap_cgroup_freeze(int fd, bool freeze) {
        char path[FALSE_PATH_MAX];

        assert(find_path(fd, path));
        put_text(fd, "cgroup.freeze", freeze ? "1\n" : "0\n");
        put_group(path);
        return 0;
}

int __wrap_cgroup_kill(int fd) {
        char path[FALSE_PATH_MAX];

        assert(find_path(fd, path) && is_pool_path(path) && strstr(path, "/job-"));
        for (size_t i = 0; i < FALSE_PROCESSES; i++)
                if (false_processes[i].pid > 0 && is_in(false_processes[i].group, path, true))
                        false_process_end(&false_processes[i], true);
        return 0;
}

/* A file, since not every kernel's tmpfs has "user." attributes. */
int __wrap_cgroup_set_record(int fd, const char *text, size_t size) {
        put_file(fd, "record", text, size);
        return 0;
}

int __wrap_cgroup_get_record(int fd, char *buffer, size_t size, size_t *ret_size) {
        _cleanup_close_ int file = openat(fd, "record", O_RDONLY | O_CLOEXEC);
        struct stat st;
        ssize_t n;

        if (file < 0)
                return -ENODATA;
        assert(fstat(file, &st) == 0);
        if ((size_t) st.st_size > size)
                return -ERANGE;
        n = read(file, buffer, size);
        assert(n >= 0);
        *ret_size = (size_t) n;
        return 0;
}

int __wrap_cgroup_remove_record(int fd) {
        return unlinkat(fd, "record", 0) < 0 ? -errno : 0;
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
        put_file(fd, "record", record, size);
        put_text(fd, "cgroup.freeze", frozen ? "1\n" : "0\n");
        put_group(path);
}

void false_pool_stop(uid_t uid) {
        char pool[POOL_PATH_MAX];

        pool_tree_path(uid, pool);
        for (size_t i = 0; i < FALSE_PROCESSES; i++)
                if (false_processes[i].pid > 0 && is_in(false_processes[i].group, pool, true))
                        false_process_end(&false_processes[i], true);
        if (faccessat(false_tree_fd, pool + 1, F_OK, 0) == 0)
                remove_groups(pool);
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
        proc_fd = openat(fd, "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert(false_tree_fd >= 0 && proc_fd >= 0);
        fill_group(false_tree_fd);
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
        assert(unlinkat(proc_fd, name + 5, AT_REMOVEDIR) == 0);
}

static void reset_processes(void) {
        for (; n_dead > 0; n_dead--) {
                char name[32];

                (void) snprintf(name, sizeof(name), "proc/dead-%u", n_dead - 1);
                clear_folder(name);
                assert(unlinkat(proc_fd, name + 5, AT_REMOVEDIR) == 0);
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
                remove_groups(pools);
        reset_processes();
        for (size_t i = 0; i < ELEMENTSOF(beginning); i++) {
                const char *group = beginning[i].group;
                _cleanup_close_ int fd = -1;

                if (!is_touched[i])
                        continue;
                make_groups(group);
                assert(cgroup_open(false_tree_fd, group, &fd) == 0);
                put_text(fd, "cgroup.freeze", strstr(group, "/frozen") ? "1\n" : "0\n");
                put_group(group);
        }
        memset(is_touched, false, sizeof(is_touched));
}
