"""Sends each row of stomp_probes.txt, byte for byte, to two servers, and compares what they answer with
what the row says of each.

    stomp_probes.py TABLE SPOOLMQ_PORT RABBITMQ_PORT [--say] [--only NAME]

--say: what was answered, to mend a row; --only: one row

A row:
    [NAME]
    send BYTES        \\n \\r \\0 \\xNN as in C; %Q: a queue of this probe and server; %1.0, %1.1, %1.2:
                      CONNECT of that version, whose CONNECTED is awaited before the rest is sent;
                      %HEADERSn: n header lines; %LONGn: n times "x"
    both ANSWER       or, where they differ:
    spoolmq ANSWER
    rabbitmq ANSWER
    why TEXT          of the difference; there must be one
ANSWER is the frames that came, sorted, each with the headers that matter, then
    open              a SEND behind it is confirmed: it is a connection as before
    closed            the server ended it
    waits             neither within a second: the SEND became part of what had begun
"""

import re
import socket
import sys
import time

SHOWN = {"CONNECTED": ("version",), "RECEIPT": ("receipt-id",), "ERROR": ("receipt-id",),
         "MESSAGE": ("subscription",)}
SECONDS = 8
FENCE = "fence"


def frames_of(data):
    """(frames, rest): each frame a command, headers and body."""
    frames = []
    while True:
        data = data.lstrip(b"\r\n")
        head, blank, rest = data.partition(b"\n\n")
        if not blank:
            return frames, data
        lines = [line.rstrip("\r") for line in head.decode("utf-8", "replace").split("\n")]
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers.setdefault(name, value)
        if "content-length" in headers:
            length = int(headers["content-length"])
            if len(rest) < length + 1:
                return frames, data
            body, rest = rest[:length], rest[length + 1:]
        else:
            body, end, rest = rest.partition(b"\0")
            if not end:
                return frames, data
        frames.append((lines[0], headers, body))
        data = rest


def text_of(frame):
    command, headers, body = frame
    shown = [headers[name] for name in SHOWN.get(command, ()) if name in headers]
    if command == "MESSAGE":
        shown.append(body.decode("utf-8", "backslashreplace")[:20])
    return f"{command}({','.join(shown)})" if shown else command


class Peer:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.data = b""
        self.got = []
        self.closed = False

    def send(self, text):
        try:
            self.socket.sendall(text)
        except OSError:
            pass  # what came before the end tells

    def read_until(self, is_enough, seconds):
        end = time.monotonic() + seconds
        while not self.closed and not is_enough(self.got) and time.monotonic() < end:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                part = self.socket.recv(65536)
            except socket.timeout:
                return
            except OSError:
                part = b""
            if not part:
                self.closed = True
            self.data += part
            new, self.data = frames_of(self.data)
            self.got += new


def probe(port, text, queue, wanted):
    peer = Peer(port)
    version = re.match(r"%(1\.[012])", text)
    if version:
        text = text[version.end():]
        peer.send(f"CONNECT\naccept-version:{version[1]}\nhost:/\nlogin:guest\npasscode:guest\n\n\0".encode())
        peer.read_until(lambda got: got, SECONDS)
        assert peer.got and peer.got[0][0] == "CONNECTED", peer.got
        peer.got = []
    text = re.sub("%HEADERS([0-9]+)", lambda m: "".join(f"h{n}:v\\n" for n in range(int(m[1]))), text)
    text = re.sub("%LONG([0-9]+)", lambda m: "x" * int(m[1]), text)
    text = text.replace("%Q", queue)
    peer.send(text.encode().decode("unicode_escape").encode("latin-1"))
    *frames, state = wanted.split(" ") if wanted else ["?"]
    # What must come is waited for; the fence then shows what came besides, and how it stands.
    peer.read_until(lambda got: len(got) >= len(frames), SECONDS)
    if state == "closed":
        peer.read_until(lambda got: False, SECONDS)
    told = len(peer.got)
    if state != "closed":
        peer.send(f"SEND\ndestination:{queue}\nreceipt:{FENCE}\n\nbehind\0".encode())
        behind = 1 if state == "waits" else 4
        peer.read_until(lambda got: any(f[1].get("receipt-id") == FENCE for f in got), behind)
    fenced = any(f[1].get("receipt-id") == FENCE and f[0] == "RECEIPT" for f in peer.got)
    # An ERROR to the fence is not an answer to the probe.
    peer.got = peer.got[:told] + [f for f in peer.got[told:] if f[0] != "ERROR"]
    answers = sorted(text_of(f) for f in peer.got
                     if f[1].get("receipt-id") != FENCE and f[2] != b"behind")
    state = "open" if fenced else "closed" if peer.closed else "waits"
    peer.socket.close()
    return " ".join(answers + [state])


def rows_of(path):
    row = {}
    for line in open(path, encoding="utf-8"):
        line = line.rstrip("\n")
        if line.startswith("["):
            row = {"name": line.strip("[]"), "send": ""}
            yield row
        elif line and not line.startswith("#"):
            key, _, value = line.partition(" ")
            if key == "both":
                row["spoolmq"] = row["rabbitmq"] = value
            elif key in ("send", "why"):
                row[key] = row.get(key, "") + value
            else:
                row[key] = value


def main():
    path, spoolmq, rabbitmq = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rows = [row for row in rows_of(path) if "--only" not in sys.argv or row["name"] == sys.argv[-1]]
    wrong = 0
    for nth, row in enumerate(rows):
        answers = {}
        for name, port in (("spoolmq", spoolmq), ("rabbitmq", rabbitmq)):
            queue = f"/queue/probe{nth}"
            answers[name] = probe(port, row["send"], queue, row.get(name, ""))
            if answers[name] != row.get(name) or "--say" in sys.argv:
                print(f"[{row['name']}] {name} answered: {answers[name]}")
            if answers[name] != row.get(name):
                wrong += 1
                print(f"  the table has: {row.get(name)}")
        differs = row.get("spoolmq") != row.get("rabbitmq")
        if differs != bool(row.get("why")):
            wrong += 1
            print(f"[{row['name']}] {'a difference that nobody explains' if differs else 'explains no difference'}")
    if len(rows) < 40 and "--only" not in sys.argv:
        wrong += 1
        print(f"only {len(rows)} probes")
    return 1 if wrong else 0


sys.exit(main())
