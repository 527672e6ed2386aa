/* Ends in the way that the argument names, with 100 blocks of 1,000 bytes of `kept` and 300 of `freed` behind it. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void *kept(void) { return malloc(1000); }
void *freed(void) { return malloc(5000); }
void *at_exit(void) { return malloc(70); }
static void last(void) { at_exit(); }

static void *waits(void *gate) {
    kept();
    pthread_barrier_wait(gate);
    for (;;)
        pause();
}

int main(int count, char **arguments) {
    const char *way = count > 1 ? arguments[1] : "";
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    void *all[300];
    for (int i = 0; i < 300; i++)
        all[i] = freed();
    for (int i = 0; i < 300; i++)
        free(all[i]);
    for (int i = 0; i < 99; i++)
        kept();
    pthread_barrier_t gate;
    pthread_barrier_init(&gate, NULL, 2);
    pthread_t thread;
    pthread_create(&thread, NULL, waits, &gate);
    pthread_barrier_wait(&gate);
    if (strcmp(way, "return") == 0) {
        atexit(last);
        return 3;
    }
    if (strcmp(way, "exit") == 0) {
        atexit(last);
        exit(3);
    }
    if (strcmp(way, "_exit") == 0)
        _exit(3);
    if (strcmp(way, "quick_exit") == 0)
        quick_exit(3);
    if (strcmp(way, "raw") == 0)
        syscall(SYS_exit_group, 3);
    if (strcmp(way, "abort") == 0)
        abort();
    if (strcmp(way, "segv") == 0)
        *(volatile int *)8 = 1;
    if (strcmp(way, "kill") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(way, "term") == 0)
        raise(SIGTERM);
    return 1;
}
