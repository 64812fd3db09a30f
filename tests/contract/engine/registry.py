"""A registry for tests: the part of the Registry API v2 that a pull needs, with the faults that registry.h names.

Prints its port and the digest of `good`; then answers each name on stdin with how many times a layer of it was asked for.
"""
import gzip
import hashlib
import http.server
import io
import json
import sys
import tarfile
import threading
import time

SCHEMA = "application/vnd.docker.distribution.manifest.v2+json"
STATUSES = {
    "unknown": (404, "MANIFEST_UNKNOWN", "manifest unknown"),
    "unauthorised": (401, "UNAUTHORIZED", "authentication required"),
    "too-many": (429, "TOOMANYREQUESTS", "too many requests"),
    "broken": (503, "UNAVAILABLE", "try again later"),
}
blobs = {}
layers = {}
lock = threading.Lock()


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def make(text, damaged=False):
    """The manifest of an image with one file in one layer."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("text")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    layer = gzip.compress(out.getvalue(), mtime=0)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/text"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(out.getvalue())]},
        }
    ).encode()
    blobs[digest_of(config)] = config
    blobs[digest_of(layer)] = layer[:-1] + b"x" if damaged else layer
    kind = "application/vnd.docker."
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": SCHEMA,
            "config": {"mediaType": kind + "container.image.v1+json", "size": len(config), "digest": digest_of(config)},
            "layers": [
                {
                    "mediaType": kind + "image.rootfs.diff.tar.gzip",
                    "size": len(layer) if text != b"slow" else 1 << 30,
                    "digest": digest_of(layer),
                }
            ],
        }
    ).encode()


good = make(b"good")
manifests = {"good": good, "damaged": make(b"damaged", True), "slow": make(b"slow")}
moves = 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body, kind="application/json", **fields):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def refuse(self, name):
        status, code, text = STATUSES[name]
        fields = {"Www_Authenticate": 'Basic realm="tests"'} if status == 401 else {}
        self.reply(status, json.dumps({"errors": [{"code": code, "message": text}]}).encode(), **fields)

    def manifest(self, name):
        global moves
        if name == "hang":
            time.sleep(3600)
        if name == "moved":
            if self.command == "HEAD" or not moves:
                moves += 1
                manifests[name] = make(b"moved %d" % moves)
        if name in manifests:
            body = manifests[name]
            self.reply(200, body, SCHEMA, Docker_Content_Digest=digest_of(body))
        else:
            self.refuse(name if name in STATUSES else "unknown")

    def blob(self, name, digest):
        body = blobs.get(digest)
        if body is None:
            self.refuse("unknown")
            return
        if digest not in manifests.get(name, b"").decode().split('"config"')[1].split('"layers"')[0]:
            with lock:
                layers[name] = layers.get(name, 0) + 1
            if name == "slow":
                self.send_response(200)
                self.send_header("Content-Length", str(1 << 30))
                self.end_headers()
                while True:
                    self.wfile.write(bytes(1 << 16))
                    time.sleep(0.02)
        self.reply(200, body, "application/octet-stream")

    def do_GET(self):
        parts = self.path.strip("/").split("/")
        try:
            if parts == ["v2"]:
                self.reply(200, b"{}")
            elif len(parts) == 4 and parts[2] == "manifests":
                self.manifest(parts[1])
            elif len(parts) == 4 and parts[2] == "blobs":
                self.blob(parts[1], parts[3])
            else:
                self.refuse("unknown")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args):
        pass


server = Server(("", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], digest_of(good), flush=True)
for line in sys.stdin:
    with lock:
        print(layers.get(line.strip(), 0), flush=True)
