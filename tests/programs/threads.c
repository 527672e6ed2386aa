/* Threads that free each other's blocks. The first argument names the course; all amounts are known beforehand. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 100, BATCH = 250 };

static void *mailbox[THREADS][BATCH];
static pthread_barrier_t barrier;

/* Thread n has its own size, so that a block that is taken off another thread's figures shows. */
static size_t size_of(int thread) { return 100 * (thread + 1); }

void *allocate(int thread) { return malloc(size_of(thread)); }
void *reallocate(void *block) { return realloc(block, 1000); }

static void name(int thread) {
    char text[16];
    snprintf(text, sizeof text, "worker-%d", thread);
    pthread_setname_np(pthread_self(), text);
}

/* In each round all allocate, then each frees what its neighbour allocated. */
static void *exchange(void *argument) {
    int own = (int)(intptr_t)argument, other = (own + 1) % THREADS;
    name(own);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < BATCH; i++)
            mailbox[own][i] = allocate(own);
        pthread_barrier_wait(&barrier);
        for (int i = 0; i < BATCH; i++)
            free(mailbox[other][i]);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

/* As before, but of each batch the first 100 are reallocated by the neighbour, and the first 10 of these stay. */
static void *remainder_stays(void *argument) {
    int own = (int)(intptr_t)argument, other = (own + 1) % THREADS;
    name(own);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < BATCH; i++)
            mailbox[own][i] = allocate(own);
        pthread_barrier_wait(&barrier);
        for (int i = 0; i < BATCH; i++) {
            if (i < 100)
                mailbox[other][i] = reallocate(mailbox[other][i]);
            if (i >= 10)
                free(mailbox[other][i]);
        }
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

/* Each round ends a kilobyte a thread higher than the one before, and begins with nothing: again and again from far below
   the peak up to a new one, which is known. */
enum { WAVES = 20, HEIGHT = 2000 };
static void *wave_blocks[THREADS][HEIGHT + WAVES];
void *rise(void) { return malloc(1024); }

static void *waves(void *argument) {
    int own = (int)(intptr_t)argument;
    name(own);
    for (int wave = 1; wave <= WAVES; wave++) {
        for (int i = 0; i < HEIGHT + wave; i++)
            wave_blocks[own][i] = rise();
        pthread_barrier_wait(&barrier);
        int other = (own + wave) % THREADS;
        for (int i = 0; i < HEIGHT + wave; i++)
            free(wave_blocks[other][i]);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

/* Without any order: whoever comes takes what stands in a slot and leaves a block of its own there. */
enum { SLOTS = 512, STEPS = 250000 };
static _Atomic(char *) slots[SLOTS];
static atomic_ullong allocated_bytes, allocated_blocks, freed_bytes, freed_blocks;

char *put(size_t size) { return malloc(size); }

static void *anarchy(void *argument) {
    int own = (int)(intptr_t)argument;
    name(own);
    uint64_t random = 88172645463325252ull + own;
    unsigned long long bytes = 0, blocks = 0, gone_bytes = 0, gone_blocks = 0;
    for (int step = 0; step < STEPS; step++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        size_t size = 4 + random % 1000;
        char *fresh = put(size);
        bytes += size, blocks++;
        memcpy(fresh, &(uint32_t){size}, 4);
        char *old = atomic_exchange(&slots[random % SLOTS], fresh);
        if (old != NULL) {
            uint32_t there;
            memcpy(&there, old, 4);
            gone_bytes += there, gone_blocks++;
            free(old);
        }
    }
    allocated_bytes += bytes, allocated_blocks += blocks, freed_bytes += gone_bytes, freed_blocks += gone_blocks;
    return NULL;
}

/* As before, without end: the first line is the process, each further one 2,000 steps of the first thread. */
static void *endless(void *argument) {
    int own = (int)(intptr_t)argument;
    uint64_t random = 88172645463325252ull + own;
    for (unsigned long step = 0;; step++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        free(atomic_exchange(&slots[random % SLOTS], put(4 + random % 1000)));
        if (own == 0 && step % 2000 == 0) {
            printf("%d\n", getpid());
            fflush(stdout);
        }
    }
}

static void run(void *(*course)(void *)) {
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, course, (void *)i) != 0)
            abort();
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* 2,000 threads, one after the other and eight at a time: three blocks each, one freed, one freed by the first thread. */
void *brief(void) { return malloc(64); }

static void *short_life(void *argument) {
    void **left = argument;
    left[0] = brief();
    left[1] = brief();
    free(brief());
    return NULL;
}

static void come_and_go(void) {
    static void *left[8][2];
    for (int round = 0; round < 250; round++) {
        pthread_t threads[8];
        for (int i = 0; i < 8; i++)
            if (pthread_create(&threads[i], NULL, short_life, left[i]) != 0)
                abort();
        for (int i = 0; i < 8; i++) {
            pthread_join(threads[i], NULL);
            free(left[i][0]);
        }
    }
}

/* A thread that allocates and frees in its last destructor, when others are long gone. */
static pthread_key_t key;
static int rounds;
void *late(void) { return malloc(200); }

static void destroy(void *value) {
    free(value);
    void *last = late();
    if (++rounds % 4 != 0)
        pthread_setspecific(key, last);
}

static void *ends_late(void *argument) {
    pthread_setspecific(key, late());
    return argument;
}

static void late_destructors(void) {
    pthread_key_create(&key, destroy);
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, ends_late, NULL) != 0)
            abort();
        pthread_join(thread, NULL);
    }
}

void *brief_peak(void) { return malloc(1 << 30); }

int main(int count, char **arguments) {
    const char *course = count > 1 ? arguments[1] : "";
    pthread_barrier_init(&barrier, NULL, THREADS);
    /* Far below an earlier peak the threads count by themselves. */
    if (count > 2 && strcmp(arguments[2], "after a peak") == 0)
        free(brief_peak());
    if (strcmp(course, "exchange") == 0)
        run(exchange);
    else if (strcmp(course, "waves") == 0)
        run(waves);
    else if (strcmp(course, "endless") == 0)
        run(endless);
    else if (strcmp(course, "alone") == 0)
        endless(NULL);
    else if (strcmp(course, "remainder") == 0)
        run(remainder_stays);
    else if (strcmp(course, "anarchy") == 0)
        run(anarchy);
    else if (strcmp(course, "come_and_go") == 0)
        come_and_go();
    else if (strcmp(course, "late") == 0)
        late_destructors();
    else
        abort();
    if (allocated_blocks != 0) {
        printf("%llu %llu %llu %llu\n", allocated_bytes, allocated_blocks, allocated_bytes - freed_bytes,
               allocated_blocks - freed_blocks);
    }
    return 0;
}
