"""readers.py READER STORE...: reads Zarr stores whole with one reader and prints what it saw as JSON.

{store: {array: [shape, dtype, sha256 of the values, attributes]}}. Runs in either environment, on a mount or on the
source; the two have to print the same. An exception ends it with 1, as it would end a user's program.

With `-` for the stores it hears `open STORE` and `read STORE` on standard input, and prints {"seen": ...} or
{"error": ...} for each.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile


def seen(values, attributes=None):
    import numpy as np

    values = np.ascontiguousarray(values)
    attributes = {str(k): str(v) for k, v in sorted(dict(attributes or {}).items())}
    return [list(values.shape), str(values.dtype), hashlib.sha256(values.tobytes()).hexdigest(), attributes]


def arrays(group, prefix=""):
    """Every array below a zarr group, of zarr-python 2 or 3."""
    for name, array in sorted(group.arrays()):
        yield prefix + name, array
    for name, inner in sorted(group.groups()):
        yield from arrays(inner, f"{prefix}{name}/")


def open_zarr(store):
    import zarr

    node = zarr.open(store, mode="r")
    found = list(arrays(node)) if hasattr(node, "groups") else [("", node)]
    return lambda: {name: seen(array[...], array.attrs) for name, array in found}


def open_zarrs(store):
    """zarr-python 3 with the codecs and the file reading of Rust's zarrs."""
    import zarr

    zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})
    return open_zarr(store)


def open_parts(store):
    """All but the edges: of shards the index and ranges, not the whole."""
    import zarr

    array = zarr.open_array(store, mode="r")
    return lambda: {"": seen(array[1:-1, 1:-1], array.attrs)}


def open_fsstore(store, **options):
    """zarr-python 2 as it reads `file://` addresses."""
    import zarr

    group = zarr.open_consolidated(zarr.storage.FSStore(f"file://{store}", mode="r", **options), mode="r")
    found = list(arrays(group))
    return lambda: {name: seen(array[...], array.attrs) for name, array in found}


def open_xarray(store, **options):
    import xarray as xr

    consolidated = False if "plain" in os.path.basename(store) else None
    data = xr.open_zarr(store, consolidated=consolidated, **options)

    def read():
        with data:
            result = {name: seen(variable.values, variable.attrs) for name, variable in data.variables.items()}
            result["attributes"] = {k: str(v) for k, v in data.attrs.items()}
        return result

    return read


def open_tensorstore(store):
    import tensorstore as ts

    found = {}
    for here, folders, files in os.walk(store, onerror=fail):
        folders.sort()
        for document, driver in ((".zarray", "zarr"), ("zarr.json", "zarr3")):
            if document not in files:
                continue
            if driver == "zarr3":
                with open(os.path.join(here, document)) as text:
                    if json.load(text)["node_type"] != "array":
                        continue
            spec = {"driver": driver, "kvstore": {"driver": "file", "path": here + "/"}}
            found[os.path.relpath(here, store)] = ts.open(spec, read=True).result()
    return lambda: {name: seen(array.read().result()) for name, array in found.items()}


def fail(error):
    raise error


def open_netcdf(store):
    import netCDF4

    data = netCDF4.Dataset(f"file://{store}#mode=zarr,file", "r")

    def read():
        with data:
            data.set_auto_maskandscale(False)
            return {name: seen(variable[...]) for name, variable in data.variables.items()}

    return read


def open_rasterio(store):
    import rasterio

    data = rasterio.open(f'ZARR:"{store}":/air')

    def read():
        with data:
            return {"air": seen(data.read()), "transform": list(data.transform)}

    return read


def open_cat(path):
    return lambda: hashlib.sha256(tool("cat", path)).hexdigest()


def open_cp(store):
    def read():
        with tempfile.TemporaryDirectory() as folder:
            tool("cp", "-r", store, f"{folder}/copy")
            result = {}
            for here, _, files in os.walk(f"{folder}/copy"):
                for name in files:
                    path = os.path.join(here, name)
                    with open(path, "rb") as body:
                        result[os.path.relpath(path, folder)] = hashlib.sha256(body.read()).hexdigest()
            return dict(sorted(result.items()))

    return read


def tool(*words):
    """What it wrote; an error where it complained."""
    done = subprocess.run(words, capture_output=True, check=False)
    if done.returncode != 0:
        raise OSError(done.stderr.decode(errors="replace"))
    return done.stdout


#: Each opens a store, and gives what reads all of it then.
READERS = {
    "zarr": open_zarr,
    "zarrs": open_zarrs,
    "xarray": lambda store: open_xarray(store, chunks=None),
    "dask": lambda store: open_xarray(store, chunks={}),
    "tensorstore": open_tensorstore,
    "netcdf": open_netcdf,
    "rasterio": open_rasterio,
    "parts": open_parts,
    "fsstore": open_fsstore,
    # As docs/troubleshooting.md tells: only what is missing is missing.
    "fsstore-told": lambda store: open_fsstore(store, exceptions=(KeyError,)),
    "cat": open_cat,
    "cp": open_cp,
}


def serve(open_store):
    """A line is a store to read, or to open now and to read when it is named again."""
    opened = {}
    for line in sys.stdin:
        word, _, store = line.rstrip("\n").partition(" ")
        try:
            if word == "open":
                opened[store] = open_store(store)
                answer = {"seen": None}
            else:
                answer = {"seen": (opened.pop(store, None) or open_store(store))()}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error} {error.__cause__ or ''}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    reader = READERS[sys.argv[1]]
    if sys.argv[2:] == ["-"]:
        sys.exit(serve(reader))
    json.dump({os.path.basename(store): reader(store)() for store in sys.argv[2:]}, sys.stdout)
