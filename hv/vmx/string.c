/*
 * REP MOVS, STOS and LODS, carried out iteration by iteration without the CPU:
 * stepped, each would be an exit. After some iterations the guest can be
 * interrupted, as on a CPU.
 */
#include "dbt/memory.h"
#include "dbt/sys/sys.h"
#include "trace/access.h"
#include "vmx/vmx.h"
#include "x86/cpu.h"

enum string_kind { STRING_OTHER, STRING_MOVS, STRING_STOS, STRING_LODS };

static enum string_kind kind_of(const struct insn *insn)
{
    switch (insn_opcode(insn)[0] & 0xfe) {
    case 0xa4:
        return STRING_MOVS;
    case 0xaa:
        return STRING_STOS;
    case 0xac:
        return STRING_LODS;
    default:
        return STRING_OTHER;
    }
}

bool string_handles(const struct insn *insn)
{
    return insn->rep && kind_of(insn) != STRING_OTHER;
}

static uint64_t address_register(const struct dbt_cpu *c, const struct insn *insn, unsigned gpr)
{
    uint64_t value = c->v.gpr[gpr];
    return insn->address_bytes == 8 ? value : value & ((1ull << 8 * insn->address_bytes) - 1);
}

static unsigned source_segment(const struct insn *insn)
{
    for (unsigned i = 0; i < insn->memory_count; i++)
        if (insn->memory[i].flags & INSN_READ)
            return insn->memory[i].address.segment;
    return SEG_DS;
}

static void load_accumulator(struct dbt_cpu *c, const uint8_t *data, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)data[i] << 8 * i;
    uint64_t kept = bytes >= 4 ? 0 : c->v.gpr[RAX] & ~((1ull << 8 * bytes) - 1);
    c->v.gpr[RAX] = kept | value;
}

/* The source is checked and read before the destination is looked at. */
static bool iterate(struct dbt_cpu *c, const struct insn *insn, enum string_kind kind, gva_t *written)
{
    uint8_t data[8];
    unsigned bytes = insn->memory[0].size;
    gva_t from, to;
    bool reads = kind != STRING_STOS, writes = kind != STRING_LODS;

    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(c->v.gpr[RAX] >> 8 * i);
    if (reads && !sys_linear(c, source_segment(insn), address_register(c, insn, RSI), bytes, false, &from))
        return false;
    if (reads && !dbt_read(c, from, data, bytes, DBT_READ, CAUSE_INSTRUCTION))
        return false;
    if (writes && (!sys_linear(c, SEG_ES, address_register(c, insn, RDI), bytes, true, &to) ||
                   !dbt_write(c, to, data, bytes, DBT_WRITE, CAUSE_INSTRUCTION)))
        return false;
    uint64_t step = c->v.rflags & RFLAGS_DF ? -(uint64_t)bytes : bytes;
    if (reads)
        sys_add_gpr(c, RSI, step, insn->address_bytes);
    if (writes)
        sys_add_gpr(c, RDI, step, insn->address_bytes);
    if (kind == STRING_LODS)
        load_accumulator(c, data, bytes);
    sys_add_gpr(c, RCX, -1ull, insn->address_bytes);
    *written = writes ? to : 0;
    return true;
}

/* The instruction may have overwritten itself: what it is then has to be looked at. */
static bool is_near(gva_t written, gva_t code)
{
    return written - code + PAGE_SIZE < 2 * PAGE_SIZE;
}

bool string_iterations(struct dbt_cpu *c, const struct insn *insn, unsigned most)
{
    enum string_kind kind = kind_of(insn);
    gva_t code = sys_code_linear(c), written;

    while (address_register(c, insn, RCX) && most--) {
        if (!iterate(c, insn, kind, &written))
            return false;
        c->interrupt_shadow = c->shadow_is_mov_ss = false;
        counters.string_iterations++;
        if (c->debug_traps || is_near(written, code))
            break;
    }
    if (address_register(c, insn, RCX)) {
        c->v.rflags |= RFLAGS_RF; /* so the frame of an interrupt shows it (SDM Vol. 3B, 17.3.1.1) */
        return true;
    }
    uint64_t next = c->v.rip + insn->length;
    c->v.rip = insn->code_size == CODE_64 ? next : (uint32_t)next;
    c->v.rflags &= ~RFLAGS_RF;
    return true;
}
