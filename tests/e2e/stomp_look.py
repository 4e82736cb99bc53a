# Reads every message of a RabbitMQ queue by STOMP and leaves it there; prints "ID BODY" of each, ID
# being the header that is asked for. It reads until none comes for QUIET seconds: what the broker says
# of a queue's length is seconds old, and of a node that has just come back, older. It knows nothing
# of spoolmq.
#   stomp_look.py PORT DESTINATION ID-HEADER QUIET
import socket, sys

port, destination, name, quiet = int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
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


def subscribed():
    s = socket.create_connection(("127.0.0.1", port), 30)
    s.settimeout(quiet)
    for command, *headers in (
        ("CONNECT", "accept-version:1.2", "host:/", "login:guest", "passcode:guest"),
        ("SUBSCRIBE", "id:1", "destination:" + destination, "ack:client", f"prefetch-count:{AT_ONCE}",
         "x-queue-type:quorum", "durable:true", "auto-delete:false"),
    ):
        s.sendall("\n".join([command] + headers).encode() + b"\n\n\0")
    return s


def look(s):
    """Prints up to AT_ONCE messages; whether there may be more."""
    here = 0
    try:
        for command, headers, body in frames(s):
            if command == "ERROR":
                sys.exit(headers.get("message", "") + ": " + body)
            if command != "MESSAGE":
                continue
            print(headers.get(name), body)
            here += 1
            if here == AT_ONCE:
                return True
    except socket.timeout:
        return False


sessions = [subscribed()]
while look(sessions[-1]):
    sessions.append(subscribed())  # the others keep what they have until all is seen
