"""What a whole tug costs: real etcd, a real container engine, the real programs on one machine."""
import base64
import concurrent.futures
import http.client
import json
import os
import statistics
import subprocess
import threading
import time

from lab import Tug, UnixConnection, engine, wait_for
from server import PROGRAM
from tap import Tap
from table import busy, percentile

ROUNDS = int(os.environ.get("TUG_BENCH_ROUNDS", "60"))
IDLE_S = int(os.environ.get("TUG_BENCH_IDLE_S", "60"))
SETTLE_S = 25  # two health samples and the first reports are past
WATCHERS = 5000
JSON = {"Content-Type": "application/json"}


class Starts(threading.Thread):
    """Start events of the engine, with the moment at which they reached us, by container name."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen = {}
        self.changed = threading.Condition()
        self.connection = UnixConnection(engine.socket, timeout=None)
        self.connection.request("GET", "/events?filters=" + '{"event":["start"]}'.replace('"', "%22"))
        self.stream = self.connection.getresponse()
        self.start()

    def run(self):
        for line in self.stream:
            event = json.loads(line)
            with self.changed:
                self.seen[event["Actor"]["Attributes"]["name"]] = time.monotonic()
                self.changed.notify_all()

    def wait(self, prefix, count=1, timeout=180):
        """The moment of the last of `count` starts of containers whose names begin so."""
        def found():
            return [t for n, t in self.seen.items() if n.startswith(prefix)]
        with self.changed:
            if not self.changed.wait_for(lambda: len(found()) >= count, timeout):
                raise AssertionError("%d of %d starts of %s" % (len(found()), count, prefix))
            return max(found())


class Etcd:
    """etcd's JSON gateway: no process is started for a call."""

    def __init__(self, t):
        with open(os.path.join(t.dir, "etcd.port")) as f:
            self.connection = http.client.HTTPConnection("127.0.0.1", int(f.read()), timeout=60)

    def call(self, what, **fields):
        for name in ("key", "range_end", "value"):
            if name in fields:
                fields[name] = base64.b64encode(fields[name].encode()).decode()
        self.connection.request("POST", "/v3/kv/" + what, json.dumps(fields), JSON)
        r = self.connection.getresponse()
        reply = json.loads(r.read())
        assert r.status == 200, reply
        return reply

    def revision(self):
        return int(self.call("range", key="/", count_only=True)["header"]["revision"])

    def written_since(self, rev):
        """Keys that stand, and were written after that revision."""
        kvs = self.call("range", key="/", range_end="0", min_mod_revision=rev + 1, keys_only=True).get("kvs", [])
        return sorted(base64.b64decode(kv["key"]).decode() for kv in kvs)


def service(name, scale=1):
    return {"kind": "microservice", "name": name, "scale": scale, "containers": {
        "app": {"image": "tug-hello:latest", "httpPorts": {"80": name + ".localhost"}, "memLimit": "32M", "cpus": 0.2}}}


def containers_of(name):
    """How the names of such a service's containers begin in the engine."""
    return "tug-default.%s-" % name


def connect(t):
    """To the API, now: not inside what is timed."""
    c = UnixConnection(t.dir + "/run/api.sock")
    c.connect()
    return c


def post(connection, document):
    connection.request("POST", "/v1/microservices", json.dumps(document), JSON)
    r = connection.getresponse()
    reply = r.read()
    connection.close()
    assert r.status == 201, reply


def stop(t):
    t.tug("down", timeout=300)
    t.process.wait(timeout=60)


# --- the same calls made directly ---


def direct_body(t):
    """The engine's own create request, as tug makes it for this service: read from a container that tug made."""
    t.apply(service("template"), "--wait")
    c = engine.inspect(t.running("template")[0]["Id"])
    t.tug("delete", "ms", "template", "--wait")
    config, host = c["Config"], c["HostConfig"]
    body = {k: config[k] for k in ("Image", "Env", "ExposedPorts", "Hostname", "Healthcheck") if config.get(k)}
    body["Labels"] = {k.replace("tug.", "bench."): v for k, v in config["Labels"].items()}  # as many, and none of tug's
    body["HostConfig"] = {k: host[k] for k in ("RestartPolicy", "PortBindings", "Memory", "MemorySwap", "NanoCpus", "PidsLimit",
                                               "LogConfig", "NetworkMode", "SecurityOpt") if host.get(k) is not None}
    return body


def direct_start(body, name, path=None):
    c = UnixConnection(path or engine.socket)
    try:
        c.request("POST", "/containers/create?name=" + name, json.dumps(body), JSON)
        r = c.getresponse()
        reply = json.loads(r.read())
        assert r.status == 201, reply
        c.request("POST", "/containers/%s/start" % reply["Id"])
        r = c.getresponse()
        reply_start = r.read()
        assert r.status == 204, reply_start
        return reply["Id"]
    finally:
        c.close()


def remove(ident):
    engine.call("DELETE", "/containers/%s?force=1&v=1" % ident)


# --- one pod ---


def time_direct(starts, tap, body, name):
    begin = time.monotonic()
    ident = direct_start(body, name, tap.path)
    took = starts.wait(name) - begin
    remove(ident)
    return took, share(tap, begin, name)


def time_through(t, starts, tap, name):
    api = connect(t)
    begin = time.monotonic()
    post(api, service(name))
    answered = time.monotonic() - begin
    took = starts.wait(containers_of(name)) - begin
    wait_for("it is running", lambda: t.service(name).get("status", {}).get("ready") == 1)
    t.tug("delete", "ms", name, "--wait")
    return took, share(tap, begin, containers_of(name)), answered


def share(tap, begin, prefix):
    """What passed outside of the engine: until create was called, and from its answer to the call of start."""
    c = [c for n, c in tap.by_name.items() if n.startswith(prefix)][0]
    return c.create - begin + c.start - c.created


def both(values):
    return tuple(1000 * percentile(values, p) for p in (.5, .99))


def one_pod(table):
    """Paired: the same create and start, direct and through tug, in turn; who goes first alternates."""
    tap = Tap(os.path.join(engine.dir, "tap"), engine.socket)
    t = Tug(engine=tap.address)
    t.up()
    starts, body = Starts(), direct_body(t)
    direct, through = [], []
    for i in range(-2, ROUNDS):
        for way in ("direct", "through")[::1 if i % 2 else -1]:
            if way == "direct":
                direct.append(time_direct(starts, tap, body, "direct%d." % (i + 2)))
            else:
                through.append(time_through(t, starts, tap, "round%d" % (i + 2)))
    stop(t)
    direct, through = direct[2:], through[2:]
    d50, d99 = both([d[0] for d in direct])
    t50, t99 = both([x[0] for x in through])
    table.row("one pod: create + start called directly, until started: p50 / p99 of %d" % ROUNDS, "%.0f / %.0f ms" % (d50, d99))
    table.row("the same from POST on, beyond that: difference of p50 / of p99 (the engine's own spread is in it)",
              "%.1f / %.1f ms" % (t50 - d50, t99 - d99))
    table.row("the same, median of the paired differences",
              "%.1f ms" % (1000 * statistics.median(x[0] - d[0] for x, d in zip(through, direct))))
    t50, t99 = both([x[1] for x in through])
    d50, d99 = both([d[1] for d in direct])
    table.row("POST -> container started, what passes outside of the engine: p50 / p99 %.1f / %.1f ms; beyond the direct calls' "
              "%.1f / %.1f ms" % (t50, t99, d50, d99), "%.1f / %.1f ms" % (t50 - d50, t99 - d99), "10 / 30 ms",
              t50 - d50 <= 10 and t99 - d99 <= 30)
    table.row("of it until the POST was answered (validated, in etcd): p50 / p99",
              "%.1f / %.1f ms" % both([x[2] for x in through]))


# --- many pods ---


def time_placed(t, name, scale):
    watch = connect(t)
    watch.request("GET", "/v1/pods?watch=1&service=" + name)
    stream = watch.getresponse()
    while b"event: synced" not in stream.readline():
        pass
    names, event = set(), b""
    api = connect(t)
    begin = time.monotonic()
    post(api, service(name, scale))
    while len(names) < scale:
        line = stream.readline()
        if line.startswith(b"event: "):
            event = line[7:].strip()
        elif line.startswith(b"data: ") and event == b"put":
            names.add(json.loads(line[6:])["name"])
    took = time.monotonic() - begin
    watch.close()
    return took


def placed(table, t):
    took = []
    for i in range(3):
        name = "twenty%d" % i
        took.append(1000 * time_placed(t, name, 20))
        t.ready(name, 20)
        t.tug("delete", "ms", name, "--wait")
    table.row("20 pods placed after POST, seen by a watcher (median of %d; most %.0f ms)" % (len(took), max(took)),
              "%.0f ms" % statistics.median(took), "100 ms (ContainerOS: 23.2 s)", statistics.median(took) <= 100)


def time_many_direct(starts, body, name, parallel):
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        begin = time.monotonic()
        made = list(pool.map(lambda k: direct_start(body, "%s-%d" % (name, k)), range(40)))
        took = starts.wait(name + "-", 40) - begin
        list(pool.map(remove, made))
    return took


def time_many_through(t, starts, name):
    api = connect(t)
    begin = time.monotonic()
    post(api, service(name, 40))
    took = starts.wait(containers_of(name), 40) - begin
    t.ready(name, 40)
    t.tug("delete", "ms", name, "--wait")
    return took


def many(table, t):
    starts, body = Starts(), direct_body(t)
    parallel = max(4, 2 * os.cpu_count())  # as many as tug's runner has under way
    ratios = []
    for i in range(5):
        took = {}
        for way in ("direct", "through")[::1 if i % 2 else -1]:
            if way == "direct":
                took[way] = time_many_direct(starts, body, "many%d" % i, parallel)
            else:
                took[way] = time_many_through(t, starts, "forty%d" % i)
        ratios.append((took["through"] / took["direct"], took["through"], took["direct"]))
    ratio, through, direct = sorted(ratios)[len(ratios) // 2]
    table.row("40 pods running: tug / direct, %d at once (median of %d: %s)" % (
        parallel, len(ratios), " ".join("%.2f" % r[0] for r in ratios)),
        "%.2f (%.1f / %.1f s)" % (ratio, through, direct), "1.05", ratio <= 1.05)


# --- idle ---


def pss_mb(pid):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        for line in f:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024 / 1e6
    raise AssertionError("no PSS of %d" % pid)


def switches(pid):
    """How often the process has gone to sleep: one thread, so once for each wake-up."""
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith("voluntary_ctxt_switches"):
                return int(line.split()[1])
    raise AssertionError("no count of %d" % pid)


def idle(table, t):
    etcd = Etcd(t)
    pids = {c["name"]: c["pid"] for c in t.status()["children"]}
    pids["up"] = t.process.pid
    time.sleep(SETTLE_S)  # no synchronisation: what is measured is a minute without work
    before, rev, begin, work = {n: switches(p) for n, p in pids.items()}, etcd.revision(), time.monotonic(), busy()
    time.sleep(IDLE_S)
    took = time.monotonic() - begin
    after, writes = {n: switches(p) for n, p in pids.items()}, etcd.revision() - rev
    work = 100 * (busy() - work) / took / os.cpu_count()
    memory = {n: pss_mb(p) for n, p in pids.items()}
    etcd_mb = memory.pop("etcd", 0)
    rates = {n: (after[n] - before[n]) / took for n in memory}
    worst = max(memory, key=lambda n: memory[n])
    table.row("memory of each role, idle (PSS): " + " ".join("%s %.1f" % i for i in sorted(memory.items())),
              "%.1f MB" % memory[worst], "5 MB", memory[worst] <= 5)
    table.row("memory of all roles and the supervisor (PSS; etcd beside them: %.0f MB)" % etcd_mb,
              "%.1f MB" % sum(memory.values()), "16 MB", sum(memory.values()) <= 16)
    keys = etcd.written_since(rev)
    table.row("idle, %d s: etcd writes (the machine %.0f %% busy%s)" % (took, work, "; " + " ".join(keys) if keys else ""),
              str(writes), "0", writes == 0)
    worst = max(rates, key=lambda n: rates[n])
    table.row("idle: wake-ups a second: " + " ".join("%s %.2f" % i for i in sorted(rates.items())), "%.2f" % rates[worst],
              "under 1", rates[worst] < 1)


# --- watchers ---


def time_seen(t, etcd, count, name):
    """One change in etcd to the last of many watchers: from the put's begin, and from when etcd had it."""
    watching = subprocess.Popen([PROGRAM, "watch", str(t.port), str(count), "/v1/microservices?watch=1", "dev", name],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert watching.stdout.read(1) == b"r"
    begin = time.monotonic()
    etcd.call("put", key="/tug/microservices/default/" + name, value=json.dumps(service(name, 0)))
    stored = time.monotonic()
    end = int.from_bytes(watching.stdout.read(8), "little") / 1e6
    watching.stdin.close()
    assert watching.wait(60) == 0
    t.tug("delete", "ms", name, "--wait")
    return 1000 * (end - begin), 1000 * (stored - begin)


def watchers(table, t):
    etcd = Etcd(t)
    took = sorted(time_seen(t, etcd, WATCHERS, "seen%d" % i) for i in range(5))
    total, put = took[len(took) // 2]
    table.row("%d watchers: put sent to etcd -> last one has it (median of %d; the put itself %.1f ms)" % (
        WATCHERS, len(took), put), "%.0f ms" % total, "100 ms", total <= 100)
