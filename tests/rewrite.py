#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""rewrite.py PID FUNCTION WHAT: the next call of FUNCTION by this process does
something else: WHAT is null (reads address 0), illegal (no instruction),
overflow (pushes until the stack ends) or spin (never returns)."""
import os
import platform
import subprocess
import sys

CODES = {
    "x86_64": {
        "null": "31c0 8b00",  # xor %eax,%eax; mov (%rax),%eax
        "illegal": "0f0b",  # ud2
        "overflow": "50 ebfd",  # 1: push %rax; jmp 1b
        "spin": "ebfe",  # 1: jmp 1b
    },
    "aarch64": {
        "null": "000080d2 000040f9",  # mov x0, #0; ldr x0, [x0]
        "illegal": "00000000",  # udf #0
        "overflow": "e007bfa9 ffffff17",  # 1: stp x0, x1, [sp, #-16]!; b 1b
        "spin": "00000014",  # 1: b 1b
    },
}

pid, function, what = int(sys.argv[1]), sys.argv[2], sys.argv[3]
program = os.readlink(f"/proc/{pid}/exe")
names = subprocess.check_output(["nm", program], text=True).splitlines()
offset = next(int(n.split()[0], 16) for n in names if n.endswith(f" {function}"))
with open(f"/proc/{pid}/maps") as maps:
    base = next(int(m.split("-")[0], 16) for m in maps if m.rstrip().endswith(program))
with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
    memory.seek(base + offset)
    memory.write(bytes.fromhex(CODES[platform.machine()][what]))
