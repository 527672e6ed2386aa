/* A reference tracer of the program's own, for CPython 3.13 and later. */
static long created, destroyed;

int tracer(void *object, int event, void *data) {
    if (event == 0) created++;
    if (event == 1) destroyed++;
    return 0;
}

long count_created(void) { return created; }
