"""names.py: looks up half a million distinct names, half of which exist, and prints the daemon's peak memory. It is to stay under 128 MiB."""

import argparse
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

from world import ROOT, folder, processes, raise_on_sigterm

from harness.mount import Mount
from harness.nginx import Nginx

#: What is even exists. Nothing is read from a disk for it.
ANSWERS = 'location ~ "^/name[0-9]*[02468]$" { return 200 "x"; } location ~ "^/name[0-9]*[13579]$" { return 404; }'


def peak(process):
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) / 1024


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--zarrfs", default=str(ROOT / ".build/release/zarrfs"))
    arguments.add_argument("--names", type=int, default=500_000)
    arguments.add_argument("--threads", type=int, default=16)
    options = arguments.parse_args()
    raise_on_sigterm()
    with folder("zarrfs-names.") as work:
        (work / "site").mkdir()
        with Nginx(work / "site", work / "nginx", extra=ANSWERS) as server:
            import harness.mount

            harness.mount.ZARRFS = os.path.abspath(options.zarrfs)
            with Mount(server.url, work / "mnt", work / "cache", work, ttl="1h") as mount:
                begun, step = time.monotonic(), max(1, options.names // 10)
                print(f"{0:>9,} names {peak(mount.process):8.1f} MiB", flush=True)

                def look(index):
                    return os.path.exists(f"{mount.point}/name{index}") == (index % 2 == 0)

                with ThreadPoolExecutor(options.threads) as pool:
                    for first in range(0, options.names, step):
                        numbers = range(first, min(first + step, options.names))
                        if not all(pool.map(look, numbers, chunksize=100)):
                            raise SystemExit("names: a wrong answer")
                        rate = numbers.stop / (time.monotonic() - begun)
                        print(f"{numbers.stop:>9,} names {peak(mount.process):8.1f} MiB {rate:9.0f} a second", flush=True)


if __name__ == "__main__":
    main()
