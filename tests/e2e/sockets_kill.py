# Sends through one socket, takes at another, and kills the service between them again and again:
# what it confirmed must arrive. Prints figures; exits with 1 and the first missing one otherwise.
#   sockets_kill.py SPOOLMQ ROOT QUEUE IN OUT ROUNDS
import os, random, signal, socket, subprocess, sys, threading, time

spoolmq, root, queue, inwards, outwards, rounds = *sys.argv[1:6], int(sys.argv[6])
confirmed, arrived = set(), {}
stopping = threading.Event()
lock = threading.Lock()


def netstring(body):
    return b"%d:%s," % (len(body), body)


def bodies(stream):
    while True:
        digits = b""
        while not digits.endswith(b":"):
            byte = stream.read(1)
            if not byte:
                return
            digits += byte
        body = stream.read(int(digits[:-1]) + 1)
        if not body.endswith(b","):
            return
        yield body[:-1]


def produce(name):
    number, pending = 0, []
    while not stopping.is_set():
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(30)
                s.connect(inwards)
                answers = s.makefile("rb")
                if pending:  # their outcome is unknown
                    s.sendall(b"".join(map(netstring, pending)))
                while True:
                    while len(pending) < 32 and not stopping.is_set():
                        body = b"%s-%d" % (name, number) + b"." * random.randrange(300)
                        number += 1
                        pending.append(body)
                        s.sendall(netstring(body))
                    if not pending:
                        return
                    line = answers.readline()
                    if not line.startswith(b"ok "):
                        break
                    with lock:
                        confirmed.add(pending.pop(0))
        except OSError:
            pass
        time.sleep(0.01)


def take(connection):
    with connection:
        try:
            for body in bodies(connection.makefile("rb")):
                with lock:
                    arrived[body] = arrived.get(body, 0) + 1
                connection.sendall(b"ok\n")
        except OSError:
            pass


def listen():
    server = socket.socket(socket.AF_UNIX)
    server.bind(outwards)
    server.listen()
    while True:
        connection, _ = server.accept()
        threading.Thread(target=take, args=(connection,), daemon=True).start()


def serve():
    return subprocess.Popen([spoolmq, "--root", root, "--quiet", "serve"])


threading.Thread(target=listen, daemon=True).start()
producers = [threading.Thread(target=produce, args=(b"p%d" % n,)) for n in range(4)]
for one in producers:
    one.start()
idle_rounds = 0
for _ in range(rounds):
    before = len(confirmed)
    service = serve()
    deadline = time.monotonic() + 20
    while len(confirmed) == before and time.monotonic() < deadline:
        time.sleep(0.005)
    idle_rounds += len(confirmed) == before
    time.sleep(random.uniform(0, 0.3))
    service.send_signal(signal.SIGKILL)
    service.wait()
stopping.set()
service = serve()
for one in producers:
    one.join(60)
deadline = time.monotonic() + 120
while time.monotonic() < deadline:
    with lock:
        if confirmed <= arrived.keys():
            break
    time.sleep(0.1)
service.terminate()
service.wait(60)
missing = confirmed - arrived.keys()
twice = sum(1 for count in arrived.values() if count > 1)
print(f"{rounds} kills: {len(confirmed)} confirmed, {len(arrived)} arrived, {twice} of them repeatedly")
if missing or idle_rounds or len(confirmed) < 10 * rounds:
    print(f"missing {len(missing)}: {sorted(missing)[:3]}; rounds in which nothing moved: {idle_rounds}")
    sys.exit(1)
