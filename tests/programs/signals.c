/* A handler that comes every millisecond, allocates and frees, until it came 500 times. The argument says what it
   interrupts; the program's own calls of malloc are protected from it, as the C library requires. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

enum { TIMES = 500, EACH = 10 };
static volatile sig_atomic_t times;
static void *last;

void *in_handler(void) { return malloc(48); }
void *between(size_t size) { return malloc(size); }
char *mapped(void) { return mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

/* Of ten blocks one stays, until the next time. */
static void handle(int number) {
    (void)number;
    if (times == TIMES)
        return;
    for (int i = 0; i < EACH; i++) {
        void *block = in_handler();
        if (i == 0) {
            free(last);
            last = block;
        } else {
            free(block);
        }
    }
    times++;
}

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "";
    /* Here once, so that the stack is known before a handler meets it in the middle of something. */
    free(in_handler());
    struct sigaction action = {.sa_handler = handle};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval every = {{0, 1000}, {0, 1000}};
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    setitimer(ITIMER_REAL, &every, NULL);
    long rounds = 0;
    while (times < TIMES) {
        if (strcmp(what, "nothing") == 0)
            continue;
        rounds++;
        if (strcmp(what, "mappings") == 0) {
            munmap(mapped(), 8192);
        } else {
            pthread_sigmask(SIG_BLOCK, &alarm, NULL);
            free(between(rounds % 1000));
            pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
        }
    }
    pthread_sigmask(SIG_BLOCK, &alarm, NULL);
    printf("%ld\n", rounds);
    return 0;
}
