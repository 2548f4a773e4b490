/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the daemon calls instead of the kernel's, and the judge of it: see false-kernel.h. */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
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
#include "tests/fuzz/bus/false-kernel-private.h"

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
int __wrap_cgroup_thaw(int freezer);
int __wrap_cgroup_kill(int fd);
int __wrap_cgroup_set_record(int fd, const char *text, size_t size);
int __wrap_cgroup_get_record(int fd, char *buffer, size_t size, size_t *ret_size);

int __wrap_kernel_open(const char *cgroup_root, Kernel *ret) {
        Kernel kernel = KERNEL_INIT;

        kernel.cgroup_fd = fcntl(false_tree_fd, F_DUPFD_CLOEXEC, 3);
        kernel.proc_fd = fcntl(false_proc_fd, F_DUPFD_CLOEXEC, 3);
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
        assert(false_group_is_pool(process->group));
        if (sig == SIGKILL)
                false_process_end(process, true);
        return 0;
}

int __wrap_cgroup_create(int parent_fd, const char *name, int *ret_fd) {
        char path[FALSE_PATH_MAX];
        uint64_t id;
        int r;

        assert(false_group_find(parent_fd, path));
        /* no name of a client's becomes part of a path */
        if (strstr(path, "/cgmove@"))
                assert(job_group_name_parse(name, &id) || strcmp(name, QUARANTINE_GROUP) == 0 ||
                       strcmp(name, "keeper") == 0);
        r = __real_cgroup_create(parent_fd, name, ret_fd);
        if (r >= 0)
                false_group_fill(*ret_fd);
        return r;
}

int __wrap_cgroup_remove(int parent_fd, const char *name) {
        char parent[FALSE_PATH_MAX], path[2 * FALSE_PATH_MAX];

        assert(false_group_find(parent_fd, parent) && !strchr(name, '/'));
        (void) snprintf(path, sizeof(path), "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name);
        assert(false_group_is_pool(path));
        for (size_t i = 0; i < FALSE_PROCESSES; i++)
                if (false_processes[i].pid > 0 && !false_processes[i].zombie &&
                    false_group_is_in(false_processes[i].group, path, true))
                        return -EBUSY;
        if (faccessat(parent_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        false_groups_remove(path);
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
        assert(false_group_is_pool(path) &&
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

        assert(false_group_find(fd, path));
        if (!process || process->zombie)
                return -ESRCH;
        assert(!process->kernel_thread && pid != 1);
        check_destination(process, path);
        if (!false_group_is_pool(path) || was_moved) {
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

        assert(false_group_find(fd, path));
        false_put_text(fd, "cgroup.freeze", freeze ? "1\n" : "0\n");
        false_group_put(path);
        return 0;
}

int __wrap_cgroup_thaw(int freezer) {
        char path[FALSE_PATH_MAX], *end;

        assert(pwrite(freezer, "0", 1, 0) == 1 && false_group_find(freezer, path));
        end = strstr(path, "/cgroup.freeze");
        assert(end);
        *end = 0;
        false_group_put(path);
        return 0;
}

int __wrap_cgroup_kill(int fd) {
        char path[FALSE_PATH_MAX];

        assert(false_group_find(fd, path) && false_group_is_pool(path) && strstr(path, "/job-"));
        for (size_t i = 0; i < FALSE_PROCESSES; i++)
                if (false_processes[i].pid > 0 && false_group_is_in(false_processes[i].group, path, true))
                        false_process_end(&false_processes[i], true);
        return 0;
}

/* A file, since not every kernel's tmpfs has "user." attributes. */
int __wrap_cgroup_set_record(int fd, const char *text, size_t size) {
        false_put_file(fd, "record", text, size);
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
