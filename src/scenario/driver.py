"""Calls one function again and again under the tracker and reports what each iteration left.

Run by leakgate as `python -c BOOTSTRAP driver.py spec.json`; see driver.rs for both files. Works on CPython 3.8 and
later. Imports nothing that an interpreter has not loaded at its start: what the program under test imports must be
counted as its own. Keeps its own references to everything that tests like to replace (time, os, gc).
"""

import gc
import os
import sys
import time

_exit, _getpid, _listdir, _replace = os._exit, os.getpid, os.listdir, os.replace
_open, _write, _close = os.open, os.write, os.close
_collect, _monotonic, _sleep = gc.collect, time.monotonic, time.sleep
_clear_caches = getattr(sys, "_clear_internal_caches", None) or getattr(sys, "_clear_type_cache", None)

START, ITERATION, RETAINED, LEFT = 0, 1, 2, 3
MOST_COLLECTIONS = 3
THREADS_SETTLE_SECONDS = 0.2
THREADS_STABLE_SECONDS = 0.02
LONGEST_MESSAGE = 2000
LONGEST_TRACEBACK = 20000


async def _coroutine():
    pass


_probe = _coroutine()
_Coroutine = type(_probe)
_probe.close()


class Failed(Exception):
    """The program under test raised; carries the phase, the iteration and the exception."""

    def __init__(self, phase, iteration, error):
        super().__init__(phase)
        self.phase, self.iteration, self.error = phase, iteration, error


class Driver:
    """One scenario."""

    def __init__(self, tracker, spec):
        self.call = tracker.call
        self.checkpoint = tracker.checkpoint
        self.spec = spec
        self.pid = _getpid()
        self.spare = _open("/dev/null", os.O_RDONLY)
        self.total = spec["warmup"] + spec["iterations"]
        self.rows = [None] * self.total
        self.ends = {}
        self.phase = "import"
        self.iteration = 0
        self.threads = count_threads()

    def run(self):
        """Does all the work; raises Failed."""
        try:
            self.work()
        except BaseException as error:
            self.leave_if_forked()
            raise Failed(self.phase, self.iteration, error)

    def work(self):
        spec = self.spec
        function = self.resolve(spec["target"])
        setup = self.resolve(spec["setup"])
        teardown = self.resolve(spec["teardown"])
        arguments = compile(spec["arguments"], "<arguments>", "eval")
        if setup is not None:
            self.phase = "setup"
            self.invoke(setup, (), {})
        self.phase = "call"
        self.settle()
        self.ends["start"] = self.freeze(START, 0)
        for index in range(self.total):
            self.iteration = index + 1
            self.iterate(function, arguments)
        self.iteration = 0
        if not spec["keep"]:
            self.ends["retained"] = self.freeze(RETAINED, self.total)
        self.settle()
        self.ends["left"] = self.freeze(LEFT, self.total)
        if teardown is not None:
            self.phase = "teardown"
            self.invoke(teardown, (), {})

    def iterate(self, function, arguments):
        """One iteration. A result that is to be kept is held while `retained` is frozen, and is gone before the
        iteration is: else the last iteration would differ from the others by it."""
        # Fresh arguments, counted: what the function keeps of them is kept by every call.
        args, kwargs = as_arguments(self.call(eval, (arguments, dict(JSON_NAMES)), {}))
        result = self.invoke(function, args, kwargs)
        args = kwargs = None
        collected = 0
        if self.spec["keep"] and self.iteration == self.total:
            collected = self.settle()
            self.ends["retained"] = self.freeze(RETAINED, self.total)
        result = None
        collected += self.settle()
        self.rows[self.iteration - 1] = self.freeze(ITERATION, self.iteration) + [collected]

    def resolve(self, target):
        """The function that `[module, dotted name]` means."""
        if target is None:
            return None
        module, name = target
        self.call(__import__, (module,), {})
        found = sys.modules[module]
        for part in name.split("."):
            found = self.call(getattr, (found, part), {})
        return found

    def invoke(self, function, args, kwargs):
        """Calls it; a coroutine is run to its end."""
        # The driver's own freed lists, dictionaries and tuples are not counted. A collection empties CPython's free
        # lists: else they were handed to the function, and what it keeps of them would never be seen.
        _collect()
        result = self.call(function, args, kwargs)
        if type(result) is _Coroutine:
            self.call(__import__, ("asyncio",), {})
            result = self.call(sys.modules["asyncio"].run, (result,), {})
        self.leave_if_forked()
        return result

    def leave_if_forked(self):
        """A child that the function forked and that came back is not the scenario."""
        if _getpid() != self.pid:
            _exit(0)

    def settle(self):
        """Brings the program to rest between two iterations; returns how many objects only the collector freed."""
        self.await_threads()
        self.flush()
        collected = 0
        for _ in range(MOST_COLLECTIONS):
            freed = self.call(_collect, (), {})
            collected += freed
            if not freed:
                break
        if _clear_caches is not None:
            _clear_caches()
        return collected

    def await_threads(self):
        """A thread that was joined stays visible for a moment."""
        end = _monotonic() + THREADS_SETTLE_SECONDS
        count, since = count_threads(), _monotonic()
        while count is not None and count > self.threads and _monotonic() < end:
            if _monotonic() - since >= THREADS_STABLE_SECONDS:
                break
            _sleep(0.001)
            now = count_threads()
            if now != count:
                count, since = now, _monotonic()
        self.threads = count if count is not None else self.threads

    def flush(self):
        """Standard output and logging keep text until they are flushed."""
        streams = [sys.stdout, sys.stderr]
        logging = sys.modules.get("logging")
        try:
            streams += [reference() for reference in getattr(logging, "_handlerList", ())]
        except Exception:
            pass
        for stream in streams:
            try:
                self.call(stream.flush, (), {})
            except Exception:
                # None, closed, or replaced by something else: the program's own business.
                pass

    def freeze(self, kind, iteration):
        """A checkpoint's figures with those of the system."""
        live, blocks, peak = self.checkpoint(kind, iteration)
        return [live, blocks, peak, count_fds(), count_threads()]

    def report(self, failed):
        """Writes the result file, whole or not at all."""
        lines = ['"version": 1', '"pid": %d' % self.pid]
        lines += ['"%s": %s' % (name, json_text(row)) for name, row in sorted(self.ends.items())]
        lines.append('"iterations": %s' % json_text([row for row in self.rows if row is not None]))
        lines.append('"error": %s' % json_text(describe(failed) if failed else None))
        text = "{%s}\n" % ",\n".join(lines)
        path = self.spec["result"]
        file = self.open_new(path + ".part")
        data = text.encode("ascii")
        while data:
            data = data[_write(file, data):]
        _close(file)
        _replace(path + ".part", path)

    def open_new(self, path):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        try:
            return _open(path, flags, 0o600)
        except OSError:
            # The program under test has used up all descriptors: that is what the spare one is for.
            _close(self.spare)
            return _open(path, flags, 0o600)

    def leave(self):
        """Ends the process if a thread would keep it alive for ever."""
        try:
            self.flush()
            threading = sys.modules.get("threading")
            if threading is None:
                return
            current = threading.current_thread()
            if any(not thread.daemon for thread in threading.enumerate() if thread is not current):
                _exit(0)
        except Exception:
            _exit(0)


def as_arguments(value):
    """JSON arguments: an object gives keywords, an array positions, null none."""
    if value is None:
        return (), {}
    if isinstance(value, dict):
        return (), value
    return tuple(value), {}


def count_fds():
    """Open descriptors without the one that lists them; None where it cannot be seen."""
    try:
        return len(_listdir("/proc/self/fd")) - 1
    except OSError:
        return None


def count_threads():
    """Threads; None where it cannot be seen."""
    try:
        return len(_listdir("/proc/self/task"))
    except OSError:
        return None


def describe(failed):
    """What went wrong, as JSON values."""
    error = failed.error
    try:
        message = str(error)
    except BaseException:
        message = "(its message cannot be made)"
    return {
        "phase": failed.phase,
        "iteration": failed.iteration,
        "type": type(error).__name__,
        "message": message[:LONGEST_MESSAGE],
        "traceback": traceback_text(error)[-LONGEST_TRACEBACK:],
    }


def traceback_text(error):
    """The traceback from the first frame that is not the driver's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    try:
        import traceback

        return "".join(traceback.format_exception(type(error), error, trace))
    except BaseException:
        return ""


def json_text(value):
    """JSON of None, ints, strings, lists and dicts; without the json module, which would not be the driver's alone."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return '"%s"' % "".join(map(json_character, value))
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s: %s" % (json_text(key), json_text(value[key])) for key in value)
    if isinstance(value, list):
        return "[%s]" % ", ".join(map(json_text, value))
    return str(value)


def json_character(character):
    code = ord(character)
    if 32 <= code < 127 and character not in '"\\':
        return character
    if code >= 0x10000:
        code -= 0x10000
        return "\\u%04x\\u%04x" % (0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF))
    if 0xD800 <= code < 0xE000:
        # A lone surrogate is no text.
        return "\\ufffd"
    return "\\u%04x" % code


JSON_NAMES = {"__builtins__": {}, "true": True, "false": False, "null": None}


def main(tracker, spec_path):
    """Runs the scenario of the specification file."""
    if tracker is None:
        sys.stderr.write("leakgate: the tracker is not active in this interpreter\n")
        sys.exit(70)
    with open(spec_path, encoding="utf-8") as file:
        # JSON with three names is a Python expression; leakgate wrote it.
        spec = eval(file.read(), dict(JSON_NAMES))
    sys.argv = ["leakgate"]
    cwd = os.getcwd()
    if sys.path[:1] == [""]:
        sys.path[0] = cwd
    else:
        sys.path.insert(0, cwd)
    driver = Driver(tracker, spec)
    failed = None
    try:
        driver.run()
    except Failed as raised:
        failed = raised
    driver.report(failed)
    driver.leave()


main(TRACKER, SPEC)
