# Clients of datagrams with answers, as PROTOCOL.md describes them.
#   datagram_clients.py send ADDRESS COUNT CONFIRMED   keys m1 … mCOUNT; again until it is "ok"
#   datagram_clients.py receive ADDRESS GOT            appends "ID BODY" to GOT, once per id; answers
#   datagram_clients.py latency ADDRESS COUNT          the median time to an answer, in µs
# ADDRESS is HOST:PORT, or a path.
import os, select, socket, statistics, sys, tempfile, time

def where(address):
    if address.startswith("/"):
        return socket.AF_UNIX, address
    host, port = address.rsplit(":", 1)
    return socket.AF_INET, (host, int(port))

def client(family):
    made = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_UNIX:
        made.bind("")  # an address for the answers
    made.setblocking(False)
    return made

def send(address, count, confirmed):
    family, to = where(address)
    out, log = client(family), open(confirmed, "a", buffering=1)
    waiting, due = dict.fromkeys(range(1, count + 1)), {}
    while waiting:
        now = time.monotonic()
        for n in list(waiting)[:20]:
            if due.get(n, 0) <= now:
                try:
                    out.sendto(b"m%d m%d %s" % (n, n, b"x" * (n % 1000)), to)
                except (ConnectionError, FileNotFoundError, BlockingIOError):
                    time.sleep(0.01)
                    break
                due[n] = now + 0.2
        if select.select([out], [], [], 0.05)[0]:
            try:
                word, key, *_ = out.recv(4096).split()
            except ConnectionError:
                continue
            n = int(key[1:])
            if word == b"ok" and n in waiting:
                del waiting[n]
                log.write("m%d\n" % n)

def receive(address, got):
    family, at = where(address)
    if family == socket.AF_UNIX and os.path.exists(at):
        os.unlink(at)
    here = socket.socket(family, socket.SOCK_DGRAM)
    here.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    here.bind(at)
    log = open(got, "ab", buffering=0)
    seen = {line.split()[0] for line in open(got, "rb")}
    while True:
        datagram, sender = here.recvfrom(65536)
        time.sleep(0.002)  # work: who is killed in it has not done it
        key = datagram.split(b" ", 1)[0]
        if key not in seen:
            seen.add(key)
            log.write(datagram + b"\n")
        try:
            here.sendto(b"ok " + key, sender)
        except OSError:
            pass

def latency(address, count):
    family, to = where(address)
    out, times = client(family), []
    out.setblocking(True)
    out.settimeout(10)
    for n in range(count):
        begin = time.monotonic()
        out.sendto(b"%d-%d x" % (os.getpid(), n), to)
        assert out.recv(4096).startswith(b"ok ")
        times.append(time.monotonic() - begin)
    print(int(statistics.median(times) * 1e6))

what, *words = sys.argv[1:]
if what == "send":
    send(words[0], int(words[1]), words[2])
elif what == "receive":
    receive(*words)
elif what == "latency":
    latency(words[0], int(words[1]))
