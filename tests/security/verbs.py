#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every method of every object on the private socket, asked by every user about every job.

  verbs.py methods PATH             what introspection shows there, one "interface.method" a line
  verbs.py matrix UID... -- [NAME=]JOB...
                                    as root: each of these users asks each method about each job; prints
                                    "UID NAME METHOD ANSWER" for each
  verbs.py guess FIRST LAST         asks for all these jobs by GetJob and by their object, prints how many are told of
  verbs.py paths ID                 asks for the job by paths that are not quite its own
  verbs.py explain UID              asks what the policy says of another user, and of other groups
"""
import re
import sys

from peer import MANAGER, PATH, Closed, Writer, run_verb
from targets import as_user, connect

JOB = "org.cgmove1.Job"
PROPERTIES = "org.freedesktop.DBus.Properties"


def ask(connection, path, interface, member, signature="", body=b""):
    """Type of the answer and error with its message, or "ok" with all that was told."""
    try:
        connection.send(path, interface, member, signature, bytes(body))
        _, _, error, answer = connection.receive()
    except (Closed, OSError):
        return "closed"
    if error:
        size = int.from_bytes(answer[:4], "little")
        return error + " " + answer[4:4 + size].decode()
    return "ok " + re.sub(r"[^\x21-\x7e]+", " ", answer.decode("latin-1"))


def options(*entries):
    body = Writer()
    body.options(list(entries))
    return body.data


def strings(*texts):
    body = Writer()
    for text in texts:
        body.string(text)
    return body.data


def number(code, size, value, *entries):
    body = Writer()
    body.fixed(code, size, value)
    if entries or code == "i":
        body.options(list(entries))
    return body.data


def introspect(connection, path):
    connection.send(path, "org.freedesktop.DBus.Introspectable", "Introspect")
    _, _, error, answer = connection.receive()
    return "" if error else answer[4:-1].decode()


def verb_methods(args):
    interface = None
    for line in introspect(connect(), args[0]).splitlines():
        match = re.search(r'<(interface|method|signal) name="([^"]+)"', line)
        if match and match.group(1) == "interface":
            interface = match.group(2)
        elif match and match.group(1) == "method":
            print(interface + "." + match.group(2))


# What can be said to a job's object. Those that end a job or wait for it come last.
JOB_METHODS = [
    ("Get", PROPERTIES, "ss", lambda: strings(JOB, "Command")),
    ("Get-Name", PROPERTIES, "ss", lambda: strings(JOB, "Name")),
    ("GetAll", PROPERTIES, "s", lambda: strings(JOB)),
    ("GetAll-any", PROPERTIES, "s", lambda: strings("")),
    ("Finish", JOB, "a{sv}", lambda: options(("exit-code", "i", 0))),
    ("Report", JOB, "a{sv}", lambda: options(("outcome", "s", "{}"))),
    ("GetUnit", JOB, "a{sv}", options),
    ("RestartUnit", JOB, "a{sv}", options),
    ("StartUnit", JOB, "a{sv}", options),
    ("Kill", JOB, "ia{sv}", lambda: number("i", 4, 9)),
    ("Stop", JOB, "a{sv}", options),
    ("Wait", JOB, "a{sv}", options),
]


def ask_all(job, gentle):
    connection = connect()
    said = ["GetJob " + ask(connection, PATH, MANAGER, "GetJob", "t", number("Q", 8, job))]
    text = introspect(connection, "%s/job/%d" % (PATH, job))
    said.append("Introspect " + ("ok " if JOB in text else "org.none"))
    for name, interface, signature, body in JOB_METHODS:
        if gentle and name in ("Kill", "Stop", "Wait"):
            continue
        said.append(name + " " + ask(connection, "%s/job/%d" % (PATH, job), interface, name.split("-")[0], signature, body()))
    return "\n".join(line.replace("\n", " ") for line in said)


def verb_matrix(args):
    at = args.index("--")
    for uid in args[:at]:
        for arg in args[at + 1:]:
            name, owner, job = re.fullmatch(r"(\S+?):(\d+)=(\d+)", arg).groups()
            gentle = uid in ("0", owner)
            for line in as_user(int(uid), lambda job=job, gentle=gentle: ask_all(int(job), gentle)).splitlines():
                print(uid, name, line)


def verb_guess(args):
    connection = connect()
    told = set()
    for job in range(int(args[0]), int(args[1]) + 1):
        for said in (ask(connection, PATH, MANAGER, "GetJob", "t", number("Q", 8, job)),
                     ask(connection, "%s/job/%d" % (PATH, job), PROPERTIES, "GetAll", "s", strings(JOB))):
            told.add(said.replace(" %d;" % job, " N;"))
    for said in sorted(told):
        print(said)


def verb_paths(args):
    job = int(args[0])
    # what D-Bus takes for a path; anything else ends the connection
    tails = ["0%d" % job, "%d/1" % job, "_%02x%s" % (ord(str(job)[0]), str(job)[1:]), "%d_20" % job, str(job + (1 << 64)), "%d_00" % job,
             "0x%x" % job, "%d%d" % (job, job), "_2a", "1_2f_2e_2e", "_" * 200, "9" * 200, "job/%d" % job, "_2b%d" % job, "_2d%d" % job,
             "%d_2f" % job, "_30%d" % job]
    connection = connect()
    for tail in tails:
        said = ask(connection, "%s/job/%s" % (PATH, tail), PROPERTIES, "GetAll", "s", strings(JOB))
        print(tail[:30], said[:90])
        print(tail[:30], ask(connection, "%s/job/%s" % (PATH, tail), JOB, "Stop", "a{sv}", options())[:90])


def verb_explain(args):
    connection = connect()
    print("other", ask(connection, PATH, MANAGER, "Explain", "a{sv}", options(("uid", "u", int(args[0])), ("source", "s", "session"))))
    body = Writer()

    def entry(_):
        body.align(8)
        body.string("gids")
        body.signature("au")
        body.array(4, [0], lambda gid: body.fixed("I", 4, gid))
    body.array(8, [0], entry)
    print("groups", ask(connection, PATH, MANAGER, "Explain", "a{sv}", body.data))
    print("own", ask(connection, PATH, MANAGER, "Explain", "a{sv}", options(("source", "s", "session"))))


if __name__ == "__main__":
    sys.exit(run_verb(globals(), __doc__))
