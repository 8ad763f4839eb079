/*
 * Compares two lists of accesses, event by event:
 *
 *     listcmp [--handler LO-HI] [--counter LO-HI] NATIVE.txt ENGRAM.txt
 *
 * Lists are as bochs2list and `engram print --format oracle` make them, with
 * page walks (PW) or without. An
 * access that crosses a page stands in one line with both pages ("A,B") or in
 * two; both become two here.
 *
 * A timer interrupt comes at another place in every run. A guest that keeps
 * the timer on gives its handler a stack and data that nothing else uses
 * (--handler, hexadecimal addresses, HI excluded): these accesses are taken
 * out of both lists and compared on their own, addresses and sizes, as far as
 * the shorter goes (its frames hold the place of the interruption, so their
 * data differ). Of a --counter range in there the data are compared as well.
 * Everything else must be the same to the last byte and in the same order, but
 * that reads of instructions that fault (kind "r" in NATIVE) may be missing.
 *
 * Exit code 0: the same; 1: not; 2: wrong usage or unreadable input.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096u
#define SIZE_MAX_BYTES 64u
#define CONTEXT_LINES 3

struct access {
    uint64_t gva, gpa;
    char kind[3];
    uint8_t size;
    char data[2 * SIZE_MAX_BYTES + 1];
};

struct list {
    struct access *items;
    size_t count, room;
};

struct range {
    uint64_t start, end;
};

struct trace_list {
    const char *name;
    struct list program, handler;
};

static _Noreturn void fail(const char *what, const char *detail)
{
    fprintf(stderr, "listcmp: %s: %s\n", what, detail);
    exit(2);
}

static void append(struct list *l, const struct access *a)
{
    if (l->count == l->room) {
        l->room = l->room ? 2 * l->room : 1024;
        l->items = realloc(l->items, l->room * sizeof(*l->items));
        if (!l->items)
            fail("out of memory", "lists are too long");
    }
    l->items[l->count++] = *a;
}

static bool in_range(const struct range *r, const struct access *a)
{
    return a->gva >= r->start && a->gva < r->end;
}

static void add(struct trace_list *t, const struct range *handler, const struct access *a)
{
    append(in_range(handler, a) ? &t->handler : &t->program, a);
}

/* The part of `a` from byte `from` on, `size` bytes, at guest-physical `gpa`. */
static struct access part(const struct access *a, unsigned from, unsigned size, uint64_t gpa)
{
    struct access p = *a;
    p.gva += from;
    p.gpa = gpa;
    p.size = (uint8_t)size;
    if (a->data[0] != '-') {
        memmove(p.data, a->data + (size_t)2 * from, (size_t)2 * size);
        p.data[2 * size] = '\0';
    }
    return p;
}

static void add_line(struct trace_list *t, const struct range *handler, const char *line)
{
    struct access a = {0};
    char gpa[64], data[2 * SIZE_MAX_BYTES + 1];
    unsigned size;
    uint64_t gpa2 = 0;

    if (sscanf(line, "%2s %" SCNx64 " %63s %u %128s", a.kind, &a.gva, gpa, &size, data) != 5 || size == 0 ||
        size > SIZE_MAX_BYTES || (strcmp(data, "-") != 0 && strlen(data) != (size_t)2 * size))
        fail("not a line of an access list", line);
    a.size = (uint8_t)size;
    memcpy(a.data, data, sizeof(a.data));
    int fields = sscanf(gpa, "%" SCNx64 ",%" SCNx64, &a.gpa, &gpa2);
    if (fields < 1)
        a.gpa = UINT64_MAX;
    unsigned here = PAGE - (unsigned)(a.gva % PAGE);
    if (here >= size) {
        add(t, handler, &a);
        return;
    }
    struct access low = part(&a, 0, here, a.gpa);
    struct access high = part(&a, here, size - here, fields == 2 ? gpa2 : UINT64_MAX);
    add(t, handler, &low);
    add(t, handler, &high);
}

static void read_list(struct trace_list *t, const char *path, const struct range *handler)
{
    char line[512];
    FILE *f = fopen(path, "r");

    if (!f)
        fail("cannot read", path);
    while (fgets(line, sizeof(line), f))
        if (line[0] != '\n')
            add_line(t, handler, line);
    fclose(f);
}

static bool same(const struct access *a, const struct access *b, bool with_data)
{
    return strcmp(a->kind, b->kind) == 0 && a->gva == b->gva && a->gpa == b->gpa && a->size == b->size &&
           (!with_data || strcmp(a->data, b->data) == 0);
}

static void print_access(const struct list *l, size_t i, char *out, size_t size)
{
    if (i >= l->count) {
        snprintf(out, size, "(end of list)");
        return;
    }
    const struct access *a = &l->items[i];
    snprintf(out, size, "%s %" PRIx64 " %" PRIx64 " %u %s", a->kind, a->gva, a->gpa, a->size, a->data);
}

static void show_difference(const struct list *native, const struct list *engram, size_t at)
{
    size_t first = at > CONTEXT_LINES ? at - CONTEXT_LINES : 0;

    printf("first difference at access %zu:\n  %-8s %-62s %s\n", at, "access", "expected (without Engram)",
           "got (Engram)");
    for (size_t i = first; i <= at + CONTEXT_LINES; i++) {
        char left[256], right[256];
        print_access(native, i, left, sizeof(left));
        print_access(engram, i, right, sizeof(right));
        printf("%c %-8zu %-62s %s\n", i == at ? '>' : ' ', i, left, right);
    }
}

/* Keeps of the optional reads those that ENGRAM has at their place, as ordinary ones. */
static void settle(struct list *native, const struct list *engram)
{
    size_t kept = 0;
    for (size_t i = 0; i < native->count; i++) {
        struct access a = native->items[i];
        bool optional = strcmp(a.kind, "r") == 0;
        if (optional)
            strcpy(a.kind, "R");
        if (!optional || (kept < engram->count && same(&a, &engram->items[kept], true)))
            native->items[kept++] = a;
    }
    native->count = kept;
}

static bool compare_program(const struct list *native, const struct list *engram)
{
    size_t shorter = native->count < engram->count ? native->count : engram->count;

    for (size_t i = 0; i < shorter; i++) {
        if (!same(&native->items[i], &engram->items[i], true)) {
            show_difference(native, engram, i);
            return false;
        }
    }
    if (native->count != engram->count) {
        printf("expected %zu accesses, got %zu\n", native->count, engram->count);
        show_difference(native, engram, shorter);
        return false;
    }
    if (native->count == 0) {
        printf("both lists are empty: nothing was compared\n");
        return false;
    }
    return true;
}

static bool compare_handler(const struct list *native, const struct list *engram, const struct range *counter)
{
    size_t shorter = native->count < engram->count ? native->count : engram->count;

    for (size_t i = 0; i < shorter; i++) {
        if (!same(&native->items[i], &engram->items[i], in_range(counter, &native->items[i]))) {
            printf("in the interrupt handler's own accesses:\n");
            show_difference(native, engram, i);
            return false;
        }
    }
    return true;
}

static bool parse_range(const char *text, struct range *r)
{
    return sscanf(text, "%" SCNx64 "-%" SCNx64, &r->start, &r->end) == 2 && r->start < r->end;
}

int main(int argc, char **argv)
{
    struct range handler = {0}, counter = {0};
    struct trace_list native = {.name = "native"}, engram = {.name = "engram"};
    int i = 1;

    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        struct range *r = strcmp(argv[i], "--handler") == 0   ? &handler
                          : strcmp(argv[i], "--counter") == 0 ? &counter
                                                              : NULL;
        if (!r || !parse_range(argv[i + 1], r))
            fail("wrong option", argv[i]);
    }
    if (argc - i != 2)
        fail("usage", "listcmp [--handler LO-HI] [--counter LO-HI] NATIVE.txt ENGRAM.txt");
    read_list(&native, argv[i], &handler);
    read_list(&engram, argv[i + 1], &handler);
    settle(&native.program, &engram.program);
    settle(&native.handler, &engram.handler);

    bool ok = compare_program(&native.program, &engram.program);
    ok = compare_handler(&native.handler, &engram.handler, &counter) && ok;
    printf("%zu accesses compared", native.program.count);
    if (handler.end)
        printf(", and of the handler's own %zu without and %zu with Engram", native.handler.count,
               engram.handler.count);
    printf(": %s\n", ok ? "the same" : "NOT the same");
    return ok ? 0 : 1;
}
