/*
 * What the CPU itself writes while it carries out an instruction or delivers
 * an event: accessed and dirty bits of page-table entries, accessed and busy
 * bits of descriptors. It does so under the open view, where nothing exits. So
 * the walks and descriptors are noted before, in the order in which the CPU
 * comes to them, with what memory holds; afterwards the bits that came are
 * recorded in that order, among the other writes.
 *
 * A page that is read and then written makes two events, as in Bochs: the
 * accessed bit, then the dirty bit. A write walks first and then writes, so
 * does a read-modify-write.
 */
#include "vmx/vmx.h"

#include "trace/bytes.h"
#include "x86/cpu.h"
#include "x86/paging.h"

/* GDT and LDT as far as selectors reach, and the TSS with what lies across its page's end. */
#define TABLE_BYTES_MAX 0x10000u
#define TABLE_PAGES_MAX (2 * (TABLE_BYTES_MAX / PAGE_SIZE + 1) + 2)
/* Two pages for the code, for the address of the violation and for each access: no instruction has more. */
#define WALKS_MAX (2 * (2 + ACCESS_LIST_MAX) + TABLE_PAGES_MAX + 2 * DESCRIPTORS_MAX)

/* IRET to an outer level sets two accessed bits; no instruction sets more (SDM Vol. 3A, 5.8). Others that are
 * clear are noted as long as there is room. */
#define DESCRIPTORS_MAX 16u
#define DESCRIPTOR_BYTES 8u
#define ACCESS_BYTE 5u /* type, S, DPL, P (SDM Vol. 3A, figure 3-8) */
#define ACCESS_ACCESSED 0x01u
#define ACCESS_BUSY 0x02u /* of a TSS */
#define ACCESS_S 0x10u
#define ACCESS_PRESENT 0x80u

struct noted_walk {
    struct walk walk;
    gva_t page;
    bool write;
};

struct noted_descriptor {
    struct location write; /* what the CPU writes to set the bit */
    gva_t access_byte;
    uint8_t before;
};

static struct {
    struct origin origin;
    struct paging_state paging;
    unsigned seen_count;
    gva_t seen[WALKS_MAX]; /* pages; bit 0: for a write */
    unsigned count, done;  /* walks in which a bit may be set, and how many of them are recorded */
    struct noted_walk walk[WALKS_MAX];
    unsigned descriptors;
    struct noted_descriptor descriptor[DESCRIPTORS_MAX];
} tables;

void tables_begin(const struct origin *o, const struct paging_state *s)
{
    tables.origin = *o;
    tables.origin.vector = 0;
    tables.paging = *s;
    tables.seen_count = tables.count = tables.done = tables.descriptors = 0;
}

/* Bits that the walk would set at `level` and that are not there. */
static uint64_t missing_bits(const struct noted_walk *n, unsigned level)
{
    bool leaf = n->walk.page_bytes && level + 1 == n->walk.levels;
    uint64_t wanted = PTE_ACCESSED | (leaf && n->write ? PTE_DIRTY : 0);
    return wanted & ~n->walk.entry[level];
}

static bool sets_nothing(const struct noted_walk *n)
{
    for (unsigned level = 0; level < n->walk.levels; level++)
        if (missing_bits(n, level))
            return false;
    return true;
}

static void note_page(gva_t page, bool write)
{
    for (unsigned i = 0; i < tables.seen_count; i++)
        if (tables.seen[i] == (page | write) || tables.seen[i] == (page | 1))
            return;
    if (tables.seen_count == WALKS_MAX) {
        counters.walks_dropped++;
        return;
    }
    tables.seen[tables.seen_count++] = page | write;

    struct noted_walk *n = &tables.walk[tables.count];
    n->page = page;
    n->write = write;
    /* Where it ends at an entry that is not present, those above it still count. */
    if (!guest_walk(&tables.paging, page, &n->walk))
        n->walk.page_bytes = 0;
    if (!sets_nothing(n))
        tables.count++;
}

void tables_note(gva_t linear, uint64_t bytes, bool write)
{
    if (!(tables.paging.cr0 & CR0_PG) || !bytes)
        return;
    gva_t page = linear & PAGE_MASK, last = (linear + bytes - 1) & PAGE_MASK;
    for (;; page += PAGE_SIZE) {
        note_page(page, write);
        if (page == last)
            return;
    }
}

bool tables_noted(gva_t linear)
{
    for (unsigned i = 0; i < tables.seen_count; i++)
        if ((tables.seen[i] & PAGE_MASK) == (linear & PAGE_MASK))
            return true;
    return false;
}

/* ---- descriptors ---- */

/*
 * The accessed bit is set by a write of its byte, the busy bit of a TSS by one of the descriptor's second
 * doubleword, as Bochs does; the SDM does not say.
 */
static void add_descriptor(gva_t at, uint8_t access)
{
    bool system = !(access & ACCESS_S);
    struct noted_descriptor *d = &tables.descriptor[tables.descriptors];

    for (unsigned i = 0; i < tables.descriptors; i++)
        if (tables.descriptor[i].access_byte == at + ACCESS_BYTE)
            return;
    if (tables.descriptors == DESCRIPTORS_MAX) {
        counters.walks_dropped++;
        return;
    }
    d->access_byte = at + ACCESS_BYTE;
    d->before = access;
    location_find(&d->write, &tables.paging, system ? at + 4 : d->access_byte, system ? 4 : 1);
    if (d->write.traced)
        tables.descriptors++;
}

void tables_note_descriptor(gva_t at)
{
    uint8_t access;
    tables_note(at, DESCRIPTOR_BYTES, false);
    if (guest_read_linear(&tables.paging, at + ACCESS_BYTE, &access, 1))
        add_descriptor(at, access);
}

/* True if loading the descriptor would set a bit. */
static bool can_change(uint8_t access)
{
    if (!(access & ACCESS_PRESENT))
        return false;
    if (access & ACCESS_S)
        return !(access & ACCESS_ACCESSED);
    unsigned type = access & 0xf & ~8u; /* 16 or 32 bits */
    return type == 1 && !(access & ACCESS_BUSY);
}

#define CHUNK_BYTES 512u
static void note_table(gva_t base, uint64_t limit, gva_t violating)
{
    uint64_t bytes = limit < TABLE_BYTES_MAX ? limit + 1 : TABLE_BYTES_MAX;
    uint8_t chunk[CHUNK_BYTES];

    tables_note(base, bytes, false);
    if (violating - base < bytes)
        tables_note_descriptor(base + align_down(violating - base, DESCRIPTOR_BYTES));
    for (uint64_t done = 0; done < bytes; done += CHUNK_BYTES) {
        size_t want = bytes - done < CHUNK_BYTES ? bytes - done : CHUNK_BYTES;
        size_t got = guest_read_linear(&tables.paging, base + done, chunk, want);
        for (size_t i = 0; i + DESCRIPTOR_BYTES <= got; i += DESCRIPTOR_BYTES)
            if (can_change(chunk[i + ACCESS_BYTE]) && tables.descriptors < DESCRIPTORS_MAX)
                add_descriptor(base + done + i, chunk[i + ACCESS_BYTE]);
    }
}

#define LDTR_UNUSABLE (1u << 16)
#define TSS_BYTES 104u
void tables_note_segment_load(gva_t violating)
{
    note_table(vmread(VMCS_GUEST_GDTR_BASE), vmread(VMCS_GUEST_GDTR_LIMIT), violating);
    if (!(vmread_nth(VMCS_GUEST_ES_ACCESS, SEG_LDTR) & LDTR_UNUSABLE))
        note_table(vmread_nth(VMCS_GUEST_ES_BASE, SEG_LDTR), vmread_nth(VMCS_GUEST_ES_LIMIT, SEG_LDTR),
                   violating);
    tables_note(vmread_nth(VMCS_GUEST_ES_BASE, SEG_TR), TSS_BYTES, false);
}

void tables_note_descriptor_writes(void)
{
    for (unsigned i = 0; i < tables.descriptors; i++)
        tables_note(tables.descriptor[i].write.linear, tables.descriptor[i].write.size, true);
}

bool tables_explain(gva_t violating)
{
    for (unsigned i = 0; i < tables.descriptors; i++)
        if (violating - tables.descriptor[i].write.linear < tables.descriptor[i].write.size)
            return true;
    return false;
}

/* ---- recording ---- */

/* A page-table entry has no linear address: its physical one stands in the address's place. */
static void record_entry(gpa_t at, uint64_t value, unsigned bytes)
{
    struct access a = {.rip = tables.origin.rip,
                       .gva = at,
                       .gpa = at,
                       .cr3 = tables.origin.cr3,
                       .kind = ACCESS_WRITE,
                       .cause = CAUSE_PAGE_WALK,
                       .size = (uint8_t)bytes,
                       .context = tables.origin.context,
                       .has_data = true};
    store64(a.data, value);
    record_access(&a);
}

/* The bits are there now: walks that come later find them. */
static void tell_later_walks(unsigned from, gpa_t entry, uint64_t bits)
{
    for (unsigned i = from; i < tables.count; i++)
        for (unsigned level = 0; level < tables.walk[i].walk.levels; level++)
            if (tables.walk[i].walk.entry_gpa[level] == entry)
                tables.walk[i].walk.entry[level] |= bits;
}

static void record_walk(unsigned number)
{
    const struct noted_walk *n = &tables.walk[number];
    for (unsigned level = 0; level < n->walk.levels; level++) {
        gpa_t at = n->walk.entry_gpa[level];
        uint64_t missing = missing_bits(n, level), now = 0;
        if (!missing || !ept_is_traced(at))
            continue;
        guest_read(at, &now, n->walk.entry_bytes);
        if (!(now & missing))
            continue;
        record_entry(at, n->walk.entry[level] | (now & missing), n->walk.entry_bytes);
        tell_later_walks(number, at, now & missing);
    }
}

static void record_walks(unsigned up_to)
{
    while (tables.done < up_to)
        record_walk(tables.done++);
}

void tables_record_walks_before(const struct location *p)
{
    gva_t first = p->linear & PAGE_MASK, last = (p->linear + p->size - 1) & PAGE_MASK;
    for (unsigned i = tables.count; i > tables.done; i--)
        if (tables.walk[i - 1].page == first || tables.walk[i - 1].page == last)
            record_walks(i);
}

void tables_record_rest(void)
{
    struct origin o = tables.origin;
    o.cause = CAUSE_DESCRIPTOR;
    for (unsigned i = 0; i < tables.descriptors; i++) {
        const struct noted_descriptor *d = &tables.descriptor[i];
        uint8_t now;
        if (!guest_read_linear(&tables.paging, d->access_byte, &now, 1) || now == d->before)
            continue;
        tables_record_walks_before(&d->write);
        record_write(&o, &d->write, 0);
    }
    record_walks(tables.count);
    tables.descriptors = 0;
}
