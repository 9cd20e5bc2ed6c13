"""Starting, awaiting and ending the processes that tests own. Everything is told by pid, nothing by name."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

#: What children get: no proxy, no credentials and no configuration of whoever runs the tests.
_DROPPED = ("AWS_", "RCLONE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "all_proxy", "http_proxy", "https_proxy", "no_proxy")

ACCESS_KEY, SECRET_KEY = "zarrfstest", "zarrfssecret"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}


def environment(home, **more):
    """The environment of a child: today's without anything that could reach a real cloud."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(_DROPPED)}
    clean.update(HOME=str(home), XDG_CACHE_HOME=f"{home}/.cache", AWS_EC2_METADATA_DISABLED="true")
    clean.update(PYTHONWARNINGS="ignore", PYTHONDONTWRITEBYTECODE="1")
    clean.update(more)
    return {k: v for k, v in clean.items() if v is not None}


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(command, log, env):
    """A process that ends with us, whatever ends us: its parent's death is a SIGTERM to it."""
    command = [str(word) for word in command]
    if shutil.which("setpriv"):
        command = ["setpriv", "--pdeathsig", "TERM", *command]
    with open(log, "wb") as out:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env, start_new_session=True
        )


def stop(process, within=20):
    """SIGTERM, then SIGKILL at the deadline; the exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def wait_until(condition, within=30, what="the condition", step=0.02):
    """Polls until `condition()` is true and returns it; an AssertionError at the deadline."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within} s")
        time.sleep(step)


def answers(port):
    with contextlib.closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for_port(port, process, log, within=30):
    def ready():
        if process.poll() is not None:
            raise AssertionError(f"{process.args} ended with {process.returncode}:\n{tail(log)}")
        return answers(port)

    wait_until(ready, within, f"port {port} of {process.args}")


def tail(log, lines=40):
    try:
        with open(log, errors="replace") as text:
            return "".join(text.readlines()[-lines:])
    except OSError:
        return ""


def mounts():
    """The mount points of this namespace, with their file system type."""
    found = {}
    with open("/proc/self/mountinfo") as table:
        for line in table:
            words = line.split()
            point = words[4].encode().decode("unicode_escape")
            found[point] = words[words.index("-") + 1]
    return found


def run(command, env=None, within=60, cwd=None, input=None, check=True):
    """A command with a deadline; its output as bytes. Failing is an AssertionError that shows standard error."""
    result = subprocess.run(
        [str(word) for word in command], env=env, timeout=within, cwd=cwd, input=input, capture_output=True, check=False
    )
    if check and result.returncode != 0:
        raise AssertionError(f"{command} ended with {result.returncode}:\n{result.stderr.decode(errors='replace')[-4000:]}")
    return result
