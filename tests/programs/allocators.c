/* Every allocating function at every size: five blocks each, of which three stay. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdlib.h>

static void *checked(void *block) {
    if (block == NULL)
        abort();
    return block;
}

static void *with_posix_memalign_failed(int result, void *block) {
    if (result != 0)
        abort();
    return block;
}

#define FIVE_OF_WHICH_THREE_STAY(name, size, expression)                                                               \
    void name##_##size(void) {                                                                                         \
        size_t n = size##UL;                                                                                           \
        void *blocks[5];                                                                                               \
        for (int i = 0; i < 5; i++)                                                                                    \
            blocks[i] = checked(expression);                                                                           \
        free(blocks[1]);                                                                                               \
        free(blocks[3]);                                                                                               \
    }

#define EVERY_FUNCTION_OF(size)                                                                                        \
    FIVE_OF_WHICH_THREE_STAY(malloc, size, malloc(n))                                                                  \
    FIVE_OF_WHICH_THREE_STAY(calloc, size, calloc(1, n))                                                               \
    FIVE_OF_WHICH_THREE_STAY(realloc, size, realloc(NULL, n))                                                          \
    FIVE_OF_WHICH_THREE_STAY(reallocarray, size, reallocarray(NULL, n, 1))                                             \
    FIVE_OF_WHICH_THREE_STAY(memalign, size, memalign(64, n))                                                          \
    FIVE_OF_WHICH_THREE_STAY(                                                                                          \
        posix_memalign, size,                                                                                          \
        ({ void *p; int result = posix_memalign(&p, 64, n); with_posix_memalign_failed(result, p); }))                 \
    FIVE_OF_WHICH_THREE_STAY(aligned_alloc, size, aligned_alloc(64, n))                                                \
    FIVE_OF_WHICH_THREE_STAY(valloc, size, valloc(n))                                                                  \
    FIVE_OF_WHICH_THREE_STAY(pvalloc, size, pvalloc(n))                                                                \
    static void all_##size(void) {                                                                                     \
        malloc_##size();                                                                                               \
        calloc_##size();                                                                                               \
        realloc_##size();                                                                                              \
        reallocarray_##size();                                                                                         \
        memalign_##size();                                                                                             \
        posix_memalign_##size();                                                                                       \
        aligned_alloc_##size();                                                                                        \
        valloc_##size();                                                                                               \
        pvalloc_##size();                                                                                              \
    }

EVERY_FUNCTION_OF(0)
EVERY_FUNCTION_OF(1)
EVERY_FUNCTION_OF(15)
EVERY_FUNCTION_OF(16)
EVERY_FUNCTION_OF(512)
EVERY_FUNCTION_OF(513)
EVERY_FUNCTION_OF(4096)
EVERY_FUNCTION_OF(1048576)
EVERY_FUNCTION_OF(5368709120)

int main(void) {
    all_0();
    all_1();
    all_15();
    all_16();
    all_512();
    all_513();
    all_4096();
    all_1048576();
    all_5368709120();
    return 0;
}
