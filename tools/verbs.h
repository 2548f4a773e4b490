/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One function a verb: argv[0] is the verb's name; returns the exit status. */

int verb_adopt(int argc, char **argv);
int verb_doctor(int argc, char **argv);
int verb_exec(int argc, char **argv);
int verb_finish(int argc, char **argv); /* not for users: tells the daemon how the command of a job ended */
int verb_kill(int argc, char **argv);
int verb_list(int argc, char **argv);
int verb_logs(int argc, char **argv);
int verb_move(int argc, char **argv);
int verb_restart(int argc, char **argv);
int verb_restart_guard(int argc, char **argv); /* not for users: see tools/restart/guard.h */
int verb_restart_job(int argc, char **argv);   /* not for users: the command of a restart job */
int verb_release(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_sessions(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_stop(int argc, char **argv);
int verb_stop_job(int argc, char **argv);  /* not for users: see tools/adopt/deferred-stop.h */
int verb_systemctl(int argc, char **argv); /* not for users: what the shim hands on */
int verb_top(int argc, char **argv);
int verb_wait(int argc, char **argv);
int verb_wait_port(int argc, char **argv);
int verb_where(int argc, char **argv);
