# Sends through one socket, takes at another, and kills the service between them again and again:
# what it confirmed must arrive. Prints figures; exits with 1 and the first missing one otherwise.
#   sockets_kill.py SPOOLMQ ROOT QUEUE IN OUT ROUNDS
import random, socket, sys, threading, time

from kill_rounds import arrived, confirmed, kill_rounds, lock, stopping

spoolmq, root, queue, inwards, outwards, rounds = *sys.argv[1:6], int(sys.argv[6])


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


threading.Thread(target=listen, daemon=True).start()
producers = [threading.Thread(target=produce, args=(b"p%d" % n,)) for n in range(4)]
for one in producers:
    one.start()
kill_rounds(spoolmq, root, rounds, producers, "confirmed", 120)
