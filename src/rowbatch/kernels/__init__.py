"""
What is done to each byte of a table, by machine code.

The sources are C, compiled to WebAssembly once (`make kernels`); `wasmtime` turns that into machine code on
whatever computer it runs. So nobody who installs rowbatch needs a compiler, and what reads the texts of
others can reach nothing but the memory that it was given. Where there is no machine, everything is done
without, more slowly, to the same bytes.
"""
