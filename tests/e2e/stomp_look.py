# Reads every message of a RabbitMQ queue by STOMP and leaves it there; prints "ID BODY" of each, ID
# being the header that is asked for. It knows nothing of spoolmq.
#   stomp_look.py PORT DESTINATION ID-HEADER COUNT
import socket, sys

port, destination, name, count = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
AT_ONCE = 1000  # a quorum queue gives one consumer 2000 at most that are not acknowledged


def frames(s):
    buffer = b""
    while True:
        buffer = buffer.lstrip(b"\n")
        end = buffer.find(b"\n\n")
        if end >= 0:
            lines = buffer[:end].decode().split("\n")
            headers = dict(line.split(":", 1) for line in reversed(lines[1:]))
            length = int(headers.get("content-length", 0))
            if len(buffer) > end + 2 + length:
                yield lines[0], headers, buffer[end + 2 : end + 2 + length].decode()
                buffer = buffer[end + 2 + length + 1 :]
                continue
        piece = s.recv(1 << 20)
        if not piece:
            sys.exit("the broker ended the session")
        buffer += piece


def subscribed(at_once):
    s = socket.create_connection(("127.0.0.1", port), 30)
    s.settimeout(30)
    for command, *headers in (
        ("CONNECT", "accept-version:1.2", "host:/", "login:guest", "passcode:guest"),
        ("SUBSCRIBE", "id:1", "destination:" + destination, "ack:client", f"prefetch-count:{at_once}",
         "x-queue-type:quorum", "durable:true", "auto-delete:false"),
    ):
        s.sendall("\n".join([command] + headers).encode() + b"\n\n\0")
    return s


sessions, seen = [], 0
while seen < count:
    here = min(AT_ONCE, count - seen)
    sessions.append(subscribed(here))  # the others keep what they have until all is seen
    for command, headers, body in frames(sessions[-1]):
        if command == "ERROR":
            sys.exit(headers.get("message", "") + ": " + body)
        if command != "MESSAGE":
            continue
        print(headers.get(name), body)
        seen, here = seen + 1, here - 1
        if here == 0:
            break
