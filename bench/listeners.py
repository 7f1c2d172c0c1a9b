#!/usr/bin/env python3
"""Measures streams of events: memory, processor time, delays, and the end by SIGTERM. Needs Linux, and no packages.

    bench/listeners.py --api target/release/api --listeners 1000 [--database postgres://…]

It starts two servers on one database: the first has the listeners, each of another user, and the second one only writes. The
limit of open files must be more than twice the number of listeners (`ulimit -n`). Nothing else should run on the machine: the
processor time of the database is that of all processes of PostgreSQL.

    bench/listeners.py --load 5 --listeners 1000 --database postgres://…

Instead, it measures creates per second (with `wrk`, 64 connections) without listeners and with them, in five pairs: by users who have a
listener each, and by as many other users.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import multiprocessing
import random
import re
import select
import signal
import socket
import statistics
import subprocess
import tempfile
import time

SECRET = "a secret of the measurement that is longer than 32 bytes"
TICKS = os.sysconf("SC_CLK_TCK")


def token(user):
    encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
    claims = {"sub": user, "exp": int(time.time()) + 36000}
    signed = b".".join(encode(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
    return (signed + b"." + encode(hmac.digest(SECRET.encode(), signed, hashlib.sha256))).decode()


class Server:
    def __init__(self, arguments, folder):
        environment = {
            "PATH": os.environ["PATH"], "BETTER_AUTH_SECRET": SECRET,
            "DATABASE_URL": arguments.database or f"sqlite://{folder}/tasks.db",
            "PORT": "0", "RATE_LIMIT_PER_SECOND": "0", "MAX_LISTENERS": "0", "MAX_TASKS_PER_USER": "0", "RUST_LOG": "warn",
        }
        self.process = subprocess.Popen([arguments.api, "serve"], env=environment, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.port = int(re.search(r":(\d+)$", line.strip())[1])

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024

    def processor_time(self):
        return processor_time(self.process.pid)


def processor_time(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def database_time():
    """The processor time of all processes of PostgreSQL, those that have ended included if their parent has waited for them."""
    total = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as name:
                if name.read().strip() == "postgres":
                    total += processor_time(pid)
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total


class Listener:
    def __init__(self, user):
        self.user, self.token = user, token(user)
        self.arrived, self.last, self.state = asyncio.Queue(), "", 0

    async def open(self, port):
        reader, self.writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
        self.writer.write(
            f"GET /api/tasks/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.token}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head.split(b"\r\n")[0], head
        while not self.state:
            line = await reader.readline()
            if line.startswith(b"id: "):
                self.state = int(line[4:])
        self.task = asyncio.create_task(self.read(reader))

    async def read(self, reader):
        try:
            while line := await reader.readline():
                if line.startswith(b"id: "):
                    self.arrived.put_nowait((int(line[4:]), time.monotonic()))
                elif line.startswith((b"event: end", b"event: resync", b'data: {"reason')):
                    self.last = line.decode().strip()
        except (ConnectionError, ValueError):
            self.last = self.last or "broken"


class Client:
    """A connection that writes."""

    async def open(self, port):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def create(self, listener):
        body = b'{"title": "measured"}'
        self.writer.write(
            f"POST /api/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {listener.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        task = json.loads(await self.reader.readexactly(int(re.search(r"content-length: (\d+)", head)[1])))
        return task["version"], time.monotonic()


async def delays(listeners, port, count, pause):
    client, found = await Client().open(port), []
    for listener in random.choices(listeners, k=count):
        version, answered = await client.create(listener)
        while True:
            number, arrived = await asyncio.wait_for(listener.arrived.get(), 30)
            if number == version:
                break
        found.append(max(arrived - answered, 0) * 1000)
        await asyncio.sleep(random.random() * pause)
    found.sort()
    return f"p50 {found[len(found) // 2]:.1f} ms, p99 {found[int(len(found) * 0.99)]:.1f} ms, max {found[-1]:.1f} ms"


LUA = """
local tokens = {%s}
request = function()
    return "POST /api/tasks HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: Bearer " .. tokens[math.random(#tokens)] ..
        '\\r\\nContent-Type: application/json\\r\\nContent-Length: 20\\r\\n\\r\\n{"title":"measured"}'
end
"""


def creates(port, users, folder):
    """Creates per second by these users."""
    script = f"{folder}/load.lua"
    with open(script, "w") as file:
        file.write(LUA % ", ".join(f'"{token(user)}"' for user in users))
    command = ["wrk", "-t1", "-c64", "-d5", "-s", script, f"http://127.0.0.1:{port}"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert "Non-2xx" not in output, output
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])


def drain(port, users, ready):
    """Listens for each of these users, and throws everything away."""
    poll, open_streams = select.epoll(), {}

    def connect(user):
        stream = socket.create_connection(("127.0.0.1", port))
        stream.sendall(f"GET /api/tasks/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token(user)}\r\n\r\n".encode())
        poll.register(stream, select.EPOLLIN)
        open_streams[stream.fileno()] = stream, user

    for user in users:
        connect(user)
    ready.set()
    while True:
        for number, _ in poll.poll():
            stream, user = open_streams[number]
            if not stream.recv(65536):
                poll.unregister(stream)
                stream.close()
                connect(user)


def load(arguments, server, folder):
    listened = [f"listener {number}" for number in range(arguments.listeners)]
    others = [f"other {number}" for number in range(arguments.listeners)]
    rates = {"of users with a listener": [], "of other users": []}
    creates(server.port, listened + others, folder)
    for _ in range(arguments.load):
        without = [creates(server.port, users, folder) for users in (listened, others)]
        ready = multiprocessing.Event()
        drainer = multiprocessing.Process(target=drain, args=(server.port, listened, ready))
        drainer.start()
        ready.wait()
        time.sleep(1)
        with_them = [creates(server.port, users, folder) for users in (listened, others)]
        drainer.kill()
        drainer.join()
        time.sleep(2)
        for pairs, pair in zip(rates.values(), zip(without, with_them)):
            pairs.append(pair)
    for users, pairs in rates.items():
        ratio = statistics.median(after / before for before, after in pairs)
        before, after = (statistics.median(column) for column in zip(*pairs))
        print(f"creates {users}: {before:.0f}/s without and {after:.0f}/s with {len(listened)} listeners: {ratio:.2f}")


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", default="target/release/api")
    parser.add_argument("--database", help="an empty database of PostgreSQL; SQLite if not set")
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=30, help="how long the processor time is measured")
    parser.add_argument("--load", type=int, metavar="PAIRS", help="measure creates per second instead")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server, other = Server(arguments, folder), Server(arguments, folder)
        try:
            if arguments.load:
                load(arguments, server, folder)
            else:
                await measure(arguments, server, other)
        finally:
            server.process.kill()
            other.process.kill()


async def measure(arguments, server, other):
    listeners = [Listener(f"listener {number}") for number in range(arguments.listeners)]
    clients = [await Client().open(server.port) for _ in range(32)]
    todo = iter(listeners)

    async def fill(client):
        for listener in todo:
            await client.create(listener)

    await asyncio.gather(*map(fill, clients))
    await asyncio.sleep(3)
    before = server.memory()
    todo = iter(listeners)

    async def listen():
        for listener in todo:
            await listener.open(server.port)

    begun = time.monotonic()
    await asyncio.gather(*(listen() for _ in range(32)))
    print(f"{len(listeners)} listeners, opened in {time.monotonic() - begun:.1f} s")
    await asyncio.sleep(20)
    after = server.memory()
    each = (after - before) * 1024 / len(listeners)
    print(f"memory: {before:.1f} MiB before, {after:.1f} MiB with them: {after - before:.1f} MiB, {each:.1f} KiB each")
    at, used, of_database = time.monotonic(), server.processor_time(), database_time()
    await asyncio.sleep(arguments.seconds)
    passed = time.monotonic() - at
    used, of_database = ((now - before) / passed for now, before in
                         ((server.processor_time(), used), (database_time(), of_database)))
    print(f"processor, idle: server {used:.1%} of a core, database {of_database:.1%}")
    print("delay behind the answer to a write, same server:", await delays(listeners, server.port, 300, 0.02))
    print("delay behind the answer to a write, another server:", await delays(listeners, other.port, 60, 0.5))
    stopped = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    code = await asyncio.to_thread(server.process.wait)
    print(f"SIGTERM: exit {code} after {time.monotonic() - stopped:.2f} s")
    await asyncio.gather(*(listener.task for listener in listeners))
    resumable = sum(listener.last == 'data: {"reason":"restart"}' for listener in listeners)
    print(f"{resumable} of {len(listeners)} listeners got `restart`")


asyncio.run(main())
