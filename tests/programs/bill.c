// What is resident, by construction: each mode makes memory of one kind, of a size that is known to the page.
#define _GNU_SOURCE
#include <alloca.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MIB = 1 << 20, PAGE = 4096 };

static void touch(char *memory, size_t bytes) {
    for (size_t at = 0; at < bytes; at += PAGE)
        memory[at] = 1;
}

// A mapping and a block, each larger than what of them is touched.
static void touched(void) {
    touch(mmap(0, 32 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 8 * MIB);
    touch(malloc(64 * MIB), 16 * MIB);
}

// Every other block of a heap is freed: what is free lies between what is not.
static void held(void) {
    enum { BLOCKS = 20000, SIZE = 1000 };
    static char *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(SIZE);
        memset(blocks[i], 1, SIZE);
    }
    for (int i = 0; i < BLOCKS; i += 2)
        free(blocks[i]);
}

// 300 pages of a file that has 1,024.
static void file(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    if (ftruncate(fd, 4 * MIB) != 0)
        abort();
    char *memory = mmap(0, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    touch(memory, 300 * PAGE);
}

static pthread_barrier_t deep;

static void *waits(void *unused) {
    char *room = alloca(MIB);
    touch(room, MIB);
    pthread_barrier_wait(&deep);
    for (;;)
        pause();
    return room;
}

// Four threads that have a mebibyte each on their stacks, and wait.
static void stacks(void) {
    pthread_barrier_init(&deep, 0, 5);
    for (int i = 0; i < 4; i++) {
        pthread_t thread;
        pthread_create(&thread, 0, waits, 0);
    }
    pthread_barrier_wait(&deep);
}

// Past the C library: nobody is told.
static void raw(void) {
    long at = syscall(SYS_mmap, 0, 24 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    touch((char *)at, 24 * MIB);
}

// The system has one page of zeros for all that is only read.
static void zeros(void) {
    volatile char *memory = calloc(32 * MIB, 1);
    char sum = 0;
    for (size_t at = 0; at < 32 * MIB; at += PAGE)
        sum += memory[at];
    if (sum != 0)
        abort();
}

// A block that is advised about in the middle, as numpy does: three mappings, one block.
static void advised(void) {
    char *memory = malloc(16 * MIB);
    size_t first = ((size_t)memory + PAGE - 1) / PAGE * PAGE;
    madvise((void *)first, 8 * MIB, MADV_NOHUGEPAGE);
    touch(memory, 4 * MIB);
}

// Holds a touched block until its input ends.
static void waiting(void) {
    char *memory = malloc(48 * MIB);
    touch(memory, 48 * MIB);
    puts("ready");
    fflush(stdout);
    getchar();
    free(memory);
}

int main(int count, char **arguments) {
    const char *mode = arguments[1];
    if (!strcmp(mode, "touched"))
        touched();
    else if (!strcmp(mode, "held"))
        held();
    else if (!strcmp(mode, "file"))
        file(arguments[2]);
    else if (!strcmp(mode, "stacks"))
        stacks();
    else if (!strcmp(mode, "raw"))
        raw();
    else if (!strcmp(mode, "zeros"))
        zeros();
    else if (!strcmp(mode, "advised"))
        advised();
    else if (!strcmp(mode, "waiting"))
        waiting();
    else
        return 1;
    return 0;
}
