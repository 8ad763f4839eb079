/* Pushes and pops on the stack in use or on one that is about to be switched to. */
#include "dbt/sys/parts.h"

struct stack stack_new(const struct segment *ss, uint64_t sp, bool flat64, bool system, uint8_t cause)
{
    return (struct stack){.sp = sp,
                          .base = ss->base,
                          .limit = ss->limit,
                          .access = ss->access,
                          .error = (uint16_t)(ss->selector & ~SELECTOR_RPL),
                          .flat64 = flat64,
                          .system = system,
                          .cause = cause};
}

struct stack stack_current(const struct dbt_cpu *c, uint8_t cause)
{
    struct stack s = stack_new(&c->v.seg[SEG_SS], c->v.gpr[RSP], code_is_64(c), false, cause);
    s.error = 0;
    return s;
}

static unsigned width(const struct stack *s)
{
    return s->flat64 ? 8 : s->access & SEGMENT_DB ? 4 : 2;
}

unsigned sys_stack_bytes(const struct dbt_cpu *c)
{
    struct stack s = stack_current(c, CAUSE_INSTRUCTION);
    return width(&s);
}

void stack_skip(struct stack *s, int64_t bytes)
{
    uint64_t moved = s->sp + (uint64_t)bytes;
    /* A 16-bit stack leaves the upper half of ESP alone. */
    s->sp = width(s) == 2 ? (s->sp & ~0xffffull) | (moved & 0xffff) : truncate_to(moved, width(s));
}

static bool within(const struct stack *s, uint64_t offset, unsigned bytes)
{
    uint64_t last = offset + bytes - 1;
    if (s->access & TYPE_EXPAND_DOWN)
        return offset > s->limit && last <= (s->access & SEGMENT_DB ? 0xffffffffu : 0xffffu);
    return last <= s->limit;
}

static bool locate(struct dbt_cpu *c, const struct stack *s, uint64_t sp, unsigned bytes, gva_t *linear)
{
    uint64_t offset = truncate_to(sp, width(s));
    if (s->flat64) {
        *linear = offset;
        return (is_canonical(c, offset) && is_canonical(c, offset + bytes - 1)) ||
               raise_selector(c, VECTOR_SS, s->error);
    }
    *linear = (uint32_t)(s->base + offset);
    return (!(s->access & SEGMENT_UNUSABLE) && within(s, offset, bytes)) ||
           raise_selector(c, VECTOR_SS, s->error);
}

bool stack_push(struct dbt_cpu *c, struct stack *s, uint64_t value, unsigned bytes)
{
    struct stack after = *s;
    gva_t linear;
    stack_skip(&after, -(int64_t)bytes);
    if (!locate(c, s, after.sp, bytes, &linear) ||
        !dbt_write(c, linear, &value, bytes, DBT_WRITE | (s->system ? DBT_SYSTEM : 0), s->cause))
        return false;
    *s = after;
    return true;
}

bool stack_peek(struct dbt_cpu *c, const struct stack *s, unsigned offset, uint64_t *value, unsigned bytes)
{
    struct stack at = *s;
    gva_t linear;
    *value = 0;
    stack_skip(&at, offset);
    return locate(c, s, at.sp, bytes, &linear) &&
           dbt_read(c, linear, value, bytes, DBT_READ | (s->system ? DBT_SYSTEM : 0), s->cause);
}

bool stack_holds(struct dbt_cpu *c, const struct stack *s, unsigned offset, unsigned bytes)
{
    struct stack at = *s;
    gva_t linear;
    stack_skip(&at, offset);
    return locate(c, s, at.sp, bytes, &linear);
}

bool stack_writable(struct dbt_cpu *c, const struct stack *s, unsigned bytes)
{
    gva_t linear;
    return locate(c, s, s->sp, bytes, &linear) && sys_writable(c, linear, bytes, s->system ? DBT_SYSTEM : 0);
}

bool stack_aligned(struct dbt_cpu *c, const struct stack *s, unsigned bytes)
{
    return sys_aligned(c, (s->flat64 ? 0 : s->base) + truncate_to(s->sp, width(s)), bytes);
}

bool stack_pop(struct dbt_cpu *c, struct stack *s, uint64_t *value, unsigned bytes)
{
    if (!stack_peek(c, s, 0, value, bytes))
        return false;
    stack_skip(s, bytes);
    return true;
}

void stack_commit(struct dbt_cpu *c, const struct stack *s)
{
    unsigned bytes = width(s);
    /* A 32-bit stack in IA-32e mode clears RSP's upper half (SDM Vol. 1, 3.4.1.1). */
    write_gpr(c, RSP, s->sp, bytes);
}
