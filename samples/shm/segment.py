"""The bounded buffer of `spoolmq shm-in` and `shm-out` with sync = "polling", for plain Python: one
producer, one consumer, no lock. adapters/PROTOCOL.md, section "Shared memory", has every byte of it.

A counter is one aligned store of eight bytes, as memoryview.cast("Q") makes it. What is stored
before it must be seen before it: true of x86-64, not of every processor.
"""
import time
from multiprocessing import resource_tracker, shared_memory

HEADER_BYTES, ENTRY_HEADER_BYTES = 4096, 64
SYNC, ENTRIES, ENTRY_BYTES = 2, 3, 4  # words of 4 bytes
PUT, FREED = 8, 16  # words of 8 bytes
POLLING = 4


class Segment:
    def __init__(self, name):
        self._memory = shared_memory.SharedMemory(name.lstrip("/"))
        # Python would remove the segment when this process ends, though others use it.
        resource_tracker.unregister(self._memory._name, "shared_memory")
        # Nor may it be unmapped before, while entries are looked at.
        self._memory.close = lambda: None
        self.bytes = self._memory.buf
        self._words = self.bytes[:HEADER_BYTES].cast("Q")
        small = self.bytes[:HEADER_BYTES].cast("I")
        if bytes(self.bytes[:8]) != b"SPQSHM01" or small[SYNC] != POLLING:
            raise SystemExit(f"{name}: no segment of this layout with sync = polling")
        self.entries, self.entry_bytes = small[ENTRIES], small[ENTRY_BYTES]
        small.release()

    put = property(lambda self: self._words[PUT])
    freed = property(lambda self: self._words[FREED])

    def set_put(self, count):
        self._words[PUT] = count

    def set_freed(self, count):
        self._words[FREED] = count

    def entry(self, number):
        begin = HEADER_BYTES + number % self.entries * self.entry_bytes
        return self.bytes[begin:begin + self.entry_bytes]

    @staticmethod
    def wait_until(holds, longest=None):
        """Looks again after 0.1 ms at first, 10 ms in the end. False: not within `longest` s."""
        pause, end = 0.0001, None if longest is None else time.monotonic() + longest
        while not holds():
            if end is not None and time.monotonic() > end:
                return False
            time.sleep(pause)
            pause = min(pause * 2, 0.01)
        return True
