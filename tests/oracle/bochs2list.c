/*
 * Turns what Bochs's debugger prints with `trace on` and `trace-mem on` into
 * the list that traces are compared by:
 *
 *     bochs2list [-r] [-f] [-w] < bochs.txt > list.txt
 *
 * A line per access, in program order: "W gva gpa size data", numbers in
 * hexadecimal without 0x, size in decimal, data as bytes in memory order. -r
 * keeps reads ("R ..."), -f those of instructions that fault as well ("r ...": an
 * engine may have made them or not, as the instruction has not been executed), -w
 * keeps page walks ("PW", "PR"), which Bochs prints without a linear address: the
 * physical one stands in its place, as in a trace.
 * Exit code 1 if a memory line could not be understood, or if there was none at
 * all.
 *
 * What Bochs prints, learned from Bochs 3.0:
 *
 *     [CPU0 WR]: LIN 0x1000 PHY 0x1000 (len=4, UC): 0x11223344
 *     [CPU0 WR]: LIN 0x1000 PHY 0x1000 (len=8, UC): 0x55667788 0x11223344
 *     [CPU0 WR]: LIN 0x1000 PHY 0x1000 (len=3, UC) 33 22 11
 *
 * for lengths of 1, 2 and 4, for 8, 16, 32 and 64, and for any other; data always most significant first. A
 * read-modify-write is the value read and then, without linear address, the value written:
 *
 *     [CPU0 RW]: LIN 0x1000 PHY 0x1000 (len=4, UC): 0x11223344
 *     [CPU0 WR]: PHY 0x1000 (len=4, UC): 0x11223345
 *
 * and what the CPU does for itself (page walks) has no linear address at all.
 *
 * An access that crosses a page comes as two, the lower part first (a
 * read-modify-write as two RW and then two WR); the list has the same form.
 * Bochs carries out an 80-bit store (FSTP, FBSTP "tbyte ptr") as 8 bytes and 2;
 * architecturally it is one access, so these are put together again, and so are
 * the environment and state of FNSTENV and FNSAVE, up to 64 bytes, and the two
 * halves of CMPXCHG16B. The read that ENTER ends with only checks whether the stack
 * could be written (SDM Vol. 2A): it is left out, as is that of INS. MASKMOVQ
 * and MASKMOVDQU it carries out as read-modify-writes of 8 bytes each, but the
 * SDM (Vol. 2B) has only the selected bytes written: the list has a write for
 * each byte that changed, lowest first, so a guest to be compared must make each
 * one change. Elements in a row that a mask selects it reads from the highest down;
 * of those that are stored it reads all first, to see whether they can be
 * written. The list has them from the lowest up, and no such reads.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA_MAX 64

enum kind { KIND_READ, KIND_WRITE, KIND_READ_MODIFY };

struct memory_line {
    enum kind kind;
    bool linear;
    uint64_t gva, gpa;
    unsigned size;
    uint8_t data[DATA_MAX];
};

/* Hexadecimal digits, in words of any length, most significant byte first, to bytes in memory order. */
static bool parse_data(const char *p, struct memory_line *m)
{
    unsigned digits = 0;
    uint8_t nibble[2 * DATA_MAX];

    for (; *p && *p != ';' && *p != '\n' && *p != '\t'; p++) {
        if (p[0] == '0' && p[1] == 'x') {
            p++;
            continue;
        }
        if (*p == ' ' || *p == '_')
            continue;
        if (!isxdigit((unsigned char)*p) || digits == 2 * m->size)
            return false;
        nibble[digits++] = (uint8_t)(isdigit((unsigned char)*p) ? *p - '0' : (*p | 0x20) - 'a' + 10);
    }
    if (digits != 2 * m->size)
        return false;
    for (unsigned i = 0; i < m->size; i++)
        m->data[i] = (uint8_t)(nibble[digits - 2 * i - 2] << 4 | nibble[digits - 2 * i - 1]);
    return true;
}

static bool parse_kind(const char *two_letters, enum kind *kind)
{
    if (strncmp(two_letters, "WR", 2) == 0)
        *kind = KIND_WRITE;
    else if (strncmp(two_letters, "RD", 2) == 0)
        *kind = KIND_READ;
    else if (strncmp(two_letters, "RW", 2) == 0)
        *kind = KIND_READ_MODIFY;
    else
        return false;
    return true;
}

static bool parse_line(const char *line, struct memory_line *m)
{
    const char *p = strstr(line, "]: ");
    const char *lin, *phy, *len;

    if (!p || p - line < 2 || !parse_kind(p - 2, &m->kind))
        return false;
    lin = strstr(p, "LIN 0x");
    phy = strstr(p, "PHY 0x");
    len = strstr(p, "(len=");
    m->linear = lin != NULL;
    m->gva = 0;
    if (!phy || !len || sscanf(phy, "PHY 0x%" SCNx64, &m->gpa) != 1 || sscanf(len, "(len=%u", &m->size) != 1)
        return false;
    if (lin && sscanf(lin, "LIN 0x%" SCNx64, &m->gva) != 1)
        return false;
    if (m->size == 0 || m->size > DATA_MAX)
        return false;
    p = strchr(len, ')');
    return p && parse_data(p + (p[1] == ':' ? 2 : 1), m);
}

/* The read halves of the read-modify-write that is under way: one, or two if it crosses a page. */
static struct memory_line pending[2];
static unsigned pending_count;

/* A write without linear address is the second half of a read-modify-write if its address was read for one.
 */
static void take_linear_address(struct memory_line *m)
{
    for (unsigned i = 0; i < pending_count; i++) {
        if (pending[i].gpa == m->gpa && pending[i].size == m->size) {
            m->gva = pending[i].gva;
            m->linear = true;
            pending[i] = pending[--pending_count];
            return;
        }
    }
}

static bool in_masked_row; /* elements in a row that a mask selects */

/* Lines of the instruction under way: not before its end is it known whether it faults. */
#define LINES_MAX 1024
static struct line {
    char kind;
    struct memory_line m;
} lines[LINES_MAX];
static unsigned line_count;
static bool keep_faulting_reads;

static int lines_by_address(const void *a, const void *b)
{
    const uint64_t x = ((const struct line *)a)->m.gva, y = ((const struct line *)b)->m.gva;
    return x < y ? -1 : x > y;
}

/* From the first read of an element on, up to what is no such read. */
static void sort_reads(void)
{
    unsigned first = 0, end;
    while (first < line_count && (lines[first].kind != 'R' || !lines[first].m.linear))
        first++;
    for (end = first; end < line_count && lines[end].kind == 'R' && lines[end].m.linear; end++)
        ;
    qsort(&lines[first], end - first, sizeof(lines[0]), lines_by_address);
}

static void print_lines(bool faults)
{
    if (in_masked_row)
        sort_reads();
    for (unsigned n = 0; n < line_count; n++) {
        const struct memory_line *m = &lines[n].m;
        char kind = lines[n].kind;
        if (kind == 'R' && faults && m->linear && keep_faulting_reads)
            kind = 'r';
        printf("%s%c %" PRIx64 " %" PRIx64 " %u ", m->linear ? "" : "P", kind, m->gva, m->gpa, m->size);
        for (unsigned i = 0; i < m->size; i++)
            printf("%02x", m->data[i]);
        putchar('\n');
    }
    line_count = 0;
}

static void print_line(char kind, const struct memory_line *m)
{
    if (line_count == LINES_MAX)
        print_lines(false);
    lines[line_count].kind = kind;
    lines[line_count++].m = *m;
}

/* Part of a store that Bochs carries out in pieces, which the next line may go on with. */
static struct memory_line held;
static bool holding, in_joined_store;
static bool in_two_halves, in_enter, in_port_input;

/* Bytes that a masked store changed, the higher half before the lower, as Bochs writes them. */
#define MASKED_MAX 16
static struct memory_line changed[MASKED_MAX];
static unsigned changed_count;
static bool in_masked_store;

static int by_address(const void *a, const void *b)
{
    const struct memory_line *x = a, *y = b;
    return x->gva < y->gva ? -1 : x->gva > y->gva;
}

static void release(void)
{
    if (holding)
        print_line('W', &held);
    holding = false;
    qsort(changed, changed_count, sizeof(changed[0]), by_address);
    for (unsigned i = 0; i < changed_count; i++)
        print_line('W', &changed[i]);
    changed_count = 0;
}

static void print_write(const struct memory_line *m)
{
    if (holding && m->linear && held.linear && m->gva == held.gva + held.size &&
        m->gpa == held.gpa + held.size && m->gva % 4096 != 0) {
        unsigned part = DATA_MAX - held.size < m->size ? DATA_MAX - held.size : m->size;
        memcpy(held.data + held.size, m->data, part);
        held.size += part;
        if (part == m->size)
            return;
        struct memory_line rest = {
            .linear = true, .gva = m->gva + part, .gpa = m->gpa + part, .size = m->size - part};
        memcpy(rest.data, m->data + part, rest.size);
        release();
        held = rest;
        holding = true;
        return;
    }
    release();
    if (!in_joined_store) {
        print_line('W', m);
        return;
    }
    held = *m;
    holding = true;
}

/* The second half of what the last line has the first of. */
static void print_read(const struct memory_line *m)
{
    struct memory_line *first = line_count ? &lines[line_count - 1].m : NULL;
    if (in_two_halves && first && lines[line_count - 1].kind == 'R' && first->gva + first->size == m->gva) {
        memcpy(first->data + first->size, m->data, m->size);
        first->size += m->size;
        return;
    }
    print_line('R', m);
}

static void begin_instruction(const char *line)
{
    release();
    print_lines(false);
    pending_count = 0;
    in_two_halves = strstr(line, "cmpxchg16b") != NULL;
    in_enter = strstr(line, ": enter ") != NULL;
    in_port_input = strstr(line, " insb ") || strstr(line, " insw ") || strstr(line, " insd ");
    in_joined_store =
        strstr(line, "stp tbyte ptr") || strstr(line, "fnstenv") || strstr(line, "fnsave") || in_two_halves;
    in_masked_store = strstr(line, "maskmovdqu") != NULL || strstr(line, ": maskmovq") != NULL;
    in_masked_row = (strstr(line, "{k") && !strstr(line, "gather") && !strstr(line, "scatter")) ||
                    (strstr(line, ": vmaskmov") && !in_masked_store);
}

/* Of a masked store, one half of which may come with a linear address of its own. */
static void note_changed_bytes(const struct memory_line *m)
{
    for (unsigned i = 0; i < pending_count; i++) {
        if (pending[i].gpa != m->gpa)
            continue;
        for (unsigned n = 0; n < m->size; n++) {
            if (m->data[n] == pending[i].data[n] || changed_count == MASKED_MAX)
                continue;
            struct memory_line *byte = &changed[changed_count++];
            *byte =
                (struct memory_line){.linear = true, .gva = pending[i].gva + n, .gpa = m->gpa + n, .size = 1};
            byte->data[0] = m->data[n];
        }
    }
}

static void convert(struct memory_line *m, bool reads, bool walks)
{
    if (m->kind == KIND_WRITE && in_masked_store) {
        note_changed_bytes(m);
        return;
    }
    if (m->kind == KIND_READ_MODIFY) {
        if (in_enter || in_masked_row)
            return;
        if (pending_count == 2)
            pending_count = 0;
        pending[pending_count++] = *m;
        if (in_port_input)
            return;
    } else if (m->kind == KIND_WRITE && !m->linear) {
        take_linear_address(m);
    }
    if (!m->linear) {
        if (!walks)
            return;
        m->gva = m->gpa;
    }
    if (m->kind == KIND_WRITE)
        print_write(m);
    else if (reads)
        print_read(m);
}

int main(int argc, char **argv)
{
    bool reads = false, walks = false;
    uint64_t seen = 0, bad = 0, number = 0;
    char line[1024];

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-r") == 0)
            reads = true;
        else if (strcmp(argv[i], "-f") == 0)
            keep_faulting_reads = true;
        else if (strcmp(argv[i], "-w") == 0)
            walks = true;
        else {
            fprintf(stderr, "usage: bochs2list [-r] [-f] [-w] < bochs.txt > list.txt\n");
            return 2;
        }
    }
    while (fgets(line, sizeof(line), stdin)) {
        struct memory_line m;

        number++;
        if (strncmp(line, "(0).[", 5) == 0)
            begin_instruction(line);
        if (strncmp(line, "CPU 0: Exception", 16) == 0) {
            release();
            print_lines(true);
            in_two_halves = in_enter = in_port_input = in_joined_store = in_masked_store = in_masked_row =
                false;
        }
        if (strncmp(line, "[CPU", 4) != 0)
            continue;
        if (!parse_line(line, &m)) {
            fprintf(stderr, "bochs2list: line %" PRIu64 ": cannot understand: %s", number, line);
            bad++;
            continue;
        }
        seen++;
        convert(&m, reads, walks);
    }
    release();
    print_lines(false);
    if (seen == 0)
        fprintf(stderr, "bochs2list: no memory access in the input: was the traced region reached?\n");
    return bad || !seen ? 1 : 0;
}
