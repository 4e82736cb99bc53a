# A bad network: passes TCP on, and while FILE is there stalls everything for up to a second, or cuts
# every connection with a reset, again and again. Prints one line of figures when it is told to end.
#   rough_proxy.py FILE SEED LISTEN:TARGET…
import asyncio, os, random, signal, socket, struct, sys

rough, seed = sys.argv[1], int(sys.argv[2])
pairs = [tuple(map(int, pair.split(":"))) for pair in sys.argv[3:]]
flowing = asyncio.Event()
writers = set()
figures = {"connections": 0, "stalls": 0, "cuts": 0}


def reset(writer):
    raw = writer.get_extra_info("socket")
    try:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass  # it is closed
    writer.transport.abort()


async def copy(reader, writer, other):
    try:
        while piece := await reader.read(16384):
            await flowing.wait()
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    reset(writer), reset(other)


async def serve(target, reader, writer):
    try:
        there, here = await asyncio.open_connection("127.0.0.1", target)
    except OSError:
        return reset(writer)
    figures["connections"] += 1
    writers.update((writer, here))
    await asyncio.gather(copy(reader, here, writer), copy(there, writer, here))
    writers.difference_update((writer, here))


async def be_rough():
    dice = random.Random(seed)
    while True:
        await asyncio.sleep(dice.uniform(0.2, 1.0))
        if not os.path.exists(rough):
            continue
        if dice.random() < 0.6:
            figures["stalls"] += 1
            flowing.clear()
            await asyncio.sleep(dice.uniform(0.1, 1.0))
            flowing.set()
        else:
            figures["cuts"] += 1
            for writer in list(writers):
                reset(writer)


async def main():
    flowing.set()
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    for listen, target in pairs:
        await asyncio.start_server(lambda r, w, t=target: serve(t, r, w), "127.0.0.1", listen)
    print("listens", flush=True)
    roughness = asyncio.create_task(be_rough())
    await asyncio.wait((roughness, asyncio.create_task(end.wait())), return_when=asyncio.FIRST_COMPLETED)
    if roughness.done():
        roughness.result()  # it ends by failing only
    print(*(f"{name}={count}" for name, count in figures.items()), flush=True)


asyncio.run(main())
