"""What goes wrong, and that it heals: containers, roles, etcd, engine, store."""
import json
import os
import signal
import socket
import subprocess

from lab import Case, Tug, DIR, engine, wait_for


class Containers(Case):
    def test_a_killed_container_is_back(self):
        self.t.apply(self.web("phoenix", 1), "--wait")
        c = self.t.running("phoenix")[0]
        started = engine.inspect(c["Id"])["State"]["StartedAt"]
        engine.call("POST", "/containers/%s/kill" % c["Id"])
        wait_for("it runs again", lambda: any(engine.inspect(x["Id"])["State"]["StartedAt"] != started
                                              for x in self.t.running("phoenix")))
        engine.call("DELETE", "/containers/%s?force=1" % self.t.running("phoenix")[0]["Id"])
        wait_for("removed by hand it is made again", lambda: len(self.t.running("phoenix")) == 1)
        self.t.ready("phoenix", 1)
        self.t.tug("delete", "ms", "phoenix", "--wait")

    def test_a_pull_that_fails_heals(self):
        self.t.apply(self.web("bystander", 1), "--wait")
        self.t.apply(self.web("puller", 1, image="127.0.0.1:9/nothing:1"))
        pod = wait_for("the status tells", lambda: [p for p in self.t.pods("puller") if p.get("status", {}).get("reason") ==
                                                    "ContainerFailedPulling"])[0]
        self.assertEqual(pod["status"]["phase"], "Failed")
        self.assertIn("127.0.0.1:9/nothing:1", pod["status"]["message"])
        self.assertGreater(pod["status"]["nextAttempt"], 0)
        self.assertEqual(len(self.t.running("bystander")), 1)
        self.t.apply(self.web("puller", 1), "--wait")
        self.t.tug("delete", "ms", "puller", "bystander", "--wait")

    def test_a_port_in_use(self):
        taken = socket.socket()
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        self.t.apply(self.web("porter", 1, httpPorts={}, ports={"80": {"hostPort": port}}))
        pod = wait_for("the status tells", lambda: [p for p in self.t.pods("porter") if p.get("status", {}).get("reason") ==
                                                    "ContainerFailedStarting"])[0]
        self.assertIn(str(port), pod["status"]["message"])
        taken.close()
        self.t.ready("porter", 1)
        self.assertIn("hello", self.fetch(port))
        # an edit with a fixed port: the old pod has to go first, on the same node
        self.t.apply(self.web("porter", 1, httpPorts={}, ports={"80": {"hostPort": port}}, env=["HELLO=second"]), "--wait")
        self.assertIn("second", wait_for("it answers", lambda: self.fetch(port)))
        self.t.tug("delete", "ms", "porter", "--wait")

    def test_a_crash_loop_backs_off(self):
        self.t.apply(self.web("crasher", 1, args=["exit", "3"]))
        pod = wait_for("the status tells", lambda: [p for p in self.t.pods("crasher") if p.get("status", {}).get("reason") ==
                                                    "ContainerKeepsCrashing"])[0]
        self.assertIn("3", pod["status"]["message"])
        self.assertGreater(pod["status"]["nextAttempt"], 0)
        self.assertEqual(len(self.t.containers()), 1)
        self.t.apply(self.web("crasher", 1), "--wait")
        wait_for("the crashing one is gone", lambda: len(self.t.containers()) == 1)
        self.t.tug("delete", "ms", "crasher", "--wait")

    def test_foreign_containers_are_left_alone(self):
        status, made = engine.call("POST", "/containers/create?name=stranger", json.dumps({"Image": "tug-hello:latest"}),
                                   {"Content-Type": "application/json"})
        self.assertEqual(status, 201)
        engine.call("POST", "/containers/stranger/start")
        self.t.apply(self.web("local", 1), "--wait")
        self.t.tug("delete", "ms", "local", "--wait")
        self.assertTrue(engine.inspect(made["Id"])["State"]["Running"])
        engine.call("DELETE", "/containers/stranger?force=1")


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

    def test_up_killed_or_stopped_leaves_containers_and_is_adopted(self):
        self.t.apply(self.web("adopted", 2), "--wait")
        before = {c["Id"]: engine.inspect(c["Id"])["State"]["StartedAt"] for c in self.t.running("adopted")}
        self.assertEqual(self.t.term(), 0)
        self.assertEqual({c["Id"] for c in self.t.running("adopted")}, set(before))
        self.t.up()
        self.same("adopted", 2)
        self.t.kill()
        self.t.up()
        self.same("adopted", 2)
        after = {c["Id"]: engine.inspect(c["Id"])["State"]["StartedAt"] for c in self.t.running("adopted")}
        self.assertEqual(after, before, "the same containers, never restarted")
        second = subprocess.run([os.environ["TUG_BIN"] + "/tugd", "up", "--data-dir", self.t.dir], capture_output=True, text=True,
                                timeout=30)
        self.assertEqual(second.returncode, 0)
        self.assertIn("already", second.stderr)
        self.t.tug("delete", "ms", "adopted", "--wait")


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


class BadInput(Case):
    def test_each_is_refused_and_changes_nothing(self):
        self.t.apply(self.web("solid", 1), "--wait")
        before = self.t.etcdctl("get", "--prefix", "/tug/microservices/")
        good = json.dumps(self.web("solid", 1))
        deep = "[" * 5000 + "]" * 5000
        cases = [
            ("PUT", "not json", "application/json", 400),
            ("PUT", '{"name":"solid","scale":"two","containers":{}}', "application/json", 400),
            ("PUT", '{"name":"solid","scael":2,"containers":{}}', "application/json", 400),
            ("PUT", '{"name":"solid","scale":-1,"containers":{}}', "application/json", 400),
            ("PUT", '{"name":"solid","scale":10001,"containers":{}}', "application/json", 400),
            ("PUT", '{"name":"solid","name":"solid"}', "application/json", 400),
            ("PUT", '{"x":%s}' % deep, "application/json", 400),
            ("PUT", b'{"name":"solid\xff"}', "application/json", 400),
            ("PUT", "a: &x [1]\nb: *x\n", "application/yaml", 400),
            ("PUT", "a: 1\na: 2\n", "application/yaml", 400),
            ("PUT", "a: !!python/object x\n", "application/yaml", 400),
            ("PUT", " " * (2 * 1024 * 1024), "application/json", 413),
            ("PUT", good, "image/png", 415),
            ("PATCH", '{"scale": 1.5}', "application/json", 400),
            ("DELETE", None, None, 403),
        ]
        for method, body, kind, want in cases:
            status, reply = self.t.http(method, "/v1/microservices/default/solid", body, {"Content-Type": kind} if kind else {},
                                        password="wrong" if want == 403 else "dev")
            self.assertEqual(status, want, (method, str(body)[:80], reply))
            if isinstance(reply, dict):
                self.assertTrue(reply["message"], reply)
        status, reply = self.t.http("PUT", "/v1/microservices/default/solid", '{"name":"solid","scael":2}',
                                    {"Content-Type": "application/json"})
        self.assertIn("scael", json.dumps(reply))
        self.assertIn('scale', reply["message"], "the nearest name is offered")
        self.assertEqual(self.t.etcdctl("get", "--prefix", "/tug/microservices/"), before)
        self.assertEqual(len(self.t.running("solid")), 1)
        self.t.tug("delete", "ms", "solid", "--wait")

    def test_the_command_line_names_file_line_and_path(self):
        r = self.t.tug("apply", "-f", "-", stdin="kind: microservice\nname: x\ncontainers:\n  app:\n    imag: a\n", check=False)
        self.assertEqual(r.returncode, 1)
        for word in ("stdin", "line 5", "imag", "image"):
            self.assertIn(word, r.stderr)
        self.assertEqual(self.t.tug("get", "nonsense", check=False).returncode, 2)
        self.assertEqual(self.t.tug("aply", check=False).returncode, 2)
        r = self.t.tug("get", "ms", "--host", "http://127.0.0.1:1", check=False)
        self.assertEqual(r.returncode, 5)
