# Sends to a STOMP server and reads from it, and kills it again and again: what it gave a receipt
# for must arrive. Prints figures; exits with 1 and the first missing one otherwise.
#   stomp_kill.py SPOOLMQ ROOT SOCKET ROUNDS
import random, sys, threading, time

from kill_rounds import arrived, confirmed, kill_rounds, lock, stopping
from stomp_peer import Client

spoolmq, root, path, rounds = *sys.argv[1:4], int(sys.argv[4])
drained = threading.Event()


def produce(name):
    number, pending = 0, {}
    while not stopping.is_set() or pending:
        client = None
        try:
            client = Client(path)
            for known, body in pending.items():  # their outcome is unknown
                client.say("SEND", {"destination": "k", "receipt": known, "dedupe-key": known}, body)
            while True:
                while len(pending) < 32 and not stopping.is_set():
                    known = f"{name}-{number}"
                    body = known.encode() + b"." * random.randrange(300)
                    number += 1
                    pending[known] = body
                    client.say("SEND", {"destination": "k", "receipt": known, "dedupe-key": known}, body)
                if not pending:
                    return
                command, headers, body = client.hear()
                if command != "RECEIPT":
                    break
                with lock:
                    confirmed.add(pending.pop(headers["receipt-id"]))
        except OSError:
            pass
        finally:
            if client:
                client.close()
        time.sleep(0.01)


def consume():
    while not drained.is_set():
        client = None
        try:
            client = Client(path)
            client.say("SUBSCRIBE", {"destination": "k", "id": "0", "ack": "client-individual"})
            while True:
                command, headers, body = client.hear()
                if command != "MESSAGE":
                    break
                with lock:
                    arrived[body] = arrived.get(body, 0) + 1
                client.say("ACK", {"id": headers["ack"]})
        except OSError:
            pass
        finally:
            if client:
                client.close()
        time.sleep(0.01)


producers = [threading.Thread(target=produce, args=(f"p{n}",), daemon=True) for n in range(4)]
consumers = [threading.Thread(target=consume, daemon=True) for _ in range(2)]
for one in producers + consumers:
    one.start()
kill_rounds(spoolmq, root, rounds, producers, "receipted", 60, at_end=drained.set)
