"""stop_thread.py PID PORT: stops the one thread of a process that waits for a server on PORT.

Prints `stopped NAME`, or `refused WHY` where nobody may do that. The thread stands still until this process ends: then
the kernel lets it go on. It ends with its standard input.
"""

import ctypes
import os
import sys
import time

PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000
SEARCH_SEC = 60
WAITS_SEC = 0.3

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def text(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def sockets_to(pid, port):
    """The process's descriptors that are connected to this port, as `socket:[INODE]`."""
    rows = (line.split() for line in text(f"/proc/{pid}/net/tcp").splitlines()[1:])
    return {f"socket:[{row[9]}]" for row in rows if int(row[2].split(":")[1], 16) == port}


def waits_for(pid, tid, sockets):
    """Whether the thread is in a system call whose first argument is one of these sockets."""
    words = text(f"/proc/{pid}/task/{tid}/syscall").split()
    if len(words) < 2 or words[0] == "-1":
        return False
    try:
        return os.readlink(f"/proc/{pid}/fd/{int(words[1], 16)}") in sockets
    except (FileNotFoundError, OverflowError):
        return False


def find(pid, port):
    end = time.monotonic() + SEARCH_SEC
    while time.monotonic() < end:
        sockets = sockets_to(pid, port)
        for tid in os.listdir(f"/proc/{pid}/task"):
            # One that waits still is not just between a question and its answer.
            if waits_for(pid, tid, sockets) and not time.sleep(WAITS_SEC) and waits_for(pid, tid, sockets):
                return int(tid)
        time.sleep(0.01)
    sys.exit(f"no thread of {pid} waits for port {port}")


def ask(request, tid):
    if libc.ptrace(request, tid, None, None) == -1:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def main():
    pid, port = int(sys.argv[1]), int(sys.argv[2])
    try:
        tid = find(pid, port)
        ask(PTRACE_SEIZE, tid)
    except PermissionError as error:
        print(f"refused {error}", flush=True)
        return
    ask(PTRACE_INTERRUPT, tid)
    os.waitpid(tid, WALL)
    print("stopped " + text(f"/proc/{pid}/task/{tid}/comm").strip(), flush=True)
    sys.stdin.read()


main()
