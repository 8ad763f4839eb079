/*
 * The command line: one table of options, each with its form, default and a function that reads its
 * value. Defaults are written as a user would write them and read by the same functions.
 */
#include "options.h"

#include "console.h"
#include "error_text.h"
#include "filter_options.h"
#include "number.h"

#include <string.h>

/* A word of the command line after quotes and backslashes are resolved. */
#define WORD_MAX 127
struct word {
    char text[WORD_MAX + 1];
    bool cut;
};

/* What is wrong with a value, said behind the option's name. */
#define REASON_BYTES 160
struct reason {
    char text[REASON_BYTES];
};

#define WRONG(reason, ...) error_text((reason)->text, REASON_BYTES, "is wrong: " __VA_ARGS__)

/* ---- values ---- */

/* The index of `value` among `choices`, which end with NULL; -1 for none. */
static int choose(const char *value, const char *const *choices)
{
    for (int i = 0; choices[i]; i++)
        if (!strcmp(value, choices[i]))
            return i;
    return -1;
}

/* What follows `prefix` in `value`, or NULL where it begins otherwise. */
static const char *after_prefix(const char *value, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(value, prefix, n) ? NULL : value + n;
}

/* ---- one function per option ---- */

static bool set_engine(struct options *o, const char *value, struct reason *r)
{
    static const char *const names[] = {"auto", "vmx", "dbt", NULL};
    int i = choose(value, names);

    if (i < 0)
        return WRONG(r, "it is auto, vmx or dbt");
    o->engine = (enum engine_choice)i;
    return true;
}

static bool set_trace(struct options *o, const char *value, struct reason *r)
{
    static const char *const names[] = {"w", "r", "rw", NULL};
    int i = choose(value, names);

    if (i < 0)
        return WRONG(r, "it is w, r or rw");
    static const unsigned kinds[] = {RECORD_WRITES, RECORD_READS, RECORD_READS | RECORD_WRITES};
    o->record = (o->record & RECORD_WALK_READS) | kinds[i];
    return true;
}

static bool set_walk_reads(struct options *o, const char *value, struct reason *r)
{
    static const char *const names[] = {"off", "on", NULL};
    int i = choose(value, names);

    if (i < 0)
        return WRONG(r, "it is off or on");
    o->record = (o->record & ~(unsigned)RECORD_WALK_READS) | (i ? RECORD_WALK_READS : 0);
    return true;
}

static bool set_filter_gpa(struct options *o, const char *value, struct reason *r)
{
    const char *wrong = filter_parse_ranges(&o->filter.gpa, value);
    return !wrong || WRONG(r, "%s", wrong);
}

static bool set_filter_gva(struct options *o, const char *value, struct reason *r)
{
    const char *wrong = filter_parse_ranges(&o->filter.gva, value);
    return !wrong || WRONG(r, "%s", wrong);
}

static bool set_filter_cpl(struct options *o, const char *value, struct reason *r)
{
    const char *wrong = filter_parse_levels(&o->filter.levels, value);
    return !wrong || WRONG(r, "%s", wrong);
}

static bool set_filter_cr3(struct options *o, const char *value, struct reason *r)
{
    const char *wrong = filter_parse_cr3(&o->filter, value);
    return !wrong || WRONG(r, "%s", wrong);
}

static unsigned unit_shift(char unit)
{
    switch (unit) {
    case 'K':
    case 'k':
        return 10;
    case 'M':
    case 'm':
        return 20;
    case 'G':
    case 'g':
        return 30;
    default:
        return 0;
    }
}

static bool set_ring(struct options *o, const char *value, struct reason *r)
{
    const char *end;
    uint64_t bytes;
    unsigned shift;

    if (!read_number(value, &end, &bytes))
        return WRONG(r, "SIZE is a number with K, M or G behind it, such as 16M");
    shift = unit_shift(*end);
    if (shift)
        end++;
    if (*end)
        return WRONG(r, "SIZE is a number with K, M or G behind it, such as 16M");
    if (bytes > UINT64_MAX >> shift)
        return WRONG(r, "SIZE does not fit in 64 bits");
    bytes <<= shift;
    if (bytes < RING_BYTES_MIN)
        return WRONG(r, "SIZE is at least %uK", RING_BYTES_MIN / 1024);
    if (bytes % RING_SEGMENT_BYTES)
        return WRONG(r, "SIZE is a multiple of %uK", RING_SEGMENT_BYTES / 1024);
    o->ring_bytes = bytes;
    return true;
}

static bool set_ring_mode(struct options *o, const char *value, struct reason *r)
{
    static const char *const names[] = {
        [RING_WRAP] = "wrap", [RING_STOP] = "stop", [RING_DRAIN] = "drain", "drain,lose", NULL};
    int i = choose(value, names);

    if (i < 0)
        return WRONG(r, "it is wrap, stop, drain or drain,lose");
    o->drain_loses = i > RING_DRAIN;
    o->ring_mode = o->drain_loses ? RING_DRAIN : (enum ring_mode)i;
    return true;
}

static bool set_proof(struct options *o, const char *value, struct reason *r)
{
    static const char *const names[] = {
        [PROVE_OFF] = "off", [PROVE_ON] = "on", [PROVE_PAGES] = "pages", NULL};
    int i = choose(value, names);

    if (i < 0)
        return WRONG(r, "it is off, on or pages");
    o->proof = (enum prove)i;
    return true;
}

#define UART_CLOCK 115200u /* divided by 16 already */
#define UART_PORTS 8u

/* Where the UART is; *end is what follows. The ports of COM1 to COM4 are IBM's. */
static bool serial_port(const char *value, const char **end, uint16_t *port)
{
    static const uint16_t com[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
    const char *number = after_prefix(value, "com");
    uint64_t n;

    if (number && *number >= '1' && *number <= '4') {
        *port = com[*number - '1'];
        *end = number + 1;
        return true;
    }
    if (strncmp(value, "0x", 2) || !read_number(value, end, &n) || !n || n > 0x10000 - UART_PORTS)
        return false;
    *port = (uint16_t)n;
    return true;
}

static bool set_serial(struct options *o, const char *value, struct reason *r)
{
    uint64_t baud = UART_CLOCK;
    uint16_t port;
    const char *end;

    if (!strcmp(value, "none")) {
        o->serial_port = 0;
        return true;
    }
    if (!serial_port(value, &end, &port) || (*end && *end != ','))
        return WRONG(r, "it is com1, com2, com3, com4, a port such as 0x3f8, or none");
    if (*end && !whole_number(end + 1, UART_CLOCK, &baud))
        return WRONG(r, "BAUD is a number up to %u", UART_CLOCK);
    /* The divisor has 16 bits. */
    if (!baud || UART_CLOCK % baud || UART_CLOCK / baud > 0xffff)
        return WRONG(r, "BAUD must divide %u: 115200, 57600, 38400, 19200, 9600 and so on", UART_CLOCK);
    o->serial_port = port;
    o->serial_baud = (uint32_t)baud;
    return true;
}

static bool set_rip(struct point *p, const char *address, struct reason *r)
{
    uint64_t rip;

    if (!whole_number(address, UINT64_MAX, &rip))
        return WRONG(r, "ADDR is a linear address such as 0x100000");
    *p = (struct point){.kind = POINT_RIP, .rip = rip};
    return true;
}

static bool set_text(struct point *p, enum point_kind kind, const char *text, struct reason *r)
{
    size_t length = strlen(text);

    if (!length || length > POINT_TEXT_MAX)
        return WRONG(r, "STRING has 1 to %d bytes", POINT_TEXT_MAX);
    *p = (struct point){.kind = kind};
    memcpy(p->text, text, length + 1);
    return true;
}

static bool set_number(struct point *p, enum point_kind kind, const char *value, struct reason *r)
{
    uint64_t number;
    if (!whole_number(value, UINT64_MAX, &number) || !number)
        return WRONG(r, "N is a number from 1 on");
    *p = (struct point){.kind = kind, .number = number};
    return true;
}

/* What start= and stop= have in common. False: it is none of that. */
static bool set_either(struct point *p, const char *value, struct reason *r, bool *right)
{
    const char *rest;
    if ((rest = after_prefix(value, "rip:")))
        *right = set_rip(p, rest, r);
    else if ((rest = after_prefix(value, "text:")))
        *right = set_text(p, POINT_TEXT, rest, r);
    else if ((rest = after_prefix(value, "mark:")))
        *right = set_text(p, POINT_MARK, rest, r);
    else if ((rest = after_prefix(value, "instructions:")))
        *right = set_number(p, POINT_INSTRUCTIONS, rest, r);
    else
        return false;
    return true;
}

static bool set_start(struct options *o, const char *value, struct reason *r)
{
    bool right;
    if (set_either(&o->start, value, r, &right))
        return right;
    static const char *const names[] = {"boot", "hypercall", NULL};
    int i = choose(value, names);
    if (i < 0)
        return WRONG(r, "it is boot, rip:ADDR, text:STRING, mark:STRING, instructions:N or hypercall");
    o->start = (struct point){.kind = i ? POINT_HYPERCALL : POINT_BOOT};
    return true;
}

static bool set_stop(struct options *o, const char *value, struct reason *r)
{
    const char *rest;
    bool right;
    if (set_either(&o->stop, value, r, &right))
        return right;
    if ((rest = after_prefix(value, "events:")))
        return set_number(&o->stop, POINT_EVENTS, rest, r);
    if (strcmp(value, "end"))
        return WRONG(r, "it is end, rip:ADDR, text:STRING, mark:STRING, instructions:N or events:N");
    o->stop = (struct point){.kind = POINT_END};
    return true;
}

static bool set_seconds(uint32_t *seconds, const char *value, struct reason *r)
{
    uint64_t n;

    if (!whole_number(value, UINT32_MAX, &n))
        return WRONG(r, "SECONDS is a whole number, 0 for none");
    *seconds = (uint32_t)n;
    return true;
}

static bool set_timeout(struct options *o, const char *value, struct reason *r)
{
    return set_seconds(&o->timeout, value, r);
}

static bool set_dump_wait(struct options *o, const char *value, struct reason *r)
{
    return set_seconds(&o->dump_wait, value, r);
}

static bool set_dump(struct options *o, const char *value, struct reason *r)
{
    static const char *const names[] = {"end", "previous", NULL};
    int i = choose(value, names);

    if (i < 0)
        return WRONG(r, "it is end or previous");
    o->dump_previous = i == 1;
    return true;
}

static bool set_after(struct options *o, const char *value, struct reason *r)
{
    static const char *const names[] = {"halt", "poweroff", "reset", NULL};
    int i = choose(value, names);

    if (i < 0)
        return WRONG(r, "it is halt, poweroff or reset");
    o->after = (enum after_run)i;
    return true;
}

static bool set_hypercalls(struct options *o, const char *value, struct reason *r)
{
    static const char *const names[] = {
        [HYPERCALLS_USER] = "user", [HYPERCALLS_KERNEL] = "kernel", [HYPERCALLS_OFF] = "off", NULL};
    int i = choose(value, names);

    if (i < 0)
        return WRONG(r, "it is user, kernel or off");
    o->hypercalls = (enum hypercalls_from)i;
    return true;
}

static bool set_args(struct options *o, const char *value, struct reason *r)
{
    size_t length = strlen(value);

    if (length > GUEST_ARGS_MAX)
        return WRONG(r, "the built-in guest takes at most %d bytes", GUEST_ARGS_MAX);
    memcpy(o->guest_args, value, length + 1);
    return true;
}

/* ---- the table ---- */

static const struct option {
    const char *name, *form, *preset;
    bool (*set)(struct options *o, const char *value, struct reason *r);
} table[] = {
    {"engine", "auto|vmx|dbt", "auto", set_engine},
    {"trace", "w|r|rw", "w", set_trace},
    {"walk-reads", "off|on", "off", set_walk_reads},
    {"filter-gpa", "RANGES|all", "all", set_filter_gpa},
    {"filter-gva", "RANGES|all", "all", set_filter_gva},
    {"filter-cpl", "LEVELS|all", "all", set_filter_cpl},
    {"filter-cr3", "ADDRS|all", "all", set_filter_cr3},
    {"ring", "SIZE", "16M", set_ring},
    {"ring-mode", "wrap|stop|drain|drain,lose", "wrap", set_ring_mode},
    {"proof", "off|on|pages", "off", set_proof},
    {"serial", "com1..com4|0xPORT[,BAUD]|none", "com1,115200", set_serial},
    {"start", "boot|rip:ADDR|text:STRING|mark:STRING|instructions:N|hypercall", "boot", set_start},
    {"stop", "end|rip:ADDR|text:STRING|mark:STRING|instructions:N|events:N", "end", set_stop},
    {"hypercalls", "user|kernel|off", "user", set_hypercalls},
    {"timeout", "SECONDS", "0", set_timeout},
    {"after", "halt|poweroff|reset", "halt", set_after},
    {"args", "STRING", "", set_args},
    {"dump", "end|previous", "end", set_dump},
    {"dump-wait", "SECONDS", "10", set_dump_wait},
};

#define OPTION_COUNT ARRAY_SIZE(table)
_Static_assert(OPTION_COUNT <= 32, "one bit for each option given");

void options_default(struct options *o)
{
    struct reason ignored;

    memset(o, 0, sizeof(*o));
    for (size_t i = 0; i < OPTION_COUNT; i++)
        table[i].set(o, table[i].preset, &ignored);
}

/* ---- words ---- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word, or NULL at the end of the line. *open tells whether a quote is never closed. */
static const char *next_word(const char *p, struct word *w, bool *open)
{
    size_t n = 0;

    *open = false;
    w->cut = false;
    while (is_blank(*p))
        p++;
    if (!*p)
        return NULL;
    for (; *p && (*open || !is_blank(*p)); p++) {
        if (*p == '"') {
            *open = !*open;
            continue;
        }
        if (*p == '\\' && p[1])
            p++;
        if (n < WORD_MAX)
            w->text[n++] = *p;
        else
            w->cut = true;
    }
    w->text[n] = '\0';
    return p;
}

static bool contains(const char *s, char c)
{
    while (*s && *s != c)
        s++;
    return *s != '\0';
}

/* Multiboot 1 loaders may put the image's path first: /boot/engram.elf, (hd0,1)/engram.elf, build/engram.elf.
 */
static bool is_image_path(const char *word)
{
    if (contains("/(.", word[0]))
        return true;
    return !contains(word, '=') && (contains(word, '/') || contains(word, '.'));
}

/* "option 'WORD' REASON; valid: …". The word comes from outside: what would move the cursor becomes '?'. */
static bool fail(char *error, size_t size, const struct word *w, const char *reason)
{
    char shown[WORD_MAX + 1];
    size_t length = 0, i;

    for (i = 0; w->text[i]; i++)
        shown[i] = w->text[i] < ' ' || w->text[i] > '~' ? '?' : w->text[i];
    shown[i] = '\0';
    length = format_text(error, size, "option '%s%s' %s; valid:", shown, w->cut ? "..." : "", reason);
    for (i = 0; i < OPTION_COUNT; i++)
        length += format_text(error + length, size - length, " %s=%s", table[i].name, table[i].form);
    return false;
}

static size_t find_option(const char *word)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const char *rest = after_prefix(word, table[i].name);

        if (rest && *rest == '=')
            return i;
    }
    return OPTION_COUNT;
}

static bool take_word(struct options *o, const struct word *w, uint32_t *given, char *error, size_t size)
{
    size_t i = find_option(w->text);
    struct reason reason;

    if (i == OPTION_COUNT)
        return fail(error, size, w, "is not known");
    if (w->cut)
        return fail(error, size, w, "is too long");
    if (*given & 1u << i)
        return fail(error, size, w, "comes a second time");
    *given |= 1u << i;
    if (table[i].set(o, w->text + strlen(table[i].name) + 1, &reason))
        return true;
    return fail(error, size, w, reason.text);
}

bool options_parse(struct options *o, const char *line, char *error, size_t size)
{
    uint32_t given = 0;
    struct word word;
    bool open, first = true;

    options_default(o);
    for (size_t i = 0; line[i]; i++)
        if (i == OPTIONS_LINE_MAX)
            return error_text(error, size, "the command line is longer than %d bytes: shorten it",
                              OPTIONS_LINE_MAX);
    for (; (line = next_word(line, &word, &open)); first = false) {
        if (open)
            return fail(error, size, &word, "has a quote that is never closed");
        if (first && is_image_path(word.text))
            continue;
        if (!take_word(o, &word, &given, error, size))
            return false;
    }
    return true;
}
