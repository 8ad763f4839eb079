/*
 * Loading and storing segment registers (SDM Vol. 2B, MOV and POP; Vol. 3A,
 * 5.6). A load checks everything, sets the descriptor's accessed bit in memory
 * and only then changes the register.
 */
#include "dbt/sys/parts.h"

#define REAL_MODE_ACCESS 0x93u /* present, writable data, accessed */

struct segment segment_null(uint16_t selector, unsigned dpl)
{
    return (struct segment){.selector = selector, .access = SEGMENT_UNUSABLE | dpl << SEGMENT_DPL_SHIFT};
}

/* Limit and access rights stay what they were: a segment that protected mode has widened stays wide. */
static void load_real(struct dbt_cpu *c, unsigned segment, uint16_t selector)
{
    struct segment *s = &c->v.seg[segment];
    s->selector = selector;
    s->base = (uint32_t)selector << 4;
    if (s->access & SEGMENT_UNUSABLE) {
        s->access = REAL_MODE_ACCESS;
        s->limit = 0xffff;
    }
}

static void commit(struct dbt_cpu *c, unsigned segment, struct segment s)
{
    c->v.seg[segment] = s;
    c->mode_changed(c);
}

bool stack_segment_check(struct dbt_cpu *c, uint16_t selector, unsigned cpl, uint8_t vector, uint8_t absent,
                         struct descriptor *d)
{
    if ((selector & SELECTOR_RPL) != cpl)
        return raise_selector(c, vector, selector);
    if (!descriptor_read(c, selector, 8, vector, d))
        return false;
    if (!descriptor_is_segment(d) || descriptor_is_code(d) || !(descriptor_type(d) & TYPE_WRITABLE) ||
        descriptor_dpl(d) != cpl)
        return raise_selector(c, vector, selector);
    return descriptor_present(d) || raise_selector(c, absent, selector);
}

static bool load_stack_segment(struct dbt_cpu *c, uint16_t selector)
{
    unsigned cpl = dbt_cpl(c);
    struct descriptor d;
    if (is_null(selector)) {
        if (!code_is_64(c) || cpl == 3 || (selector & SELECTOR_RPL) != cpl)
            return raise_gp(c);
        commit(c, SEG_SS, segment_null(selector, cpl));
        return true;
    }
    if (!stack_segment_check(c, selector, cpl, VECTOR_GP, VECTOR_SS, &d) || !descriptor_set_accessed(c, &d))
        return false;
    commit(c, SEG_SS, descriptor_segment(&d));
    return true;
}

bool data_segment_check(struct dbt_cpu *c, uint16_t selector, uint8_t vector, struct descriptor *d)
{
    unsigned cpl = dbt_cpl(c), rpl = selector & SELECTOR_RPL;
    if (!descriptor_read(c, selector, 8, vector, d))
        return false;
    bool code = descriptor_is_code(d);
    if (!descriptor_is_segment(d) || (code && !(descriptor_type(d) & TYPE_READABLE)))
        return raise_selector(c, vector, selector);
    if (!(code && descriptor_is_conforming(d)) && (rpl > descriptor_dpl(d) || cpl > descriptor_dpl(d)))
        return raise_selector(c, vector, selector);
    return descriptor_present(d) || raise_selector(c, VECTOR_NP, selector);
}

static bool load_data_segment(struct dbt_cpu *c, unsigned segment, uint16_t selector)
{
    struct descriptor d;
    if (is_null(selector)) {
        commit(c, segment, segment_null(selector, 0));
        return true;
    }
    if (!data_segment_check(c, selector, VECTOR_GP, &d) || !descriptor_set_accessed(c, &d))
        return false;
    commit(c, segment, descriptor_segment(&d));
    return true;
}

bool segment_load(struct dbt_cpu *c, unsigned segment, uint16_t selector)
{
    if (real_segments(c)) {
        if (virtual_8086(c))
            v86_load(c, segment, selector);
        else
            load_real(c, segment, selector);
        c->mode_changed(c);
        return true;
    }
    return segment == SEG_SS ? load_stack_segment(c, selector) : load_data_segment(c, segment, selector);
}

/* MOV SS and POP SS hold off interrupts and debug exceptions for one instruction (Vol. 3A, 6.8.3). */
static void shadow(struct dbt_cpu *c, unsigned segment)
{
    if (segment == SEG_SS)
        c->interrupt_shadow = c->shadow_is_mov_ss = true;
}

bool op_mov_to_segment(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned segment = i->reg & 7;
    uint16_t selector;
    if (segment == SEG_CS || segment > SEG_GS)
        return raise_ud(c);
    if (!read_rm16(c, i, &selector) || !segment_load(c, segment, selector))
        return false;
    shadow(c, segment);
    return true;
}

bool op_mov_from_segment(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned segment = i->reg & 7;
    return segment > SEG_GS ? raise_ud(c) : write_rm(c, i, c->v.seg[segment].selector, 2);
}

/* 06 0E 16 1E and 0F A0, 0F A8; the POPs one above: the register is in bits 5:3. */
static unsigned segment_of_opcode(const struct sys_insn *i)
{
    return i->opcode >> 3 & (i->map == MAP_0F ? 7 : 3);
}

/* Of a 32-bit slot two bytes are written, of a 64-bit one all (SDM Vol. 2B, PUSH; what current processors
 * do). */
bool op_push_segment(struct dbt_cpu *c, const struct sys_insn *i)
{
    struct stack s = stack_current(c, CAUSE_INSTRUCTION);
    unsigned written = i->insn->operand_bytes == 4 ? 2 : i->insn->operand_bytes;
    if (!stack_aligned(c, &s, i->insn->operand_bytes))
        return false;
    stack_skip(&s, -(int64_t)(i->insn->operand_bytes - written));
    if (!stack_push(c, &s, c->v.seg[segment_of_opcode(i)].selector, written))
        return false;
    stack_commit(c, &s);
    return true;
}

/* Two bytes of the slot are read, as Bochs does; the SDM does not say. */
bool op_pop_segment(struct dbt_cpu *c, const struct sys_insn *i)
{
    struct stack s = stack_current(c, CAUSE_INSTRUCTION);
    unsigned segment = segment_of_opcode(i);
    uint64_t selector;
    if (!stack_aligned(c, &s, i->insn->operand_bytes) || !stack_peek(c, &s, 0, &selector, 2))
        return false;
    stack_skip(&s, i->insn->operand_bytes);
    /* RSP moves in the width of the stack that was popped from, so before SS changes, or not at all. */
    uint64_t rsp = c->v.gpr[RSP];
    stack_commit(c, &s);
    if (!segment_load(c, segment, (uint16_t)selector)) {
        c->v.gpr[RSP] = rsp;
        return false;
    }
    shadow(c, segment);
    return true;
}

static unsigned far_pointer_segment(const struct sys_insn *i)
{
    if (i->map == MAP_ONE_BYTE)
        return i->opcode == 0xc4 ? SEG_ES : SEG_DS;
    return i->opcode == 0xb2 ? SEG_SS : i->opcode == 0xb4 ? SEG_FS : SEG_GS;
}

/* Selector, then offset: two reads, as Bochs makes them. */
bool op_load_far_pointer(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned bytes = i->insn->operand_bytes;
    uint16_t selector;
    uint64_t offset = 0;
    if (!i->memory)
        return raise_ud(c);
    if (!read_operand(c, i, bytes, &selector, 2) || !read_operand(c, i, 0, &offset, bytes) ||
        !segment_load(c, far_pointer_segment(i), selector))
        return false;
    write_gpr(c, i->reg, offset, bytes);
    return true;
}
