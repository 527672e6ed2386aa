/* Children of every kind. The argument names the course. The parent keeps 100 blocks of 1,000 bytes, and 5 of 50 after its
   child is over; a child frees 40 of the 100 and keeps 10 of 500. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static void *blocks[100];

void *before(void) { return malloc(1000); }
void *after(void) { return malloc(50); }
void *in_child(void) { return malloc(500); }
void *in_grandchild(void) { return malloc(300); }

static void must(int is_true) {
    if (!is_true)
        abort();
}

static void await(pid_t child) {
    int status;
    must(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void be_child(void) {
    for (int i = 0; i < 40; i++)
        free(blocks[i]);
    for (int i = 0; i < 10; i++)
        in_child();
}

static void forked(pid_t child) {
    must(child >= 0);
    if (child == 0) {
        be_child();
        _exit(7);
    }
    await(child);
}

static void generations(void) {
    pid_t child = fork();
    if (child == 0) {
        be_child();
        pid_t grandchild = fork();
        if (grandchild == 0) {
            for (int i = 40; i < 100; i++)
                free(blocks[i]);
            for (int i = 0; i < 3; i++)
                in_grandchild();
            _exit(7);
        }
        await(grandchild);
        exit(7);
    }
    await(child);
}

/* The child shares the parent's memory until it executes another program. */
static void vforked(const char *program) {
    pid_t child = vfork();
    if (child == 0) {
        execl(program, program, "child", NULL);
        _exit(1);
    }
    await(child);
}

static void spawned(const char *program) {
    pid_t child;
    char *arguments[] = {(char *)program, "child", NULL};
    must(posix_spawn(&child, program, NULL, NULL, arguments, environ) == 0);
    await(child);
}

/* Threads that allocate all the time, while the first thread forks. */
enum { WORKERS = 3, FORKS = 50, EACH = 100000 };
void *in_worker(void) { return malloc(64); }

static void *work(void *unused) {
    for (int i = 0; i < EACH; i++)
        free(in_worker());
    return unused;
}

static void among_threads(void) {
    pthread_t threads[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        must(pthread_create(&threads[i], NULL, work, NULL) == 0);
    for (int i = 0; i < FORKS; i++)
        forked(fork());
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
}

int main(int count, char **arguments) {
    const char *course = count > 1 ? arguments[1] : "";
    for (int i = 0; i < 100; i++)
        blocks[i] = before();
    if (strcmp(course, "child") == 0) {
        be_child();
        exit(7);
    }
    if (strcmp(course, "fork") == 0)
        forked(fork());
    else if (strcmp(course, "_Fork") == 0)
        forked(_Fork());
    else if (strcmp(course, "raw") == 0)
        forked(syscall(SYS_fork));
    else if (strcmp(course, "limited") == 0) {
        struct rlimit small = {4096, 4096};
        must(setrlimit(RLIMIT_FSIZE, &small) == 0);
        forked(fork());
    } else if (strcmp(course, "generations") == 0)
        generations();
    else if (strcmp(course, "vfork") == 0)
        vforked(arguments[0]);
    else if (strcmp(course, "spawn") == 0)
        spawned(arguments[0]);
    else if (strcmp(course, "threads") == 0)
        among_threads();
    else if (strcmp(course, "exec") == 0)
        execl(arguments[0], arguments[0], "child", NULL);
    else if (strcmp(course, "silent") == 0) {
        if (fork() == 0)
            _exit(7); /* without a single event */
        wait(NULL);
    } else
        abort();
    for (int i = 0; i < 5; i++)
        after();
    return 0;
}
