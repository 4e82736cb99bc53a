#!/usr/bin/env python3
"""Prints each message that `spoolmq shm-out --sync polling` puts into the bounded buffer, a line each.
An entry is freed, and its message acknowledged, only after it was printed.

    spoolmq shm-out results --object /results --sync polling --create &
    consumer.py /results [COUNT]
"""
import itertools
import struct
import sys

from segment import ENTRY_HEADER_BYTES, Segment

segment = Segment(sys.argv[1])
count = int(sys.argv[2]) if len(sys.argv) > 2 else None
for _ in itertools.islice(itertools.count(), count):
    Segment.wait_until(lambda: segment.put != segment.freed)
    number = segment.freed
    entry = segment.entry(number)
    stated, length = struct.unpack_from("=QI", entry, 0)
    sound = stated == number + 1 and length <= len(entry) - ENTRY_HEADER_BYTES
    if sound:
        body = bytes(entry[ENTRY_HEADER_BYTES:ENTRY_HEADER_BYTES + length])
        sys.stdout.buffer.write(body + b"\n")
        sys.stdout.buffer.flush()
    struct.pack_into("=I", entry, 32, 0 if sound else 65)  # 0 done, 65 bad, 75 again
    segment.set_freed(number + 1)
