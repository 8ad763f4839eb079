/*
 * The VMX engine: its operations and the run loop. vmx.h shows the files and
 * docs/engines.md tells how a write is traced.
 */
#include "vmx/vmx.h"

#include "clock.h"
#include "console.h"
#include "interrupts.h"
#include "memory.h"
#include "trace/hook.h"
#include "vmx/caps.h"
#include "x86/cpu.h"
#include "x86/debug.h"
#include "x86/exceptions.h"
#include "x86/paging.h"

struct vmx vmx;

static void *vmcs;

#define POLLS_PER_SECOND 50u

void vmx_set_pin(uint32_t bits, bool on)
{
    uint32_t value = on ? vmx.pin | bits : vmx.pin & ~bits;
    if (value != vmx.pin)
        vmwrite(VMCS_PIN_CONTROLS, value);
    vmx.pin = value;
}

void vmx_set_proc(uint32_t bits, bool on)
{
    uint32_t value = on ? vmx.proc | bits : vmx.proc & ~bits;
    if (value != vmx.proc)
        vmwrite(VMCS_PROC_CONTROLS, value);
    vmx.proc = value;
}

void vmx_set_view(enum ept_view view)
{
    vmwrite(VMCS_EPT_POINTER, ept_pointer(view));
}

enum ept_view vmx_resting_view(void)
{
    return vmx.recording ? VIEW_LOCKED : VIEW_PLAIN;
}

/* While recording, all exceptions: their frames are writes. Else only what a trigger needs. */
void vmx_update_exception_bitmap(void)
{
    vmwrite(VMCS_EXCEPTION_BITMAP, vmx.recording ? 0xffffffffu : trigger_any() ? 1u << 1 : 0);
}

/* RIP behind the instruction: the interrupt shadow is over, and with TF set a single-step trap is due. */
void vmx_skip_instruction(unsigned length)
{
    struct vcpu *v = vmx.v;
    uint64_t next = v->rip + length;
    if (guest_in_64_bit_code())
        v->rip = next;
    else
        v->rip = vmread(VMCS_GUEST_CS_ACCESS) & SEGMENT_DB ? (uint32_t)next : (uint16_t)next;
    v->rflags &= ~RFLAGS_RF;
    uint64_t blocked = vmread(VMCS_GUEST_INTERRUPTIBILITY);
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, blocked & ~(uint64_t)(BLOCKED_BY_STI | BLOCKED_BY_MOV_SS));
    if (v->rflags & RFLAGS_TF)
        vmwrite(VMCS_GUEST_PENDING_DEBUG, vmread(VMCS_GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
}

/* VMX operation wants certain bits of CR0 and CR4 set (SDM Vol. 3C, 24.8). */
static void enter_vmx_operation(void)
{
    uint32_t *region = alloc_pages(1);
    region[0] = vmx_caps.revision;
    write_cr0(read_cr0() | vmx_caps.cr0_fixed_1);
    write_cr4(read_cr4() | vmx_caps.cr4_fixed_1 | CR4_VMXE);
    vmxon(virt_to_phys(region));
}

/* INIT is blocked in VMX root operation (SDM Vol. 3C, 24.8): a reset by way of it would not come about. */
static void vmx_stop(void)
{
    vmxoff();
    write_cr4(read_cr4() & ~CR4_VMXE);
}

static bool vmx_probe(char *why, size_t size)
{
    if (!vmx_caps_read(why, size))
        return false;
    enter_vmx_operation();
    vmcs = alloc_pages(1);
    *(uint32_t *)vmcs = vmx_caps.revision;
    if (!mtf_selftest(vmcs, why, size)) {
        vmx_stop();
        return false;
    }
    format_text(
        why, size, "VMX with EPT, unrestricted guest and MTF; the self-test stepped one instruction%s",
        vmx_caps.has_timer ? "" : "; no preemption timer: timeout= and keys are seen at other exits only");
    return true;
}

static void vmx_init(const struct machine *m, struct vcpu *v)
{
    vmx.v = v;
    vmclear(virt_to_phys(vmcs));
    vmptrld(virt_to_phys(vmcs));
    guest_memory_init(m);
    insn_cache_init();
    ept_init(m);
    system_init(m);
    if (vmx_caps.has_vpid)
        invvpid_all();
    state_init_vmcs();
    vmcs_write_state(v);
    vmx_set_view(VIEW_PLAIN);
    vmx.poll_ticks = clock_hz() / POLLS_PER_SECOND;
    vmx.poll_at = rdtsc() + vmx.poll_ticks;
    if (vmx_caps.has_timer)
        vmwrite(VMCS_PREEMPTION_TIMER, vmx.poll_ticks >> vmx_caps.timer_shift);
    vmx.entered_rip = v->rip;
    vmx.entered_rsp = v->gpr[RSP];
    vmx.entered_rflags = v->rflags | RFLAGS_ONE;
}

static void write_changed(const struct vcpu *v)
{
    if (v->rip != vmx.entered_rip)
        vmwrite(VMCS_GUEST_RIP, v->rip);
    if (v->gpr[RSP] != vmx.entered_rsp)
        vmwrite(VMCS_GUEST_RSP, v->gpr[RSP]);
    if (v->rflags != vmx.entered_rflags)
        vmwrite(VMCS_GUEST_RFLAGS, v->rflags);
}

static void read_changed(struct vcpu *v)
{
    v->rip = vmx.entered_rip = vmread(VMCS_GUEST_RIP);
    v->gpr[RSP] = vmx.entered_rsp = vmread(VMCS_GUEST_RSP);
    v->rflags = vmx.entered_rflags = vmread(VMCS_GUEST_RFLAGS);
}

/* VMLAUNCH or VMRESUME did not even begin: a control or host field is wrong. No VM exit took place. */
static bool entry_refused(struct vm_exit *e, int failure)
{
    static char text[120];
    unsigned error = failure == 1 ? (unsigned)vmread(VMCS_INSTRUCTION_ERROR) : 0;
    format_text(text, sizeof text, "%s was refused with VM-instruction error %u",
                vmx.launched ? "VMRESUME" : "VMLAUNCH", error);
    e->kind = EXIT_FATAL;
    e->text = text;
    return true;
}

/* One round in the guest. True if the core has to see the exit. */
static bool enter_once(struct vcpu *v, struct vm_exit *e)
{
    struct exit_info x;

    counters.hv_ticks[vmx.exit_use] += rdtsc() - vmx.exited_at;
    vmx.exit_use = USE_OTHER;
    int failure = vmx_enter(v->gpr, vmx.launched);
    vmx.exited_at = rdtsc();
    if (failure)
        return entry_refused(e, failure);
    vmx.launched = true;
    read_changed(v);
    x.reason = (uint32_t)vmread(VMCS_EXIT_REASON);
    x.qualification = vmread(VMCS_EXIT_QUALIFICATION);
    x.idt_vectoring = (uint32_t)vmread(VMCS_IDT_VECTORING_INFO);
    return vmx_handle_exit(&x, e);
}

/* False: the next instruction is over without the CPU, or the run is. */
static bool next_single(struct vm_exit *e, bool *over)
{
    if (single_begin(e, over))
        return true;
    uint64_t now = rdtsc();
    counters.hv_ticks[USE_STEP] += now - vmx.exited_at;
    vmx.exited_at = now;
    return false;
}

static void vmx_run(struct vcpu *v, struct vm_exit *e)
{
    vmx.v = v;
    bool over;
    if (!vmx.launched)
        vmx.exited_at = rdtsc();
    for (;;) {
        if (vmx.step == STEP_NONE && vmx.exited_at >= vmx.poll_at) {
            vmx.poll_at = rdtsc() + vmx.poll_ticks;
            e->kind = EXIT_POLL;
            return;
        }
        if (take_host_nmis())
            vmx.nmi_pending = true;
        bool singly = vmx.steps_all && vmx.step == STEP_NONE;
        if (singly)
            event_take_interrupts();
        const uint64_t delivered = counters.events_delivered;
        if (event_is_due() && event_prepare_entry(e))
            return;
        if (singly && counters.events_delivered != delivered)
            continue; /* its handler can be interrupted as well */
        if (singly && !next_single(e, &over)) {
            if (over)
                return;
            continue;
        }
        write_changed(v);
        if (enter_once(v, e))
            return;
    }
}

static void vmx_advance(struct vcpu *v, const struct vm_exit *e)
{
    vmx.v = v;
    vmx_skip_instruction(e->instruction_bytes);
}

static void vmx_inject_exception(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error)
{
    vmx.v = v;
    if (vector == VECTOR_PF)
        write_cr2(v->cr2);
    event_set(vector, EVENT_HARDWARE_EXCEPTION, has_error, error, 0);
}

/* Canonical, and at CPL 3 on pages of the user (SDM Vol. 3A, 4.6.1). */
static bool may_read(const struct paging_state *s, gva_t from, size_t bytes)
{
    bool user = (vmread(VMCS_GUEST_SS_ACCESS) >> SEGMENT_DPL_SHIFT & 3) == 3;
    unsigned unused = s->cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;
    for (size_t done = 0; done < bytes; done += PAGE_SIZE - ((from + done) & (PAGE_SIZE - 1))) {
        struct walk w;
        gva_t at = from + done;
        if (s->efer & EFER_LMA && (gva_t)((int64_t)(at << unused) >> unused) != at)
            return false;
        if (!guest_walk(s, at, &w))
            return false;
        for (unsigned i = 0; user && i < w.levels; i++)
            if (!(w.entry[i] & PTE_USER))
                return false;
    }
    return true;
}

static bool vmx_read_guest(struct vcpu *v, gva_t from, void *to, size_t bytes)
{
    struct paging_state s;
    (void)v;
    paging_state_load(&s);
    return may_read(&s, from, bytes) && guest_read_linear(&s, from, to, bytes) == bytes;
}

static void vmx_set_recording(unsigned kinds, const struct filter *filter)
{
    ept_set_filter(&filter->gpa);
    vmx.records_reads = kinds & RECORD_READS;
    vmx.records_writes = kinds & RECORD_WRITES;
    vmx.recording = kinds != 0;
    vmx.steps_all = vmx.records_reads;
    if (vmx.recording) {
        struct code_state c;
        code_state_load(&c);
        hook_context(c.context, c.paging.cr3);
    }
    if (!vmx.steps_all) {
        vmx_set_pin(PIN_EXTERNAL_INTERRUPT, vmx.halted != 0);
        event_offer_held();
    }
    vmx_set_view(vmx_resting_view());
    vmx_update_exception_bitmap();
}

static size_t vmx_texts(char *text, size_t size)
{
    size_t used = vmx_counters_text(text, size);
    return used < size ? used + tally_text(&vmx_tally, text + used, size - used) : used;
}

const struct engine vmx_engine = {
    .name = "vmx",
    .probe = vmx_probe,
    .init = vmx_init,
    .run = vmx_run,
    .save_state = vmcs_read_state,
    .advance = vmx_advance,
    .inject_exception = vmx_inject_exception,
    .intercept_port = vmx_intercept_port,
    .read_guest = vmx_read_guest,
    .set_recording = vmx_set_recording,
    .set_trigger = trigger_set,
    .counters = vmx_texts,
    .stop = vmx_stop,
};
