"""placeholder"""
from contextlib import contextmanager
REAL = "ROWBATCH_REAL_STORE"
@contextmanager
def real_store():
    yield None
