/* Peaks of known height and composition. The argument names the course. */
#include <stdlib.h>
#include <string.h>

enum { KIB = 1024 };

void *first(size_t size) { return malloc(size); }
void *second(size_t size) { return malloc(size); }
void *third(size_t size) { return malloc(size); }

/* 300 + 200 KiB in the middle, 150 + 100 at the end. */
static void middle(void) {
    void *a = first(300 * KIB);
    void *b = second(200 * KIB);
    free(a);
    free(b);
    first(150 * KIB);
    third(100 * KIB);
}

/* 10 + 20 + 30 KiB, all at the end. */
static void end(void) {
    free(first(55 * KIB));
    first(10 * KIB);
    second(20 * KIB);
    third(30 * KIB);
}

/* 100 KiB twice: of first and second, then of third. The first time is the peak. */
static void twice(void) {
    void *a = first(60 * KIB);
    void *b = second(40 * KIB);
    free(b);
    free(a);
    third(100 * KIB);
}

/* The same height again, and one byte more in the end. */
static void one_more(void) {
    free(first(100 * KIB));
    void *b = second(100 * KIB);
    free(b);
    third(100 * KIB + 1);
}

/* 1,000 times up and down; in the 700th round 64 KiB more than ever. */
static void waves(void) {
    for (int round = 0; round < 1000; round++) {
        void *blocks[64];
        for (int i = 0; i < 64; i++)
            blocks[i] = i % 2 ? first(KIB) : second(2 * KIB);
        void *more = round == 700 ? third(64 * KIB) : NULL;
        for (int i = 0; i < 64; i++)
            free(blocks[i]);
        free(more);
    }
}

/* Blocks without bytes raise no peak, and are in its composition when they were there. */
static void empty(void) {
    first(0);
    void *b = second(KIB);
    third(0);
    free(b);
    first(0);
}

int main(int count, char **arguments) {
    const char *course = count > 1 ? arguments[1] : "";
    if (strcmp(course, "middle") == 0)
        middle();
    else if (strcmp(course, "end") == 0)
        end();
    else if (strcmp(course, "twice") == 0)
        twice();
    else if (strcmp(course, "one_more") == 0)
        one_more();
    else if (strcmp(course, "waves") == 0)
        waves();
    else if (strcmp(course, "empty") == 0)
        empty();
    else
        abort();
    return 0;
}
