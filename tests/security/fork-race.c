/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Moves of trees that do not hold still (threat 13).
 *
 *     fork-race KIND ROUNDS GROUP OTHER [--freeze]
 *
 * As root: in each round the root of a tree of KIND (see race-tree.c) is started as user 1000 in GROUP, and soon moved by `cgmove move
 * --tree` of that user. Then either all processes of the tree are in one job, or none is in any. --freeze: their owner freezes and
 * thaws OTHER all the time. Prints "name=value" for what is counted; ends with 1 if a tree was torn apart. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/protocol.h"
#include "tests/security/race-tree.h"

#define OWNER 1000
#define TASKS_MAX 12000 /* of the user, whose processes in other containers count as well */
#define HEAD_START 12000 /* microseconds, at most */

typedef struct Counts {
        unsigned long moved, busy, refused, torn, strange, largest;
} Counts;

static void die(const char *what) {
        fprintf(stderr, "fork-race: %s: %s\n", what, strerror(errno));
        exit(3);
}

static void write_group(const char *group, const char *attribute, const char *text) {
        char path[PATH_MAX];
        int fd;

        (void) snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", group, attribute);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                die(path);
        (void) close(fd);
}

static void become_owner(void) {
        if (setgroups(0, NULL) < 0 || setresgid(OWNER, OWNER, OWNER) < 0 ||
            setresuid(OWNER, OWNER, OWNER) < 0)
                die("setresuid");
}

/* Without a pids controller nothing else would keep a tree from taking the whole machine when that is slow to end
 * processes. */
static void bound_tasks(void) {
        struct rlimit limit = { TASKS_MAX, TASKS_MAX };

        if (setrlimit(RLIMIT_NPROC, &limit) < 0)
                die("setrlimit");
}

/* Returns when it has executed itself anew, where and as whom it is to be. */
static pid_t begin_tree(const char *kind, const char *group, const char *other) {
        int executed[2];
        pid_t pid = -1;
        char c;

        if (pipe2(executed, O_CLOEXEC) < 0 || (pid = fork()) < 0)
                die("fork");
        if (pid == 0) {
                write_group(group, "cgroup.procs", "0");
                bound_tasks();
                become_owner();
                execl(race_program(), RACE_NAME, "--again", kind, other, NULL);
                _exit(3);
        }
        (void) close(executed[1]);
        if (read(executed[0], &c, 1) != 0)
                die("read");
        (void) close(executed[0]);
        return pid;
}

static pid_t begin_freezer(const char *group) {
        pid_t pid = fork();

        if (pid < 0)
                die("fork");
        if (pid > 0)
                return pid;
        (void) prctl(PR_SET_NAME, "fork-freezer");
        become_owner();
        for (;;) {
                write_group(group, "cgroup.freeze", "1");
                (void) usleep((useconds_t) (random() % 3000));
                write_group(group, "cgroup.freeze", "0");
                (void) usleep((useconds_t) (random() % 3000));
        }
}

/* Runs the command as the owner; its words are in RET. */
static int move_tree(pid_t pid, char *ret, size_t size) {
        char number[16];
        int said[2], status;
        ssize_t n, sum = 0;
        pid_t client = -1;

        (void) snprintf(number, sizeof(number), "%d", (int) pid);
        if (pipe2(said, O_CLOEXEC) < 0 || (client = fork()) < 0)
                die("client");
        if (client == 0) {
                become_owner();
                (void) dup2(said[1], STDOUT_FILENO);
                (void) dup2(said[1], STDERR_FILENO);
                execl("/usr/bin/cgmove", "cgmove", "move", "--tree", number, NULL);
                _exit(127);
        }
        (void) close(said[1]);
        while ((size_t) sum < size - 1 && (n = read(said[0], ret + sum, size - 1 - (size_t) sum)) > 0)
                sum += n;
        ret[sum] = '\0';
        (void) close(said[0]);
        if (waitpid(client, &status, 0) != client || !WIFEXITED(status))
                die("the client's end");
        return WEXITSTATUS(status);
}

static bool read_line(const char *pid, const char *name, const char *prefix, char *ret, size_t size) {
        char path[300], line[PATH_MAX];
        bool found = false;
        FILE *file;

        (void) snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
        file = fopen(path, "re");
        while (file && !found && fgets(line, sizeof(line), file)) {
                found = strncmp(line, prefix, strlen(prefix)) == 0;
                line[strcspn(line, "\n")] = '\0';
                (void) snprintf(ret, size, "%s", line + (found ? strlen(prefix) : 0));
        }
        if (file)
                (void) fclose(file);
        return found;
}

/* How many of the tree are in jobs, and how many are not. The dead are nowhere. */
static void count_places(unsigned long *ret_inside, unsigned long *ret_outside) {
        DIR *dir = opendir("/proc");
        struct dirent *entry;
        char text[PATH_MAX];

        *ret_inside = *ret_outside = 0;
        while (dir && (entry = readdir(dir))) {
                if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
                    !read_line(entry->d_name, "status", "Name:\t", text, sizeof(text)) ||
                    strcmp(text, RACE_NAME) != 0 ||
                    !read_line(entry->d_name, "status", "Uid:\t1000", text, sizeof(text)) ||
                    (read_line(entry->d_name, "status", "State:\t", text, sizeof(text)) && text[0] == 'Z') ||
                    !read_line(entry->d_name, "cgroup", "0::", text, sizeof(text)))
                        continue;
                if (strstr(text, "/job-"))
                        (*ret_inside)++;
                else
                        (*ret_outside)++;
        }
        if (dir)
                (void) closedir(dir);
}

static void kill_jobs(void) {
        static const char pool[] =
                        "/user.slice/user-cgmove.slice/user-cgmove-1000.slice/cgmove@1000.service";
        char path[PATH_MAX];
        struct dirent *entry;
        DIR *dir;

        (void) snprintf(path, sizeof(path), "/sys/fs/cgroup%s", pool);
        dir = opendir(path);
        while (dir && (entry = readdir(dir)))
                if (strncmp(entry->d_name, "job-", 4) == 0) {
                        int fd;

                        (void) snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s/cgroup.kill", pool,
                                        entry->d_name);
                        fd = open(path, O_WRONLY | O_CLOEXEC);
                        if (fd < 0)
                                continue; /* it has gone, and so it may below */
                        if (write(fd, "1", 1) < 0 && errno != ENODEV && errno != ENOENT)
                                die(path);
                        (void) close(fd);
                }
        if (dir)
                (void) closedir(dir);
}

static void run_round(char **argv, Counts *counts) {
        unsigned long inside, outside;
        char said[1024];
        pid_t pid = begin_tree(argv[1], argv[3], argv[4]);
        int status;

        (void) usleep((useconds_t) (2000 + random() % HEAD_START));
        status = move_tree(pid, said, sizeof(said));
        count_places(&inside, &outside);

        if (status == 0 && outside == 0 && inside > 0)
                counts->moved++;
        else if (status != 0 && inside == 0 && outside > 0) {
                if (status == 75)
                        counts->busy++;
                /* a process whose other thread executes a program is a zombie for a moment, and looks as if it had ended */
                else if (strstr(said, "frozen") || strstr(said, "Frozen") || strstr(said, "has ended"))
                        counts->refused++;
                else {
                        counts->strange++;
                        fprintf(stderr, "status %d: %s\n", status, said);
                }
        } else {
                counts->torn++;
                fprintf(stderr, "status %d, %lu in jobs, %lu outside: %s\n", status, inside, outside, said);
        }
        if (inside + outside > counts->largest)
                counts->largest = inside + outside;

        for (int i = 0; i < 1000 && inside + outside > 0; i++) {
                write_group(argv[3], "cgroup.kill", "1");
                write_group(argv[4], "cgroup.kill", "1");
                kill_jobs();
                (void) usleep(1000);
                count_places(&inside, &outside);
        }
        if (inside + outside > 0)
                die("the end of a tree");
        (void) waitpid(pid, NULL, 0);
}

int main(int argc, char **argv) {
        Counts counts = {};
        pid_t freezer = 0;
        int rounds;

        if (argc == 2 && strcmp(argv[1], "--live") == 0)
                return usleep(3000);
        if (argc == 4 && strcmp(argv[1], "--again") == 0) {
                race_tree_run(argv[2], argv[3]);
                return 3;
        }
        if (argc < 5) {
                fprintf(stderr, "Usage: fork-race KIND ROUNDS GROUP OTHER [--freeze]\n");
                return 2;
        }

        if (argc == 6)
                freezer = begin_freezer(argv[4]);
        rounds = atoi(argv[2]);
        for (int i = 0; i < rounds; i++)
                run_round(argv, &counts);
        if (freezer > 0 && (kill(freezer, SIGKILL) < 0 || waitpid(freezer, NULL, 0) != freezer))
                die("freezer");
        if (freezer > 0)
                write_group(argv[4], "cgroup.freeze", "0");
        printf("moved=%lu busy=%lu refused=%lu torn=%lu strange=%lu largest=%lu\n", counts.moved,
               counts.busy, counts.refused, counts.torn, counts.strange, counts.largest);
        return counts.torn > 0 || counts.strange > 0 ? 1 : 0;
}
