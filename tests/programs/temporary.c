/* Blocks that are freed before their thread's next allocation, and blocks that are not. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static pthread_barrier_t barrier;

void *pair(void) { return malloc(100); }
void *first(void) { return malloc(10); }
void *second(void) { return calloc(1, 20); }
void *grow(void *block, size_t size) { return realloc(block, size); }
void *kept(void) { return malloc(30); }
void *stays(void) { return malloc(40); }
void *of_other(void) { return malloc(50); }
void *given(void) { return malloc(60); }
void *not_after_all(void) { return malloc(70); }
char *map(size_t pages) {
    char *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        abort();
    return at;
}
char *map_in_parts(size_t pages) {
    char *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        abort();
    return at;
}

/* Its allocation does not come between those of the first thread; what it frees is not its own. */
static void *other(void *argument) {
    pthread_barrier_wait(&barrier);
    void *block = of_other();
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    free(*(void **)argument);
    free(block);
    return NULL;
}

static void threads(void) {
    static void *passed;
    pthread_t thread;
    pthread_barrier_init(&barrier, NULL, 2);
    if (pthread_create(&thread, NULL, other, &passed) != 0)
        abort();
    void *own = given();
    pthread_barrier_wait(&barrier); /* the other one allocates */
    pthread_barrier_wait(&barrier);
    free(own);
    passed = given();
    pthread_barrier_wait(&barrier); /* the other one frees it */
    pthread_join(thread, NULL);
}

int main(void) {
    for (int i = 0; i < 10; i++)
        free(pair());
    /* The second is the last one, the first is not; frees in between change nothing. */
    for (int i = 0; i < 10; i++) {
        void *a = first(), *b = second();
        free(a);
        free(b);
    }
    /* Each reallocation frees what was allocated last. */
    free(grow(grow(grow(NULL, 1000), 2000), 3000));
    /* A reallocation that fails frees nothing. */
    void *block = not_after_all();
    if (grow(block, PTRDIFF_MAX) != NULL)
        abort();
    free(block);
    void *long_lived = kept();
    stays();
    free(long_lived);
    munmap(map(3), 3 * PAGE);
    char *at = map_in_parts(4);
    munmap(at + 2 * PAGE, 2 * PAGE);
    munmap(at, 2 * PAGE);
    threads();
    return 0;
}
