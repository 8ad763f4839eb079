/* ELF executables as load plans. Offsets are named as the fields are in the specification. */
#include "guest/elf.h"

#include "error_text.h"
#include "trace/bytes.h"

#include <string.h>

#define ET_EXEC 2
#define EM_386 3
#define EM_X86_64 62
#define PT_LOAD 1
#define PN_XNUM 0xffff

/* Where the fields lie, which is all that differs between the classes. */
struct layout {
    uint32_t machine;
    const char *name;
    uint16_t e_phoff, e_phentsize, header_bytes;
    uint16_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, phdr_bytes;
    bool wide; /* offsets, addresses and sizes have 8 bytes, else 4 */
};

/* clang-format off */
static const struct layout elf32 = {
    EM_386, "ELF32",
    .e_phoff = 28, .e_phentsize = 42, .header_bytes = 52,
    .p_offset = 4, .p_vaddr = 8, .p_paddr = 12, .p_filesz = 16, .p_memsz = 20, .phdr_bytes = 32,
};
static const struct layout elf64 = {
    EM_X86_64, "ELF64",
    .e_phoff = 32, .e_phentsize = 54, .header_bytes = 64,
    .p_offset = 8, .p_vaddr = 16, .p_paddr = 24, .p_filesz = 32, .p_memsz = 40, .phdr_bytes = 56,
    .wide = true,
};
/* clang-format on */

/* The same place in both classes. */
enum elf_offset { EI_CLASS = 4, EI_DATA = 5, EI_VERSION = 6, E_TYPE = 16, E_MACHINE = 18, E_ENTRY = 24 };
#define IDENT_BYTES 16

struct elf {
    const uint8_t *file;
    size_t bytes;
    const struct layout *layout;
    char *error;
    size_t error_size;
};

#define FAIL(e, ...) error_text((e)->error, (e)->error_size, __VA_ARGS__)

static uint64_t field(const struct elf *e, const uint8_t *p)
{
    return e->layout->wide ? load64(p) : load32(p);
}

bool elf_is(const void *file, size_t bytes)
{
    return bytes >= IDENT_BYTES && !memcmp(file, "\177ELF", 4);
}

static bool check_header(struct elf *e)
{
    const uint8_t *file = e->file;

    if (!elf_is(file, e->bytes))
        return FAIL(e, "is no ELF file");
    if (file[EI_CLASS] != 1 && file[EI_CLASS] != 2)
        return FAIL(e, "is ELF of unknown class %u", file[EI_CLASS]);
    e->layout = file[EI_CLASS] == 2 ? &elf64 : &elf32;
    if (e->bytes < e->layout->header_bytes)
        return FAIL(e, "is cut off within its ELF header, at %zu bytes", e->bytes);
    if (file[EI_DATA] != 1 || file[EI_VERSION] != 1 || load16(file + E_MACHINE) != e->layout->machine)
        return FAIL(e, "is %s for machine %u, not for x86", e->layout->name, load16(file + E_MACHINE));
    if (load16(file + E_TYPE) != ET_EXEC)
        return FAIL(e, "is ELF of type %u: an executable at fixed addresses (type 2) is needed",
                    load16(file + E_TYPE));
    return true;
}

/* The first segment of the plan that overlaps `s`, or NULL. */
static const struct load_segment *overlapping(const struct load_plan *plan, const struct load_segment *s)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct load_segment *other = &plan->segment[i];

        if (s->to < other->to + other->memory_bytes && other->to < s->to + s->memory_bytes)
            return other;
    }
    return NULL;
}

static bool add_segment(struct elf *e, struct load_plan *plan, unsigned index, const uint8_t *phdr)
{
    const struct layout *l = e->layout;
    struct load_segment s = {
        .to = field(e, phdr + l->p_paddr),
        .offset = field(e, phdr + l->p_offset),
        .file_bytes = field(e, phdr + l->p_filesz),
        .memory_bytes = field(e, phdr + l->p_memsz),
    };
    const struct load_segment *other;

    if (s.file_bytes > s.memory_bytes)
        return FAIL(e, "segment %u has more bytes in the file (0x%lx) than in memory (0x%lx)", index,
                    s.file_bytes, s.memory_bytes);
    if (s.offset > e->bytes || s.file_bytes > e->bytes - s.offset)
        return FAIL(e, "segment %u lies at 0x%lx to 0x%lx of the file, which ends at 0x%zx: is it cut off?",
                    index, s.offset, s.offset + s.file_bytes, e->bytes);
    if (s.memory_bytes > UINT64_MAX - s.to)
        return FAIL(e, "segment %u at 0x%lx with 0x%lx bytes goes past the end of memory", index, s.to,
                    s.memory_bytes);
    if (!s.memory_bytes)
        return true;
    other = overlapping(plan, &s);
    if (other)
        return FAIL(e, "segment %u at [0x%lx, 0x%lx) overlaps the one at [0x%lx, 0x%lx)", index, s.to,
                    s.to + s.memory_bytes, other->to, other->to + other->memory_bytes);
    if (plan->count == ELF_SEGMENTS_MAX)
        return FAIL(e, "has more than %d segments to load", ELF_SEGMENTS_MAX);
    plan->segment[plan->count++] = s;
    return true;
}

/* The entry point is virtual where a segment has it at its virtual address; some kernels give the physical
 * one. */
static void take_entry(struct elf *e, struct load_plan *plan, const uint8_t *phdr, bool *found)
{
    const struct layout *l = e->layout;
    uint64_t entry = field(e, e->file + E_ENTRY), start = field(e, phdr + l->p_vaddr);
    uint64_t memory_bytes = field(e, phdr + l->p_memsz);

    if (*found || entry < start || entry - start >= memory_bytes)
        return;
    plan->entry = field(e, phdr + l->p_paddr) + (entry - start);
    *found = true;
}

static bool entry_is_physical(const struct load_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->entry >= plan->segment[i].to &&
            plan->entry - plan->segment[i].to < plan->segment[i].memory_bytes)
            return true;
    return false;
}

bool elf_plan(struct load_plan *plan, const void *file, size_t bytes, char *error, size_t size)
{
    struct elf e = {.file = file, .bytes = bytes, .error = error, .error_size = size};
    uint64_t table, entry_bytes, count;
    bool entry_found = false;

    plan->count = 0;
    if (!check_header(&e))
        return false;
    table = field(&e, e.file + e.layout->e_phoff);
    entry_bytes = load16(e.file + e.layout->e_phentsize);
    count = load16(e.file + e.layout->e_phentsize + 2);
    plan->entry = field(&e, e.file + E_ENTRY);
    if (!count || count == PN_XNUM || entry_bytes < e.layout->phdr_bytes)
        return FAIL(&e, "has an ELF program header table of %lu entries of %lu bytes", count, entry_bytes);
    if (table > bytes || count * entry_bytes > bytes - table)
        return FAIL(&e, "has its ELF program headers at 0x%lx, past its end at 0x%zx: is it cut off?", table,
                    bytes);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *phdr = e.file + table + i * entry_bytes;

        if (load32(phdr) != PT_LOAD)
            continue;
        if (!add_segment(&e, plan, i, phdr))
            return false;
        take_entry(&e, plan, phdr, &entry_found);
    }
    if (!plan->count)
        return FAIL(&e, "has no segment to load");
    if (!entry_found && !entry_is_physical(plan))
        return FAIL(&e, "has its entry point at 0x%lx, outside of all segments", plan->entry);
    return true;
}
