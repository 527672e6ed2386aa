/* Looks like an interpreter to the tracker, and is none: VERSION is what it says of itself. */
#include <stdlib.h>

const char *Py_GetVersion(void) { return VERSION; }
void *PyObject_Malloc(size_t size) { return malloc(size); }
void PyMem_GetAllocator(int domain, void *into) { abort(); }
void PyMem_SetAllocator(int domain, void *from) { abort(); }
int PySys_AddAuditHook(void *hook, void *data) { abort(); }
#ifdef RUNTIME
/* Begins as the real one does; all offsets in it are 0. */
struct { char cookie[8]; unsigned long version, rest[1000]; } _PyRuntime = {"xdebugpy", RUNTIME};
#endif

void kept(void) {
    for (int number = 0; number < 100; number++) malloc(1000);
}

int main(void) {
    kept();
    return 7;
}
