"""Measures what tug promises and prints it as a table; see tests/bench/run."""
import os
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "e2e", "lib")]

import cluster  # noqa: E402
import server  # noqa: E402
from lab import Tug, engine  # noqa: E402
from table import Table, busy  # noqa: E402

# In this order: the first needs a machine without a container engine (its firewall rules cost time for each packet), the
# second a cluster that has not done anything yet.
PARTS = ["http", "idle", "pod", "placed", "many", "watchers"]


def measure_cluster(table, parts):
    engine.start()
    try:
        t = Tug()
        t.up()
        if "idle" in parts:
            cluster.idle(table, t)
        if "pod" in parts:
            cluster.one_pod(table)
        if "placed" in parts:
            cluster.placed(table, t)
        if "many" in parts:
            cluster.many(table, t)
        if "watchers" in parts:
            cluster.watchers(table, t)
        cluster.stop(t)
    finally:
        engine.kill()


def main():
    parts = sys.argv[1:] or PARTS
    for p in parts:
        if p not in PARTS:
            print("bench: %s: write some of: %s" % (p, " ".join(PARTS)), file=sys.stderr)
            return 2
    table = Table()
    begin, work = time.monotonic(), busy()
    if "http" in parts:
        server.measure(table)
    if set(parts) - {"http"}:
        measure_cluster(table, parts)
    table.show()
    took = time.monotonic() - begin
    print("\n%d s on %d processors; load %.1f %.1f %.1f; processor time used by everything: %.0f %%" % (
        (took, os.cpu_count()) + os.getloadavg() + (100 * (busy() - work) / took / os.cpu_count(),)))
    return 0


sys.exit(main())
