/* A heap of small blocks: made, and by choice freed again. One more block, from another line, comes last. */
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 1 << 20, SIZE = 40 };

static void *blocks[BLOCKS];

int main(int count, char **arguments) {
    for (int at = 0; at < BLOCKS; at++) {
        blocks[at] = malloc(SIZE);
    }
    if (count > 1 && strcmp(arguments[1], "free") == 0) {
        for (int at = 0; at < BLOCKS; at++) {
            free(blocks[at]);
        }
    }
    blocks[0] = malloc(SIZE);
    return blocks[0] == NULL;
}
