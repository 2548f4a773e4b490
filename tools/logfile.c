/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/status.h"

static int fail_folder(Failure *failure, int error, const char *what, const char *path) {
        return failure_set(failure, STATUS_FAILED, "Failed", "Cannot %s the log folder %s (%s).", what, path,
                           strerror(error < 0 ? -error : error));
}

/* Whether nobody but root can change where PATH leads. What is not there yet can then be made by root alone;
 * its ".." would lead elsewhere when it is. */
static bool is_roots_alone(const char *path) {
        char part[PATH_MAX];
        struct stat st;

        for (size_t n = 1; n < sizeof(part); n += strcspn(path + n, "/")) {
                (void) snprintf(part, n + 1, "%s", path);
                if (lstat(part, &st) < 0)
                        return errno == ENOENT && !strstr(path + n, "/..");
                if (!S_ISDIR(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022) != 0)
                        return false;
                n += strspn(path + n, "/");
                if (path[n] == 0)
                        return true;
        }
        return false;
}

/* A folder of the environment. Root's may have come with it from a user (sudo -E, su -m), through whose links
 * root would then make folders and files. */
static const char *get_folder(const char *variable) {
        const char *path = getenv(variable);

        return path && path[0] == '/' && (geteuid() != 0 || is_roots_alone(path)) ? path : NULL;
}

/* Services of root have no $HOME. */
static const char *find_home(void) {
        const char *home = get_folder("HOME");
        const struct passwd *user;

        if (home)
                return home;
        user = getpwuid(geteuid());
        return user && user->pw_dir[0] == '/' ? user->pw_dir : NULL;
}

int logfile_folder(char *ret, size_t size) {
        const char *state = get_folder("XDG_STATE_HOME"), *home = state ? NULL : find_home();
        int n;

        if (!state && !home)
                return -ENOENT;
        n = state ? snprintf(ret, size, "%s/cgmove", state)
                  : snprintf(ret, size, "%s/.local/state/cgmove", home);
        return n >= (int) size ? -ENAMETOOLONG : 0;
}

/* mkdir -p; PATH is changed for the time of the call. */
static int make_directories(char *path) {
        for (char *p = path + 1;; p++) {
                char c = *p;
                int r;

                if (c != '/' && c != 0)
                        continue;
                *p = 0;
                r = mkdir(path, 0700) < 0 ? -errno : 0;
                if (r < 0 && access(path, F_OK) == 0) /* EEXIST, or EROFS and the like on what is there */
                        r = 0;
                *p = c;
                if (r < 0)
                        return r;
                if (c == 0)
                        return 0;
        }
}

static bool is_below(const char *path, const char *directory) {
        size_t n = strlen(directory);

        while (n > 0 && directory[n - 1] == '/')
                n--;
        return n > 0 && strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == 0);
}

/* The runtime directory goes with the last logout, and all of /run with the machine. */
static int refuse_runtime(const char *path, const char *advice, Failure *failure) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");

        if (!is_below(path, "/run") && !(runtime && runtime[0] == '/' && is_below(path, runtime)))
                return 0;
        return failure_set(failure, STATUS_FAILED, "Failed",
                           "%s is in the runtime directory, which goes with the last logout%s.", path,
                           advice);
}

static int check_directory(const char *path, Failure *failure) {
        struct stat st;

        if (stat(path, &st) < 0)
                return fail_folder(failure, errno, "use", path);
        if (st.st_uid != geteuid() || (st.st_mode & 022) != 0)
                return failure_set(failure, STATUS_FAILED, "Failed",
                                   "The log folder %s is not yours alone to write.", path);
        if (access(path, W_OK | X_OK) < 0)
                return fail_folder(failure, errno, "write to", path);
        return refuse_runtime(path, "", failure);
}

int logfile_directory(char ret[static PATH_MAX], Failure *failure) {
        char path[PATH_MAX - 64];
        int r;

        r = logfile_folder(path, sizeof(path));
        if (r == -ENOENT)
                return failure_set(failure, STATUS_FAILED, "Failed",
                                   "No home directory is known for the log.");
        if (r < 0)
                return fail_folder(failure, r, "use", path);
        r = make_directories(path);
        if (r < 0)
                return fail_folder(failure, r, "make", path);
        if (!realpath(path, ret))
                return fail_folder(failure, errno, "use", path);
        return check_directory(ret, failure);
}

void logfile_name(uint64_t id, unsigned n, char ret[static LOGFILE_NAME_MAX]) {
        if (n == 1)
                (void) snprintf(ret, LOGFILE_NAME_MAX, "job-%" PRIu64 ".log", id);
        else
                (void) snprintf(ret, LOGFILE_NAME_MAX, "job-%" PRIu64 "-%u.log", id, n);
}

/* The log of another job that had this number: it keeps its content under another name. */
static int move_aside(const char *directory, uint64_t id, const char *path) {
        char name[LOGFILE_NAME_MAX], aside[PATH_MAX];

        for (unsigned n = 2; n <= LOGFILE_SAME_MAX; n++) {
                logfile_name(id, n, name);
                if (snprintf(aside, sizeof(aside), "%s/%s", directory, name) >= (int) sizeof(aside))
                        return -ENAMETOOLONG;
                if (renameat2(AT_FDCWD, path, AT_FDCWD, aside, RENAME_NOREPLACE) == 0)
                        return 0;
                if (errno != EEXIST)
                        return -errno;
        }
        return -EEXIST;
}

int logfile_create(const char *directory, uint64_t id, char path[static PATH_MAX], int *ret_fd,
                   Failure *failure) {
        const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
        char name[LOGFILE_NAME_MAX];
        int fd;

        logfile_name(id, 1, name);
        if (snprintf(path, PATH_MAX, "%s/%s", directory, name) >= PATH_MAX)
                return failure_errno(failure, ENAMETOOLONG, "Cannot make the log");
        fd = open(path, flags, 0600);
        if (fd < 0 && errno == EEXIST && move_aside(directory, id, path) >= 0)
                fd = open(path, flags, 0600);
        if (fd < 0)
                return failure_errno(failure, errno, "Cannot make the log %s", path);
        *ret_fd = fd;
        return 0;
}

int logfile_absolute(const char *word, char ret[static PATH_MAX], Failure *failure) {
        const char *slash = strrchr(word, '/'), *name = slash ? slash + 1 : word;
        char folder[PATH_MAX];
        size_t n;

        if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strlen(word) >= sizeof(folder))
                return failure_set(failure, STATUS_USAGE, "InvalidArgument",
                                   "\"%s\" is no name of a log file; name a file, or \"null\" for none.",
                                   word);
        (void) snprintf(folder, sizeof(folder), "%.*s", slash ? (int) (slash - word) + 1 : 1,
                        slash ? word : ".");
        if (!realpath(folder, ret))
                return failure_errno(failure, errno, "Cannot use %s as log", word);
        n = strcmp(ret, "/") == 0 ? 0 : strlen(ret);
        if (n + 1 + strlen(name) >= PATH_MAX)
                return failure_errno(failure, ENAMETOOLONG, "Cannot use %s as log", word);
        (void) sprintf(ret + n, "/%s", name);
        return refuse_runtime(ret, "; name another file, or \"null\" for none", failure);
}

static int check_regular(int fd, const char *path, uid_t uid, Failure *failure) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return failure_errno(failure, errno, "Cannot open the log %s", path);
        if (!S_ISREG(st.st_mode) || st.st_uid != uid)
                return failure_set(failure, STATUS_FAILED, "Failed",
                                   "%s is not a regular file that belongs to the owner of the job; move it "
                                   "away, or name "
                                   "another with --log.",
                                   path);
        return 0;
}

/* O_NONBLOCK: opening a FIFO or a device must not wait. */
static int open_regular(const char *path, int flags, uid_t uid, int *ret_fd, Failure *failure) {
        _cleanup_close_ int fd = -1;
        int r;

        fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
        if (fd < 0 && errno == ELOOP)
                return failure_set(failure, STATUS_FAILED, "Failed",
                                   "%s is a link, which is not followed; name the file itself.", path);
        if (fd < 0)
                return failure_errno(failure, errno, "Cannot open the log %s", path);
        r = check_regular(fd, path, uid, failure);
        if (r != 0)
                return r;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int logfile_open(const char *path, int *ret_fd, Failure *failure) {
        return open_regular(path, O_RDWR | O_CREAT, geteuid(), ret_fd, failure);
}

int logfile_empty(const char *path, int fd, Failure *failure) {
        return ftruncate(fd, 0) < 0 ? failure_errno(failure, errno, "Cannot empty the log %s", path) : 0;
}

/* No link of /proc/PID (root, cwd, fd/N) on the way: it would lead root into the file systems of another
 * mount namespace, which its owner has made. glibc has no openat2(2). */
static int open_place(const char *path, int *ret_fd, Failure *failure) {
        const struct open_how how = {
                .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                .resolve = RESOLVE_NO_MAGICLINKS,
        };

        *ret_fd = (int) syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
        if (*ret_fd < 0 && errno == ELOOP)
                return failure_set(failure, STATUS_FAILED, "Failed",
                                   "The way to the log %s has a link of a process in it (/proc/PID/root and "
                                   "the like), or links in a circle, which are not followed.",
                                   path);
        return *ret_fd < 0 ? failure_errno(failure, errno, "Cannot open the log %s", path) : 0;
}

/* O_NONBLOCK: who has a lease on the file, see fcntl(2), must not be waited for. */
static int open_again(int place, const char *path, int *ret_fd, Failure *failure) {
        char name[sizeof("/proc/self/fd/") + 12];

        (void) snprintf(name, sizeof(name), "/proc/self/fd/%d", place);
        *ret_fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (*ret_fd < 0 && errno == EAGAIN)
                return failure_set(failure, STATUS_FAILED, "Failed",
                                   "A process has a lease on the log %s, and keeps it from being read; "
                                   "try again, or end that process.",
                                   path);
        return *ret_fd < 0 ? failure_errno(failure, errno, "Cannot open the log %s", path) : 0;
}

/* The path is the word of the job's owner, and the caller may be root: what is not his file must not even be
 * opened, since opening a device can have effects (a watchdog, a tape). */
int logfile_open_read(const char *path, uid_t uid, int *ret_fd, Failure *failure) {
        _cleanup_close_ int place = -1;
        int r;

        r = open_place(path, &place, failure);
        if (r == 0)
                r = check_regular(place, path, uid, failure);
        return r != 0 ? r : open_again(place, path, ret_fd, failure);
}
