"""A line with latency between a client and a server on loopback: every byte arrives half a round trip later.

Each connection is capped at a rate each way, and a new one first waits two round trips, as TCP and TLS do. Counts what
crosses it. In this process, on one thread with its own event loop: good for some hundred megabytes a second.
"""

import asyncio
import collections
import socket
import threading
import time


class Line:
    def __init__(self, port, rtt_ms, mb_per_s=90.0, handshakes=2.0):
        self.target, self.delay = port, rtt_ms / 2000
        self.rate, self.first = mb_per_s * 1e6, handshakes * rtt_ms / 1000
        self.counts = collections.Counter()
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(1024)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)

    def since(self, before):
        """What crossed the line since `before`, a copy of `counts`."""
        return {name: self.counts[name] - before[name] for name in self.counts}

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._serving = self._loop.create_task(self._serve())
        self._loop.run_forever()
        # Whatever is still on its way is dropped without a word.
        self._loop.set_exception_handler(lambda *_: None)
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._listener.close()
        self._loop.close()

    async def _serve(self):
        async def connected(reader, writer):
            self.counts["connections"] += 1
            try:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target, limit=1 << 20)
            except OSError:
                writer.close()
                return
            await asyncio.gather(
                self._pump(reader, far_writer, "up", self.first), self._pump(far_reader, writer, "down", 0.0), return_exceptions=True
            )

        await asyncio.start_server(connected, sock=self._listener, limit=1 << 20)

    async def _pump(self, reader, writer, way, first):
        queue = asyncio.Queue()

        async def deliver():
            free = time.monotonic() + first
            try:
                while True:
                    at, data = await queue.get()
                    due = max(at, free)
                    wait = due - time.monotonic()
                    if wait > 0.0002:
                        await asyncio.sleep(wait)
                    if data is None:
                        break
                    writer.write(data)
                    await writer.drain()
                    if self.rate:
                        free = due + len(data) / self.rate
            except OSError:
                pass
            finally:
                writer.close()

        delivery = asyncio.ensure_future(deliver())
        try:
            while data := await reader.read(65536):
                self.counts[way] += len(data)
                if way == "up":
                    self._classify(data)
                queue.put_nowait((time.monotonic() + self.delay, data))
        except OSError:
            pass
        queue.put_nowait((time.monotonic() + self.delay, None))
        await delivery

    def _classify(self, data):
        line = data[:2048].split(b"\r", 1)[0]
        if line.startswith(b"GET "):
            self.counts["list" if b"list-type=" in line or b"delimiter=" in line else "get"] += 1
        elif line.startswith(b"HEAD "):
            self.counts["head"] += 1


class CompiledLine:
    """The same by the program ../shared/bench/lagline.rs, where that and rustc are at hand: it takes less of the machine."""

    def __init__(self, program, port, rtt_ms, work, mb_per_s=90.0, handshakes=2.0):
        from world import processes

        self.port, self.log = processes.free_port(), work / "line.log"
        command = [program, f"127.0.0.1:{self.port}", f"127.0.0.1:{port}", rtt_ms, mb_per_s, handshakes]
        self._process = processes.start(command, self.log, processes.environment(work))
        processes.wait_for_port(self.port, self._process, self.log)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def counts(self):
        """As it printed them last, which it does each tenth of a second."""
        time.sleep(0.25)
        words = (self.log.read_text().strip().splitlines() or [""])[-1].split()
        names = dict(zip(words[::2], map(int, words[1::2]), strict=True))
        names["connections"] = names.pop("conns", 0)
        return collections.Counter(names)

    def since(self, before):
        after = self.counts
        return {name: after[name] - before[name] for name in after}

    def stop(self):
        from world import processes

        processes.stop(self._process)


def fastest_line(port, rtt_ms, work):
    """A line of the fastest kind that can be had here."""
    import shutil
    import subprocess

    from world import ROOT

    source = ROOT.parent / "shared/bench/lagline.rs"
    if shutil.which("rustc") and source.exists():
        program = work / "lagline"
        if subprocess.run(["rustc", "-O", source, "-o", program], capture_output=True, check=False).returncode == 0:
            return CompiledLine(program, port, rtt_ms, work)
    return Line(port, rtt_ms)
