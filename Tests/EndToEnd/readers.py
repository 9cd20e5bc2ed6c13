"""readers.py READER STORE...: reads Zarr stores whole with one reader and prints what it saw as JSON.

{store: {array: [shape, dtype, sha256 of the values, attributes]}}. Runs in either environment, on a mount or on the
source; the two have to print the same. An exception ends it with 1, as it would end a user's program.
"""

import hashlib
import json
import os
import sys


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


def read_zarr(store):
    import zarr

    node = zarr.open(store, mode="r")
    if not hasattr(node, "groups"):
        return {"": seen(node[...], node.attrs)}
    return {name: seen(array[...], array.attrs) for name, array in arrays(node)}


def read_xarray(store, **options):
    import xarray as xr

    consolidated = False if "plain" in os.path.basename(store) else None
    with xr.open_zarr(store, consolidated=consolidated, **options) as data:
        result = {name: seen(variable.values, variable.attrs) for name, variable in data.variables.items()}
        result["attributes"] = {k: str(v) for k, v in data.attrs.items()}
    return result


def read_tensorstore(store):
    import tensorstore as ts

    result = {}
    for here, folders, files in os.walk(store):
        folders.sort()
        for document, driver in ((".zarray", "zarr"), ("zarr.json", "zarr3")):
            if document not in files:
                continue
            if driver == "zarr3":
                with open(os.path.join(here, document)) as text:
                    if json.load(text)["node_type"] != "array":
                        continue
            spec = {"driver": driver, "kvstore": {"driver": "file", "path": here + "/"}}
            array = ts.open(spec, read=True).result()
            result[os.path.relpath(here, store)] = seen(array.read().result())
    return result


def read_netcdf(store):
    import netCDF4

    with netCDF4.Dataset(f"file://{store}#mode=zarr,file", "r") as data:
        data.set_auto_maskandscale(False)
        return {name: seen(variable[...]) for name, variable in data.variables.items()}


def read_rasterio(store):
    import rasterio

    with rasterio.open(f'ZARR:"{store}":/air') as data:
        return {"air": seen(data.read())}


READERS = {
    "zarr": read_zarr,
    "xarray": lambda store: read_xarray(store, chunks=None),
    "dask": lambda store: read_xarray(store, chunks={}),
    "tensorstore": read_tensorstore,
    "netcdf": read_netcdf,
    "rasterio": read_rasterio,
}


if __name__ == "__main__":
    reader = READERS[sys.argv[1]]
    json.dump({os.path.basename(store): reader(store) for store in sys.argv[2:]}, sys.stdout)
