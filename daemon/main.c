/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "config.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/own-socket.h"
#include "lib/policy-file.h"
#include "lib/protocol.h"

#define EXIT_USAGE 2
#define LARGE_BUFFER (192 * 1024) /* above what is read of a file of /proc at most */

static int check_policy(void) {
        PolicyProblem problem = {};
        Policy *policy = NULL;
        Settings settings;
        int r;

        r = policy_files_load(CGMOVE_CONF_DIR, POLICY_TRUST_ROOT, &settings, &policy, &problem);
        if (r < 0)
                fprintf(stderr, "cgmoved: %s\n", problem.text ? problem.text : strerror(-r));
        policy_free(policy);
        policy_problem_clear(&problem);
        return r;
}

static void help(void) {
        printf("Usage: cgmoved [OPTION]\n\n"
               "Moves users' processes between cgroups as far as the policy lets them.\n"
               "Started by cgmoved.socket or cgmoved.service; with tree = \"direct\", by whatever there is.\n\n"
               "      --check-policy  read the installed policy, say what is wrong with it, and end\n"
               "  -h, --help          show this help and end\n"
               "  -V, --version       show the version and end\n\n"
               "See cgmoved(8).\n");
}

/* Returns 0 to run, 1 to end well, or a negative errno: -EINVAL for a wrong command line. */
static int parse_arguments(int argc, char **argv) {
        static const struct option options[] = {
                { "check-policy", no_argument, NULL, 'c' },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'V' },
                {},
        };
        int option;

        while ((option = getopt_long(argc, argv, "hV", options, NULL)) >= 0)
                switch (option) {
                case 'c':
                        return check_policy() < 0 ? -EBADMSG : 1;
                case 'h':
                        help();
                        return 1;
                case 'V':
                        printf("cgmoved %s\n", PACKAGE_VERSION);
                        return 1;
                default:
                        return -EINVAL;
                }
        if (optind < argc) {
                fprintf(stderr, "cgmoved: it takes no arguments; try \"cgmoved --help\".\n");
                return -EINVAL;
        }
        return 0;
}

/* Where PID 1 is not systemd: the socket, and what the units provide for otherwise. */
static int make_socket(int *ret_fd) {
        PolicyProblem problem = {};
        Settings settings;
        int r;

        r = policy_files_load_settings(CGMOVE_CONF_DIR, POLICY_TRUST_ROOT, &settings, &problem);
        if (r < 0)
                fprintf(stderr, "cgmoved: %s\n", problem.text ? problem.text : strerror(-r));
        policy_problem_clear(&problem);
        if (r < 0 || settings.tree != TREE_DIRECT) {
                fprintf(stderr, "cgmoved: no socket was passed to it; start it with \"systemctl start cgmoved.socket\", or "
                                "where PID 1 is not systemd, set tree = \"direct\" (see cgmove.conf(5)).\n");
                return -ENOTCONN;
        }

        if (mkdir(CGMOVE_STATE_DIR, 0700) < 0 && errno != EEXIST)
                r = -errno;
        if (r >= 0)
                r = own_socket_open(CGMOVE_RUN_DIR, "private", ret_fd);
        (void) umask(0077);
        if (r == -EADDRINUSE)
                fprintf(stderr, "cgmoved: another one listens at %s already.\n", CGMOVE_PRIVATE_SOCKET);
        else if (r < 0)
                fprintf(stderr, "cgmoved: %s cannot be made: %s\n", CGMOVE_PRIVATE_SOCKET, strerror(-r));
        return r;
}

/* The socket comes from cgmoved.socket, so that it outlives the daemon and requests wait for the next one.
 */
static int get_socket(int *ret_fd) {
        int n;

        n = sd_listen_fds(true);
        if (n == 0)
                return make_socket(ret_fd);
        if (n != 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0) {
                fprintf(stderr, "cgmoved: what was passed to it is not one listening socket; start it with "
                                "\"systemctl start cgmoved.socket\".\n");
                return -ENOTCONN;
        }

        *ret_fd = SD_LISTEN_FDS_START;
        return 0;
}

int main(int argc, char **argv) {
        const DaemonPaths paths = {
                .conf_dir = CGMOVE_CONF_DIR,
                .state_dir = CGMOVE_STATE_DIR,
                .run_dir = CGMOVE_RUN_DIR,
                .system_bus = true,
        };
        _cleanup_(daemon_freep) Daemon *daemon = NULL;
        int fd, r;

        r = parse_arguments(argc, argv);
        if (r != 0)
                return r > 0 ? EXIT_SUCCESS : r == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;

        r = get_socket(&fd);
        if (r < 0)
                return EXIT_FAILURE;

        /* large buffers are mapped and unmapped: what one client has sent is not kept for good */
        (void) mallopt(M_MMAP_THRESHOLD, LARGE_BUFFER);
        log_open(NULL);
        r = daemon_new(&paths, fd, &daemon);
        if (r >= 0)
                r = daemon_run(daemon);
        if (r < 0)
                log_failure(NULL, "cgmoved ends: %s", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
