"""Stores to test with: a folder, a small S3 in this process, and a real one where it is asked for."""

import os

import pytest

from azurite import AZURITE, azurite
from fake_objects import fake_store
from real_objects import REAL, real_store
from rowbatch.objects import bucket, stores


@pytest.fixture(scope="session")
def real():
    """Ceph's gateway, which `make objects` asks for."""
    if not os.environ.get(REAL):
        pytest.skip("a real store is started by `make objects`")
    with real_store() as found:
        yield found


@pytest.fixture(scope="session")
def azure():
    """Azurite, which `make azurite` asks for."""
    if not os.environ.get(AZURITE):
        pytest.skip("Azurite is started by `make azurite`")
    with azurite() as found:
        yield found


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    """No settings of who runs the tests, no store of another test, and no waiting."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(stores, "_OPEN", {})
    monkeypatch.setattr(bucket, "_PAUSE_S", 0.01)


@pytest.fixture
def fake(monkeypatch):
    """A small S3 whose faults can be set, and the environment that leads to it."""
    with fake_store() as found:
        for name, value in found.environment().items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture(params=["folder", "fake", "real", "azure"])
def store(request, tmp_path, monkeypatch):
    """An empty store of each kind."""
    if request.param == "folder":
        return stores.open_store(tmp_path / "store")
    if request.param == "fake":
        request.getfixturevalue("fake")
        return stores.open_store("s3://bucket/a prefix/ü")
    found = request.getfixturevalue(request.param)
    for name, value in found.environment().items():
        monkeypatch.setenv(name, value)
    if request.param == "azure":
        return stores.open_store(f"az://{found.container}/{found.new_prefix()}")
    return stores.open_store(f"s3://{found.bucket}/{found.new_prefix()}")
