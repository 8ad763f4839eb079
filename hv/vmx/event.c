/*
 * Events: exceptions (all exit while recording), interrupts and NMIs whose
 * delivery ran into a locked stack, and what the core injects. While recording,
 * each is injected under the open view with MTF set; the MTF exit comes after
 * the delivery and before the handler's first instruction, and there the frame
 * is located and recorded.
 */
#include "vmx/vmx.h"

#include "console.h"
#include "trace/bytes.h"
#include "trace/hook.h"
#include "vmx/caps.h"
#include "x86/cpu.h"
#include "x86/debug.h"
#include "x86/exceptions.h"

#define FRAME_WORDS_MAX 10

/* The delivery under way, as it was before it. */
static struct {
    struct origin origin;
    struct hook_event hook;
    bool real_mode, long_mode, v86;
    unsigned cpl;
    unsigned gate_bytes; /* of a pushed word, outside long mode */
} delivery;

void event_set(uint8_t vector, enum interruption_type type, bool has_error, uint32_t error, uint8_t length)
{
    vmx.event = (struct pending_event){.valid = true,
                                       .vector = vector,
                                       .type = (uint8_t)type,
                                       .has_error = has_error,
                                       .error = error,
                                       .length = length};
}

static enum interruption_type type_of(uint32_t info)
{
    return info >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE_MASK;
}

/*
 * An interrupt's frame shows RF set only if it came between two iterations of a REP (SDM Vol. 3B, 17.3.1.1).
 * The SDM wants the exit to save just that value (Vol. 3C, 28.3.3), but Bochs 3.0 saves RF set. Where no
 * breakpoint of the guest depends on RF, it is put right.
 */
void event_correct_resume_flag(void)
{
    struct code_state c;
    if (!(vmx.v->rflags & RFLAGS_RF) || (guest_dr7() & DR7_ENABLES))
        return;
    code_state_load(&c);
    const struct insn *insn = insn_fetch(&c);
    if (insn && !insn->rep)
        vmx.v->rflags &= ~RFLAGS_RF;
}

void event_requeue(uint32_t idt_vectoring)
{
    enum interruption_type type = type_of(idt_vectoring);
    if (type == EVENT_EXTERNAL || type == EVENT_NMI)
        event_correct_resume_flag();
    bool software = type >= EVENT_SOFTWARE_INTERRUPT;
    bool has_error = idt_vectoring & INTERRUPTION_ERROR_CODE;
    event_set((uint8_t)idt_vectoring, type, has_error,
              has_error ? (uint32_t)vmread(VMCS_IDT_VECTORING_ERROR) : 0,
              software ? (uint8_t)vmread(VMCS_EXIT_INSTRUCTION_LENGTH) : 0);
    counters.events_requeued++;
}

/* The blocking that IRET ended comes back with it (SDM Vol. 3C, 28.2.3). */
void event_nmi_unblocked(void)
{
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, vmread(VMCS_GUEST_INTERRUPTIBILITY) | BLOCKED_BY_NMI);
}

/* SDM Vol. 3A, table 6-5: what a second exception makes of a first one. */
enum combination { SERIAL, DOUBLE_FAULT, TRIPLE_FAULT };
static enum combination combine(uint32_t first_info, uint8_t second)
{
    uint8_t first = (uint8_t)first_info;
    bool second_counts = is_contributory(second) || second == VECTOR_PF;
    if (!(first_info & INTERRUPTION_VALID) || type_of(first_info) != EVENT_HARDWARE_EXCEPTION)
        return SERIAL;
    if (first == VECTOR_DF)
        return second_counts ? TRIPLE_FAULT : SERIAL;
    if (is_contributory(first) && is_contributory(second))
        return DOUBLE_FAULT;
    if (first == VECTOR_PF && second_counts)
        return DOUBLE_FAULT;
    return SERIAL;
}

/* What the CPU leaves to whoever intercepts #DB and #PF (SDM Vol. 3C, 28.1). */
static void load_debug_state(uint64_t bits)
{
    uint64_t dr6 = read_dr6();
    dr6 = (dr6 & ~(DR6_BREAKPOINTS | DR6_RTM)) | (bits & (DR6_BREAKPOINTS | DR6_BD | DR6_BS | DR6_BT));
    write_dr6(dr6 | (bits & DR6_RTM ? 0 : DR6_RTM));
    guest_set_dr7(guest_dr7() & ~DR7_GD);
}

/* What a HLT waits for is there: it is over. */
static void end_wait(void)
{
    if (!vmx.halted)
        return;
    vmx_set_pin(PIN_EXTERNAL_INTERRUPT, false);
    if (vmx.v->rip == vmx.halted_at) /* a breakpoint may have led away */
        vmx_skip_instruction(vmx.halted);
    vmx.halted = 0;
}

/*
 * Without the activity state HLT, RIP stays at the HLT, which exits again and again, until an exit tells of an
 * interrupt or NMI. The instruction behind an STI is blocked no longer: it would wait for ever.
 */
static void wait_at_hlt(unsigned hlt_bytes)
{
    uint64_t blocked = vmread(VMCS_GUEST_INTERRUPTIBILITY);
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, blocked & ~(uint64_t)(BLOCKED_BY_STI | BLOCKED_BY_MOV_SS));
    vmx_set_pin(PIN_EXTERNAL_INTERRUPT, true);
    vmx.halted = hlt_bytes;
    vmx.halted_at = vmx.v->rip;
}

void event_wait(unsigned hlt_bytes)
{
    bool is_due = vmx.nmi_pending || vmx.held_count || (vmx.v->rflags & RFLAGS_TF);
    if (!is_due && !vmx_caps.has_hlt_state) {
        wait_at_hlt(hlt_bytes);
        return;
    }
    vmx_skip_instruction(hlt_bytes);
    if (!is_due)
        vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT);
}

void event_offer_held(void)
{
    vmx_set_proc(PROC_INTERRUPT_WINDOW, vmx.held_count != 0);
}

bool event_hold_interrupt(void)
{
    counters.interrupts_held++;
    if (vmx.held_count == HELD_INTERRUPTS_MAX)
        return false;
    vmx.held[vmx.held_count++] = (uint8_t)vmread(VMCS_EXIT_INTERRUPTION_INFO);
    end_wait();
    if (vmx.step == STEP_NONE)
        event_offer_held();
    return true;
}

void event_interrupt_window(void)
{
    event_set(vmx.held[--vmx.held_count], EVENT_EXTERNAL, false, 0, 0);
    event_offer_held();
}

static bool handle_nmi(const struct exit_info *x)
{
    if (x->idt_vectoring & INTERRUPTION_VALID)
        event_requeue(x->idt_vectoring);
    else if (vmx.step == STEP_NONE)
        event_correct_resume_flag();
    if (vmx.step != STEP_NONE)
        counters.nmis_held++;
    vmx.nmi_pending = true;
    return false;
}

static bool handle_debug(uint64_t bits, struct vm_exit *e)
{
    enum trigger t;
    if (trigger_hit(&bits, &t)) {
        vmx.v->rflags |= RFLAGS_RF; /* or it would hit again at once */
        e->kind = EXIT_TRIGGER;
        e->trigger = t;
        return true;
    }
    load_debug_state(bits);
    return false;
}

bool event_exception_exit(const struct exit_info *x, struct vm_exit *e)
{
    uint32_t info = (uint32_t)vmread(VMCS_EXIT_INTERRUPTION_INFO);
    uint8_t vector = (uint8_t)info;
    if (type_of(info) == EVENT_NMI)
        return handle_nmi(x);

    step_abandon();
    if ((info & INTERRUPTION_NMI_UNBLOCKED) && !(x->idt_vectoring & INTERRUPTION_VALID) &&
        vector != VECTOR_DF)
        event_nmi_unblocked();
    if (vector == VECTOR_DB && handle_debug(x->qualification, e))
        return true;
    switch (combine(x->idt_vectoring, vector)) {
    case TRIPLE_FAULT:
        e->kind = EXIT_TRIPLE_FAULT;
        return true;
    case DOUBLE_FAULT:
        event_set(VECTOR_DF, EVENT_HARDWARE_EXCEPTION, true, 0, 0);
        return false;
    case SERIAL:
        break;
    }
    if (vector == VECTOR_PF)
        write_cr2(x->qualification);
    bool has_error = info & INTERRUPTION_ERROR_CODE;
    enum interruption_type type = type_of(info);
    event_set(vector, type, has_error, has_error ? (uint32_t)vmread(VMCS_EXIT_ERROR_CODE) : 0,
              type >= EVENT_SOFTWARE_INTERRUPT ? (uint8_t)vmread(VMCS_EXIT_INSTRUCTION_LENGTH) : 0);
    return false;
}

/* Words pushed, error code included: outside long mode SS:ESP only with a change of privilege level. */
static unsigned frame_words(bool inner)
{
    unsigned error = delivery.hook.has_error_code ? 1 : 0;
    if (delivery.real_mode)
        return 3;
    if (delivery.long_mode)
        return 5 + error;
    if (delivery.v86)
        return 9 + error;
    return (inner ? 5 : 3) + error;
}

/* Protected mode's IDT gate (SDM Vol. 3A, 6.11 and 6.14.1) and the segment descriptor (3.4.5). */
#define GATE_BYTES_LEGACY 8u
#define GATE_BYTES_LONG 16u
#define GATE_IST_BYTE 4u
#define GATE_TYPE_BYTE 5u
#define GATE_TYPE_32 0x08u
#define DESCRIPTOR_ACCESS_BYTE 5u
#define DESCRIPTOR_B_BYTE 6u
#define DESCRIPTOR_B 0x40u
#define CONFORMING_CODE 0x0cu /* of the type's bits */

static gva_t descriptor_address(uint16_t selector)
{
    gva_t table = selector & 4 ? vmread_nth(VMCS_GUEST_ES_BASE, SEG_LDTR) : vmread(VMCS_GUEST_GDTR_BASE);
    return table + (selector & ~7u);
}

/* A stack pointer of `bytes` bytes in the TSS, and outside long mode the selector behind it. */
static uint64_t read_tss(const struct code_state *c, unsigned offset, unsigned bytes, uint16_t *ss)
{
    uint8_t raw[8] = {0};
    gva_t at = vmread_nth(VMCS_GUEST_ES_BASE, SEG_TR) + offset;
    size_t want = ss ? bytes + 2 : 8;

    tables_note(at, want, false);
    guest_read_linear(&c->paging, at, raw, want);
    if (!ss)
        return load64(raw);
    *ss = load16(raw + bytes);
    return bytes == 4 ? load32(raw) : load16(raw);
}

/* Where the frame will end: one past its highest byte (SDM Vol. 3A, 6.12.1, 6.14.2 and 6.14.4). */
#define TSS_32 0x08u /* of the type in TR's access rights */
static gva_t frame_end_long(const struct code_state *c, const uint8_t *gate, bool inner, unsigned dpl)
{
    unsigned ist = gate[GATE_IST_BYTE] & 7u;
    uint64_t sp = vmx.v->gpr[RSP];
    if (ist)
        sp = read_tss(c, 36 + 8 * (ist - 1), 8, NULL);
    else if (inner)
        sp = read_tss(c, 4 + 8 * dpl, 8, NULL);
    return sp & ~15ull;
}

static gva_t frame_end_legacy(const struct code_state *c, bool inner, unsigned dpl)
{
    uint64_t sp = vmx.v->gpr[RSP], base = vmread_nth(VMCS_GUEST_ES_BASE, SEG_SS);
    bool wide = vmx.v->seg[SEG_SS].access & SEGMENT_DB;
    if (inner) {
        uint8_t d[8] = {0};
        uint16_t ss;
        bool tss32 = vmread_nth(VMCS_GUEST_ES_ACCESS, SEG_TR) & TSS_32;
        sp = tss32 ? read_tss(c, 4 + 8 * dpl, 4, &ss) : read_tss(c, 2 + 4 * dpl, 2, &ss);
        tables_note_descriptor(descriptor_address(ss));
        guest_read_linear(&c->paging, descriptor_address(ss), d, sizeof d);
        base = load16(d + 2) | (uint32_t)d[4] << 16 | (uint32_t)d[7] << 24;
        wide = d[DESCRIPTOR_B_BYTE] & DESCRIPTOR_B;
    }
    return (uint32_t)(base + (wide ? (uint32_t)sp : (uint16_t)sp));
}

/* What the delivery will touch, in the CPU's order. Only walks and descriptors are taken from it: where it is
 * wrong, as when the delivery faults, nothing has changed there. */
static void note_delivery(const struct code_state *c)
{
    uint8_t gate[GATE_BYTES_LEGACY], access = 0;
    unsigned bytes = delivery.long_mode ? GATE_BYTES_LONG : GATE_BYTES_LEGACY;
    gva_t at = vmread(VMCS_GUEST_IDTR_BASE) + delivery.hook.vector * bytes;

    delivery.gate_bytes = 4;
    tables_note(at, bytes, false);
    if (guest_read_linear(&c->paging, at, gate, sizeof gate) < sizeof gate)
        return;
    delivery.gate_bytes = gate[GATE_TYPE_BYTE] & GATE_TYPE_32 ? 4 : 2;

    gva_t code = descriptor_address(load16(gate + 2));
    tables_note_descriptor(code);
    guest_read_linear(&c->paging, code + DESCRIPTOR_ACCESS_BYTE, &access, 1);
    unsigned dpl = access >> SEGMENT_DPL_SHIFT & 3;
    bool inner = dpl < delivery.cpl && (access & CONFORMING_CODE) != CONFORMING_CODE;
    gva_t end = delivery.long_mode ? frame_end_long(c, gate, inner, dpl) : frame_end_legacy(c, inner, dpl);
    unsigned words = frame_words(inner);
    /* Pushed downwards: the upper page comes first. */
    tables_note(end - 1, 1, true);
    tables_note(end - words * (delivery.long_mode ? 8 : delivery.gate_bytes), 1, true);
    tables_note_descriptor_writes();
}

static void begin_delivery(void)
{
    struct code_state c;
    code_state_load(&c);
    const struct pending_event *p = &vmx.event;
    bool interrupt = p->type == EVENT_EXTERNAL || p->type == EVENT_NMI;

    delivery.origin = (struct origin){.rip = c.rip,
                                      .cr3 = c.paging.cr3,
                                      .context = c.context,
                                      .cause = interrupt ? CAUSE_INTERRUPT : CAUSE_EXCEPTION,
                                      .vector = p->vector};
    delivery.hook = (struct hook_event){.rip = c.rip,
                                        .error_code = p->error,
                                        .vector = p->vector,
                                        .type = p->type,
                                        .has_error_code = p->has_error};
    delivery.real_mode = !(c.paging.cr0 & CR0_PE);
    delivery.long_mode = c.paging.efer & EFER_LMA;
    delivery.v86 = vmx.v->rflags & RFLAGS_VM;
    delivery.cpl = c.context & 3u;
    tables_begin(&delivery.origin, &c.paging);
    if (!delivery.real_mode)
        note_delivery(&c);
    vmx.step = STEP_EVENT;
    step_open();
}

static void inject(void)
{
    const struct pending_event *p = &vmx.event;
    bool has_error = p->has_error && (vmread(VMCS_GUEST_CR0) & CR0_PE);
    uint64_t blocked = vmread(VMCS_GUEST_INTERRUPTIBILITY);
    uint64_t clear = BLOCKED_BY_STI | BLOCKED_BY_MOV_SS | (p->type == EVENT_NMI ? BLOCKED_BY_NMI : 0u);

    if (blocked & clear)
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, blocked & ~clear);
    vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, p->vector | (uint32_t)p->type << INTERRUPTION_TYPE_SHIFT |
                                              (has_error ? INTERRUPTION_ERROR_CODE : 0) | INTERRUPTION_VALID);
    if (has_error)
        vmwrite(VMCS_ENTRY_ERROR_CODE, p->error);
    if (p->type >= EVENT_SOFTWARE_INTERRUPT)
        vmwrite(VMCS_ENTRY_INSTRUCTION_LENGTH, p->length);
    /* The frame shows RF set for faults and clear for software events (SDM Vol. 3B, 17.3.1.1). */
    if (p->type == EVENT_HARDWARE_EXCEPTION && is_plain_fault(p->vector))
        vmx.v->rflags |= RFLAGS_RF;
    else if (p->type >= EVENT_SOFTWARE_INTERRUPT)
        vmx.v->rflags &= ~RFLAGS_RF;
    vmx.event.valid = false;
}

/* An NMI waits until no step is under way and the guest can take it. STI does not hold it back: a CPU may give
 * the NMI-window exit although STI blocks (SDM Vol. 3C, 26.2), and would give it again for ever. */
static void offer_nmi(void)
{
    if (vmx.step != STEP_NONE)
        return;
    if (vmread(VMCS_GUEST_INTERRUPTIBILITY) & (BLOCKED_BY_NMI | BLOCKED_BY_MOV_SS)) {
        vmx_set_proc(PROC_NMI_WINDOW, true);
        return;
    }
    vmx_set_proc(PROC_NMI_WINDOW, false);
    end_wait();
    vmx.nmi_pending = false;
    event_set(VECTOR_NMI, EVENT_NMI, false, 0, 0);
}

void event_prepare_entry(void)
{
    if (vmx.nmi_pending && !vmx.event.valid)
        offer_nmi();
    if (!vmx.event.valid)
        return;
    if (vmx.recording && vmx.step == STEP_NONE)
        begin_delivery();
    inject();
}

static void record_frame(const struct code_state *after)
{
    const struct vcpu *v = vmx.v;
    unsigned words = frame_words((after->context & 3u) != delivery.cpl);
    unsigned bytes = delivery.real_mode ? 2 : delivery.long_mode ? 8 : delivery.gate_bytes;
    uint64_t base = vmread_nth(VMCS_GUEST_ES_BASE, SEG_SS);
    bool wide = v->seg[SEG_SS].access & SEGMENT_DB;

    for (unsigned i = words; i-- > 0;) {
        uint64_t at = v->gpr[RSP] + (uint64_t)bytes * i;
        gva_t linear =
            after->size == CODE_64 ? at : (uint32_t)(base + (wide ? at & 0xffffffffu : at & 0xffffu));
        struct location p;
        location_find(&p, &after->paging, linear, bytes);
        if (!p.traced)
            continue;
        tables_record_walks_before(&p);
        record_write(&delivery.origin, &p, 0);
    }
}

void event_delivered(void)
{
    struct code_state after;
    step_close();
    counters.events_delivered++;
    code_state_load(&after);
    hook_event(&delivery.hook);
    record_frame(&after);
    tables_record_rest();
}
