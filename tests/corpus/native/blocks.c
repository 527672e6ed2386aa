/* Native memory: lost, growing in place, given back, and kept in a pool of bounded size. */

#include <stdlib.h>
#include <string.h>

static void *volatile sink;
static char *text;
static size_t length;

/* Allocates and forgets. */
void lose(int size)
{
    sink = malloc((size_t)size);
    memset(sink, 1, (size_t)size);
    sink = NULL;
}

/* Makes one block longer. */
int extend(int by)
{
    char *longer = realloc(text, length + (size_t)by);
    if (longer == NULL)
        return -1;
    memset(longer + length, 1, (size_t)by);
    text = longer;
    length += (size_t)by;
    return 0;
}

/* Allocates and frees `count` blocks. */
void borrow(int count, int size)
{
    void **blocks = malloc((size_t)count * sizeof *blocks);
    for (int at = 0; at < count; at++)
        blocks[at] = calloc(1, (size_t)size + (size_t)at);
    for (int at = 0; at < count; at++)
        free(blocks[at]);
    free(blocks);
}

enum { POOL = 700 };

static void *pool[POOL];
static int pooled;

/* Hands out a block of the pool, which takes a new one from the system until it is full: 700 of 512 bytes. */
int take(int number)
{
    if (pooled < POOL)
        pool[pooled++] = malloc(512);
    memset(pool[number % pooled], number, 512);
    return pooled;
}
