"""What a process has open, which threads and children it has. Runs no code of the program's, whatever its classes define."""

import os
import sys

_listdir, _readlink, _getpid, _open, _read, _close = os.listdir, os.readlink, os.getpid, os.open, os.read, os.close
_frames, _attributes = sys._current_frames, object.__getattribute__
_name_of, _names_of = type.__dict__["__name__"].__get__, type.__dict__["__dict__"].__get__
_Function, _Builtin = type(lambda: None), type(len)

MOST_TOLD, MOST_FRAMES, MOST_SIGNALS = 2048, 16, 65
LARGEST_TABLE = 1 << 24
# Where the inode stands in a line of each.
SOCKET_TABLES = {"tcp": 9, "tcp6": 9, "udp": 9, "udp6": 9, "unix": 6}


class Around:
    """The world of a process at one moment, to be compared with a later one."""

    def __init__(self):
        self.open = open_descriptors()
        self.threads = names_in("/proc/self/task")
        self.children = children()
        self.tasks = frozenset(map(id, pending_tasks()))
        self.callbacks = exit_callbacks()
        self.handlers = signal_handlers()

    def since(self, before):
        """What came: JSON values."""
        opened = [[fd, link] for fd, link in self.open.items() if before.open.get(fd) != link][:MOST_TOLD]
        inodes = {link[8:-1] for _, link in opened if link[:8] == "socket:["}
        known, threads = python_threads(before.threads)
        native = [name for name in self.threads if name not in before.threads and name not in known]
        return {
            "opened": opened,
            "sockets": socket_lines(inodes) if inodes else [],
            "threads": threads,
            "tasks": [task_entry(task) for task in pending_tasks() if id(task) not in before.tasks][:MOST_TOLD],
            "native": [read_text("/proc/self/task/%s/comm" % name).strip() for name in native[:MOST_TOLD]],
            "children": [child_entry(pid) for pid in self.children if pid not in before.children][:MOST_TOLD],
            "callbacks": self.callbacks - before.callbacks,
            "handlers": [before.handlers, self.handlers],
        }


def names_in(folder):
    try:
        return _listdir(folder)
    except OSError:
        return []


def open_descriptors():
    """What each descriptor leads to, by number."""
    found = {}
    for name in names_in("/proc/self/fd"):
        try:
            found[int(name)] = _readlink("/proc/self/fd/" + name)
        except OSError:
            # The one that listed them.
            pass
    return found


def read_text(path, most=4096):
    """The beginning of a file; nothing where it cannot be read."""
    try:
        file = _open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        parts = []
        while most > 0:
            part = _read(file, min(most, 65536))
            if not part:
                break
            parts.append(part)
            most -= len(part)
        return b"".join(parts).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        _close(file)


def socket_lines(inodes):
    """The kernel's lines about these sockets, each with the table that it is in."""
    found = []
    for table, column in SOCKET_TABLES.items():
        for line in read_text("/proc/self/net/" + table, LARGEST_TABLE).split("\n")[1:]:
            words = line.split()
            if len(words) > column and words[column] in inodes:
                found.append([table, " ".join(words)])
    return found[:MOST_TOLD]


def children():
    """The process ids of all children, those that are over and not waited for, too."""
    found = []
    for task in names_in("/proc/self/task"):
        found += read_text("/proc/self/task/%s/children" % task, 1 << 20).split()
    return found


def child_entry(pid):
    """Its state and its command's name, of `PID (NAME) STATE ...`."""
    before, _, after = read_text("/proc/%s/stat" % pid).rpartition(")")
    return [int(pid), after.strip()[:1], before.partition("(")[2]]


def python_threads(before):
    """The ids of all threads that Python knows, as in /proc, and what is known of those that came."""
    active = getattr(sys.modules.get("threading"), "_active", None)
    if type(active) is not dict:
        return (), []
    frames, known, told = _frames(), set(), []
    for ident, thread in active.copy().items():
        attributes = _attributes(thread, "__dict__")
        task = attributes.get("_native_id") if type(attributes) is dict else None
        if type(task) is not int:
            continue
        known.add(str(task))
        if str(task) in before or len(told) == MOST_TOLD:
            continue
        name, target = attributes.get("_name"), attributes.get("_target")
        told.append({
            "name": name if type(name) is str else "",
            "target": callable_name(target) if target is not None else callable_name(thread) + ".run",
            "daemon": 1 if attributes.get("_daemonic") is True else 0,
            "stack": stack_of(frames.get(ident)),
        })
    return known, told


def pending_tasks():
    """The tasks of asyncio that are not over, of its own type alone."""
    tasks, module = sys.modules.get("asyncio.tasks"), sys.modules.get("_asyncio")
    of = getattr(module, "Task", None)
    if of is None or tasks is None:
        return []
    known = vars(tasks).get("_scheduled_tasks", vars(tasks).get("_all_tasks"))
    references = vars(known).get("data") if known is not None else None
    found = [reference() for reference in tuple(references or ())]
    return [task for task in found if type(task) is of and not task.done()]


def task_entry(task):
    coroutine = task.get_coro()
    is_known = type(coroutine) is _Coroutine
    return {
        "name": task.get_name(),
        "target": dotted(None, coroutine.__qualname__) if is_known else callable_name(coroutine),
        "daemon": 0,
        "stack": stack_of(coroutine.cr_frame)[:1] if is_known else [],
    }


def stack_of(frame):
    """Innermost first."""
    found = []
    while frame is not None and len(found) < MOST_FRAMES:
        code = frame.f_code
        found.append([code.co_filename, frame.f_lineno or 0, code.co_name])
        frame = frame.f_back
    return found


def callable_name(called):
    """The name of what is called, with its module as far as it has one."""
    if type(called) is _Method:
        called = called.__func__
    if type(called) is _Function:
        return dotted(called.__module__, called.__qualname__)
    if type(called) is _Builtin:
        return called.__qualname__
    of = called if type(called) is type else type(called)
    return dotted(_names_of(of).get("__module__"), _name_of(of))


def dotted(module, name):
    return name if type(module) is not str or module == "builtins" else module + "." + name


def exit_callbacks():
    """How many functions are to be called at the end."""
    atexit = sys.modules.get("atexit")
    count = getattr(atexit, "_ncallbacks", None)
    return count() if type(count) is _Builtin else 0


def signal_handlers():
    """By number, the addresses of what signals call."""
    of, found = getattr(sys.modules.get("_signal"), "getsignal", None), []
    if type(of) is not _Builtin:
        return found
    for number in range(1, MOST_SIGNALS):
        try:
            handler = of(number)
        except ValueError:
            # There is none of this number.
            continue
        if callable(handler):
            found.append([number, id(handler)])
    return found


_Method = type(Around.since.__get__(Around))
