/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Has something happen between what a process was told and what it does then:
 *
 *     hold-send PID WORD COMMAND...
 *
 * says "ready" when it is watching, and runs COMMAND as soon as PID is about to send a message with WORD in it, which stands
 * still meanwhile. Ends with 0 when COMMAND has, and lets PID go on. */

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#define SYSCALL_STOP (SIGTRAP | 0x80)
#define PARTS_MAX 64
#define PART_MAX 1024

static void die(const char *what) {
        fprintf(stderr, "hold-send: %s: %s\n", what, strerror(errno));
        exit(1);
}

static size_t read_memory(pid_t pid, uint64_t address, void *to, size_t size) {
        struct iovec here = { to, size }, there = { (void *) (uintptr_t) address, size };
        ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);

        return n < 0 ? 0 : (size_t) n;
}

static int parts_have(pid_t pid, uint64_t address, size_t n, const char *word) {
        struct iovec parts[PARTS_MAX];
        char text[PART_MAX];

        n = n < PARTS_MAX ? n : PARTS_MAX;
        if (read_memory(pid, address, parts, n * sizeof(*parts)) != n * sizeof(*parts))
                return 0;
        for (size_t i = 0; i < n; i++) {
                size_t size = parts[i].iov_len < PART_MAX ? parts[i].iov_len : PART_MAX;

                size = read_memory(pid, (uintptr_t) parts[i].iov_base, text, size);
                if (memmem(text, size, word, strlen(word)))
                        return 1;
        }
        return 0;
}

/* Whether PID has just entered a call that sends WORD. */
static int sends(pid_t pid, const char *word) {
        struct __ptrace_syscall_info info;
        struct msghdr message;

        if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *) sizeof(info), &info) < 0)
                die("ptrace");
        if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
                return 0;
        if (info.entry.nr == SYS_writev)
                return parts_have(pid, info.entry.args[1], info.entry.args[2], word);
        return info.entry.nr == SYS_sendmsg &&
               read_memory(pid, info.entry.args[1], &message, sizeof(message)) == sizeof(message) &&
               parts_have(pid, (uintptr_t) message.msg_iov, message.msg_iovlen, word);
}

static void run(char **command) {
        pid_t child = fork();
        int status;

        if (child == 0) {
                (void) execvp(command[0], command);
                _exit(127);
        }
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
                die(command[0]);
}

int main(int argc, char **argv) {
        pid_t pid = argc > 3 ? atoi(argv[1]) : 0;
        int status, sig = 0;

        if (pid <= 0) {
                fprintf(stderr, "Usage: hold-send PID WORD COMMAND...\n");
                return 2;
        }
        if (ptrace(PTRACE_SEIZE, pid, NULL, (void *) PTRACE_O_TRACESYSGOOD) < 0 ||
            ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || waitpid(pid, &status, __WALL) != pid)
                die("ptrace");
        puts("ready");
        (void) fflush(stdout);

        do {
                if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *) (intptr_t) sig) < 0)
                        die("ptrace");
                if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
                        die("the process has ended");
                /* its own signals are its own */
                sig = WSTOPSIG(status) == SYSCALL_STOP || status >> 16 != 0 ? 0 : WSTOPSIG(status);
        } while (WSTOPSIG(status) != SYSCALL_STOP || !sends(pid, argv[2]));

        run(argv + 3);
        return ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0;
}
