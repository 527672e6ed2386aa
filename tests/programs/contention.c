/* Eight threads that replace and reallocate each other's blocks, of which 200,000 are alive at once. Prints all bytes and
   blocks that were allocated, and the bytes that are left. An argument: far below a peak of before. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 8, EACH = 25000, SLOTS = THREADS * EACH, STEPS = 100000, CROWN = 64 << 20 };

struct block {
    uint32_t size;
};
static _Atomic(struct block *) slots[SLOTS];
static pthread_barrier_t barrier;
static atomic_ullong bytes, blocks;

struct block *fill(size_t size) { return malloc(size); }
struct block *replace(size_t size) { return malloc(size); }
struct block *change(struct block *block, size_t size) { return realloc(block, size); }
void *crown(void) { return malloc(CROWN); }
void *brief_peak(void) { return malloc(1 << 30); }

static uint64_t next(uint64_t *random) {
    *random ^= *random << 13, *random ^= *random >> 7, *random ^= *random << 17;
    return *random;
}

static void *work(void *argument) {
    intptr_t own = (intptr_t)argument;
    uint64_t random = 88172645463325252ull + own;
    unsigned long long made = 0, times = 0;
    for (int i = 0; i < EACH; i++) {
        size_t size = 8 + next(&random) % 500;
        struct block *block = fill(size);
        block->size = size, made += size, times++;
        slots[own * EACH + i] = block;
    }
    pthread_barrier_wait(&barrier);
    for (int step = 0; step < STEPS; step++) {
        uint64_t number = next(&random);
        struct block *block = atomic_exchange(&slots[number % SLOTS], NULL);
        if (block == NULL)
            continue; /* another thread is at it */
        size_t size = 8 + number / SLOTS % 500;
        if (number >> 63) {
            block = change(block, size);
        } else {
            free(block);
            block = replace(size);
        }
        block->size = size, made += size, times++;
        slots[number % SLOTS] = block;
    }
    bytes += made, blocks += times;
    return NULL;
}

int main(int count, char **arguments) {
    (void)arguments;
    if (count > 1)
        free(brief_peak());
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (intptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)i) != 0)
            abort();
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    free(crown());
    unsigned long long left = 0;
    for (int i = 0; i < SLOTS; i++)
        left += slots[i]->size;
    printf("%llu %llu %llu\n", bytes, blocks, left);
    return 0;
}
