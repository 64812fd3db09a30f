"""The main job: from a document to containers, by every door, and back."""
import json
import os

from lab import Case, engine, wait_for, REPO, DIR, UnixConnection


class MainPath(Case):
    def test_apply_runs_and_delete_removes(self):
        out = self.t.tug("apply", "-f", os.path.join(REPO, "deploy/examples/hello.yaml"), "--wait").stdout
        self.assertIn("microservice/hello created", out)
        pods = self.t.pods("hello")
        self.assertEqual(len(pods), 2)
        for p in pods:
            self.assertIn("hello", self.fetch(self.host_port(p)))
        labels = self.t.running("hello")[0]["Labels"]
        self.assertTrue(labels["org.containeros.pod.name"].startswith(self.t.node + "/hello-"))
        self.assertEqual(labels["org.containeros.container.name"], "app")
        self.assertIn("unchanged", self.t.tug("apply", "-f", os.path.join(REPO, "deploy/examples/hello.yaml")).stdout)

        ps = self.t.tug("ps").stdout
        for word in ("NODE", "RESOURCE", "PORTS", "DEPS", "ENGINE STATE", "STATE", "running (docker)", "->80"):
            self.assertIn(word, ps)
        self.assertRegex(ps, r"running \(\d+[smh]\)")
        for p in pods:
            self.assertIn("%d->80" % self.host_port(p), ps, "the random host ports are shown")

        self.t.tug("delete", "microservice", "hello", "--wait")
        self.t.gone("hello")
        wait_for("nothing of it is left in the store",
                 lambda: not [k for k in self.t.keys("") if "/hello" in k and "/events/" not in k])
        self.assertEqual(self.t.tug("get", "microservice", "hello", check=False).returncode, 3)

    def test_containeros_door(self):
        body = {"name": "seed-server", "scale": 2, "containers": {"reg": {"image": "tug-hello:latest",
                                                                          "httpPorts": {"80": "hello.localhost"}}}}
        status, reply = self.t.http("POST", "/v1/microservice?password=dev", json.dumps(body),
                                    {"Content-Type": "application/json"}, password=None)
        self.assertEqual(status, 200)
        self.assertEqual(json.dumps(reply, separators=(",", ":")),
                         '{"success":true,"acceptedValues":{"name":"seed-server","scale":2,"containers":{"reg":{"image":'
                         '"tug-hello:latest","httpPorts":{"80":"hello.localhost"},"memLimit":1000000000,"cpus":1,"env":[]}}}}')
        self.t.ready("seed-server", 2)
        status, reply = self.t.http("POST", "/v1/microservice?password=no", json.dumps(body),
                                    {"Content-Type": "application/json"}, password=None)
        self.assertEqual((status, reply), (403, {"errorMessage": "Wrong password", "statusCode": 403, "app": "cluster-api"}))
        body["scale"] = 21
        status, reply = self.t.http("POST", "/v1/microservice?password=dev", json.dumps(body),
                                    {"Content-Type": "application/json"}, password=None)
        self.assertEqual(status, 400, reply)
        self.assertEqual(self.t.service("seed-server")["scale"], 2, "beyond 20 nothing changes")
        body["scale"] = 0
        status, _ = self.t.http("POST", "/v1/microservice?password=dev", json.dumps(body),
                                {"Content-Type": "application/json"}, password=None)
        self.assertEqual(status, 200)
        wait_for("scale 0 removes all", lambda: not self.t.containers())
        self.t.tug("delete", "ms", "seed-server")

    def test_etcdctl_is_a_full_way_in(self):
        key = "/tug/microservices/default/by-hand"
        text = "name: by-hand\nscale: 1\ncontainers:\n  app:\n    image: tug-hello:latest\n    memLimit: 32M\n"
        self.t.etcdctl("put", key, text)
        self.t.ready("by-hand", 1)
        before = [c["Id"] for c in self.t.running("by-hand")]

        self.t.etcdctl("put", key, text.replace("image:", "imgae:"))

        def invalid():
            s = self.t.service("by-hand")
            return [c for c in s["status"]["conditions"] if c["type"] == "Valid" and not c.get("status")]
        message = wait_for("the status says what is wrong", invalid)[0]["message"]
        self.assertIn("line 5", message)
        self.assertIn("imgae", message)
        self.assertEqual([c["Id"] for c in self.t.running("by-hand")], before)

        self.t.etcdctl("put", key, "{")
        wait_for("garbage is told too", lambda: "by-hand" in self.t.tug("get", "ms").stdout and invalid()[0]["message"] != message)
        self.assertEqual([c["Id"] for c in self.t.running("by-hand")], before)

        self.t.etcdctl("put", key, text)
        wait_for("it is valid again", lambda: not invalid())
        self.assertEqual([c["Id"] for c in self.t.running("by-hand")], before)
        self.t.etcdctl("del", key)
        wait_for("it is removed", lambda: not self.t.containers())

    def test_scale_up_and_down(self):
        self.t.apply(self.web("scaled", 1))
        self.t.ready("scaled", 1)
        first = self.t.running("scaled")[0]["Id"]
        self.t.tug("scale", "scaled", "20", "--wait")
        self.assertEqual(len(self.t.running("scaled")), 20)
        self.t.tug("scale", "scaled", "3")
        wait_for("three are left", lambda: len(self.t.containers()) == 3)
        self.t.ready("scaled", 3)
        ordinals = sorted(int(p["name"].split("-")[1]) for p in self.t.pods("scaled"))
        self.assertEqual(ordinals, [0, 1, 2], "the newest go first")
        self.assertIn(first, [c["Id"] for c in self.t.running("scaled")])
        self.t.tug("delete", "ms", "scaled", "--wait")

    def test_edit_replaces_only_what_differs(self):
        self.t.apply(self.web("edited", 2))
        self.t.apply(self.web("neighbour", 1))
        self.t.ready("edited", 2)
        self.t.ready("neighbour", 1)
        neighbour = self.t.running("neighbour")[0]["Id"]
        old = {c["Id"] for c in self.t.running("edited")}

        domain = self.web("edited", 2, httpPorts={"80": "other.localhost"})
        self.t.apply(domain)
        self.t.ready("edited", 2)
        self.assertEqual({c["Id"] for c in self.t.running("edited")}, old, "a domain makes no new pods")

        self.t.apply(self.web("edited", 2, env=["HELLO=changed"]), "--wait")
        wait_for("both were replaced", lambda: len(self.t.running("edited")) == 2 and
                 not old & {c["Id"] for c in self.t.running("edited")})
        for p in self.t.pods("edited"):
            self.assertIn("changed", self.fetch(self.host_port(p)))
        self.assertEqual(self.t.running("neighbour")[0]["Id"], neighbour)
        self.t.tug("delete", "ms", "edited", "neighbour", "--wait")

    def test_containers_of_a_pod_share_the_network(self):
        s = self.web("pair", 1)
        s["containers"]["side"] = {"image": "tug-hello:latest", "env": {"PORT": "8081", "HELLO": "from the side"},
                                   "httpPorts": {"8081": "side.localhost"}, "memLimit": "32M", "cpus": 0.2}
        self.t.apply(s, "--wait")
        modes = {c["Labels"]["tug.container"]: engine.inspect(c["Id"])["HostConfig"]["NetworkMode"]
                 for c in self.t.running("pair")}
        self.assertEqual(len(modes), 2)
        self.assertEqual(len(set(modes.values())), 1)
        self.assertTrue(modes["app"].startswith("container:"))
        ports = {}
        for c in self.t.pods("pair")[0]["status"]["containers"]:
            ports.update(c.get("ports", {}))
        self.assertIn("from the side", self.fetch(int(ports["8081/tcp"])))
        self.assertIn("hello", self.fetch(int(ports["80/tcp"])))
        self.t.tug("delete", "ms", "pair", "--wait")
        self.t.gone("pair")

    def test_volumes_are_kept(self):
        self.t.apply(self.web("keeper", 1, volumes=[{"name": "kept-data", "mount": "/data"}]), "--wait")
        self.t.tug("delete", "ms", "keeper", "--wait")
        self.assertEqual(engine.call("GET", "/volumes/kept-data")[0], 200)
        engine.call("DELETE", "/volumes/kept-data")

    def test_watch_and_events(self):
        c = UnixConnection(self.t.dir + "/run/api.sock", timeout=30)
        c.request("GET", "/v1/microservices?watch=1")
        stream = c.getresponse()
        self.assertEqual(stream.status, 200)
        while b"event: synced" not in stream.readline():
            pass
        self.t.apply(self.web("watched", 1))
        seen = b""
        while b'"watched"' not in seen:
            seen = stream.readline()
        c.close()
        self.t.ready("watched", 1)
        wait_for("events tell of it", lambda: "watched" in self.t.tug("events").stdout)
        d = self.t.tug("describe", "microservice", "watched").stdout
        for word in ("State: ready", "Conditions:", "Pods:", "Events:"):
            self.assertIn(word, d)
        self.t.tug("delete", "ms", "watched", "--wait")
