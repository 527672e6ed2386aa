/* Pairs of malloc and free: THREADS threads that make PAIRS of them each, with 64 blocks of 16 to 528 bytes alive. */
#include <pthread.h>
#include <stdlib.h>

enum { ALIVE = 64, MOST_THREADS = 64 };

static long pairs;

static void *work(void *unused) {
    void *blocks[ALIVE] = {NULL};
    unsigned random = 1;
    for (long pair = 0; pair < pairs; pair++) {
        random = random * 1664525u + 1013904223u;
        unsigned at = random >> 26;
        free(blocks[at]);
        blocks[at] = malloc(16 + (random >> 16 & 511));
    }
    for (int at = 0; at < ALIVE; at++) {
        free(blocks[at]);
    }
    return unused;
}

int main(int count, char **arguments) {
    int threads = count > 1 ? atoi(arguments[1]) : 1;
    pthread_t all[MOST_THREADS];
    pairs = count > 2 ? atol(arguments[2]) : 1000000;
    if (threads < 2) {
        work(NULL);
        return 0;
    }
    for (int at = 0; at < threads && at < MOST_THREADS; at++) {
        pthread_create(&all[at], NULL, work, NULL);
    }
    for (int at = 0; at < threads && at < MOST_THREADS; at++) {
        pthread_join(all[at], NULL);
    }
    return 0;
}
