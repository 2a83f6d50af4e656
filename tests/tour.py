# SPDX-License-Identifier: ISC
#
# Reads docs/tour.md and its like as their readers do. A block ```console has commands, "$ " in
# front, "> " where one goes on, and what they print; "..." stands for any text
# in a line, and alone on a line for any lines; how many blanks there are in one
# place does not count. The commands of a section are run by one shell, as a
# reader types them in one terminal. A block ```ini or ```sh that begins with the
# name of a file, as a comment, is a file that the reader writes.
#
# usage: tour.py FILE sections       the sections that have commands
#        tour.py FILE functions      "function file" where both are named
#        tour.py FILE named          the functions that are named at all
#        tour.py FILE files          the files of ours
#        tour.py FILE calls          "call function file" of the table
#        tour.py FILE run SECTION... status 1 and what differs, or 0
import fcntl
import os
import pathlib
import re
import subprocess
import sys
import time

# Commands that only look are repeated until they show what is expected: what
# happens in another process has no moment of its own.
LOOKS = re.compile(
    r"(build/release/)?preforkctl( -s \S+)? "
    r"(ping|health|connections|listeners|workers|stats)\b|grep |ss ")
PATIENCE_S = 10

# Reads commands with a NUL behind each and tells when one is done.
SHELL = r"""
exec 8<&"$2"- 9>&"$3"-
while IFS= read -r -d '' command <&8; do
	eval "$command" </dev/null >"$1" 2>&1 8<&- 9>&-
	echo done >&9
done
"""


def sections(text):
    """The text of each section by its title, in their order."""
    parts = re.split(r"^## (.*)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def goes_on(command):
    lines = command.splitlines()
    return lines[-1][-1:] in ("\\", "|") or (
        sum(line.endswith("; do") for line in lines) >
        sum(line.startswith("done") for line in map(str.strip, lines)))


def commands_of(block):
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append([line[2:], []])
        elif (line.startswith("> ") and not found[-1][1] and
              goes_on(found[-1][0])):
            found[-1][0] += "\n" + line[2:]
        else:
            found[-1][1].append(line)
    return found


def steps(section):
    """Pairs: a command and the lines that it prints, or a file and its text."""
    for kind, block in re.findall(r"^```(console|ini|sh)\n(.*?)^```$", section,
                                  re.M | re.S):
        if kind == "console":
            yield from commands_of(block)
        elif name := re.match(r"(?:#!.*\n)?# ([\w/.-]+)\n", block):
            yield pathlib.Path(name[1]), block


def commands(section):
    return [what for what, _ in steps(section) if isinstance(what, str)]


def line_matches(wanted, got):
    """Each part between "..." at its first place, the last at the end."""
    first, *rest = re.sub(r"[ \t]+", " ", wanted).split("...")
    got = re.sub(r"[ \t]+", " ", got)
    if not rest:
        return got == first
    if not got.startswith(first):
        return False
    at = len(first)
    for part in rest[:-1]:
        at = got.find(part, at)
        if at == -1:
            return False
        at += len(part)
    return got.endswith(rest[-1]) and len(got) - len(rest[-1]) >= at


def behind_any_lines(wanted, places):
    """The PLACES in WANTED, and those that are reached by no further line."""
    for place in sorted(places):
        while place < len(wanted) and wanted[place] == "...":
            place += 1
            places.add(place)
    return places


def matches(wanted, text):
    """All lines at once: where in WANTED may each line of TEXT leave us?"""
    places = behind_any_lines(wanted, {0})
    for got in text.split("\n")[:-1]:
        after = {place for place in places
                 if place < len(wanted) and wanted[place] == "..."}
        after |= {place + 1 for place in places
                  if place < len(wanted) and wanted[place] != "..." and
                  line_matches(wanted[place], got)}
        places = behind_any_lines(wanted, after)
    return len(wanted) in places


def printed(path):
    with open(path, "rb") as file:
        text = file.read().decode(errors="replace")
    return text if text.endswith("\n") or not text else text + "\n"


class Terminal:
    """A shell, and a file for what a command of it prints."""

    def __init__(self, path):
        self.path = path
        orders, self.orders = os.pipe()
        self.answers, answers = os.pipe()
        # Out of the way of the shell's 8 and 9.
        given = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (orders, answers)]
        self.shell = subprocess.Popen(
            ["bash", "-c", SHELL, "bash", path, *map(str, given)],
            pass_fds=given)
        for fd in (orders, answers, *given):
            os.close(fd)

    def run(self, command):
        os.write(self.orders, command.encode() + b"\0")
        if not os.read(self.answers, 16):
            sys.exit("the shell has ended: " + command)
        return printed(self.path)

    def shows(self, command, wanted):
        end = time.monotonic() + PATIENCE_S
        while True:
            got = self.run(command)
            if matches(wanted, got):
                return None
            if not LOOKS.match(command) or time.monotonic() > end:
                return got
            time.sleep(0.05)


def write_file(path, text):
    """$TOUR_POOL is what tests need in a pool beside what the reader has."""
    if "TOUR_POOL" in os.environ:
        text = text.replace(
            "\n[service", f"\n[pool default]\n{os.environ['TOUR_POOL']}\n\n"
            "[service", 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if text.startswith("#!"):
        path.chmod(0o755)


def run(all_steps):
    terminal = Terminal(os.environ["TOUR_OUTPUT"])
    for command, lines in all_steps:
        if isinstance(command, pathlib.Path):
            write_file(command, lines)
            continue
        got = terminal.shows(command, lines)
        if got is not None:
            print("$ " + command)
            print("expected:", *lines, sep="\n")
            print("printed:\n" + got)
            return 1
    return 0


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    what = sys.argv[2]
    if what == "sections":
        for title, section in sections(text).items():
            if commands(section):
                print(title)
    elif what == "functions":
        # `a()` in `file`, and `a()`, `b()` and `c()` in `file`
        one = r"`\w+\(\)`"
        for names, path in re.findall(
                rf"({one}(?:(?:,|,?\s+and)?\s+{one})*)\s+in\s+`([\w./]+\.c)`",
                text):
            for name in re.findall(r"\w+(?=\(\))", names):
                print(name, path)
    elif what == "named":
        print(*re.findall(r"`(\w+)\(\)`", text), sep="\n")
    elif what == "files":
        print(*re.findall(r"`([a-z]+/[\w./]+\.[a-z]+)`", text), sep="\n")
    elif what == "calls":
        for call, name, path in re.findall(
                r"^\| `(\w+)` \| `(\w+)\(\)` \| `(\S+)` \|$", text, re.M):
            print(call, name, path)
    else:
        sys.exit(run(step for title in sys.argv[3:]
                     for step in steps(sections(text)[title])))


main()
