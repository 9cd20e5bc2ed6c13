"""bench.py: zarrfs beside the local disk, rclone and plain parallel curl, over one S3 server on loopback behind a line with latency.

Prints seconds, what crossed the line, and the ratios; the ratios of one run are what counts, machines differ. Asserts nothing.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time

from line import fastest_line
from world import ROOT, S3Server, drop_page_cache, folder, processes, python, raise_on_sigterm, rclone

ZARR2 = ROOT / ".venv-zarr2/bin/python"

OPEN = """
import sys, time, xarray
begun = time.time(); data = xarray.open_zarr(sys.argv[1] + "/era_v2.zarr", chunks=None); data.time_480.values
print(time.time() - begun)"""
SCAN = """
import sys, time, zarr
array = zarr.open_array(sys.argv[1] + "/era_v2.zarr/" + sys.argv[2], mode="r"); begun = time.time(); array[:]
print(time.time() - begun)"""
WALK = """
import sys, time, zarr
array = zarr.open_array(sys.argv[1] + "/era_v2.zarr/" + sys.argv[2], mode="r"); begun = time.time()
steps = range(0, 240, 4)
for i in steps if sys.argv[3] == "forwards" else reversed(steps): array[i:i + 4]
print(time.time() - begun)"""
SHARD = """
import sys, time, zarr, numpy
array = zarr.open_array(sys.argv[1] + "/shard_v3.zarr", mode="r"); random = numpy.random.default_rng(3); begun = time.time()
for _ in range(40):
    i, j, k = random.integers(0, 8, 3); array[i * 8:i * 8 + 8, j * 128:j * 128 + 128, k * 128:k * 128 + 128]
print(time.time() - begun)"""
INNER = """
import sys, time, zarr
array = zarr.open_array(sys.argv[1] + "/inner_v3.zarr", mode="r"); begun = time.time()
for i in range(2):
    for j in range(8):
        for k in range(8): array[i * 8:i * 8 + 8, j * 128:j * 128 + 128, k * 128:k * 128 + 128]
print(time.time() - begun)"""
SPARSE = """
import sys, time, zarr
array = zarr.open_array(sys.argv[1] + "/sparse_v2.zarr", mode="r"); begun = time.time(); array[:2000]
print(time.time() - begun)"""


class System:
    """One way to the bucket; measured from a cold start."""

    def __init__(self, name, bench):
        self.name, self.bench, self.rows, self.moved = name, bench, {}, {}
        self.process = None
        self.point = bench.bucket if name == "local" else bench.work / "mnt"
        self.cache = bench.work / f"cache-{name}"

    def command(self):
        bench = self.bench
        if self.name == "rclone":
            configuration = bench.work / "rclone.conf"
            configuration.write_text(
                f"[b]\ntype=s3\nprovider=Other\nendpoint={bench.line.url}\nregion=us-east-1\n"
                f"access_key_id={processes.ACCESS_KEY}\nsecret_access_key={processes.SECRET_KEY}\n"
            )
            return [
                rclone(), "--config", configuration, "mount", "b:bench", self.point, "--read-only", "--cache-dir", self.cache,
                *("--vfs-cache-mode", "full", "--dir-cache-time", "1h", "--attr-timeout", "1h", "--use-server-modtime"),
                *("--vfs-read-chunk-streams", "16", "--vfs-read-chunk-size", "4M"),
            ]
        return [
            bench.options.zarrfs, "mount", "s3://bench", self.point, "--foreground", "--endpoint-url", bench.line.url,
            *("--region", "us-east-1", "--cache-dir", self.cache, "--cache-size", "4GiB", "--ttl", "1h"), *bench.options.more.split(),
        ]

    def start(self):
        if self.name == "local":
            return
        self.point.mkdir(exist_ok=True)
        log = self.bench.work / f"{self.name}.log"
        env = processes.environment(self.bench.work, **processes.CREDENTIALS)
        self.process = processes.start(self.command(), log, env)

        def mounted():
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended with {self.process.returncode}:\n{processes.tail(log)}")
            return str(self.point) in processes.mounts()

        processes.wait_until(mounted, 60, f"the mount of {self.name}")

    def stop(self):
        if self.process is None:
            return
        status = open(f"/proc/{self.process.pid}/status").read() if self.process.poll() is None else ""
        peak = re.search(r"VmHWM:\s+(\d+)", status)
        if peak:
            self.rows["peak memory, MiB"] = max(self.rows.get("peak memory, MiB", 0), int(peak[1]) / 1024)
        processes.stop(self.process)
        subprocess.run(["fusermount3", "-uzq", str(self.point)], capture_output=True, check=False)
        self.process = None

    def row(self, name, work):
        before = self.bench.line.counts.copy()
        value = work()
        moved = self.bench.line.since(before)
        self.rows[name] = value
        if self.name != "local":
            self.moved[name] = (moved.get("get", 0), moved.get("head", 0) + moved.get("list", 0), moved.get("down", 0) / 1e6)
        shown = "failed" if value is None else f"{value:.5f}"
        print(f"   {self.name:<8}{name:<44}{shown:>10}   {self.crossed(name)}", flush=True)

    def crossed(self, name):
        gets, others, megabytes = self.moved.get(name, (0, 0, 0))
        return f"{gets} GET, {others} other, {megabytes:.1f} MB" if name in self.moved else ""

    def measure(self):
        point = self.point
        self.start()
        drop_page_cache()
        self.row("open a dataset, cold (xarray)", lambda: python(OPEN, point))
        self.row("scan 480 chunks, cold", lambda: python(SCAN, point, "air"))
        self.row("60 steps along time, cold", lambda: python(WALK, point, "wind", "forwards"))
        self.row("60 steps back in time, cold", lambda: python(WALK, point, "rain", "backwards"))
        self.row("60 chunks one by one, cold (zarr-python 2)", lambda: python(SCAN, point, "snow", interpreter=ZARR2))
        self.row("40 random inner chunks of shards, cold", lambda: python(SHARD, point))
        self.row("128 inner chunks of shards in order, cold", lambda: python(INNER, point))
        self.row("2,000 chunks of which 1 % exist, cold", lambda: python(SPARSE, point))
        self.row("a file of 128 MiB, cold", lambda: timed(["cat", point / "raw/big.bin"]))
        self.row("ls -l of 4,000 files, cold", lambda: timed(["ls", "-l", point / "flat_v2.zarr"]))
        self.row("ls -l of 4,000 files, again", lambda: timed(["ls", "-l", point / "flat_v2.zarr"]))
        self.row("the scan again", lambda: python(SCAN, point, "air"))
        self.row("a chunk, hot (open, read, close)", lambda: chunk(point, 5))
        if drop_page_cache():
            self.row("the scan again, page cache dropped", lambda: python(SCAN, point, "air"))
            drop_page_cache()
            self.row("a chunk, from the disk", lambda: chunk(point, 1))
        self.stop()
        if self.name != "local":
            self.start()
            drop_page_cache()
            self.row("open a dataset, remounted", lambda: python(OPEN, point))
            self.row("the scan, remounted", lambda: python(SCAN, point, "air"))
            self.stop()


def timed(command):
    begun = time.perf_counter()
    subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, check=False)
    return time.perf_counter() - begun


def chunk(point, rounds):
    """The median over 200 chunks, in seconds, of the last of so many rounds."""
    path = f"{point}/era_v2.zarr/air"
    names = sorted(name for name in os.listdir(path) if name[0].isdigit())[:200]
    for _ in range(rounds):
        times = []
        for name in names:
            begun = time.perf_counter()
            file = os.open(f"{path}/{name}", os.O_RDONLY)
            while os.read(file, 1 << 20):
                pass
            os.close(file)
            times.append(time.perf_counter() - begun)
    return sorted(times)[len(times) // 2]


class Bench:
    def __init__(self, options, work):
        self.options, self.work, self.bucket = options, work, work / "s3/bench"
        self.line = None

    def run(self):
        print(f"making the stores in {self.bucket}", flush=True)
        self.bucket.mkdir(parents=True)
        processes.run([sys.executable, ROOT / "Benchmarks/stores.py", self.bucket], env=processes.environment(self.work), within=600)
        systems = [System(name, self) for name in self.options.systems.split(",") if name != "curl"]
        curl = None
        with S3Server(self.work / "s3", self.work, still=True) as server:
            self.line = fastest_line(server.port, self.options.rtt, self.work)
            try:
                for system in systems:
                    print(system.name, flush=True)
                    try:
                        system.measure()
                    finally:
                        system.stop()
                if "curl" in self.options.systems:
                    print("curl", flush=True)
                    curl = {
                        "scan 480 chunks, cold": self.curl(),
                        "a file of 128 MiB, cold": self.curl_ranges(),
                    }
            finally:
                self.line.stop()
        self.table(systems, curl)

    def transfer(self, pieces):
        """So many parallel transfers, as curl does them, signed; seconds. The secret stands in a file, never in argv."""
        configuration = self.work / "curl.conf"
        head = f'aws-sigv4 = "aws:amz:us-east-1:s3"\nuser = "{processes.ACCESS_KEY}:{processes.SECRET_KEY}"\nsilent\nfail\n'
        common = ["parallel", f"parallel-max = {self.options.parallel}", head]
        parts = []
        for key, byte_range in pieces:
            extra = f'range = "{byte_range}"\n' if byte_range else ""
            parts.append(f'{head}url = "{self.line.url}/bench/{key}"\noutput = "/dev/null"\n{extra}')
        configuration.write_text("\n".join(common[:2]) + "\n" + "next\n".join(parts))
        begun = time.perf_counter()
        result = subprocess.run(
            ["curl", "-K", configuration], env=processes.environment(self.work), capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - begun
        if result.returncode:
            print("   failed:", result.stderr.strip()[-200:], file=sys.stderr)
            return None
        print(f"   curl    {len(pieces)} transfers, {self.options.parallel} parallel{seconds:>35.5f}", flush=True)
        return seconds

    def curl(self):
        names = sorted(name for name in os.listdir(self.bucket / "era_v2.zarr/air") if name[0].isdigit())
        return self.transfer([(f"era_v2.zarr/air/{name}", None) for name in names])

    def curl_ranges(self):
        part = 8 << 20
        return self.transfer([("raw/big.bin", f"{begin}-{begin + part - 1}") for begin in range(0, 128 << 20, part)])

    def table(self, systems, curl):
        names = list(dict.fromkeys(name for system in systems for name in system.rows))
        columns = {system.name: system.rows for system in systems}
        if curl:
            columns["curl"] = curl
        ours = columns.get("zarrfs", {})
        others = [name for name in columns if name != "zarrfs"]
        print(f"\nround trip {self.options.rtt:g} ms, 90 MB/s a connection, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}\n")
        head = "".join(f" {name:>10} |" for name in columns) + "".join(f" {'zarrfs/' + name:>14} |" for name in others if ours)
        print(f"| {'seconds':<43}|{head} crossed the line (zarrfs; rclone)")
        print("|" + "-" * 44 + "|" + "-" * len(head))
        for name in names:
            line = f"| {name:<43}|"
            for rows in columns.values():
                value = rows.get(name)
                line += f" {'' if value is None else _number(value):>10} |"
            for other in others if ours else []:
                mine, theirs = ours.get(name), columns[other].get(name)
                line += f" {f'{mine / theirs:.2f}' if mine and theirs else '':>14} |"
            crossed = [system.crossed(name) for system in systems if system.name in ("zarrfs", "rclone")]
            print(line, "; ".join(text for text in crossed if text))
        out = ROOT / "out"
        out.mkdir(exist_ok=True)
        moved = {system.name: system.moved for system in systems}
        (out / "bench.json").write_text(json.dumps({"rtt_ms": self.options.rtt, "rows": columns, "moved": moved}, indent=1))
        print(f"\nin {out / 'bench.json'}")


def _number(value):
    return f"{value * 1e6:.0f} us" if value < 0.001 else f"{value:.3f}" if value < 30 else f"{value:.0f}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rtt", type=float, default=30, help="round trip in milliseconds (30)")
    arguments.add_argument("--systems", default="local,rclone,zarrfs,curl", help="which, with commas between")
    arguments.add_argument("--zarrfs", default=str(ROOT / ".build/release/zarrfs"), help="the binary")
    arguments.add_argument("--parallel", type=int, default=32, help="curl's transfers at once (32)")
    arguments.add_argument("--more", default="", help="more options for zarrfs mount, as one word")
    options = arguments.parse_args()
    raise_on_sigterm()
    with folder("zarrfs-bench.") as work:
        Bench(options, work).run()


if __name__ == "__main__":
    main()
