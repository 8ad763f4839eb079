/* Instructions on cache lines and 64 bytes: CLFLUSH, CLFLUSHOPT, CLWB, CLZERO, MOVDIR64B (SDM Vol. 2; AMD APM
 * Vol. 3, CLZERO). The caches are the host's, and coherent: flushing is only the checks of a read. */
#include "dbt/sys/parts.h"

#define LINE_BYTES 64u

/* 0F AE /7; with 66 CLWB (/6) and CLFLUSHOPT (/7). */
bool op_flush_line(struct dbt_cpu *c, const struct sys_insn *i)
{
    if (i->operand_size && !has(c, (i->reg & 7) == 6 ? HAS_CLWB : HAS_CLFLUSHOPT))
        return raise_ud(c);
    struct sys_place p = sys_place(c, i);
    gva_t linear;
    gpa_t gpa;
    return sys_linear(c, p.segment, p.offset, 1, false, &linear) && dbt_translate(c, linear, DBT_READ, &gpa);
}

bool op_clzero(struct dbt_cpu *c, const struct sys_insn *i)
{
    static const uint8_t zeros[LINE_BYTES];
    uint64_t offset = truncate_to(c->v.gpr[RAX], i->insn->address_bytes) & ~(uint64_t)(LINE_BYTES - 1);
    gva_t linear;
    if (!has(c, HAS_CLZERO))
        return raise_ud(c);
    return sys_linear(c, i->segment == NO_REGISTER ? SEG_DS : i->segment, offset, LINE_BYTES, true,
                      &linear) &&
           dbt_write(c, linear, zeros, LINE_BYTES, DBT_WRITE, CAUSE_INSTRUCTION);
}

/* To ES:reg, whatever segment the source has. */
bool op_movdir64b(struct dbt_cpu *c, const struct sys_insn *i)
{
    uint8_t line[LINE_BYTES];
    uint64_t offset = truncate_to(c->v.gpr[i->reg], i->insn->address_bytes);
    gva_t linear;
    if (!has(c, HAS_MOVDIR64B))
        return raise_ud(c);
    if (!read_operand(c, i, 0, line, LINE_BYTES) || !sys_linear(c, SEG_ES, offset, LINE_BYTES, true, &linear))
        return false;
    if (linear & (LINE_BYTES - 1))
        return raise_gp(c);
    return dbt_write(c, linear, line, LINE_BYTES, DBT_WRITE, CAUSE_INSTRUCTION);
}
