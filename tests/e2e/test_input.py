"""Bad input of every kind is refused with what is wrong, and changes nothing."""
import json

from lab import Case


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
