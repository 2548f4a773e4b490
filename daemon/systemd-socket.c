/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/systemd-socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/proc.h"
#include "lib/source.h"

/* The socket of a user's manager lies in a folder of the user's, who may have put anything there: it must be
 * the user's own process, in the group of the manager, that answers. The exact path is asked for: below its
 * own units a user can make groups of any name. */
static int check_peer(const Kernel *kernel, uid_t uid, int fd) {
        _cleanup_free_ char *group = NULL;
        struct ucred peer;
        socklen_t size = sizeof(peer);
        char expected[128];
        bool deleted;
        int r;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        if (peer.uid != (uid == UID_NONE ? 0 : uid))
                return -EPERM;
        if (uid == UID_NONE)
                return 0;

        r = proc_get_cgroup(kernel->proc_fd, peer.pid, &group, &deleted);
        if (r < 0)
                return r;
        (void) snprintf(expected, sizeof(expected), "/user.slice/user-%u.slice/user@%u.service/init.scope",
                        uid, uid);
        return deleted || strcmp(group, expected) != 0 ? -EPERM : 0;
}

/* --- the way to a user's socket --------------------------------------------------------------------------- */

/* A user can mount a file system of his own (FUSE) onto his runtime directory or any folder in it, one that
 * never answers. Whoever asks it for a name waits, and cannot be woken. So nothing is asked that is not known
 * to be the kernel's own: a folder is opened with O_PATH, which asks the file system that it lies in and not
 * the one that is mounted there, and its mount is looked at in /proc before a name is looked up in it. That
 * is what RESOLVE_NO_XDEV of openat2(2) is for, which the daemon's sandbox takes away; and fstatfs(2), which
 * tells the kind of a file system, asks it. */

static int open_path(int dir_fd, const char *name, int flags, int *ret) {
        int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC | flags);

        if (fd < 0)
                return -errno;
        *ret = fd;
        return 0;
}

static int get_mount(const Kernel *kernel, int fd, unsigned *ret) {
        _cleanup_close_ int file = -1;
        char name[16], text[512];
        const char *line;
        ssize_t n;

        (void) snprintf(name, sizeof(name), "%d", fd);
        file = openat(kernel->fdinfo_fd, name, O_RDONLY | O_CLOEXEC);
        if (file < 0)
                return -errno;
        n = read(file, text, sizeof(text) - 1);
        if (n < 0)
                return -errno;
        text[n] = '\0';
        line = strstr(text, "mnt_id:");
        return line && sscanf(line, "mnt_id: %u", ret) == 1 ? 0 : -EBADMSG;
}

/* "ID PARENT DEVICE ROOT POINT OPTIONS... - TYPE SOURCE OPTIONS" of proc_pid_mountinfo(5), where a space in a
 * name is written as \040. The kernel bounds how many there are, and only root makes many. */
static int mount_is_tmpfs(const Kernel *kernel, unsigned mount) {
        _cleanup_fclose_ FILE *file = NULL;
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        fd = openat(kernel->fdinfo_fd, "../mountinfo", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        file = fdopen(fd, "r");
        if (!file)
                return -errno;
        TAKE_FD(fd);

        while (getline(&line, &size, file) > 0) {
                const char *type = strstr(line, " - ");

                if (type && strtoul(line, NULL, 10) == mount)
                        return strncmp(type, " - tmpfs ", 9) == 0;
        }
        return ferror(file) ? -EIO : 0;
}

/* The runtime directory of UID: logind's tmpfs, or a plain folder where it could not mount one. */
static int open_runtime_dir(const Kernel *kernel, uid_t uid, int *ret, unsigned *ret_mount) {
        _cleanup_close_ int parent = -1, fd = -1;
        unsigned above, mount;
        char name[16];
        int r;

        (void) snprintf(name, sizeof(name), "%u", uid);
        r = open_path(AT_FDCWD, "/run/user", O_DIRECTORY, &parent); /* root's */
        if (r >= 0)
                r = open_path(parent, name, O_DIRECTORY, &fd);
        if (r >= 0)
                r = get_mount(kernel, parent, &above);
        if (r >= 0)
                r = get_mount(kernel, fd, &mount);
        if (r < 0)
                return r;
        r = mount == above ? 1 : mount_is_tmpfs(kernel, mount);
        if (r <= 0)
                return r < 0 ? r : -EPERM;

        *ret = TAKE_FD(fd);
        *ret_mount = mount;
        return 0;
}

/* Opens NAME in DIR_FD if it is in the same MOUNT. */
static int open_in_mount(const Kernel *kernel, int dir_fd, const char *name, int flags, unsigned mount, int *ret) {
        _cleanup_close_ int fd = -1;
        unsigned found;
        int r;

        r = open_path(dir_fd, name, flags, &fd);
        if (r >= 0)
                r = get_mount(kernel, fd, &found);
        if (r < 0)
                return r;
        if (found != mount)
                return -EPERM;
        *ret = TAKE_FD(fd);
        return 0;
}

static int connect_to(int fd, const struct sockaddr_un *address) {
        return connect(fd, (const struct sockaddr *) address, sizeof(*address)) < 0 ? -errno : 0;
}

static int connect_to_user(const Kernel *kernel, uid_t uid, int fd) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int runtime = -1, folder = -1, node = -1;
        unsigned mount;
        int r;

        r = open_runtime_dir(kernel, uid, &runtime, &mount);
        if (r >= 0)
                r = open_in_mount(kernel, runtime, "systemd", O_DIRECTORY, mount, &folder);
        if (r >= 0)
                r = open_in_mount(kernel, folder, "private", 0, mount, &node);
        if (r < 0)
                return r;

        /* the very socket that was looked at; connect(2) follows no link that a user could have put there */
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", node);
        return connect_to(fd, &address);
}

int systemd_socket_open(const Kernel *kernel, uid_t uid, int *ret) {
        static const struct sockaddr_un system = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/private" };
        _cleanup_close_ int fd = -1;
        int r;

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        r = uid == UID_NONE ? connect_to(fd, &system) : connect_to_user(kernel, uid, fd);
        if (r >= 0)
                r = check_peer(kernel, uid, fd);
        if (r < 0)
                return r;
        *ret = TAKE_FD(fd);
        return 0;
}
