/* IN and OUT (not the string forms): the host has the ports. What the A20 gate of port 92H does is done here,
 * so that the machine's own stays open. */
#include "dbt/dbt.h"

#include "dbt/sys/sys.h"
#include "x86/exceptions.h"

/* E4 to E7 with an immediate port, EC to EF with DX; no prefix matters but 66. */
static const uint8_t *opcode_of(const struct insn *insn)
{
    const uint8_t *p = insn->bytes, *end = insn->bytes + insn->length;
    while (p < end &&
           (*p == 0x66 || *p == 0x67 || *p == 0xf2 || *p == 0xf3 || *p == 0x2e || *p == 0x36 || *p == 0x3e ||
            *p == 0x26 || *p == 0x64 || *p == 0x65 || (insn->code_size == CODE_64 && (*p & 0xf0) == 0x40)))
        p++;
    return p < end ? p : NULL;
}

bool io_handles(const struct insn *insn)
{
    const uint8_t *op = opcode_of(insn);
    return op && ((*op >= 0xe4 && *op <= 0xe7) || (*op >= 0xec && *op <= 0xef));
}

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
    cache_flush(d);
}

bool io_execute(struct dbt *d, const struct insn *insn)
{
    const uint8_t *op = opcode_of(insn);
    struct vcpu *v = &d->cpu.v;
    uint16_t port = *op & 8 ? (uint16_t)v->gpr[RDX] : op[1];
    unsigned bytes = !(*op & 1) ? 1 : insn->operand_bytes == 2 ? 2 : 4;

    if (!sys_io_allowed(&d->cpu, port, bytes))
        return false;
    v->rip =
        (d->mode & MODE_CODE_SIZE) == CODE_64 ? v->rip + insn->length : (uint32_t)(v->rip + insn->length);
    d->cpu.interrupt_shadow = d->cpu.shadow_is_mov_ss = false;
    if (*op & 2) {
        uint32_t value = bytes == 4   ? (uint32_t)v->gpr[RAX]
                         : bytes == 2 ? (uint16_t)v->gpr[RAX]
                                      : (uint8_t)v->gpr[RAX];
        d->host->port_out(d, port, bytes, value);
        write_a20(d, a20_bit(port, bytes), value);
        return true;
    }
    uint32_t value = d->host->port_in(d, port, bytes);
    if (d->cpu.a20_closed)
        value &= ~a20_bit(port, bytes);
    if (bytes == 4)
        v->gpr[RAX] = value;
    else
        memcpy(&v->gpr[RAX], &value, bytes);
    return true;
}
