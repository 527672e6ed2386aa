/* Looks like a Python of the version that it was compiled for. */
#include <stdlib.h>

#define TEXT(version) #version
#define VERSION_TEXT(version) TEXT(version)

const char *Py_GetVersion(void) {
    return VERSION_TEXT(VERSION) " (fake)";
}

void *PyObject_Malloc(size_t size) {
    char *block = malloc(size);
    block[0] = 1;
    return block;
}

int main(void) {
    free(PyObject_Malloc(1000));
    return 0;
}
