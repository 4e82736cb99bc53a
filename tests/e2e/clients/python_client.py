"""The scenarios of ../stomp.sh with stomp.py (Debian's python3-stomp), unmodified.

    python_client.py SCENARIO QUEUE [ARGUMENT…]; the server is in STOMP_HOST, _PORT, _LOGIN, _PASSCODE,
    the version in STOMP_VERSION; TLS with STOMP_TLS_CA, and a certificate STOMP_TLS_CERTIFICATE with its
    key STOMP_TLS_KEY. Ends with 1 and one line where the server did something else.
"""

import os
import queue
import sys
import time

import stomp

HOST = os.environ.get("STOMP_HOST", "127.0.0.1")
PORT = int(os.environ["STOMP_PORT"])
VERSION = os.environ.get("STOMP_VERSION", "1.2")
WAIT = 20
BODIES = ["plain", "grüße ✓ 日本", bytes(range(256)), "", "x" * 300_000]
NOTE = "grüße" if VERSION == "1.0" else "grüße:a\\b"


def check(good, why):
    if not good:
        print(why, file=sys.stderr)
        os._exit(1)  # whatever threads there are


class Client(stomp.ConnectionListener):
    def __init__(self, **options):
        kind = {"1.0": stomp.StompConnection10, "1.1": stomp.StompConnection11}
        kind = kind.get(VERSION, stomp.StompConnection12)
        if VERSION != "1.0":
            options["vhost"] = "/"  # RabbitMQ's only one; stomp.py would name the address
        self.connection = kind([(HOST, PORT)], auto_decode=False, reconnect_attempts_max=1, **options)
        if "STOMP_TLS_CA" in os.environ:
            self.connection.set_ssl([(HOST, PORT)], ca_certs=os.environ["STOMP_TLS_CA"],
                                    cert_file=os.environ.get("STOMP_TLS_CERTIFICATE"),
                                    key_file=os.environ.get("STOMP_TLS_KEY"))
        self.connection.set_listener("test", self)
        self.arrived = queue.Queue()
        self.receipts = set()
        self.errors = []
        self.lost = False
        self.beats = 0
        self.number = 0

    def connect(self):
        self.connection.connect(os.environ.get("STOMP_LOGIN", "guest") or None,
                                os.environ.get("STOMP_PASSCODE", "guest") or None, wait=True)
        return self

    def on_message(self, frame):
        self.arrived.put(frame)

    def on_receipt(self, frame):
        self.receipts.add(frame.headers["receipt-id"])

    def on_error(self, frame):
        self.errors.append(frame.headers.get("message"))

    def on_disconnected(self):
        self.lost = True

    def on_heartbeat(self):
        self.beats += 1

    def on_heartbeat_timeout(self):
        self.lost = True

    def receipt(self):
        self.number += 1
        return f"r-{self.number}"

    def confirmed(self, receipt):
        end = time.monotonic() + WAIT
        while receipt not in self.receipts and not self.lost and time.monotonic() < end:
            time.sleep(0.0005)
        return receipt in self.receipts

    def require(self, receipt):
        check(self.confirmed(receipt), f"no receipt {receipt}; errors: {self.errors}")

    def send(self, where, body, **headers):
        receipt = self.receipt()
        self.connection.send(where, body, headers=headers or None, receipt=receipt)
        self.require(receipt)

    def subscribe(self, where, ack):
        self.connection.subscribe(where, id="s1", ack=ack)

    def take(self):
        try:
            return self.arrived.get(timeout=WAIT)
        except queue.Empty:
            check(False, f"nothing arrives; errors: {self.errors}")

    def settle(self, frame, nack=False, transaction=None, **headers):
        receipt = self.receipt()
        act = self.connection.nack if nack else self.connection.ack
        if VERSION == "1.2":
            act(frame.headers["ack"], transaction=transaction, receipt=receipt, **headers)
        elif VERSION == "1.1":
            act(frame.headers["message-id"], "s1", transaction=transaction, receipt=receipt, **headers)
        else:
            act(frame.headers["message-id"], transaction=transaction, receipt=receipt)
        self.require(receipt)

    def bye(self):
        receipt = self.receipt()
        self.connection.disconnect(receipt)
        check(self.confirmed(receipt), "DISCONNECT has no receipt")


def send(where):
    client = Client().connect()
    for body in BODIES:
        client.send(where, body, note=NOTE)
    client.bye()


def receive(where):
    client = Client().connect()
    client.subscribe(where, "auto")
    for body in BODIES:
        frame = client.take()
        wanted = body if isinstance(body, bytes) else body.encode()
        check(frame.body == wanted, f"{wanted[:40]} became {frame.body[:40]}")
        check(frame.headers.get("note") == NOTE, f"note: {frame.headers.get('note')}")
    client.bye()


def fill(where, count):
    client = Client().connect()
    for number in range(int(count)):
        client.send(where, f"m{number + 1}")
    client.bye()


def auto(where, count):
    client = Client().connect()
    client.subscribe(where, "auto")
    for _ in range(int(count)):
        client.take()
    # stomp.py's 1.0 says `destination:s1` here, its own id: what was subscribed as s1 is meant.
    receipt = client.receipt()
    client.connection.unsubscribe(id="s1", receipt=receipt)
    client.require(receipt)
    client.bye()


def cumulative(where, count):
    client = Client().connect()
    client.subscribe(where, "client")
    frames = [client.take() for _ in range(int(count))]
    client.settle(frames[-1])
    client.bye()


def individual(where, count):
    client = Client().connect()
    client.subscribe(where, "client-individual")
    frames = [client.take() for _ in range(int(count))]
    for frame in frames[1::2]:
        client.settle(frame)
    client.bye()


def nack(where):
    client = Client().connect()
    client.subscribe(where, "client-individual")
    first = client.take()
    client.settle(first, nack=True)
    again = client.take()
    check(again.body == first.body, f"{first.body} came back as {again.body}")
    check(again.headers.get("redelivered") == "true", "came back, and is not redelivered")
    client.settle(again)
    client.bye()


def reject(where):
    client = Client().connect()
    client.subscribe(where, "client-individual")
    client.settle(client.take(), nack=True, requeue=False)  # goes out as `False`
    client.bye()


def transaction(where, end, *bodies):
    client = Client().connect()
    name = client.connection.begin("t1")
    for body in bodies:
        client.send(where, body, transaction=name)
    receipt = client.receipt()
    getattr(client.connection, end)(name, receipt=receipt)
    client.require(receipt)
    client.bye()


def settled(where, end, count):
    """ACKs and a SEND in one transaction."""
    client = Client().connect()
    client.subscribe(where, "client-individual")
    frames = [client.take() for _ in range(int(count))]
    name = client.connection.begin("t2")
    for frame in frames:
        client.settle(frame, transaction=name)
    client.send(where, "in exchange", transaction=name)
    receipt = client.receipt()
    getattr(client.connection, end)(name, receipt=receipt)
    client.require(receipt)
    client.bye()


def beats(where):
    client = Client(heartbeats=(300, 300)).connect()
    end = time.monotonic() + WAIT
    while client.beats < 6 and not client.lost and time.monotonic() < end:
        time.sleep(0.01)
    check(not client.lost, "lost while both send heart-beats")
    check(client.beats >= 6, f"only {client.beats} heart-beats came")
    client.send(where, "still here")
    client.bye()


def many(where, count):
    count = int(count)
    client = Client().connect()
    for number in range(count - 1):
        client.connection.send(where, f"n{number}")
    client.send(where, f"n{count - 1}")  # its receipt is for all before it
    client.subscribe(where, "client")
    for number in range(count):
        frame = client.take()
        check(frame.body == b"n%d" % number, f"n{number} is {frame.body}")
        if (number + 1) % 50 == 0 or number + 1 == count:
            client.settle(frame)
    client.bye()


def confirm(where, told, enough):
    """Sends until the file `enough` is there, through every loss of the connection; writes to `told`
    what was confirmed, and after an uncertain end sends the same again."""
    client, number = None, 0
    with open(told, "a", encoding="ascii", buffering=1) as told:
        while not os.path.exists(enough):
            try:
                if client is None or client.lost:
                    client = Client().connect()
                receipt = client.receipt()
                client.connection.send(where, f"c{number}", receipt=receipt)
            except (stomp.exception.StompException, OSError):
                client = None
                time.sleep(0.02)
                continue
            if client.confirmed(receipt):
                told.write(f"c{number}\n")
                number += 1
            else:
                client = None


def drain(where, told, enough):
    """Acknowledges likewise, one after the other, and writes to `told` what was confirmed."""
    client = None
    with open(told, "a", encoding="ascii", buffering=1) as told:
        while not os.path.exists(enough):
            try:
                if client is None or client.lost:
                    client = Client().connect()
                    client.subscribe(where, "client-individual")
                frame = client.arrived.get(timeout=0.1)
                receipt = client.receipt()
                client.connection.ack(frame.headers["ack"], receipt=receipt)
            except queue.Empty:
                continue
            except (stomp.exception.StompException, OSError):
                client = None
                time.sleep(0.02)
                continue
            if client.confirmed(receipt):
                told.write(frame.body.decode() + "\n")


if __name__ == "__main__":
    {one.__name__: one for one in (send, receive, fill, auto, cumulative, individual, nack, reject, transaction,
                                   settled, beats, many, confirm, drain)}[sys.argv[1]](*sys.argv[2:])
    os._exit(0)  # its receiver thread may still wait
