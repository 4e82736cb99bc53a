"""What backup_test.sh runs under load: backup_load.py SPOOLMQ DIRECTORY KILLS.

Two senders and two receivers go on; backups are taken meanwhile, some killed. Each that is there is
restored: all that was confirmed before it began and not taken since; nothing that was acknowledged
before it began; nothing that was never sent; fsck finds nothing.
"""
import json
import os
import random
import subprocess
import sys
import threading
import time

SPOOLMQ, DIRECTORY, KILLS = sys.argv[1], sys.argv[2], int(sys.argv[3])
ROOT, BACKUPS = DIRECTORY + "/load", DIRECTORY + "/load-backups"
turn = random.Random(int(os.environ.get("SPOOLMQ_SEED", str(os.getpid()))))
stop = threading.Event()
lock = threading.Lock()
offered, confirmed, asked, acked = set(), set(), set(), set()  # bodies; `asked`: an ack was begun


def run(*arguments, root=ROOT, given=""):
    done = subprocess.run([SPOOLMQ, "--root", root, *arguments], input=given, text=True,
                          capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr


def require(good, what):
    if not good:
        print("backup_load.py:", what, file=sys.stderr)
        stop.set()
        os._exit(1)


def send(number):
    at = 0
    while not stop.is_set():
        bodies = [f"{number}-{at + i}" for i in range(50)]
        at += 50
        with lock:
            offered.update(bodies)
        if at % 500 == 0:  # a file of its own, XML
            code, _, err = run("send", "q", bodies[0], "--format", "xml")
            bodies = bodies[:1]
        else:
            code, _, err = run("send", "q", "--lines", given="\n".join(bodies) + "\n")
        require(code == 0, f"send: {code} {err}")
        with lock:
            confirmed.update(bodies)
        time.sleep(0.05)


def receive():
    while not stop.is_set():
        code, out, err = run("--json", "receive", "q", "-n", "30", "--wait", "--timeout", "1s")
        require(code in (0, 1), f"receive: {code} {err}")
        messages = [json.loads(line) for line in out.splitlines()]
        if not messages:
            continue
        bodies = [one["body"] for one in messages]
        with lock:
            asked.update(bodies)
        code, _, err = run("ack", "q", "-", given="\n".join(one["receipt"] for one in messages) + "\n")
        require(code == 0, f"ack: {code} {err}")
        with lock:
            acked.update(bodies)


def judge(name, before):
    confirmed_before, acked_before = before
    target = f"{DIRECTORY}/load-{name}"
    code, out, err = run("restore", f"{BACKUPS}/{name}", root=target)
    require(code == 0, f"restore {name}: {code} {out} {err}")
    code, out, err = run("fsck", root=target)
    require(code == 0 and not out, f"fsck {name}: {code} {out} {err}")
    run("revoke", "q", "ALL", root=target)  # who has a timed lease is not here
    code, bodies = 0, []
    while code == 0:
        code, out, err = run("--json", "receive", "q", "-n", "1000", "--ack", root=target)
        require(code in (0, 1), f"receive {name}: {code} {err}")
        bodies += [json.loads(line)["body"] for line in out.splitlines()]
    found = set(bodies)
    with lock:
        require(len(found) == len(bodies), f"{name}: a message is there twice")
        require(not found - offered, f"{name}: never sent: {list(found - offered)[:3]}")
        require(not found & acked_before, f"{name}: back again: {list(found & acked_before)[:3]}")
        lost = confirmed_before - found - asked
    require(not lost, f"{name}: {len(lost)} lost: {list(lost)[:3]}")
    subprocess.run(["rm", "-rf", target], check=True)
    return len(found)


def main():
    os.mkdir(BACKUPS)
    require(run("create", "q", "--lease", "10m")[0] == 0, "create")
    require(run("create", "idle")[0] == 0, "create")
    threads = [threading.Thread(target=send, args=(n,)) for n in range(2)]
    threads += [threading.Thread(target=receive) for _ in range(2)]
    for thread in threads:
        thread.start()
    whole, killed, messages, longest = 0, 0, 0, 0.3
    for n in range(2 * KILLS):
        time.sleep(0.2)
        with lock:
            before = set(confirmed), set(acked)
        name = f"b{n}"
        started = time.monotonic()
        backup = subprocess.Popen([SPOOLMQ, "--root", ROOT, "backup", f"{BACKUPS}/{name}"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if n % 2 == 1:
            time.sleep(turn.uniform(0, longest))
            backup.kill()
        _, err = backup.communicate()
        is_there = os.path.exists(f"{BACKUPS}/{name}")
        if n % 2 == 0:
            longest = time.monotonic() - started
            require(backup.returncode == 0 and is_there, f"backup: {backup.returncode} {err}")
            require(set(os.listdir(BACKUPS)) <= {name}, f"leavings: {os.listdir(BACKUPS)}")
        killed += backup.returncode == -9
        if is_there:
            messages += judge(name, before)
            whole += 1
            subprocess.run(["rm", "-rf", f"{BACKUPS}/{name}"], check=True)
    stop.set()
    for thread in threads:
        thread.join(60)
    code, out, _ = run("fsck")
    require(code == 0, f"fsck of the root: {out}")
    print(f"{whole} backups restored ({messages} messages), {killed} killed, of a queue through which "
          f"{len(confirmed)} went; 0 lost, 0 back")


main()
