"""The command line against a scripted API: what it sends, what it prints, how it ends. Usage: tug_test.py PATH-OF-TUG"""
import http.server
import json
import os
import pty
import re
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import unittest

TUG = sys.argv.pop(1)
STATUS = {"kind": "microserviceStatus", "project": "default", "name": "web", "observed": 7, "revision": "0123456789", "desired": 1,
          "pods": 1, "updated": 1, "running": 1, "ready": 1, "conditions": []}
WEB = {"kind": "microservice", "project": "default", "name": "web", "scale": 1, "containers": {"app": {"image": "web:1"}},
       "dependsOn": [{"service": "db"}], "rev": 7, "status": STATUS}
POD = {"kind": "pod", "project": "default", "name": "web-0-0123456789", "node": "n1", "service": "web", "revision": "0123456789",
       "containers": {"app": {"image": "web:1", "memLimit": 32000000}}, "rev": 8,
       "status": {"phase": "Running", "reason": "Started", "ready": True, "since": 1000, "address": "172.17.0.2",
                  "engine": "docker 20.10", "containers": [{"name": "app", "state": "running", "startedAt": 1000,
                                                            "ports": {"80/tcp": "32768"}}]}}
FAILED = dict(POD, name="web-1-0123456789", status=dict(POD["status"], phase="Failed", reason="ContainerKeepsCrashing"))
NODE = {"kind": "node", "name": "n1", "state": "inactive", "rev": 2, "health": {"kind": "health", "name": "n1", "cpus": 2,
                                                                               "cpuUsed": 5, "memory": 1000000000, "memoryUsed": 5}}


def items(*list_of):
    return 200, {"items": list(list_of), "rev": 9}


def sse(*events):
    return "".join("event: %s\ndata: %s\n\n" % (name, json.dumps(data)) for name, data in events)


def frames(*list_of):
    return b"".join(bytes([s]) + len(d).to_bytes(4, "big") + d for s, d in list_of)


class Api(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server_port
        self.asked, self.answers = [], {}
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def handle(self):
        try:
            super().handle()
        except ConnectionError:  # the command line was interrupted
            pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.asked.append((self.command, self.path, body))
        self.server.password = self.headers.get("Authorization")
        target = re.sub(r"[?&]limit=512", "", self.path)
        found = self.server.answers.get((self.command, target), (404, {"message": "there is no such thing", "status": 404}))
        status, reply = found(body) if callable(found) else found
        data = reply if isinstance(reply, bytes) else (reply if isinstance(reply, str) else json.dumps(reply)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = answer


class Tug(unittest.TestCase):
    def setUp(self):
        self.api = Api()
        self.addCleanup(self.api.server_close)
        self.addCleanup(self.api.shutdown)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("TUG_") and k != "NO_COLOR"}
        self.env["TUG_HOST"] = self.api.url
        self.env["TUG_DATA_DIR"] = "/nonexistent"
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def on(self, method, path, answer):
        self.api.answers[(method, path)] = answer

    def file(self, name, text):
        path = os.path.join(self.dir.name, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def tug(self, *args, status=0, stdin=None, **env):
        r = subprocess.run([TUG, *args], env=dict(self.env, **env), input=stdin, capture_output=True, text=True, timeout=60)
        self.assertEqual(r.returncode, status, "tug %s\n%s%s" % (" ".join(args), r.stdout, r.stderr))
        return r

    def terminal(self, *args, **env):
        """What a terminal would get."""
        out, slave = pty.openpty()
        p = subprocess.Popen([TUG, *args], env=dict(self.env, TERM="xterm", **env), stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        text = b""
        while True:
            try:
                piece = os.read(out, 65536)
            except OSError:  # EIO: the other end is closed
                piece = b""
            if not piece:
                break
            text += piece
        os.close(out)
        self.assertEqual(p.wait(timeout=60), 0, text)
        return text.decode()


class Down(Tug):
    """`tug down` at the control socket of a supervisor that says how it went."""

    class Control(socketserver.UnixStreamServer):
        def get_request(self):
            request, _ = super().get_request()
            return request, ("", 0)

    def down(self, words):
        class Answers(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_POST(self):
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for word in words:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(word), word))
                self.wfile.write(b"0\r\n\r\n")
                self.close_connection = True

        os.makedirs(os.path.join(self.dir.name, "run"), exist_ok=True)
        path = os.path.join(self.dir.name, "run/up.sock")
        with self.Control(path, Answers) as server:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            r = subprocess.run([TUG, "down"], env=dict(self.env, TUG_DATA_DIR=self.dir.name, TUG_ENGINE="unix:///nonexistent",
                                                       TUG_NODE="n1"), capture_output=True, text=True, timeout=60)
            server.shutdown()
        os.unlink(path)
        return r

    def test_well(self):
        r = self.down([b"stopping the roles\n", b"tug is ", b"down\n"])
        self.assertEqual((r.returncode, r.stderr), (0, "stopping the roles\ntug is down\n"))

    def test_something_is_left(self):
        r = self.down([b"x" * 200 + b"\n", b"tug is down, but not all of its containers are\n"])
        self.assertEqual(r.returncode, 1, r.stderr)
        self.assertIn("not all of its containers", r.stderr)
        self.assertNotIn("tug is not up", r.stderr)


class Words(Tug):
    """Commands, flags and what is said about wrong ones."""

    def test_suggestions(self):
        for args, want in [(["ap"], "`tug apply`"), (["aply"], "`tug apply`"), (["gte"], "`tug get`"), (["dele"], "`tug delete`"),
                           (["etcd"], "`tug etcd env`"), (["etcd", "evn"], "`tug etcd env`"), (["help", "ap"], "`tug apply`"),
                           (["get", "ms", "--wacth"], "--watch"), (["apply", "--tim", "x"], "--timeout"),
                           (["get", "pds"], "did you mean pods?"), (["get", "microservise"], "did you mean microservice?"),
                           (["get", "xyzzyx"], "there are: microservices, pods, nodes"),
                           (["frobnicate"], "see `tug --help`"), (["-Z"], "no such flag")]:
            r = self.tug(*args, status=2)
            self.assertIn(want, r.stderr, args)
            self.assertEqual(r.stdout, "")

    def test_usage(self):
        for args in (["get"], ["scale", "web"], ["ps", "a", "b"], ["apply"], ["apply", "-f"], ["get", "ms", "-o", "xml"],
                     ["get", "ms", "--watch=1"], ["scale", "web", "x"], ["scale", "web", "-1"], ["delete", "ms"], ["delete"],
                     ["delete", "pods", "x"], ["completion", "ksh"], ["describe", "pod"], ["get", "pods", "a", "b", "-w"],
                     ["logs", "web", "--tail", "-5"], ["logs", "web", "--since", "soon"], ["events", "--since", "x"],
                     ["apply", "-f", "x", "--wait", "--timeout", "soon"], ["explain", "pod", "-o", "json"],
                     ["get", "ms", ""], ["get", "ms/"], ["delete", "ms", ""], ["logs", ""], ["scale", "", "3"],
                     ["logs", "web", "-o", "yaml"]):
            self.assertNotEqual(self.tug(*args, status=2).stderr, "", args)
        self.assertIn("not a number of pods", self.tug("scale", "web", "-1", status=2).stderr)
        self.assertEqual(self.api.asked, [])

    def test_internal_kinds_are_not_offered(self):
        for word in ("sessions", "session", "podStatuses", "microserviceStatus"):
            for command in ("get", "describe", "delete"):
                self.assertIn("no such kind", self.tug(command, word, "x", status=2).stderr)
        for words in (["get", ""], ["explain", ""], ["delete", ""]):
            out = self.tug("__complete", *words).stdout.lower()
            self.assertNotIn("status", out)
            self.assertNotIn("session", out)
        self.assertEqual(self.tug("__complete", "delete", "").stdout.split(), ["microservices", "nodes"])

    def test_help_at_every_level(self):
        top = self.tug("--help").stdout
        self.assertTrue(top.startswith("Examples:\n"))
        self.assertEqual(self.tug(status=2).stdout, top)
        commands = re.findall(r"^  (\w+(?: env)?) {2,}\S", top.split("Commands:")[1].split("Common flags:")[0], re.M)
        self.assertGreater(len(commands), 15)
        for command in commands:
            words = command.split()
            text = self.tug(*words, "--help").stdout
            self.assertTrue(text.startswith("Examples:\n  "), command)
            self.assertIn("\nUsage: tug %s" % command, text)
            self.assertEqual(self.tug("help", *words).stdout, text)
            for example in re.findall(r"^  tug (.*)$", text.split("Usage:")[0], re.M):
                self.assertIn(example.split()[0], [c.split()[0] for c in commands], example)
        self.assertEqual(self.api.asked, [])

    def test_man_page(self):
        page = self.tug("help", "man").stdout
        self.assertTrue(page.startswith(".TH TUG 1"))
        for word in ("SH NAME", "SS tug apply", "SS tug etcd env", "TUG_HOST", "EXIT STATUS"):
            self.assertIn(word, page)
        r = subprocess.run(["man", "--warnings", "-l", "-"], input=page, capture_output=True, text=True, timeout=60)
        self.assertEqual((r.returncode, r.stderr), (0, ""))

    def test_common_flags_before_the_command(self):
        self.on("GET", "/v1/microservices?project=shop", items())
        self.tug("-p", "shop", "get", "ms")
        self.tug("--project=shop", "get", "ms")
        self.tug("get", "ms", TUG_PROJECT="shop")
        self.assertEqual({path for _, path, _ in self.api.asked}, {"/v1/microservices?project=shop&limit=512"})


class Completion(Tug):
    def offered(self, *words):
        return self.tug("__complete", *words).stdout.split()

    def test_words(self):
        self.assertIn("apply", self.offered(""))
        self.assertEqual(self.offered("ap"), ["apply"])
        self.assertEqual(self.offered("-p", "x", "ap"), ["apply"])
        self.assertEqual(self.offered("etcd", ""), ["env"])
        self.assertEqual(self.offered("get", "po"), ["pods"])
        self.assertEqual(self.offered("get", "pods", "-o", ""), ["json", "yaml", "wide", "name"])
        self.assertEqual(self.offered("apply", "-f", ""), [], "the shell offers files")
        self.assertIn("--watch", self.offered("get", "ms", "--w"))
        self.assertEqual(self.offered("explain", "microservice.containers.memL"), ["microservice.containers.memLimit"])
        self.assertEqual(self.offered("completion", ""), ["bash", "zsh", "fish"])

    def test_names_come_from_the_api(self):
        self.on("GET", "/v1/microservices?project=default", items(WEB))
        self.on("GET", "/v1/microservices?project=shop", items(dict(WEB, name="cart")))
        self.on("GET", "/v1/pods?project=default", items(POD))
        self.assertEqual(self.offered("scale", ""), ["web"])
        self.assertEqual(self.offered("scale", "-p", "shop", ""), ["cart"])
        self.assertEqual(self.offered("logs", "w"), ["web-0-0123456789", "web"])
        self.assertEqual(self.offered("get", "ms", "we"), ["web"])
        self.assertEqual(self.tug("__complete", "get", "ms", "", TUG_HOST="http://127.0.0.1:1").stdout, "")

    def test_the_scripts_are_right_for_their_shells(self):
        script = self.tug("completion", "bash").stdout
        path = os.path.dirname(TUG) + ":" + self.env["PATH"]
        ask = script + 'COMP_WORDS=(tug get no); COMP_CWORD=2; _tug; echo "${COMPREPLY[@]}"\n'
        r = subprocess.run(["bash", "-c", ask], env=dict(self.env, PATH=path), capture_output=True, text=True, timeout=60)
        self.assertEqual((r.stdout, r.stderr), ("nodes\n", ""))
        self.assertIn("#compdef tug\n", self.tug("completion", "zsh").stdout)
        self.assertIn("complete -c tug", self.tug("completion", "fish").stdout)


class Reading(Tug):
    def test_forms_of_a_list(self):
        self.on("GET", "/v1/microservices?project=default", items(WEB))
        self.on("GET", "/v1/microservices", items(WEB))
        self.assertEqual(self.tug("get", "ms").stdout,
                         "NAME   READY   UPDATED   STATE\nweb    1/1     1         ready\n")
        self.assertIn("web:1", self.tug("get", "ms", "-o", "wide").stdout)
        self.assertEqual(self.tug("get", "ms", "-o", "name").stdout, "microservice/web\n")
        self.assertEqual(json.loads(self.tug("get", "ms", "-o", "json").stdout), {"items": [WEB]})
        self.assertIn("\n- kind: microservice\n", "\n" + self.tug("get", "ms", "-o", "yaml").stdout.replace("items:\n", ""))
        self.assertIn("default/web", self.tug("get", "ms", "-A").stdout)

    def test_pages_are_put_together(self):
        self.on("GET", "/v1/nodes", (200, {"items": [NODE], "rev": 9, "next": "n1/"}))
        self.on("GET", "/v1/nodes&after=n1%2F", items(dict(NODE, name="n2")))
        self.assertEqual(self.tug("get", "nodes", "-o", "name").stdout, "node/n1\nnode/n2\n")

    def test_a_page_too_large_for_a_document_is_asked_for_in_parts(self):
        huge = [dict(WEB, name="w%d" % i, containers={"app": {"args": ["x"] * 1000}}) for i in range(512)]
        self.on("GET", "/v1/microservices?project=default", (200, {"items": huge, "rev": 9, "next": "last"}))
        self.on("GET", "/v1/microservices?project=default&limit=64", (200, {"items": huge[:64], "rev": 9}))
        self.assertEqual(len(self.tug("get", "ms", "-o", "name").stdout.split()), 64)
        for limit in ("", "?limit=64", "?limit=8", "?limit=1"):
            self.on("GET", "/v1/nodes" + limit, (200, "<html>"))
        self.on("GET", "/v1/nodes/n1", (200, "<html>"))
        for words in (["nodes"], ["get", "node", "n1"]):
            self.assertIn("the answer cannot be read", self.tug(*words, status=1).stderr)

    def test_objects(self):
        self.on("GET", "/v1/microservices/default/web", (200, WEB))
        self.assertEqual(json.loads(self.tug("get", "ms", "web", "-o", "json").stdout), WEB)
        self.assertEqual(json.loads(self.tug("describe", "ms/web", "-o", "json").stdout), WEB)
        r = self.tug("get", "ms", "web", "gone", "-o", "name", status=3)
        self.assertEqual(r.stdout, "microservice/web\n")
        self.assertIn("there is no such thing", r.stderr)

    def test_ps(self):
        self.on("GET", "/v1/pods?project=default", items(POD))
        self.on("GET", "/v1/pods?project=default&service=nope", items())
        self.on("GET", "/v1/microservices?project=default", items(WEB))
        out = self.tug("ps").stdout.splitlines()
        self.assertEqual(re.split(r" {2,}", out[0]), ["NODE", "RESOURCE", "PORTS", "DEPS", "ENGINE STATE", "STATE"])
        self.assertRegex(out[1], r"^n1 +web-0-0123456789 +32768->80 +db +running \(docker\) +running \(\d+d\)$")
        pulling = dict(POD, status={"reason": "PullingContainers", "since": 1000})
        self.on("GET", "/v1/pods?project=default", items(pulling, {k: v for k, v in POD.items() if k != "status"}))
        out = self.tug("ps").stdout.splitlines()
        self.assertRegex(out[1], r"pulling containers \(\d+d\)$", "the phase Pending is the default and not stored")
        self.assertRegex(out[2], r"- +placed$")
        self.assertIn("no microservice nope", self.tug("ps", "nope", status=3).stderr)

    def test_describe_is_for_people(self):
        self.on("GET", "/v1/pods/default/web-0-0123456789", (200, POD))
        self.on("GET", "/v1/events?object=pod%2Fdefault%2Fweb-0-0123456789", items())
        out = self.tug("describe", "pod", "web-0-0123456789").stdout
        self.assertIn("memLimit: 32M", out)
        self.assertIn("startedAt: 1970-01-01T00:00:01Z", out)
        self.assertIn("State: running", out)

    def test_watching_is_one_table(self):
        self.on("GET", "/v1/microservices?project=default&watch=1", (200, sse(
            ("put", WEB), ("put", dict(WEB, name="a-much-longer-name")), ("synced", {"rev": 9}),
            ("put", dict(WEB, name="later")), ("delete", {"kind": "microservice", "name": "later"}))))
        self.assertEqual(self.tug("get", "ms", "-w").stdout,
                         "NAME                 READY   UPDATED   STATE\n"
                         "web                  1/1     1         ready\n"
                         "a-much-longer-name   1/1     1         ready\n"
                         "later                1/1     1         ready\n"
                         "microservice/later deleted\n")

    def test_colours_are_for_terminals(self):
        self.on("GET", "/v1/pods?project=default", items(POD, FAILED))
        self.on("GET", "/v1/microservices?project=default", items(WEB))
        seen = self.terminal("ps")
        self.assertIn("\x1b[1m", seen)
        self.assertIn("\x1b[32mrunning", seen)
        self.assertIn("\x1b[31mfailed: ContainerKeepsCrashing", seen)
        self.assertNotIn("\x1b", self.tug("ps").stdout)
        self.assertNotIn("\x1b", self.terminal("ps", NO_COLOR="1"))
        self.assertNotIn("\x1b", self.terminal("ps", "--no-color"))

    def test_logs(self):
        self.on("GET", "/v1/pods?project=default&service=web", items(POD))
        self.on("GET", "/v1/pods/default/web-0-0123456789/logs?streams=1&tail=5&since=600000ms",
                (200, frames((1, b"out\n"), (2, b"err\n"), (1, b""), (1, b"more\n"))))
        r = self.tug("logs", "web", "-n", "5", "--since", "10m")
        self.assertEqual((r.stdout, r.stderr), ("out\nmore\n", "err\n"))
        self.on("GET", "/v1/pods/default/web-0-0123456789/logs?streams=1", (200, frames((1, b"x\n"), (3, b"the node is lost"))))
        r = self.tug("logs", "web", status=1)
        self.assertEqual((r.stdout, r.stderr), ("x\n", "tug: the node is lost\n"))
        self.assertIn("it has: app", self.tug("logs", "web", "-c", "nope", status=3).stderr)
        self.on("GET", "/v1/pods?project=default&service=web", items(dict(POD, containers={"a": {}, "b": {}})))
        self.assertIn("a, b", self.tug("logs", "web", status=2).stderr)

    def test_logs_of_several_pods_are_followed_at_once(self):
        second = dict(POD, name="web-1-0123456789")
        self.on("GET", "/v1/pods?project=default&service=web", items(POD, second))
        both = threading.Barrier(2, timeout=60)  # each answers only when the other one was asked too

        def log(*list_of):
            def answer(body):
                both.wait()
                return 200, frames(*list_of)
            return answer
        self.on("GET", "/v1/pods/default/web-0-0123456789/logs?streams=1&follow=1", log((1, b"one\ntw"), (2, b"bad\n"), (1, b"o\nend")))
        self.on("GET", "/v1/pods/default/web-1-0123456789/logs?streams=1&follow=1", log((1, b"x" * 70000 + b"\n")))
        r = self.tug("logs", "-f", "web")
        lines = r.stdout.splitlines()
        self.assertEqual([w for w in lines if w.startswith("web-0")], ["web-0-0123456789 | " + w for w in ("one", "two", "end")])
        self.assertEqual([len(w) - len("web-1-0123456789 | ") for w in lines if w.startswith("web-1")], [65536, 70000 - 65536])
        self.assertEqual(r.stderr, "web-0-0123456789 | bad\n")
        self.on("GET", "/v1/pods/default/web-1-0123456789/logs?streams=1&follow=1", log((3, b"the node is lost")))
        r = self.tug("logs", "-f", "web", status=1)
        self.assertIn("web-1-0123456789 | the node is lost", r.stderr)

    def test_events(self):
        event = {"kind": "event", "at": 1000, "type": "Warning", "reason": "Failed", "object": "pod/default/x", "message": "why",
                 "role": "runner", "node": "n1", "name": "e"}
        self.on("GET", "/v1/events?object=pod%2Fdefault%2Fx&since=3600000ms", items(event))
        out = self.tug("events", "--object", "pod/default/x", "--since", "1h").stdout
        self.assertRegex(out, r"Warning +Failed +pod/default/x +why")

    def test_a_reader_that_left(self):
        self.on("GET", "/v1/microservices?project=default", items(*[dict(WEB, name="w%d" % i) for i in range(500)]))
        p = subprocess.Popen([TUG, "get", "ms", "-o", "json"], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        p.stdout.readline()
        p.stdout.close()
        self.assertEqual(p.stderr.read(), b"")
        p.stderr.close()
        self.assertEqual(p.wait(timeout=60), -signal.SIGPIPE)

    def test_explain(self):
        self.assertIn("default:  1G", self.tug("explain", "microservice.containers.memLimit").stdout)
        self.assertIn("one of:   Pending", self.tug("explain", "pod.status.phase").stdout)
        self.assertIn("cpuUsed", self.tug("explain", "node").stdout)
        self.assertIn("did you mean memLimit?", self.tug("explain", "ms.containers.memLimt", status=3).stderr)
        self.assertIn("did you mean microservice.scale?", self.tug("explain", "ms.scal", status=3).stderr)
        self.assertEqual(self.api.asked, [])


class Writing(Tug):
    DOC = "name: web\ncontainers:\n  app:\n    image: web:1\n"

    def put(self, name, status=201, **more):
        self.on("PUT", "/v1/microservices/default/" + name, (status, dict(WEB, name=name, **more)))

    def test_apply_from_everywhere(self):
        self.put("web")
        self.put("api", 200)
        self.put("db", 200, unchanged=True)
        self.file("b.json", '{"kind": "microservice", "name": "api"}')
        text = self.DOC + "---\nname: db\n"
        path = self.file("a.yaml", text)
        self.file("notes.txt", "not a document")
        out = "microservice/web created\nmicroservice/db unchanged\n"
        self.assertEqual(self.tug("apply", "-f", path).stdout, out)
        self.assertEqual(self.tug("apply", "-f", "-", stdin=text).stdout, out)
        self.assertEqual(self.tug("apply", "-f", self.dir.name).stdout, out + "microservice/api configured\n")
        self.on("GET", "/files/a.yaml", (200, text))
        self.assertEqual(self.tug("apply", "-f", self.api.url + "/files/a.yaml").stdout, out)
        self.assertIn("status 404", self.tug("apply", "-f", self.api.url + "/nothing", status=1).stderr)
        self.assertEqual(json.loads(self.api.asked[0][2]), {"name": "web", "containers": {"app": {"image": "web:1"}}})

    def test_forms_of_an_answer(self):
        self.put("web")
        path = self.file("a.yaml", self.DOC)
        self.assertEqual(json.loads(self.tug("apply", "-f", path, "-o", "json").stdout)["rev"], 7)
        self.assertEqual(self.tug("apply", "-f", path, "-o", "name").stdout, "microservice/web\n")
        both = self.tug("apply", "-f", path, "-f", path, "-o", "yaml").stdout
        self.assertEqual(both.count("\n---\n"), 1)

    def test_one_bad_document_does_not_stop_the_others(self):
        self.put("web")
        path = self.file("a.yaml", "kind: Deployment\nname: x\n---\n" + self.DOC + "---\nname: web\nkind: pod\n")
        r = self.tug("apply", "-f", path, status=1)
        self.assertEqual(r.stdout, "microservice/web created\n")
        self.assertIn('a.yaml: line 1: kind: "Deployment" is no kind', r.stderr)
        self.assertIn("line 10: kind: a pod is written by tug itself", r.stderr)

    def test_a_refusal_names_file_line_and_path(self):
        self.on("PUT", "/v1/microservices/default/web", (400, {"message": "unknown field", "path": "containers.app.image",
                                                              "status": 400}))
        path = self.file("a.yaml", self.DOC)
        self.assertEqual(self.tug("apply", "-f", path, status=1).stderr, "tug: %s: line 4: containers.app.image: unknown field\n" % path)

    def test_everything_is_applied_before_anything_is_waited_for(self):
        self.put("one")
        self.put("two")
        for name in ("one", "two"):
            self.on("GET", "/v1/microservices/default/%s?watch=1" % name, (200, sse(("put", dict(WEB, name=name)))))
        self.tug("apply", "-w", "-f", "-", stdin="name: one\n---\nname: two\n")
        self.assertEqual([m for m, _, _ in self.api.asked], ["PUT", "PUT", "GET", "GET"])

    def test_waiting_survives_a_restart_of_the_server(self):
        self.put("web")
        answers = [sse(("put", dict(WEB, status=dict(STATUS, ready=0)))), sse(("put", WEB))]
        self.on("GET", "/v1/microservices/default/web?watch=1", lambda body: (200, answers.pop(0)))
        self.tug("apply", "--wait", "-f", "-", stdin=self.DOC)
        self.assertEqual(answers, [])

    def test_delete(self):
        self.on("DELETE", "/v1/microservices/default/web", (200, {"kind": "microservice", "name": "web", "rev": 9, "deleted": True}))
        self.on("DELETE", "/v1/nodes/n1", (200, {"kind": "node", "name": "n1", "rev": 9, "deleted": True}))
        self.on("DELETE", "/v1/microservices/default/web?dryRun=1", (200, {"kind": "microservice", "name": "web", "rev": 9}))
        gone = sse(("put", POD), ("synced", {"rev": 9}), ("delete", {"kind": "pod", "name": POD["name"]}))
        self.on("GET", "/v1/pods?watch=1&project=default&service=web", (200, gone))
        self.assertEqual(self.tug("delete", "ms", "web", "--wait").stdout, "microservice/web deleted\n")
        self.assertEqual(self.tug("delete", "ms/web", "node/n1").stdout, "microservice/web deleted\nnode/n1 deleted\n")
        self.assertIn("(dry run)", self.tug("delete", "ms", "web", "--dry-run").stdout)
        self.tug("delete", "ms", "nope", status=3)
        self.tug("delete", "ms", "nope", "--ignore-not-found")

    def test_scale_and_cordon(self):
        self.on("PATCH", "/v1/microservices/default/web", (200, WEB))
        self.on("PATCH", "/v1/nodes/n1", (200, NODE))
        self.assertEqual(self.tug("scale", "web", "3").stdout, "microservice/web scaled to 3\n")
        self.assertEqual(self.tug("cordon", "n1").stdout, "node/n1 cordoned\n")
        self.assertEqual(self.tug("uncordon", "n1").stdout, "node/n1 uncordoned\n")
        self.assertEqual([json.loads(b) for _, _, b in self.api.asked], [{"scale": 3}, {"state": "inactive"}, {"state": "active"}])


class Endings(Tug):
    def test_exit_codes(self):
        for status, code in ((400, 1), (403, 1), (404, 3), (409, 4), (413, 1), (503, 5), (504, 5), (507, 1)):
            self.on("PATCH", "/v1/nodes/n1", (status, {"message": "so it is", "status": status}))
            self.assertIn("tug: so it is", self.tug("cordon", "n1", status=code).stderr)
        self.on("PATCH", "/v1/nodes/n1", (502, "<html>"))
        self.assertIn("status 502", self.tug("cordon", "n1", status=1).stderr)
        self.assertIn("`tugd up", self.tug("ps", status=5, TUG_HOST="http://127.0.0.1:1").stderr)
        self.assertEqual(self.tug("version", status=5, TUG_HOST="http://127.0.0.1:1").stdout.split()[0], "tug")
        self.assertEqual(self.tug("etcd", "env", status=3).stdout, "")

    def test_time_out(self):
        self.on("PATCH", "/v1/microservices/default/web", (200, WEB))
        starting = sse(("put", dict(WEB, status=dict(STATUS, ready=0))))
        self.on("GET", "/v1/microservices/default/web?watch=1", (200, starting))
        r = self.tug("scale", "web", "1", "--wait", "--timeout", "1s", status=124)
        self.assertIn("was not ready in time", r.stderr)
        # what is ready long since is not called late because of another one
        self.on("PUT", "/v1/microservices/default/web", (200, WEB))
        self.on("PUT", "/v1/microservices/default/other", (200, dict(WEB, name="other")))
        self.on("GET", "/v1/microservices/default/other?watch=1", (200, sse(("put", dict(WEB, name="other")))))
        r = self.tug("apply", "-w", "--timeout", "1s", "-f", "-", status=124, stdin="name: web\n---\nname: other\n")
        self.assertIn("web was not ready", r.stderr)
        self.assertIn("other: ready", r.stderr)

    def test_interrupted(self):
        hold = threading.Event()
        self.addCleanup(hold.set)
        asked = threading.Event()

        def silent(body):
            asked.set()
            hold.wait(60)
            return 200, ""
        self.on("GET", "/v1/events?watch=1", silent)
        p = subprocess.Popen([TUG, "events", "-w"], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertTrue(asked.wait(60))
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=60)
        self.assertEqual((p.returncode, out, err), (-signal.SIGINT, b"", b""))

    def test_who_is_asking(self):
        self.on("GET", "/v1/nodes", items())
        self.tug("nodes")
        self.assertEqual(self.api.password, "Bearer dev")
        self.tug("nodes", TUG_PASSWORD="secret")
        self.assertEqual(self.api.password, "Bearer secret")
        self.tug("nodes", TUG_PASSWORD="secret", TUG_TOKEN="token")
        self.assertEqual(self.api.password, "Bearer token")
        self.on("GET", "/v1/nodes", (403, {"message": "wrong password", "status": 403}))
        self.assertIn("TUG_PASSWORD", self.tug("nodes", status=1).stderr)


if __name__ == "__main__":
    unittest.main()
