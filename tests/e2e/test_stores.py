"""A store that is not the one that was known: empty, foreign, or put back to an older state. It stops no container."""
import os
import shutil
import subprocess

from lab import DIR, Case, engine, wait_for


class OwnEtcd(Case):
    """A tug on an etcd of the test's own, which can be exchanged behind its address."""

    flags = {"etcd": "http://127.0.0.1:3379"}

    @classmethod
    def setUpClass(cls):
        cls.etcd = None
        cls.serve("first")
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.unserve()

    def tearDown(self):
        """One test for each tug and its etcd: what a failed one leaves goes with the class."""

    @classmethod
    def directory(cls, name):
        return os.path.join(DIR, "%s-%s" % (cls.__name__, name))

    @classmethod
    def serve(cls, name):
        """From now on the address is answered by the etcd of this name."""
        cls.unserve()
        cls.etcd = subprocess.Popen(
            ["etcd", "--name", name, "--data-dir", cls.directory(name), "--listen-client-urls", "http://127.0.0.1:3379",
             "--advertise-client-urls", "http://127.0.0.1:3379", "--listen-peer-urls", "http://127.0.0.1:3380",
             "--initial-advertise-peer-urls", "http://127.0.0.1:3380", "--initial-cluster",
             "%s=http://127.0.0.1:3380" % name, "--initial-cluster-token", name, "--unsafe-no-fsync"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @classmethod
    def unserve(cls):
        if cls.etcd:
            cls.etcd.kill()
            cls.etcd.wait()
            cls.etcd = None

    def started(self, name):
        return {c["Id"]: engine.inspect(c["Id"])["State"]["StartedAt"] for c in self.t.running(name)}

    def served(self, *names):
        """The API knows these microservices, and no others."""
        def probe():
            return sorted(i["name"] for i in self.t.json("get", "microservices")["items"]) == sorted(names)
        wait_for("the API serves %s" % ", ".join(names or ["nothing"]), probe)


class Foreign(OwnEtcd):
    def test_an_empty_store_of_another_cluster_stops_nothing(self):
        self.t.apply(self.web("precious", 2), "--wait")
        before = self.started("precious")

        self.serve("second")  # while tug runs
        self.served()
        self.t.apply(self.web("newcomer", 1), "--wait")  # it works, by every role
        self.assertEqual(self.started("precious"), before)
        wait_for("people are told", lambda: "Held" in self.t.tug("events").stdout)
        # everything restarted on it
        self.t.term()
        self.t.up()
        self.t.ready("newcomer", 1)
        self.assertEqual(self.started("precious"), before)
        # a container of a pod that is held goes on being looked after
        ident = sorted(before)[0]
        engine.call("POST", "/containers/%s/kill" % ident)
        wait_for("it runs again", lambda: engine.inspect(ident)["State"]["Running"])
        before = self.started("precious")
        # a deletion in this store is one, of what this store knows
        self.t.tug("delete", "ms", "newcomer", "--wait")
        self.t.gone("newcomer")
        self.assertEqual(self.started("precious"), before)

        self.serve("first")  # the old one is back: what runs is what it wants
        self.served("precious")
        self.t.ready("precious", 2)
        self.assertEqual(self.started("precious"), before)
        self.t.tug("delete", "ms", "precious", "--wait")  # and now a deletion is one
        self.t.gone("precious")


class RolledBack(OwnEtcd):
    def backup(self):
        self.unserve()
        shutil.copytree(self.directory("first"), self.directory("backup"))
        self.serve("first")

    def restore(self):
        self.unserve()
        shutil.rmtree(self.directory("first"))
        shutil.copytree(self.directory("backup"), self.directory("first"))
        self.serve("first")

    def test_an_older_state_of_the_store_stops_nothing(self):
        self.t.apply(self.web("early", 1), "--wait")
        self.backup()
        self.served("early")
        early = self.started("early")
        self.t.apply(self.web("late", 2), "--wait")
        late = self.started("late")

        self.restore()  # while tug runs: "late" was never heard of
        self.served("early")
        self.t.ready("early", 1)
        self.t.apply(self.web("newcomer", 1), "--wait")
        self.assertEqual((self.started("early"), self.started("late")), (early, late))
        # everything restarted on it
        self.t.term()
        self.t.up()
        self.t.ready("newcomer", 1)
        self.assertEqual((self.started("early"), self.started("late")), (early, late))
        # said again, it is known again: what runs is taken over
        self.t.apply(self.web("late", 2), "--wait")
        self.assertEqual(self.started("late"), late)
        self.t.tug("delete", "ms", "early", "late", "newcomer", "--wait")
        wait_for("what was deleted in a store that knew it is gone", lambda: not self.t.containers())


class Away(OwnEtcd):
    def test_without_etcd_everything_runs_on_also_after_a_reboot(self):
        self.t.apply(self.web("steady", 2), "--wait")
        idents = sorted(self.started("steady"))
        self.unserve()
        engine.call("POST", "/containers/%s/kill" % idents[0])
        wait_for("what ends is started again", lambda: engine.inspect(idents[0])["State"]["Running"])
        # everything ends: tug, the engine, and its containers with it
        self.t.kill()
        engine.kill()
        try:
            engine.start(live=False)
            wait_for("they have been stopped", lambda: not self.t.running("steady"))
            self.t.up(wait=False)
            wait_for("the last known pods run", lambda: len(self.t.running("steady")) == 2)
            self.assertEqual(sorted(self.started("steady")), idents)
        finally:
            engine.kill()
            engine.start()
        self.serve("first")
        self.t.ready("steady", 2)
        self.assertEqual(sorted(self.started("steady")), idents)
        self.t.tug("delete", "ms", "steady", "--wait")
        self.t.gone("steady")
