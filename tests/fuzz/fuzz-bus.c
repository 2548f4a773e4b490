/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon, whole, on a false tree (bus/false-kernel.h), and clients that do what the input chooses: connect as one user or another,
 * authenticate, call, send pieces or nonsense, do not read, hang up; meanwhile processes end, change and are moved, time
 * passes, the policy is loaded anew, the daemon starts anew.
 *
 * What is asked of it, besides that it does not crash: nobody is moved but into the pool of his own user (false-calls.c); each
 * job has an owner, and its group is in that owner's pool; each call is answered, once, or its connection closed; nothing stays
 * behind of a client that is gone, no descriptor and no call; log lines are plain text. */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "daemon/cgroup.h"
#include "daemon/daemon.h"
#include "daemon/journal.h"
#include "daemon/name-child.h"
#include "daemon/pool-tree.h"
#include "daemon/request.h"
#include "daemon/sandbox.h"
#include "lib/policy-file.h"
#include "lib/text.h"
#include "lib/values.h"
#include "tests/fuzz/bus/client.h"
#include "tests/fuzz/bus/false-kernel.h"
#include "tests/fuzz/bus/false-time.h"

#define CLIENTS 4
#define ACTIONS_MAX 64
#define TURNS_MAX 256
#define DAY (UINT64_C(24) * 3600 * USEC_PER_SEC)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

/* What one message has announced is freed at once, and the kernel's limits would be hit first. */
const char *__asan_default_options(void) {
        return "quarantine_size_mb=8";
}

static char socket_path[108];
static Client clients[CLIENTS];
static Daemon *daemon_now; /* the daemon that runs */

/* --- the policy ---------------------------------------------------------------------------------------------------- */

static const char settings_text[] = "tree = \"direct\"\n";
static const char *const policies[] = {
        "policy \"all\" { users = {\"2111000001\"} from = {\"user:*\", \"session\", \"job\"} restart = "
        "{\"user:*\"} rate = \"1000/s\""
        " max-jobs = 8 }\n",
        "policy \"some\" { users = {\"2111000001\", \"2111000002\"} from = {\"user:gateway.service\"} rate "
        "= \"2/s\" max-jobs = 1"
        " tasks-max = 2 memory-max = \"1M\" runtime-max = \"1min\" }\n",
        "policy \"no\" { users = {\"0-4294967294\"} from = {\"session\"} allow = false }\n",
        "policy \"bad\" { users = }\n",
};
#define POLICY_BAD 3
static unsigned policy_now;
static PolicyLoader *policy_late; /* one that is being loaded */

int __wrap_policy_files_load(const char *conf_dir, PolicyTrust trust, Settings *ret_settings,
                             Policy **ret_policy, PolicyProblem *problem);
int __wrap_policy_files_load_settings(const char *conf_dir, PolicyTrust trust, Settings *ret,
                                      PolicyProblem *problem);
void __real_policy_loader_start(PolicyLoader *loader, const Policy *in_force);
void __wrap_policy_loader_start(PolicyLoader *loader, const Policy *in_force);
int __wrap_name_child_start(Policy *policy, NameSources sources, bool with_names, int *ret_pidfd, int *ret_pipe);

int __wrap_policy_files_load(const char *conf_dir, PolicyTrust trust, Settings *ret_settings,
                             Policy **ret_policy, PolicyProblem *problem) {
        _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(Policy));
        const char *text = policies[policy_now];
        int r;

        settings_init(ret_settings);
        r = policy_text_parse("cgmove.conf", settings_text, strlen(settings_text), ret_settings, policy,
                              problem);
        if (r >= 0)
                r = policy_text_parse("a.conf", text, strlen(text), NULL, policy, problem);
        if (r < 0)
                return r;
        *ret_policy = TAKE_PTR(policy);
        return 0;
}

int __wrap_policy_files_load_settings(const char *conf_dir, PolicyTrust trust, Settings *ret,
                                      PolicyProblem *problem) {
        _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(Policy));

        settings_init(ret);
        return policy_text_parse("cgmove.conf", settings_text, strlen(settings_text), ret, policy, problem);
}

void __wrap_policy_loader_start(PolicyLoader *loader, const Policy *in_force) {
        policy_late = loader;
}

/* These policies have no names; nobody is a member of the group that is made from them. */
int __wrap_name_child_start(Policy *policy, NameSources sources, bool with_names, int *ret_pidfd, int *ret_pipe) {
        const NameMembers nobody = { .state = NAME_MEMBERS_ALL };
        int fds[2];

        assert(!with_names && pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
        assert(write(fds[1], &nobody, sizeof(nobody)) == sizeof(nobody));
        (void) close(fds[1]);
        *ret_pidfd = -1;
        *ret_pipe = fds[0];
        return 0;
}

static void policy_arrives(void) {
        if (policy_late)
                __real_policy_loader_start(policy_late, daemon_now->policy);
        policy_late = NULL;
}

/* --- who calls ----------------------------------------------------------------------------------------------------- */

static pid_t arriving[CLIENTS]; /* in the order in which they have connected */
static size_t n_arriving;
static int n_pending; /* calls that the daemon has not answered yet */

int __wrap_caller_from_socket(int fd, Caller *ret);
int __real_listener_user_begin(ListenerUser *user);
int __wrap_listener_user_begin(ListenerUser *user);
void __real_listener_user_end(ListenerUser *user);
void __wrap_listener_user_end(ListenerUser *user);
bool __wrap_listener_user_charge(ListenerUser *user, uint64_t elapsed, uint64_t now);

int __wrap_caller_from_socket(int fd, Caller *ret) {
        const FalseProcess *process;
        Caller caller = CALLER_INIT;

        assert(n_arriving > 0);
        caller.pid = arriving[0];
        memmove(arriving, arriving + 1, --n_arriving * sizeof(arriving[0]));
        process = false_process_find(caller.pid);
        if (!process)
                return -ESRCH;
        caller.uid = process->uid[1];
        caller.pidfd = caller.pid % 2 ? false_pidfd_open(process) : -1;
        caller.gids = calloc(1, sizeof(gid_t));
        caller.gids[0] = caller.uid;
        caller.n_gids = 1;
        *ret = caller;
        return 0;
}

int __wrap_listener_user_begin(ListenerUser *user) {
        int r = __real_listener_user_begin(user);

        n_pending += r >= 0;
        return r;
}

void __wrap_listener_user_end(ListenerUser *user) {
        n_pending--;
        __real_listener_user_end(user);
}

/* How long something takes is nothing that an input decides. */
bool __wrap_listener_user_charge(ListenerUser *user, uint64_t elapsed, uint64_t now) {
        return false;
}

/* --- other parts of the machine ------------------------------------------------------------------------------------ */

bool __wrap_sandbox_is_possible(int proc_fd, int cgroup_fd);
void __wrap_journal_send(Journal *journal, const JournalEntry *entry);

bool __wrap_sandbox_is_possible(int proc_fd, int cgroup_fd) {
        return false;
}

void __wrap_journal_send(Journal *journal, const JournalEntry *entry) {
        for (const char *line = entry->text; line < entry->text + entry->size;) {
                const char *end = memchr(line, '\n', (size_t) (entry->text + entry->size - line));
                _cleanup_free_ char *text = NULL;

                assert(end);
                text = strndup(line, (size_t) (end - line));
                assert(text && text_is_plain(text) && strchr(text, '='));
                line = end + 1;
        }
}

/* --- the daemon ---------------------------------------------------------------------------------------------------- */

static int check_job(Job *job, void *userdata) {
        char path[POOL_PATH_MAX];

        pool_tree_path(job->record->uid, path);
        assert(job->record->id > 0 && job->record->uid != UID_NONE);
        assert(pool_uid(job->pool) == job->record->uid && strcmp(pool_path(job->pool), path) == 0);
        return 0;
}

/* Until there is nothing to do but to wait. */
static void settle(void) {
        for (unsigned i = 0; i < TURNS_MAX; i++) {
                if (sd_event_run(daemon_now->event, 0) == 0)
                        break;
                for (size_t k = 0; k < CLIENTS; k++)
                        client_receive(&clients[k]);
        }
        for (size_t k = 0; k < CLIENTS; k++)
                client_receive(&clients[k]);
        (void) job_set_each(daemon_now->jobs, UID_NONE, check_job, NULL);
}

static int listen_socket(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd;

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
        (void) remove(socket_path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert(fd >= 0 && bind(fd, (struct sockaddr *) &address, sizeof(address)) == 0 &&
               listen(fd, CLIENTS) == 0);
        return fd;
}

static void start_daemon(void) {
        static char conf[FALSE_PATH_MAX + 8], state[FALSE_PATH_MAX + 8], run[FALSE_PATH_MAX + 8];
        const DaemonPaths paths = { .conf_dir = conf, .state_dir = state, .run_dir = run };

        (void) snprintf(conf, sizeof(conf), "%s/conf", false_folder);
        (void) snprintf(state, sizeof(state), "%s/state", false_folder);
        (void) snprintf(run, sizeof(run), "%s/run", false_folder);
        n_arriving = 0;
        assert(daemon_new(&paths, listen_socket(), &daemon_now) == 0);
        policy_loader_start(daemon_now->loader, daemon_now->policy);
        policy_late = daemon_now->loader;
        policy_arrives();
        settle();
}

static void stop_daemon(void) {
        policy_late = NULL;
        daemon_now = daemon_free(daemon_now);
        assert(n_pending == 0);
        false_time_check();
        for (size_t i = 0; i < CLIENTS; i++)
                client_close(&clients[i]);
}

/* --- what an input may do ------------------------------------------------------------------------------------------ */

static void do_connect(Client *client, Input *input) {
        static const pid_t who[] = { 101, 102, 106, 100, 103, 107 };
        pid_t pid = who[input_choose(input, ELEMENTSOF(who))];
        bool says_who = input_choose(input, 8) != 7;

        client_close(client);
        settle();
        if (pid == 100)
                false_root_asks = true;
        arriving[n_arriving++] = pid;
        assert(client_connect(client, socket_path) == 0);
        if (says_who) {
                client_authenticate(client, 0);
                client_send(client, SIZE_MAX);
                settle(); /* sd-bus takes no descriptors before */
        }
}

static void do_call(Client *client, Input *input) {
        unsigned how = input_byte(input);

        if (client->fd < 0)
                do_connect(client, &(Input){ .data = NULL, .size = 0 });
        client_call(client, input);
        client_send(client, how < 192 ? SIZE_MAX : how - 192);
}

static void do_send(Client *client, Input *input) {
        client_send(client, input_number(input, 2));
}

static void do_say(Client *client, Input *input) {
        uint8_t bytes[256];
        size_t n = input_bytes(input, bytes, sizeof(bytes));

        if (client->fd < 0)
                return;
        client_say(client, bytes, n);
        client_send(client, SIZE_MAX);
}

static void do_authenticate(Client *client, Input *input) {
        if (client->fd < 0)
                return;
        client_authenticate(client, 1 + input_byte(input));
        client_send(client, SIZE_MAX);
}

static void do_close(Client *client, Input *input) {
        client_close(client);
}

/* As much as a message may have and more, in zeros, behind a head that announces it. */
static void do_flood(Client *client, Input *input) {
        static uint8_t bytes[300 * 1024] = { 'l', 1, 0, 1 };

        if (client->fd < 0)
                return;
        for (unsigned i = 4; i < 16; i++)
                bytes[i] = (uint8_t) input_byte(input);
        client_say(client, bytes, input_number(input, 1) * 1200);
        for (unsigned i = 0; i < 4; i++) {
                client_send(client, SIZE_MAX);
                settle();
        }
}

static void do_deafen(Client *client, Input *input) {
        client->is_deaf = !client->is_deaf;
}

static void do_time(Client *client, Input *input) {
        false_time_pass(UINT64_C(1) << input_choose(input, 40));
}

static void do_process(Client *client, Input *input) {
        static const char *const groups[] = {
                "/user.slice/user-2111000001.slice/session-1.scope",
                "/user.slice/user-2111000001.slice/user@2111000001.service/app.slice/frozen.service",
                "/user.slice/user-2111000001.slice/user@2111000001.service/.control",
                "/system.slice/ssh.service",
                "/",
        };
        FalseProcess *process = &false_processes[input_choose(input, FALSE_PROCESSES)];
        unsigned what = input_choose(input, 10);
        uint8_t command[256];
        size_t n;

        if (process->pid == 0)
                return;
        switch (what) {
        case 0:
        case 1:
                false_process_end(process, what);
                break;
        case 2:
                false_process_become(process, process->uid[0], input_choose(input, 2) ? 0 : FALSE_BOB);
                break;
        case 3:
                false_process_become(process, FALSE_BOB, FALSE_BOB);
                break;
        case 4:
                process->dies = true;
                break;
        case 5:
                process->dies = process->taken_over = true;
                break;
        case 6:
                process->exec_suid = true;
                break;
        case 7:
                process->n_threads = input_byte(input);
                break;
        case 8:
                if (!process->source[0])
                        false_process_go(process, groups[input_choose(input, ELEMENTSOF(groups))]);
                break;
        case 9:
                n = input_bytes(input, command, sizeof(command));
                (void) false_process_start(process->pid, process->uid[0], process->group, command, n);
                break;
        }
}

static void do_policy(Client *client, Input *input) {
        unsigned what = input_choose(input, 8);

        if (what < 4) {
                policy_now = what;
                (void) raise(SIGHUP);
        } else
                policy_arrives();
}

static void do_restart(Client *client, Input *input) {
        unsigned n = input_choose(input, 4);

        stop_daemon();
        if (policy_now == POLICY_BAD) /* with which it would begin on the machine's real tree */
                policy_now = 0;
        for (unsigned i = 0; i < n; i++) {
                uid_t uid = input_choose(input, 2) ? FALSE_BOB : FALSE_ALICE;
                uint64_t id = 1 + input_choose(input, 8);
                FalseProcess *process = &false_processes[input_choose(input, FALSE_PROCESSES)];
                char path[POOL_PATH_MAX + JOB_GROUP_NAME_MAX + 1], name[JOB_GROUP_NAME_MAX],
                                pool[POOL_PATH_MAX];
                uint8_t record[256];
                size_t size = input_bytes(input, record, sizeof(record));

                false_job_leave(uid, id, record, size, input_choose(input, 2));
                pool_tree_path(uid, pool);
                job_group_name(id, name);
                (void) snprintf(path, sizeof(path), "%s/%s", pool, name);
                if (process->pid > 0 && !process->source[0] && !process->kernel_thread) {
                        memcpy(process->source, process->group, sizeof(process->source));
                        false_process_go(process, path);
                }
        }
        start_daemon();
}

static void do_stop_pool(Client *client, Input *input) {
        false_pool_stop(input_choose(input, 2) ? FALSE_BOB : FALSE_ALICE);
}

static void do_end_jobs(Client *client, Input *input) {
        false_jobs_end();
}

static void (*const actions[])(Client *client, Input *input) = {
        do_call, do_connect,   do_call,     do_process,      do_call,  do_time,
        do_send, do_close,     do_restart,  do_policy,       do_say,   do_deafen,
        do_call, do_stop_pool, do_end_jobs, do_authenticate, do_flood,
};

/* --- the end ------------------------------------------------------------------------------------------------------- */

/* All that anybody may wait for has come: who is still connected, and said nothing wrong, is owed nothing. */
static void finish(unsigned n_fds) {
        policy_arrives();
        for (size_t i = 0; i < CLIENTS; i++) {
                clients[i].is_deaf = false;
                client_send(&clients[i], SIZE_MAX);
        }
        for (unsigned i = 0; i < 4; i++) {
                settle();
                false_time_pass(i < 2 ? USEC_PER_SEC : DAY);
                false_jobs_end();
        }
        for (unsigned i = 0; i < TURNS_MAX && n_pending > 0; i++) {
                settle();
                false_time_pass(USEC_PER_SEC);
        }
        settle();
        for (size_t i = 0; i < CLIENTS; i++)
                assert(clients[i].fd < 0 || clients[i].is_spoilt || clients[i].has_ended ||
                       clients[i].owed == 0);
        assert(job_set_count(daemon_now->jobs) == 0);

        for (size_t i = 0; i < CLIENTS; i++)
                client_close(&clients[i]);
        settle();
        assert(n_pending == 0 && LIST_EMPTY(&daemon_now->parked));
        n_fds += pool_set_count(daemon_now->pools);
        assert(false_n_fds() == n_fds);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
        false_kernel_new();
        (void) snprintf(socket_path, sizeof(socket_path), "%s/socket", false_folder);
        for (size_t i = 0; i < CLIENTS; i++)
                clients[i] = (Client) CLIENT_INIT;
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Input input = { .data = data, .size = size };
        unsigned n_fds = false_n_fds(), n_fds_idle;

        policy_now = 0;
        false_kernel_reset();
        start_daemon();
        n_fds_idle = false_n_fds();
        for (unsigned i = 0; i < ACTIONS_MAX && input.size > 0; i++) {
                unsigned what = input_byte(&input);

                actions[what % 32 % ELEMENTSOF(actions)](&clients[what / 32 % CLIENTS], &input);
                if (what < 128) /* else more happens at once */
                        settle();
        }
        finish(n_fds_idle);
        stop_daemon();
        assert(false_n_fds() == n_fds);
        false_kernel_check();
        return 0;
}
