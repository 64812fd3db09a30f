"""Logs: whole, their end, as they come, and across a restart of the container."""
import os
import subprocess
import threading

from lab import BIN, Case, engine, wait_for


class Follower:
    """A `tug logs -f` that is under way; what it said so far is in `text`."""

    def __init__(self, tug, *args):
        self.text = ""
        self.process = subprocess.Popen([BIN + "/tug", "logs", "-f", *args], env=tug.env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while True:
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return
            self.text += data.decode()

    def end(self, timeout=60):
        try:
            return self.process.wait(timeout=timeout)
        finally:
            self.stop()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()


class Logs(Case):
    def test_of_a_program_that_has_ended(self):
        self.t.apply(self.web("talker", 1, args=["lines", "5", "20"], restart="never"))
        wait_for("it has ended", lambda: self.t.pods("talker")[0]["status"]["phase"] == "Succeeded")
        whole = ["%d %s" % (i, "".join(chr(97 + k % 26) for k in range(2, 20))) for i in range(5)]
        out = self.t.tug("logs", "talker").stdout
        self.assertEqual(out.split("\n"), whole, "the last line has no end, and gets none")
        self.assertEqual(self.t.tug("logs", "talker", "--tail", "2").stdout.split("\n"), whole[3:])
        self.assertEqual(self.t.tug("logs", "-f", "talker").stdout, out, "the program has ended: so does the log")
        self.assertEqual(self.t.tug("logs", "nobody", check=False).returncode, 3)

    def test_of_a_large_log(self):
        self.t.apply(self.web("large", 1, args=["lines", "20000", "100"], restart="never"))
        wait_for("it has ended", lambda: self.t.pods("large")[0]["status"]["phase"] == "Succeeded")
        lines = self.t.tug("logs", "large").stdout.split("\n")
        self.assertEqual(len(lines), 20000)
        self.assertEqual([int(l.split(" ")[0]) for l in lines], list(range(20000)))
        self.assertEqual({len(l) for l in lines}, {100})

    def test_followed_across_a_restart_until_the_service_goes(self):
        self.t.apply(self.web("ticker", 1), "--wait")
        f = Follower(self.t, "ticker")
        try:
            wait_for("the log begins", lambda: f.text.count("serving on port 80\n") == 1)
            engine.call("POST", "/containers/%s/kill" % self.t.running("ticker")[0]["Id"])
            wait_for("the restarted container's log follows", lambda: f.text.count("serving on port 80\n") == 2)
            engine.call("DELETE", "/containers/%s?force=1" % self.t.running("ticker")[0]["Id"])
            wait_for("that of a new container too", lambda: f.text.count("serving on port 80\n") == 3)
            self.assertEqual(f.text, "serving on port 80\n" * 3, "no line is missing, none comes twice")
            self.t.tug("delete", "ms", "ticker")
            self.assertEqual(f.end(), 0)
        finally:
            f.stop()

    def test_of_one_container_of_several(self):
        s = self.web("duo", 1)
        s["containers"]["side"] = {"image": "tug-hello:latest", "env": {"PORT": "8081"}, "memLimit": "32M", "cpus": 0.2}
        self.t.apply(s, "--wait")
        self.assertEqual(self.t.tug("logs", "duo", "-c", "side").stdout, "serving on port 8081\n")
        self.assertEqual(self.t.tug("logs", "duo", "-c", "app").stdout, "serving on port 80\n")
        r = self.t.tug("logs", "duo", check=False)
        self.assertEqual(r.returncode, 2)
        self.assertIn("app, side", r.stderr)
