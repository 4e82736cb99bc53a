"""The command line while the kernel refuses one of its calls (strace -e inject): errnos.py SPOOLMQ SAMPLE [SEED [JOBS]]

Every command of COMMANDS runs on a copy of a root that has a few messages; at the Nth call of one
kind that concerns the root, or at all from the Nth on, the kernel answers an error. The command must end in time, with an exit code of the contract and,
from 64 on, with one line that says what, on what and why. Then the same root is looked at without
faults: what was confirmed is there once, and what was refused is not there, or once where the outcome
was said to be unknown. SAMPLE: how many of all combinations are tried, or `all`; JOBS: how many at a
time (they wait more than they compute).

errnos.py SPOOLMQ short SHIM ROUNDS [SEED]: the same commands while reads and writes move fewer bytes
than were asked for (short_io_shim.cc), which must change nothing."""

import concurrent.futures
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile

TIMEOUT = 60  # seconds; a command waits 10 s for a lock at the most
CONTRACT = {0, 1, 2, 3, 64, 65, 66, 69, 71, 73, 74, 75, 77, 78}
LOGGED = re.compile(r"spoolmq: (warning|error): [^:]+$|spoolmq: (warning|error): .*[a-z]+=")
LINE = re.compile(r"spoolmq: [^:]+: .+: .+")
# What the manual pages of these calls allow, and a file system of today may answer.
ERRNOS = {
    "fdatasync": "EIO ENOSPC EDQUOT EROFS ESTALE",
    "fsync": "EIO ENOSPC EDQUOT EROFS ESTALE",
    "pwrite64": "EIO ENOSPC EDQUOT EROFS ESTALE EINTR EAGAIN",
    "write": "EIO ENOSPC EDQUOT EINTR",
    "pread64": "EIO ESTALE EINTR",
    "read": "EIO ESTALE EINTR",
    "openat": "EIO ENOSPC EDQUOT EROFS EMFILE ENFILE ENOMEM ESTALE",
    "linkat": "EIO ENOSPC EDQUOT EROFS ENOMEM ESTALE",
    "rename": "EIO ENOSPC EDQUOT EROFS ENOMEM ESTALE",
    "renameat": "EIO ENOSPC EDQUOT EROFS ENOMEM ESTALE",
    "renameat2": "EIO ENOSPC EDQUOT EROFS ENOMEM ESTALE",
    "unlink": "EIO EROFS ENOMEM ESTALE",
    "unlinkat": "EIO EROFS ENOMEM ESTALE",
    "mkdirat": "EIO ENOSPC EDQUOT EROFS ENOMEM ESTALE",
    "ftruncate": "EIO ENOSPC EROFS EINTR ESTALE",
    "fallocate": "EIO ENOSPC EDQUOT EINTR EROFS",
    "mmap": "ENOMEM EAGAIN ENFILE",
    "fcntl": "ENOLCK ENOMEM EIO ESTALE",
    "newfstatat": "EIO ENOMEM ESTALE",
    "fstat": "EIO ESTALE",
    "fstatfs": "EIO ESTALE EINTR",
    "getdents64": "EIO ESTALE",
    "fchmod": "EIO EROFS",
    "flock": "EINTR ENOLCK",
    "sendfile": "EIO ENOMEM EAGAIN",
    "copy_file_range": "EIO ENOSPC ENOMEM",
}
SERVICE = '[in]\ntype = "import"\nqueue = "q"\ndirectory = "{work}/in"\nready = "stable"\nquiet-for = "0s"\n'


class Wrong(Exception):
    """What a trial violated."""


class World:
    """One copy of the root, and the directories beside it."""

    def __init__(self, program, base, name):
        self.program = program
        self.work = os.path.join(base, name)
        self.root = os.path.join(self.work, "root")
        # A new index may have forgotten what was acknowledged within its last second (FORMAT.md, 10.4).
        self.forgot = False

    def args(self, *command):
        return [self.program, "--root", self.root, *command]

    def plain(self, *command, stdin=b""):
        done = subprocess.run(self.args(*command), input=stdin, capture_output=True, timeout=TIMEOUT)
        if done.returncode > 3:
            raise Wrong(f"afterwards, {command[0]}: {done.returncode} {done.stderr.decode()}")
        return done.stdout.decode(errors="replace")

    def bodies(self, queue="q"):
        """Of every message that is not gone, in whatever state: {id: body}."""
        found = {}
        for line in self.plain("--json", "list", queue, "--limit", "1000").splitlines():
            one = json.loads(line)
            found[one["id"]] = self.plain("cat", queue, one["id"])
        return found

    def files(self, directory):
        place = os.path.join(self.work, directory)
        return {n: open(os.path.join(place, n)).read() for n in os.listdir(place) if n[0] != "."}


BEFORE = ("first", "second", "third")
STRACE = ("strace", "-f", "-qq")
LARGE = "".join(map(str, range(100_000)))  # kept beside its message


def once(bodies, wanted, what):
    """Each of them once, and nothing else."""
    if sorted(bodies) != sorted(wanted):
        raise Wrong(f"{what}: wanted {sorted(wanted)}, found {sorted(bodies)}")


def check_send(world, code, out, sent):
    ids = out.split()
    found = world.bodies()
    for one in ids:
        if one not in found:
            raise Wrong(f"{one} was confirmed and is not there")
    bodies = sorted(found.values())
    for body in BEFORE:
        bodies.remove(body)
    if len(set(bodies)) != len(bodies):
        raise Wrong(f"more than once: {bodies}")
    if set(bodies) - set(sent):
        raise Wrong(f"never sent: {bodies}")
    if code == 0 and len(ids) != len(sent):
        raise Wrong(f"exit 0 and {len(ids)} ids")
    if code == 75 and (ids or bodies):
        raise Wrong(f"refused by 75, and there: {bodies} {ids}")


def check_receive(world, code, out, _):
    """Nothing is lost: what is not printed waits, or is leased; with exit 0 it is acknowledged."""
    left = list(world.bodies().values())
    printed = [b for b in BEFORE if b in out]
    for body in BEFORE:
        if body not in left and body not in printed:
            raise Wrong(f"{body} is lost")
    if code == 0 and (len(printed) != 1 or (printed[0] in left and not world.forgot)):
        raise Wrong(f"exit 0, printed {printed}, left {left}")
    if len(set(left)) != len(left):
        raise Wrong(f"more than once: {left}")


def check_ack(world, code, _, receipt):
    left = sorted(world.bodies().values())
    acked = sorted(BEFORE[1:])
    if code == 0 and not (world.forgot and left == sorted(BEFORE)):
        once(left, acked, "acknowledged")
    elif code == 75:
        once(left, BEFORE, "refused by 75")
    elif code != 0 and left not in (acked, sorted(BEFORE)):
        raise Wrong(f"left {left}")
    again = subprocess.run(world.args("ack", "q", receipt), capture_output=True, timeout=TIMEOUT)
    if code == 75 and again.returncode != 0:
        raise Wrong(f"told to come again, and then: {again.returncode} {again.stderr.decode()}")


def check_import(world, code, out, _):
    world.plain("import", "q", os.path.join(world.work, "in"))
    once(world.bodies().values(), BEFORE + ("one", "two"), "imported")
    if world.files("in"):
        raise Wrong(f"left: {world.files('in')}")


def check_export(world, code, out, _):
    world.plain("export", "q", os.path.join(world.work, "out"))
    files = world.files("out").values()
    if world.bodies() and not world.forgot:
        raise Wrong(f"not exported: {world.bodies()}")
    if set(files) != set(BEFORE):
        raise Wrong(f"exported: {files}")
    # Told that it is in doubt, or whose lease was lost, it may come twice.
    if code == 0 and len(files) != len(BEFORE):
        raise Wrong(f"twice: {files}")


def check_relay(world, code, out, _):
    world.plain("relay", "q", "--to-queue", "r", "--once")
    once(world.bodies("r").values(), BEFORE, "passed on")
    if world.bodies():
        raise Wrong(f"not passed on: {world.bodies()}")


def check_same(world, code, out, _):
    once(world.bodies().values(), BEFORE, "looked at")


COMMANDS = {
    "send": (lambda w: ["send", "q", "-"], b"fourth", check_send, ["fourth"]),
    "send-xml": (lambda w: ["send", "q", "--format", "xml", "-"], b"fourth", check_send, ["fourth"]),
    "send-lines": (
        lambda w: ["send", "q", "--lines", "-"],
        b"a\nb\nc\nd\n",
        check_send,
        ["a", "b", "c", "d"],
    ),
    "send-large": (lambda w: ["send", "q", "-"], LARGE.encode(), check_send, [LARGE]),
    "receive": (lambda w: ["receive", "q", "--ack"], b"", check_receive, None),
    "ack": (lambda w: ["ack", "q", "RECEIPT"], b"", check_ack, "RECEIPT"),
    "import": (lambda w: ["import", "q", w.work + "/in"], b"", check_import, None),
    "export": (lambda w: ["export", "q", w.work + "/out"], b"", check_export, None),
    "relay": (lambda w: ["relay", "q", "--to-queue", "r", "--once"], b"", check_relay, None),
    "fsck": (lambda w: ["fsck", "q"], b"", check_same, None),
    "stats": (lambda w: ["stats", "q"], b"", check_same, None),
}


class Rig:
    def __init__(self, program, base):
        self.program = os.path.abspath(program)
        self.base = base
        self.serials = itertools.count(1)
        self.receipt = ""
        template = World(self.program, base, "template")
        for name in ("root", "in", "out"):
            os.makedirs(os.path.join(template.work, name))
        for name in ("one", "two"):
            with open(os.path.join(template.work, "in", name), "w") as file:
                file.write(name)
        template.plain("create", "q", "--max-failures", "1000", "--backoff", "0s")
        template.plain("config", "q", "body-inline=64K")
        template.plain("create", "r")
        for body in BEFORE:
            template.plain("send", "q", body)
        self.template = template
        # Leased for `ack`; the others find two more.
        self.leased = self.copy()
        told = json.loads(self.leased.plain("--json", "receive", "q", "--lease", "1h"))
        self.receipt = told["receipt"]

    def copy(self, of=None):
        world = World(self.program, self.base, f"world{next(self.serials)}")
        shutil.copytree((of or self.template).work, world.work, copy_function=shutil.copy2)
        return world

    def world_of(self, name):
        return self.copy(self.leased if name == "ack" else None)

    def run(self, name, world, before, environment=None):
        words, stdin, _, _ = COMMANDS[name]
        command = [self.receipt if w == "RECEIPT" else w for w in words(world)]
        started = subprocess.Popen(
            [*before, *world.args(*command)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            out, err = started.communicate(stdin, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.communicate()
            raise Wrong(f"not over after {TIMEOUT} s") from None
        return started.returncode, out.decode(errors="replace"), err.decode(errors="replace")

    def calls(self, name):
        """[(call, N)]: those of the command that concern its root, or its directories."""
        world = self.world_of(name)
        trace = world.work + ".trace"
        wanted = "trace=" + ",".join("?" + call for call in ERRNOS)
        code, _, err = self.run(name, world, [*STRACE, "-y", "-o", trace, "-e", wanted])
        if code != 0:
            raise Wrong(f"without any fault {name} exits with {code}: {err}")
        counts, found = {}, set()
        for line in open(trace, errors="replace"):
            match = re.match(r"(\d+) +(\w+)\(", line)
            if not match:
                continue
            counts[match.groups()] = counts.get(match.groups(), 0) + 1
            if world.work in line:
                found.add((match[2], counts[match.groups()]))
        shutil.rmtree(world.work)
        os.remove(trace)
        return sorted(found)

    def combinations(self):
        for name in COMMANDS:
            for call, number in self.calls(name):
                for error in ERRNOS[call].split():
                    # For good there is no such signal.
                    for last in ("",) if error == "EINTR" else ("", "+"):
                        yield name, call, number, error, last

    def attempt(self, name, call, number, error, last):
        """The exit code of one refusal."""
        inject = f"inject={call}:error={error}:when={number}{last}"
        return self.judge(name, [*STRACE, "-o", "/dev/null", "-e", f"trace={call}", "-e", inject])

    def judge(self, name, before, environment=None):
        world = self.world_of(name)
        code, out, err = self.run(name, world, before, environment)
        try:
            if code not in CONTRACT:
                raise Wrong(f"exit {code}: {err}")
            lines = [l for l in err.splitlines() if not LOGGED.match(l)]
            if code >= 64 and (len(lines) != 1 or not LINE.fullmatch(lines[0])):
                raise Wrong(f"exit {code} with other than one line: {err}")
            _, _, check, more = COMMANDS[name]
            world.forgot = "rebuilding the index" in err or "the outcome is unknown" in err
            check(world, code, out, self.receipt if more == "RECEIPT" else more)
            world.plain("fsck", "q")
        except Wrong as wrong:
            raise Wrong(f"{wrong}\n    (exit {code}, said: {err.strip()!r})") from None
        finally:
            shutil.rmtree(world.work)
        return code


def short(program, shim, rounds, seed):
    with tempfile.TemporaryDirectory() as base:
        rig = Rig(program, base)
        count = os.path.join(base, "count")
        environment = {**os.environ, "LD_PRELOAD": os.path.abspath(shim), "SHORT_IO_COUNT": count}
        cut = 0
        for name in COMMANDS:
            for turn in range(rounds):
                environment["SHORT_IO_SEED"] = str(seed + turn)
                code = rig.judge(name, [], environment)
                if code != 0:
                    raise Wrong(f"{name}: exit {code} where calls are short only")
            now = int.from_bytes(open(count, "rb").read(), "little")
            if now == cut:
                raise Wrong(f"{name}: no call of it was cut short")
            cut = now
    print(f"{rounds} rounds of {len(COMMANDS)} commands, {cut} calls cut short")


def main():
    program, sample = sys.argv[1], sys.argv[2]
    if sample == "short":
        seed = int(sys.argv[5]) if len(sys.argv) > 5 else 1
        return short(program, sys.argv[3], int(sys.argv[4]), seed)
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    jobs = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    wrong, tried = 0, 0
    codes = {}
    with tempfile.TemporaryDirectory() as base:
        rig = Rig(program, base)
        trials = list(rig.combinations())
        every = len(trials)
        if sample != "all":
            trials = random.Random(seed).sample(trials, min(int(sample), every))
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            waiting = {pool.submit(rig.attempt, *trial): trial for trial in trials}
            for done in concurrent.futures.as_completed(waiting):
                tried += 1
                if tried % 1000 == 0:
                    print(f"{tried} of {len(trials)}", file=sys.stderr, flush=True)
                try:
                    codes[done.result()] = codes.get(done.result(), 0) + 1
                except Wrong as what:
                    wrong += 1
                    print(" ".join(map(str, waiting[done])) + ": " + str(what), file=sys.stderr, flush=True)
    print(f"{len(trials)} of {every} refusals, {wrong} violations; exit codes {dict(sorted(codes.items()))}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
