"""A store that is not the one that was known, and what runs meanwhile."""
import os
import shutil
import subprocess

from lab import DIR, Case, engine, wait_for


class Stores(Case):
    """A store that is not the one we knew must not be read as "everything was deleted"."""

    def own_etcd(self, name, port):
        return subprocess.Popen(
            ["etcd", "--name", name, "--data-dir", os.path.join(DIR, name), "--listen-client-urls",
             "http://127.0.0.1:%d" % port, "--advertise-client-urls", "http://127.0.0.1:%d" % port, "--listen-peer-urls",
             "http://127.0.0.1:%d" % (port + 1), "--initial-advertise-peer-urls", "http://127.0.0.1:%d" % (port + 1),
             "--initial-cluster", "%s=http://127.0.0.1:%d" % (name, port + 1), "--initial-cluster-token", name,
             "--unsafe-no-fsync"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    flags = {"etcd": "http://127.0.0.1:3379"}

    @classmethod
    def setUpClass(cls):
        cls.etcd = cls.own_etcd(cls, "first", 3379)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.etcd.kill()
        cls.etcd.wait()

    def test_empty_and_rolled_back_stores_stop_nothing(self):
        self.t.apply(self.web("precious", 2), "--wait")
        before = {c["Id"]: engine.inspect(c["Id"])["State"]["StartedAt"] for c in self.t.running("precious")}

        def unharmed():
            now = {c["Id"]: engine.inspect(c["Id"])["State"]["StartedAt"] for c in self.t.running("precious")}
            self.assertEqual(now, before)

        # an empty store of another cluster behind the same address, while tug runs
        self.etcd.kill()
        self.etcd.wait()
        Stores.etcd = self.own_etcd("second", 3379)
        wait_for("the API serves the new store", lambda: "precious" not in self.t.tug("get", "ms", check=False).stdout and
                 self.t.tug("get", "ms", check=False).returncode == 0)
        self.t.apply(self.web("newcomer", 1), "--wait")  # the new store works, by every role
        unharmed()
        # the runner and everything else restarted on it
        self.t.term()
        self.t.up()
        self.t.ready("newcomer", 1)
        unharmed()
        self.t.tug("delete", "ms", "newcomer", "--wait")
        unharmed()
        # the old one is back: what runs is what it wants
        self.etcd.kill()
        self.etcd.wait()
        Stores.etcd = self.own_etcd("first", 3379)
        self.t.ready("precious", 2)
        unharmed()
        # and now a deletion is one
        self.t.tug("delete", "ms", "precious", "--wait")
        wait_for("it is gone", lambda: not self.t.running("precious"))
