"""Zarr's documents for arrays of two dimensions and chunks of 2 x 2, each telling its version."""

import json

from .telling import content


def array(number, grid, sharded=False):
    """(name, body) of the array's own document."""
    shape = [2 * count for count in grid.counts]
    if grid.keys != "c":
        return ".zarray", json.dumps(_array_v2(number, grid, shape)).encode()
    codecs = [{"name": "bytes", "configuration": {"endian": "little"}}]
    if sharded:
        codecs = [
            {
                "name": "sharding_indexed",
                "configuration": {"chunk_shape": [1, 1], "codecs": codecs, "index_codecs": codecs, "index_location": "end"},
            }
        ]
    document = {
        "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": "int32", "fill_value": number, "codecs": codecs,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 2]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "attributes": {"telling": content("zarr.json", number, 200).decode()},
    }  # fmt: skip
    return "zarr.json", json.dumps(document).encode()


def _array_v2(number, grid, shape):
    return {
        "zarr_format": 2, "shape": shape, "chunks": [2, 2], "dtype": "<i4", "compressor": None, "fill_value": number, "order": "C",
        "filters": None, "dimension_separator": "." if grid.keys == "dot" else "/",
    }  # fmt: skip


def consolidated(number, arrays):
    """The body of the `.zmetadata` of a group with these arrays of version 2, {path: grid}."""
    metadata = {".zgroup": {"zarr_format": 2}}
    for path, grid in arrays.items():
        metadata[f"{path}/.zarray"] = _array_v2(number, grid, [2 * count for count in grid.counts])
    return json.dumps({"zarr_consolidated_format": 1, "metadata": metadata}).encode()
