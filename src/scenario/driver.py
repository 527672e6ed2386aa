"""Calls one function again and again under the tracker and reports what each iteration left.

Run by leakgate as `python -c BOOTSTRAP driver.py spec.json`; see driver.rs for both files. Works on CPython 3.8 and
later. Imports nothing that an interpreter has not loaded at its start: what the program under test imports must be
counted as its own. Keeps its own references to everything that tests like to replace (time, os, gc).
"""

import gc
import os
import sys
import time

_exit, _getpid, _getppid, _listdir, _replace = os._exit, os.getpid, os.getppid, os.listdir, os.replace
_open, _read, _write, _close = os.open, os.read, os.write, os.close
_collect, _freeze, _unfreeze, _count_frozen = gc.collect, gc.freeze, gc.unfreeze, gc.get_freeze_count
_enable, _disable, _is_enabled = gc.enable, gc.disable, gc.isenabled
_monotonic, _sleep = time.monotonic, time.sleep
_clear_caches = getattr(sys, "_clear_internal_caches", None) or getattr(sys, "_clear_type_cache", None)

START, ITERATION, RETAINED, LEFT = 0, 1, 2, 3
MOST_COLLECTIONS = 3
# Iterations after which everything is collected, what was frozen before included.
THOROUGH = frozenset((1, 8, 64, 512, 4096, 32768, 262144))
# Containers are looked at from this iteration on, this often while the number of iterations doubles.
FIRST_LOOK, LOOKS_A_DOUBLING = 8, 4
# Iterations that explain a leak end after this time, but not before there were a few.
EXPLAIN_SECONDS, LEAST_EXPLAINED = 10, 8
ANSWER_SECONDS = 0.001
LONGEST_ANSWER = 100
THREADS_SETTLE_SECONDS = 0.2
THREADS_STABLE_SECONDS = 0.02
LONGEST_MESSAGE = 2000
LONGEST_NAME = 100
# The file that says that a forked child came back.
RETURNED_CHILD = "returned-child"
LONGEST_TRACEBACK = 20000


async def _coroutine():
    pass


_probe = _coroutine()
_Coroutine = type(_probe)
_probe.close()


def _generator():
    yield


async def _async_generator():
    yield


_Generator, _AsyncGenerator = type(_generator()), type(_async_generator())


# What test frameworks raise to say that a test is not for this machine.
SKIPS = (("unittest.case", "SkipTest"), ("_pytest.outcomes", "Skipped"))


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
        # A type that breaks where it is asked for its references is not to be asked in this process.
        self.containers = int if spec["forked"] else tracker.containers
        self.snapshot = tracker.forked_snapshot if spec["forked"] else tracker.snapshot
        self.died = 0
        self.spec = spec
        self.pid = _getpid()
        self.parent = _getppid()
        self.spare = _open("/dev/null", os.O_RDONLY)
        self.between = None
        # Classes of unittest whose tests are called.
        self.classes = []
        self.phase = "import"
        self.iteration = self.done = self.explained = 0
        self.around = None
        # Objects that iterations left to a collector that the program has turned off.
        self.uncollected = 0
        self.threads = count_threads()
        # CPython 3.12 sets its own immortal objects aside, again at every collection.
        self.always_frozen = self.frozen = _count_frozen()
        self.may_freeze = True

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
        setup = self.resolve_hook("setup")
        teardown = self.resolve_hook("teardown")
        self.between = self.resolve_hook("between")
        self.phase = "import"
        arguments = compile(spec["arguments"], "<arguments>", "eval")
        if setup is not None:
            self.phase = "setup"
            self.invoke(setup, (), {})
        self.phase = "setUpClass"
        for each in self.classes:
            self.call(each.setUpClass, (), {})
        self.phase = "call"
        self.freeze(START, 0, self.settle())
        self.repeat(function, arguments)
        total, self.iteration = self.iteration, 0
        self.thaw()
        collected = self.settle()
        if not spec["keep"]:
            self.freeze(RETAINED, total, collected)
            collected = 0
        self.freeze(LEFT, total, collected)
        if spec["explain"]:
            self.explain(function, arguments)
        self.phase = "tearDownClass"
        for each in reversed(self.classes):
            self.leave_class(each)
        if teardown is not None:
            self.phase = "teardown"
            self.invoke(teardown, (), {})

    def leave_class(self, each):
        """As unittest does after the last test of a class."""
        self.call(each.tearDownClass, (), {})
        self.call(each.doClassCleanups, (), {})
        for _, error, traceback in each.tearDown_exceptions:
            raise error.with_traceback(traceback)

    def repeat(self, function, arguments):
        """All iterations: as many as were said, or until leakgate has seen enough."""
        until, milliseconds = self.spec["first"]
        asked, began = 0, _monotonic()
        while True:
            while self.iteration < until and (_monotonic() - began) * 1000 < milliseconds:
                self.iteration += 1
                is_last = not self.spec["asks"] and self.iteration == until
                self.iterate(function, arguments, is_last)
            if not self.spec["asks"]:
                return
            asked += 1
            answer = self.ask(asked, int((_monotonic() - began) * 1000))
            if answer is None:
                break
            until, milliseconds = answer
        if self.spec["keep"]:
            self.iteration += 1
            self.iterate(function, arguments, True)

    def iterate(self, function, arguments, is_last):
        """One iteration. A result that is to be kept is held while `retained` is frozen, and is gone before the
        iteration is: else the last iteration would differ from the others by it."""
        result = self.invoke_with(function, arguments)
        self.rest()
        is_thorough = is_last or self.iteration in THOROUGH
        if is_thorough:
            self.thaw()
        if self.spec["keep"] and is_last:
            self.freeze(RETAINED, self.iteration, self.settle())
            if self.spec["explain"]:
                # Who holds it, while it is held.
                self.died = max(0, -(self.snapshot() or 0))
        result = None
        collected = self.settle()
        self.uncollected += 0 if _is_enabled() else collected
        self.freeze(ITERATION, self.iteration, collected)
        self.done = self.iteration
        if is_due_for_look(self.iteration):
            is_thorough = True
            # The lengths of all containers, those that are frozen too.
            self.containers()
        if is_thorough and not is_last:
            self.set_aside()

    def invoke_with(self, function, arguments):
        # Fresh arguments, counted: what the function keeps of them is kept by every call.
        args, kwargs = as_arguments(self.call(eval, (arguments, dict(JSON_NAMES)), {}))
        return self.invoke(function, args, kwargs)

    def rest(self):
        """What the program does between two iterations."""
        if self.between is not None:
            self.phase = "between"
            self.invoke(self.between, (), {})
            self.phase = "call"

    def explain(self, function, arguments):
        """More iterations, between pictures of the heap: what they leave is what leaks. All figures are taken already,
        and whatever goes wrong with these iterations is not the scenario's."""
        was_enabled = _is_enabled()
        try:
            before = Around()
            self.picture()
            began = _monotonic()
            while self.explained < self.spec["explain"]:
                if self.explained >= LEAST_EXPLAINED and _monotonic() - began > EXPLAIN_SECONDS:
                    break
                self.invoke_with(function, arguments)
                self.rest()
                self.settle()
                self.explained += 1
            self.picture()
            self.around = Around().since(before)
            # And what only the collector would free of one.
            _disable()
            self.invoke_with(function, arguments)
            self.picture()
        except BaseException:
            self.leave_if_forked()
        if was_enabled:
            _enable()

    def picture(self):
        """A snapshot. One that ended the copy of the process that was to take it is the last."""
        taken = self.snapshot()
        if taken is not None and taken < 0:
            self.died = -taken
            raise RuntimeError("no snapshot can be taken")

    def set_aside(self):
        """Freezes the heap: else every collection would go through all that the program holds."""
        if self.has_frozen_alone():
            _freeze()
            self.frozen = _count_frozen()

    def thaw(self):
        if self.has_frozen_alone():
            _unfreeze()
            self.frozen = self.always_frozen

    def has_frozen_alone(self):
        """What the program freezes itself stays as it is, and all else with it."""
        self.may_freeze = self.may_freeze and _count_frozen() <= self.frozen
        return self.may_freeze

    def resolve_hook(self, hook):
        """As `resolve`; a failure says which one it is about."""
        self.phase = hook + " import"
        return self.resolve(self.spec[hook])

    def resolve(self, target):
        """The function that `[module, dotted name]` means; of a test class, one that runs the test on a new object."""
        if target is None:
            return None
        module, name = target
        self.call(__import__, (module,), {})
        owner, found = None, sys.modules[module]
        for part in name.split("."):
            owner, found = found, self.call(getattr, (found, part), {})
        if isinstance(owner, type) and type(found) is type(main):
            inside = [vars(base)[part] for base in owner.__mro__ if part in vars(base)]
            if type(inside[0]) is type(main):
                return self.test(owner, part)
        return found

    def test(self, owner, name):
        """Runs the method on a new object each time, as the test runners do."""
        unittest = sys.modules.get("unittest")
        if unittest is not None and issubclass(owner, unittest.TestCase):
            if owner not in self.classes:
                self.classes.append(owner)
            return lambda: owner(name).debug()

        def test(*args, **kwargs):
            instance = owner()
            before = getattr(instance, "setup_method", None)
            after = getattr(instance, "teardown_method", None)
            if before is not None:
                before(*method_argument(before, instance, name))
            try:
                return getattr(instance, name)(*args, **kwargs)
            finally:
                if after is not None:
                    after(*method_argument(after, instance, name))

        return test

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
        self.refuse_generator(result)
        return result

    def refuse_generator(self, result):
        """A generator function only makes its generator: nothing of its body would be measured."""
        if type(result) is _Generator:
            what, code = "generator", result.gi_code
        elif type(result) is _AsyncGenerator:
            what, code = "async generator", result.ag_code
        else:
            return
        target = self.spec["target" if self.phase == "call" else self.phase]
        # Not one that the function went through in part and gives back.
        if code.co_name == target[1].split(".")[-1]:
            self.phase += " generator"
            raise TypeError(what)

    def leave_if_forked(self):
        """A child that the function forked and that came back is not the scenario."""
        if _getpid() == self.pid:
            return
        try:
            _close(self.open_file(os.path.join(self.spec["folder"], RETURNED_CHILD), os.O_WRONLY | os.O_CREAT))
        finally:
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
        while count > self.threads and _monotonic() < end:
            if _monotonic() - since >= THREADS_STABLE_SECONDS:
                break
            _sleep(0.001)
            now = count_threads()
            if now != count:
                count, since = now, _monotonic()
        if count >= 0:
            self.threads = count

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

    def freeze(self, kind, iteration, collected):
        """A checkpoint, with figures of the system."""
        self.checkpoint(kind, iteration, count_fds(), count_threads(), collected)

    def ask(self, number, milliseconds):
        """Asks leakgate whether to go on: `(iterations, milliseconds)` since the beginning, None for no."""
        self.write_whole("question-%d" % number, "%d %d\n" % (self.iteration, milliseconds))
        path = os.path.join(self.spec["folder"], "answer-%d" % number)
        while True:
            try:
                file = self.open_file(path, os.O_RDONLY | os.O_CLOEXEC)
                break
            except FileNotFoundError:
                _sleep(ANSWER_SECONDS)
            if _getppid() != self.parent:
                # Nobody is left to answer.
                return None
        words = _read(file, LONGEST_ANSWER).split()
        self.close_file(file)
        return (int(words[1]), int(words[2])) if words[0] == b"go" else None

    def report(self, failed):
        """Writes the result file."""
        lines = ['"version": 1', '"pid": %d' % self.pid, '"iterations": %d' % self.done]
        lines.append('"explained": %d' % self.explained)
        lines.append('"left_threads": %s' % json_text(self.left_threads()))
        returned = os.path.exists(os.path.join(self.spec["folder"], RETURNED_CHILD))
        lines.append('"has_returned_child": %s' % ("true" if returned else "false"))
        lines.append('"died": %d' % self.died)
        lines.append('"uncollected": %d' % self.uncollected)
        lines.append('"around": %s' % json_text(self.around))
        lines.append('"error": %s' % json_text(describe(failed) if failed else None))
        self.write_whole("result.json", "{%s}\n" % ",\n".join(lines))

    def left_threads(self):
        try:
            # The workers of executors are ended and joined at the interpreter's end.
            pools = sys.modules.get("concurrent.futures.thread")
            return left_threads(list(getattr(pools, "_threads_queues", ())))
        except Exception:
            # Replaced by something else: the program's own business.
            return []

    def write_whole(self, name, text):
        """Writes a file, whole or not at all."""
        path = os.path.join(self.spec["folder"], name)
        file = self.open_file(path + ".part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC)
        data = text.encode("ascii")
        while data:
            data = data[_write(file, data):]
        self.close_file(file)
        _replace(path + ".part", path)

    def open_file(self, path, flags):
        try:
            return _open(path, flags, 0o600)
        except FileNotFoundError:
            raise
        except OSError:
            # The program under test has used up all descriptors: that is what the spare one is for.
            _close(self.spare)
            self.spare = None
            return _open(path, flags, 0o600)

    def close_file(self, file):
        _close(file)
        if self.spare is None:
            self.spare = _open("/dev/null", os.O_RDONLY)

    def leave(self):
        """Ends the process if a thread would keep it alive for ever."""
        try:
            self.flush()
            if left_threads():
                _exit(0)
        except Exception:
            _exit(0)


def left_threads(besides=()):
    """Names of the threads that the interpreter would wait for at its end."""
    threading = sys.modules.get("threading")
    if threading is None:
        return []
    current = threading.current_thread()
    others = [thread for thread in threading.enumerate() if thread is not current]
    others = [thread for thread in others if thread not in besides]
    return [str(thread.name)[:LONGEST_NAME] for thread in others if not thread.daemon]


def as_arguments(value):
    """JSON arguments: an object gives keywords, an array positions, null none."""
    if value is None:
        return (), {}
    if isinstance(value, dict):
        return (), value
    return tuple(value), {}


def method_argument(hook, instance, name):
    """pytest's hooks may take the method."""
    takes_one = hook.__code__.co_argcount > 1 if hasattr(hook, "__code__") else False
    return (getattr(instance, name),) if takes_one else ()


def is_due_for_look(iteration):
    if iteration < FIRST_LOOK:
        return False
    step = (1 << (iteration.bit_length() - 1)) // LOOKS_A_DOUBLING
    return iteration % step == 0


def count_fds():
    """Open descriptors without the one that lists them; -1 where it cannot be seen."""
    try:
        return len(_listdir("/proc/self/fd")) - 1
    except OSError:
        return -1


def count_threads():
    """Threads; -1 where it cannot be seen."""
    try:
        return len(_listdir("/proc/self/task"))
    except OSError:
        return -1


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
        "skips": int(any((kind.__module__, kind.__name__) in SKIPS for kind in type(error).__mro__)),
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
