"""The HTTP server alone: tests/bench/httpd_bench, and its lines against the goals."""
import os
import subprocess

from lab import BIN

PROGRAM = os.path.join(os.path.dirname(BIN), "tests", "httpd_bench")
GOALS = {  # of the lines that the program prints
    "cpu per GET": (7, "us"), "cpu per POST 300 B": (7, "us"), "cpu per TLS GET": (10, "us"),
    "idle event stream plain": (0.5, "KB"), "idle event stream TLS": (15, "KB"), "event to 5000 watchers": (100, "ms"),
}
PLAIN, TLS = "cpu per bare answer (recv and send alone)", "cpu per bare TLS answer (tls_read and tls_write alone)"


def measure(table):
    out = subprocess.run([PROGRAM], stdout=subprocess.PIPE, text=True, timeout=600, check=True)
    values = {}
    for line in out.stdout.splitlines():
        what, value, unit = line.split("\t")
        values[what] = float(value)
        goal = GOALS.get(what)
        table.row("HTTP server: " + what, value + " " + unit, "%g %s" % goal if goal else "",
                  float(value) <= goal[0] if goal else None)
    own = [values[what] - values[bare] for what, bare in (("cpu per GET", PLAIN), ("cpu per POST 300 B", PLAIN),
                                                         ("cpu per TLS GET", TLS))]
    table.row("HTTP server: its own part of a GET / POST / TLS GET, beyond kernel and OpenSSL", "%.1f / %.1f / %.1f us" % tuple(own))
