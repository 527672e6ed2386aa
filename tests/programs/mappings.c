/* Mappings by the kernel's rules. The argument names the course; sizes are in pages of 4,096 bytes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES(n) ((size_t)(n) * 4096)
enum { READ_WRITE = PROT_READ | PROT_WRITE, PRIVATE = MAP_PRIVATE | MAP_ANONYMOUS };

static char *checked(void *at) {
    if (at == MAP_FAILED)
        abort();
    return at;
}

static void must(int is_true) {
    if (!is_true)
        abort();
}

char *map(size_t length) { return checked(mmap(NULL, length, READ_WRITE, PRIVATE, -1, 0)); }
char *map_more(size_t length) { return checked(mmap(NULL, length, READ_WRITE, PRIVATE, -1, 0)); }
char *map_again(char *at, size_t length) {
    return checked(mmap(at, length, READ_WRITE, PRIVATE | MAP_FIXED, -1, 0));
}
char *reserve(size_t length) {
    return checked(mmap(NULL, length, PROT_NONE, PRIVATE | MAP_NORESERVE, -1, 0));
}
char *map_file(int file, size_t length, int protection, int flags) {
    return checked(mmap(NULL, length, protection, flags, file, 0));
}
void unmap(char *at, size_t length) { must(munmap(at, length) == 0); }
void make_writable(char *at, size_t length) { must(mprotect(at, length, READ_WRITE) == 0); }
char *remap(char *at, size_t old, size_t new) { return checked(mremap(at, old, new, MREMAP_MAYMOVE)); }

static void anonymous(void) {
    map(PAGES(10));
    unmap(map(PAGES(20)), PAGES(20));
    map(5); /* a page, and so is what is left of it */
}

static void partial(void) {
    char *at = map(PAGES(100));
    unmap(at, PAGES(10));              /* the beginning */
    unmap(at + PAGES(90), PAGES(10));  /* the end */
    unmap(at + PAGES(40), PAGES(20));  /* the middle: two mappings now */
    unmap(at + PAGES(35), PAGES(30));  /* over the hole: 5 pages of each side */
    unmap(at + PAGES(45), PAGES(5));   /* nothing is there any more */
}

static void across(void) {
    /* Three neighbours, of which one unmapping takes the second half of the first to the first half of the third. */
    char *at = reserve(PAGES(30));
    unmap(at, PAGES(30));
    map_again(at, PAGES(10));
    map_again(at + PAGES(10), PAGES(10));
    map_again(at + PAGES(20), PAGES(10));
    unmap(at + PAGES(5), PAGES(20));
}

static void over(void) {
    char *at = map(PAGES(32));
    for (int i = 0; i < 5; i++)
        map_again(at, PAGES(32));
    map_again(at + PAGES(8), PAGES(8)); /* into the middle of it */
}

static void reserved(void) {
    char *at = reserve((size_t)16 << 30);
    make_writable(at + PAGES(16), PAGES(64));
    make_writable(at + PAGES(32), PAGES(64)); /* 48 of these are writable already */
    must(mprotect(at + PAGES(16), PAGES(8), PROT_NONE) == 0); /* they were writable: they stay memory */
    must(mprotect(at, PAGES(4), PROT_READ) == 0);              /* never writable */
}

/* The same by another name, without a key. */
void make_writable_by_key(char *at, size_t length) { must(pkey_mprotect(at, length, READ_WRITE, -1) == 0); }

static void reserved_by_key(void) {
    char *at = reserve(PAGES(400));
    make_writable_by_key(at, PAGES(300));
    must(pkey_mprotect(at + PAGES(350), PAGES(10), PROT_READ, -1) == 0);
    must(pkey_mprotect(at + 1, PAGES(1), READ_WRITE, -1) == -1);
}

static void files(const char *path) {
    int file = open(path, O_RDWR | O_CREAT, 0600);
    must(file >= 0 && ftruncate(file, PAGES(50)) == 0);
    map_file(file, PAGES(50), PROT_READ, MAP_PRIVATE);
    map_file(file, PAGES(30), READ_WRITE, MAP_SHARED);
    unmap(map_file(file, PAGES(20), PROT_READ, MAP_SHARED), PAGES(20));
    checked(mmap(NULL, PAGES(7), READ_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

static void moving(void) {
    char *at = map(PAGES(256));
    at = remap(at, PAGES(256), PAGES(16384)); /* grows to 64 MiB */
    at = remap(at, PAGES(16384), PAGES(512)); /* shrinks where it is */
    char *other = map(PAGES(4));
    char *to = reserve(PAGES(8));
    must(mremap(other, PAGES(4), PAGES(4), MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
    unmap(at, PAGES(12)); /* its first pages */
}

static void growing(void) {
    char *at = remap(map((size_t)1 << 20), (size_t)1 << 20, (size_t)64 << 20);
    unmap(at, (size_t)64 << 20);
}

static void over_again(void) {
    char *at = map((size_t)32 << 20);
    for (int i = 0; i < 5; i++)
        map_again(at, (size_t)32 << 20);
}

/* The old place stays mapped, and empty; what is unmapped of the new one is half of it. */
static void left_behind(void) {
    char *at = map(PAGES(20));
    char *to = checked(mremap(at, PAGES(20), PAGES(20), MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL));
    unmap(to, PAGES(10));
}

/* From the middle of one mapping over the middle of another one; a part that moves by itself; and one that grows so. */
static void onto(void) {
    char *at = map(PAGES(30)), *to = map_more(PAGES(40));
    must(mremap(at + PAGES(10), PAGES(10), PAGES(10), MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGES(5)) == to + PAGES(5));
    char *free = reserve(PAGES(64));
    unmap(free, PAGES(64));
    must(mremap(at, PAGES(5), PAGES(12), MREMAP_MAYMOVE | MREMAP_FIXED, free) == free);
}

/* A second mapping of the same shared pages: an old length of nothing. */
static void doubled(void) {
    char *at = checked(mmap(NULL, PAGES(6), READ_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    remap(at, 0, PAGES(6));
}

/* Given back to the system, or locked away, but not unmapped: it is still there to be written to. */
static void given_back(void) {
    char *at = map(PAGES(50));
    memset(at, 1, PAGES(50));
    must(madvise(at, PAGES(50), MADV_DONTNEED) == 0 && at[0] == 0);
    must(mprotect(at, PAGES(50), PROT_NONE) == 0);
    make_writable(at, PAGES(20));
    unmap(at + PAGES(40), PAGES(10));
}

static void failing(void) {
    char *at = map(PAGES(10));
    must(munmap(at + 1, PAGES(1)) == -1 && errno == EINVAL);
    must(munmap(at, 0) == -1);
    must(mmap(NULL, 0, READ_WRITE, PRIVATE, -1, 0) == MAP_FAILED);
    must(mmap(NULL, PAGES(1), READ_WRITE, MAP_PRIVATE, 1000, 0) == MAP_FAILED && errno == EBADF);
    must(mremap(at, PAGES(10), (size_t)1 << 60, MREMAP_MAYMOVE) == MAP_FAILED);
    must(mprotect(at + 1, PAGES(1), READ_WRITE) == -1);
    must(mmap(at, PAGES(1), READ_WRITE, PRIVATE | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED && errno == EEXIST);
}

void *grow_break(long by) {
    void *at = sbrk(by);
    must(at != (void *)-1);
    return at;
}

static void break_moves(void) {
    char *at = grow_break(100000);
    grow_break(50000);
    must(sbrk(0) == at + 150000);
    must(sbrk(-30000) != (void *)-1);
    must(brk(at + 80000) == 0);
}

int main(int count, char **arguments) {
    const char *course = count > 1 ? arguments[1] : "";
    if (strcmp(course, "anonymous") == 0)
        anonymous();
    else if (strcmp(course, "partial") == 0)
        partial();
    else if (strcmp(course, "across") == 0)
        across();
    else if (strcmp(course, "over") == 0)
        over();
    else if (strcmp(course, "reserved") == 0)
        reserved();
    else if (strcmp(course, "reserved by key") == 0)
        reserved_by_key();
    else if (strcmp(course, "files") == 0)
        files(arguments[2]);
    else if (strcmp(course, "moving") == 0)
        moving();
    else if (strcmp(course, "growing") == 0)
        growing();
    else if (strcmp(course, "over again") == 0)
        over_again();
    else if (strcmp(course, "left behind") == 0)
        left_behind();
    else if (strcmp(course, "onto") == 0)
        onto();
    else if (strcmp(course, "doubled") == 0)
        doubled();
    else if (strcmp(course, "given back") == 0)
        given_back();
    else if (strcmp(course, "failing") == 0)
        failing();
    else if (strcmp(course, "break") == 0)
        break_moves();
    else
        abort();
    return 0;
}
