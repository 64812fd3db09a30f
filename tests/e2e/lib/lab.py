"""What end-to-end tests are made of: an engine, a tug, and ways to wait for what should become true."""
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import tarfile
import time
import unittest
import urllib.parse

BIN = os.environ["TUG_BIN"]
DIR = os.environ["TUG_E2E_DIR"]
REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def wait_for(what, probe, timeout=60):
    """Calls probe until it returns something true, and returns that. What it raised last is told on time-out."""
    end = time.monotonic() + timeout
    last = None
    while True:
        try:
            last = probe()
            if last:
                return last
        except Exception as e:  # a probe may look at what is not there yet
            last = e
        if time.monotonic() > end:
            raise AssertionError("within %s s this did not become true: %s; last seen: %r" % (timeout, what, last))
        time.sleep(0.05)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Engine:
    """A dockerd of this run's own."""

    def __init__(self):
        self.dir = os.path.join(DIR, "docker")
        self.socket = os.path.join(self.dir, "s")
        self.process = None

    @property
    def address(self):
        return "unix://" + self.socket

    def start(self, wait=True, live=True):
        """live: containers run on while the daemon is away. Otherwise it stops what it finds running, as by default."""
        os.makedirs(self.dir, exist_ok=True)
        pidfile = os.path.join(self.dir, "pid")
        if os.path.exists(pidfile):
            os.unlink(pidfile)
        self.process = subprocess.Popen(
            ["/usr/sbin/dockerd", "--data-root", self.dir + "/data", "--exec-root", self.dir + "/exec", "-H", self.address,
             "--pidfile", pidfile, "--cgroup-parent", os.environ["TUG_E2E_CGROUP"], "--live-restore=%s" % str(live).lower()],
            stdin=subprocess.DEVNULL, stdout=open(self.dir + "/log", "ab"), stderr=subprocess.STDOUT)
        if wait:
            wait_for("dockerd answers", lambda: self.call("GET", "/_ping")[0] == 200)
            self.load("tug-hello:latest", "tug-hello")

    def kill(self, signum=signal.SIGKILL):
        """The daemon only: containers run on (live-restore)."""
        if self.process:
            self.process.send_signal(signum)
            self.process.wait()
            self.process = None

    def call(self, method, target, body=None, headers=None, raw=False):
        c = UnixConnection(self.socket)
        try:
            c.request(method, target, body, headers or {})
            r = c.getresponse()
            data = r.read()
            return r.status, data if raw or data[:1] not in (b"{", b"[") or b"\n{" in data else json.loads(data)
        finally:
            c.close()

    def load(self, ref, program):
        """An image of one static program of ours."""
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as t:
            t.add(os.path.join(BIN, program), program)
        entry = urllib.parse.quote('ENTRYPOINT ["/%s"]' % program)
        status, reply = self.call("POST", "/images/create?fromSrc=-&repo=%s&changes=%s" % (ref, entry), tar.getvalue(),
                                  {"Content-Type": "application/x-tar"})
        assert status == 200, reply

    def containers(self, label=None):
        filters = urllib.parse.quote(json.dumps({"label": [label]} if label else {}))
        status, reply = self.call("GET", "/containers/json?all=1&filters=" + filters)
        assert status == 200, reply
        return reply

    def inspect(self, ident):
        status, reply = self.call("GET", "/containers/%s/json" % ident)
        assert status == 200, reply
        return reply


engine = Engine()


class Tug:
    """One machine's tug: `tugd up` with a data directory of its own."""

    count = 0

    def __init__(self, **flags):
        Tug.count += 1
        self.node = "n%d" % Tug.count
        self.dir = os.path.join(DIR, self.node)
        self.port = 8000 + Tug.count
        self.flags = flags
        self.process = None
        self.env = dict(os.environ, TUG_DATA_DIR=self.dir, NO_COLOR="1", TUG_ENGINE=engine.address)
        self.env.pop("TUG_HOST", None)

    def up(self, wait=True):
        argv = [BIN + "/tugd", "up", "--node", self.node, "--data-dir", self.dir, "--engine", engine.address, "--listen",
                "127.0.0.1:%d" % self.port]
        for k, v in self.flags.items():
            argv += ["--" + k.replace("_", "-"), v]
        os.makedirs(self.dir, exist_ok=True)
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(self.dir + ".log", "ab"))
        if wait:
            wait_for("tug is ready", lambda: self.status()["ready"])

    def status(self):
        """What `tugd up` says of its children."""
        c = UnixConnection(self.dir + "/run/up.sock")
        try:
            c.request("GET", "/v1/status")
            return json.loads(c.getresponse().read())
        finally:
            c.close()

    def pid(self, child):
        return [c["pid"] for c in self.status()["children"] if c["name"] == child][0]

    def term(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        self.process = None
        return status

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def tug(self, *args, stdin=None, check=True, timeout=120):
        r = subprocess.run([BIN + "/tug", *args], env=self.env, input=stdin, capture_output=True, text=True, timeout=timeout)
        if check and r.returncode != 0:
            raise AssertionError("tug %s ended with %d\n%s%s" % (" ".join(args), r.returncode, r.stdout, r.stderr))
        return r

    def json(self, *args):
        return json.loads(self.tug(*args, "-o", "json").stdout)

    def apply(self, document, *args):
        return self.tug("apply", "-f", "-", *args, stdin=document if isinstance(document, str) else json.dumps(document))

    def etcdctl(self, *args, check=True):
        script = 'eval "$(%s/tug etcd env)"; exec etcdctl "$@"' % BIN
        r = subprocess.run(["sh", "-c", script, "sh", *args], env=self.env, capture_output=True, text=True, timeout=60)
        if check and r.returncode != 0:
            raise AssertionError("etcdctl %s: %s" % (args, r.stderr))
        return r.stdout

    def http(self, method, target, body=None, headers=None, password="dev"):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            h = dict(headers or {})
            if password:
                h["Authorization"] = "Bearer " + password
            c.request(method, target, body, h)
            r = c.getresponse()
            data = r.read().decode()
            return r.status, json.loads(data) if data[:1] in "{[" and data else data
        finally:
            c.close()

    def containers(self):
        return engine.containers("tug.node=" + self.node)

    def running(self, service=None):
        return [c for c in self.containers() if c["State"] == "running" and
                (service is None or c["Labels"].get("tug.service") == service) and c["Labels"].get("tug.role") != "infra"]

    def service(self, name):
        return self.json("get", "microservice", name)

    def pods(self, service=None):
        items = self.json("get", "pods")["items"]
        return [p for p in items if service is None or p["service"] == service]

    def gone(self, name):
        wait_for("no container of %s is left" % name,
                 lambda: not [c for c in self.containers() if c["Labels"].get("tug.service") == name])

    def keys(self, prefix):
        return self.etcdctl("get", "--prefix", "--keys-only", "/tug/" + prefix).split()

    def ready(self, name, n, timeout=90):
        def probe():
            s = self.service(name).get("status", {})
            return s.get("ready", 0) == n and s.get("desired", 0) == n and s.get("pods", 0) == n and s.get("updated", 0) == n
        return wait_for("%s has %d ready pods" % (name, n), probe, timeout)


class Case(unittest.TestCase):
    """A test class with one tug for all its tests."""

    flags = {}

    @classmethod
    def setUpClass(cls):
        cls.t = Tug(**cls.flags)
        cls.t.up()

    @classmethod
    def tearDownClass(cls):
        cls.t.kill()
        if not engine.process:
            engine.start()
        for c in cls.t.containers():
            engine.call("DELETE", "/containers/%s?force=1&v=1" % c["Id"])
        if os.environ.get("TUG_E2E_LOGS"):
            print(open(cls.t.dir + ".log").read())

    def tearDown(self):
        """Each test begins with nothing, also after one that failed."""
        if not engine.process:
            engine.start()
        if not self.t.process:
            self.t.up()
        self.t.etcdctl("del", "--prefix", "/tug/microservices/")
        wait_for("nothing is left of the test", lambda: not self.t.containers())

    def web(self, name, scale=1, **container):
        """A microservice of the hello server."""
        c = {"image": "tug-hello:latest", "httpPorts": {"80": name + ".localhost"}, "memLimit": "32M", "cpus": 0.2}
        c.update(container)
        return {"kind": "microservice", "name": name, "scale": scale, "containers": {"app": c}}

    def host_port(self, pod, inside="80/tcp"):
        return int(pod["status"]["containers"][0]["ports"][inside])

    def fetch(self, port, path="/"):
        """A container runs before its program listens: what the engine's proxy cuts is asked for again."""
        def once():
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                c.request("GET", path)
                return c.getresponse().read().decode()
            finally:
                c.close()
        return wait_for("port %s answers" % port, once, 20)
