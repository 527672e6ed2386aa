// What the programs of this folder ask of the C library, called from code that is linked in the ordinary way.

#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *take(size_t size) { return malloc(size); }
void *take_zeroed(size_t count, size_t size) { return calloc(count, size); }
void *resize(void *block, size_t size) { return realloc(block, size); }
void *resize_array(void *block, size_t count, size_t size) { return reallocarray(block, count, size); }
void give(void *block) { free(block); }

void *take_aligned(int kind, size_t alignment, size_t size) {
    void *block = NULL;
    switch (kind) {
    case 0: return aligned_alloc(alignment, size);
    case 1: return memalign(alignment, size);
    case 2: return valloc(size);
    case 3: return pvalloc(size);
    default: return posix_memalign(&block, alignment, size) == 0 ? block : NULL;
    }
}

void *map(void *address, size_t size, int protection, int flags, int fd) {
    return mmap(address, size, protection, flags, fd, 0);
}
int unmap(void *address, size_t size) { return munmap(address, size); }
void *remap(void *address, size_t old, size_t new) { return mremap(address, old, new, MREMAP_MAYMOVE); }
int protect(void *address, size_t size, int protection) { return mprotect(address, size, protection); }
void *grow_break(intptr_t bytes) { return sbrk(bytes); }

// The C library takes these blocks for its caller, who has to free them.
char *copied(const char *text) { return strdup(text); }
char *formatted(int width) {
    char *text = NULL;
    return asprintf(&text, "%*d", width, 1) < 0 ? NULL : text;
}
char *read_line(const char *path) {
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL || getline(&line, &room, file) < 0) return NULL;
    fclose(file);
    return line;
}

// Bytes that malloc has in use by its own books, headers and rounding included.
size_t in_use(void) {
    struct mallinfo2 books = mallinfo2();
    return books.uordblks + books.hblkhd;
}

enum { THREADS = 4 };
static struct work { void **blocks; size_t count, size; } works[THREADS];

static void *fill(void *argument) {
    struct work *work = argument;
    for (size_t i = 0; i < work->count; i++) work->blocks[i] = malloc(work->size);
    return NULL;
}

static void *empty(void *argument) {
    struct work *work = argument;
    for (size_t i = 0; i < work->count; i++) free(work->blocks[i]);
    return NULL;
}

static void together(void *(*body)(void *), size_t first) {
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, body, &works[(i + first) % THREADS]);
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

// Four threads that Python does not know take blocks; the blocks of all stay.
void threads_take(void **room, size_t count, size_t size) {
    for (size_t i = 0; i < THREADS; i++) works[i] = (struct work){room + i * count, count, size};
    together(fill, 0);
}

// Four others free them, each those of a neighbour.
void threads_give(void) { together(empty, 1); }

// A thread of C code that calls back.
static void *calls(void *function) {
    ((void (*)(void))function)();
    return NULL;
}
void call_in_thread(void (*function)(void)) {
    pthread_t thread;
    pthread_create(&thread, NULL, calls, (void *)function);
    pthread_join(thread, NULL);
}
