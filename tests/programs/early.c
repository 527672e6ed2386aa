/* Frees and changes blocks that are older than the tracker. */
#include <stdlib.h>

extern void *early[1000];

void frees(void) {
    for (int i = 0; i < 900; i++)
        free(early[i]);
}

void enlarges(void) {
    for (int i = 900; i < 1000; i++)
        early[i] = realloc(early[i], 200);
}

void allocates(void) {
    for (int i = 0; i < 900; i++)
        early[i] = malloc(50);
}

int main(void) {
    frees();
    enlarges();
    allocates();
    return 0;
}
