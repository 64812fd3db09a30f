"""The examples of README.md are run in order, and what they print has the shape that is printed there."""
import os
import re
import subprocess
import time

from lab import BIN, Case, REPO, engine

DEADLINE = 60

# What differs from run to run, and the word that stands for it. Times and sizes lose their figures, not their form.
VARIES = [(r"\b[0-9a-f]{12}\b", "ID"), (r"-[0-9a-f]{10}\b", "-REVISION"), (r"/[0-9a-f]{10}\b", "/REVISION"),
          (r"\b3[0-9]{4}\b|\b[45][0-9]{4}\b", "PORT"), (r"\bn\d+\b", "NODE"), (r"\(\d+[smhd]\)", "(AGE)"), (r"^\d+[smhd]\b", "AGE"),
          (r"\s+", " ")]


def shape(line):
    for pattern, word in VARIES:
        line = re.sub(pattern, word, line)
    return line.strip()


def fits(want, have):
    """`...` in want stands for any lines, none as well. What happened in another order is as good."""
    pieces, at = [[]], 0
    for line in want:
        if line == "...":
            pieces.append([])
        else:
            pieces[-1].append(line)
    for n, piece in enumerate(pieces):
        last = len(have) - len(piece)
        starts = [at] if n == 0 else range(at, last + 1)
        if n == len(pieces) - 1:
            starts = [last] if n else [0] if last == 0 else []
        found = [s for s in starts if s >= at and sorted(have[s:s + len(piece)]) == sorted(piece)]
        if not found:
            return False
        at = found[0] + len(piece)
    return True


def examples():
    """(line, command, what it prints) of all console blocks."""
    command, number, lines, inside = None, 0, [], False
    with open(os.path.join(REPO, "README.md")) as f:
        for n, line in enumerate(f.read().splitlines(), 1):
            if inside and (line.startswith("$ ") or line == "```"):
                if command is not None:
                    yield number, command, lines
                command, number, lines = (line[2:], n, []) if line.startswith("$ ") else (None, 0, [])
                inside = line != "```"
            elif line == "```console":
                inside = True
            elif inside:
                lines.append(line)


class Readme(Case):
    def setUp(self):
        env = dict(self.t.env, PATH=BIN + ":" + self.t.env["PATH"], DOCKER_HOST=engine.address, HOST=str(self.t.port))
        self.shell = subprocess.Popen(["bash"], cwd=REPO, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True)
        self.addCleanup(self.stop)

    def stop(self):
        self.shell.stdin.close()
        self.shell.stdout.close()
        self.shell.kill()
        self.shell.wait()

    def run_line(self, command):
        """In one shell, as a reader would type it; the lines that it prints."""
        self.shell.stdin.write("{ %s\n} 2>&1; printf '\\n--end--\\n'\n" % command)
        self.shell.stdin.flush()
        lines = []
        for line in self.shell.stdout:
            if line == "--end--\n":
                break
            lines.append(line.rstrip("\n"))
        while lines and lines[-1] == "":
            lines.pop()
        return lines

    def test_examples_do_what_the_page_says(self):
        found = list(examples())
        self.assertGreater(len(found), 15)
        for number, command, want in found:
            command = command.replace("127.0.0.1:8000", "127.0.0.1:%d" % self.t.port)
            looks = re.match(r"(tug (ps|get|events|logs)|etcdctl get) ", command + " ") is not None
            want = [shape(line) for line in want]
            # a bare `...` at the end: it takes effect a moment later, which what comes next shows
            if want and want[-1] == "...":
                want.pop()
            end = time.monotonic() + DEADLINE
            while True:
                have = self.run_line(command)
                if fits(want, [shape(line) for line in have]) or not looks or time.monotonic() > end:
                    break
                time.sleep(0.1)
            self.assertTrue(fits(want, [shape(line) for line in have]),
                            "README.md:%d: $ %s\nprinted\n%s\nand not the shape of\n%s" % (number, command, "\n".join(have),
                                                                                           "\n".join(want)))
