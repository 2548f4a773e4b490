#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many jobs while the daemon is killed again and again, at any moment; meanwhile others begin, end, and are stopped.

  many-jobs.py JOBS KILLS
"""
import os
import random
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import fault  # noqa: E402
import peer  # noqa: E402
from fault import POOL, SOURCES, UID, Wrong, check  # noqa: E402


def become_alice():
    """In her unit, from where all that she begins leaves."""
    with open(SOURCES[0] + "/cgroup.procs", "w", encoding="ascii") as file:
        file.write("0")
    os.setgroups([])
    os.setgid(UID)
    os.setuid(UID)


def begin_sleeper():
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pause()
        finally:
            os._exit(0)
    return pid


def job_of(pid):
    with open("/proc/%d/cgroup" % pid, encoding="ascii") as file:
        found = re.search(r"cgmove@1000\.service/job-([0-9]+)$", file.read(), re.MULTILINE)
    return int(found.group(1)) if found else 0


class Alice:
    """Asks until she is answered, and looks where her processes are if she is not."""

    def __init__(self):
        self.peer = None
        self.n_lost = 0

    def ask(self, act, *args):
        for _ in range(2000):
            try:
                if not self.peer:
                    self.peer = peer.Peer().authenticate()
                return act(*args)
            except (peer.Closed, OSError):
                self.peer = None
                self.n_lost += 1
                yielded = self.instead(act, *args)
                if yielded:
                    return yielded
                time.sleep(0.002)
        raise Wrong("never answered")

    def instead(self, act, *args):
        return str(job_of(args[0])) if act == self.move_once and job_of(args[0]) else ""

    def move_once(self, pid, name):
        return self.peer.move([pid], [("name", "s", name)])

    def move(self, pid, name):
        answer = self.ask(self.move_once, pid, name)
        check(answer.isdigit(), "move of %d: %s" % (pid, answer))
        return int(answer)

    def call_once(self, job, method, options):
        body = peer.Writer()
        body.options(options)
        self.peer.send(peer.PATH + "/job/%d" % job, "org.cgmove1.Job", method, "a{sv}", body.data)
        return self.peer.receive()[2]

    def stop(self, job):
        return self.ask(self.call_once, job, "Stop", [])

    def finish(self, job, code):
        return self.ask(self.call_once, job, "Finish", [("exit-code", "i", code)])


def keep(count, ready):
    """The jobs that live from the beginning to the end: as "PID JOB" lines."""
    become_alice()
    alice = Alice()
    for i in range(count):
        pid = begin_sleeper()
        ready.write("%d %d\n" % (pid, alice.move(pid, "kept-%d" % i)))
    ready.write("all\n")
    ready.flush()
    signal.pause()


def churn(ledger, stop_fd):
    """Begins, ends and stops jobs until it is told to stop, and keeps a ledger: "JOB RESULT CODE" or "JOB running PID"."""
    become_alice()
    alice = Alice()
    number = 0
    while not fault.select.select([stop_fd], [], [], 0)[0]:
        number += 1
        name = "churn-%d" % number
        how = random.choice(("finish", "finish", "stop", "stay"))
        if how == "finish":
            code = random.randrange(256)
            go_r, go_w = os.pipe()
            pid = os.fork()
            if pid == 0:
                try:
                    os.close(go_w)
                    os.read(go_r, 1)
                    if Alice().finish(job_of(os.getpid()), code) != "":
                        os._exit(1)
                finally:
                    os._exit(0)
            os.close(go_r)
            job = alice.move(pid, name)
            os.close(go_w)
            _, status = os.waitpid(pid, 0)
            check(status == 0, "the status of job %d was refused" % job)
            ledger.write("%d %s %d\n" % (job, "failed" if code else "done", code))
            continue
        pid = begin_sleeper()
        job = alice.move(pid, name)
        if how == "stop":
            said = alice.stop(job)
            check(said in ("", "org.cgmove1.Error.NoSuchJob"), "stop: " + said)
            os.waitpid(pid, 0)
            ledger.write("%d stopped 0\n" % job)
        else:
            ledger.write("%d running %d\n" % (job, pid))
    ledger.write("lost %d\n" % alice.n_lost)
    ledger.flush()
    signal.pause()


def begin(act, *args):
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(r)
            with os.fdopen(w, "w") as file:
                act(*(args[:-1] + (file, args[-1])) if act is churn else args + (file,))
        except BaseException as error: # pylint: disable=broad-except
            print("failed: %r" % error, flush=True)
        finally:
            os._exit(1)
    os.close(w)
    return os.fdopen(r), pid


def kill_again_and_again(kills):
    for number in range(kills):
        time.sleep(random.random() * 0.03)
        pid = fault.daemon_pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
        # sometimes it is killed before it has found its jobs
        if number % 3:
            fault.await_daemon()
    fault.await_daemon()


def check_kept(kept, jobs):
    for pid, job in kept:
        check(job_of(pid) == job, "process %d is in job %d and not in %d" % (pid, job_of(pid), job))
        check(job in jobs, "job %d is lost" % job)


def check_ledger(lines, jobs):
    counts = {}
    for line in lines:
        job, result, detail = line.split()
        counts[result] = counts.get(result, 0) + 1
        if result == "running":
            check(job_of(int(detail)) == int(job) and int(job) in jobs, "job %s is lost" % job)
            continue
        fault.wait_until(lambda: not os.path.exists("%s/job-%s" % (POOL, job)), "the end of job " + job)
        record = fault.status_of(job)
        check((record["state"], record["result"]) == ("ended", result), "job %s: %s and not %s" % (job, record, result))
        check(result == "stopped" or record["exit_code"] == int(detail), "job %s: %s and not %s" % (job, record, detail))
    return counts


def main():
    n_jobs, n_kills = int(sys.argv[1]), int(sys.argv[2])
    stop_r, stop_w = os.pipe()
    began = time.monotonic()
    keeper_file, keeper = begin(keep, n_jobs)
    try:
        kept = []
        for line in keeper_file:
            if line == "all\n":
                break
            kept.append(tuple(int(word) for word in line.split()))
        check(len(kept) == n_jobs, "%d jobs were made" % len(kept))
        print("made: %.1f s" % (time.monotonic() - began), file=sys.stderr)
        churn_file, churner = begin(churn, stop_r)
        kill_again_and_again(n_kills)
        print("killed: %.1f s" % (time.monotonic() - began), file=sys.stderr)
        os.write(stop_w, b"x")
        lines = []
        for line in churn_file:
            if line.startswith("lost"):
                n_lost = int(line.split()[1])
                break
            lines.append(line)
        else:
            raise Wrong("whoever began and ended jobs has failed")

        jobs = fault.list_settled_jobs()
        fault.check_records(jobs)
        names = [job["name"] for job in jobs.values()]
        check(len(names) == len(set(names)), "a job is there twice")
        check_kept(kept, jobs)
        counts = check_ledger(lines, jobs)
        check(len(jobs) == n_jobs + counts.get("running", 0), "%d jobs run" % len(jobs))
        fault.check_thawed()
        print("tried %d kills of the daemon with %d jobs alive, while %d more began, of which %d ended by themselves and %d were "
              "stopped; %d requests lost their answer" % (n_kills, n_jobs, len(lines), counts.get("done", 0) +
                                                          counts.get("failed", 0), counts.get("stopped", 0), n_lost))
        print("all: %.1f s" % (time.monotonic() - began), file=sys.stderr)
    except Wrong as wrong:
        print("failed: %s" % wrong)
        return 1
    finally:
        os.kill(keeper, signal.SIGKILL)
    os.kill(churner, signal.SIGKILL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
