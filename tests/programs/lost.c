/* Children that cannot make a file of their own, for the reason that the first argument names. With a second argument such a
   child allocates before it forks again. The parent keeps 10 blocks of 1,000 bytes; the last of three generations says 15. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void *blocks[10];

void *before(void) { return malloc(1000); }
void *in_lost(void) { return malloc(500); }

static void must(int is_true) {
    if (!is_true)
        abort();
}

static void limit(int resource, rlim_t most) {
    struct rlimit both = {most, most};
    must(setrlimit(resource, &both) == 0);
}

static void lose(const char *reason) {
    if (strcmp(reason, "rights") == 0)
        must(setgid(65534) == 0 && setuid(65534) == 0);
    else if (strcmp(reason, "descriptors") == 0)
        limit(RLIMIT_NOFILE, 3);
    else if (strcmp(reason, "space") == 0)
        limit(RLIMIT_FSIZE, 4096);
    else
        must(strcmp(reason, "not followed") == 0);
}

static int status_of(pid_t child) {
    int status;
    must(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int last(void) {
    memset(in_lost(), 1, 500);
    pid_t child = fork();
    if (child == 0) {
        free(blocks[1]);
        in_lost();
        _exit(15);
    }
    return status_of(child);
}

int main(int count, char **arguments) {
    limit(RLIMIT_CPU, 20); /* a child that waits for ever in vain is ended */
    for (int i = 0; i < 10; i++)
        blocks[i] = before();
    pid_t child = fork();
    if (child == 0) {
        lose(arguments[1]);
        if (count > 2)
            free(blocks[0]), in_lost();
        pid_t next = fork();
        if (next == 0)
            _exit(last());
        _exit(status_of(next));
    }
    return status_of(child);
}
