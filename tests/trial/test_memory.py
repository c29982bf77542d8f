"""The allocator, in a process of its own: the tests' own may have been told already."""

import ctypes
import json
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, json, resource
from autopeft.trial.memory import keep_freed_memory, resident_mb, return_freed_memory

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
SIZE = 12 * 2**20

def step():
    blocks = [libc.malloc(SIZE) for _ in range(4)]
    for block in blocks:
        libc.memset(block, 1, SIZE)
    for block in reversed(blocks):
        libc.free(block)

def faults_of_ten_steps():
    step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

found = {"as_usual": faults_of_ten_steps()}
keep_freed_memory()
found["kept"] = faults_of_ten_steps()
found["held_mb"] = resident_mb()
return_freed_memory()
found["returned_mb"] = resident_mb()
print(json.dumps(found))
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library than glibc"
)
def test_what_a_step_frees_stays_until_the_trial_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["as_usual"] > 1000
    assert found["kept"] < found["as_usual"] / 10
    assert found["returned_mb"] < found["held_mb"] - 40
