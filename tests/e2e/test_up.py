"""`tugd up` itself: it leaves containers when it is stopped, adopts them when it is back, and `tug down` leaves nothing."""
import os
import signal
import subprocess

from lab import BIN, Case, engine, wait_for


def alive(pid):
    """A process that has not ended (one that nobody has waited for yet has)."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Up(Case):
    def started(self, name):
        return {c["Id"]: engine.inspect(c["Id"])["State"]["StartedAt"] for c in self.t.running(name)}

    def children(self):
        return {c["name"]: c["pid"] for c in self.t.status()["children"]}

    def check_gone(self, pids):
        for name, pid in pids.items():
            wait_for("%s (%d) has ended" % (name, pid), lambda: not alive(pid))

    def test_stopped_or_killed_it_leaves_containers_and_adopts_them(self):
        self.t.apply(self.web("adopted", 2), "--wait")
        before = self.started("adopted")
        pids = self.children()
        self.assertEqual(sorted(pids), ["api", "etcd", "health", "runner", "scheduler"])
        self.assertEqual(self.t.term(), 0)
        self.check_gone(pids)
        self.assertEqual(self.started("adopted"), before)
        self.t.up()
        self.t.ready("adopted", 2)
        pids = self.children()
        self.t.kill()
        self.check_gone(pids)
        self.t.up()
        self.t.ready("adopted", 2)
        self.assertEqual(self.started("adopted"), before, "the same containers, never restarted")
        # what changed while nothing of tug ran is noticed
        self.t.term()
        ident = sorted(before)[0]
        engine.call("DELETE", "/containers/%s?force=1" % ident)
        self.t.up()
        wait_for("what was removed meanwhile is made again", lambda: len(self.t.running("adopted")) == 2)
        self.assertEqual(len(set(before) & set(self.started("adopted"))), 1)

    def test_a_second_one_is_refused(self):
        self.t.apply(self.web("calm", 1), "--wait")
        before, pids = self.started("calm"), self.children()
        second = subprocess.run([BIN + "/tugd", "up", "--data-dir", self.t.dir], capture_output=True, text=True, timeout=30)
        self.assertEqual(second.returncode, 1)
        self.assertIn("tug is up here already (process %d, %s)" % (self.t.process.pid, self.t.dir), second.stderr)
        # in the background it is what was asked for
        second = subprocess.run([BIN + "/tugd", "up", "--detach", "--data-dir", self.t.dir], capture_output=True, text=True,
                                timeout=30)
        self.assertEqual(second.returncode, 0, second.stderr)
        self.assertIn("already", second.stdout + second.stderr)
        self.assertEqual(self.children(), pids)
        self.assertEqual(self.started("calm"), before)

    def test_down_leaves_nothing_and_up_brings_it_back(self):
        self.t.apply(self.web("comes-back", 2, volumes=[{"name": "stays", "mount": "/data"}]), "--wait")
        pids = self.children()
        out = self.t.tug("down")
        self.assertIn("tug is down", out.stdout + out.stderr)
        self.assertEqual(self.t.process.wait(timeout=60), 0)
        self.t.process = None
        self.assertEqual(self.t.containers(), [])
        self.check_gone(pids)
        self.assertEqual(engine.call("GET", "/volumes/stays")[0], 200, "volumes are kept")
        self.assertEqual(self.t.tug("get", "ms", check=False).returncode, 5)
        self.t.up()
        self.t.ready("comes-back", 2)

    def test_in_the_background(self):
        self.t.term()
        run = subprocess.run([BIN + "/tugd", "up", "--detach", "--node", self.t.node, "--data-dir", self.t.dir, "--engine",
                              engine.address, "--listen", "127.0.0.1:%d" % self.t.port], capture_output=True, text=True,
                             timeout=120)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("tug is up", run.stdout)
        with open(self.t.dir + "/run/up.lock") as f:
            pid = int(f.read())
        self.t.apply(self.web("behind", 1), "--wait")
        os.kill(pid, signal.SIGTERM)
        wait_for("it has ended", lambda: not alive(pid))
        self.assertEqual(len(self.t.running("behind")), 1)
        self.t.up()
        self.t.ready("behind", 1)

    def test_a_new_leader_does_not_wait_for_the_old_ones_lease(self):
        lease = self.t.etcdctl("get", "--print-value-only", "/tug/leader/scheduler")
        self.assertIn(self.t.node, lease)
        os.kill(self.t.pid("scheduler"), signal.SIGTERM)
        wait_for("the key went with its process",
                 lambda: self.t.etcdctl("get", "--print-value-only", "/tug/leader/scheduler") != lease, 2)
        self.t.apply(self.web("next", 1), "--wait")
