/*
 * Makes a trace file out of text, so that a test can say what is in it:
 *
 *   mktrace [slots=N] [slot=BYTES] [icount=0] [lz4=0] [engine=NAME] FILE.egrm < text
 *
 *   # a comment, also behind a line
 *   set NAME=VALUE ...                     holds for all accesses from here on: rip cr3 cpl mode offset
 * paging r|w ADDRESS SIZE [NAME=VALUE|FLAG]...  an access; besides the names above for this one alone:
 *                                          =NUMBER or =:BYTES (data), gpa, gpa2, cause, vector; flags rep,
 * locked, mmio event VECTOR TYPE RIP mark TEXT
 *
 * Numbers are decimal, or hexadecimal with 0x. Each access belongs to the next instruction; +N says how many
 * instructions after the one before, +0 the same. gpa is gva + offset unless said.
 */
#include "trace/dump_file.h"
#include "trace/hook.h"
#include "trace/ring.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096u
#define RUN UINT64_C(0x7e57)

static struct {
    uint64_t rip, cr3, offset;
    unsigned cpl, mode, paging;
} now = {.rip = 0x1000, .mode = MODE_LONG64, .paging = 1};
static uint64_t slots = 1024, slot = RING_SEGMENT_BYTES, icount_on = 1, lz4 = 1, line_number, instruction;
static const char *engine = "vmx";
static bool any;
static struct ring ring;

static _Noreturn void fail(const char *what, const char *where)
{
    fprintf(stderr, "mktrace: line %" PRIu64 ": %s: %s\n", line_number, what, where);
    exit(2);
}

static uint64_t number(const char *s)
{
    char *end;
    uint64_t v = strtoull(s, &end, 0);
    if (end == s || *end)
        fail("no number", s);
    return v;
}

static uint64_t ticks(void)
{
    return 1000 + instruction;
}

static void set_data(struct access *a, const char *s)
{
    a->has_data = 1;
    if (*s != ':') {
        uint64_t v = number(s);
        for (unsigned i = 0; i < a->size && i < 8; i++)
            a->data[i] = (uint8_t)(v >> 8 * i);
        return;
    }
    for (unsigned i = 0; i < a->size; i++) {
        unsigned byte;
        if (sscanf(s + 1 + 2 * i, "%2x", &byte) != 1)
            fail("too few bytes", s);
        a->data[i] = (uint8_t)byte;
    }
}

static uint8_t cause_number(const char *s)
{
    static const char *const name[] = {"instruction", "exception",  "interrupt",
                                       "page-walk",   "descriptor", "task-switch"};
    for (uint8_t i = 0; i < 6; i++)
        if (strcmp(s, name[i]) == 0)
            return i;
    fail("no cause", s);
}

/* NAME=VALUE of what can also be set for good. */
static bool set_context(const char *name, const char *value)
{
    if (strcmp(name, "rip") == 0)
        now.rip = number(value);
    else if (strcmp(name, "cr3") == 0)
        now.cr3 = number(value);
    else if (strcmp(name, "cpl") == 0)
        now.cpl = (unsigned)number(value) & CONTEXT_CPL_MASK;
    else if (strcmp(name, "offset") == 0)
        now.offset = number(value);
    else if (strcmp(name, "paging") == 0)
        now.paging = (unsigned)number(value) != 0;
    else if (strcmp(name, "mode") == 0)
        now.mode = (unsigned)number(value) & 3;
    else
        return false;
    return true;
}

static char *split(char *word)
{
    char *equals = strchr(word, '=');
    if (!equals)
        fail("neither name=value nor a flag", word);
    *equals = 0;
    return equals + 1;
}

static void access_word(struct access *a, char *word, uint64_t *step, bool *gpa_given)
{
    if (strcmp(word, "rep") == 0) {
        a->flags |= ACCESS_REP;
    } else if (strcmp(word, "locked") == 0) {
        a->flags |= ACCESS_LOCKED;
    } else if (strcmp(word, "mmio") == 0) {
        a->flags |= ACCESS_MMIO;
    } else if (*word == '+') {
        *step = number(word + 1);
    } else if (*word == '=') {
        set_data(a, word + 1);
    } else {
        char *value = split(word);
        if (strcmp(word, "gpa") == 0) {
            a->gpa = number(value);
            *gpa_given = true;
        } else if (strcmp(word, "gpa2") == 0) {
            a->gpa2 = number(value);
        } else if (strcmp(word, "cause") == 0) {
            a->cause = cause_number(value);
        } else if (strcmp(word, "vector") == 0) {
            a->vector = (uint8_t)number(value);
        } else if (!set_context(word, value)) {
            fail("unknown name", word);
        }
    }
}

static void record(uint8_t kind, char *rest)
{
    struct access a = {.kind = kind};
    uint64_t step = 1;
    bool gpa_given = false;
    char *save = NULL, *gva = strtok_r(rest, " \t", &save), *size = strtok_r(NULL, " \t", &save), *word;
    if (!gva || !size)
        fail("an access needs an address and a size", rest);
    a.gva = number(gva);
    a.size = (uint8_t)number(size);
    __typeof__(now) before = now;
    while ((word = strtok_r(NULL, " \t", &save)))
        access_word(&a, word, &step, &gpa_given);
    a.rip = now.rip;
    a.cr3 = now.cr3;
    a.context = (uint8_t)(now.cpl | now.mode << CONTEXT_MODE_SHIFT | (now.paging ? CONTEXT_PAGING : 0));
    if (!gpa_given)
        a.gpa = a.gva + now.offset;
    if (a.gva % PAGE + a.size > PAGE) {
        a.flags |= ACCESS_CROSSES;
        a.gpa2 = a.gpa2 ? a.gpa2 : (a.gpa / PAGE + 1) * PAGE;
    }
    instruction += any ? step : 0;
    any = true;
    a.icount = instruction;
    now = before;
    hook_access(&a);
}

static void take_line(char *line)
{
    line[strcspn(line, "#\n")] = 0;
    char *save = NULL, *rest = line + strcspn(line, " \t");
    if (*rest)
        *rest++ = 0;
    if (*line == 0)
        return;
    if (strcmp(line, "r") == 0 || strcmp(line, "w") == 0) {
        record(*line == 'w' ? ACCESS_WRITE : ACCESS_READ, rest);
    } else if (strcmp(line, "set") == 0) {
        for (char *word = strtok_r(rest, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
            char *value = split(word);
            if (!set_context(word, value))
                fail("unknown name", word);
        }
    } else if (strcmp(line, "event") == 0) {
        struct hook_event e = {0};
        unsigned vector, type;
        if (sscanf(rest, "%u %u %" SCNi64, &vector, &type, (int64_t *)&e.rip) != 3)
            fail("an event needs vector, type and rip", rest);
        e.vector = (uint8_t)vector;
        e.type = (uint8_t)type;
        hook_event(&e);
    } else if (strcmp(line, "mark") == 0) {
        hook_mark(MARK_CONSOLE, rest, strlen(rest));
    } else {
        fail("unknown line", line);
    }
}

static void write_file(const char *path)
{
    static struct dump_file file;
    char meta[1024];
    uint64_t first, end;
    ring_events(&ring, &first, &end);
    snprintf(meta, sizeof(meta),
             "format=1\nrun=%016" PRIx64 "\nengine=%s\nguest=text\ntrace=rw\nicount=%u\nevents=%" PRIu64
             "\nlost=%" PRIu64 "\nfiltered=0\nsegments=%" PRIu64 "\nfirst_sequence=%" PRIu64
             "\nfirst_event=%" PRIu64 "\nend=done\n",
             RUN, engine, icount_on != 0, hook_events(), hook_lost(), ring_count(&ring),
             ring_first_sequence(&ring), first);
    dump_file_make(&file, &ring, meta, (uint32_t)strlen(meta), lz4, NULL);
    uint8_t *bytes = malloc(file.bytes);
    FILE *out = fopen(path, "wb");
    if (!bytes || !out)
        fail("cannot write", path);
    dump_file_read(&file, 0, bytes, file.bytes);
    if (fwrite(bytes, 1, file.bytes, out) != file.bytes || fclose(out) != 0)
        fail("cannot write", path);
}

int main(int argc, char **argv)
{
    const struct {
        const char *name;
        uint64_t *value;
    } options[] = {{"slots=", &slots}, {"slot=", &slot}, {"icount=", &icount_on}, {"lz4=", &lz4}};
    for (int i = 1; i + 1 < argc; i++) {
        bool known = false;
        for (unsigned k = 0; k < 4; k++)
            if (strncmp(argv[i], options[k].name, strlen(options[k].name)) == 0) {
                *options[k].value = number(argv[i] + strlen(options[k].name));
                known = true;
            }
        if (strncmp(argv[i], "engine=", 7) == 0)
            engine = argv[i] + 7;
        else if (!known)
            fail("unknown option", argv[i]);
    }
    if (argc < 2)
        fail("usage", "mktrace [OPTION]... FILE < text");
    const struct hook_clock clock = {.tsc = ticks, .has_icount = icount_on != 0};
    uint64_t bytes = (slots + 1) * slot;
    void *memory = aligned_alloc(4096, (bytes + 4095) & ~UINT64_C(4095));
    if (!memory)
        fail("no memory", "slots");
    ring_init(&ring, memory, bytes, (uint32_t)slot, RING_STOP, RUN);
    hook_init(&ring, &clock);
    char line[4096];
    while (fgets(line, sizeof(line), stdin)) {
        line_number++;
        take_line(line);
    }
    hook_stop("the text's end");
    write_file(argv[argc - 1]);
    return 0;
}
