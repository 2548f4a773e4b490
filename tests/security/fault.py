#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lets the daemon run into faults, one at each system call of what it does, and looks whether all is right afterwards.

  fault.py FAULT OPERATION...

FAULT is "kill", "change" (a kill where it makes a difference), or an error of fault-at.c. Each OPERATION is done again and again, with the fault at its first system call, at its
second, and so on, until it gets through without. Then, every time: the daemon is there; nothing is left frozen; every process is
where it was or in a job that is listed, with a record that is right; no group is without a job, and no job twice; who had no
answer gets it when he asks again; what has ended is known, and as what.

Must run as root, with units fault-1.service to fault-3.service of alice, and a policy that lets her leave from all of them.
"""
import os
import re
import select
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import peer  # noqa: E402

UID = 1000
OTHER_UID = 1001
CGROUP = "/sys/fs/cgroup"
POOL = CGROUP + "/user.slice/user-cgmove.slice/user-cgmove-1000.slice/cgmove@1000.service"
APPS = CGROUP + "/user.slice/user-1000.slice/user@1000.service/app.slice"
SOURCES = [APPS + "/fault-%d.service" % n for n in (1, 2, 3)]
DAEMON = CGROUP + "/system.slice/cgmoved.service/cgroup.procs"
NOTES = "/run/cgmove/frozen"
POLICY = "/etc/cgmove/policy.d/test.conf"
KILLS = ("kill", "change")
FAULT_AT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "fault-at")
TIMEOUT = 20


class Wrong(Exception):
    pass


def parse_json(text):
    """The python of these machines is a small one, without json; and what comes from root is trusted here."""
    if isinstance(text, bytes):
        text = text.decode()
    return eval(text, {"null": None, "true": True, "false": False}) # pylint: disable=eval-used


def check(condition, what):
    if not condition:
        raise Wrong(what)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def wait_until(condition, what, timeout=TIMEOUT):
    end = time.monotonic() + timeout
    while not condition():
        check(time.monotonic() < end, "in vain waited for: " + what)
        time.sleep(0.002)


# --- alice ----------------------------------------------------------------------------------------------------------------

def as_user(uid, act, *args):
    """Begins ACT in a process of its own with the user's rights; its answer comes out of the file that is returned."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(r)
            if uid:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
            try:
                answer = act(*args)
            except (peer.Closed, OSError):
                answer = "closed"
            os.write(w, answer.encode())
        finally:
            os._exit(0)
    os.close(w)
    return os.fdopen(r, "r"), pid


def answer_of(call):
    file, pid = call
    ready, _, _ = select.select([file], [], [], TIMEOUT)
    check(ready, "there is no answer, and the connection is still open")
    answer = file.read()
    file.close()
    os.waitpid(pid, 0)
    return answer


def move_processes(pids, name, more=()):
    return peer.Peer().authenticate().move(pids, [("name", "s", name)] + list(more))


def call_job(job, method, *options):
    body = peer.Writer()
    if method == "Kill":
        body.fixed("i", 4, signal.SIGKILL)
    body.options(options)
    caller = peer.Peer().authenticate()
    caller.send(peer.PATH + "/job/" + job, "org.cgmove1.Job", method, "ia{sv}" if method == "Kill" else "a{sv}", body.data)
    _, _, error, text = caller.receive()
    return error + " " + text[4:].decode(errors="replace") if error else "ok"


def ping():
    return peer.Peer().authenticate().ping()


def cgmove(*args):
    """What the tool says to alice of itself; None if it fails."""
    ran = subprocess.run(("cgmove",) + args + ("--json",), user=UID, group=UID, extra_groups=[], stdout=subprocess.PIPE,
                         check=False, cwd="/", env={"PATH": "/usr/bin:/bin"})
    return parse_json(ran.stdout) if ran.returncode == 0 else None


def list_jobs():
    """Those that run."""
    listed = cgmove("list")
    check(listed is not None, "the jobs cannot be listed")
    return {job["id"]: job for job in listed["jobs"] if job["state"] == "running"}


def status_of(number):
    status = cgmove("status", str(number))
    check(status is not None, "job %s is lost" % number)
    return status["job"]


class Sleeper:
    """A process of alice in one of her units."""

    def __init__(self, source, uid=UID, deaf=False, command=("sleep", "1000000")):
        def prepare():
            if deaf:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.source = source
        self.process = subprocess.Popen(command, user=uid, group=uid, extra_groups=[], preexec_fn=prepare, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, cwd="/")
        self.pid = self.process.pid
        self.enter(source)

    def enter(self, group):
        with open(group + "/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(self.pid))

    def where(self):
        for line in read("/proc/%d/cgroup" % self.pid).splitlines():
            if line.startswith("0::"):
                return CGROUP + line[3:]
        return ""

    def job(self):
        """The number of its job, 0 in its source; anywhere else is wrong."""
        where = self.where()
        if where == self.source:
            return 0
        found = re.fullmatch(re.escape(POOL) + "/job-([0-9]+)", where)
        check(found, "process %d is in %s" % (self.pid, where))
        return int(found.group(1))

    def is_alive(self):
        return self.process.poll() is None

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


# --- the daemon -----------------------------------------------------------------------------------------------------------

def daemon_pid():
    try:
        pids = read(DAEMON).split()
    except OSError:
        return 0 # between two of them
    for pid in pids:
        try:
            stat = read("/proc/%s/stat" % pid)
        except OSError:
            continue
        if stat.split(") ")[1].split()[1] == "1" and "(cgmoved)" in stat:
            return int(pid)
    return 0


def await_daemon():
    """It answers. The socket is there while it is not, so that whoever asks waits."""
    for _ in range(200):
        if answer_of(as_user(0, ping)) not in ("closed", ""):
            return
        time.sleep(0.005)
    raise Wrong("the daemon does not answer")


class Fault:
    def __init__(self, number, kind):
        pid = daemon_pid()
        check(pid, "there is no daemon")
        self.pid = pid
        self.tool = subprocess.Popen([FAULT_AT, str(pid), str(number), kind], stdout=subprocess.PIPE, text=True)
        check(self.tool.stdout.readline() == "ready\n", "the daemon cannot be watched")

    def has_hit(self):
        return self.tool.poll() is not None

    def end(self, settled):
        """Whether it has struck. SETTLED says whether all that was asked for has been done; a while later the daemon rests."""
        try:
            wait_until(lambda: self.has_hit() or settled(), "the end of what was asked for")
            self.tool.wait(0.025)
        except subprocess.TimeoutExpired:
            self.tool.terminate()
        text = self.tool.stdout.read()
        self.tool.wait()
        self.tool.stdout.close()
        return text.startswith("hit")


def job_groups():
    try:
        return {int(name[4:]) for name in os.listdir(POOL) if name.startswith("job-")}
    except FileNotFoundError:
        return set()


def check_records(jobs):
    """Each group is a job, each job has a group, and what is said of it is so."""
    check(set(jobs) == job_groups(), "jobs %s, groups %s" % (sorted(jobs), sorted(job_groups())))
    for number, job in jobs.items():
        group = "%s/job-%d" % (POOL, number)
        record = parse_json(os.getxattr(group + "/cgroup.kill", "user.cgmove.job"))
        check((record["id"], record["uid"], record["name"], record["kind"], record["source"]) ==
              (number, UID, job["name"], job["kind"], job["source"]), "record %s of job %s" % (record, job))
        check(re.fullmatch("user:fault-[123].service|job", job["source"]), "source of job %s" % job)
        check(read(group + "/cgroup.freeze") == "0\n", "job %d is frozen" % number)


def check_thawed():
    """The answer comes before the thaw."""
    wait_until(lambda: os.listdir(NOTES) == [], "a journal without notes of frozen groups")
    for source in SOURCES:
        wait_until(lambda: read(source + "/cgroup.freeze") == "0\n" and "frozen 0" in read(source + "/cgroup.events"),
                   "a source that is not frozen, " + source)


def list_settled_jobs():
    """Of what was undone something may still be dying: then there is a group for a moment that is no job."""
    jobs = {}

    def are_groups():
        nonlocal jobs
        jobs = list_jobs()
        return set(jobs) == job_groups()
    wait_until(are_groups, "groups that are jobs, and jobs that are groups")
    return jobs


# --- what is done ---------------------------------------------------------------------------------------------------------

class Operation:
    def __init__(self):
        self.name = ""
        self.sleepers = []

    def prepare(self):
        pass

    def act(self):
        """Begins it, and returns the call."""
        raise NotImplementedError

    def settled(self, answer):
        return True

    def check(self, answer, is_hit):
        pass

    def clean(self):
        for sleeper in self.sleepers:
            sleeper.end()
        self.sleepers = []
        wait_until(lambda: not job_groups(), "the end of all jobs")


class Move(Operation):
    """One process of each of N units; a try that had no answer is made again."""
    count = 1
    more = ()
    kind = "move"

    def prepare(self):
        self.sleepers = [Sleeper(source) for source in SOURCES[:self.count]]

    def pids(self):
        return [sleeper.pid for sleeper in self.sleepers]

    def act(self):
        return as_user(UID, move_processes, self.pids(), self.name, self.more)

    def check(self, answer, is_hit):
        jobs = list_settled_jobs()
        check_records(jobs)
        for sleeper in self.sleepers:
            check(sleeper.is_alive(), "a process has ended")
        places = [sleeper.job() for sleeper in self.sleepers]
        ours = [job for job in jobs.values() if job["name"] == self.name]
        check(len(ours) <= 1, "it was made twice: %s" % ours)
        for place in places:
            check(place == 0 or jobs[place]["name"] == self.name and jobs[place]["kind"] == self.kind, "a job of somebody else")
        if answer.isdigit():
            check(places == [int(answer)] * len(places), "job %s, and places %s" % (answer, places))
            return
        check(is_hit, "refused: " + answer)
        if answer != "closed":
            check(places == [0] * len(places), "an error (%s), and yet places %s" % (answer, places))
            check("nothing was moved" in answer or "Failed" in answer or "Busy" in answer, "the error " + answer)
        if 0 not in places:
            return # who asks again sees that he is there
        again = answer_of(as_user(UID, move_processes, self.pids(), self.name + "-again", self.more))
        check(again.isdigit(), "asked again: " + again)
        check([sleeper.job() for sleeper in self.sleepers] == [int(again)] * len(places), "asked again, and yet not all in job " + again)


class MoveSeveral(Move):
    count = 3


class MoveRestart(Move):
    more = (("restart", "s", "user:fault-2.service"),)
    kind = "restart"


class MoveTree(Move):
    """A process with two children, one of them in another unit; only the first is named."""
    more = (("tree", "b", True),)

    def prepare(self):
        family = Sleeper(SOURCES[0], command=("sh", "-c", "sleep 1000000 & sleep 1000000 & echo; wait"))
        family.process.stdout.readline()
        self.sleepers = [family]
        for child in read("/proc/%d/task/%d/children" % (family.pid, family.pid)).split():
            self.sleepers.append(Child(int(child), SOURCES[len(self.sleepers) - 1]))

    def pids(self):
        return [self.sleepers[0].pid]


class Child(Sleeper):
    def __init__(self, pid, source):
        self.pid = pid
        self.source = source
        self.enter(source)

    def is_alive(self):
        return os.path.exists("/proc/%d" % self.pid)

    def end(self):
        os.kill(self.pid, signal.SIGKILL)


class MoveFirst(Move):
    """The user has no pool yet."""

    def prepare(self):
        super().prepare()
        subprocess.run(["systemctl", "stop", "cgmove@1000.service"], check=True)

    def check(self, answer, is_hit):
        super().check(answer, is_hit)
        limits = subprocess.run(["systemctl", "show", "-p", "TasksMax", "-p", "MemoryMax", "cgmove@1000.service"],
                                stdout=subprocess.PIPE, text=True, check=True).stdout
        check("infinity" not in limits, "the pool has no limits: " + limits)


class OnJob(Operation):
    """Something is done to a job with a process that is deaf to SIGTERM, one that is not, and one of another user."""
    with_deaf = False
    with_other = False

    def prepare(self):
        self.sleepers = [Sleeper(SOURCES[0])]
        if self.with_deaf:
            self.sleepers.append(Sleeper(SOURCES[0], deaf=True))
        self.job = answer_of(as_user(UID, move_processes, [sleeper.pid for sleeper in self.sleepers], self.name))
        check(self.job.isdigit(), "the job is refused: " + self.job)
        self.other = None
        if self.with_other:
            self.other = Sleeper("%s/job-%s" % (POOL, self.job), OTHER_UID)

    def gone(self):
        return not os.path.exists("%s/job-%s" % (POOL, self.job))

    def owners_end(self):
        return all(not sleeper.is_alive() for sleeper in self.sleepers)

    def check_result(self, *results):
        wait_until(self.gone, "the end of the job")
        job = status_of(self.job)
        check(job["state"] == "ended" and job["result"] in results, "job %s is %s, %s" % (self.job, job["state"], job["result"]))
        return job

    def clean(self):
        if self.other:
            self.other.end()
            self.other = None
        super().clean()


class Stop(OnJob):
    """SIGTERM is enough."""

    def act(self):
        return as_user(UID, call_job, self.job, "Stop")

    def settled(self, answer):
        return self.gone()

    def check(self, answer, is_hit):
        check(answer == "ok" or is_hit, "refused: " + answer)
        if answer != "ok" and not self.gone():
            again = answer_of(as_user(UID, call_job, self.job, "Stop"))
            check(again == "ok" or "NoSuchJob" in again, "asked again: " + again)
        self.check_result("stopped")


class Kill(OnJob):
    """It comes to the stage of SIGKILL, in which the group is frozen; a process of another user is left, and runs."""
    with_deaf = True
    with_other = True

    def act(self):
        return as_user(UID, call_job, self.job, "Kill")

    def settled(self, answer):
        return self.owners_end()

    def check(self, answer, is_hit):
        check(answer == "ok" or is_hit, "refused: " + answer)
        if answer != "ok" and not self.owners_end():
            again = answer_of(as_user(UID, call_job, self.job, "Kill"))
            check(again == "ok", "asked again: " + again)
        wait_until(self.owners_end, "the end of what is killed")
        wait_until(lambda: read("%s/job-%s/cgroup.events" % (POOL, self.job)) == "populated 1\nfrozen 0\n" and
                   read("%s/job-%s/cgroup.freeze" % (POOL, self.job)) == "0\n", "a job that is not frozen any more")
        check(self.other.is_alive(), "a process of another user was ended")
        check(self.other.where() == "%s/job-%s" % (POOL, self.job), "a process of another user was moved to " + self.other.where())
        check_records(list_jobs())
        self.other.end()
        self.other = None
        self.check_result("killed")


class End(OnJob):
    """Its supervisor tells how the command has ended, again and again until it has been heard, and ends."""

    def act(self):
        return as_user(UID, self.finish)

    def finish(self):
        with open("%s/job-%s/cgroup.procs" % (POOL, self.job), "w", encoding="ascii") as file:
            file.write("0")
        os.setgroups([])
        os.setgid(UID)
        os.setuid(UID)
        os.kill(self.sleepers[0].pid, signal.SIGKILL)
        for _ in range(1000):
            try:
                said = call_job(self.job, "Finish", ("exit-code", "i", 7))
                if said == "ok":
                    return said
            except (peer.Closed, OSError):
                pass
            time.sleep(0.002)
        return "never heard"

    def settled(self, answer):
        return self.gone()

    def check(self, answer, is_hit):
        check(answer == "ok", "Finish: " + answer)
        job = self.check_result("failed")
        check(job["exit_code"] == 7, "exit code %s" % job["exit_code"])


class EndOfAll(End):
    def act(self):
        return as_user(0, self.finish)


class Reload(Operation):
    """Of a policy with other sections than before: in force at the end, whatever happens on the way."""
    turn = 0

    def prepare(self):
        Reload.turn += 1
        self.section = "turn%d" % Reload.turn
        text = read(POLICY)
        with open(POLICY, "w", encoding="utf-8") as file:
            file.write(re.sub('policy "[^"]*"', 'policy "%s"' % self.section, text, count=1))

    def act(self):
        pid = daemon_pid()
        if pid:
            os.kill(pid, signal.SIGHUP)
        return as_user(0, ping)

    def check(self, answer, is_hit):
        self.sleepers = [Sleeper(SOURCES[0])]
        job = answer_of(as_user(UID, move_processes, [self.sleepers[0].pid], self.name))
        check(job.isdigit(), "no policy is in force: " + job)
        if not is_hit or FAULT in KILLS:
            found = list_jobs()[int(job)]["section"]
            check(found == self.section, "section %s and not %s is in force" % (found, self.section))


OPERATIONS = {
    "move": Move, "several": MoveSeveral, "tree": MoveTree, "first": MoveFirst, "restart": MoveRestart,
    "stop": Stop, "kill": Kill, "end": EndOfAll, "reload": Reload,
}
FAULT = ""


def run_once(name, operation, number):
    operation.name = "%s-%s-%d" % (name, FAULT, number)
    operation.prepare()
    fault = Fault(number, FAULT)
    answer = answer_of(operation.act())
    is_hit = fault.end(lambda: operation.settled(answer))
    await_daemon()
    if FAULT not in KILLS and daemon_pid() != fault.pid:
        run_once.restarts += 1
    try:
        operation.check(answer, is_hit)
        check_thawed()
    except Wrong as wrong:
        raise Wrong("%s, %s at system call %d (answer: %s): %s" % (name, FAULT, number, answer, wrong)) from wrong
    operation.clean()
    return is_hit


def run_all(name):
    operation = OPERATIONS[name]()
    number = 1
    began = time.monotonic()
    run_once.restarts = 0
    # on a busy machine the daemon may come to it only when it is not watched any more: not to be the last, then
    hits = misses = 0
    while misses < 3:
        if run_once(name, operation, number):
            hits, misses = hits + 1, 0
        else:
            misses += 1
        number += 1
    what = {"kill": "SIGKILL at each system call", "change": "SIGKILL at each system call that changes anything"}.get(
        FAULT, "%s of each system call that may have it; the daemon ended of it %d times" % (FAULT, run_once.restarts))
    print("tried %d times %s: %s" % (hits, operation_text(name), what), flush=True)
    print("%s %s: %.1f s" % (name, FAULT, time.monotonic() - began), file=sys.stderr)


def operation_text(name):
    return {
        "move": "a move", "several": "a move of three processes of three units", "tree": "a move of a tree over two units",
        "first": "a move that starts the pool", "restart": "a request of a restart", "stop": "a stop", "kill": "a stop by SIGKILL",
        "end": "the end of a job", "reload": "a reload of the policy",
    }[name]


def main():
    global FAULT
    FAULT = sys.argv[1]
    try:
        for name in sys.argv[2:]:
            run_all(name)
    except Wrong as wrong:
        print("failed: %s" % wrong)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
