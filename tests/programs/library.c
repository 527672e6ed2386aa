/* What the C library allocates for its caller. Prints the bytes and blocks that it holds for the program at the end. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void held(size_t bytes, size_t blocks) {
    char text[64];
    int length = snprintf(text, sizeof text, "%zu %zu\n", bytes, blocks);
    if (write(1, text, length) != length)
        abort();
}

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "";
    if (strcmp(what, "strdup") == 0) {
        for (int i = 0; i < 1000; i++)
            if (strdup("eight by") == NULL)
                abort();
        held(9000, 1000);
    } else if (strcmp(what, "getline") == 0) {
        char *line = NULL;
        size_t room = 0;
        setvbuf(stdin, NULL, _IONBF, 0);
        while (getline(&line, &room, stdin) > 0) {
        }
        held(room, 1);
    } else if (strcmp(what, "asprintf") == 0) {
        for (int i = 0; i < 100; i++) {
            char *text;
            if (asprintf(&text, "%0999d", i) != 999)
                abort();
        }
        held(100000, 100);
    } else {
        abort();
    }
    return 0;
}
