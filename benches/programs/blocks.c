/* A native heap: so many blocks of 48 bytes, alive together. */
#include <stdlib.h>

int main(int count, char **arguments) {
    long blocks = count > 1 ? atol(arguments[1]) : 1000000;
    void **before = NULL;
    for (long block = 0; block < blocks; block++) {
        void **fresh = malloc(48);
        *fresh = before;
        before = fresh;
    }
    return before == NULL;
}
