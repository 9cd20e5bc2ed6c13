"""demo.py --zarrfs BINARY: what scripts/demo shows. See there."""

import argparse
import os
import signal
import subprocess
import time

from line import Line
from world import S3Server, drop_page_cache, folder, processes, python, raise_on_sigterm

MAKE = """
import sys, numpy as np, xarray as xr
random = np.random.default_rng(1)
air = (280 + 10 * random.standard_normal((96, 90, 180))).round(2).astype("f4")
data = xr.Dataset({"air": (("time", "lat", "lon"), air, {"units": "K"})},
                  coords={"time": np.arange(96), "lat": np.linspace(-90, 90, 90), "lon": np.arange(0, 360, 2)})
data.to_zarr(sys.argv[1], zarr_format=2, consolidated=True, encoding={"air": {"chunks": (4, 45, 90)}})
print(0)"""

ZARR = """
import sys, time, zarr
begun = time.time(); array = zarr.open_group(sys.argv[1], mode="r")["air"]; values = array[:]
seconds = time.time() - begun; print("   mean of air:", values.mean()); print(seconds)"""

XARRAY = """
import sys, time, xarray
begun = time.time(); data = xarray.open_zarr(sys.argv[1], chunks=None); values = data.air.sel(time=slice(0, 47)).mean("time").values
print(time.time() - begun)"""


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--zarrfs", required=True)
    arguments.add_argument("--rtt", type=float, default=20, help="round trip in milliseconds")
    options = arguments.parse_args()
    raise_on_sigterm()
    with folder("zarrfs-demo.") as work:
        Demo(os.path.abspath(options.zarrfs), work, options.rtt).run()


class Demo:
    def __init__(self, binary, work, rtt):
        self.binary, self.work, self.rtt = binary, work, rtt
        self.point, self.cache, self.rows = work / "mnt", work / "cache", []
        self.env = processes.environment(work, **processes.CREDENTIALS)
        self.daemon = None

    def run(self):
        say(f"a sample store in a bucket, on an S3 server behind a line of {self.rtt:g} ms")
        (self.work / "s3/bucket").mkdir(parents=True)
        python(MAKE, self.work / "s3/bucket/weather.zarr")
        with S3Server(self.work / "s3", self.work, still=True) as server:
            line = Line(server.port, self.rtt)
            try:
                self.mount(line.url)
                self.show()
                self.measure("cold")
                self.measure("again")
                self.unmount()
            finally:
                self.end()
                line.stop()
        say("the server is stopped; the cache stays. Mounting again:")
        try:
            self.mount(line.url, "--offline")
            drop_page_cache()
            self.measure("server gone")
            self.unmount()
        finally:
            self.end()
        self.table()

    def mount(self, url, *more):
        self.point.mkdir(exist_ok=True)
        words = ["mount", "s3://bucket", self.point, "--endpoint-url", url, "--region", "us-east-1"]
        print(f"   $ zarrfs mount s3://bucket mnt --endpoint-url {url} {' '.join(more)}", flush=True)
        log = self.work / "zarrfs.log"
        command = [self.binary, *words, "--foreground", "--cache-dir", self.cache, *more]
        self.daemon = processes.start(command, log, self.env)

        def mounted():
            if self.daemon.poll() is not None:
                raise SystemExit(f"demo: zarrfs ended with {self.daemon.returncode}:\n{processes.tail(log)}")
            return str(self.point) in processes.mounts()

        processes.wait_until(mounted, 60, "the mount")

    def unmount(self):
        print("   $ zarrfs unmount mnt", flush=True)
        processes.run([self.binary, "unmount", self.point], env=self.env)
        self.daemon.wait(30)

    def end(self):
        if self.daemon:
            if self.daemon.poll() is None:
                self.daemon.send_signal(signal.SIGTERM)
            processes.stop(self.daemon)

    def show(self):
        for command in ("ls -l mnt/weather.zarr", "cat mnt/weather.zarr/.zattrs", "cat mnt/weather.zarr/air/.zarray | head -n 8"):
            print(f"   $ {command}", flush=True)
            shown = subprocess.run(command, shell=True, cwd=self.work, capture_output=True, text=True, check=False)
            print("     " + "\n     ".join(shown.stdout.strip().splitlines() or [shown.stderr.strip()]), flush=True)

    def measure(self, when):
        """The whole array with zarr-python; half of it as a mean with xarray. Each in a new process."""
        store = self.point / "weather.zarr"
        if when == "cold":
            say("read by zarr-python and by xarray, cold")
        self.rows.append((when, python(ZARR, store), python(XARRAY, store)))

    def table(self):
        local = self.work / "s3/bucket/weather.zarr"
        python(ZARR, local)
        self.rows.append(("local disk", python(ZARR, local), python(XARRAY, local)))
        print(f"\n   {'seconds':<14}{'zarr-python':>14}{'xarray':>14}")
        for when, *values in self.rows:
            print(f"   {when:<14}" + "".join(f"{value:>14.3f}" if value is not None else f"{'failed':>14}" for value in values))
        print()
        if any(value is None for _, *values in self.rows for value in values):
            raise SystemExit(1)


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    main()
