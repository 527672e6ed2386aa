/* malloc and free, and nothing else: THREADS threads make PAIRS pairs each, in one of these courses.
   own      each frees the block it just made
   slots    each keeps 1,000 blocks of 16 to 1,015 bytes, and replaces one at random
   passed   as `slots`, but a block is replaced in the slots of another thread than the one that made it
   Usage: pairs COURSE THREADS PAIRS */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1000, MOST = 64 };
static _Atomic(void *) slots[MOST][SLOTS];
static int threads;
static long pairs;

static uint64_t next(uint64_t *random) {
    *random ^= *random << 13, *random ^= *random >> 7, *random ^= *random << 17;
    return *random;
}

static void *own(void *argument) {
    (void)argument;
    for (long i = 0; i < pairs; i++) {
        void *volatile block = malloc(64);
        free(block);
    }
    return NULL;
}

static void *replace(intptr_t from, intptr_t to) {
    uint64_t random = 88172645463325252ull + from;
    for (long i = 0; i < pairs; i++) {
        uint64_t number = next(&random);
        void *block = malloc(16 + number % 1000);
        free(atomic_exchange_explicit(&slots[to][number / 1000 % SLOTS], block, memory_order_acq_rel));
    }
    return NULL;
}

static void *own_slots(void *argument) { return replace((intptr_t)argument, (intptr_t)argument); }
static void *passed(void *argument) { return replace((intptr_t)argument, ((intptr_t)argument + 1) % threads); }

int main(int count, char **arguments) {
    if (count != 4)
        return 2;
    void *(*course)(void *) = strcmp(arguments[1], "own") == 0     ? own
                              : strcmp(arguments[1], "slots") == 0 ? own_slots
                                                                   : passed;
    threads = atoi(arguments[2]), pairs = atol(arguments[3]);
    if (threads == 1)
        return course(0), 0;
    pthread_t all[MOST];
    for (intptr_t i = 0; i < threads; i++)
        pthread_create(&all[i], NULL, course, (void *)i);
    for (int i = 0; i < threads; i++)
        pthread_join(all[i], NULL);
    return 0;
}
