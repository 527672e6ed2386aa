/* What realloc and free do with a block: each way by a function of its own that makes it, and one that changes it. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Volatile, so that the compiler does not see what must fail. */
static volatile size_t half = SIZE_MAX / 2;

#define FIRST(name, size)                                                                                              \
    void *name##_first(void) {                                                                                         \
        void *block = malloc(size);                                                                                    \
        if (block == NULL)                                                                                             \
            abort();                                                                                                   \
        memset(block, 7, size);                                                                                        \
        return block;                                                                                                  \
    }

FIRST(grows, 100)
void grows_then(void *block) {
    char *longer = realloc(block, 5000);
    if (longer[99] != 7)
        abort();
}

FIRST(grows_far, 100)
void grows_far_then(void *block) { /* glibc maps and remaps these blocks itself: no mapping of the program's own */
    block = realloc(block, 1 << 20);
    block = realloc(block, 64 << 20);
    if (((char *)block)[99] != 7)
        abort();
}

FIRST(shrinks, 5000)
void shrinks_then(void *block) {
    if (((char *)realloc(block, 10))[9] != 7)
        abort();
}

FIRST(shrinks_far, 64 << 20)
void shrinks_far_then(void *block) {
    if (((char *)realloc(block, 300000))[9] != 7)
        abort();
}

FIRST(to_nothing, 333)
void to_nothing_then(void *block) {
    if (realloc(block, 0) != NULL)
        abort();
}

FIRST(array_to_nothing, 334)
void array_to_nothing_then(void *block) {
    if (reallocarray(block, 0, 8) != NULL)
        abort();
}

FIRST(fails, 777)
void fails_then(void *block) {
    errno = 0;
    if (realloc(block, half) != NULL || errno != ENOMEM || ((char *)block)[776] != 7)
        abort();
}

FIRST(fails_and_goes, 778)
void fails_and_goes_then(void *block) {
    if (realloc(block, half) != NULL)
        abort();
    free(block);
}

FIRST(overflows, 779)
void overflows_then(void *block) {
    errno = 0;
    if (reallocarray(block, half, 3) != NULL || errno != ENOMEM)
        abort();
}

FIRST(again, 64)
void again_then(void *block) {
    for (int i = 0; i < 1000; i++)
        block = realloc(block, 64);
}

FIRST(array, 10)
void array_then(void *block) {
    reallocarray(block, 7, 13);
}

FIRST(forgotten, 10)
void forgotten_then(void *block) {
    free(block);
    for (int i = 0; i < 10; i++)
        free(NULL);
}

#define BOTH(name) name##_then(name##_first())

int main(void) {
    BOTH(grows);
    BOTH(grows_far);
    BOTH(shrinks);
    BOTH(shrinks_far);
    BOTH(to_nothing);
    BOTH(array_to_nothing);
    BOTH(fails);
    BOTH(fails_and_goes);
    BOTH(overflows);
    BOTH(again);
    BOTH(array);
    BOTH(forgotten);
    return 0;
}
