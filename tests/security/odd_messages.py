# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls of any shape, well formed and not: headers, variants and bodies that peer.py has no need of. Nothing is sent here."""
import struct

from peer import MANAGER, PATH, Writer, message

JOB = "org.cgmove1.Job"
PROPERTIES = "org.freedesktop.DBus.Properties"


def version(serial=1):
    body = Writer()
    body.string(MANAGER)
    body.string("Version")
    return message(serial, PATH, PROPERTIES, "Get", "ss", body.data)


def options(entries):
    body = Writer()
    body.options(entries)
    return bytes(body.data)


def move(entries, serial=1, processes=0):
    body = Writer()
    body.array(4, range(processes), lambda i: body.fixed("I", 4, i))
    body.options(entries)
    return message(serial, PATH, MANAGER, "Move", "aha{sv}", body.data, processes)


def header(order="l", kind=1, flags=0, protocol=1, serial=1, fields=None, body=b"", body_size=None, fields_size=None):
    """A message of any header; FIELDS as (code, signature, bytes of the value in its alignment), each for the endianness."""
    end = "<" if order != "B" else ">"
    out = bytearray(struct.pack(end + "cBBBII", order.encode("latin-1"), kind, flags, protocol,
                                len(body) if body_size is None else body_size, serial))
    start = len(out) + 4
    inner = bytearray()
    for code, signature, value in fields:
        inner += bytes(-(start + len(inner)) % 8)
        inner += bytes([code, len(signature)]) + signature.encode("latin-1") + b"\0"
        if callable(value):
            value = value(end)
        if signature[:1] in "souhai":
            inner += bytes(-(start + len(inner)) % 4)
        inner += value
    out += struct.pack(end + "I", len(inner) if fields_size is None else fields_size) + inner
    out += bytes(-len(out) % 8)
    return bytes(out) + body


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return lambda end: struct.pack(end + "I", len(raw)) + raw + b"\0"


def number(value):
    return lambda end: struct.pack(end + "I", value)


def sig(value):
    return bytes([len(value)]) + value.encode() + b"\0"


def call_fields(path=PATH, interface=PROPERTIES, member="Get", signature="ss", more=()):
    fields = []
    if path is not None:
        fields.append((1, "o", text(path)))
    if interface is not None:
        fields.append((2, "s", text(interface)))
    if member is not None:
        fields.append((3, "s", text(member)))
    if signature is not None:
        fields.append((8, "g", sig(signature)))
    return fields + list(more)


def get_body(end="<"):
    body = b""
    for value in (MANAGER, "Version"):
        body += bytes(-len(body) % 4)
        body += struct.pack(end + "I", len(value)) + value.encode() + b"\0"
    return body


def variant(signature, value):
    """A variant's bytes are made where they stand: WRITER, for its alignment."""
    def write(writer):
        writer.signature(signature)
        value(writer)
    return write


def deep_variant(depth):
    def write(writer):
        for _ in range(depth):
            writer.signature("v")
        writer.signature("y")
        writer.data.append(7)
    return write


def values():
    """Variants of all types."""
    for kind, value in (("s", "x"), ("o", "/"), ("g", "a{sv}"), ("u", 7), ("b", True), ("i", -1), ("t", 1 << 63)):
        yield kind, variant(kind, lambda writer, kind=kind, value=value: writer.value(kind, value))
    yield "y", variant("y", lambda writer: writer.data.append(255))
    yield "h out of range", variant("h", lambda writer: writer.value("h", 4000000000))
    yield "b of 2", variant("b", lambda writer: writer.value("u", 2))
    yield "d", variant("d", lambda writer: writer.fixed("d", 8, float("nan")))
    yield "ay of none", variant("ay", lambda writer: writer.array(1, [], None))
    yield "ay of 150000", variant("ay", lambda writer: writer.array(1, range(150000), lambda i: writer.data.append(i % 256)))
    yield "as", variant("as", lambda writer: writer.array(4, ["a", "b"], writer.string))
    yield "a{sv}", variant("a{sv}", lambda writer: writer.options([("name", "s", "inner")]))
    yield "au of 30000", variant("au", lambda writer: writer.array(4, range(30000), lambda i: writer.fixed("I", 4, i)))
    yield "()", variant("(s)", lambda writer: (writer.align(8), writer.string("x")))
    for depth in (1, 10, 31, 62, 63, 64, 200):
        yield "v in v, %d deep" % depth, deep_variant(depth)
    yield "array that lies", variant("ay", lambda writer: writer.fixed("I", 4, 1 << 26))
    yield "text without end", variant("s", lambda writer: writer.fixed("I", 4, 0xffffffff))


def entries(keys_and_writers):
    body = Writer()

    def entry(item):
        body.align(8)
        body.string(item[0])
        item[1](body)
    body.array(8, keys_and_writers, entry)
    return bytes(body.data)


METHODS = {
    # interface, method, what is before the options, keys
    "Move": (MANAGER, "ah", ("name", "command", "log", "log-directory", "restart", "kind", "self", "tree", "reset-oom-score", "", "unknown")),
    "Check": (MANAGER, "ah", ("restart", "kind", "tree", "unknown")),
    "ListJobs": (MANAGER, "", ("all", "unknown")),
    "Explain": (MANAGER, "", ("uid", "gids", "source", "unknown")),
    "Stop": (JOB, "", ("unknown",)),
    "Kill": (JOB, "i", ("unknown",)),
    "Wait": (JOB, "", ("unknown",)),
    "Finish": (JOB, "", ("exit-code", "exit-signal", "unknown")),
    "Report": (JOB, "", ("outcome", "unknown")),
    "GetUnit": (JOB, "", ("unknown",)),
}
# these change nothing, and may be answered
HARMLESS = ("Check", "ListJobs", "Explain")


def method_call(method, option_bytes, job):
    interface, before, _ = METHODS[method]
    body = Writer()
    if before == "ah":
        body.array(4, [], None)
    elif before == "i":
        body.fixed("i", 4, 15)
    body.align(4)
    # an array's length, its padding to 8, its entries: where it stands decides
    size = option_bytes[:4]
    body.data += size
    body.align(8)
    body.data += option_bytes[8:]
    path = PATH if interface == MANAGER else PATH + "/job/" + job
    return message(1, path, interface, method, before + "a{sv}", body.data)
