"""A client of mobcast: sends each line of its input, and prints each message that it receives as a line.
Try it: python3 examples/clients/client.py tcp://127.0.0.1:8000. Prove it: mobcast check python3 examples/clients/client.py"""

import os, socket, struct, sys, threading
from urllib.parse import urlsplit

LONGEST = 1 << 20  # the longest message: --max-frame of the server

url = urlsplit(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:8000")
mob = socket.create_connection((url.hostname, url.port))

def send(payload):
    if payload:  # an empty message is a ping, which nobody receives
        mob.sendall(struct.pack(">Q", len(payload)) + payload)

def talk():
    send(os.environ.get("MOBCAST_SECRET", "").encode())
    for line in sys.stdin.buffer:
        send(line.rstrip(b"\n"))
    mob.shutdown(socket.SHUT_WR)  # what is published until the server sees this still comes

def leave(why):
    print(why, end="", file=sys.stderr, flush=True)
    os._exit(1 if why else 0)  # the other thread waits for input

# A thread of its own: the server reads nothing from a client that writes without reading.
threading.Thread(target=talk, daemon=True).start()
stream = mob.makefile("rb")
while header := stream.read(8):
    length = int.from_bytes(header, "big")
    if len(header) == 8 and length > LONGEST:
        leave(f"a message of {length} bytes is over the limit\n")
    payload = stream.read(length)
    if len(header) < 8 or len(payload) < length:
        leave("the connection broke inside a message\n")
    sys.stdout.buffer.write(payload + b"\n")
    sys.stdout.buffer.flush()
leave("")
