"""Real readers see through a mount what they see on the source: values, types and attributes, cold and from the cache."""

import pytest

from conftest import ZARR2

V2 = ["v2_dot.zarr", "v2_plain.zarr", "v2_slash.zarr"]
V3 = ["v3.zarr", "v3_plain.zarr"]
ARRAYS = ["v2_raw.zarr", "v2_sparse.zarr", "v2_scalar.zarr", "v2_odd.zarr"]
ARRAYS_V3 = ["v3_shard.zarr", "v3_inner.zarr", "v3_inner_start.zarr", "v3_sparse.zarr", "v3_scalar.zarr", "v3_odd.zarr"]
IMAGES = ["ome_v2.zarr", "ome_v3.zarr"]

#: (id, reader, python, stores). netCDF-C and GDAL of these wheels read version 2 only (../shared/readers.md 4).
READERS = [
    ("zarr3", "zarr", None, V2 + V3 + ARRAYS + ARRAYS_V3 + IMAGES + ["examples.zarr"]),
    ("zarr2", "zarr", ZARR2, V2 + ARRAYS + IMAGES[:1] + ["examples.zarr"]),
    ("zarrs", "zarrs", None, V3 + ARRAYS_V3 + IMAGES[1:]),
    ("xarray", "xarray", None, V2 + V3),
    ("xarray-dask", "dask", None, V2 + V3),
    ("xarray-zarr2", "xarray", ZARR2, V2),
    ("tensorstore", "tensorstore", None, V2 + V3 + ARRAYS + ARRAYS_V3 + IMAGES + ["examples.zarr"]),
    ("netcdf", "netcdf", None, V2),
    ("rasterio", "rasterio", None, V2),
]


def present(bucket, stores):
    return [store for store in stores if (bucket / store).is_dir()]


@pytest.mark.parametrize("name,reader,python,stores", READERS, ids=[row[0] for row in READERS])
def test_values_are_those_of_the_source(name, reader, python, stores, bucket, s3, make_mount, read_stores):
    stores = present(bucket, stores)
    source = read_stores(reader, [bucket / store for store in stores], python)
    with make_mount(s3) as mount:
        cold = read_stores(reader, [mount / store for store in stores], python)
        again = read_stores(reader, [mount / store for store in stores], python)
    for store in stores:
        assert cold[store] == source[store], f"{name} reads {store} differently through the mount"
        assert again[store] == source[store], f"{name} reads {store} differently the second time"


@pytest.mark.parametrize("store", ["v2_dot.zarr", "v3.zarr"])
@pytest.mark.parametrize("source", ["http", "https", "file"])
def test_other_sources_give_the_same_values(source, store, bucket, nginx, make_mount, read_stores):
    """Stores that need no listing, over servers that have none; a directory as a bucket."""
    options = {"https": {"ca_bundle": nginx.ca}}.get(source, {})
    base = {"http": nginx.url, "https": nginx.tls_url, "file": f"file://{bucket}"}[source]
    expected = read_stores("xarray", [bucket / store])
    with make_mount(source=f"{base}/{store}", **options) as mount:
        assert list(read_stores("xarray", [mount.point]).values()) == list(expected.values())


def test_smoke(bucket, s3, make_mount, read_stores):
    """The one scenario that the sanitizers run mounted: listing, reading by a real reader, reading again, statistics."""
    import os

    expected = read_stores("zarr", [bucket / "v2_dot.zarr", bucket / "v3_shard.zarr"])
    with make_mount(s3) as mount:
        assert sorted(os.listdir(mount.point)) == sorted(os.listdir(bucket))
        for _ in range(2):
            assert read_stores("zarr", [mount / "v2_dot.zarr", mount / "v3_shard.zarr"]) == expected
        assert (mount / "raw/big.bin").read_bytes() == (bucket / "raw/big.bin").read_bytes()
        assert not (mount / "nothing of that name").exists()
        assert mount.stats()
    with make_mount(s3) as mount:
        assert read_stores("zarr", [mount / "v2_dot.zarr", mount / "v3_shard.zarr"]) == expected
