# What scripts share that kill the service under load: rounds of kills, the wait for what was
# confirmed, and the figures. The script's own threads add to `confirmed` (a set) when the service
# confirms, and to `arrived` (how often, by name) when it comes out again, both under `lock`.
import random, signal, subprocess, sys, threading, time

confirmed, arrived = set(), {}
stopping = threading.Event()
lock = threading.Lock()


# Kills a service that has confirmed something new, `rounds` times; then waits, with a living one,
# for the producers, and at most `patience` seconds for everything that is confirmed. Calls
# `at_end` before it stops that one. Exits with 1 and the first missing one, or where a round moved
# nothing, or all of them less than `each` on average.
def kill_rounds(spoolmq, root, rounds, producers, word, patience, at_end=lambda: None, each=10):
    def serve():
        return subprocess.Popen([spoolmq, "--root", root, "--quiet", "serve"])

    idle_rounds = 0
    for _ in range(rounds):
        before = len(confirmed)
        service = serve()
        deadline = time.monotonic() + 20
        while len(confirmed) == before and time.monotonic() < deadline:
            time.sleep(0.005)
        idle_rounds += len(confirmed) == before
        time.sleep(random.uniform(0, 0.3))
        service.send_signal(signal.SIGKILL)
        service.wait()
    stopping.set()
    service = serve()
    for one in producers:
        one.join(60)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with lock:
            if confirmed <= arrived.keys():
                break
        time.sleep(0.1)
    at_end()
    service.terminate()
    service.wait(60)
    missing = confirmed - arrived.keys()
    twice = sum(1 for count in arrived.values() if count > 1)
    print(f"{rounds} kills: {len(confirmed)} {word}, {len(arrived)} arrived, {twice} of them repeatedly")
    if missing or idle_rounds or len(confirmed) < each * rounds:
        print(f"missing {len(missing)}: {sorted(missing)[:3]}; rounds in which nothing moved: {idle_rounds}")
        sys.exit(1)
