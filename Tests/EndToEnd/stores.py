"""stores.py BUCKET [EXAMPLES]: the Zarr stores that the tests read, made once per session. Needs zarr 3 and xarray.

Small, but each with what makes its kind: several chunks in every dimension, an edge chunk that is cut, coordinates.
"""

import os
import shutil
import sys

import numpy as np
import xarray as xr
import zarr

SHAPE, CHUNKS = (20, 45, 50), (6, 20, 20)


def weather():
    random = np.random.default_rng(7)
    smooth = np.cumsum(random.standard_normal(SHAPE[-1]))
    air = np.round(np.broadcast_to(smooth, SHAPE) + random.standard_normal(SHAPE) * 0.05, 2).astype("f4")
    coordinates = {
        "time": np.arange(SHAPE[0]),
        "lat": np.linspace(-90, 90, SHAPE[1]).astype("f4"),
        "lon": np.arange(SHAPE[2], dtype="f4"),
    }
    data = xr.Dataset({"air": (("time", "lat", "lon"), air, {"units": "K"})}, coords=coordinates)
    data.attrs["title"] = "a small atmosphere"
    return data


def main(bucket, examples=None):
    os.makedirs(bucket, exist_ok=True)
    data = weather()
    chunks = {"air": {"chunks": CHUNKS}}
    data.to_zarr(f"{bucket}/v2_dot.zarr", zarr_format=2, consolidated=True, encoding=chunks)
    data.to_zarr(f"{bucket}/v2_plain.zarr", zarr_format=2, consolidated=False, encoding=chunks)
    data.to_zarr(f"{bucket}/v3.zarr", zarr_format=3, consolidated=True, encoding=chunks)
    data.to_zarr(f"{bucket}/v3_plain.zarr", zarr_format=3, consolidated=False, encoding=chunks)
    # Many directories: the separator is a slash.
    group = zarr.create_group(f"{bucket}/v2_slash.zarr", zarr_format=2, attributes=data.attrs)
    for name, variable in data.variables.items():
        array = group.create_array(
            name, shape=variable.shape, dtype=variable.dtype, chunks=CHUNKS if name == "air" else variable.shape,
            chunk_key_encoding={"name": "v2", "separator": "/"},
            attributes={"_ARRAY_DIMENSIONS": list(variable.dims), **variable.attrs},
        )
        array[...] = variable.values
    zarr.consolidate_metadata(f"{bucket}/v2_slash.zarr", zarr_format=2)

    air = data.air.values
    shard = zarr.create_array(
        f"{bucket}/v3_shard.zarr", shape=(32, 128, 128), shards=(16, 64, 128), chunks=(4, 32, 32), dtype="f4", zarr_format=3
    )
    shard[...] = np.random.default_rng(8).standard_normal((32, 128, 128)).astype("f4")
    # Inner chunks large enough that the cache's blocks around them weigh little: 295 KB, 16 in each of 3 shards.
    values = np.random.default_rng(10).standard_normal((24, 384, 384), dtype="f4")
    for name, location in (("v3_inner.zarr", "end"), ("v3_inner_start.zarr", "start")):
        inner = zarr.create_array(
            f"{bucket}/{name}", shape=(24, 384, 384), shards={"shape": (8, 384, 384), "index_location": location},
            chunks=(8, 96, 96), dtype="f4", zarr_format=3,
        )
        inner[...] = values
    raw = zarr.create_array(
        f"{bucket}/v2_raw.zarr", shape=air.shape, chunks=CHUNKS, dtype="f4", zarr_format=2, compressors=None, fill_value=-9.0
    )
    raw[...] = air
    for name, version in (("v2_sparse.zarr", 2), ("v3_sparse.zarr", 3)):
        sparse = zarr.create_array(
            f"{bucket}/{name}", shape=(100, 100), chunks=(10, 10), dtype="f4", zarr_format=version, fill_value=-1.0,
            config={"write_empty_chunks": False},
        )
        for step in range(0, 100, 25):
            sparse[step : step + 5, step : step + 5] = step + 1.0
    for name, version in (("v2_scalar.zarr", 2), ("v3_scalar.zarr", 3)):
        scalar = zarr.create_array(f"{bucket}/{name}", shape=(), dtype="f8", zarr_format=version)
        scalar[...] = 2.5
    # Chunks of one element, of more than the array, of primes: the last of each axis is cut, or all of it is one.
    odd = np.arange(17 * 31 * 5, dtype="i2").reshape(17, 31, 5)
    for name, version in (("v2_odd.zarr", 2), ("v3_odd.zarr", 3)):
        array = zarr.create_array(f"{bucket}/{name}", shape=odd.shape, chunks=(7, 64, 1), dtype="i2", zarr_format=version)
        array[...] = odd
    # As OME-Zarr has it: one image in several resolutions, the arrays named by numbers as chunks are.
    for name, version in (("ome_v2.zarr", 2), ("ome_v3.zarr", 3)):
        levels = [{"path": str(level)} for level in range(3)]
        image = zarr.create_group(f"{bucket}/{name}", zarr_format=version, attributes={"multiscales": [{"datasets": levels}]})
        for level in range(3):
            shape = (2, 3, 96 >> level, 128 >> level)
            array = image.create_array(
                str(level), shape=shape, chunks=(1, 1, 32, 32), dtype="u2",
                chunk_key_encoding={"name": "v2" if version == 2 else "default", "separator": "/"},
            )
            array[...] = np.random.default_rng(20 + level).integers(0, 9999, shape).astype("u2")

    os.makedirs(f"{bucket}/raw")
    with open(f"{bucket}/raw/big.bin", "wb") as big:
        big.write(np.random.default_rng(9).bytes(24 << 20))
    with open(f"{bucket}/raw/empty", "wb"):
        pass
    os.makedirs(f"{bucket}/odd names")
    for name in ("a b", "a+b", "a=b", "a@b", "a:b", "a,b", "a~b", "a%b", "a%20b", "é", "日本", "a&b?c#d", "x" * 200):
        with open(f"{bucket}/odd names/{name}", "wb") as odd:
            odd.write(name.encode())
    if examples and os.path.isdir(examples):
        shutil.copytree(examples, f"{bucket}/examples.zarr", copy_function=shutil.copyfile)
        os.chmod(f"{bucket}/examples.zarr", 0o755)
        for here, folders, _ in os.walk(f"{bucket}/examples.zarr"):
            for folder in folders:
                os.chmod(os.path.join(here, folder), 0o755)


if __name__ == "__main__":
    main(*sys.argv[1:])
