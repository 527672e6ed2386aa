/* Children of every kind. The argument names the course. The parent keeps 100 blocks of 1,000 bytes, and 5 of 50 after its
   child is over; a child frees 40 of the 100 and keeps 10 of 500. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
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

/* The raw system call that everything else is made of. */
static pid_t cloned(void) { return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL); }

/* 500 children, all of them there at once, and each with a block of its own size. */
enum { MANY = 500 };
void *in_many(size_t size) { return malloc(size); }

static void many(void) {
    int ready[2], over[2];
    pid_t children[MANY];
    char byte;
    must(pipe(ready) == 0 && pipe(over) == 0);
    for (int i = 0; i < MANY; i++) {
        children[i] = fork();
        must(children[i] >= 0);
        if (children[i] == 0) {
            close(over[1]);
            in_many(1000 + i);
            must(write(ready[1], "", 1) == 1);
            must(read(over[0], &byte, 1) == 0);
            _exit(7);
        }
    }
    for (int i = 0; i < MANY; i++)
        must(read(ready[0], &byte, 1) == 1);
    close(over[1]);
    for (int i = 0; i < MANY; i++)
        await(children[i]);
}

/* The one in between ends before the last one allocates anything: its parent process is another one by then. */
static void daemonized(void) {
    int ended[2], begun[2];
    char byte;
    must(pipe(ended) == 0 && pipe(begun) == 0);
    pid_t child = fork();
    if (child == 0) {
        setsid();
        if (fork() == 0) {
            close(ended[1]);
            close(begun[0]);
            must(read(ended[0], &byte, 1) == 0);
            be_child();
            exit(7); /* closes `begun` */
        }
        _exit(7);
    }
    close(begun[1]);
    await(child);
    close(ended[1]);
    must(read(begun[0], &byte, 1) == 0);
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

static char *nothing[] = {NULL};
static char *child_arguments[] = {"processes", "child", NULL};

static void execute_vforked(const char *program, char **environment) {
    pid_t child = vfork();
    if (child == 0) {
        execve("/no/such/program", child_arguments, environment);
        execve(program, child_arguments, environment);
        _exit(1);
    }
    await(child);
}

/* More variables than fit on a stack of any size that a program may have there. */
static char **crowded(void) {
    static char *environment[3001];
    for (int i = 0; i < 3000; i++)
        environment[i] = i == 1500 ? "LD_PRELOAD=libm.so.6" : "A=b";
    return environment;
}

static void spawned(const char *program, char **environment) {
    pid_t child;
    must(posix_spawn(&child, program, NULL, NULL, child_arguments, environment) == 0);
    await(child);
    must(posix_spawn(&child, "/no/such/program", NULL, NULL, child_arguments, environment) != 0);
}

/* By name, found in PATH, which is the program's folder. */
static void spawned_by_name(void) {
    must(posix_spawnp(NULL, "processes", NULL, NULL, child_arguments, nothing) == 0);
    int status;
    must(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

/* Every function of the family, each in a child, with an empty environment where it takes one and an emptied one else. */
static void execute_in_every_way(const char *program) {
    int fd = open(program, O_RDONLY);
    for (int way = 0; way < 10; way++) {
        pid_t child = fork();
        if (child == 0) {
            environ = nothing;
            switch (way) {
            case 0: execve(program, child_arguments, nothing);
            case 1: execv(program, child_arguments);
            case 2: execl(program, "processes", "child", NULL);
            case 3: execle(program, "processes", "child", NULL, nothing);
            case 4: fexecve(fd, child_arguments, nothing);
            case 5: execveat(AT_FDCWD, program, child_arguments, nothing, 0);
            case 6: execveat(fd, "", child_arguments, nothing, AT_EMPTY_PATH);
            case 7: execle(program, "processes", "child", "2", "3", "4", "5", "6", "7", "8", "9", NULL, nothing);
            }
            chdir(dirname(strdup(program)));
            setenv("PATH", ".", 1);
            switch (way) {
            case 8: execlp("processes", "processes", "child", "2", "3", "4", "5", "6", "7", NULL);
            case 9: execvp("processes", child_arguments);
            }
            _exit(1);
        }
        await(child);
    }
}

/* One process, three programs, each with blocks of its own. */
void *in_link(void) { return malloc(2000); }

static void chained(const char *program, int links) {
    for (int i = 0; i < links * 10; i++)
        in_link();
    char next[2] = {'0' + links - 1, 0};
    char *arguments[] = {"processes", "chain", next, NULL};
    if (links == 1)
        exit(0);
    execve(program, arguments, nothing);
    abort();
}

/* What is passed on must be what was asked for, to the letter. */
static void show(int count, char **arguments) {
    for (int i = 0; i < count; i++)
        printf("argument %s\n", arguments[i]);
    for (char **each = environ; *each != NULL; each++)
        printf("variable %s\n", strncmp(*each, "LD_PRELOAD=", 11) == 0 ? "LD_PRELOAD" : *each);
}

static void shown(const char *program) {
    char *environment[] = {"ONE=1", "TWO=", "ONE=again", "no equals sign", NULL};
    errno = 0;
    must(execve("/no/such/program", child_arguments, environment) == -1 && errno == ENOENT);
    must(execl("/", "x", NULL) == -1 && errno == EACCES);
    execle(program, "its own name", "show", "", "a b", "5", "6", "7", "8", "9", NULL, environment);
    abort();
}

/* A parent with 8 MiB and a child with 16 more, there until the time line tells that both were seen. */
void *in_big(size_t size) { return malloc(size); }

static void await_sample(const char *timeline) {
    static char text[1 << 20];
    char mark[32];
    sprintf(mark, ",%d,", getpid());
    for (;;) {
        int fd = open(timeline, O_RDONLY);
        if (fd < 0) { /* it is made when this program runs already */
            must(errno == ENOENT);
            sched_yield();
            continue;
        }
        ssize_t length = read(fd, text, sizeof text - 1);
        close(fd);
        must(length >= 0);
        text[length] = 0;
        for (char *at = text; (at = strstr(at, mark)) != NULL; at++)
            if (strtoul(at + strlen(mark), NULL, 10) > 24 << 20)
                return;
        sched_yield();
    }
}

static void sampled(const char *timeline) {
    in_big(8 << 20);
    pid_t child = fork();
    if (child == 0) {
        in_big(16 << 20);
        await_sample(timeline);
        _exit(7);
    }
    await(child);
}

/* A parent that drops what its child goes on to hold. */
static void handed_down(void) {
    int go[2];
    char byte;
    must(pipe(go) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(go[1]);
        in_child();
        must(read(go[0], &byte, 1) == 0);
        _exit(7);
    }
    for (int i = 0; i < 100; i++)
        free(blocks[i]);
    close(go[1]);
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
    if (strcmp(course, "show") == 0) {
        show(count, arguments);
        return 0;
    }
    if (strcmp(course, "chain") == 0)
        chained("/proc/self/exe", arguments[2][0] - '0');
    if (strcmp(course, "fork") == 0)
        forked(fork());
    else if (strcmp(course, "clone") == 0)
        forked(cloned());
    else if (strcmp(course, "many") == 0)
        many();
    else if (strcmp(course, "daemon") == 0)
        daemonized();
    else if (strcmp(course, "handed down") == 0)
        handed_down();
    else if (strcmp(course, "sampled") == 0)
        sampled(arguments[2]);
    else if (strcmp(course, "shown") == 0)
        shown(arguments[0]);
    else if (strcmp(course, "every way") == 0)
        execute_in_every_way(arguments[0]);
    else if (strcmp(course, "vfork without environment") == 0)
        execute_vforked(arguments[0], nothing);
    else if (strcmp(course, "vfork with a crowded environment") == 0)
        execute_vforked(arguments[0], crowded());
    else if (strcmp(course, "spawn without environment") == 0)
        spawned(arguments[0], nothing);
    else if (strcmp(course, "spawn by name") == 0)
        spawned_by_name();
    else if (strcmp(course, "past the hooks") == 0) {
        clearenv();
        must(system("exit 0") == 0);
        must(pclose(popen("exit 0", "r")) == 0);
    }
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
        spawned(arguments[0], environ);
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
