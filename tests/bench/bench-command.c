/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs whole commands in turn, so that whatever else the machine does hits them alike, and prints what each
 * took:
 *
 *     bench-command ROUNDS NAME=COMMAND...
 *
 * Each COMMAND is split at spaces and run without a shell, its output on /dev/null. */

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/samples.h"

#define COMMANDS_MAX 16
#define ARGUMENTS_MAX 32

typedef struct Command {
        char *argv[ARGUMENTS_MAX];
        Samples samples;
} Command;

static void parse(char *text, Command *ret) {
        char *equals = strchr(text, '='), *save = NULL;
        size_t n = 0;

        if (!equals) {
                fprintf(stderr, "bench-command: \"%s\" is not NAME=COMMAND\n", text);
                exit(2);
        }
        *equals = '\0';
        ret->samples.name = text;
        for (char *word = strtok_r(equals + 1, " ", &save); word && n < ARGUMENTS_MAX - 1;
             word = strtok_r(NULL, " ", &save))
                ret->argv[n++] = word;
}

static void run(Command *command, const posix_spawn_file_actions_t *actions) {
        double start = now_usec();
        int status, r;
        pid_t pid;

        r = posix_spawnp(&pid, command->argv[0], actions, NULL, command->argv, environ);
        if (r != 0 || waitpid(pid, &status, 0) != pid || status != 0) {
                fprintf(stderr, "bench-command: %s failed (%s, status %d)\n", command->samples.name, strerror(r),
                        r == 0 ? status : -1);
                exit(1);
        }
        samples_add(&command->samples, now_usec() - start);
}

int main(int argc, char **argv) {
        static Command commands[COMMANDS_MAX];
        posix_spawn_file_actions_t actions;
        int n = argc - 2, rounds;

        if (argc < 3 || n > COMMANDS_MAX) {
                fprintf(stderr, "Usage: bench-command ROUNDS NAME=COMMAND...\n");
                return 2;
        }
        rounds = atoi(argv[1]);
        for (int i = 0; i < n; i++)
                parse(argv[i + 2], &commands[i]);

        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        (void) posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        for (int round = 0; round < rounds; round++)
                for (int i = 0; i < n; i++)
                        run(&commands[i], &actions);
        for (int i = 0; i < n; i++)
                samples_print(&commands[i].samples);
        return 0;
}
