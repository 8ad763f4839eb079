/* libFuzzer: the command line. What is refused is refused with one line; what stands in the options is
 * usable. */
#include "options.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            abort();                                                                                         \
    } while (0)

static void check_point(const struct point *p)
{
    CHECK(p->kind <= POINT_EVENTS && memchr(p->text, 0, sizeof(p->text)));
    CHECK(p->kind != POINT_TEXT || p->text[0]);
    CHECK((p->kind != POINT_EVENTS && p->kind != POINT_INSTRUCTIONS) || p->number);
}

/* Also after a mistake: what comes before it is used to report it. */
static void check_options(const struct options *o)
{
    CHECK(o->engine <= ENGINE_DBT && o->after <= AFTER_RESET && o->ring_mode <= RING_DRAIN);
    CHECK(o->record & (RECORD_WRITES | RECORD_READS));
    CHECK(o->ring_bytes >= RING_BYTES_MIN && o->ring_bytes % RING_SEGMENT_BYTES == 0);
    CHECK(o->serial_baud && 115200 % o->serial_baud == 0 && 115200 / o->serial_baud <= 0xffff);
    CHECK(o->serial_port <= 0xfff8);
    CHECK(memchr(o->guest_args, 0, sizeof(o->guest_args)));
    CHECK(o->start.kind != POINT_END && o->start.kind != POINT_EVENTS && o->stop.kind != POINT_BOOT);
    check_point(&o->start);
    check_point(&o->stop);
}

/* The error is shown on a screen. */
static void check_error(const char *error)
{
    CHECK(error[0] && memchr(error, 0, OPTIONS_ERROR_BYTES));
    for (const char *p = error; *p; p++)
        CHECK(*p >= ' ' && *p <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct options options, again;
    char error[OPTIONS_ERROR_BYTES] = "", no_room[16];
    char *line = malloc(size + 1);

    if (!line)
        return 0;
    memcpy(line, data, size);
    line[size] = '\0';
    bool ok = options_parse(&options, line, error, sizeof(error));
    check_options(&options);
    if (!ok)
        check_error(error);
    CHECK(options_parse(&again, line, no_room, sizeof(no_room)) == ok);
    CHECK(memcmp(&options, &again, sizeof(options)) == 0);
    CHECK(ok || memchr(no_room, 0, sizeof(no_room)));
    free(line);
    return 0;
}
