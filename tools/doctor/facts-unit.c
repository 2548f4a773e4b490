/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/adopt/drop-in.h"
#include "tools/doctor/ask-as.h"
#include "tools/doctor/ask.h"
#include "tools/doctor/gather.h"
#include "tools/doctor/parse.h"

#define ADOPTION_DROP_IN "/" DROP_IN_NAME
#define USER_TIMEOUT UINT64_C(10000000) /* microseconds, for all that root asks another user's manager */

/* What is read beside the facts themselves. */
typedef struct UnitAnswer {
        UnitFacts facts;
        char device_policy[32];
        bool ip_allow, ip_deny, ip_ingress, ip_egress, bpf_program, device_allow, bind_allow, bind_deny,
                        interfaces, file_systems, nft_sets;
} UnitAnswer;

/* --- values ------------------------------------------------------------------------------------------- */

/* Whether an array of whatever has anything in it. */
static int read_any(sd_bus_message *m, void *to, size_t size) {
        const char *contents;
        int r;

        r = sd_bus_message_peek_type(m, NULL, &contents);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', contents);
        while (r >= 0 && (r = sd_bus_message_at_end(m, false)) == 0) {
                *(bool *) to = true;
                r = sd_bus_message_skip(m, contents);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* "(bas)": whether the list is one of what is allowed, and the list. */
static int read_any_restriction(sd_bus_message *m, void *to, size_t size) {
        int allow_list, r;

        r = sd_bus_message_enter_container(m, 'r', "bas");
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 'b', &allow_list);
        if (r >= 0)
                r = read_any(m, to, size);
        if (r < 0)
                return r;
        *(bool *) to |= allow_list;
        return sd_bus_message_exit_container(m);
}

static int has_string_with_end(sd_bus_message *m, const char *end, bool *ret) {
        const char *text;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &text)) > 0) {
                size_t n = strlen(text), n_end = strlen(end);

                if (n >= n_end && strcmp(text + n - n_end, end) == 0)
                        *ret = true;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_adopted(sd_bus_message *m, void *to, size_t size) {
        return has_string_with_end(m, ADOPTION_DROP_IN, to);
}

static int read_socket_activated(sd_bus_message *m, void *to, size_t size) {
        return has_string_with_end(m, ".socket", to);
}

static int read_job(sd_bus_message *m, void *to, size_t size) {
        const char *path;

        return sd_bus_message_read(m, "(uo)", to, &path);
}

static int read_load_error(sd_bus_message *m, void *to, size_t size) {
        const char *name, *text;
        int r;

        r = sd_bus_message_read(m, "(ss)", &name, &text);
        if (r >= 0)
                (void) snprintf(to, size, "%s", text);
        return r;
}

/* "(aiai)": statuses, signals. */
static int read_statuses(sd_bus_message *m, void *to, size_t size) {
        StatusSet *set = to;
        int32_t status;
        int r;

        r = sd_bus_message_enter_container(m, 'r', "aiai");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "i");
        while (r >= 0 && (r = sd_bus_message_read_basic(m, 'i', &status)) > 0)
                if (set->n < STATUSES_MAX)
                        set->items[set->n++] = status;
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r >= 0)
                r = sd_bus_message_skip(m, "ai");
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* --- commands ----------------------------------------------------------------------------------------- */

static void add_port(UnitFacts *unit, uint16_t port) {
        for (size_t i = 0; i < unit->n_ports; i++)
                if (unit->ports[i].port == port)
                        return;
        if (port > 0 && unit->n_ports < PORTS_MAX)
                unit->ports[unit->n_ports++] =
                                (PortFacts){ .port = port, .state = PORT_FREE, .configured = true };
}

static int read_command(sd_bus_message *m, UnitFacts *unit) {
        const char *path, *word, *previous = "";
        int r;

        r = sd_bus_message_read_basic(m, 's', &path);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &word)) > 0) {
                add_port(unit, port_from_words(previous, word));
                previous = word;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : sd_bus_message_skip(m, "bttttuii");
}

/* "a(sasbttttuii)"; TO is the whole of the facts. */
static int read_commands(sd_bus_message *m, void *to, size_t size) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sasbttttuii")) > 0) {
                r = read_command(m, to);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* --- the table ---------------------------------------------------------------------------------------- */

#define ANSWER(member, name, type, reader)                                                                  \
        { name, type, reader, offsetof(UnitAnswer, member), sizeof(((UnitAnswer *) NULL)->member) }
#define FACT(member, name, type, reader) ANSWER(facts.member, name, type, reader)

static const AskField unit_fields[] = {
        FACT(id, "Id", "s", ask_read_string),
        FACT(load_state, "LoadState", "s", ask_read_string),
        FACT(load_error, "LoadError", "(ss)", read_load_error),
        FACT(active_state, "ActiveState", "s", ask_read_string),
        FACT(sub_state, "SubState", "s", ask_read_string),
        FACT(result, "Result", "s", ask_read_string),
        FACT(fragment_path, "FragmentPath", "s", ask_read_string),
        FACT(adopted, "DropInPaths", "as", read_adopted),
        FACT(need_daemon_reload, "NeedDaemonReload", "b", ask_read_bool),
        FACT(refuse_manual_start, "RefuseManualStart", "b", ask_read_bool),
        FACT(refuse_manual_stop, "RefuseManualStop", "b", ask_read_bool),
        FACT(socket_activated, "TriggeredBy", "as", read_socket_activated),
        FACT(job, "Job", "(uo)", read_job),
        FACT(start_limit_interval, "StartLimitIntervalUSec", "t", ask_read_u64),
        FACT(start_limit_burst, "StartLimitBurst", "u", ask_read_u32),
        FACT(state_change, "StateChangeTimestampMonotonic", "t", ask_read_u64),
        FACT(active_enter, "ActiveEnterTimestampMonotonic", "t", ask_read_u64),
        FACT(type, "Type", "s", ask_read_string),
        FACT(restart, "Restart", "s", ask_read_string),
        FACT(kill_mode, "KillMode", "s", ask_read_string),
        FACT(user, "User", "s", ask_read_string),
        FACT(timeout_start, "TimeoutStartUSec", "t", ask_read_u64),
        FACT(timeout_stop, "TimeoutStopUSec", "t", ask_read_u64),
        FACT(restart_delay, "RestartUSec", "t", ask_read_u64),
        FACT(send_sigkill, "SendSIGKILL", "b", ask_read_bool),
        FACT(main_pid, "MainPID", "u", ask_read_u32),
        FACT(control_pid, "ControlPID", "u", ask_read_u32),
        FACT(exit_code, "ExecMainCode", "i", ask_read_i32),
        FACT(exit_status, "ExecMainStatus", "i", ask_read_i32),
        FACT(n_restarts, "NRestarts", "u", ask_read_u32),
        FACT(control_group, "ControlGroup", "s", ask_read_string),
        FACT(delegate, "Delegate", "b", ask_read_bool),
        FACT(oom_policy, "OOMPolicy", "s", ask_read_string),
        FACT(oom_score_adjust, "OOMScoreAdjust", "i", ask_read_i32),
        FACT(memory_max, "MemoryMax", "t", ask_read_u64),
        FACT(memory_high, "MemoryHigh", "t", ask_read_u64),
        FACT(tasks_max, "TasksMax", "t", ask_read_u64),
        FACT(cpu_quota, "CPUQuotaPerSecUSec", "t", ask_read_u64),
        FACT(restart_prevent, "RestartPreventExitStatus", "(aiai)", read_statuses),
        FACT(success, "SuccessExitStatus", "(aiai)", read_statuses),
        ANSWER(facts, "ExecStartPre", "a(sasbttttuii)", read_commands),
        ANSWER(facts, "ExecStart", "a(sasbttttuii)", read_commands),
        ANSWER(device_policy, "DevicePolicy", "s", ask_read_string),
        ANSWER(device_allow, "DeviceAllow", "a(ss)", read_any),
        ANSWER(ip_allow, "IPAddressAllow", "a(iayu)", read_any),
        ANSWER(ip_deny, "IPAddressDeny", "a(iayu)", read_any),
        ANSWER(ip_ingress, "IPIngressFilterPath", "as", read_any),
        ANSWER(ip_egress, "IPEgressFilterPath", "as", read_any),
        ANSWER(bpf_program, "BPFProgram", "a(ss)", read_any),
        ANSWER(bind_allow, "SocketBindAllow", "a(iiqq)", read_any),
        ANSWER(bind_deny, "SocketBindDeny", "a(iiqq)", read_any),
        ANSWER(interfaces, "RestrictNetworkInterfaces", "(bas)", read_any_restriction),
        ANSWER(file_systems, "RestrictFileSystems", "(bas)", read_any_restriction),
        ANSWER(nft_sets, "NFTSet", "a(iiss)", read_any),
};

static const AskField manager_fields[] = {
        FACT(tasks_default, "DefaultTasksMax", "t", ask_read_u64),
};

/* A user manager may not attach BPF programs, so these do nothing in its units. */
static void list_sandbox(const UnitAnswer *answer, UnitFacts *unit) {
        const struct {
                bool set;
                const char *name;
        } settings[] = {
                { answer->ip_deny, "IPAddressDeny=" },
                { answer->ip_allow && !answer->ip_deny, "IPAddressAllow=" },
                { answer->ip_ingress, "IPIngressFilterPath=" },
                { answer->ip_egress, "IPEgressFilterPath=" },
                { answer->bpf_program, "BPFProgram=" },
                { answer->device_policy[0] && strcmp(answer->device_policy, "auto") != 0, "DevicePolicy=" },
                { answer->device_allow && strcmp(answer->device_policy, "auto") == 0, "DeviceAllow=" },
                { answer->bind_deny || answer->bind_allow, "SocketBindDeny=" },
                { answer->interfaces, "RestrictNetworkInterfaces=" },
        };

        for (size_t i = 0; unit->system && i < ELEMENTSOF(settings); i++) {
                size_t n = strlen(unit->sandbox);

                if (settings[i].set)
                        (void) snprintf(unit->sandbox + n, sizeof(unit->sandbox) - n, "%s%s",
                                        n > 0 ? ", " : "", settings[i].name);
        }
        if (unit->system && (answer->file_systems || answer->nft_sets))
                (void) snprintf(unit->sandbox_lsm, sizeof(unit->sandbox_lsm), "%s%s%s",
                                answer->file_systems ? "RestrictFileSystems=" : "",
                                answer->file_systems && answer->nft_sets ? ", " : "",
                                answer->nft_sets ? "NFTSet=" : "");
}

/* --- asking ------------------------------------------------------------------------------------------- */

static int load_unit(sd_bus *bus, UnitFacts *unit, char *path, size_t size) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *answer = NULL;
        const char *object;
        int r;

        r = sd_bus_message_new_method_call(bus, &message, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
                                           "LoadUnit");
        if (r >= 0)
                r = sd_bus_message_append(message, "s", unit->name);
        if (r >= 0)
                r = ask_call(bus, message, &answer, unit->error, sizeof(unit->error));
        if (r >= 0)
                r = sd_bus_message_read_basic(answer, 'o', &object);
        if (r >= 0 && snprintf(path, size, "%s", object) >= (int) size)
                r = -ENAMETOOLONG;
        return r < 0 ? r : 0;
}

static int ask_unit(sd_bus *bus, UnitFacts *unit) {
        /* what an older systemd does not know is not set */
        UnitAnswer answer = { .facts = *unit };
        char path[1024];
        int r;

        r = load_unit(bus, unit, path, sizeof(path));
        if (r < 0)
                return r;
        answer.facts.memory_max = answer.facts.memory_high = answer.facts.tasks_max =
                        answer.facts.cpu_quota = UINT64_MAX;
        r = ask_properties(bus, SYSTEMD_NAME, path, "", unit_fields, ELEMENTSOF(unit_fields), &answer);
        if (r >= 0)
                r = ask_properties(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, manager_fields,
                                   ELEMENTSOF(manager_fields), &answer);
        if (r < 0)
                return r;
        *unit = answer.facts;
        unit->known = ANSWER_YES;
        list_sandbox(&answer, unit);
        if (unit->id[0])
                (void) snprintf(unit->source, sizeof(unit->source), "%s:%s",
                                unit->system ? "system" : "user", unit->id);
        return 0;
}

static int read_services(sd_bus_message *answer, CallerFacts *caller) {
        const char *name;
        int r;

        r = sd_bus_message_enter_container(answer, 'a', "(ssssssouso)");
        while (r >= 0 && (r = sd_bus_message_enter_container(answer, 'r', "ssssssouso")) > 0) {
                r = sd_bus_message_read_basic(answer, 's', &name);
                if (r >= 0 && caller->n_services < SERVICES_MAX && strlen(name) <= UNIT_NAME_MAX)
                        strcpy(caller->services[caller->n_services++], name);
                if (r >= 0)
                        r = sd_bus_message_skip(answer, "sssssouso");
                if (r >= 0)
                        r = sd_bus_message_exit_container(answer);
        }
        return r;
}

static int ask_services(sd_bus *bus, CallerFacts *caller) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *answer = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &message, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
                                           "ListUnitsByPatterns");
        if (r >= 0)
                r = sd_bus_message_append(message, "asas", 1, "active", 1, "*.service");
        if (r >= 0)
                r = ask_call(bus, message, &answer, NULL, 0);
        return r < 0 ? r : read_services(answer, caller);
}

/* --- all ---------------------------------------------------------------------------------------------- */

static void explain_error(int error, const char *who, char *text, size_t size) {
        if (text[0])
                return; /* it has said so itself */
        if (error == -ENOENT || error == -ECONNREFUSED)
                (void) snprintf(text, size, "%s does not run.", who);
        else if (error == -ETIMEDOUT || error == -EAGAIN)
                (void) snprintf(text, size, "%s does not answer.", who);
        else
                (void) snprintf(text, size, "%s.", strerror(error < 0 ? -error : error));
}

static bool is_lost(int error) {
        return error == -ETIMEDOUT || error == -ENOTCONN || error == -ECONNRESET || error == -EPIPE;
}

static void ask_user_manager(CallerFacts *caller, UnitFacts *unit) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        bool unit_asked = unit->asked && !unit->system;
        int r;

        r = ask_open_user_manager(caller->uid, &bus);
        if (r >= 0) {
                r = unit_asked ? ask_unit(bus, unit) : ask_services(bus, caller);
                if (r >= 0 || !is_lost(r))
                        caller->manager = ANSWER_YES;
        }
        if (caller->manager != ANSWER_YES) {
                caller->manager = ANSWER_NO;
                explain_error(r, "it", caller->manager_error, sizeof(caller->manager_error));
        } else if (r < 0 && unit_asked)
                explain_error(r, "its manager", unit->error, sizeof(unit->error));
}

static void ask_system_manager(UnitFacts *unit) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = ask_open_system_manager(&bus);
        if (r >= 0)
                r = ask_unit(bus, unit);
        if (r < 0)
                explain_error(r, "its manager", unit->error, sizeof(unit->error));
}

/* What root is told of a user's unit, all numbers: his word. */
typedef struct UnitLimits {
        uint64_t memory_max, memory_high, tasks_max, tasks_default, cpu_quota;
} UnitLimits;

typedef struct UnitQuestion {
        uid_t uid;
        UnitFacts *unit;
} UnitQuestion;

static int ask_limits(void *userdata, void *answer) {
        const UnitQuestion *question = userdata;
        const UnitFacts *unit = question->unit;
        CallerFacts owner = { .uid = question->uid };

        ask_user_manager(&owner, question->unit);
        if (unit->known != ANSWER_YES)
                return -ENODATA;
        *(UnitLimits *) answer = (UnitLimits){
                .memory_max = unit->memory_max,
                .memory_high = unit->memory_high,
                .tasks_max = unit->tasks_max,
                .tasks_default = unit->tasks_default,
                .cpu_quota = unit->cpu_quota,
        };
        return 0;
}

static void gather_limits(uid_t uid, UnitFacts *unit) {
        UnitQuestion question = { .uid = uid, .unit = unit };
        UnitLimits limits;

        if (ask_as(uid, ask_limits, &question, USER_TIMEOUT, &limits, sizeof(limits)) < 0)
                return;
        unit->known = ANSWER_YES;
        unit->memory_max = limits.memory_max;
        unit->memory_high = limits.memory_high;
        unit->tasks_max = limits.tasks_max;
        unit->tasks_default = limits.tasks_default;
        unit->cpu_quota = limits.cpu_quota;
}

void gather_unit_settings(uid_t uid, UnitFacts *unit) {
        CallerFacts owner = { .uid = uid };

        if (unit->system)
                ask_system_manager(unit);
        else if (uid == geteuid())
                ask_user_manager(&owner, unit);
        else
                gather_limits(uid, unit);
}

void gather_unit(const HostFacts *host, CallerFacts *caller, UnitFacts *unit) {
        if (unit->asked)
                (void) snprintf(unit->source, sizeof(unit->source), "%s:%s",
                                unit->system ? "system" : "user", unit->name);
        ask_user_manager(caller, unit);
        if (unit->asked && unit->system)
                ask_system_manager(unit);
        if (!unit->asked)
                return;
        unit->inside = strcmp(caller->place, unit->source) == 0;
        if (unit->known == ANSWER_YES)
                gather_processes(host->cgroup_mount, caller->uid, unit);
}
