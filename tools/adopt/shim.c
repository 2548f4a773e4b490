/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* shims/systemctl, first in the PATH of an adopted unit.
 *
 * A restart or a stop of the unit that the caller is inside of would end the caller; it becomes `cgmove
 * restart`, or a stop that waits for the caller's command. Everything else, and everything if cgmove
 * cannot or must not help, is the real systemctl's, which is executed in this process with all arguments,
 * descriptors and the environment as they are. So this is small, has nothing but libc linked in, and says
 * nothing itself. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/adopt/caller-unit.h"
#include "tools/adopt/real.h"
#include "tools/adopt/systemctl-command.h"
#include "tools/status.h"

#define CLIENT CGMOVE_LIBEXEC_DIR "/cgmove-client"
#define LIST_MAX (256 * 1024)

typedef struct Shim {
        int argc;
        char **argv;
        SystemctlPart *parts;
        SystemctlCommand command;
        char unit[UNIT_NAME_MAX + 1]; /* of the caller */
        RealProgram real;
} Shim;

/* There may be no /proc: in a chroot, or with RootDirectory=. */
static int stat_self(struct stat *ret) {
        const char *name = (const char *) getauxval(AT_EXECFN); /* NOLINT(performance-no-int-to-ptr): it gives one number or the other */

        if (stat("/proc/self/exe", ret) < 0 && (!name || stat(name, ret) < 0))
                return -errno;
        return 0;
}

/* Without knowing itself it might find itself in PATH, for ever. */
static int find_real(RealProgram *ret) {
        static const char *const fallbacks[] = { "/usr/bin/systemctl", "/bin/systemctl", NULL };
        struct stat self = { .st_ino = 0 };
        bool known = stat_self(&self) >= 0;

        return real_program_find("systemctl", known ? getenv("PATH") : NULL, &self, fallbacks, ret);
}

static int become(const RealProgram *real, char **argv) {
        int error;

        (void) execv(real->path, argv);
        error = errno;
        fprintf(stderr, "%s: %s\n", real->path, strerror(error));
        return error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_EXECUTE;
}

/* Runs ARGV with its standard output on OUTPUT (-1: ours) and, with one, its standard error nowhere.
 * Returns the exit status, or a negative errno. Our caller may have told us to ignore SIGCHLD, which
 * hides it. */
static int run(const char *path, char *const argv[], int output) {
        struct sigaction action = { .sa_handler = SIG_DFL }, old;
        posix_spawn_file_actions_t actions;
        int status = 0, r;
        pid_t pid;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        (void) sigaction(SIGCHLD, &action, &old);
        if (output >= 0) {
                r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
                if (r == 0)
                        r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY,
                                                             0);
        }
        if (r == 0)
                r = posix_spawn(&pid, path, &actions, NULL, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        while (r == 0 && waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        r = errno;
        (void) sigaction(SIGCHLD, &old, NULL);
        if (r != 0)
                return -r;
        return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_FAILED;
}

/* What the real systemctl writes when it is called so, the caller frees it; NULL if it fails. It goes to
 * a file in memory, so that whatever the size nobody waits for anybody. */
static char *ask_real(const Shim *shim, char *const argv[]) {
        _cleanup_close_ int fd = -1;
        char *text;
        ssize_t n;

        fd = memfd_create("systemctl", MFD_CLOEXEC);
        if (fd < 0 || run(shim->real.path, argv, fd) != 0)
                return NULL;
        text = malloc(LIST_MAX + 1);
        n = text ? pread(fd, text, LIST_MAX, 0) : -1;
        if (n < 0 || n == LIST_MAX) {
                free(text);
                return NULL;
        }
        text[n] = '\0';
        return text;
}

static char *scope_option(const Shim *shim) {
        return (char *) (shim->command.user ? "--user" : "--system");
}

/* --- which units -------------------------------------------------------------------------------------- */

static bool word_means_own_unit(const Shim *shim, const char *word) {
        char name[UNIT_NAME_MAX + 1];

        if (systemctl_word_means(word, shim->unit))
                return true;
        return systemctl_word_complete(word, name, sizeof(name)) &&
               caller_unit_has_alias(shim->command.user, shim->unit, name);
}

/* Adds what PATTERN means but our own unit to ARGV, as systemctl itself would expand it. The names are in
 * *TEXT, which is the caller's to keep. Returns how many, or -1. */
static int expand_pattern(const Shim *shim, char *pattern, char **argv, size_t room, char **text) {
        char *const list[] = { shim->argv[0],
                               scope_option(shim),
                               (char *) "list-units",
                               (char *) "--plain",
                               (char *) "--no-legend",
                               (char *) "--full",
                               (char *) "--no-pager",
                               shim->command.all ? (char *) "--all" : (char *) "--plain",
                               (char *) "--",
                               pattern,
                               NULL };
        char *rest, *line;
        int n = 0;

        rest = *text = ask_real(shim, list);
        if (!rest)
                return -1;
        while ((line = strsep(&rest, "\n"))) {
                line[strcspn(line, " ")] = '\0';
                if (!line[0] || strcmp(line, shim->unit) == 0)
                        continue;
                if ((size_t) n >= room)
                        return -1;
                argv[n++] = line;
        }
        return n;
}

#define EXPANDED_MAX 4096

/* The command line without our own unit: options, "--", verb, units. *RET_UNITS says how many units are
 * left. NULL if that cannot be told. It is used to the end of the process. */
static char **other_units(const Shim *shim, size_t *ret_units) {
        char **argv = calloc((size_t) shim->argc + EXPANDED_MAX + 2, sizeof(char *)), *text;
        size_t n = 0, first, room = EXPANDED_MAX;

        if (!argv)
                return NULL;
        for (int i = 0; i < shim->argc; i++)
                if (shim->parts[i] == SYSTEMCTL_PROGRAM || shim->parts[i] == SYSTEMCTL_OPTION)
                        argv[n++] = shim->argv[i];
        argv[n++] = (char *) "--";
        for (int i = 0; i < shim->argc; i++)
                if (shim->parts[i] == SYSTEMCTL_VERB)
                        argv[n++] = shim->argv[i];
        first = n;
        for (int i = 0; i < shim->argc; i++) {
                int k;

                if (shim->parts[i] != SYSTEMCTL_UNIT)
                        continue;
                if (!word_means_own_unit(shim, shim->argv[i])) {
                        argv[n++] = shim->argv[i];
                        continue;
                }
                if (!systemctl_word_is_pattern(shim->argv[i]))
                        continue;
                k = expand_pattern(shim, shim->argv[i], argv + n, room, &text);
                if (k < 0)
                        return NULL;
                n += (size_t) k;
                room -= (size_t) k;
        }
        *ret_units = n - first;
        return argv;
}

/* --- whether ------------------------------------------------------------------------------------------ */

static bool names_own_unit(const Shim *shim) {
        for (int i = 0; i < shim->argc; i++)
                if (shim->parts[i] == SYSTEMCTL_UNIT && word_means_own_unit(shim, shim->argv[i]))
                        return true;
        return false;
}

/* `systemctl --user` of another runtime folder than the usual one speaks to some other manager. */
static bool is_usual_manager(void) {
        const char *folder = getenv("XDG_RUNTIME_DIR");
        char usual[64];

        (void) snprintf(usual, sizeof(usual), "/run/user/%u", (unsigned) geteuid());
        return !folder || !folder[0] || strcmp(folder, usual) == 0;
}

/* A reload ends nobody, nor does what is on condition that the unit is active, if it is not. */
static bool condition_holds(const Shim *shim) {
        char *const show[] = { shim->argv[0],
                               scope_option(shim),
                               (char *) "show",
                               (char *) "--property=ActiveState",
                               (char *) "--property=CanReload",
                               (char *) "--",
                               (char *) shim->unit,
                               NULL };
        SystemctlAction action = shim->command.action;
        bool try = action == SYSTEMCTL_TRY_RESTART || action == SYSTEMCTL_TRY_RELOAD_OR_RESTART;
        bool reload = action == SYSTEMCTL_RELOAD_OR_RESTART || action == SYSTEMCTL_TRY_RELOAD_OR_RESTART;
        _cleanup_free_ char *text = NULL;

        if (!try && !reload)
                return true;
        text = ask_real(shim, show);
        if (!text || (reload && !strstr(text, "CanReload=no")))
                return false;
        return !try || strstr(text, "ActiveState=active") || strstr(text, "ActiveState=activating") ||
               strstr(text, "ActiveState=reloading");
}

static bool is_ours(Shim *shim) {
        SystemctlAction action = shim->command.action;
        bool user = shim->command.user;

        if (action == SYSTEMCTL_OTHER || (user && !is_usual_manager()))
                return false;
        /* the system manager lets only root stop a unit, and root's job may */
        if (!user && geteuid() != 0 && (action == SYSTEMCTL_STOP || action == SYSTEMCTL_START))
                return false;
        return caller_unit_get(user, shim->unit) == 0 && names_own_unit(shim) && condition_holds(shim);
}

/* `cgmove systemctl ...` says the one line and returns 0 if it has taken over, or STATUS_SAID if nobody can
 * do it; else it says nothing. */
static int take_over(const Shim *shim) {
        const char *verb = shim->command.action == SYSTEMCTL_STOP    ? "stop"
                           : shim->command.action == SYSTEMCTL_START ? "start"
                                                                     : "restart";
        char *argv[] = { (char *) "cgmove",
                         (char *) "systemctl",
                         (char *) verb,
                         scope_option(shim),
                         (char *) (shim->command.quiet ? "--quiet" : "--say"),
                         (char *) "--",
                         (char *) shim->unit,
                         NULL };

        return run(CLIENT, argv, -1);
}

int main(int argc, char **argv) {
        Shim shim = { .argc = argc, .argv = argv };
        size_t n_others = 0;
        char **others;
        int r;

        if (find_real(&shim.real) < 0) {
                fprintf(stderr, "%s: No systemctl found but that of cgmove.\n",
                        argc > 0 ? argv[0] : "systemctl");
                return STATUS_NOT_FOUND;
        }
        shim.parts = calloc((size_t) argc + 1, sizeof(SystemctlPart));
        if (shim.parts)
                systemctl_parse(argc, argv, getenv("POSIXLY_CORRECT") != NULL, &shim.command, shim.parts);
        if (!is_ours(&shim))
                return become(&shim.real, argv);

        others = other_units(&shim, &n_others);
        r = others ? take_over(&shim) : STATUS_FAILED;
        if (r != 0 && r != STATUS_SAID)
                return become(&shim.real, argv);
        if (r == 0)
                return n_others > 0 ? become(&shim.real, others) : 0;
        if (n_others > 0)
                (void) run(shim.real.path, others, -1);
        return STATUS_FAILED;
}
