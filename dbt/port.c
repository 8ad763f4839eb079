/* The ports: the host has them. What the A20 gate of port 92H does is done here, so that the machine's own
 * stays open. */
#include "dbt/dbt.h"

#define SYSTEM_CONTROL_A 0x92u
#define GATE_A20 2u
#define ADDRESS_BIT_20 (1ull << 20)

/* The place of the gate's bit in a value at `port`; 0: it is not among these bytes. */
static uint32_t a20_bit(uint16_t port, unsigned bytes)
{
    unsigned offset = (uint16_t)(SYSTEM_CONTROL_A - port);
    return offset < bytes ? GATE_A20 << 8 * offset : 0;
}

static void write_a20(struct dbt *d, uint32_t bit, uint32_t value)
{
    uint64_t closed = value & bit ? 0 : ADDRESS_BIT_20;
    if (!bit || closed == d->cpu.a20_closed)
        return;
    d->cpu.a20_closed = closed;
    tlb_flush_all(d);
    cache_flush(d);
}

uint32_t port_in(struct dbt_cpu *c, uint16_t port, unsigned bytes)
{
    uint32_t value = dbt_of(c)->host->port_in(dbt_of(c), port, bytes);
    return c->a20_closed ? value & ~a20_bit(port, bytes) : value;
}

void port_out(struct dbt_cpu *c, uint16_t port, unsigned bytes, uint32_t value)
{
    dbt_of(c)->host->port_out(dbt_of(c), port, bytes, value);
    write_a20(dbt_of(c), a20_bit(port, bytes), value);
}
