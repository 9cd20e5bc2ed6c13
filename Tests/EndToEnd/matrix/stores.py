"""stores.py FOLDER: the small stores of the matrix, `FOLDER/original` and `FOLDER/changed`, which differ in the chunk that is struck.

Nothing is compressed: no codec would notice a wrong byte, so whatever is noticed was noticed by zarrfs.
"""

import sys

import numpy as np
import xarray as xr
import zarr

SHAPE, CHUNKS = (2, 8, 32), (1, 4, 16)


def weather(seed):
    air = np.random.default_rng(1).standard_normal(SHAPE).astype("f4")
    if seed:
        # All of the chunk that is struck, and nothing else: 1.0.1.
        air[1:2, 0:4, 16:32] = np.random.default_rng(seed).standard_normal((1, 4, 16))
    coordinates = {
        "time": np.arange(SHAPE[0], dtype="f8") + 1,
        "lat": np.linspace(10, 17, SHAPE[1]),
        "lon": np.linspace(100, 131, SHAPE[2]),
    }
    return xr.Dataset({"air": (("time", "lat", "lon"), air, {"units": "K"})}, coords=coordinates)


def main(folder):
    for name, seed in (("original", 0), ("changed", 2)):
        data, base = weather(seed), f"{folder}/{name}"
        plain = {variable: {"compressors": None} for variable in data.variables}
        plain["air"]["chunks"] = CHUNKS
        data.to_zarr(f"{base}/v2.zarr", zarr_format=2, consolidated=True, encoding=plain)
        data.to_zarr(f"{base}/v3.zarr", zarr_format=3, consolidated=True, encoding=plain)
        shards = zarr.create_array(
            f"{base}/shards.zarr", shape=(16, 32), shards=(8, 16), chunks=(4, 8), dtype="f4", zarr_format=3,
            compressors=None, fill_value=-9.0,
        )  # fmt: skip
        values = np.random.default_rng(3).standard_normal((16, 32)).astype("f4")
        if seed:
            values[8:, 16:] = np.random.default_rng(seed).standard_normal((8, 16))
        shards[...] = values


if __name__ == "__main__":
    main(sys.argv[1])
