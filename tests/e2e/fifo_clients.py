# Both sides of FIFOs with answers, as a program writes them who has read PROTOCOL.md: it begins
# anew whenever the other side has gone, and sends again what was not answered.
#   fifo_clients.py write IN ANSWERS COUNT CONFIRMED   sends "m1 …" to "mCOUNT …"; a line per "ok"
#   fifo_clients.py read OUT ANSWERS GOT               appends each message to GOT, then says ok
#   fifo_clients.py latency IN ANSWERS COUNT           the median time to an answer, in µs
#   fifo_clients.py idle IN COUNT                      opens IN so often, and says so
import os, select, signal, statistics, sys, time

def lines_of(fd, rest):
    got = os.read(fd, 65536)
    if not got:
        return None, rest
    *whole, rest = (rest + got).split(b"\n")
    return whole, rest

def write(to, answers, count, confirmed):
    waiting, log = list(range(1, count + 1)), open(confirmed, "ab", buffering=0)
    while waiting:
        a = w = None
        try:
            a = os.open(answers, os.O_RDONLY)
            w = os.open(to, os.O_WRONLY)
            os.set_blocking(w, False)
            sent, rest, out = 0, b"", b""
            while waiting:
                if not out and sent < min(len(waiting), 50):
                    out = b"m%d %s\n" % (waiting[sent], b"x" * (waiting[sent] % 3000))
                    sent += 1
                readable, writable, _ = select.select([a], [w] if out else [], [])
                if writable:
                    out = out[os.write(w, out):]
                if readable:
                    whole, rest = lines_of(a, rest)
                    if whole is None:
                        break
                    for line in whole:
                        assert line.startswith(b"ok "), line
                        log.write(b"m%d\n" % waiting.pop(0))
                        sent -= 1
        except (BrokenPipeError, FileNotFoundError):
            pass
        finally:
            for fd in (a, w):
                if fd is not None:
                    os.close(fd)

def read(out, answers, got):
    log = open(got, "ab", buffering=0)
    while True:
        r = a = None
        try:
            r = os.open(out, os.O_RDONLY)
            a = os.open(answers, os.O_WRONLY)
            rest = b""
            while True:
                whole, rest = lines_of(r, rest)
                if whole is None:
                    break
                for line in whole:
                    time.sleep(0.002)  # work: who is killed in it has not done it
                    log.write(line + b"\n")
                    os.write(a, b"ok\n")
        except (BrokenPipeError, FileNotFoundError):
            pass
        finally:
            for fd in (r, a):
                if fd is not None:
                    os.close(fd)

def latency(to, answers, count):
    times = []
    while len(times) < count:  # who comes when another goes may meet the end of the other's answers
        a, w = os.open(answers, os.O_RDONLY), os.open(to, os.O_WRONLY)
        while len(times) < count:
            begin = time.monotonic()
            try:
                os.write(w, b"x\n")
            except BrokenPipeError:
                break
            if not os.read(a, 4096).startswith(b"ok "):
                break
            times.append(time.monotonic() - begin)
        os.close(w)
        os.close(a)
    print(int(statistics.median(times) * 1e6))

signal.signal(signal.SIGPIPE, signal.SIG_IGN)
what, *words = sys.argv[1:]
if what == "write":
    write(words[0], words[1], int(words[2]), words[3])
elif what == "read":
    read(*words)
elif what == "latency":
    latency(words[0], words[1], int(words[2]))
elif what == "idle":
    held = [os.open(words[0], os.O_WRONLY) for _ in range(int(words[1]))]
    print("open", flush=True)
    signal.pause()
