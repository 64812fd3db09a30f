"""A tap in the line to the container engine: passes everything on, and notes when a container's create and start came by."""
import re
import socket
import threading
import time

CREATE = re.compile(rb"POST \S*/containers/create\?name=(\S+) ")
START = re.compile(rb"POST \S*/containers/([0-9a-f]{64})/start ")
IDENT = re.compile(rb'"Id":"([0-9a-f]{64})"')


class Container:
    def __init__(self, create):
        self.create = create  # when the call came by; monotonic seconds
        self.created = None   # its answer
        self.start = None


class Tap:
    def __init__(self, path, engine):
        self.path, self.engine = path, engine
        self.by_name, self.by_id = {}, {}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def address(self):
        return "unix://" + self.path

    def accept(self):
        while True:
            near, far = self.listener.accept()[0], socket.socket(socket.AF_UNIX)
            far.connect(self.engine)
            created = []  # the container whose answer this connection waits for; requests are not pipelined
            threading.Thread(target=self.pump, args=(near, far, lambda d: self.asked(d, created)), daemon=True).start()
            threading.Thread(target=self.pump, args=(far, near, lambda d: self.answered(d, created)), daemon=True).start()

    def pump(self, source, target, note):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                note(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            target.close()

    def asked(self, data, created):
        now = time.monotonic()
        match = CREATE.match(data)
        if match:
            c = self.by_name[match.group(1).decode()] = Container(now)
            created.append(c)
            return
        match = START.match(data)
        if match and match.group(1) in self.by_id:
            self.by_id[match.group(1)].start = now

    def answered(self, data, created):
        match = IDENT.search(data) if created else None
        if match:
            c = created.pop()
            c.created = time.monotonic()
            self.by_id[match.group(1)] = c
