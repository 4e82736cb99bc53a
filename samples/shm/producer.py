#!/usr/bin/env python3
"""Puts each line of stdin into the bounded buffer of `spoolmq shm-in --sync polling`, and prints the
line once it is durable in the queue.

    spoolmq shm-in orders --object /orders --sync polling --create &
    seq 1000 | producer.py /orders
"""
import struct
import sys

from segment import ENTRY_HEADER_BYTES, Segment

segment = Segment(sys.argv[1])
under_way = []


def confirm():
    while under_way and under_way[0][0] < segment.freed:
        number, line = under_way.pop(0)
        verdict = struct.unpack_from("=I", segment.entry(number), 32)[0]
        print(line.decode(), flush=True) if verdict == 0 else print("refused:", line, file=sys.stderr)
    return True


for line in sys.stdin.buffer:
    line = line.rstrip(b"\n")
    if len(line) > segment.entry_bytes - ENTRY_HEADER_BYTES:
        sys.exit(f"too long: {len(line)} bytes")
    Segment.wait_until(lambda: confirm() and segment.put - segment.freed < segment.entries)
    number = segment.put
    entry = segment.entry(number)
    struct.pack_into("=QII16sI28x", entry, 0, number + 1, len(line), 4, bytes(16), 0)
    entry[ENTRY_HEADER_BYTES:ENTRY_HEADER_BYTES + len(line)] = line
    segment.set_put(number + 1)  # from here on it is there
    under_way.append((number, line))
Segment.wait_until(lambda: confirm() and not under_way)
