# STOMP 1.2 over a Unix socket, frame by frame, for scripts that kill the server: whatever ends a
# connection is an OSError.
import socket


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rb")
        self.say("CONNECT", {"accept-version": "1.2"})
        assert self.hear()[0] == "CONNECTED"

    def say(self, command, headers, body=b""):
        lines = [command] + [f"{name}:{value}" for name, value in headers.items()]
        self.socket.sendall("\n".join(lines).encode() + b"\n\n" + body + b"\0")

    def hear(self):
        line = b"\n"
        while line == b"\n":
            line = self.stream.readline()
        if not line.endswith(b"\n"):
            raise OSError("it has gone")
        headers = {}
        while True:
            header = self.stream.readline()
            if header == b"\n":
                break
            if not header.endswith(b"\n"):
                raise OSError("it has gone")
            name, value = header[:-1].decode().split(":", 1)
            headers[name] = value
        length = int(headers.get("content-length", 0))
        body = self.stream.read(length + 1)
        if len(body) != length + 1:
            raise OSError("it has gone")
        return line[:-1].decode(), headers, body[:-1]

    def close(self):
        self.socket.close()
