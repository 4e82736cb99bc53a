"""Crowds and misbehaviour at a STOMP server, with sockets alone. Each part prints what it saw as
NAME=VALUE; what it found wrong ends it with 1 and one line.

    stomp_crowd.py crowd IDLE BUSY EACH   IDLE connections that say nothing, BUSY that each send EACH
                                          messages with receipts, one at a time
    stomp_crowd.py drip                   one octet of a frame a second, until the server ends it
    stomp_crowd.py half BYTES             BYTES (\\n and \\0 as in C), then silence, until the server ends it
    stomp_crowd.py announce COUNT LENGTH  COUNT connections that announce a body of LENGTH, and send a
                                          little of it; holds them until stdin ends
    stomp_crowd.py guess COUNT THREADS EACH  wrong passcodes, while a connection that was there before
                                          them sends EACH messages with receipts, one at a time
    stomp_crowd.py say FRAME              what is answered first
"""

import os
import socket
import sys
import threading
import time

ADDRESS = ("127.0.0.1", int(os.environ["STOMP_PORT"]))
LOGIN = os.environ.get("STOMP_LOGIN", "guest")
PASSCODE = os.environ.get("STOMP_PASSCODE", "guest")
QUEUE = os.environ.get("STOMP_QUEUE", "/queue/crowd")
SECONDS = 60


def connect_frame(passcode=PASSCODE):
    return f"CONNECT\naccept-version:1.2\nhost:/\nlogin:{LOGIN}\npasscode:{passcode}\n\n\0".encode()


def frame(peer):
    """Up to a NUL; empty: the connection has ended."""
    data = b""
    while not data.endswith(b"\0"):
        part = peer.recv(1)
        if not part:
            return b""
        data += part
    return data.lstrip(b"\n")


def connected():
    peer = socket.create_connection(ADDRESS, timeout=SECONDS)
    peer.sendall(connect_frame())
    answer = frame(peer)
    if not answer.startswith(b"CONNECTED"):
        sys.exit(f"instead of CONNECTED: {answer}")
    return peer


def confirmed_of(peer, nth, each):
    confirmed = 0
    for number in range(each):
        peer.sendall(f"SEND\ndestination:{QUEUE}\nreceipt:{number}\n\n{nth}-{number}\0".encode())
        confirmed += f"receipt-id:{number}\n".encode() in frame(peer)
    return confirmed


def crowd(idle, busy, each):
    waiting = []
    for _ in range(int(idle)):  # at once, so that the server accepts them in a crowd
        peer = socket.create_connection(ADDRESS, timeout=SECONDS)
        peer.sendall(connect_frame())
        waiting.append(peer)
    for peer in waiting:
        if not frame(peer).startswith(b"CONNECTED"):
            sys.exit("one of the crowd is not connected")
    print(f"idle={len(waiting)}", flush=True)
    confirmed = [0] * int(busy)

    def work(nth):
        confirmed[nth] = confirmed_of(connected(), nth, int(each))

    began = time.monotonic()
    threads = [threading.Thread(target=work, args=(nth,)) for nth in range(int(busy))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"confirmed={sum(confirmed)}")
    print(f"per_second={sum(confirmed) / (time.monotonic() - began):.0f}", flush=True)
    for peer in waiting:  # each is still there
        peer.sendall(f"SEND\ndestination:{QUEUE}\nreceipt:r\n\nx\0".encode())
    for peer in waiting:
        if b"receipt-id:r\n" not in frame(peer):
            sys.exit("one of the idle is not served")


def ended_after(peer, drop=lambda: None, seconds=SECONDS):
    """The time until the server ended it, while drop() is called once a second."""
    began = time.monotonic()
    peer.settimeout(1)
    while time.monotonic() - began < seconds:
        try:
            if not peer.recv(65536):
                return time.monotonic() - began
        except TimeoutError:
            pass
        except OSError:
            return time.monotonic() - began
        try:
            drop()
        except OSError:
            return time.monotonic() - began
    sys.exit("the server never ends it")


def drip():
    peer = connected()
    text = iter(f"SEND\ndestination:{QUEUE}\n\n{'x' * 1000}\0".encode())
    print(f"ended={ended_after(peer, lambda: peer.send(bytes([next(text)]))):.1f}")


def half(text):
    text = text.encode().decode("unicode_escape").encode("latin-1")
    peer = connected() if not text.startswith(b"CONNECT") else socket.create_connection(ADDRESS)
    peer.sendall(text)
    print(f"ended={ended_after(peer):.1f}")


def announce(count, length):
    held = []
    for _ in range(int(count)):
        peer = connected()
        try:
            peer.sendall(f"SEND\ndestination:{QUEUE}\ncontent-length:{length}\n\n".encode() + b"x" * 1000)
        except OSError:
            pass  # refused already
        held.append(peer)
    print(f"held={len(held)}", flush=True)
    sys.stdin.read()


def guess(count, threads, each):
    there_before = connected()  # while they last, the limits of failures let nobody else in by that name
    lock, wrong, right = threading.Lock(), [0], [0]

    def work():
        for nth in range(int(count) // int(threads)):
            try:
                peer = socket.create_connection(ADDRESS, timeout=SECONDS)
                peer.sendall(connect_frame(f"guess{nth}"))
                answer = frame(peer)
            except OSError:
                answer = b""
            with lock:
                (right if answer.startswith(b"CONNECTED") else wrong)[0] += 1

    workers = [threading.Thread(target=work) for _ in range(int(threads))]
    for worker in workers:
        worker.start()
    print(f"confirmed={confirmed_of(there_before, 0, int(each))}")
    for worker in workers:
        worker.join()
    print(f"refused={wrong[0]}\nadmitted={right[0]}")


def say(text):
    peer = connected()
    peer.sendall(text.encode().decode("unicode_escape").encode("latin-1"))
    print(frame(peer).decode())


{one.__name__: one for one in (crowd, drip, half, announce, guess, say)}[sys.argv[1]](*sys.argv[2:])
