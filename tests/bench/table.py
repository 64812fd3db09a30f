"""The table of figures, and what every part of the benchmark needs to fill it."""
import os
import sys


class Table:
    def __init__(self):
        self.rows = []

    def row(self, what, value, goal="", met=None):
        """met: None where the row has no goal of its own."""
        met = "" if met is None else "yes" if met else "NO"
        self.rows.append((what, value, goal, met))
        print("%-70s %-24s goal %-26s %s" % (what, value, goal or "-", met), file=sys.stderr)

    def show(self):
        rows = [("what", "measured", "goal", "met")] + self.rows
        widths = [max(len(r[i]) for r in rows) for i in range(4)]
        for i, r in enumerate(rows):
            print("| " + " | ".join("%-*s" % w for w in zip(widths, r)) + " |")
            if i == 0:
                print("|" + "|".join("-" * (w + 2) for w in widths) + "|")


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p))]


def busy():
    """Seconds of processor time that this machine has spent on anything so far."""
    with open("/proc/stat") as f:
        t = [int(n) for n in f.readline().split()[1:9]]
    return (sum(t) - t[3] - t[4]) / os.sysconf("SC_CLK_TCK")
