/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PID reuse around moves, as often as wanted (threats 1 and 22).
 *
 *     pid-reuse --source GROUP --home GROUP [--own GROUP] [--kind KIND] [--hold WHERE PID] [--rounds N]
 *               [--targets N] [--spread USEC] [--contend N] [--wrap] [--parent GROUP [--all]] [--roam GROUP]
 *
 * As root, in the initial PID namespace of the machine: in each round a client of user 1000 asks the daemon to
 * move some processes of his in GROUP (below /sys/fs/cgroup), and around the move each of them is killed, reaped,
 * and its number taken by a stranger of KIND (see reuse-spawn.h), whose parent is in the group of --home.
 *
 * Without --hold that happens at a moment between 0 and USEC after the call is sent. With it the daemon PID is held:
 *   write   when the first number is about to be written: the stranger gets into the job for sure
 *   after   when the first number has been written: the stranger is not in the job
 *   twice   as in "write", and once more when that stranger is about to be sent away (not for adopted ones)
 *   later   as in "write" for the last number, with targets in ice before it
 *   back    the last as in "later", all others when they are about to be sent back
 *   list    the last as in "later", all others when the members of the job have been read, to be sent back
 * --wrap takes the numbers as anybody can: by forks until the kernel's counter has come round.
 *
 * --parent: strangers are in --home, by CLONE_INTO_CGROUP, but their parent is in GROUP, and with --all the leader of their process
 * group as well. --roam: the parent goes back and forth between both groups all the time.
 *
 * Afterwards each stranger must be in his own group, or have come into quarantine because that cannot be known, and must
 * run. Prints "name=value" for each thing counted, and ends with 1 if a stranger has come to harm. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/security/reuse-client.h"
#include "tests/security/reuse-hold.h"
#include "tests/security/reuse-spawn.h"

#define OTHER 1001
#define TARGETS_MAX CLIENT_TARGETS_MAX
#define PATIENCE 10000 /* ms */

typedef enum HoldAt {
        HOLD_NOT,
        HOLD_WRITE,
        HOLD_AFTER,
        HOLD_TWICE,
        HOLD_LATER,
        HOLD_BACK,
        HOLD_LIST
} HoldAt;

typedef struct Options {
        const char *source, *home, *own, *parent, *roam;
        StrangerKind kind;
        HoldAt hold;
        pid_t daemon;
        int rounds, targets, spread, contend;
        bool wrap, all;
} Options;

typedef struct Counts {
        unsigned long reuses, missed, answers[N_ANSWERS];
        unsigned long home, quarantined, killed, displaced, frozen;
} Counts;

typedef struct Round {
        const Options *options;
        Counts *counts;
        Doors of_targets, doors;
        int source_fd;
        int strangers_fd; /* the group that strangers are made in, if not in their parent's */
        int client;       /* takes numbers, gives an Answer */
        atomic_int *sent; /* by the client: the call is on its way */
        pid_t targets[TARGETS_MAX], strangers[TARGETS_MAX];
        pid_t numbers[TARGETS_MAX]; /* that the targets had */
        int n, n_strangers;
        bool failing; /* the move has begun to fail */
        bool twice;   /* HOLD_TWICE: it has been done */
} Round;

/* --- places ------------------------------------------------------------------------------------------------------------ */

static int open_group(const char *group) {
        char path[PATH_MAX];
        int fd;

        (void) snprintf(path, sizeof(path), "/sys/fs/cgroup%s", group);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                die(path);
        return fd;
}

static void go_home(const char *group) {
        int fd = openat(open_group(group), "cgroup.procs", O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, "0", 1) != 1)
                die(group);
        (void) close(fd);
}

/* The cgroup of PID, "" if it has none any more. */
static void read_place(pid_t pid, char *ret, size_t size) {
        char path[64], line[PATH_MAX];
        FILE *file;

        ret[0] = '\0';
        (void) snprintf(path, sizeof(path), "/proc/%d/cgroup", (int) pid);
        file = fopen(path, "re");
        while (file && fgets(line, sizeof(line), file))
                if (strncmp(line, "0::", 3) == 0) {
                        line[strcspn(line, "\n")] = '\0';
                        (void) snprintf(ret, size, "%s", line + 3);
                }
        if (file)
                (void) fclose(file);
}

/* --- a round ------------------------------------------------------------------------------------------------------------ */

static const char *expected_place(const Options *options) {
        return options->kind == STRANGER_OWN ? options->own : options->home;
}

static void end_target(pid_t pid) {
        if (kill(pid, SIGKILL) < 0 || waitpid(pid, NULL, 0) != pid)
                die("the end of a target");
}

static void take_number(Round *round, pid_t number) {
        pid_t pid = spawn_stranger(&round->doors, round->options->kind, round->strangers_fd,
                                   round->options->wrap ? 0 : number, CLIENT_UID);

        /* who is held up is himself by now: the same user from his first instruction on */
        if (pid > 0 && round->options->hold != HOLD_NOT)
                (void) doors_take(round->doors.ready[0], 1, PATIENCE);
        if (pid > 0)
                round->strangers[round->n_strangers++] = pid;
        /* which of them it is, forks alone cannot choose */
        for (int i = 0; round->options->wrap && i < round->n; i++)
                if (pid == round->numbers[i])
                        number = pid;
        if (pid == number)
                round->counts->reuses++;
        else
                round->counts->missed++;
}

static void replace(Round *round, int i) {
        pid_t number = round->targets[i];

        round->targets[i] = 0;
        end_target(number);
        take_number(round, number);
}

static void replace_all(Round *round) {
        if (!round->options->wrap) {
                for (int i = 0; i < round->n; i++)
                        replace(round, i);
                return;
        }
        for (int i = 0; i < round->n; i++) {
                end_target(round->targets[i]);
                round->targets[i] = 0;
        }
        for (int i = 0; i < round->n; i++)
                take_number(round, 0);
}

static void begin_targets(Round *round) {
        const Options *options = round->options;

        round->n = options->targets;
        round->n_strangers = 0;
        round->failing = round->twice = false;
        for (int i = 0; i < round->n; i++) {
                round->targets[i] = spawn(&round->of_targets, round->source_fd, 0, CLIENT_UID);
                if (round->targets[i] < 0)
                        die("spawn");
        }
        memcpy(round->numbers, round->targets, sizeof(round->numbers));
        if (doors_take(round->of_targets.ready[0], round->n, PATIENCE) != round->n)
                die("targets");
        if (options->wrap)
                advance_numbers(round->targets[0]);
}

static int find_target(const Round *round, pid_t number) {
        for (int i = 0; i < round->n; i++)
                if (number > 0 && round->targets[i] == number)
                        return i;
        return -1;
}

static void replace_rest(Round *round) {
        for (int i = 0; i < round->n - 1; i++)
                if (round->targets[i] > 0)
                        replace(round, i);
}

static void replace_stranger(Round *round) {
        pid_t number = round->strangers[0];

        end_target(number);
        round->n_strangers = 0;
        take_number(round, number);
        round->twice = true; /* he is let go */
}

static void on_hold(HoldPoint point, pid_t number, const char *path, void *userdata) {
        Round *round = userdata;
        HoldAt at = round->options->hold;
        int i = find_target(round, number);
        bool last = i == round->n - 1, before = point == HOLD_BEFORE_WRITE;

        if (round->failing) {
                if (at == HOLD_TWICE && before && !round->twice && round->n_strangers > 0 &&
                    round->strangers[0] == number)
                        replace_stranger(round);
                if (at == HOLD_LIST && point == HOLD_AFTER_LIST)
                        replace_rest(round);
                else if (at == HOLD_BACK && before && i >= 0)
                        replace(round, i);
                return;
        }
        if (i < 0)
                return;
        if (((at == HOLD_WRITE || at == HOLD_TWICE) && i == 0 && before) ||
            (at == HOLD_AFTER && i == 0 && !before) || (at >= HOLD_LATER && last && before)) {
                replace(round, i);
                round->failing = true;
        }
}

static void wait_moment(const Round *round) {
        struct timespec start, now;
        long delay = round->options->spread > 0 ? random() % round->options->spread : 0;

        while (!atomic_load(round->sent))
                (void) sched_yield();
        (void) clock_gettime(CLOCK_MONOTONIC, &start);
        do
                (void) clock_gettime(CLOCK_MONOTONIC, &now);
        while ((now.tv_sec - start.tv_sec) * 1000000 + (now.tv_nsec - start.tv_nsec) / 1000 < delay);
}

/* The owner's own is his only when he has taken his user; until then his parent's user is his as well. */
static bool is_home(const Options *options, const char *place) {
        return strcmp(place, expected_place(options)) == 0 ||
               (options->kind == STRANGER_OWN && strcmp(place, options->home) == 0);
}

/* What of the owner's own has come into a job may be ended. */
static bool is_ended(const Round *round, pid_t pid) {
        struct timespec moment = { .tv_nsec = 1000000 };
        siginfo_t info = {};

        if (round->options->kind != STRANGER_OWN)
                return false;
        for (int i = 0; i < PATIENCE && info.si_pid == 0; i++) {
                if (waitid(P_PID, (id_t) pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
                        die("waitid");
                (void) nanosleep(&moment, NULL);
        }
        return info.si_pid == pid;
}

static void check_stranger(Round *round, pid_t pid) {
        Counts *counts = round->counts;
        char place[PATH_MAX];
        size_t length;

        read_place(pid, place, sizeof(place));
        if (!is_home(round->options, place) && is_ended(round, pid))
                return;
        length = strlen(place);
        if (is_home(round->options, place))
                counts->home++;
        else if (length > 11 && strcmp(place + length - 11, "/quarantine") == 0)
                counts->quarantined++;
        else if (place[0]) {
                fprintf(stderr, "stranger %d is in %s\n", (int) pid, place);
                counts->displaced++;
        }
}

/* Each says so when he runs. Whoever does not was killed or is frozen. */
static void end_strangers(Round *round) {
        Counts *counts = round->counts;
        int n = round->n_strangers, silent, dead = 0, status;

        for (int i = 0; i < n; i++)
                check_stranger(round, round->strangers[i]);
        for (int i = 0; i < n; i++)
                if (!stranger_kind_is_adopted(round->options->kind) &&
                    waitpid(round->strangers[i], &status, WNOHANG) == round->strangers[i]) {
                        round->strangers[i] = 0;
                        dead++;
                }
        doors_give(round->doors.gate[1], n - dead);
        silent = n - dead - doors_take(round->doors.done[0], n - dead, PATIENCE);
        counts->killed += (unsigned long) dead;
        counts->frozen += (unsigned long) silent;
        (void) doors_take(round->doors.ready[0], INT_MAX, 0);
        for (int i = 0; i < n && silent == 0; i++)
                if (!stranger_kind_is_adopted(round->options->kind) && round->strangers[i] > 0)
                        (void) waitpid(round->strangers[i], NULL, 0);
}

static void run_round(Round *round) {
        const Options *options = round->options;
        Answer answer;

        begin_targets(round);
        atomic_store(round->sent, 0);
        if (send(round->client, round->targets, sizeof(pid_t) * (size_t) round->n, 0) < 0)
                die("send");
        if (options->hold != HOLD_NOT)
                hold_run(options->daemon, round->client, on_hold, round);
        else {
                wait_moment(round);
                replace_all(round);
        }
        if (recv(round->client, &answer, sizeof(answer), 0) != sizeof(answer))
                die("recv");
        round->counts->answers[answer]++;

        end_strangers(round);
        for (int i = 0; i < round->n; i++)
                if (round->targets[i] > 0)
                        end_target(round->targets[i]);
}

/* --- the whole ---------------------------------------------------------------------------------------------------------- */

static HoldAt hold_from_string(const char *text) {
        static const char *const names[] = { "no", "write", "after", "twice", "later", "back", "list" };

        for (int i = 0; i <= HOLD_LIST; i++)
                if (strcmp(text, names[i]) == 0)
                        return (HoldAt) i;
        die("--hold");
}

static void read_options(char **argv, Options *options) {
        *options = (Options){ .rounds = 100, .targets = 1 };
        for (char **p = argv + 1; *p; p++) {
                if (strcmp(*p, "--wrap") == 0)
                        options->wrap = true;
                else if (strcmp(*p, "--all") == 0)
                        options->all = true;
                else if (!p[1])
                        die(*p);
                else if (strcmp(*p, "--source") == 0)
                        options->source = *++p;
                else if (strcmp(*p, "--home") == 0)
                        options->home = *++p;
                else if (strcmp(*p, "--own") == 0)
                        options->own = *++p;
                else if (strcmp(*p, "--parent") == 0)
                        options->parent = *++p;
                else if (strcmp(*p, "--roam") == 0)
                        options->roam = *++p;
                else if (strcmp(*p, "--kind") == 0)
                        options->kind = (StrangerKind) stranger_kind_from_string(*++p);
                else if (strcmp(*p, "--hold") == 0 && p[2]) {
                        options->hold = hold_from_string(*++p);
                        options->daemon = (pid_t) atoi(*++p);
                } else if (strcmp(*p, "--rounds") == 0)
                        options->rounds = atoi(*++p);
                else if (strcmp(*p, "--targets") == 0)
                        options->targets = atoi(*++p);
                else if (strcmp(*p, "--spread") == 0)
                        options->spread = atoi(*++p);
                else if (strcmp(*p, "--contend") == 0)
                        options->contend = atoi(*++p);
                else
                        die(*p);
        }
        if (!options->source || !options->home || (options->kind == STRANGER_OWN && !options->own) ||
            (int) options->kind < 0 || options->targets < 1 || options->targets > TARGETS_MAX) {
                errno = EINVAL;
                die("usage: see the source");
        }
}

/* A process that sends PID back and forth. */
static void let_roam(pid_t pid, const char *home, const char *other) {
        char text[16];
        int fds[2] = { openat(open_group(home), "cgroup.procs", O_WRONLY | O_CLOEXEC),
                       openat(open_group(other), "cgroup.procs", O_WRONLY | O_CLOEXEC) };
        int n = snprintf(text, sizeof(text), "%d", (int) pid);
        pid_t mover = fork();

        if (mover < 0 || fds[0] < 0 || fds[1] < 0)
                die("roam");
        if (mover > 0)
                return;
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (unsigned i = 0;; i++) {
                if (write(fds[i % 2], text, (size_t) n) != n)
                        _exit(3);
                (void) usleep(50);
        }
}

/* The leader of the process group stays at home, and waits for the one who does it all. */
static void leave_leader(void) {
        pid_t pid = fork();
        int status;

        if (pid < 0)
                die("fork");
        if (pid == 0)
                return;
        exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 3);
}

static void take_places(Round *round) {
        const Options *options = round->options;

        go_home(options->parent && options->all ? options->parent : options->home);
        if (setsid() < 0 && setpgid(0, 0) < 0)
                die("setsid");
        if ((options->parent && !options->all) || options->roam)
                leave_leader();
        if (options->parent && !options->all)
                go_home(options->parent);
        if (options->roam)
                let_roam(getpid(), options->home, options->roam);

        round->strangers_fd = SPAWN_GROUP_NONE;
        if (options->kind == STRANGER_OWN)
                round->strangers_fd = open_group(options->own);
        else if (options->parent || options->roam)
                round->strangers_fd = open_group(options->home);
}

static void set_up(Round *round) {
        const Options *options = round->options;

        if (geteuid() != 0)
                die("needs root");
        take_places(round);
        contend(options->contend);
        round->source_fd = open_group(options->source);
        round->client = client_begin(&round->sent);
        doors_init(&round->of_targets);
        doors_init(&round->doors); /* which nobody else is to hold open */

        if (options->kind == STRANGER_SUBREAPER && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                die("prctl");
        if (options->kind != STRANGER_ROOT)
                become_powerful(OTHER);
        if (options->hold != HOLD_NOT)
                hold_begin(options->daemon);
}

int main(int argc, char **argv) {
        Counts counts = {};
        Options options;
        Round round = { .options = &options, .counts = &counts };
        bool harmed;

        (void) argc;
        read_options(argv, &options);
        set_up(&round);
        for (int i = 0; i < options.rounds; i++)
                run_round(&round);
        if (options.hold != HOLD_NOT)
                hold_end(options.daemon);

        printf("moves=%d reuses=%lu missed=%lu moved=%lu gone=%lu refused=%lu home=%lu quarantined=%lu "
               "killed=%lu "
               "displaced=%lu frozen=%lu\n",
               options.rounds, counts.reuses, counts.missed, counts.answers[ANSWER_MOVED],
               counts.answers[ANSWER_GONE], counts.answers[ANSWER_REFUSED], counts.home, counts.quarantined,
               counts.killed, counts.displaced, counts.frozen);
        harmed = counts.displaced > 0 || counts.frozen > 0 ||
                 (counts.killed > 0 && options.kind != STRANGER_OWN);
        return harmed ? 1 : 0;
}
