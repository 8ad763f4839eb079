/*
 * IN, OUT, INS and OUTS (SDM Vol. 2). A string instruction makes one element per
 * execution; with REP it stays at its place until the count is 0, so that interrupts
 * come in between. Its checks of memory come before the port is touched.
 */
#include "dbt/sys/parts.h"

static unsigned port_bytes(const struct sys_insn *i)
{
    return !(i->opcode & 1) ? 1 : i->insn->operand_bytes == 2 ? 2 : 4;
}

static uint16_t port_of(const struct dbt_cpu *c, const struct sys_insn *i)
{
    return i->opcode & 8 ? (uint16_t)c->v.gpr[RDX] : i->immediate[0];
}

static void write_accumulator(struct dbt_cpu *c, uint32_t value, unsigned bytes)
{
    if (bytes == 1)
        c->v.gpr[RAX] = (c->v.gpr[RAX] & ~0xffull) | (value & 0xff);
    else
        write_gpr(c, RAX, value, bytes);
}

bool op_in(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned bytes = port_bytes(i);
    uint16_t port = port_of(c, i);
    if (!sys_io_allowed(c, port, bytes))
        return false;
    write_accumulator(c, c->port_in(c, port, bytes), bytes);
    sys_note_port(c, port, bytes);
    return true;
}

bool op_out(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned bytes = port_bytes(i);
    uint16_t port = port_of(c, i);
    if (!sys_io_allowed(c, port, bytes))
        return false;
    c->port_out(c, port, bytes, (uint32_t)truncate_to(c->v.gpr[RAX], bytes));
    sys_note_port(c, port, bytes);
    return true;
}

/* ---- strings ---- */

static void advance(struct dbt_cpu *c, unsigned gpr, const struct sys_insn *i, unsigned bytes)
{
    uint64_t step = c->v.rflags & RFLAGS_DF ? 0 - (uint64_t)bytes : bytes;
    write_gpr(c, gpr, c->v.gpr[gpr] + step, i->insn->address_bytes);
}

static bool in_element(struct dbt_cpu *c, const struct sys_insn *i, unsigned bytes)
{
    uint16_t port = (uint16_t)c->v.gpr[RDX];
    uint64_t offset = truncate_to(c->v.gpr[RDI], i->insn->address_bytes);
    gva_t linear;
    if (!sys_io_allowed(c, port, bytes) || !sys_linear(c, SEG_ES, offset, bytes, true, &linear) ||
        !sys_writable(c, linear, bytes, DBT_WRITE))
        return false;
    uint32_t value = c->port_in(c, port, bytes);
    if (!dbt_write(c, linear, &value, bytes, DBT_WRITE, CAUSE_INSTRUCTION))
        return false;
    sys_note_port(c, port, bytes);
    advance(c, RDI, i, bytes);
    return true;
}

static bool out_element(struct dbt_cpu *c, const struct sys_insn *i, unsigned bytes)
{
    uint16_t port = (uint16_t)c->v.gpr[RDX];
    uint64_t offset = truncate_to(c->v.gpr[RSI], i->insn->address_bytes);
    unsigned segment = i->segment == NO_REGISTER ? SEG_DS : i->segment;
    uint32_t value = 0;
    gva_t linear;
    if (!sys_io_allowed(c, port, bytes) || !sys_linear(c, segment, offset, bytes, false, &linear) ||
        !dbt_read(c, linear, &value, bytes, DBT_READ, CAUSE_INSTRUCTION))
        return false;
    c->port_out(c, port, bytes, value);
    sys_note_port(c, port, bytes);
    advance(c, RSI, i, bytes);
    return true;
}

static bool string(struct dbt_cpu *c, const struct sys_insn *i,
                   bool (*element)(struct dbt_cpu *, const struct sys_insn *, unsigned))
{
    unsigned width = i->insn->address_bytes;
    if (!i->repeat) {
        if (!element(c, i, port_bytes(i)))
            return false;
        c->v.rip = next_rip(c, i);
        return true;
    }
    if (!truncate_to(c->v.gpr[RCX], width)) {
        c->v.rip = next_rip(c, i);
        return true;
    }
    if (!element(c, i, port_bytes(i)))
        return false;
    write_gpr(c, RCX, c->v.gpr[RCX] - 1, width);
    if (!truncate_to(c->v.gpr[RCX], width))
        c->v.rip = next_rip(c, i);
    return true;
}

bool op_ins(struct dbt_cpu *c, const struct sys_insn *i)
{
    return string(c, i, in_element);
}

bool op_outs(struct dbt_cpu *c, const struct sys_insn *i)
{
    return string(c, i, out_element);
}
