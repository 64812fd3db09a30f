"""Containers that fail, and that it heals."""
import json
import socket
import time
import urllib.parse

from lab import Case, engine, wait_for


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

    def failing(self, service, reason, attempts=1):
        """The service's pod, once it has failed so often for this reason."""
        def probe():
            for p in self.t.pods(service):
                st = p.get("status", {})
                if st.get("reason") == reason and st.get("attempts", 0) >= attempts:
                    return p
            return None
        pod = wait_for("%s says %s, %d times" % (service, reason, attempts), probe)
        self.assertEqual(pod["status"]["phase"], "Failed")
        self.assertGreater(pod["status"]["nextAttempt"], pod["status"]["since"])
        return pod["status"]

    def starts(self, ident):
        """When the engine started the container, from its own events: seconds."""
        now = time.time()
        filters = urllib.parse.quote(json.dumps({"container": [ident], "event": ["start"], "type": ["container"]}))
        _, text = engine.call("GET", "/events?since=0&until=%.3f&filters=%s" % (now, filters), raw=True)
        return [json.loads(line)["timeNano"] / 1e9 for line in text.splitlines() if line]

    def test_the_shared_network_of_a_pod_is_repaired(self):
        s = self.web("twins", 1)
        s["containers"]["side"] = {"image": "tug-hello:latest", "env": {"PORT": "8081"}, "memLimit": "32M", "cpus": 0.2}
        self.t.apply(s, "--wait")
        infra = [c for c in self.t.containers() if c["Labels"]["tug.role"] == "infra"]
        self.assertEqual(len(infra), 1)
        engine.call("POST", "/containers/%s/kill" % infra[0]["Id"])

        def whole():
            self.assertIn("hello", self.fetch(self.host_port(self.t.pods("twins")[0])))
            return len(self.t.running("twins")) == 2 and len(self.t.containers()) == 3
        wait_for("both run on a network that works", whole)
        self.t.ready("twins", 1)

    def test_a_pull_that_fails_heals(self):
        self.t.apply(self.web("bystander", 1), "--wait")
        self.t.apply(self.web("puller", 1, image="127.0.0.1:9/nothing:1"))
        first = self.failing("puller", "ContainerFailedPulling")
        self.assertIn("127.0.0.1:9/nothing:1", first["message"])
        later = self.failing("puller", "ContainerFailedPulling", first["attempts"] + 1)
        self.assertGreater(later["nextAttempt"], first["nextAttempt"])
        self.assertEqual(len(self.t.running("bystander")), 1)
        self.assertIn("Failed", self.t.tug("events").stdout)
        self.t.apply(self.web("puller", 1), "--wait")

    def test_an_image_that_comes_later_is_used_at_once(self):
        self.t.apply(self.web("patient", 1, image="comes-later:1"))
        self.assertIn("comes-later:1", self.failing("patient", "ContainerFailedPulling")["message"])
        engine.load("comes-later:1", "tug-hello")
        self.t.ready("patient", 1)

    def test_what_cannot_work_says_so(self):
        self.t.apply(self.web("broken", 1, command=["/no/such/program"]))
        self.assertIn("/no/such/program", self.failing("broken", "ContainerFailedStarting")["message"])
        self.assertIn("ContainerFailedStarting", self.t.tug("ps").stdout)
        self.assertIn("/no/such/program", self.t.tug("describe", "microservice", "broken").stdout)

    def test_images_are_pulled_before_anything_is_stopped(self):
        """With a fixed port the old pod has to go before the new one starts; but not before its image is here."""
        port = {"httpPorts": {}, "ports": {"80": {"hostPort": 18080}}}
        self.t.apply(self.web("mover", 1, **port), "--wait")
        old = self.t.running("mover")[0]["Id"]
        started = engine.inspect(old)["State"]["StartedAt"]
        self.t.apply(self.web("mover", 1, image="comes-after:1", **port))
        self.failing("mover", "ContainerFailedPulling", 2)
        self.assertEqual(engine.inspect(old)["State"]["StartedAt"], started)
        self.assertIn("hello", self.fetch(18080))
        engine.load("comes-after:1", "tug-hello")
        self.t.ready("mover", 1)
        self.assertEqual([c["Image"] for c in self.t.running("mover")], ["comes-after:1"])
        self.assertIn("hello", self.fetch(18080))

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
        self.t.apply(self.web("bystander", 1), "--wait")
        self.t.apply(self.web("crasher", 1, args=["exit", "3"]))
        status = self.failing("crasher", "ContainerKeepsCrashing", 4)
        self.assertIn("exited with code 3", status["message"])
        # the first restart is at once, then 1 s, 2 s, 4 s ...; 10 % less is allowed
        ident = [c for c in self.t.containers() if c["Labels"]["tug.service"] == "crasher"][0]["Id"]
        starts = self.starts(ident)
        self.assertGreaterEqual(len(starts), 4)
        for n, (a, b) in enumerate(zip(starts[1:], starts[2:])):
            self.assertGreater(b - a, 0.85 * 2 ** n, "start %d came too soon: %r" % (n + 3, starts))
        self.assertEqual(len(self.t.running("bystander")), 1)
        self.assertIn("BackOff", self.t.tug("events").stdout)
        self.t.apply(self.web("crasher", 1), "--wait")
        wait_for("the crashing one is gone", lambda: len(self.t.containers()) == 2)

    def test_foreign_containers_are_left_alone(self):
        status, made = engine.call("POST", "/containers/create?name=stranger", json.dumps({"Image": "tug-hello:latest"}),
                                   {"Content-Type": "application/json"})
        self.assertEqual(status, 201)
        engine.call("POST", "/containers/stranger/start")
        self.t.apply(self.web("local", 1), "--wait")
        self.t.tug("delete", "ms", "local", "--wait")
        self.assertTrue(engine.inspect(made["Id"])["State"]["Running"])
        engine.call("DELETE", "/containers/stranger?force=1")
