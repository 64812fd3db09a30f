"""Processes that are killed: nothing is lost, nothing runs twice."""
import json
import os
import random
import signal
import threading
import time

from lab import Case, engine, wait_for


class Kills(Case):
    def same(self, name, n):
        """n pods, n containers, none twice."""
        self.t.ready(name, n, 120)
        wait_for("exactly %d containers" % n, lambda: len(self.t.containers()) == n == len(self.t.running(name)))
        pods = [c["Labels"]["tug.pod"] for c in self.t.running(name)]
        self.assertEqual(len(set(pods)), n)

    def test_roles_killed_while_scaling(self):
        self.t.apply(self.web("victim", 2), "--wait")
        for i, role in enumerate(["scheduler", "runner", "health", "api", "runner", "scheduler"]):
            n = 6 if i % 2 == 0 else 2
            self.t.tug("scale", "victim", str(n))
            os.kill(self.t.pid(role), signal.SIGKILL)
            wait_for("the API answers", lambda: self.t.tug("get", "ms", check=False).returncode == 0)
            self.same("victim", n)
        self.t.tug("delete", "ms", "victim", "--wait")

    def test_etcd_killed(self):
        self.t.apply(self.web("stays", 2), "--wait")
        before = {c["Id"] for c in self.t.running("stays")}
        os.kill(self.t.pid("etcd"), signal.SIGKILL)
        wait_for("writes work again", lambda: self.t.tug("scale", "stays", "3", check=False).returncode == 0)
        self.same("stays", 3)
        self.assertTrue(before <= {c["Id"] for c in self.t.running("stays")})
        self.t.tug("delete", "ms", "stays", "--wait")

    def test_engine_killed(self):
        self.t.apply(self.web("floats", 3), "--wait")
        before = {c["Id"] for c in self.t.running("floats")}
        self.t.tug("scale", "floats", "5")
        engine.kill()
        engine.start()
        self.same("floats", 5)
        self.assertTrue(before <= {c["Id"] for c in self.t.running("floats")}, "what ran goes on (live-restore)")
        self.t.tug("delete", "ms", "floats", "--wait")

    def test_an_engine_that_stops_its_containers(self):
        """As Docker does by default when it starts again after it was killed."""
        self.t.apply(self.web("again", 3), "--wait")
        before = {c["Id"]: engine.inspect(c["Id"])["State"]["StartedAt"] for c in self.t.running("again")}
        engine.kill()
        try:
            engine.start(live=False)
            wait_for("all were started again", lambda: all(
                s["Running"] and s["StartedAt"] != before[i] for i, s in
                ((i, engine.inspect(i)["State"]) for i in before)))
            self.same("again", 3)
            self.assertEqual({c["Id"] for c in self.t.running("again")}, set(before), "the same containers")
        finally:
            engine.kill()
            engine.start()


class Watcher:
    """Looks at the engine all the time; notes when something runs twice."""

    def __init__(self, tug, most):
        self.tug, self.most = tug, most
        self.wrong = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.look)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def look(self):
        while not self.stop.wait(0.1):
            try:
                running = self.tug.running()
            except OSError:
                continue  # the engine was killed
            names = [c["Labels"]["tug.pod"] + "/" + c["Labels"]["tug.container"] for c in running]
            if len(names) != len(set(names)) or len(names) > self.most:
                self.wrong.append(sorted(names))


class AnyMoment(Case):
    """Every process of tug, etcd and the engine are killed at moments that only the seed knows, while things change."""

    rounds = 12
    victims = ["api", "scheduler", "runner", "health", "etcd", "up", "engine"]

    def strike(self, victim):
        if victim == "engine":
            engine.kill()
            engine.start()
        elif victim == "up":
            self.t.kill()
            self.t.up()
        else:
            os.kill(self.t.pid(victim), signal.SIGKILL)

    def converged(self, scale, hello):
        running = self.t.running("target")
        if len(running) != scale or len(self.t.containers()) != scale:
            return False
        pods = self.t.pods("target")
        return len({c["Labels"]["tug.pod"] for c in running}) == scale == len(pods) and all(
            hello in self.fetch(self.host_port(p)) for p in pods)

    def test_it_converges_and_nothing_runs_twice(self):
        seed = int(os.environ.get("TUG_E2E_SEED", time.time_ns() % 1000000))
        print("TUG_E2E_SEED=%d " % seed, end="", flush=True)
        dice = random.Random(seed)
        victims = self.victims * (self.rounds // len(self.victims) + 1)
        dice.shuffle(victims)
        scale, hello = 3, "v0"
        self.t.apply(self.web("target", scale, env=["HELLO=" + hello]), "--wait")
        # at most the scale and one more that takes a place
        with Watcher(self.t, 7) as watcher:
            for n, victim in enumerate(victims[:self.rounds]):
                scale = dice.randint(0, 6)
                if dice.random() < 0.3:
                    hello = "v%d" % (n + 1)
                doc = self.web("target", scale, env=["HELLO=" + hello])
                wait_for("the change is taken", lambda: self.t.tug("apply", "-f", "-", stdin=json.dumps(doc),
                                                                   check=False).returncode == 0)
                time.sleep(dice.random() * 0.6)  # the moment
                self.strike(victim)
                wait_for("round %d, %s killed: %d pods say %s (TUG_E2E_SEED=%d)" % (n, victim, scale, hello, seed),
                         lambda: self.converged(scale, hello), 90)
        self.assertEqual(watcher.wrong, [])
