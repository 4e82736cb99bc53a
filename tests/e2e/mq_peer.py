#!/usr/bin/python3
"""The other side of a POSIX message queue: mq_send(3) and mq_receive(3) by ctypes.

    mq_peer.py make NAME MESSAGES BYTES      mq_peer.py unlink NAME
    mq_peer.py put NAME PRIORITY BODY        at most 10 s; exit 1: no room
    mq_peer.py get NAME [SECONDS]            prints PRIORITY and the body; exit 1: nothing came
    mq_peer.py ask NAME ANSWERS PREFIX       sends PREFIX-1, PREFIX-2 … as tags and bodies until it is
                                             killed, prints each that was answered ok; what is not
                                             answered for a second is sent again
    mq_peer.py answer NAME ANSWERS           prints each body, then answers ok, until it is killed
"""
import ctypes
import os
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
SIZE = 8192


class Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("flags", "messages", "bytes", "waiting")] + [
        ("rest", ctypes.c_long * 4)]


class Time(ctypes.Structure):
    _fields_ = [("s", ctypes.c_long), ("ns", ctypes.c_long)]


def fail(what):
    sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")


def open_queue(name):
    for _ in range(500):  # it may be made just now
        if (queue := libc.mq_open(name.encode(), os.O_RDWR)) >= 0:
            return queue
        time.sleep(0.02)
    fail(name)


def until(seconds):
    end = time.time() + seconds
    return ctypes.byref(Time(int(end), int(end % 1 * 1e9)))


def put(queue, body, priority, seconds):
    return libc.mq_timedsend(queue, body, ctypes.c_size_t(len(body)), priority, until(seconds)) == 0


def get(queue, seconds):
    buffer, priority = ctypes.create_string_buffer(SIZE), ctypes.c_uint()
    got = libc.mq_timedreceive(queue, buffer, ctypes.c_size_t(SIZE), ctypes.byref(priority), until(seconds))
    return None if got < 0 else (priority.value, buffer.raw[:got])


def ask(queue, answers, prefix):
    number, waiting = 0, {}
    while True:
        while len(waiting) < 8:
            number += 1
            waiting[f"{prefix}-{number}".encode()] = 0
        for tag, sent in waiting.items():
            if time.time() - sent > 1 and put(queue, tag + b" " + tag, number % 5, 0.05):
                waiting[tag] = time.time()
        while (answer := get(answers, 0.02)) is not None:
            tag, word = answer[1].split()[:2]
            if waiting.pop(tag, None) is not None and word == b"ok":
                print(tag.decode(), flush=True)


def answer(queue, answers):
    while True:
        if (got := get(queue, 60)) is None:
            continue
        tag, body = got[1].split(b" ", 1)
        time.sleep(0.0005)  # at work: a kill most likely meets it with a message in its hands
        sys.stdout.buffer.write(body + b"\n")
        sys.stdout.buffer.flush()
        put(answers, tag + b" ok", 0, 5)


def main(command, name, *rest):
    if command == "make":
        attributes = Attributes(0, int(rest[0]), int(rest[1]))
        if libc.mq_open(name.encode(), os.O_RDWR | os.O_CREAT, 0o600, ctypes.byref(attributes)) < 0:
            fail(name)
    elif command == "unlink":
        if libc.mq_unlink(name.encode()) != 0:
            fail(name)
    elif command == "put":
        sys.exit(0 if put(open_queue(name), rest[1].encode(), int(rest[0]), 10) else 1)
    elif command == "get":
        got = get(open_queue(name), float(rest[0]) if rest else 10)
        if got is None:
            sys.exit(1)
        sys.stdout.buffer.write(b"%d %s\n" % got)
    elif command == "ask":
        ask(open_queue(name), open_queue(rest[0]), rest[1])
    elif command == "answer":
        answer(open_queue(name), open_queue(rest[0]))


main(*sys.argv[1:])
