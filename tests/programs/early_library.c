/* Allocates in its constructor, which runs before the tracker's. */
#include <stdlib.h>

void *early[1000];

__attribute__((constructor)) static void construct(void) {
    for (int i = 0; i < 1000; i++)
        early[i] = malloc(100);
}
