/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/net/port-holder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/proc.h"
#include "lib/source.h"
#include "tools/net/cgroup-id.h"

#define GROUPS_MAX 256 /* cgroups that are looked for by their id */

typedef struct InodeEntry {
        uint64_t inode;
        size_t socket; /* index in the list of sockets */
        pid_t seen_in; /* the last process it was found in: one entry, however many descriptors it has */
} InodeEntry;

typedef struct Join {
        int proc_fd;
        const TcpSocketList *sockets;
        InodeEntry *inodes; /* sorted; sockets that no process has are not in it */
        size_t n_inodes;
        PortHolderList *list;
} Join;

void port_holder_list_done(PortHolderList *list) {
        free(list->items);
        *list = (PortHolderList){ .items = NULL };
}

static int list_add(PortHolderList *list, const TcpSocket *socket, pid_t pid) {
        PortHolder *items;

        if (list->n >= PORT_HOLDERS_MAX)
                return -E2BIG;
        if ((list->n & (list->n - 1)) == 0) { /* full at each power of two, and at 0 */
                items = reallocarray(list->items, list->n > 0 ? list->n * 2 : 1, sizeof(*items));
                if (!items)
                        return -ENOMEM;
                list->items = items;
        }
        list->items[list->n++] = (PortHolder){ .socket = *socket, .pid = pid };
        return 0;
}

static int compare_inodes(const void *a, const void *b) {
        const InodeEntry *x = a, *y = b;

        return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static int index_inodes(const TcpSocketList *sockets, InodeEntry **ret, size_t *ret_n) {
        InodeEntry *inodes;
        size_t n = 0;

        inodes = calloc(sockets->n + 1, sizeof(*inodes));
        if (!inodes)
                return -ENOMEM;
        for (size_t i = 0; i < sockets->n; i++)
                if (sockets->items[i].inode != 0)
                        inodes[n++] = (InodeEntry){ .inode = sockets->items[i].inode, .socket = i };
        qsort(inodes, n, sizeof(*inodes), compare_inodes);
        *ret = inodes;
        *ret_n = n;
        return 0;
}

/* "socket:[123]", what a descriptor's link says. */
static bool inode_from_link(const char *link, uint64_t *ret) {
        static const char prefix[] = "socket:[";
        const char *p = link + sizeof(prefix) - 1;
        uint64_t inode = 0;

        if (strncmp(link, prefix, sizeof(prefix) - 1) != 0 || *p == ']')
                return false;
        for (; *p >= '0' && *p <= '9'; p++)
                if (__builtin_mul_overflow(inode, 10, &inode) ||
                    __builtin_add_overflow(inode, (uint64_t) (*p - '0'), &inode))
                        return false;
        if (strcmp(p, "]") != 0)
                return false;
        *ret = inode;
        return true;
}

static InodeEntry *find_inode(const Join *join, uint64_t inode) {
        InodeEntry key = { .inode = inode };

        return bsearch(&key, join->inodes, join->n_inodes, sizeof(key), compare_inodes);
}

/* Reads one descriptor's link: 1 if it is one of the sockets, 0 if not, -errno if it cannot be read. */
static int read_link(const Join *join, int fds, const char *name, InodeEntry **ret) {
        char link[64];
        uint64_t inode;
        ssize_t n;

        n = readlinkat(fds, name, link, sizeof(link));
        if (n < 0)
                return -errno;
        if ((size_t) n >= sizeof(link))
                return 0;
        link[n] = '\0';
        if (!inode_from_link(link, &inode))
                return 0;
        *ret = find_inode(join, inode);
        return *ret ? 1 : 0;
}

static void describe_place(PortHolder *holder, const char *path) {
        _cleanup_free_ char *word = NULL;
        Source source;

        if (strlen(path) < sizeof(holder->cgroup))
                strcpy(holder->cgroup, path);
        source_from_cgroup_path(path, &source);
        if (source_to_string(&source, &word) == 0)
                (void) snprintf(holder->source, sizeof(holder->source), "%s", word);
}

/* Who the process is. It may end at any time: what cannot be read stays empty. */
static void describe_process(int proc_fd, PortHolder *holder) {
        _cleanup_free_ char *comm = NULL, *path = NULL;
        ProcStat stat;
        bool deleted;

        if (proc_get_stat(proc_fd, holder->pid, &stat) == 0)
                holder->starttime = stat.starttime;
        if (proc_get_comm(proc_fd, holder->pid, &comm) == 0)
                (void) snprintf(holder->comm, sizeof(holder->comm), "%s", comm);
        if (proc_get_cgroup(proc_fd, holder->pid, &path, &deleted) == 0)
                describe_place(holder, path);
}

/* The first of the entries with ENTRY's inode: the kernel's numbers may wrap, so there may be two. */
static InodeEntry *first_of_inode(const Join *join, InodeEntry *entry) {
        while (entry > join->inodes && entry[-1].inode == entry->inode)
                entry--;
        return entry;
}

static bool is_of_inode(const Join *join, const InodeEntry *entry, uint64_t inode) {
        return entry < join->inodes + join->n_inodes && entry->inode == inode;
}

static int add_process(Join *join, InodeEntry *found, pid_t pid) {
        uint64_t inode = found->inode;

        for (InodeEntry *entry = first_of_inode(join, found); is_of_inode(join, entry, inode); entry++) {
                int r;

                if (entry->seen_in == pid)
                        continue;
                r = list_add(join->list, &join->sockets->items[entry->socket], pid);
                if (r < 0)
                        return r;
                entry->seen_in = pid;
        }
        return 0;
}

/* The folder of descriptors belongs to the one process it was opened of. If that is still there after it was
 * described by its number, the number has meant no other process meanwhile; else what was found is dropped.
 */
static void describe_found(Join *join, int fds, size_t first) {
        PortHolder described;

        if (join->list->n == first)
                return;
        described = join->list->items[first];
        describe_process(join->proc_fd, &described);
        if (faccessat(fds, "../comm", F_OK, 0) < 0) {
                join->list->n = first;
                return;
        }
        for (size_t i = first; i < join->list->n; i++) {
                described.socket = join->list->items[i].socket;
                join->list->items[i] = described;
        }
}

static int scan_descriptors(Join *join, DIR *dir, pid_t pid) {
        size_t first = join->list->n;
        struct dirent *entry;

        while ((entry = readdir(dir))) {
                InodeEntry *found = NULL;
                int r;

                if (entry->d_name[0] == '.')
                        continue;
                r = read_link(join, dirfd(dir), entry->d_name, &found);
                if (r == -EACCES || r == -EPERM)
                        break; /* none of the others can be read either */
                if (r > 0)
                        r = add_process(join, found, pid);
                if (r == -ENOMEM || r == -E2BIG)
                        return r;
        }
        describe_found(join, dirfd(dir), first);
        return 0;
}

static int scan_process(pid_t pid, void *userdata) {
        _cleanup_closedir_ DIR *dir = NULL;
        Join *join = userdata;
        char path[32];
        int fd, r;

        (void) snprintf(path, sizeof(path), "%d/fd", (int) pid);
        fd = openat(join->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return 0; /* not ours to look into, or gone */
        dir = fdopendir(fd);
        if (!dir) { /* it looks at the descriptor, which fails for a process that has ended */
                r = errno == ENOMEM ? -ENOMEM : 0;
                (void) close(fd);
                return r;
        }
        return scan_descriptors(join, dir, pid);
}

static void mark_held(const Join *join, bool *held) {
        for (size_t i = 0; i < join->list->n; i++) {
                uint64_t inode = join->list->items[i].socket.inode;
                InodeEntry *entry = find_inode(join, inode);

                if (!entry)
                        continue;
                for (entry = first_of_inode(join, entry); is_of_inode(join, entry, inode); entry++)
                        held[entry->socket] = true;
        }
}

/* Whether a socket that is nobody's any more is one more of those on its port in its state; notes it in
 * TOLD, the states of each port. */
static bool is_repeated(const TcpSocket *socket, uint32_t *told) {
        uint32_t state = TCP_STATE(socket->state & 31);

        if (socket->inode != 0)
                return false;
        if (told[socket->port] & state)
                return true;
        told[socket->port] |= state;
        return false;
}

/* An entry with PID 0 for each socket of which no process was found. */
static int add_rest(Join *join) {
        _cleanup_free_ uint32_t *told = NULL;
        _cleanup_free_ bool *held = NULL;

        held = calloc(join->sockets->n + 1, sizeof(*held));
        told = calloc(UINT16_MAX + 1, sizeof(*told));
        if (!held || !told)
                return -ENOMEM;
        mark_held(join, held);
        for (size_t i = 0; i < join->sockets->n; i++) {
                const TcpSocket *socket = &join->sockets->items[i];
                int r;

                if (held[i] || is_repeated(socket, told))
                        continue;
                r = list_add(join->list, socket, 0);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- the cgroups of sockets without a visible process --------------------------------------------- */

static int compare_ids(const void *a, const void *b) {
        const CgroupId *x = a, *y = b;

        return x->id < y->id ? -1 : x->id > y->id;
}

static CgroupId *find_id(CgroupId *groups, size_t n, uint64_t id) {
        CgroupId key;

        key.id = id;
        return bsearch(&key, groups, n, sizeof(*groups), compare_ids);
}

static bool needs_group(const PortHolder *holder) {
        return holder->pid == 0 && holder->socket.cgroup != 0;
}

/* The different groups, sorted by id; no more than some. */
static size_t collect_groups(const PortHolderList *list, CgroupId groups[static GROUPS_MAX]) {
        size_t n = 0;

        for (size_t i = 0; i < list->n && n < GROUPS_MAX; i++) {
                const PortHolder *holder = &list->items[i];

                if (!needs_group(holder) || find_id(groups, n, holder->socket.cgroup))
                        continue;
                groups[n++].id = holder->socket.cgroup;
                qsort(groups, n, sizeof(*groups), compare_ids);
        }
        return n;
}

static int describe_groups(int cgroup_fd, PortHolderList *list) {
        _cleanup_free_ CgroupId *groups = NULL;
        size_t n;
        int r;

        groups = calloc(GROUPS_MAX, sizeof(*groups));
        if (!groups)
                return -ENOMEM;
        n = collect_groups(list, groups);
        r = n > 0 ? cgroup_ids_find(cgroup_fd, groups, n) : 0;
        for (size_t i = 0; r == 0 && i < list->n; i++) {
                CgroupId *group = NULL;

                if (needs_group(&list->items[i]))
                        group = find_id(groups, n, list->items[i].socket.cgroup);
                if (group && group->path[0])
                        describe_place(&list->items[i], group->path);
        }
        return r;
}

/* --- all together --------------------------------------------------------------------------------- */

int port_holders_join(int proc_fd, int cgroup_fd, const TcpSocketList *sockets, PortHolderList *ret) {
        _cleanup_(port_holder_list_done) PortHolderList list = { .items = NULL };
        Join join = { .proc_fd = proc_fd, .sockets = sockets, .list = &list };
        _cleanup_free_ InodeEntry *inodes = NULL;
        int r;

        r = index_inodes(sockets, &inodes, &join.n_inodes);
        if (r < 0)
                return r;
        join.inodes = inodes;
        if (join.n_inodes > 0)
                r = proc_each(proc_fd, scan_process, &join);
        if (r >= 0)
                r = add_rest(&join);
        if (r >= 0 && cgroup_fd >= 0)
                r = describe_groups(cgroup_fd, &list);
        if (r < 0)
                return r;
        *ret = list;
        list = (PortHolderList){ .items = NULL };
        return 0;
}

int port_holders_get_if(int proc_fd, uint32_t states, uint16_t port, tcp_socket_filter_t filter,
                        const void *userdata, PortHolderList *ret) {
        _cleanup_(tcp_socket_list_done) TcpSocketList sockets = { .items = NULL };
        _cleanup_close_ int cgroup_fd = -1;
        int r;

        r = socket_diag_get_if(states, port, filter, userdata, &sockets);
        if (r < 0)
                return r;
        cgroup_fd = cgroup_root_open();
        return port_holders_join(proc_fd, cgroup_fd, &sockets, ret);
}

static bool is_of_user(const TcpSocket *socket, const void *userdata) {
        return socket->uid == *(const uid_t *) userdata;
}

int port_holders_get_of(int proc_fd, uint32_t states, uint16_t port, uid_t uid, PortHolderList *ret) {
        return port_holders_get_if(proc_fd, states, port, uid == UID_NONE ? NULL : is_of_user, &uid, ret);
}

int port_holders_get(int proc_fd, uint32_t states, uint16_t port, PortHolderList *ret) {
        return port_holders_get_if(proc_fd, states, port, NULL, NULL, ret);
}

typedef struct TwoUsers {
        uid_t uid, other;
} TwoUsers;

static bool is_of_either(const TcpSocket *socket, const void *userdata) {
        const TwoUsers *users = userdata;

        return socket->uid == users->uid || socket->uid == users->other;
}

int port_holders_get_or_of(int proc_fd, uint32_t states, uid_t uid, pid_t pid, PortHolderList *ret) {
        TwoUsers users = { .uid = uid, .other = uid };
        ProcStatus status;
        int r;

        r = port_holders_get(proc_fd, states, 0, ret);
        if (r != -E2BIG)
                return r;
        if (pid > 0 && proc_get_status(proc_fd, pid, &status) >= 0)
                users.other = status.uid[1];
        return port_holders_get_if(proc_fd, states, 0, is_of_either, &users, ret);
}

int port_holders_find(int proc_fd, uint32_t states, uint16_t port, PortHolderList *ret) {
        _cleanup_close_ int cgroup_fd = -1;
        TcpSocket socket;
        const TcpSocketList sockets = { .items = &socket, .n = 1 };
        int r;

        r = socket_diag_find(states, port, &socket);
        if (r <= 0)
                return r;
        cgroup_fd = cgroup_root_open();
        return port_holders_join(proc_fd, cgroup_fd, &sockets, ret);
}
