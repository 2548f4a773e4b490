/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What could a daemon do that is taken over? Run in the sandbox of a unit in the place of its program,
 * this tries it all, each attempt in a process of its own:
 *
 *   unit-probe calls ERRNO   every system call by number, with arguments that make no sense. ERRNO is what
 *                            the unit's filter answers: all other calls have been let through, but for
 *                            those that do not exist (ENOSYS). A line "let NAME" for each
 *   unit-probe attacks       what an attacker would do. A line "worked NAME" or "refused NAME: REASON" for
 *                            each
 *   unit-probe abort         ends by abort()
 *
 * The last line, "attempts N", says how many there were. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/pidfd.h"
#include "tests/security/syscall-names.h" /* made from <sys/syscall.h>: NAME, NUMBER */

#define CALLS_MAX 600       /* beyond the last number of any architecture */
#define PATIENCE 300        /* milliseconds: a call that blocks has been let through */
#define STATUS_PATIENCE 255 /* in the place of an errno */

/* An attempt returns 0 if it worked, else the errno. */
typedef int (*attempt_t)(const void *argument);

static unsigned n_attempts;
static int patience = PATIENCE;

/* In a child: what it returns, or STATUS_PATIENCE if it was killed, by itself or by us, or has become
 * another program. The filter has no wait(): the child says it through a pipe, and is not waited for
 * (SIGCHLD is ignored). */
static int attempt(attempt_t function, const void *argument) {
        int ends[2], pidfd, result = STATUS_PATIENCE;
        struct pollfd wait = { .events = POLLIN };
        pid_t child;

        n_attempts++;
        (void) fflush(stdout);
        if (pipe2(ends, O_CLOEXEC) < 0 || (child = fork()) < 0)
                exit(EXIT_FAILURE);
        if (child == 0) {
                result = function(argument);
                (void) !write(ends[1], &result, sizeof(result));
                _exit(0);
        }
        (void) close(ends[1]);
        pidfd = pidfd_open_process(child);
        if (pidfd >= 0) { /* it has not ended yet */
                wait.fd = pidfd;
                (void) poll(&wait, 1, patience);
                (void) pidfd_kill(pidfd, SIGKILL);
                (void) close(pidfd);
        }
        if (read(ends[0], &result, sizeof(result)) != sizeof(result))
                result = STATUS_PATIENCE;
        (void) close(ends[0]);
        return result;
}

/* --- every system call -------------------------------------------------------------------------------- */

static int call(const void *argument) {
        long number = *(const long *) argument;
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        (void) dup2(null, STDOUT_FILENO);
        (void) dup2(null, STDERR_FILENO);
        (void) close(null);
        /* -1 is no descriptor, no address, no user, and as flags far too many */
        return syscall(number, -1L, -1L, -1L, -1L, -1L, -1L) < 0 ? errno : 0;
}

static const char *call_name(long number) {
        for (size_t i = 0; i < ELEMENTSOF(syscall_names); i++)
                if (syscall_names[i].number == number)
                        return syscall_names[i].name;
        return NULL;
}

static void try_calls(int answer) {
        for (long number = 0; number < CALLS_MAX; number++) {
                const char *name = call_name(number);

                int result = attempt(call, &number);

                if (result == STATUS_PATIENCE) { /* or the machine was busy */
                        patience = 10 * PATIENCE;
                        result = attempt(call, &number);
                        patience = PATIENCE;
                }
                if (result == answer || result == ENOSYS)
                        continue;
                if (name)
                        printf("let %s\n", name);
                else
                        printf("let number-%ld\n", number);
        }
}

/* --- attacks ------------------------------------------------------------------------------------------ */

static int done(long result) {
        return result < 0 ? errno : 0;
}

static int see(const void *path) {
        _cleanup_closedir_ DIR *folder = opendir(path);
        const struct dirent *entry;

        while (folder && (entry = readdir(folder)))
                if (entry->d_name[0] != '.')
                        return 0;
        return folder ? ENOENT : errno;
}

static int read_file(const void *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        char byte;

        return fd < 0 ? errno : done(read(fd, &byte, 1));
}

static int open_to_write(const void *path) {
        return done(open(path, O_WRONLY | O_CLOEXEC));
}

static int open_memory(const void *path) {
        return done(open(path, O_RDWR | O_CLOEXEC));
}

static int create_in(const void *folder) {
        char path[256];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/unit-probe", (const char *) folder);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return errno;
        (void) unlinkat(AT_FDCWD, path, 0); /* the filter has no unlink() */
        return 0;
}

static int make_group(const void *path) {
        int r = done(mkdirat(AT_FDCWD, path, 0755));

        (void) unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
        return r;
}

/* The program that is executed says so itself, in the file of the standard output. */
static int execute(const void *argument) {
        const char *const *words = argument;
        char *argv[] = { (char *) words[0], (char *) words[1], (char *) words[2], (char *) words[3], NULL };

        (void) execv(words[0], argv);
        return errno;
}

static int execute_from_memory(const void *argument) {
        return done(syscall(SYS_memfd_create, "probe", 0));
}

static int set_user_id_file(const void *argument) {
        return done(open("/var/lib/cgmove/unit-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 04755));
}

static int set_group_id_folder(const void *argument) {
        return done(mkdirat(AT_FDCWD, "/var/lib/cgmove/unit-probe-folder", 02777));
}

static int make_set_user_id(const void *argument) {
        return done(chmod("/usr/lib/cgmove-unit-probe", 04755));
}

static int connect_to(const void *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        size_t length = strlen(path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        memcpy(address.sun_path, path, length);
        if (address.sun_path[0] == '@')
                address.sun_path[0] = '\0';
        return done(connect(fd, (struct sockaddr *) &address,
                            (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length)));
}

static int make_socket(const void *argument) {
        const int *kind = argument;

        return done(socket(kind[0], kind[1] | SOCK_CLOEXEC, 0));
}

static int unshare_flag(const void *flag) {
        return done(unshare(*(const int *) flag));
}

static int clone_flag(const void *flag) {
        long child = syscall(SYS_clone, *(const int *) flag | SIGCHLD, 0, 0, 0, 0);

        if (child == 0)
                _exit(0);
        return done(child);
}

static int enter_namespace(const void *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        return fd < 0 ? errno : done(setns(fd, 0));
}

static int mount_tmpfs(const void *argument) {
        return done(mount("tmpfs", "/tmp", "tmpfs", 0, NULL));
}

static int remount_root(const void *argument) {
        return done(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
}

static int unmount_home(const void *argument) {
        return done(umount2("/home", MNT_DETACH));
}

static int change_root(const void *argument) {
        return done(chroot("/proc/1/root"));
}

static int trace_pid_1(const void *argument) {
        return done(ptrace(PTRACE_SEIZE, 1, NULL, NULL));
}

static int write_to_pid_1(const void *argument) {
        char byte = 0;
        struct iovec from = { &byte, 0 }, to = { &byte, 0 };

        return done(process_vm_writev(1, &from, 1, &to, 1, 0));
}

static int take_descriptor_of_pid_1(const void *argument) {
        return done(syscall(SYS_pidfd_getfd, pidfd_open_process(1), 0, 0));
}

static int become_user(const void *argument) {
        return done(setresuid(1000, 1000, 1000));
}

static int become_group(const void *argument) {
        return done(setgroups(0, NULL));
}

/* ARGUMENT: a capability. Into the effective set, and from there the ambient one. */
static int raise_capability(const void *argument) {
        unsigned long capability = *(const unsigned *) argument;
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = { { 0 } };

        data[capability / 32].effective = data[capability / 32].permitted =
                        data[capability / 32].inheritable = 1U << (capability % 32);
        if (syscall(SYS_capset, &header, data) == 0)
                return 0;
        return done(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0));
}

static int writable_code(const void *argument) {
        return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                                               MAP_FAILED
                               ? errno
                               : 0;
}

static int code_that_was_written(const void *argument) {
        void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return done(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int set_clock(const void *argument) {
        struct timespec now;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        return done(syscall(SYS_clock_settime, CLOCK_REALTIME, &now));
}

static int set_host_name(const void *argument) {
        return done(sethostname("probe", 5));
}

static int load_program(const void *argument) {
        union bpf_attr attr = {
                .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
        };

        return done(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int be_realtime(const void *argument) {
        const struct sched_param parameter = { .sched_priority = 1 };

        return done(sched_setscheduler(0, SCHED_FIFO, &parameter));
}

static int add_key(const void *argument) {
        return done(syscall(SYS_add_key, "user", "probe", "x", 1L, -5L));
}

static int request_ring(const void *argument) {
        return done(syscall(SYS_io_uring_setup, 1, argument));
}

/* The ways of another architecture into the same kernel. */
#ifdef __x86_64__
static int call_x32(const void *argument) {
        return done(syscall(0x40000000 + SYS_getpid));
}

static int call_i386(const void *argument) {
        long result = 20; /* getpid() */

        __asm__ volatile("int $0x80" : "+a"(result)::"memory");
        return result < 0 ? (int) -result : 0;
}
#endif

typedef struct Attack {
        const char *name;
        attempt_t function;
        const void *argument;
} Attack;

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define LOADER "/lib64/ld-linux-x86-64.so.2"
#define NUMBER(n) ((const int[]){ n })

static const Attack attacks[] = {
        { "see /home", see, "/home" },
        { "see /root", see, "/root" },
        { "see /srv", see, "/srv" },
        { "see /var/log", see, "/var/log" },
        { "read /etc/shadow", read_file, "/etc/shadow" },
        { "read the private file in /tmp", read_file, "/tmp/unit-probe-secret" },
        { "write /etc/passwd", open_to_write, "/etc/passwd" },
        { "write /usr/libexec/cgmove/cgmoved", open_to_write, "/usr/libexec/cgmove/cgmoved" },
        { "write /etc/cgmove/cgmove.conf", open_to_write, "/etc/cgmove/cgmove.conf" },
        { "write /proc/sys/kernel/core_pattern", open_to_write, "/proc/sys/kernel/core_pattern" },
        { "write /proc/sysrq-trigger", open_to_write, "/proc/sysrq-trigger" },
        { "write /sys/kernel/uevent_helper", open_to_write, "/sys/kernel/uevent_helper" },
        { "write /proc/1/oom_score_adj", open_to_write, "/proc/1/oom_score_adj" },
        { "write /proc/1/mem", open_memory, "/proc/1/mem" },
        { "write /dev/mem", open_to_write, "/dev/mem" },
        { "write /dev/sda", open_to_write, "/dev/sda" },
        { "write /dev/vda", open_to_write, "/dev/vda" },
        { "write /dev/kmsg", open_to_write, "/dev/kmsg" },
        { "create in /etc", create_in, "/etc" },
        { "create in /etc/cgmove/policy.d", create_in, "/etc/cgmove/policy.d" },
        { "create in /usr", create_in, "/usr/lib" },
        { "create in /boot", create_in, "/boot" },
        { "create in /opt", create_in, "/opt" },
        { "create in /root", create_in, "/root" },
        { "create in /home", create_in, "/home" },
        { "create in /var", create_in, "/var" },
        { "create in /var/lib", create_in, "/var/lib" },
        { "create in /run", create_in, "/run" },
        { "create in /run/systemd/system", create_in, "/run/systemd/system" },
        { "create in /run/user/1000", create_in, "/run/user/1000" },
        { "create in /dev", create_in, "/dev" },
        { "create in /dev/shm", create_in, "/dev/shm" },
        { "create in /sys", create_in, "/sys" },
        { "create in /tmp", create_in, "/tmp" },
        { "create in /run/cgmove", create_in, "/run/cgmove" },
        { "create in /var/lib/cgmove", create_in, "/var/lib/cgmove" },
        { "make a control group", make_group, "/sys/fs/cgroup/unit-probe" },
        { "execute itself", execute, WORDS("/usr/lib/cgmove-unit-probe", NULL, NULL) },
        { "execute /bin/sh", execute, WORDS("/bin/sh", "-c", "echo worked a shell") },
        { "execute /usr/bin/echo by the loader", execute,
          WORDS(LOADER, "/usr/bin/echo", "worked another program") },
        { "execute from memory", execute_from_memory, NULL },
        { "make a set-user-id file", set_user_id_file, NULL },
        { "make a set-group-id folder", set_group_id_folder, NULL },
        { "make itself set-user-id", make_set_user_id, NULL },
        { "connect to PID 1", connect_to, "/run/systemd/private" },
        { "connect to the system bus", connect_to, "/run/dbus/system_bus_socket" },
        { "connect to alice's manager", connect_to, "/run/user/1000/systemd/private" },
        { "connect to an abstract socket", connect_to, "@unit-probe-abstract" },
        { "unshare mounts", unshare_flag, NUMBER(CLONE_NEWNS) },
        { "unshare users", unshare_flag, NUMBER(CLONE_NEWUSER) },
        { "unshare network", unshare_flag, NUMBER(CLONE_NEWNET) },
        { "unshare cgroups", unshare_flag, NUMBER(CLONE_NEWCGROUP) },
        { "clone users", clone_flag, NUMBER(CLONE_NEWUSER) },
        { "clone mounts", clone_flag, NUMBER(CLONE_NEWNS) },
        { "clone PIDs", clone_flag, NUMBER(CLONE_NEWPID) },
        { "enter the mounts of PID 1", enter_namespace, "/proc/1/ns/mnt" },
        { "enter the network of PID 1", enter_namespace, "/proc/1/ns/net" },
        { "mount", mount_tmpfs, NULL },
        { "remount /", remount_root, NULL },
        { "unmount /home", unmount_home, NULL },
        { "change root", change_root, NULL },
        { "trace PID 1", trace_pid_1, NULL },
        { "process_vm_writev to PID 1", write_to_pid_1, NULL },
        { "take a descriptor of PID 1", take_descriptor_of_pid_1, NULL },
        { "become a user", become_user, NULL },
        { "drop groups", become_group, NULL },
        { "writable code", writable_code, NULL },
        { "code that was written", code_that_was_written, NULL },
        { "set the clock", set_clock, NULL },
        { "set the host's name", set_host_name, NULL },
        { "make a BPF map", load_program, NULL },
        { "be realtime", be_realtime, NULL },
        { "add a key", add_key, NULL },
        { "make an io_uring", request_ring, NULL },
#ifdef __x86_64__
        { "call as x32", call_x32, NULL },
        { "call as i386", call_i386, NULL },
#endif
};

static void tell(const char *name, int result) {
        if (result == 0)
                printf("worked %s\n", name);
        else
                printf("refused %s: %s\n", name, result == STATUS_PATIENCE ? "killed" : strerror(result));
}

static void try_sockets(void) {
        static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET };

        for (int family = 0; family <= AF_MAX; family++)
                for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                        const int kind[] = { family, types[i] };
                        char name[64];

                        (void) snprintf(name, sizeof(name), "socket of family %d, type %d", family,
                                        types[i]);
                        tell(name, attempt(make_socket, kind));
                }
}

static void try_capabilities(void) {
        for (unsigned i = 0; i <= CAP_LAST_CAP; i++) {
                char name[32];

                (void) snprintf(name, sizeof(name), "raise capability %u", i);
                tell(name, attempt(raise_capability, &i));
        }
}

static void try_attacks(void) {
        for (size_t i = 0; i < ELEMENTSOF(attacks); i++)
                tell(attacks[i].name, attempt(attacks[i].function, attacks[i].argument));
        try_sockets();
        try_capabilities();
}

int main(int argc, char **argv) {
        if (argc < 2) /* "execute itself" */
                return puts("worked its own program") < 0;
        (void) signal(SIGCHLD, SIG_IGN);
        if (strcmp(argv[1], "abort") == 0)
                abort();
        else if (strcmp(argv[1], "calls") == 0 && argc == 3)
                try_calls(atoi(argv[2]));
        else if (strcmp(argv[1], "attacks") == 0)
                try_attacks();
        else
                return EXIT_FAILURE;
        printf("attempts %u\n", n_attempts);
        return EXIT_SUCCESS;
}
