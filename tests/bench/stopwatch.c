/*
 * Runs a machine whose serial line is its standard output, and prints the
 * nanoseconds of CPU time that it takes from the end of the guest's line START
 * to the first character of its next line: firmware, boot loader and the
 * machine's own start are left out, and so is what other programs take of the
 * core. Then the machine is ended.
 *
 *     stopwatch SECONDS COMMAND [ARGUMENT]...
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* CPU time of the machine, all threads together. */
static uint64_t spent_by(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static pid_t start(char **command, int *line)
{
    int ends[2];
    if (pipe(ends) != 0) {
        perror("stopwatch: pipe");
        exit(2);
    }
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execvp(command[0], command);
        fprintf(stderr, "stopwatch: cannot run %s\n", command[0]);
        _exit(127);
    }
    close(ends[1]);
    *line = ends[0];
    return child;
}

/* A machine may have something to say at its end. */
static void end(pid_t child)
{
    const struct timespec a_while = {.tv_nsec = 5000000};
    kill(child, SIGTERM);
    for (int i = 0; i < 400; i++) {
        if (waitpid(child, NULL, WNOHANG) == child)
            return;
        nanosleep(&a_while, NULL);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* The serial line so far, and when START was complete. */
static struct {
    char text[4096];
    size_t length;
    int complete;
    uint64_t started; /* CPU time */
} seen;

/* What came when the machine had spent `now`. True once the line after START has begun. */
static int take(const char *bytes, size_t n, uint64_t now)
{
    static const char start_line[] = "START\n";
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\r')
            continue;
        if (seen.complete)
            return 1;
        if (seen.length == sizeof(seen.text) - 1)
            seen.length = 0;
        seen.text[seen.length++] = bytes[i];
        size_t from = seen.length - (sizeof(start_line) - 1);
        if (seen.length >= sizeof(start_line) - 1 &&
            memcmp(seen.text + from, start_line, sizeof(start_line) - 1) == 0)
            seen.complete = 1, seen.started = now;
    }
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t limit = argc > 2 ? strtoull(argv[1], NULL, 10) * 1000000000u : 0, begun = nanoseconds(),
             now = begun;
    int line, result = 1;
    if (!limit) {
        fputs("usage: stopwatch SECONDS COMMAND [ARGUMENT]...\n", stderr);
        return 2;
    }
    pid_t child = start(argv + 2, &line);
    clockid_t clock;
    if (clock_getcpuclockid(child, &clock) != 0) {
        fputs("stopwatch: there is no CPU clock of another process here\n", stderr);
        end(child);
        return 2;
    }
    for (;;) {
        char bytes[256];
        struct pollfd p = {.fd = line, .events = POLLIN};
        if (now - begun > limit) {
            fprintf(stderr, "stopwatch: no line after START within %s seconds\n", argv[1]);
            break;
        }
        int ready = poll(&p, 1, 1000);
        now = nanoseconds();
        if (ready <= 0)
            continue;
        ssize_t n = read(line, bytes, sizeof bytes);
        uint64_t spent = spent_by(clock);
        if (n <= 0) {
            fprintf(stderr, "stopwatch: the machine ended before the line after START; its last words: %s\n",
                    seen.text);
            break;
        }
        if (take(bytes, (size_t)n, spent)) {
            result = spent == seen.started; /* both in one piece: too short to be measured */
            if (result)
                fputs("stopwatch: START and the next line came at once: give a larger n\n", stderr);
            else
                printf("%" PRIu64 "\n", spent - seen.started);
            break;
        }
    }
    end(child);
    return result;
}
