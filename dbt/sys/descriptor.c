/* Descriptors in the GDT and LDT (SDM Vol. 3A, 3.4.5). */
#include "dbt/sys/parts.h"

#define DESCRIPTOR_BYTES 8u
#define ACCESS_BYTE 5u /* of a descriptor: type, S, DPL, P (figure 3-8) */

static bool table_holds(const struct dbt_cpu *c, uint16_t selector, unsigned bytes, gva_t *at)
{
    unsigned offset = selector & ~7u;
    if (!(selector & SELECTOR_TI)) {
        *at = c->v.gdtr.base + offset;
        return offset + bytes - 1 <= c->v.gdtr.limit;
    }
    const struct segment *ldt = &c->v.seg[SEG_LDTR];
    *at = ldt->base + offset;
    return !(ldt->access & SEGMENT_UNUSABLE) && offset + bytes - 1 <= ldt->limit;
}

enum descriptor_found descriptor_look(struct dbt_cpu *c, uint16_t selector, unsigned bytes,
                                      struct descriptor *d)
{
    uint32_t words[4] = {0};
    gva_t at;
    if (!table_holds(c, selector, bytes, &at))
        return DESCRIPTOR_OUTSIDE;
    if (!long_mode(c))
        at = (uint32_t)at;
    for (unsigned done = 0; done < bytes; done += DESCRIPTOR_BYTES)
        if (!dbt_read(c, at + done, &words[done / 4], DESCRIPTOR_BYTES, DBT_READ | DBT_SYSTEM,
                      CAUSE_DESCRIPTOR))
            return DESCRIPTOR_FAULT;
    *d = (struct descriptor){.selector = selector,
                             .low = words[0],
                             .high = words[1],
                             .base_high = words[2],
                             .top = words[3],
                             .at = at};
    return DESCRIPTOR_FOUND;
}

bool descriptor_read(struct dbt_cpu *c, uint16_t selector, unsigned bytes, uint8_t vector,
                     struct descriptor *d)
{
    switch (descriptor_look(c, selector, bytes, d)) {
    case DESCRIPTOR_FOUND:
        return true;
    case DESCRIPTOR_OUTSIDE:
        return raise_selector(c, vector, selector);
    default:
        return false;
    }
}

/* The widths of these writes are those that Bochs makes; the SDM does not say (Vol. 3A, 9.1.4: locked). */
bool descriptor_set_accessed(struct dbt_cpu *c, struct descriptor *d)
{
    if (descriptor_type(d) & TYPE_ACCESSED)
        return true;
    d->high |= TYPE_ACCESSED << 8;
    uint8_t access = (uint8_t)(d->high >> 8);
    return dbt_write(c, d->at + ACCESS_BYTE, &access, 1, DBT_WRITE | DBT_SYSTEM, CAUSE_DESCRIPTOR);
}

bool descriptor_set_busy(struct dbt_cpu *c, struct descriptor *d)
{
    d->high |= TYPE_BUSY << 8;
    return dbt_write(c, d->at + 4, &d->high, 4, DBT_WRITE | DBT_SYSTEM, CAUSE_DESCRIPTOR);
}

struct segment descriptor_segment(const struct descriptor *d)
{
    uint32_t limit = (d->low & 0xffff) | (d->high & 0xf0000);
    uint32_t access = d->high >> 8 & 0xf0ff;
    uint32_t base = d->low >> 16 | (d->high & 0xff) << 16 | (d->high & 0xff000000u);
    return (struct segment){.base = (uint64_t)d->base_high << 32 | base,
                            .limit = access & SEGMENT_G ? limit << 12 | 0xfff : limit,
                            .selector = d->selector,
                            .access = access};
}

uint64_t gate_offset(const struct descriptor *d, bool wide)
{
    uint32_t low = d->low & 0xffff;
    return wide ? low | (d->high & 0xffff0000u) : low;
}
