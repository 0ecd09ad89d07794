"""A machine that runs the kernels, and its memory."""

from __future__ import annotations

import atexit
import ctypes
import os
import struct
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

WITHOUT = "ROWBATCH_WITHOUT_KERNELS"
"""Set in the environment, it makes everything be done without a machine."""
BEYOND = 16
"""So many bytes beyond a buffer may be read and written (`kernels.h`)."""
_PAGE_BYTES = 1 << 16
_MODULE = Path(__file__).parent / "kernels.wasm"
# Where not even the addresses for 4 GiB can be had, as under `ulimit -v`: a quarter slower.
_FEW_ADDRESSES = 1 << 28


class Machine:
    """
    One machine, for one thread at a time. While a kernel runs, other threads of Python run too.

    Room is taken, and never given back but with the whole machine.
    """

    def __init__(self, runtime: Any, instance: Any, store: Any) -> None:
        """Made by `new_machine`."""
        self._store = store
        exports = instance.exports(store)
        self._memory = exports["memory"]
        self._kernels: dict[str, Any] = {}
        self._exports, self._runtime = exports, runtime
        self._used = self.call("first_free")
        self.bytes = self._view()

    def room(self, size: int) -> int:
        """
        Take room.

        Args:
            size: In bytes; `BEYOND` more are taken.
        Returns:
            Its address. What was taken before stays where it is; `bytes` may be a larger view from now on.
        Raises:
            MemoryError: There is not so much.
        """
        at = -(-self._used // 64) * 64
        used = at + size + BEYOND
        missing = used - self._memory.data_len(self._store)
        if missing > 0:
            try:
                self._memory.grow(self._store, -(-missing // _PAGE_BYTES))
            except self._runtime.WasmtimeError as error:
                raise MemoryError(f"no room for {size:,} bytes") from error
            self.bytes = self._view()
        self._used = used
        return at

    def put(self, data: bytes) -> int:
        """Keep bytes; returns their address."""
        at = self.room(len(data))
        self.bytes[at : at + len(data)] = data
        return at

    def put_numbers(self, numbers: Sequence[int]) -> int:
        """Keep numbers of 32 bits without a sign; returns their address."""
        return self.put(struct.pack(f"<{len(numbers)}I", *numbers))

    def numbers(self, at: int, count: int) -> memoryview[int]:
        """Numbers of 32 bits without a sign, as they stand in the memory now."""
        return self.bytes[at : at + 4 * count].cast("I")

    def call(self, name: str, *arguments: int) -> int:
        """Run a kernel; what it returns, or 0."""
        kernel = self._kernels.get(name)
        if kernel is None:
            kernel = self._kernels[name] = self._exports[name]
            # It is asked for anew at each call, which costs more than the call (wasmtime 50.0.1).
            told = kernel.type(self._store)
            found = SimpleNamespace(params=told.params, results=told.results)
            kernel.type = lambda _: found
        result = kernel(self._store, *arguments)
        return 0 if result is None else int(result)

    def _view(self) -> memoryview:
        begin = ctypes.addressof(self._memory.data_ptr(self._store).contents)
        found = (ctypes.c_ubyte * self._memory.data_len(self._store)).from_address(begin)
        # Whoever holds a part of the memory holds the machine: it must not go before.
        found.machine = (self._store, self._memory)
        return memoryview(found).cast("B")


def may_run() -> bool:
    """Whether a machine can probably be had, without the cost of asking for one."""
    return not os.environ.get(WITHOUT) and find_spec("wasmtime") is not None


def new_machine() -> Machine | None:
    """
    A machine; or None where there can be none: `wasmtime` has nothing for this computer, there is too little
    memory, or `ROWBATCH_WITHOUT_KERNELS` is set.
    """
    if os.environ.get(WITHOUT):
        return None
    for addresses in (None, _FEW_ADDRESSES):
        try:
            runtime, engine, module = _compiled(addresses)
            store = runtime.Store(engine)
            return Machine(runtime, runtime.Instance(store, module, []), store)
        except (ImportError, OSError):
            return None
        except Exception as error:
            # Its class is the runtime's, which may not be there.
            if type(error).__module__.partition(".")[0] != "wasmtime":
                raise
    return None


@cache
def _compiled(addresses: int | None) -> tuple[Any, Any, Any]:
    """The runtime, and the module as this computer runs it. It costs 0.06 s, nearly all of it the import."""
    runtime = import_module("wasmtime")
    config = runtime.Config()
    # One thread compiles so little soonest.
    config.parallel_compilation = False
    # What went wrong is for us to say: no handler of signals is to be in the way of others'.
    config.signals_based_traps = False
    # Parts of the memory are looked at while there comes more of it.
    config.memory_may_move = False
    if addresses is not None:
        config.memory_reservation = addresses
        config.memory_guard_size = _PAGE_BYTES
    engine = runtime.Engine(config)
    # At the very end its own names are gone before what it holds (wasmtime 50.0.1).
    atexit.register(_compiled.cache_clear)
    return runtime, engine, runtime.Module.from_file(engine, str(_MODULE))
