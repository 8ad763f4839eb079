/* PUSHA, POPA and ENTER: many accesses, few executions; carried out access by access. */
#include "dbt/dbt.h"

#include "decode/insn.h"
#include "trace/access.h"

static uint64_t truncated(uint64_t v, unsigned bytes)
{
    return bytes >= 8 ? v : v & ((1ull << 8 * bytes) - 1);
}

static void set_low(uint64_t *reg, uint64_t v, unsigned bytes)
{
    if (bytes == 4)
        *reg = (uint32_t)v;
    else
        memcpy(reg, &v, bytes);
}

static gva_t stack_linear(const struct dbt *d, const struct insn *insn, uint64_t sp)
{
    if (insn->code_size == CODE_64)
        return sp;
    return (uint32_t)(truncated(sp, stack_bytes(insn, &d->cpu.v)) + d->cpu.v.seg[SEG_SS].base);
}

/* Every page first: what faults has written nothing. */
static bool writable(struct dbt *d, gva_t low, unsigned bytes)
{
    gpa_t gpa;
    return dbt_translate(&d->cpu, low, DBT_WRITE, &gpa) &&
           ((low & PAGE_MASK) == ((low + bytes - 1) & PAGE_MASK) ||
            dbt_translate(&d->cpu, low + bytes - 1, DBT_WRITE, &gpa));
}

static bool push_all(struct dbt *d, const struct insn *insn)
{
    struct vcpu *v = &d->cpu.v;
    unsigned bytes = insn->operand_bytes;
    uint64_t sp = v->gpr[RSP];
    if (!writable(d, stack_linear(d, insn, sp - 8 * bytes), 8 * bytes))
        return false;
    for (unsigned r = RAX; r <= RDI; r++) {
        sp -= bytes;
        if (!dbt_write(&d->cpu, stack_linear(d, insn, sp), &v->gpr[r], bytes, DBT_WRITE, CAUSE_INSTRUCTION))
            return false;
    }
    set_low(&v->gpr[RSP], sp, stack_bytes(insn, v));
    return true;
}

static bool pop_all(struct dbt *d, const struct insn *insn)
{
    struct vcpu *v = &d->cpu.v;
    unsigned bytes = insn->operand_bytes;
    uint64_t sp = v->gpr[RSP], value[8] = {0};
    for (unsigned r = RDI + 1; r-- > RAX; sp += bytes)
        if (!dbt_read(&d->cpu, stack_linear(d, insn, sp), &value[r], bytes, DBT_READ, CAUSE_INSTRUCTION))
            return false;
    for (unsigned r = RAX; r <= RDI; r++)
        if (r != RSP)
            set_low(&v->gpr[r], value[r], bytes);
    set_low(&v->gpr[RSP], sp, stack_bytes(insn, v));
    return true;
}

/* SDM Vol. 2A, ENTER. */
static bool enter(struct dbt *d, const struct insn *insn)
{
    struct vcpu *v = &d->cpu.v;
    unsigned bytes = insn->operand_bytes, width = stack_bytes(insn, v), frame_bytes;
    uint64_t sp = v->gpr[RSP] - bytes, bp = v->gpr[RBP], frame = sp;
    uint8_t allocated[2];

    memcpy(allocated, insn->bytes + insn->length - 3, 2);
    frame_bytes = allocated[0] | (unsigned)allocated[1] << 8;
    if (!writable(d, stack_linear(d, insn, sp - (uint64_t)bytes * insn->nesting),
                  bytes * (insn->nesting + 1u)))
        return false;
    if (!dbt_write(&d->cpu, stack_linear(d, insn, sp), &v->gpr[RBP], bytes, DBT_WRITE, CAUSE_INSTRUCTION))
        return false;
    for (unsigned i = 1; i < insn->nesting; i++) {
        uint64_t link = 0;
        bp -= bytes;
        sp -= bytes;
        if (!dbt_read(&d->cpu, stack_linear(d, insn, bp), &link, bytes, DBT_READ, CAUSE_INSTRUCTION) ||
            !dbt_write(&d->cpu, stack_linear(d, insn, sp), &link, bytes, DBT_WRITE, CAUSE_INSTRUCTION))
            return false;
    }
    if (insn->nesting) {
        sp -= bytes;
        if (!dbt_write(&d->cpu, stack_linear(d, insn, sp), &frame, bytes, DBT_WRITE, CAUSE_INSTRUCTION))
            return false;
    }
    set_low(&v->gpr[RBP], frame, bytes);
    set_low(&v->gpr[RSP], sp - frame_bytes, width);
    return true;
}

bool legacy_execute(struct dbt *d, const struct insn *insn)
{
    const uint8_t *op = insn->bytes;
    while (*op == 0x66 || *op == 0x67 || (insn->code_size == CODE_64 && (*op & 0xf0) == 0x40))
        op++;
    bool limited = d->mode & MODE_LIMITED(SEG_SS);
    if (limited)
        return dbt_stop_unsupported(&d->cpu, "PUSHA, POPA or ENTER on a stack segment with a limit");
    bool ok = *op == 0x60   ? push_all(d, insn)
              : *op == 0x61 ? pop_all(d, insn)
              : *op == 0xc8 ? enter(d, insn)
                            : dbt_stop_unsupported(&d->cpu, "PUSHA, POPA or ENTER with an unexpected prefix");
    if (ok)
        d->cpu.v.rip = insn->code_size == CODE_64 ? d->cpu.v.rip + insn->length
                                                  : (uint32_t)(d->cpu.v.rip + insn->length);
    return ok;
}
