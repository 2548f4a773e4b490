/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What `cgmove doctor` has seen, before it judges. Of fixed size, so that a test can write it down. "" and 0
 * where nothing is known, unless said otherwise; times are microseconds, UINT64_MAX: infinity. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/job-record.h"
#include "lib/source.h"

typedef enum Answer { ANSWER_UNKNOWN, ANSWER_NO, ANSWER_YES } Answer;

#define SENTENCE_MAX 1024 /* as in Failure */

typedef struct HostFacts {
        char kernel[65]; /* uname(2), release */
        unsigned kernel_major, kernel_minor;
        bool pidfd;
        char cgroup_mount[256];      /* where cgroup v2 is mounted; "": nowhere */
        char cgroup_options[256];    /* of its superblock, as in /proc/self/mountinfo */
        char cgroup_v1[128];         /* controllers of v1 hierarchies, by commas; "": none */
        Answer cgroup_kill, freezer; /* UNKNOWN: only the root cgroup is visible, which never has them */
        Answer controllers_known;
        char controllers[256];    /* by blanks: of the caller's pool, or where it would be, or the root's */
        bool systemd;             /* PID 1 is systemd */
        char systemd_version[64]; /* of the running manager; "": cannot be asked */
        char container[64];       /* as systemd names it; "": none */
        Answer remove_ipc;        /* of logind.conf(5) */
        bool installed;           /* the helper programs can be executed */
} HostFacts;

typedef struct DaemonFacts {
        Answer reachable;
        bool timeout;             /* there is one, and it does not answer */
        bool untrusted;           /* the socket is not root's */
        char error[SENTENCE_MAX]; /* why it is not, one sentence */
        char version[64];
        char tool_version[64];
        bool direct;            /* tree = "direct" */
        Answer logind;          /* it can ask logind what becomes of jobs at a logout */
        uint64_t policy_loaded; /* CLOCK_REALTIME; 0: never */
        char policy_problem[SENTENCE_MAX];
        char file_problem[SENTENCE_MAX]; /* what is wrong with the files as they are; "": nothing is known */
        Answer policy_empty; /* there is no section in the files, so nobody is allowed anything */
        bool file_newer;     /* they were changed since the policy was loaded */
} DaemonFacts;

/* What the policy says of one place. */
typedef struct RuleFacts {
        Answer allowed;
        char source[JOB_RECORD_SOURCE_MAX + 1];
        char section[JOB_RECORD_SECTION_MAX + 1]; /* that decides; "": none does */
        char file[256];
        uint32_t line;
        char text[SENTENCE_MAX]; /* of a refusal */
        uint32_t max_jobs;
        char rate[64];
        Answer unsandbox; /* allow-unsandbox */
        char on_logout[16];
        Answer restart;   /* its restart list has the unit */
} RuleFacts;

/* What the daemon says to the move of one process that is there, or to its restart of the unit. */
typedef struct MoveFacts {
        Answer allowed;
        char code[128]; /* of the error: "Denied", "SandboxLost", ... */
        char text[SENTENCE_MAX];
} MoveFacts;

#define SERVICES_MAX 32

typedef struct CallerFacts {
        uid_t uid;
        char name[64]; /* of the user; the number if there is none */
        char cgroup[512];
        Source source;
        char place[JOB_RECORD_SOURCE_MAX + 1]; /* source_to_string() */
        RuleFacts rule;                        /* for that place */
        MoveFacts move;                        /* of a child of this process */
        uint64_t n_jobs;                       /* running ones; UINT64_MAX: not known */
        size_t n_services;                     /* of the user's manager, active; the first ones */
        char services[SERVICES_MAX][UNIT_NAME_MAX + 1];
        bool ways[SERVICES_MAX]; /* which of them he may leave */
        Answer lingers;
        bool runtime_directory; /* /run/user/UID is there */
        bool bus;               /* with a socket of the user bus */
        bool runtime_variable;  /* XDG_RUNTIME_DIR is set */
        char log_folder[256];   /* of the logs of jobs; "": there is no home directory */
        int log_error;          /* errno of making or writing it; 0 */
        Answer manager;         /* the user manager answers */
        char manager_error[256];
} CallerFacts;

#define STATUSES_MAX 16
#define PORTS_MAX 16
#define PROCESSES_TOLD 8
#define DOCTOR_WORD_MAX 64
#define DOCTOR_PATH_MAX 512

typedef enum PortState {
        PORT_OWN,       /* the main process or one below it listens */
        PORT_DETACHED,  /* another of the unit, not older than the main process */
        PORT_LEFT_OVER, /* another of the unit, older than the main process, or there is none */
        PORT_FOREIGN,   /* a process that is not the unit's */
        PORT_TIME_WAIT, /* nobody, but a connection in TIME_WAIT */
        PORT_FREE,
} PortState;

typedef struct PortFacts {
        uint16_t port;
        PortState state;
        pid_t pid;        /* 0: not visible */
        bool configured;  /* named in the unit's command, as opposed to seen */
        bool own_user;    /* the holder's is the caller's */
        char holder[256]; /* port_holder_text() */
} PortFacts;

typedef struct ProcessFacts {
        pid_t pid;
        bool older; /* than the main process */
        char comm[32];
} ProcessFacts;

typedef struct StatusSet {
        size_t n;
        int items[STATUSES_MAX];
} StatusSet;

typedef struct UnitFacts {
        bool asked;                             /* one was named */
        bool system;                            /* of the system manager */
        char name[UNIT_NAME_MAX + 1];           /* as given, with its suffix */
        char source[JOB_RECORD_SOURCE_MAX + 1]; /* "user:NAME", with the name after aliases */
        Answer known;                           /* the manager has told the rest */
        char error[256];                        /* why not */
        bool inside;                            /* the caller is in it */
        RuleFacts rule;
        pid_t sample;   /* a process of the caller in it that is not the main one; 0: none */
        MoveFacts move; /* of that, or of the caller's child if he is inside */

        /* org.freedesktop.systemd1(5) */
        char id[UNIT_NAME_MAX + 1];
        char load_state[DOCTOR_WORD_MAX], load_error[256];
        char active_state[DOCTOR_WORD_MAX], sub_state[DOCTOR_WORD_MAX], result[DOCTOR_WORD_MAX];
        char fragment_path[DOCTOR_PATH_MAX];
        bool adopted; /* the drop-in of `cgmove adopt` is loaded */
        bool need_daemon_reload, refuse_manual_start, refuse_manual_stop, socket_activated;
        uint32_t job;
        uint64_t start_limit_interval;
        uint32_t start_limit_burst;
        uint64_t state_change; /* CLOCK_MONOTONIC */
        uint64_t active_enter;
        char type[DOCTOR_WORD_MAX], restart[DOCTOR_WORD_MAX], kill_mode[DOCTOR_WORD_MAX],
                        user[DOCTOR_WORD_MAX];
        uint64_t timeout_start, timeout_stop, restart_delay;
        bool send_sigkill;
        pid_t main_pid, control_pid;
        int32_t exit_code, exit_status; /* CLD_* and the status of the last main process; 0: none */
        uint32_t n_restarts;
        char control_group[DOCTOR_PATH_MAX];
        bool delegate;
        char oom_policy[DOCTOR_WORD_MAX];
        int32_t oom_score_adjust;
        uint64_t memory_max, memory_high, tasks_max; /* UINT64_MAX: none */
        uint64_t tasks_default;                      /* what the manager gives to units that say nothing */
        uint64_t cpu_quota;                          /* in one second; UINT64_MAX: none */
        StatusSet restart_prevent, success;
        char sandbox[256];     /* names of settings that are BPF programs on the cgroup, by commas */
        char sandbox_lsm[128]; /* those that the daemon cannot see */

        size_t n_ports;
        PortFacts ports[PORTS_MAX];
        bool ports_known;    /* false: the kernel did not tell */
        size_t n_left_overs; /* all of its processes that are not the main one nor below it */
        size_t n_older; /* of them, those that are older than the main process, or all if there is none */
        ProcessFacts left_overs[PROCESSES_TOLD];
} UnitFacts;

typedef struct Facts {
        HostFacts host;
        DaemonFacts daemon;
        CallerFacts caller;
        UnitFacts unit;
        uint64_t now; /* CLOCK_MONOTONIC */
} Facts;
