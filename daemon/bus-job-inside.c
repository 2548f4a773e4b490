/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a job tells of itself: Finish() and Report() of org.cgmove1.Job. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "daemon/bus-job.h"
#include "daemon/daemon.h"
#include "lib/proc.h"
#include "lib/protocol.h"

/* --- Finish ----------------------------------------------------------------------------------------- */

bool bus_job_caller_is_inside(const JobCall *call) {
        const Caller *caller = &call->connection->caller;
        _cleanup_free_ char *path = NULL;
        Source source;
        bool deleted;

        if (caller->uid != call->view.record->uid ||
            proc_get_cgroup(call->view.daemon->kernel.proc_fd, caller->pid, &path, &deleted) < 0)
                return false;

        source_from_cgroup_path(path, &source);
        return source.kind == SOURCE_JOB && source.job == call->view.record->id;
}

static int read_status(sd_bus_message *message, int *ret_code, int *ret_signal, sd_bus_error *ret_error) {
        const char *key;
        int value, r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_read(message, "{sv}", &key, "i", &value);
        if (r < 0)
                return r;
        if (r == 0)
                return sd_bus_error_set(ret_error, CGMOVE_ERROR_INVALID,
                                        "Finish needs exit-code or exit-signal.");

        *ret_code = *ret_signal = 0;
        if (strcmp(key, "exit-code") == 0 && value >= 0 && value <= 255)
                *ret_code = value;
        else if (strcmp(key, "exit-signal") == 0 && value >= 1 && value <= SIGRTMAX)
                *ret_signal = value;
        else
                return sd_bus_error_setf(
                                ret_error, CGMOVE_ERROR_INVALID,
                                "Finish takes exit-code (0 to 255) or exit-signal, not \"%s\" = %d.", key,
                                value);
        return sd_bus_message_exit_container(message);
}

int bus_job_finish(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        JobCall *call = userdata;
        int code = 0, sig = 0, r;

        r = bus_job_need_live(&call->view, ret_error);
        if (r >= 0)
                r = read_status(message, &code, &sig, ret_error);
        if (r < 0)
                return r;
        if (!bus_job_caller_is_inside(call))
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_NOT_YOURS,
                                         "Only a process inside job %" PRIu64 " can tell its status.",
                                         call->view.record->id);

        r = job_set_status(call->view.job, code, sig);
        if (r < 0 && r != -EALREADY)
                return r;
        return sd_bus_reply_method_return(message, NULL);
}

/* --- Report ----------------------------------------------------------------------------------------- */

static int read_outcome(sd_bus_message *message, const char **ret, sd_bus_error *ret_error) {
        const char *key, *outcome;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_enter_container(message, 'e', "sv");
        if (r > 0)
                r = sd_bus_message_read_basic(message, 's', &key);
        if (r < 0)
                return r;
        if (r == 0)
                return sd_bus_error_set(ret_error, CGMOVE_ERROR_INVALID, "Report needs an outcome.");
        if (strcmp(key, "outcome") != 0)
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_INVALID, "Report has no option \"%s\".",
                                         key);

        r = sd_bus_message_read(message, "v", "s", &outcome);
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        if (r >= 0)
                r = sd_bus_message_exit_container(message); /* there is but one */
        if (r < 0)
                return r;
        if (!job_outcome_is_valid(outcome))
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_INVALID,
                                         "An outcome is a JSON object of at most %d bytes, in UTF-8 and "
                                         "without control "
                                         "characters.",
                                         CGMOVE_OUTCOME_MAX);

        *ret = outcome;
        return 0;
}

int bus_job_report(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        JobCall *call = userdata;
        const char *outcome = NULL;
        int r;

        r = bus_job_need_live(&call->view, ret_error);
        if (r >= 0)
                r = read_outcome(message, &outcome, ret_error);
        if (r < 0)
                return r;
        if (!bus_job_caller_is_inside(call))
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_NOT_YOURS,
                                         "Only a process inside job %" PRIu64 " can tell its outcome.",
                                         call->view.record->id);
        if (call->view.record->kind != JOB_RESTART)
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_INVALID, "Job %" PRIu64 " is no restart.",
                                         call->view.record->id);

        r = job_set_outcome(call->view.job, outcome);
        call->view.record = call->view.job->record;
        return r < 0 ? r : sd_bus_reply_method_return(message, NULL);
}
