"""The end of a process: exit code, exit handlers, threads and output are as the interpreter would leave them."""

import subprocess
import sys

PROGRAM = """
import atexit, threading, time
from concurrent.futures import ThreadPoolExecutor
from tsforecast.leaving import leave

class Slow:
    def __del__(self):
        print("destroyed")

kept = Slow()
atexit.register(lambda: print("handler"))
threading.Thread(target=lambda: (time.sleep(0.2), print("thread\\n", end=""))).start()
ThreadPoolExecutor(1).submit(lambda: (time.sleep(0.2), print("pool\\n", end="")))
leave(3)
"""


def test_threads_and_exit_handlers_finish_and_no_object_is_destroyed():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert done.returncode == 3, done.stderr
    assert sorted(done.stdout.split()) == ["handler", "pool", "thread"]
    assert done.stdout.split()[-1] == "handler"


def test_output_that_nobody_reads_is_an_error():
    command = [sys.executable, "-c", "from tsforecast.leaving import leave; print('x'); leave(0)"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()  # before anything is written: output to a pipe is buffered
    assert process.wait(timeout=60) == 1
    process.stderr.close()
