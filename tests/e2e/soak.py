"""What soak_test.sh runs: soak.py SPOOLMQ DISK SECONDS. Exit 1, with a line each, for what is wrong.

sender --> queue `work` --> relay of the service --> queue `done` --> receiver; files of `in` too.
Every 5 s a command under way is killed; now and then the disk is full, the configuration changes.
"""
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time

SPOOLMQ, DISK, SECONDS = sys.argv[1], sys.argv[2], int(sys.argv[3])
ROOT, INBOX = DISK + "/root", DISK + "/in"
EVERY = 5.0
BATCH = 100
KIB = 1024
faults = []
stop = threading.Event()
sending_over = threading.Event()
turn = random.Random(int(os.environ.get("SPOOLMQ_SEED", "1")))


class Command:
    """One command of spoolmq at a time, which the killer may end; a group of its own."""

    def __init__(self):
        self.lock = threading.Lock()
        self.running = None
        self.kills = 0

    def run(self, arguments, given=""):
        with self.lock:
            self.running = subprocess.Popen([SPOOLMQ, "--root", ROOT, *arguments], text=True,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.PIPE, start_new_session=True)
        out, err = self.running.communicate(given)
        with self.lock:
            code, self.running = self.running.returncode, None
        return code, out, err

    def kill(self):
        deadline = time.monotonic() + EVERY / 2
        while time.monotonic() < deadline:  # until there is one
            with self.lock:
                if self.running and self.running.poll() is None:
                    self.running.kill()
                    self.kills += 1
                    return
            time.sleep(0.001)


def check(command, code, err, allowed):
    if code not in allowed and code != -signal.SIGKILL:
        faults.append(f"{command}: exit {code}: {err.strip()[-300:]}")


class Sender(threading.Thread):
    def __init__(self):
        super().__init__()
        self.command, self.confirmed, self.offered = Command(), set(), 0
        self.refused, self.latencies = 0, []

    def run(self):
        while not stop.is_set():
            begin, self.offered = self.offered, self.offered + BATCH
            lines = [f"body-{n} {'x' * 200}" for n in range(begin, self.offered)]
            code, out, err = self.command.run(["send", "work", "--lines"], "\n".join(lines) + "\n")
            check("send", code, err, (0, 75))
            self.refused += code == 75
            confirmed = out.count("\n")
            self.confirmed.update(range(begin, begin + confirmed))
            started = time.monotonic()
            code, out, err = self.command.run(["send", "work", f"body-{self.offered} one"])
            check("send", code, err, (0, 75))
            if code == 0:
                self.confirmed.add(self.offered)
                self.latencies.append((started, time.monotonic() - started))
            self.offered += 1
            stop.wait(0.1)
        sending_over.set()


class Dropper(threading.Thread):
    """Files, each under its name when it is whole."""

    def __init__(self):
        super().__init__()
        self.dropped = set()

    def run(self):
        while not stop.is_set():
            name = f"file-{len(self.dropped)}"
            try:
                with open(f"{INBOX}/.{name}", "w", encoding="ascii") as file:
                    file.write(name + " " + "y" * 300)
                os.rename(f"{INBOX}/.{name}", f"{INBOX}/{name}")
                self.dropped.add(name)
            except OSError:
                pass  # the disk is full
            stop.wait(0.2)


class Receiver(threading.Thread):
    def __init__(self, sender, dropper):
        super().__init__()
        self.command, self.seen, self.idle = Command(), {}, 0
        self.twice, self.wanted = 0, (sender, dropper)

    def missing(self):
        sender, dropper = self.wanted
        missing = [f"body-{n}" for n in sender.confirmed if f"body-{n}" not in self.seen]
        return missing + [name for name in dropper.dropped if name not in self.seen]

    def is_done(self):  # a last look for what comes again; for what does not come, a minute
        return sending_over.is_set() and self.idle >= (60 if self.missing() else 4)

    def run(self):
        while not self.is_done():
            code, out, err = self.command.run(
                ["--json", "receive", "done", "-n", "200", "--lease", "3s", "--wait", "--timeout", "1s"])
            check("receive", code, err, (0, 1, 75))
            receipts = []
            for line in out.splitlines():
                try:
                    message = json.loads(line)
                except ValueError:
                    continue  # the last line of one that was killed
                receipts.append(message["receipt"])
                self.note(message)
            self.idle = 0 if receipts else self.idle + 1
            if receipts:
                code, out, err = self.command.run(["ack", "done", "-"], "\n".join(receipts) + "\n")
                check("ack", code, err, (0, 2, 3, 75))

    def note(self, message):
        body = message["body"].split()[0]
        before = self.seen.setdefault(body, {})
        self.twice += bool(before)
        if before and message["id"] not in before:
            faults.append(f"{body} has a second id")
        counts = before.setdefault(message["id"], set())
        if message["deliveries"] in counts:
            faults.append(f"{body} came twice as delivery {message['deliveries']}")
        counts.add(message["deliveries"])


class Service:
    def __init__(self):
        self.lives, self.process, self.samples, self.reloads = 0, None, [], 0
        self.configure(False)
        self.start()

    def configure(self, more):
        text = (f'metrics = "file:{DISK}/metrics.prom"\n'
                '[[adapter]]\nname = "on"\ntype = "relay"\nqueue = "work"\nto-queue = "done"\n'
                f'[[adapter]]\nname = "in"\ntype = "import"\nqueue = "work"\ndirectory = "{INBOX}"\n'
                'ready = ["rename"]\n')
        if more:
            text += f'[[adapter]]\nname = "more"\ntype = "import"\nqueue = "work"\ndirectory = "{DISK}/more"\n'
        try:
            with open(ROOT + "/.toml", "w", encoding="ascii") as file:
                file.write(text)
            os.rename(ROOT + "/.toml", ROOT + "/spoolmq.toml")
        except OSError:
            return  # the disk is full: the next time
        if self.process:
            self.process.send_signal(signal.SIGHUP)
            self.reloads += 1

    def start(self):
        self.process = subprocess.Popen([SPOOLMQ, "--root", ROOT, "serve"],
                                        stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.lives += 1
        self.samples = []

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.start()

    def sample(self):
        if self.process.poll() is not None:
            faults.append(f"the service ended by itself: {self.process.returncode}")
            self.start()
            return
        where = f"/proc/{self.process.pid}"
        with open(where + "/status", encoding="ascii") as file:
            status = dict(line.split(":", 1) for line in file)
        files, size = 0, 0
        for at, _, names in os.walk(f"{ROOT}/queues"):
            files += len(names)
            for name in names:
                try:
                    size += os.lstat(f"{at}/{name}").st_size
                except FileNotFoundError:
                    pass  # it has just been finished with
        self.samples.append({"rss_kib": int(status["VmRSS"].split()[0]),
                             "threads": int(status["Threads"]),
                             "descriptors": len(os.listdir(where + "/fd")), "files": files,
                             "disk_kib": size // KIB})

    def judge(self):
        """The last quarter of this life against its second one: a part of it is warming up."""
        quarter = len(self.samples) // 4
        figures = {}
        for what, slack in (("rss_kib", 4 * KIB), ("threads", 2), ("descriptors", 8), ("files", 300),
                            ("disk_kib", 8 * KIB)):
            before = statistics.median(one[what] for one in self.samples[quarter:2 * quarter])
            after = statistics.median(one[what] for one in self.samples[-quarter:])
            figures[what] = f"{before:.0f} -> {after:.0f}"
            if after > before * 1.1 + slack * (1 if SECONDS >= 60 else 3):  # warm by then
                faults.append(f"the service grows: {what} {figures[what]}")
        return figures


def fill_disk(seconds):
    try:
        with open(DISK + "/filler", "wb") as file:
            try:
                while True:
                    file.write(b"z" * 65536)
                    file.flush()
            except OSError:
                pass
            time.sleep(seconds)
    except OSError:
        pass
    finally:
        if os.path.exists(DISK + "/filler"):
            os.unlink(DISK + "/filler")


def main():
    # Ids that the relay's destination remembers for 7 days would fill this disk in 20 minutes.
    window = ["--id-window", "5m"]
    for name in ("in", "more"):
        os.mkdir(f"{DISK}/{name}")
    for queue in ("work", "done"):
        subprocess.run([SPOOLMQ, "--root", ROOT, "create", queue, "--max-failures", "100000",
                        "--backoff", "100ms", "--backoff-max", "1s", *window], check=True)
    service, sender, dropper = Service(), Sender(), Dropper()
    receiver = Receiver(sender, dropper)
    for thread in (sender, dropper, receiver):
        thread.start()
    begin = time.monotonic()
    fillings, sample_every = 0, max(0.5, SECONDS / 400)
    next_kill, next_reload, next_fill = EVERY, EVERY * 1.5, max(SECONDS / 30, 7)
    service_dies = SECONDS / 4
    while (now := time.monotonic() - begin) < SECONDS:
        service.sample()
        if now >= next_kill:
            turn.choice((sender, receiver)).command.kill()
            next_kill += EVERY
        if now >= next_reload:
            service.configure(service.reloads % 2 == 0)
            next_reload += 2 * EVERY
        if now >= next_fill:
            fill_disk(3)
            fillings += 1
            next_fill += max(SECONDS / 30, 15)
        if service_dies and now >= service_dies:
            service.kill()
            service_dies = 0
        time.sleep(sample_every)
    stop.set()
    for thread in (sender, dropper):
        thread.join(60)
    receiver.join(240)
    if receiver.is_alive():
        faults.append("the receiver does not come to an end")
    figures = service.judge()
    lost = receiver.missing()
    if lost:
        stats = subprocess.run([SPOOLMQ, "--root", ROOT, "--json", "stats"], capture_output=True, text=True,
                               check=False).stdout
        free = os.statvfs(DISK)
        faults.append(f"{len(lost)} did not arrive, the first: {lost[0]}; {free.f_bavail * free.f_frsize} bytes "
                      f"are free; still there: {stats}")
    left = subprocess.run([SPOOLMQ, "--root", ROOT, "fsck"], capture_output=True, text=True, check=False)
    if left.returncode != 0:
        faults.append(f"fsck: {left.stdout.strip()[-300:]}{left.stderr.strip()[-300:]}")
    service.process.terminate()
    if service.process.wait(60) != 0:
        faults.append(f"serve: exit {service.process.returncode}")
    minutes = {}
    for at, took in sender.latencies:
        minutes.setdefault(int((at - begin) // 60), []).append(took)
    medians = [round(1000 * statistics.median(took), 1) for _, took in sorted(minutes.items())]
    print(f"{SECONDS} s: {len(sender.confirmed)} messages and {len(dropper.dropped)} files, 0 lost"
          if not lost else f"{SECONDS} s: {len(lost)} DID NOT ARRIVE", end="; ")
    print(f"{receiver.twice} delivered again, {sender.command.kills + receiver.command.kills} commands and "
          f"{service.lives - 1} services killed, {fillings} times full ({sender.refused} sends refused), "
          f"{service.reloads} reloads; {figures}; median ms of a `send` per minute: {medians}")
    for fault in faults[:20]:
        print("FAULT:", fault)
    return 1 if faults else 0


sys.exit(main())
