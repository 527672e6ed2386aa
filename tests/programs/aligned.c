/* Alignments from 16 bytes to 2 MiB, and calls that must fail. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

static const size_t ALIGNMENTS[] = {16, 32, 64, 256, 4096, 65536, 2097152};
enum { COUNT = sizeof ALIGNMENTS / sizeof *ALIGNMENTS };

static void check(void *block, size_t alignment) {
    if (block == NULL || (uintptr_t)block % alignment != 0)
        abort();
}

void by_memalign(void) {
    for (int i = 0; i < COUNT; i++)
        check(memalign(ALIGNMENTS[i], 1000), ALIGNMENTS[i]);
}

void by_posix_memalign(void) {
    for (int i = 0; i < COUNT; i++) {
        void *block;
        if (posix_memalign(&block, ALIGNMENTS[i], 1000) != 0)
            abort();
        check(block, ALIGNMENTS[i]);
    }
}

void by_aligned_alloc(void) {
    for (int i = 0; i < COUNT; i++)
        check(aligned_alloc(ALIGNMENTS[i], 1000), ALIGNMENTS[i]);
}

void by_valloc_and_pvalloc(void) {
    check(valloc(1000), 4096);
    check(pvalloc(1000), 4096);
}

/* Volatile, so that the compiler does not see what must fail. */
static volatile size_t half = SIZE_MAX / 2;

void failing(void) {
    void *block = (void *)1;
    if (posix_memalign(&block, 3, 1000) != EINVAL || posix_memalign(&block, 64, half) != ENOMEM)
        abort();
    if (block != (void *)1)
        abort();
    errno = 0;
    if (malloc(half) != NULL || errno != ENOMEM)
        abort();
    if (calloc(half, 3) != NULL || reallocarray(NULL, half, 3) != NULL)
        abort();
    if (memalign(64, half) != NULL || valloc(half) != NULL)
        abort();
}

int main(void) {
    by_memalign();
    by_posix_memalign();
    by_aligned_alloc();
    by_valloc_and_pvalloc();
    failing();
    return 0;
}
