"""A client of a mob that is not ours: python3-websockets or python3-wsproto, as Debian has them. Does all that
websocket_driver.mjs does: /usr/bin/python3 test/helpers/websocket_driver.py URL TAG websockets|wsproto"""

import asyncio
import struct
import sys
from urllib.parse import urlsplit

import websockets
from wsproto import ConnectionType, WSConnection, events

URL, TAG, LIBRARY = sys.argv[1:4]


class Websockets:
    """A connection of python3-websockets."""

    async def open(self, *protocols):
        self.socket = await websockets.connect(URL, subprotocols=protocols or None, max_size=None, ping_interval=None)
        self.protocol = self.socket.subprotocol
        return self

    async def send(self, data):
        await self.socket.send(data)

    async def receive(self):
        return await self.socket.recv()

    async def ping(self, payload):
        await (await self.socket.ping(payload))

    async def close(self, code, reason):
        await self.socket.close(code, reason)
        return self.socket.close_code

    async def ended(self):
        await self.socket.wait_closed()
        return self.socket.close_code


class Wsproto:
    """A connection of python3-wsproto, which has no sockets."""

    async def open(self, *protocols):
        self.code = None
        self.waiting = asyncio.Queue()
        self.pongs = asyncio.Queue()
        url = urlsplit(URL)
        self.reader, self.writer = await asyncio.open_connection(url.hostname, url.port)
        self.connection = WSConnection(ConnectionType.CLIENT)
        self.put(events.Request(host=url.netloc, target=url.path or "/", subprotocols=list(protocols)))
        self.accepted = asyncio.get_running_loop().create_future()
        self.reading = asyncio.create_task(self.read())
        self.protocol = (await self.accepted).subprotocol
        return self

    def put(self, event):
        self.writer.write(self.connection.send(event))

    async def read(self):
        parts = []
        while data := await self.reader.read(65536):
            self.connection.receive_data(data)
            for event in self.connection.events():
                if isinstance(event, events.AcceptConnection):
                    self.accepted.set_result(event)
                elif isinstance(event, events.BytesMessage):
                    parts.append(bytes(event.data))
                    if event.message_finished:
                        self.waiting.put_nowait(b"".join(parts))
                        parts = []
                elif isinstance(event, events.Pong):
                    self.pongs.put_nowait(bytes(event.payload))
                elif isinstance(event, events.Ping):
                    self.put(event.response())
                elif isinstance(event, events.CloseConnection):
                    # One that it began itself was answered; else this is the answer.
                    if self.code is None:
                        self.put(event.response())
                    self.code = event.code
                else:
                    raise AssertionError(f"{TAG}: unexpected {event}")
        self.writer.close()

    async def send(self, data):
        self.put(events.TextMessage(data=data) if isinstance(data, str) else events.BytesMessage(data=data))
        await self.writer.drain()

    async def receive(self):
        return await self.waiting.get()

    async def ping(self, payload):
        self.put(events.Ping(payload=payload))
        equal(await self.pongs.get(), payload, "a pong")

    async def close(self, code, reason):
        self.code = 0
        self.put(events.CloseConnection(code=code, reason=reason))
        return await self.ended()

    async def ended(self):
        await self.reading
        return self.code


def equal(actual, expected, what):
    assert actual == expected, f"{TAG}: {what} is {str(actual)[:100]}, not {str(expected)[:100]}"


def frame(text):
    payload = text.encode()
    return struct.pack(">Q", len(payload)) + payload


def payloads(message):
    """The payloads of whole frames back to back."""
    while message:
        end = 8 + struct.unpack_from(">Q", message)[0]
        assert end <= len(message), f"{TAG}: a message does not hold whole frames"
        yield message[8:end]
        message = message[end:]


async def own(client):
    """The messages of this client's own, as texts: others are in the mob, too."""
    while True:
        message = await client.receive()
        for payload in payloads(message) if client.protocol else [message]:
            if TAG.encode() in payload:
                yield payload.decode()


async def main():
    new = {"websockets": Websockets, "wsproto": Wsproto}[LIBRARY]
    plain = await new().open()
    packed = await new().open("mobcast.u64")
    equal([plain.protocol, packed.protocol], [None, "mobcast.u64"], "the subprotocols")
    texts = [f"{TAG} binary", f"{TAG} text ü€😀", TAG + "x" * 300_000]
    await plain.send(texts[0].encode())
    await plain.send(texts[1])
    await plain.send(texts[2].encode())
    heard = [own(client) for client in (plain, packed)]
    for each in heard:
        for text in texts:
            equal(await anext(each), text, "a message")
    # Cut anywhere, two messages are one frame.
    sent = frame(f"{TAG} packed")
    await packed.send(sent[:3])
    await packed.send(sent[3:])
    for each in heard:
        equal(await anext(each), f"{TAG} packed", "a message of mobcast.u64")
    for client in (plain, packed):
        await client.ping(f"{TAG}?".encode())
    greedy = await new().open()
    await greedy.send(bytes(400_001))
    equal(await greedy.ended(), 1009, "the end of a message that is too large")
    leaving = await new().open()
    equal(await leaving.close(3000, "bye"), 3000, "the end of one that leaves")
    print("ready", flush=True)
    for client in (plain, packed):
        equal(await client.ended(), 1001, "the end of the mob")
    print("done", flush=True)


asyncio.run(asyncio.wait_for(main(), 40))
