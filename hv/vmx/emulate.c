/*
 * The common stores (MOV, MOVNTI, PUSH, STOS, near CALL) carried out by the
 * hypervisor: one exit per write instead of the two of a step, and no
 * interrupt can come in between. By the time of the EPT violation the CPU has
 * made every check of segmentation and paging for the write, the only access
 * these forms make (SDM Vol. 3C, 29.3.3.1). All else is stepped.
 */
#include "vmx/vmx.h"

#include "memory.h"
#include "trace/bytes.h"
#include "trace/hook.h"
#include "x86/cpu.h"
#include "x86/debug.h"

static uint64_t low_bytes(uint64_t value, unsigned bytes)
{
    return bytes >= 8 ? value : value & ((1ull << (8 * bytes)) - 1);
}

/* Writes the low `bytes` of a register as an address or stack pointer of that size is written. */
static void set_low_bytes(uint64_t *reg, uint64_t value, unsigned bytes)
{
    *reg = bytes == 2 ? (*reg & ~0xffffull) | (value & 0xffff) : low_bytes(value, bytes);
}

/* A branch target that the CPU would refuse is left to the CPU. There is no shadow stack (hv/cpuid.c hides
 * CET). */
static bool next_rip(const struct insn *insn, const struct code_state *c, uint64_t *rip)
{
    const struct vcpu *v = vmx.v;
    uint64_t next = v->rip + insn->length;
    if (insn->store.source == STORE_NEXT_IP) {
        if (insn->operand_bytes == 2)
            return false;
        next += insn->store.immediate;
        if (c->size == CODE_64)
            *rip = next;
        else
            *rip = (uint32_t)next;
        if (c->size == CODE_64)
            return (int64_t)(next << 16) >> 16 == (int64_t)next;
        return c->size == CODE_32 && (uint32_t)vmread_nth(VMCS_GUEST_ES_LIMIT, SEG_CS) == 0xffffffffu;
    }
    *rip = c->size == CODE_64 ? next : (uint32_t)next;
    return c->size != CODE_16 || next <= 0xffff;
}

static uint64_t stored_value(const struct insn *insn)
{
    const struct insn_store *s = &insn->store;
    switch (s->source) {
    case STORE_REGISTER:
        return vmx.v->gpr[s->gpr] >> s->shift;
    case STORE_IMMEDIATE:
        return s->immediate;
    default:
        return vmx.v->rip + insn->length;
    }
}

/* The access must set nothing else: the page's D bit is there already. And nothing may be due after it. */
static bool is_simple(const struct code_state *c, gva_t linear)
{
    struct walk w;
    if ((vmx.v->rflags & RFLAGS_TF) || (guest_dr7() & DR7_ENABLES))
        return false;
    if (!(c->paging.cr0 & CR0_PG))
        return true;
    return guest_walk_tables(&c->paging, linear, &w) && w.dirty;
}

/* One store of its size, as the guest's would have been: a device that reads along sees no half of it. */
static void store(void *p, uint64_t value, unsigned bytes)
{
    switch (bytes) {
    case 1:
        *(volatile uint8_t *)p = (uint8_t)value;
        break;
    case 2:
        *(volatile uint16_t *)p = (uint16_t)value;
        break;
    case 4:
        *(volatile uint32_t *)p = (uint32_t)value;
        break;
    default:
        *(volatile uint64_t *)p = value;
    }
}

/* What the instruction does beside its store. */
static void complete(const struct insn *insn, uint64_t rip)
{
    struct vcpu *v = vmx.v;
    const struct insn_store *s = &insn->store;

    if (s->push)
        set_low_bytes(&v->gpr[RSP], v->gpr[RSP] + (uint64_t)insn->memory[0].address.displacement,
                      stack_bytes(insn, v));
    if (s->string)
        set_low_bytes(&v->gpr[RDI], v->gpr[RDI] + (v->rflags & RFLAGS_DF ? -(uint64_t)s->string : s->string),
                      insn->address_bytes);
    v->rip = rip;
    v->rflags &= ~RFLAGS_RF;
    uint64_t blocked = vmread(VMCS_GUEST_INTERRUPTIBILITY);
    if (blocked & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS))
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, blocked & ~(uint64_t)(BLOCKED_BY_STI | BLOCKED_BY_MOV_SS));
}

bool emulate_store(const struct insn *insn, const struct code_state *c, gva_t violating, gpa_t gpa)
{
    if (insn->store.source == STORE_NONE)
        return false;
    const struct insn_memory *m = &insn->memory[0];
    gva_t linear = insn_linear(insn, m, vmx.v);
    uint64_t rip;
    if (linear != violating || (gpa & ~PAGE_MASK) + m->size > PAGE_SIZE || !is_simple(c, linear) ||
        !next_rip(insn, c, &rip))
        return false;

    uint64_t value = stored_value(insn);
    hook_overwrite(gpa, m->size);
    store(phys_to_virt(gpa), value, m->size);
    /* What no store of these forms has stays as it is: one CPU, so one access at a time. */
    static struct access a = {.kind = ACCESS_WRITE, .cause = CAUSE_INSTRUCTION, .has_data = true};
    a.rip = c->rip;
    a.gva = linear;
    a.gpa = gpa;
    a.cr3 = c->paging.cr3;
    a.size = (uint8_t)m->size;
    a.context = c->context;
    store64(a.data, value); /* of which the first `size` bytes count */

    complete(insn, rip);
    counters.stores_emulated++;
    hand_over(&a);
    return true;
}
