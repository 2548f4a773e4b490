#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon is killed at every system call of its start that changes anything, while there is everything for it to find:

- a job that lives, and one whose process ended while there was no daemon, having told its status;
- a move that was cut off, into a group that is still frozen, and one that had not moved anybody;
- a stop that had come to SIGKILL, in a job with a process of another user;
- a unit that was frozen for the move of a tree, with the note that says so;
- what a result that was being written leaves behind.

Prints what was tried. Must run as fault.py, with fault-at in the place of the daemon (see fault_watch_starts).
"""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import fault  # noqa: E402
from fault import NOTES, POOL, SOURCES, UID, OTHER_UID, Sleeper, Wrong, check  # noqa: E402

NUMBER = "/run/cgmove-fault-at"
RESULTS = "/var/lib/cgmove/1000"
RECORD = "user.cgmove.job"


def systemctl(*args):
    subprocess.run(("systemctl",) + args, check=True)


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def begin_job(name):
    sleeper = Sleeper(SOURCES[0])
    job = fault.answer_of(fault.as_user(UID, fault.move_processes, [sleeper.pid], name))
    check(job.isdigit(), "the job is refused: " + job)
    return sleeper, int(job)


def group(job):
    return "%s/job-%d" % (POOL, job)


def read_record(job):
    return os.getxattr(group(job) + "/cgroup.kill", RECORD).decode()


def write_record(job, text):
    os.setxattr(group(job) + "/cgroup.kill", RECORD, text.encode())


class Ruins:
    """What a daemon leaves that was killed in the middle of everything."""

    def __init__(self):
        self.alive, self.alive_job = begin_job("alive")
        self.ended, self.ended_job = begin_job("ended")
        self.stopped, self.stopped_job = begin_job("stopped")
        self.other = Sleeper(group(self.stopped_job), OTHER_UID)
        systemctl("stop", "cgmoved.service") # its socket stays, and nobody asks there

        write_record(self.ended_job, read_record(self.ended_job)[:-1] + ',"exit-code":7,"exit-signal":0}')
        self.ended.end()
        write_record(self.stopped_job, read_record(self.stopped_job)[:-1] +
                     ',"stop-kill-at":1,"stop-reach":"owner","stop-result":"stopped"}')
        write(group(self.stopped_job) + "/cgroup.freeze", "1")

        self.moved_job, self.empty_job = self.stopped_job + 1, self.stopped_job + 2
        for job in (self.moved_job, self.empty_job):
            os.mkdir(group(job))
            write(group(job) + "/cgroup.freeze", "1")
            write_record(job, read_record(self.alive_job).replace('"id":%d,' % self.alive_job, '"id":%d,' % job)
                         .replace('"alive"', '"moved"'))
        self.moved = Sleeper(SOURCES[0])
        self.moved.enter(group(self.moved_job))

        self.treed = Sleeper(SOURCES[2])
        write(NOTES + "/0", SOURCES[2][len(fault.CGROUP):])
        write(SOURCES[2] + "/cgroup.freeze", "1")
        write(RESULTS + "/.%d.json.tmp" % self.ended_job, "{")

    def check(self):
        fault.wait_until(lambda: not self.stopped.is_alive(), "the end of what was being stopped")
        fault.wait_until(lambda: fault.read(group(self.stopped_job) + "/cgroup.freeze") == "0\n", "the thaw of its job")
        fault.check_thawed()
        jobs = fault.list_settled_jobs()
        fault.check_records(jobs)
        check(set(jobs) == {self.alive_job, self.moved_job, self.stopped_job}, "the jobs are %s" % sorted(jobs))
        check(self.alive.job() == self.alive_job and self.moved.job() == self.moved_job, "processes are in other jobs")
        check(jobs[self.moved_job]["name"] == "moved" and jobs[self.alive_job]["name"] == "alive", "names %s" % jobs)
        check(self.other.where() == group(self.stopped_job), "a process of another user is in " + self.other.where())
        check(self.treed.where() == SOURCES[2], "a process of the tree is in " + self.treed.where())
        ended = fault.status_of(self.ended_job)
        check((ended["result"], ended["exit_code"], ended["name"]) == ("failed", 7, "ended"), "job %s" % ended)
        self.other.end()
        fault.wait_until(lambda: not os.path.exists(group(self.stopped_job)), "the end of what was stopped")
        check(fault.status_of(self.stopped_job)["result"] == "stopped", "result of the stopped job")
        # ids are not given twice
        again, job = begin_job("again")
        check(job > self.empty_job, "job %d comes after %d" % (job, self.empty_job))
        again.end()

    def end(self):
        for sleeper in (self.alive, self.ended, self.stopped, self.other, self.moved, self.treed):
            if sleeper.is_alive():
                sleeper.end()


def start_killed(number):
    """Whether it was killed on the way; it is started again by systemd, with nobody who watches it."""
    write(NUMBER, "%d\n" % number)
    is_hit = subprocess.run(("systemctl", "start", "cgmoved.service"), stderr=subprocess.DEVNULL, check=False).returncode != 0
    pid = 0 if is_hit else fault.daemon_pid()
    if pid:
        os.kill(pid, signal.SIGKILL)
    fault.await_daemon()
    return is_hit


def run_once(number):
    ruins = Ruins()
    try:
        is_hit = start_killed(number)
        ruins.check()
    except Wrong as wrong:
        raise Wrong("killed at change %d: %s" % (number, wrong)) from wrong
    finally:
        ruins.end()
    fault.wait_until(lambda: not fault.job_groups(), "the end of all jobs")
    return is_hit


def main():
    began = time.monotonic()
    number = 1
    try:
        while run_once(number):
            number += 1
        check(number > 10, "it was killed %d times only" % (number - 1))
        print("tried %d kills of the daemon, at each system call of its start that changes anything" % (number - 1))
        print("start: %.1f s" % (time.monotonic() - began), file=sys.stderr)
    except Wrong as wrong:
        print("failed: %s" % wrong)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
