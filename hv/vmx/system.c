/*
 * The system side that both engines share (dbt/sys/), on this engine's CPU.
 * While something is recorded it delivers the events and carries out the
 * instructions whose accesses are more than their operands: so each of them is
 * made, and recorded, one by one, as architecture and order have it, and what
 * an instruction has done before it faults is there as well. It also foresees
 * what the CPU's page walks will write (step.c).
 */
#include "vmx/vmx.h"

#include "dbt/memory.h"
#include "dbt/sys/sys.h"
#include "memory.h"
#include "trace/hook.h"
#include "vmx/caps.h"
#include "x86/cpu.h"
#include "x86/cpuid.h"
#include "x86/debug.h"
#include "x86/exceptions.h"

#include <string.h>

static struct dbt_cpu cpu;
static uint8_t access_flags; /* of the program's accesses */
static struct vcpu loaded;   /* what the VMCS holds */

/* ---- the state ---- */

static void load_blocking(void)
{
    uint64_t blocked = vmread(VMCS_GUEST_INTERRUPTIBILITY);
    cpu.shadow_is_mov_ss = blocked & BLOCKED_BY_MOV_SS;
    cpu.interrupt_shadow = cpu.shadow_is_mov_ss || (blocked & BLOCKED_BY_STI);
    cpu.nmi_blocked = blocked & BLOCKED_BY_NMI;
}

static void load(void)
{
    cpu.v = *vmx.v;
    vmcs_read_state(&cpu.v);
    loaded = cpu.v;
    for (unsigned i = 0; i < 4; i++)
        cpu.pdpte[i] = vmread_nth(VMCS_GUEST_PDPTE0, i);
    cpu.debugctl = vmread(VMCS_GUEST_DEBUGCTL);
    load_blocking();
    cpu.debug_traps = 0;
    cpu.delivered = cpu.halted = false;
    cpu.stop = DBT_RUNS;
}

static void store_blocking(void)
{
    uint64_t shadow = !cpu.interrupt_shadow ? 0 : cpu.shadow_is_mov_ss ? BLOCKED_BY_MOV_SS : BLOCKED_BY_STI;
    uint64_t blocked = vmread(VMCS_GUEST_INTERRUPTIBILITY);
    uint64_t now = (blocked & ~(uint64_t)(BLOCKED_BY_STI | BLOCKED_BY_MOV_SS | BLOCKED_BY_NMI)) | shadow |
                   (cpu.nmi_blocked ? BLOCKED_BY_NMI : 0u);
    if (now != blocked)
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, now);
}

static void store_control(void)
{
    if (cpu.v.cr0 != loaded.cr0)
        control_set_cr0(cpu.v.cr0);
    if (cpu.v.cr3 != loaded.cr3) {
        vmwrite(VMCS_GUEST_CR3, cpu.v.cr3);
        for (unsigned i = 0; i < 4; i++)
            vmwrite_nth(VMCS_GUEST_PDPTE0, i, cpu.pdpte[i]);
    }
    if (cpu.v.cr2 != loaded.cr2)
        write_cr2(cpu.v.cr2);
    if (cpu.v.dr6 != loaded.dr6)
        write_dr6(cpu.v.dr6);
    if (cpu.v.dr7 != loaded.dr7)
        guest_set_dr7(cpu.v.dr7 | DR7_FIXED_1);
    vmwrite(VMCS_GUEST_DEBUGCTL, cpu.debugctl);
}

static void store(void)
{
    for (unsigned n = 0; n < SEG_COUNT; n++)
        if (memcmp(&cpu.v.seg[n], &loaded.seg[n], sizeof(loaded.seg[n])) != 0)
            segment_write(n, &cpu.v.seg[n]);
    vmwrite(VMCS_GUEST_GDTR_BASE, cpu.v.gdtr.base);
    vmwrite(VMCS_GUEST_GDTR_LIMIT, cpu.v.gdtr.limit);
    vmwrite(VMCS_GUEST_IDTR_BASE, cpu.v.idtr.base);
    vmwrite(VMCS_GUEST_IDTR_LIMIT, cpu.v.idtr.limit);
    store_control();
    store_blocking();
    *vmx.v = cpu.v;
}

/* What is to trap behind the instruction (SDM Vol. 3C, table 25-4). */
static void leave_traps(bool single_step)
{
    uint64_t pending = cpu.debug_traps ? cpu.debug_traps | PENDING_DEBUG_ENABLED : 0;
    if (single_step)
        pending |= PENDING_DEBUG_BS;
    if (pending)
        vmwrite(VMCS_GUEST_PENDING_DEBUG, vmread(VMCS_GUEST_PENDING_DEBUG) | pending);
}

/* ---- what the core calls ---- */

/* The run is over, or not. */
static bool is_over(struct vm_exit *e)
{
    if (cpu.stop == DBT_RUNS)
        return false;
    e->kind = cpu.stop == DBT_TRIPLE_FAULT ? EXIT_TRIPLE_FAULT : EXIT_FATAL;
    e->text = cpu.stop_text;
    return true;
}

/* What was carried out is over, or has raised an exception, which is due then. True: the run is over. */
static bool conclude(bool done, bool single_step, struct vm_exit *e)
{
    store();
    if (done) {
        leave_traps(single_step);
        return false;
    }
    if (is_over(e))
        return true;
    if (cpu.fault.vector == VECTOR_PF)
        write_cr2(cpu.fault.address);
    event_set(cpu.fault.vector, EVENT_HARDWARE_EXCEPTION, cpu.fault.has_error, cpu.fault.error, 0);
    return false;
}

static bool execute(const struct insn *insn, struct vm_exit *e)
{
    load();
    bool steps = cpu.v.rflags & RFLAGS_TF;
    bool done = sys_execute(&cpu, insn);
    counters.system_instructions++;
    return conclude(done, steps && !cpu.delivered, e);
}

static bool execute_string(const struct insn *insn, struct vm_exit *e)
{
    load();
    bool steps = cpu.v.rflags & RFLAGS_TF;
    bool interruptible_next = cpu.interrupt_shadow && (cpu.v.rflags & RFLAGS_IF);
    access_flags = ACCESS_REP;
    bool done = string_iterations(&cpu, insn, steps || interruptible_next ? 1 : STRING_ITERATIONS);
    access_flags = 0;
    return conclude(done, steps, e);
}

bool system_carry_out(const struct insn *insn, struct vm_exit *e, bool *ends)
{
    bool further = sys_reaches_further(insn);
    if (!further && (!string_handles(insn) || event_may_wait()))
        return false;
    *ends = further ? execute(insn, e) : execute_string(insn, e);
    return true;
}

/* IN, OUT, INS, OUTS (SDM Vol. 2D, table A-2). False: another instruction. */
static bool port_of(const struct insn *insn, uint16_t *port, unsigned *bytes)
{
    const uint8_t *opcode = insn_opcode(insn);
    bool immediate = (opcode[0] & 0xfc) == 0xe4;
    if (!immediate && (opcode[0] & 0xfc) != 0xec && (opcode[0] & 0xfc) != 0x6c)
        return false;
    *port = immediate ? opcode[1] : (uint16_t)cpu.v.gpr[RDX];
    *bytes = !(opcode[0] & 1) ? 1 : insn->operand_bytes == 2 ? 2 : 4;
    return true;
}

void system_note_port(const struct insn *insn)
{
    uint16_t port;
    unsigned bytes;
    cpu.v.gpr[RDX] = vmx.v->gpr[RDX];
    if (!port_of(insn, &port, &bytes))
        return;
    load();
    sys_io_allowed(&cpu, port, bytes); /* what it says is the CPU's to say again */
}

bool system_deliver(const struct pending_event *p, struct vm_exit *e)
{
    load();
    const struct sys_event event = {.vector = p->vector,
                                    .type = p->type,
                                    .has_error = p->has_error,
                                    .error = p->error,
                                    .address = cpu.v.cr2,
                                    .return_rip = cpu.v.rip + p->length};
    if (p->type == EVENT_NMI)
        cpu.nmi_blocked = true;
    if (p->type >= EVENT_SOFTWARE_INTERRUPT) /* over with their instruction (SDM Vol. 3B, 17.3.1.1) */
        cpu.v.rflags &= ~RFLAGS_RF;
    bool done = sys_deliver(&cpu, &event);
    store();
    vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
    counters.events_delivered++;
    return !done && is_over(e);
}

/* ---- walks for the CPU ---- */

static void load_paging(const struct code_state *c)
{
    cpu.v.cr0 = c->paging.cr0;
    cpu.v.cr3 = c->paging.cr3;
    cpu.v.cr4 = c->paging.cr4;
    cpu.v.efer = c->paging.efer;
    memcpy(cpu.pdpte, c->paging.pdpte, sizeof(cpu.pdpte));
    cpu.v.rflags = vmx.v->rflags;
    cpu.v.seg[SEG_SS].access = vmx.v->seg[SEG_SS].access;
}

bool system_walk(const struct code_state *c, gva_t linear, unsigned bytes, unsigned access)
{
    gpa_t gpa;
    gva_t last = linear + bytes - 1;
    load_paging(c);
    return dbt_translate(&cpu, linear, access, &gpa) &&
           ((linear & PAGE_MASK) == (last & PAGE_MASK) || dbt_translate(&cpu, last, access, &gpa));
}

/* ---- what the system side asks for: memory (dbt/memory.h) ---- */

static struct origin origin_of(uint8_t cause)
{
    bool event = cause == CAUSE_EXCEPTION || cause == CAUSE_INTERRUPT;
    return (struct origin){.rip = sys_code_linear(&cpu),
                           .cr3 = cpu.v.cr3,
                           .context = sys_context(&cpu),
                           .cause = cause,
                           .vector = event ? cpu.event_vector : 0};
}

/* Whose writes can be seen: RAM, and devices below its end. NULL: ones are read there, and writes dropped. */
static void *memory_at(gpa_t p)
{
    return (void *)(uintptr_t)guest_memory(p);
}

static void read_part(gpa_t from, uint8_t *to, unsigned bytes)
{
    const void *memory = memory_at(from);
    if (memory)
        dbt_copy_at_once(to, memory, bytes);
    else
        memset(to, 0xff, bytes);
}

static void write_part(gpa_t to, const uint8_t *from, unsigned bytes)
{
    void *memory = memory_at(to);
    if (ept_is_traced(to))
        hook_overwrite(to, bytes);
    if (memory)
        dbt_copy_at_once(memory, from, bytes);
}

static void record(gva_t at, unsigned bytes, const struct dbt_place *p, uint8_t kind, uint8_t cause,
                   const void *data)
{
    const struct origin o = origin_of(cause);
    struct location l;
    location_set(&l, at, bytes, p->gpa[0], p->first == bytes ? 0 : p->gpa[1]);
    if (l.hidden)
        touch_hidden(l.hidden);
    if (l.traced)
        record_access(&o, &l, kind, cause == CAUSE_INSTRUCTION ? access_flags : 0,
                      (const uint8_t *)data + (l.linear - at));
    sys_note_access(&cpu, at, bytes, kind == ACCESS_WRITE);
}

bool dbt_read(struct dbt_cpu *c, gva_t at, void *to, unsigned bytes, unsigned access, uint8_t cause)
{
    struct dbt_place p;
    if (!dbt_locate(c, at, bytes, access, &p))
        return false;
    read_part(p.gpa[0], to, p.first);
    if (p.first != bytes)
        read_part(p.gpa[1], (uint8_t *)to + p.first, bytes - p.first);
    record(at, bytes, &p, ACCESS_READ, cause, to);
    return true;
}

bool dbt_write(struct dbt_cpu *c, gva_t at, const void *from, unsigned bytes, unsigned access, uint8_t cause)
{
    struct dbt_place p;
    if (!dbt_locate(c, at, bytes, access | DBT_WRITE, &p))
        return false;
    write_part(p.gpa[0], from, p.first);
    if (p.first != bytes)
        write_part(p.gpa[1], (const uint8_t *)from + p.first, bytes - p.first);
    record(at, bytes, &p, ACCESS_WRITE, cause, from);
    return true;
}

uint64_t dbt_physical_read(struct dbt_cpu *c, gpa_t at, unsigned bytes)
{
    uint64_t value = guest_read_entry(at, bytes);
    (void)c;
    step_reads_entry(at, &value);
    return value;
}

void dbt_physical_write(struct dbt_cpu *c, gpa_t at, uint64_t value, unsigned bytes)
{
    (void)c;
    if (!step_writes_entry(at, value, bytes))
        write_part(at, (const uint8_t *)&value, bytes);
}

void dbt_record_walk(struct dbt_cpu *c, gpa_t entry, uint64_t value, unsigned bytes, bool written)
{
    const struct origin o = origin_of(CAUSE_PAGE_WALK);
    (void)c;
    if (written && !step_is_listing())
        record_walk(&o, entry, value, bytes);
}

void dbt_record_event(struct dbt_cpu *c, const struct hook_event *e)
{
    (void)c;
    if (vmx.recording)
        hook_event(e);
}

/* VMCALL exits: it does not come here. */
bool dbt_hypercall(struct dbt_cpu *c)
{
    (void)c;
    return false;
}

/* ---- at the start ---- */

static void mode_changed(struct dbt_cpu *c)
{
    (void)c;
}

static void tlb_flush(struct dbt_cpu *c, bool global)
{
    (void)c;
    (void)global;
    if (vmx_caps.has_vpid)
        invvpid_all();
}

void system_init(const struct machine *m)
{
    cpu.physical_bits = (uint8_t)m->physical_bits;
    cpu.has_gib_pages = cpuid(CPUID_EXTENDED, 0).edx & CPUID_EXTENDED_EDX_1G_PAGES;
    cpu.mode_changed = mode_changed;
    cpu.tlb_flush = tlb_flush;
}
