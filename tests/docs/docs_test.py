"""The pages against the code: where both have a table, it is the same table. Usage: docs_test.py SOURCE-ROOT BIN-DIR"""
import os
import re
import subprocess
import sys
import unittest

ROOT, BIN = sys.argv[1:3]
del sys.argv[1:3]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def pages():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "*.md"], capture_output=True, text=True)
    if listed.returncode == 0:
        return [p for p in listed.stdout.split() if os.path.exists(os.path.join(ROOT, p))]
    return [os.path.relpath(os.path.join(d, f), ROOT) for d, _, files in os.walk(ROOT) for f in files
            if f.endswith(".md") and not os.path.relpath(d, ROOT).startswith("build")]


def words(cell):
    return re.findall(r"`([^`]+)`", cell)


def table(page, *heading):
    """The rows under the heading row that begins with these cells: lists of cells."""
    lines = read(page).splitlines()
    for i, line in enumerate(lines):
        cells = [c.strip() for c in line.strip("|").split("|")] if line.startswith("|") else []
        if cells[:len(heading)] == list(heading):
            rows = []
            for row in lines[i + 2:]:
                if not row.startswith("|"):
                    break
                cut = re.sub(r"`[^`]*`", lambda m: m.group(0).replace("|", "\0"), row.strip()[1:-1])
                rows.append([c.strip().replace("\0", "|") for c in cut.split("|")])
            return rows
    raise AssertionError("%s has no table that begins with %s" % (page, " | ".join(heading)))


def marked(page, word):
    """The words in backticks behind **word**, up to the end of the paragraph or the next mark."""
    text = re.search(r"\*\*%s\*\*(.*?)(?=\*\*|\n\n|\Z)" % re.escape(word), read(page), re.S)
    if not text:
        raise AssertionError("%s does not say what it %s" % (page, word))
    return words(text.group(1))


def prefixes():
    """Kind by key prefix, from the registry."""
    return dict(re.findall(r'const struct kind (kind_\w+) = \{.*?\.key_prefix = "([^"]+)"', read("store/kind/kind.c"), re.S))


class Pages(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for page in pages():
            here = os.path.join(ROOT, os.path.dirname(page))
            for target in re.findall(r"\]\(([^)#]+)[^)]*\)", read(page)):
                if not re.match(r"[a-z]+:", target):
                    self.assertTrue(os.path.exists(os.path.join(here, target)), "%s: %s" % (page, target))

    def test_files_that_are_named_exist(self):
        for page in pages():
            here = os.path.dirname(page)
            for row in re.findall(r"^\| (`[^|]*`) \|", read(page), re.M):
                for word in words(row):
                    if re.fullmatch(r"[\w./-]+\.(c|h)|[a-z_]+/", word) and page not in ("controllers/up/README.md",):
                        places = [os.path.join(ROOT, here, word), os.path.join(ROOT, word)]
                        self.assertTrue(any(os.path.exists(p) for p in places), "%s: %s" % (page, word))

    def test_every_part_has_its_page(self):
        for folder in ("controllers", "store", "store/kind", "tests", "cmd", "netplugin"):
            self.assertTrue(os.path.exists(os.path.join(ROOT, folder, "README.md")), folder)
        listed = read("controllers/README.md")
        for name in os.listdir(os.path.join(ROOT, "controllers")):
            if os.path.isdir(os.path.join(ROOT, "controllers", name)):
                self.assertTrue(os.path.exists(os.path.join(ROOT, "controllers", name, "README.md")), name)
                self.assertIn("(%s/README.md)" % name, listed)

    def test_every_kind_of_test_is_on_the_page(self):
        named = {w.split("/")[0] for r in table("tests/README.md", "layer", "where") for w in words(r[1])}
        folders = {d for d in os.listdir(os.path.join(ROOT, "tests")) if os.path.isdir(os.path.join(ROOT, "tests", d))}
        self.assertEqual(named, {d for d in folders if not d.startswith("_")} - {"lib"})

    def test_tables_are_whole(self):
        for page in pages():
            size = 0
            for n, line in enumerate(read(page).splitlines(), 1):
                if line.startswith("|"):
                    cells = len(re.sub(r"`[^`]*`", "", line).strip().strip("|").split("|"))
                    size = size or cells
                    self.assertEqual(cells, size, "%s:%d" % (page, n))
                else:
                    size = 0

    def test_nothing_is_put_off(self):
        for page in pages():
            for word in ("TODO", "FIXME", "coming soon", "TBD"):
                self.assertNotIn(word, read(page), page)


class Keys(unittest.TestCase):
    def test_kinds_page_has_each_kind_and_its_prefix(self):
        rows = {}
        for row in table("store/kind/README.md", "key", "kind"):
            rows[words(row[0])[0].split("<")[0]] = row[1]
        names = dict(re.findall(r'const struct kind kind_\w+ = \{\s*\.name = "(\w+)".*?\.key_prefix = "([^"]+)"',
                                read("store/kind/kind.c"), re.S))
        self.assertEqual(rows, {prefix: name for name, prefix in names.items()})

    def check(self, role, reads, writes):
        page = "controllers/%s/README.md" % role
        known = set(prefixes().values()) | {"leader/"}
        for word in ("Reads", "Writes"):
            keys = {re.sub(r"^leader/.*", "leader/", key).split("<")[0] for key in marked(page, word)}
            self.assertLessEqual(keys, known, page)
            self.assertEqual(keys, reads if word == "Reads" else writes, "%s: %s" % (page, word))

    def test_scheduler(self):
        code = read("controllers/scheduler/services.c")
        listed = re.search(r"services_prefixes\[\] = \{(.*?)NULL", code, re.S).group(1)
        written = {prefixes()[k] for k in re.findall(r"full_key\(b, (kind_\w+)\.key_prefix", read("controllers/scheduler/execute.c"))}
        written.discard(prefixes()["kind_microservice"])  # compared, never written
        self.check("scheduler", set(re.findall(r'"([^"]+)"', listed)), written | {"leader/", "events/"})

    def test_runner(self):
        listed = re.search(r"read\[\] = \{([^}]*)\}", read("controllers/runner/runner.c")).group(1)
        self.check("runner", {prefixes()[k] for k in re.findall(r"kind_\w+", listed)}, {"status/pods/", "events/"})

    def test_health_and_up(self):
        self.check("health", {"health/"}, {"health/"})
        self.check("up", {"nodes/"}, {"nodes/"})

    def test_api(self):
        desired = set(re.findall(r'\.key_prefix = "([^"]+)", \.desired = true', read("store/kind/kind.c")))
        self.assertEqual({k.split("<")[0] for k in marked("controllers/api/README.md", "Writes")}, desired | {"sessions/"})


class Words(unittest.TestCase):
    def test_reasons_of_pods(self):
        code = read("controllers/runner/memory.c")
        reasons = set(re.findall(r'\[REASON_\w+\] = "(\w+)"', code))
        rows = table("controllers/runner/README.md", "reason", "phase")
        self.assertEqual({words(r[0])[0] for r in rows}, reasons)
        phases = set(re.search(r"pod_phase_words\[\] = \{(.*?)\}|phase_words\[.*?\] = \{(.*?)\}", read("store/kind/pod.c"),
                               re.S).group(0).split('"')[1::2])
        self.assertEqual({r[1] for r in rows}, phases)

    def test_back_off_of_pods(self):
        def ms(text):
            n, unit = re.search(r"(\d+) (s|min)$", text).groups()
            return int(n) * (1000 if unit == "s" else 60000)
        code = re.findall(r"\[FAILURE_(\w+)\] = \{(\d+), (\d+), (\w+)\}", read("controllers/runner/memory.c"))
        want = {name: (int(a), int(b), once) for name, a, b, once in code if name != "NONE"}
        have = {words(r[0])[0]: (ms(r[1]), ms(r[2]), "true" if "at once" in r[1] else "false")
                for r in table("controllers/runner/README.md", "failure", "first delay", "most")}
        self.assertEqual(have, want)

    def test_conditions_of_microservices(self):
        code = read("controllers/scheduler/report.c")
        calls = re.findall(r'condition_add\(\s*r, s, "(\w+)", [^;]*?;', code)
        have = {words(r[0])[0]: set(words(r[1])) for r in table("controllers/scheduler/README.md", "type", "reasons")}
        self.assertEqual(set(have), set(calls))
        for kind, reasons in have.items():
            said = set()
            for call in re.findall(r'condition_add\(\s*r, s, "%s",(.*?);' % kind, code, re.S):
                said |= set(re.findall(r'"([A-Z][a-z]+(?:[A-Z][a-z]+)*)"', re.sub(r"arena_printf\(.*", "", call, flags=re.S)))
            self.assertEqual(reasons, said, kind)

    def test_events(self):
        for role, what in (("scheduler", r'event_add\(plan, \w+, "(\w+)"|events_add\(t->events, \w+, object, "(\w+)"'),
                           ("runner", r'report_event\(r, s, \w+, "(\w+)"|events_add\(r->events, \w+, object, "(\w+)"|\? "(BackOff)" : "(Failed)"')):
            folder = os.path.join(ROOT, "controllers", role)
            code = "".join(read(os.path.join(folder, f)) for f in sorted(os.listdir(folder)) if f.endswith(".c"))
            said = {w for found in re.findall(what, code) for w in found if w}
            self.assertEqual(set(marked("controllers/%s/README.md" % role, "Events")), said, role)

    def test_figures_of_health(self):
        header = read("controllers/health/plan.h")
        page = " ".join(read("controllers/health/README.md").split())
        figure = {k: int(v) for k, v in re.findall(r"#define HEALTH_(\w+)\s+(\d+)", header)}
        for text in ("every %d s" % (figure["SAMPLE_MS"] // 1000), "CPU use by %d percent points" % figure["CPU_STEP"],
                     "memory by %d %% of all" % figure["MEMORY_STEP"], "disk by %d %% of all" % figure["DISK_STEP"],
                     "comes at %d %% and goes below %d %%" % (figure["DISK_FULL"], figure["DISK_FINE"])):
            self.assertIn(text, page)

    def test_figures_of_up(self):
        header, page = read("controllers/up/plan.h"), " ".join(read("controllers/up/README.md").split())
        figure = {k: int(v) for k, v in re.findall(r"#define UP_(\w+)\s+(\d+)", header)}
        for text in ("after %d ms doubling to %d s" % (figure["BACKOFF_FIRST_MS"], figure["BACKOFF_MAX_MS"] // 1000),
                     "ran for %d s is forgiven" % (figure["FORGIVEN_MS"] // 1000), "SIGKILL after %d s" % (figure["STOP_KILL_MS"] // 1000)):
            self.assertIn(text, page)


    def test_what_is_not_carried_out_yet(self):
        code = read("store/kind/microservice.c") + read("store/kind/container.c")
        rows = [re.match(r"[A-Z]+\(struct \w+, (\w+)", row).group(1) for row in code.split("\tFIELD_")[1:] if ".pending = " in row]
        said = re.search(r"checked but not acted on by this version; its condition `Pending` says so, and `tug explain` too: (.*?)\n\n",
                         read("README.md"), re.S)
        self.assertEqual(sorted(words(said.group(1))), sorted(rows))


class Programs(unittest.TestCase):
    def help_of(self, program):
        return subprocess.run([os.path.join(BIN, program), "--help"], capture_output=True, text=True, timeout=60).stdout

    def test_options_of_tugd(self):
        have = {}
        for flag, variable, default, _ in table("controllers/up/README.md", "flag", "variable"):
            have[words(variable)[0]] = (words(flag)[0] if flag else "", words(default)[0] if default.startswith("`") and
                                        default.endswith("`") and default.count("`") == 2 else "")
        want = {}
        for line in self.help_of("tugd").split("Options")[1].splitlines()[1:]:
            found = re.match(r"  (--\S+(?: \S+)?)?\s+(TUG_\w+)\s+(.*)$", line)
            if found:
                default = re.search(r" \(([^() ]*[/:][^() ]*)\)$", found.group(3))
                want[found.group(2)] = (found.group(1) or "", default.group(1) if default else "")
        have["TUG_PASSWORD"] = (have["TUG_PASSWORD"][0], "")  # --help shows no password, not even the default
        self.assertEqual(have, want)

    def test_roles(self):
        roles = set(re.findall(r"^  (\w+) {2,}", self.help_of("tugd").split("Roles:")[1].split("Options")[0], re.M))
        row = [r for r in table("cmd/README.md", "program", "what") if words(r[0])[0] == "tugd ROLE"][0]
        self.assertEqual(set(words(row[1])), roles)
        self.assertEqual({words(r[0])[0] for r in table("controllers/README.md", "role", "decides")} - {"up"}, roles)

    def test_commands_of_tug(self):
        listed = self.help_of("tug").split("Commands:")[1].split("Common flags:")[0]
        want = dict(re.findall(r"^  (\w+(?: env)?) {2,}(.+)$", listed, re.M))
        self.assertEqual({words(r[0])[0]: r[1] for r in table("cmd/README.md", "command", "what")}, want)

    def test_exit_statuses_and_variables_of_tug(self):
        codes = set(re.findall(r"EXIT_\w+ = (\d+),", read("cmd/tug/cli.h")))
        self.assertEqual({r[0] for r in table("cmd/README.md", "exit status")}, codes)
        code = "".join(read("cmd/tug/" + f) for f in os.listdir(os.path.join(ROOT, "cmd/tug")) if f.endswith(".c"))
        named = {w for r in table("cmd/README.md", "variable", "what") for w in words(r[0])}
        self.assertEqual(named, set(re.findall(r'getenv\("(\w+)"\)', code)))


class Api(unittest.TestCase):
    PAGE = "controllers/api/README.md"

    def routes(self):
        code = read("controllers/api/route.c")
        text = dict(re.findall(r'#define (\w+_PARAMS)\s+"([^"]*)"', code))
        for method, pattern, params in re.findall(r'\{METHOD_(\w+), "([^"]+)", [^"\n]*?,\s*((?:\w+_PARAMS ?)?(?:"[^"]*")?|NULL), \w+,', code):
            expanded = re.sub(r"\w+_PARAMS", lambda m: text[m.group(0)], params).replace('"', "")
            yield method, pattern, set(expanded.split()) - {"NULL"}

    def test_every_route_is_described(self):
        found = list(self.routes())
        self.assertEqual(len(found), read("controllers/api/route.c").count("{METHOD_"))
        described = {}
        for row in table(self.PAGE, "method and path", "query"):
            method = None
            for word in words(row[0]):
                method, path = word.split() if " " in word else (word, "")
                described.setdefault(method, []).append((path, row))
        every = " ".join(path for rows in described.values() for path, _ in rows)
        for method, pattern, params in found:
            self.assertIn(method, described)
            shape = pattern.replace("{kind}", "<kinds>").replace("{", "<").replace("}", ">")
            if shape.startswith("/v1/<kinds>/") and method in ("POST", "PUT", "PATCH", "DELETE"):
                shape = "/v1/microservices/" if "<project>" in shape else "/v1/nodes/"
                if method == "POST":
                    shape = shape.rstrip("/")
            elif shape == "/v1/<kinds>/<name>":
                shape = "/v1/nodes/<name>"
            elif method == "POST" and shape == "/v1/<kinds>":
                shape = "/v1/microservices"
            elif shape.startswith("/v1/pods/") or shape.startswith("/v1/sessions/"):
                shape = shape.replace("<name>/logs", "<pod>/logs")
            self.assertIn(shape, every, "%s %s" % (method, pattern))

    def test_every_parameter_is_described(self):
        page = read(self.PAGE)
        for method, pattern, params in self.routes():
            for name in params:
                self.assertRegex(page, r"`\??%s[=`]|[?`& ]%s=|`%s`" % (name, name, name), "%s %s: %s" % (method, pattern, name))

    def test_statuses(self):
        described = {int(n) for r in table(self.PAGE, "status", "when") for n in r[0].split(", ")}
        said = set()
        for folder, files in (("controllers/api", r".*\.c"), ("store/core/httpd", r".*\.c"), ("store/core/http", r"http1\.c")):
            for name in os.listdir(os.path.join(ROOT, folder)):
                if re.fullmatch(files, name):
                    code = re.sub(r"/\*.*?\*/|\"[^\"]*\"", "", read(folder + "/" + name), flags=re.S)
                    code = re.sub(r"case \d+:|\d+ [<>]=?|[<>]=? \d+", "", code)
                    said |= {int(n) for n in re.findall(r"(?<![\w.])([45]\d\d)(?=[,;:) ])", code)}
        self.assertEqual(described, said)
        self.assertNotIn(500, said)


if __name__ == "__main__":
    unittest.main()
