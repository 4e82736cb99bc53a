# Transactions at a STOMP server that is killed again and again. Each takes two orders and makes two
# new ones, and says in two more queues which it took: what is in the queues at the end tells which
# transactions happened, and every order that was ever made must be there, or taken by one of them.
#   stomp_transactions.py SPOOLMQ ROOT SOCKET ROUNDS
import collections, random, subprocess, sys, threading, time

from kill_rounds import arrived, confirmed, kill_rounds, lock, stopping
from stomp_peer import Client

spoolmq, root, path, rounds = *sys.argv[1:4], int(sys.argv[4])
seeds = [f"seed/{n}" for n in range(200)]
left, notes, copies = [], [], []  # the bodies in the queues when all is over
aborted = set()


def transact(client, name, taken):
    """Whether it was committed; its orders are the caller's again if not."""
    client.say("BEGIN", {"transaction": name})
    inside = {"transaction": name}
    note = " ".join([name] + [body.decode() for _, body in taken]).encode()
    client.say("SEND", inside | {"destination": "notes"}, note)
    for nth in range(2):
        client.say("SEND", inside | {"destination": "orders"}, f"{name}/{nth}".encode())
    for ack, _ in taken:
        client.say("ACK", inside | {"id": ack})
    client.say("SEND", inside | {"destination": "copies"}, note)
    if random.random() < 0.1:
        aborted.add(name)
        client.say("ABORT", inside)
        return False
    client.say("COMMIT", inside | {"receipt": name})
    return True


def work(worker):
    number = 0
    while not stopping.is_set():
        client = None
        try:
            client = Client(path)
            client.say("SUBSCRIBE", {"destination": "orders", "id": "0", "ack": "client-individual",
                                     "prefetch-count": 16})
            orders, under_way = [], set()
            while under_way or not stopping.is_set():
                while len(orders) >= 2 and len(under_way) < 4 and not stopping.is_set():
                    name = f"{worker}-{number}"
                    number += 1
                    taken, orders = orders[:2], orders[2:]
                    if transact(client, name, taken):
                        under_way.add(name)
                    else:
                        orders = taken + orders
                command, headers, body = client.hear()
                if command == "MESSAGE":
                    orders.append((headers["ack"], body))
                elif command == "RECEIPT":
                    under_way.remove(headers["receipt-id"])
                    with lock:
                        confirmed.add(headers["receipt-id"])
                else:
                    print(command, headers, file=sys.stderr)
                    break
        except OSError:
            pass
        finally:
            if client:
                client.close()
        time.sleep(0.01)


def taken_out(queue):
    command = [spoolmq, "--root", root, "receive", queue, "-n", "10000", "--ack", "--null"]
    return subprocess.run(command, stdout=subprocess.PIPE, timeout=60).stdout.decode().split("\0")[:-1]


def has_service():
    try:
        Client(path).close()
        return True
    except OSError:
        return False


def until(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


def all_left():
    left.extend(taken_out("orders"))
    return len(left) >= len(seeds)


def collect():
    """Behind the workers; what has left a note has arrived."""
    for one in workers:
        one.join()
    until(has_service)  # it has then finished what the last kill interrupted
    until(all_left)     # the leases of connections that have just ended
    for queue, bodies in (("orders", left), ("notes", notes), ("copies", copies)):
        while more := taken_out(queue):
            bodies.extend(more)
    for note in notes:
        arrived[note.split()[0]] = arrived.get(note.split()[0], 0) + 1


def judge():
    made = collections.Counter(seeds)
    taken = collections.Counter()
    for note in set(notes):
        name, *orders = note.split()
        made.update(f"{name}/{nth}" for nth in range(2))
        taken.update(orders)
    torn = collections.Counter(notes) - collections.Counter(copies) + (collections.Counter(copies) - collections.Counter(notes))
    wrong = {
        "aborted, and there": aborted & arrived.keys(),
        "in one queue of two": torn,
        "happened twice": {note for note, count in collections.Counter(notes).items() if count > 1},
        "orders taken twice": {order for order, count in taken.items() if count > 1},
        "orders lost": made - taken - collections.Counter(left),
        "orders too many": taken + collections.Counter(left) - made,
    }
    for what, some in wrong.items():
        if some:
            print(f"{what}: {len(some)}, such as {sorted(some)[:3]}")
    return not any(wrong.values())


subprocess.run([spoolmq, "--root", root, "send", "orders", "--lines"], input="\n".join(seeds).encode(),
               stdout=subprocess.DEVNULL, check=True)
workers = [threading.Thread(target=work, args=(f"w{n}",), daemon=True) for n in range(4)]
collector = threading.Thread(target=collect, daemon=True)
for one in workers + [collector]:
    one.start()
kill_rounds(spoolmq, root, rounds, workers + [collector], "transactions receipted", 0, each=1)
print(f"{len(aborted)} aborted, {len(notes) - len(confirmed)} in doubt that happened")
sys.exit(not judge())
