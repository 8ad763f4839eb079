/*
 * Engram's command line. docs/options.md is the page for users; the table in
 * options.c is the one place that knows names, forms and defaults.
 */
#ifndef ENGRAM_OPTIONS_H
#define ENGRAM_OPTIONS_H

#include "trace/access.h"
#include "trace/filter.h"
#include "trace/ring.h"
#include "types.h"

enum engine_choice { ENGINE_AUTO, ENGINE_VMX, ENGINE_DBT };

enum prove { PROVE_OFF, PROVE_ON, PROVE_PAGES };

/* Whose hypercalls count; those of others are #UD. */
enum hypercalls_from { HYPERCALLS_USER, HYPERCALLS_KERNEL, HYPERCALLS_OFF };

enum after_run { AFTER_HALT, AFTER_POWEROFF, AFTER_RESET };

/* When recording starts or the run stops. */
enum point_kind {
    POINT_BOOT,         /* start: with the guest's first instruction */
    POINT_END,          /* stop: when the guest ends, or the run is ended from outside */
    POINT_RIP,          /* about to execute the instruction at linear address `rip` */
    POINT_TEXT,         /* the guest has written `text` to its serial line */
    POINT_MARK,         /* a hypercall's mark is `text` */
    POINT_INSTRUCTIONS, /* the guest has executed `number` instructions */
    POINT_EVENTS,       /* stop: `number` accesses have been recorded */
    POINT_HYPERCALL,    /* start: when the guest asks for it */
};

#define POINT_TEXT_MAX 63

struct point {
    enum point_kind kind;
    gva_t rip;
    uint64_t number;
    char text[POINT_TEXT_MAX + 1];
};

#define GUEST_ARGS_MAX 95

struct options {
    enum engine_choice engine;
    unsigned record; /* enum record_kinds */
    struct filter filter;
    uint64_t ring_bytes; /* a multiple of RING_SEGMENT_BYTES, at least RING_BYTES_MIN */
    enum ring_mode ring_mode;
    enum prove proof;
    bool drain_loses;     /* RING_DRAIN: the guest does not wait for the line */
    uint16_t serial_port; /* I/O port, 0 for none */
    uint32_t serial_baud; /* divides 115200 */
    struct point start, stop;
    enum hypercalls_from hypercalls;
    uint32_t timeout; /* seconds, 0 for none */
    enum after_run after;
    char guest_args[GUEST_ARGS_MAX + 1]; /* of the built-in guest */
    bool dump_previous;                  /* no run: the dump of the one that a reset has ended */
    uint32_t dump_wait;                  /* seconds to go on without an answer once all was sent */
};

#define OPTIONS_LINE_MAX 2047
/* Room for the longest error: what is wrong, and all valid options with their forms. */
#define OPTIONS_ERROR_BYTES 1024

void options_default(struct options *o);

/*
 * Reads a command line: words "name=value" separated by blanks; "…" keeps blanks, \ takes the next character
 * literally (GRUB passes words with blanks that way). A first word that is the image's path is skipped.
 * Options not named get their defaults. False: `error` has one line that names the word and the valid
 * options, and `o` holds what was right up to there (so that serial= given before the mistake is used to say
 * it).
 */
bool options_parse(struct options *o, const char *line, char *error, size_t size);

#endif
