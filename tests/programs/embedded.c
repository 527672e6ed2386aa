/* Has a Python inside: linked to it, or loaded while it runs. Usage: embedded HOW USE, with HOW the name of a library
   and `global` or `local`, or `linked`; USE is `run`, `import` or `outlive`, which takes more after the interpreter's end. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *CODE = "kept = []\n"
                          "def work():\n"
                          "    for _ in range(100): kept.append(bytes(2000))\n"
                          "work()\n";

void *before(void) { return malloc(777); }

/* More than the interpreter gives back, and touched. */
void *after(void) {
    size_t size = 32 << 20;
    void *block = malloc(size);
    return block == NULL ? NULL : memset(block, 1, size);
}

int main(int count, char **words) {
    void *library = NULL, *block = before();
    const char *use = words[count - 1];
    if (count == 4) {
        library = dlopen(words[1], RTLD_NOW | (strcmp(words[2], "global") == 0 ? RTLD_GLOBAL : RTLD_LOCAL));
        if (library == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 2;
        }
    }
    void (*initialize)(void) = dlsym(library, "Py_Initialize");
    int (*run)(const char *) = dlsym(library, "PyRun_SimpleString");
    void *(*import)(const char *) = dlsym(library, "PyImport_ImportModule");
    int (*finalize)(void) = dlsym(library, "Py_FinalizeEx");
    initialize();
    int failed = strcmp(use, "import") == 0 ? import("embedded_module") == NULL : run(CODE);
    if (finalize() != 0 || failed) return 3;
    if (strcmp(use, "outlive") == 0 && after() == NULL) return 4;
    puts("done");
    return block == NULL;
}
