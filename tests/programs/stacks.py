"""Allocates in every context that Python has. At the end, the interpreter's own view of each stack is printed.

`bytes(mark())` is the allocation: `mark` writes down the stack of its caller, and gives a size.
"""
import asyncio, atexit, contextlib, ctypes, functools, gc, json, os, signal, sys, threading, weakref

EXPECTED = []
KEPT = []


def stack(frame):
    frames = []
    while frame is not None:
        code = frame.f_code
        frames.append([getattr(code, "co_qualname", code.co_name), code.co_filename, frame.f_lineno])
        frame = frame.f_back
    return frames


def mark():
    size = 100000 + len(EXPECTED)
    EXPECTED.append([size, stack(sys._getframe(1)), threading.current_thread().name])
    return size


def keep(block):
    KEPT.append(block)
    return block


def functions():
    def inner(*, number):
        def innermost():
            keep(bytes(mark())); return number
        return innermost()
    inner(number=1)
    (lambda: keep(bytes(mark())))()
    functools.partial(inner, number=2)()
    cached = functools.lru_cache(maxsize=2)(lambda key: bytes(mark()))
    keep(cached(1))
    keep(
        (1,
         bytes(mark()),
         len([1,
              bytes(mark())]))
    )
    keep([bytes(mark()), 2 if KEPT else
          3,
          bytes(mark())])


class Methods:
    kept = keep(bytes(mark()))

    def __init__(self):
        self.block = bytes(mark())

    def method(self):
        keep(bytes(mark()))

    @classmethod
    def of_class(cls):
        keep(bytes(mark()))

    @staticmethod
    def static():
        keep(bytes(mark()))

    @property
    def attribute(self):
        return keep(bytes(mark()))

    def __getattr__(self, name):
        return keep(bytes(mark()))

    def __call__(self):
        keep(bytes(mark()))

    def __eq__(self, other):
        keep(bytes(mark()))
        return False

    def __hash__(self):
        keep(bytes(mark()))
        return 1

    def __len__(self):
        keep(bytes(mark()))
        return 1

    def __iter__(self):
        keep(bytes(mark()))
        return self

    def __next__(self):
        keep(bytes(mark()))
        raise StopIteration

    def __enter__(self):
        keep(bytes(mark()))

    def __exit__(self, *error):
        keep(bytes(mark()))
        return True

    def __del__(self):
        keep(bytes(mark()))

    class Inner:
        class Innermost:
            keep(bytes(mark()))


def methods():
    keep(bytes(mark())); made = Methods()
    made.method(); made.of_class(); made.static(); made.attribute; made.missing; made()
    {made: 1, Methods(): 2}
    len(made); list(made)
    with made:
        keep(bytes(mark()))
        raise ValueError(keep(bytes(mark())))
    del made
    gc.collect()
    cycle = Methods(); cycle.own = cycle
    del cycle
    gc.collect()


def generators():
    def simple():
        keep(bytes(mark()))
        yield 1
        try:
            keep(bytes(mark()))
            yield 2
        finally:
            keep(bytes(mark()))

    def delegating():
        yield from simple()

    def receiving():
        while True:
            try:
                keep(bytes((yield) and mark()))
            except KeyError:
                keep(bytes(mark()))

    list(simple())
    list(delegating())
    abandoned = delegating(); next(abandoned); next(abandoned)
    abandoned.close()
    dropped = simple(); next(dropped); next(dropped)
    del dropped
    receiver = receiving(); next(receiver)
    receiver.send(1)
    receiver.throw(KeyError("one"))
    sum(len(bytes(mark())) for _ in range(3))


def comprehensions():
    keep([bytes(mark()) for _ in range(3)])
    keep({bytes(mark()) for _ in range(3)})
    keep({index: bytes(mark()) for index in range(3)})
    keep([[bytes(mark()) for _ in range(2)]
          for _ in range(2)])
    keep([
        bytes(mark())
        for _ in range(2)
        if keep(bytes(mark()))
    ])


def callbacks():
    sorted([3, 1, 2], key=lambda number: keep(bytes(mark())) and number)
    list(map(lambda number: keep(bytes(mark())), range(3)))
    list(filter(lambda number: bytes(mark()), range(3)))
    functools.reduce(lambda a, b: keep(bytes(mark())), range(3))
    max(range(3), key=lambda number: len(bytes(mark())))
    called = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda number: len(keep(bytes(mark()))))
    called(1)
    class Target: pass
    target = Target()
    reference = weakref.ref(target, lambda _: keep(bytes(mark())))
    del target
    signal.signal(signal.SIGUSR1, lambda number, frame: keep(bytes(mark())))
    os.kill(os.getpid(), signal.SIGUSR1); keep(None)
    sys.unraisablehook = lambda error: keep(bytes(mark()))
    class Raises:
        def __del__(self): raise ValueError
    Raises()


def classes():
    class Meta(type):
        def __new__(meta, name, bases, body):
            keep(bytes(mark()))
            return super().__new__(meta, name, bases, body)
        def __call__(cls):
            keep(bytes(mark()))
    class Base(metaclass=Meta):
        def __init_subclass__(cls):
            keep(bytes(mark()))
    class Descriptor:
        def __set_name__(self, owner, name):
            keep(bytes(mark()))
        def __get__(self, instance, owner):
            return keep(bytes(mark()))
    class Derived(Base):
        described = Descriptor()
        keep(bytes(mark()))
    Derived()
    Derived.described
    def decorate(cls):
        keep(bytes(mark()))
        return cls
    @decorate
    class Decorated:
        pass


def executed():
    exec("keep(bytes(mark()))")
    eval("keep(bytes(mark()))")
    code = "\n" * 41 + "def made_up(keep=keep):\n    keep(bytes(mark()))\nmade_up()"
    exec(compile(code, "/no/such/folder/template.html", "exec"), {"keep": keep, "mark": mark})
    exec(compile("keep(bytes(mark()))", "naïve \U0001F600.py", "exec"))
    name = "größe_\U00020000"
    exec(compile("def %s():\n  keep(bytes(mark()))\n%s()" % (name, name), "<names>", "exec"), dict(globals()))
    long = "long_" * 100
    exec(compile("def %s():\n  keep(bytes(mark()))\n%s()" % (long, long), "<long>", "exec"), dict(globals()))
    far = "x = 1\n" * 3000 + "keep(bytes(mark()))\n" + "\n" * 70000 + "keep(bytes(mark()))"
    exec(compile(far, "far.py", "exec"), dict(globals()))


def recursion(depth):
    if depth == 0:
        return keep(bytes(mark()))
    if depth == 250:
        keep(bytes(mark()))
    return recursion(depth - 1)


async def leaf():
    keep(bytes(mark()))
    await asyncio.sleep(0)
    keep(bytes(mark()))
    return [bytes(mark())]


async def numbers():
    for number in range(2):
        keep(bytes(mark()))
        yield number
        await asyncio.sleep(0)


class Manager:
    async def __aenter__(self):
        await leaf()
        keep(bytes(mark()))

    async def __aexit__(self, *error):
        keep(bytes(mark()))


async def coroutines():
    await leaf()
    await asyncio.gather(leaf(), leaf())
    async for _ in numbers():
        keep(bytes(mark()))
    async with Manager():
        keep(bytes(mark()))
    keep([bytes(mark()) async for _ in numbers()])
    await asyncio.get_running_loop().run_in_executor(None, lambda: keep(bytes(mark())))


def traced():
    def tracer(frame, event, argument):
        seen[event] = seen.get(event, 0) + 1
        if event == "line" and seen[event] % 5 == 0:
            keep(bytes(mark()))
        return tracer
    seen = {}
    sys.settrace(tracer)
    try:
        methods_of_a_traced_function()
    finally:
        sys.settrace(None)


def methods_of_a_traced_function():
    for index in range(5):
        keep(bytes(mark()))
        keep([bytes(mark()) for _ in range(2)])


def profiled():
    import cProfile
    cProfile.Profile().runcall(methods_of_a_traced_function)
    sys.setprofile(lambda frame, event, argument: keep(bytes(mark())) if event == "call" and frame.f_code is not mark.__code__ and frame.f_code is not keep.__code__ else None)
    try:
        methods_of_a_traced_function()
    finally:
        sys.setprofile(None)


def monitored():
    if not hasattr(sys, "monitoring"):
        return
    events = sys.monitoring.events
    sys.monitoring.use_tool_id(sys.monitoring.COVERAGE_ID, "test")
    sys.monitoring.register_callback(sys.monitoring.COVERAGE_ID, events.LINE, lambda code, line: None)
    sys.monitoring.register_callback(sys.monitoring.COVERAGE_ID, events.PY_START, lambda code, at: None)
    sys.monitoring.set_events(sys.monitoring.COVERAGE_ID, events.LINE | events.PY_START)
    methods_of_a_traced_function()
    generators()
    sys.monitoring.set_events(sys.monitoring.COVERAGE_ID, 0)


class Made:
    def __init__(self, is_marked):
        if is_marked:
            keep(bytes(mark()))


def hot():
    """Runs often enough to be specialised by the interpreter; allocates in the end."""
    for index in range(3000):
        Made(index > 2990)
        if index > 2990:
            keep(bytes(mark()))


def threads():
    started = [threading.Thread(target=hot, name="hot-%d" % number) for number in range(3)]
    started.append(threading.Thread(target=recursion, args=(300,), name="dëep"))
    for thread in started: thread.start()
    for thread in started: thread.join()


def waits():
    keep(bytes(mark()))
    READY.set()
    ENDED.wait()


READY, ENDED = threading.Event(), threading.Event()
functions()
methods()
generators()
comprehensions()
callbacks()
classes()
executed()
recursion(500)
asyncio.run(coroutines())
traced()
profiled()
monitored()
hot()
threads()
threading.Thread(target=waits, name="waits to the end", daemon=True).start()
READY.wait()
import stacks_imported
keep(bytes(mark()))


@atexit.register
def at_the_end():
    keep(bytes(mark()))
    json.dump(EXPECTED, sys.stdout)
    sys.stdout.flush()
