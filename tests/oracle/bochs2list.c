/*
 * Turns what Bochs's debugger prints with `trace on` and `trace-mem on` into
 * the list that traces are compared by:
 *
 *     bochs2list [-r] [-w] < bochs.txt > list.txt
 *
 * A line per access, in program order: "W gva gpa size data", numbers in
 * hexadecimal without 0x, size in decimal, data as bytes in memory order. -r
 * keeps reads ("R ..."), -w keeps page walks ("PW", "PR"), which Bochs prints
 * without a linear address: the physical one stands in its place, as in a trace.
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
 * architecturally it is one access, so these are put together again.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
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

static void print_line(char kind, const struct memory_line *m)
{
    printf("%s%c %" PRIx64 " %" PRIx64 " %u ", m->linear ? "" : "P", kind, m->gva, m->gpa, m->size);
    for (unsigned i = 0; i < m->size; i++)
        printf("%02x", m->data[i]);
    putchar('\n');
}

/* Part of an 80-bit store, which the next line may go on with. */
static struct memory_line held;
static bool holding, in_tbyte_store;

static void release(void)
{
    if (holding)
        print_line('W', &held);
    holding = false;
}

static void print_write(const struct memory_line *m)
{
    if (holding && m->linear && held.linear && m->gva == held.gva + held.size &&
        m->gpa == held.gpa + held.size && m->gva % 4096 != 0) {
        memcpy(held.data + held.size, m->data, m->size); /* at most 10 bytes in all */
        held.size += m->size;
        return;
    }
    release();
    if (!in_tbyte_store) {
        print_line('W', m);
        return;
    }
    held = *m;
    holding = true;
}

static void begin_instruction(const char *line)
{
    release();
    pending_count = 0;
    in_tbyte_store = strstr(line, "stp tbyte ptr") != NULL;
}

static void convert(struct memory_line *m, bool reads, bool walks)
{
    if (m->kind == KIND_READ_MODIFY) {
        if (pending_count == 2)
            pending_count = 0;
        pending[pending_count++] = *m;
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
        print_line('R', m);
}

int main(int argc, char **argv)
{
    bool reads = false, walks = false;
    uint64_t seen = 0, bad = 0, number = 0;
    char line[1024];

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-r") == 0)
            reads = true;
        else if (strcmp(argv[i], "-w") == 0)
            walks = true;
        else {
            fprintf(stderr, "usage: bochs2list [-r] [-w] < bochs.txt > list.txt\n");
            return 2;
        }
    }
    while (fgets(line, sizeof(line), stdin)) {
        struct memory_line m;

        number++;
        if (strncmp(line, "(0).[", 5) == 0)
            begin_instruction(line);
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
    if (seen == 0)
        fprintf(stderr, "bochs2list: no memory access in the input: was the traced region reached?\n");
    return bad || !seen ? 1 : 0;
}
