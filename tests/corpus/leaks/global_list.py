"""A list of the module gets one record with every call and never loses one: the plainest leak."""

RECORDS = []


def work():
    RECORDS.append(bytes(1000))  # kept
