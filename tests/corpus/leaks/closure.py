"""A function remembers its calls in a list that only its closure holds: no module and no class has it."""


def make_counter():
    calls = []

    def count(event):
        calls.append((event, len(event)))  # kept
        return len(calls)

    return count


work_through = make_counter()


def work():
    return work_through("a call")
