/* The progress bar. */
#include "progress.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR 30
#define REDRAW_MS 200

void progress_start(struct progress *p, const char *command, uint64_t done, uint64_t now_ms)
{
    *p = (struct progress){.command = command,
                           .terminal = isatty(STDERR_FILENO),
                           .last_ms = now_ms,
                           .start_ms = now_ms,
                           .start_done = done};
}

static void draw_bar(struct progress *p, uint64_t done, uint64_t total, bool again, uint64_t now_ms)
{
    char bar[BAR + 1];
    double share = (double)done / (double)total;
    memset(bar, ' ', BAR);
    memset(bar, '#', (size_t)(share * BAR));
    bar[BAR] = 0;
    double rate =
        now_ms > p->start_ms ? 1000.0 * (double)(done - p->start_done) / (double)(now_ms - p->start_ms) : 0;
    fprintf(stderr, "\r\033[K[%s] %5.1f%%  %s of %s", bar, 100 * share, byte_size(done), byte_size(total));
    if (rate >= 1)
        fprintf(stderr, ", %s/s, %" PRIu64 " s left", byte_size((uint64_t)rate),
                (uint64_t)((double)(total - done) / rate));
    if (again)
        fputs(", asking for what is missing", stderr);
    p->shown = true;
}

void progress_show(struct progress *p, uint64_t done, uint64_t total, bool again, uint64_t now_ms)
{
    if (total == 0)
        return;
    if (p->terminal) {
        if (done == total || now_ms - p->last_ms >= REDRAW_MS) {
            p->last_ms = now_ms;
            draw_bar(p, done, total, again, now_ms);
        }
        return;
    }
    unsigned tenths = (unsigned)(10.0 * (double)done / (double)total);
    if (p->command && tenths > p->tenths) {
        p->tenths = tenths;
        fprintf(stderr, "engram %s: %u%%, %s of %s\n", p->command, 10 * tenths, byte_size(done),
                byte_size(total));
    }
}

void progress_clear(struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}

uint64_t now_in_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
