#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a man page says, for tests that hold the programs against it.

    manual.py sections < PAGE             the titles of its subsections
    manual.py options TITLE < PAGE        the options that the section documents whose title begins with TITLE: a line each, "tag "
                                          in front of those that are the subject of a paragraph or in the title
    manual.py examples < PAGE             its examples: JSON, a list of {text, root, command, output}
    manual.py files < PAGE                the files that its examples show: JSON, a list of {name, text}
    manual.py match EXPECTED ACTUAL [NUMBERS]   whether a text is what an example shows: numbers may differ, but the same one always
                                          stands for the same; prints them as "SHOWN=FOUND ...", to be given to the next call
"""
import re
import sys

ESCAPES = {"-": "-", "&": "", "e": "\\", "(dq": '"', "(bu": "*", "(ga": "`", "(->": "->", "|": "", "^": "", "~": " ", ":": ""}
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*|-[A-Za-z])(?![\w-])")


def to_json(value):
    """The small Python of the test machines has no module for it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[%s]" % ", ".join(to_json(v) for v in value)
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s: %s" % (to_json(k), to_json(v)) for k, v in value.items())
    return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")


def unescape(text):
    text = re.sub(r"\\f(\(..|\[[^]]*\]|.)", "", text)
    return re.sub(r"\\(\(..|.)", lambda m: ESCAPES.get(m.group(1), m.group(1)), text)


def arguments(line):
    """Of a macro, as roff splits them."""
    return [a if not a.startswith('"') else a[1:].rstrip('"') for a in re.findall(r'"[^"]*"?|\S+', line)]


def plain(line):
    """The words of a line, without its macro."""
    match = re.match(r"\.(\S+)\s*(.*)", line)
    if not match:
        return unescape(line)
    macro, rest = match.groups()
    if macro in ("BR", "RB", "BI", "IB", "IR", "RI"):
        return unescape("".join(arguments(rest)))
    if macro in ("B", "I", "SS", "SH", "SM"):
        return unescape(" ".join(arguments(rest)))
    return ""


def read_sections(page):
    """A list of (level, title, lines)."""
    result = []
    for line in page.splitlines():
        if line.startswith((".SH", ".SS")):
            result.append((line[1:3], plain(line), []))
        elif result and not line.startswith('.\\"'):
            result[-1][2].append(line)
    return result


def section_options(sections, title):
    lines = next((s for s in sections if s[1] == title or s[1].startswith(title + " ")), None)
    if not lines:
        sys.exit("there is no section on %s" % title)
    tags = set(OPTION.findall(lines[1]))
    mentioned = set(tags)
    tag_follows = False
    for line in lines[2]:
        options = OPTION.findall(plain(line))
        mentioned.update(options)
        if tag_follows:
            tags.update(options)
        tag_follows = line in (".TP", ".TQ") or line.startswith(".TP ")
    return tags, mentioned


def example_sections(sections):
    inside = False
    for level, title, lines in sections:
        inside = title == "EXAMPLES" if level == "SH" else inside
        if inside:
            yield title, lines


def is_command(line):
    """ "$ COMMAND", or "# COMMAND" of root's, which is no comment of a file if its prompt is set in bold."""
    return plain(line).startswith("$ ") or (line.startswith(".RB") and plain(line).startswith("# "))


def read_examples(sections):
    result = []
    for title, lines in example_sections(sections):
        text, inside = [title], False
        for line in lines:
            if line in (".EX", ".nf"):
                inside = True
            elif line in (".EE", ".fi"):
                inside, text = False, []
            elif not inside:
                text.append(plain(line))
            elif is_command(line):
                result.append({"text": " ".join(text).strip(), "root": plain(line)[0] == "#", "command": plain(line)[2:], "output": ""})
            elif result and line not in (".RS", ".RE"):
                result[-1]["output"] += plain(line) + "\n"
    return result


def read_files(sections):
    """Each begins with a comment that is its name, or where the block begins."""
    result = []
    for title, lines in example_sections(sections):
        inside = False
        for line in lines:
            if line in (".EX", ".nf"):
                inside = True
                result.append({"name": "", "text": ""})
            elif line in (".EE", ".fi"):
                inside = False
            elif inside and is_command(line):
                result.pop()
                inside = False
            elif inside and line not in (".RS", ".RE"):
                if re.match("# /etc/", plain(line)):
                    result.append({"name": plain(line)[2:], "text": ""})
                else:
                    result[-1]["text"] += plain(line) + "\n"
    return [file for file in result if file["text"].strip()]


def match(expected, actual, numbers):
    """A regular expression of EXPECTED, in which a number is known from before, seen before in it, or anything."""
    seen, pattern = set(), ""
    for part in re.findall(r"\d+|\s+|[^\d\s]+", expected.strip()):
        if not part.isdigit():
            pattern += r"\s+" if part.isspace() else re.escape(part)
        elif part in numbers:
            pattern += re.escape(numbers[part])
        else:
            pattern += "(?P=n%s)" % part if part in seen else r"(?P<n%s>\d+)" % part
            seen.add(part)
    found = re.fullmatch(pattern, actual.strip())
    if not found:
        return None
    return {**numbers, **{key[1:]: value for key, value in found.groupdict().items()}}


def main(verb, *words):
    if verb == "match":
        known = words[2].split() if len(words) > 2 else []
        numbers = match(words[0], words[1], dict(word.split("=") for word in known))
        if numbers is None:
            sys.exit("expected:\n%s\nfound:\n%s" % (words[0], words[1]))
        print(*("%s=%s" % pair for pair in numbers.items()))
        return
    sections = read_sections(sys.stdin.read())
    if verb == "sections":
        print("\n".join(title for level, title, _ in sections if level == "SS"))
    elif verb == "options":
        tags, mentioned = section_options(sections, words[0])
        print("\n".join(sorted(("tag " if o in tags else "") + o for o in mentioned)))
    elif verb == "files":
        print(to_json(read_files(sections)))
    elif verb == "examples":
        print(to_json(read_examples(sections)))


main(*sys.argv[1:])
