"""A process that measures cells on request, and whose end or silence is an answer too."""

import json
import queue
import subprocess
import threading

from benchmarks.turns import ROOT


class Process:
    """A running measuring process.

    Args:
        command: Command that starts it; it reads a line of JSON per request and answers with one.
    """

    def __init__(self, command):
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.answers, self.errors = queue.Queue(), []
        self.threads = [
            threading.Thread(target=work, daemon=True) for work in (self._read_answers, self._read_errors)
        ]
        for thread in self.threads:
            thread.start()

    def ask(self, request, seconds):
        """Return the answer to a request, or ``failed`` with the reason."""
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            answer = self.answers.get(timeout=seconds)
        except BrokenPipeError:
            answer = None
        except queue.Empty:
            return {"failed": f"no answer after {seconds:.0f} s"}
        if answer is None:
            self.threads[1].join(timeout=10)  # its last words come after its last answer
        return answer or {"failed": (self.errors or ["the process ended"])[-1]}

    def stop(self):
        """End the process."""
        self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()

    def _read_answers(self):
        for line in self.process.stdout:
            if line.startswith("{"):  # libraries may print other lines
                self.answers.put(json.loads(line))
        self.answers.put(None)

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors = [*self.errors[-20:], line.strip()] if line.strip() else self.errors
