/* IN and OUT (not the string forms): the host has the ports. */
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
        d->host->port_out(d, port, bytes,
                          bytes == 4   ? (uint32_t)v->gpr[RAX]
                          : bytes == 2 ? (uint16_t)v->gpr[RAX]
                                       : (uint8_t)v->gpr[RAX]);
        return true;
    }
    uint32_t value = d->host->port_in(d, port, bytes);
    if (bytes == 4)
        v->gpr[RAX] = value;
    else
        memcpy(&v->gpr[RAX], &value, bytes);
    return true;
}
