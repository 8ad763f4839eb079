/*
 * Events: exceptions (all exit while recording), interrupts and NMIs whose
 * delivery ran into a locked stack, and what the core injects. While recording,
 * each is injected under the open view with MTF set; the MTF exit comes after
 * the delivery and before the handler's first instruction, and there the frame
 * is located and recorded.
 */
#include "vmx/vmx.h"

#include "console.h"
#include "trace/hook.h"
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
    struct location cs_access;
    uint8_t cs_access_before;
    unsigned words; /* pushed */
    struct location frame[FRAME_WORDS_MAX];
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

static bool handle_nmi(const struct exit_info *x)
{
    if (x->idt_vectoring & INTERRUPTION_VALID)
        event_requeue(x->idt_vectoring);
    if (vmx.step != STEP_NONE)
        counters.nmis_held++;
    vmx.nmi_pending = true;
    return false;
}

static bool handle_debug(uint64_t bits, struct vm_exit *e)
{
    enum trigger t;
    if (!trigger_hit(&bits, &t)) {
        load_debug_state(bits);
        return false;
    }
    e->kind = EXIT_TRIGGER;
    e->trigger = t;
    if (trigger_leaves(bits)) {
        load_debug_state(bits);
        event_set(VECTOR_DB, EVENT_HARDWARE_EXCEPTION, false, 0, 0);
    } else {
        vmx.v->rflags |= RFLAGS_RF; /* or it would hit again at once */
    }
    return true;
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
    /* Also of a page fault that ends in #DF (SDM Vol. 3A, interrupt 14). */
    if (vector == VECTOR_PF)
        write_cr2(x->qualification);
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
    bool has_error = info & INTERRUPTION_ERROR_CODE;
    enum interruption_type type = type_of(info);
    event_set(vector, type, has_error, has_error ? (uint32_t)vmread(VMCS_EXIT_ERROR_CODE) : 0,
              type >= EVENT_SOFTWARE_INTERRUPT ? (uint8_t)vmread(VMCS_EXIT_INSTRUCTION_LENGTH) : 0);
    return false;
}

/* Protected mode's IDT gate (SDM Vol. 3A, 6.11): how wide its frame is, and its code segment's access byte.
 */
#define GATE_BYTES_LEGACY 8u
#define GATE_BYTES_LONG 16u
#define GATE_TYPE_BYTE 5u
#define GATE_TYPE_32 0x08u
static void look_at_gate(const struct code_state *c)
{
    uint8_t gate[GATE_BYTES_LEGACY];
    unsigned bytes = delivery.long_mode ? GATE_BYTES_LONG : GATE_BYTES_LEGACY;
    gva_t idt = vmread(VMCS_GUEST_IDTR_BASE);

    delivery.gate_bytes = 4;
    delivery.cs_access.traced = false;
    if (guest_read_linear(&c->paging, idt + delivery.hook.vector * bytes, gate, sizeof gate) < sizeof gate)
        return;
    delivery.gate_bytes = gate[GATE_TYPE_BYTE] & GATE_TYPE_32 ? 4 : 2;

    uint16_t selector = (uint16_t)(gate[2] | gate[3] << 8);
    gva_t table = selector & 4 ? vmread_nth(VMCS_GUEST_ES_BASE, SEG_LDTR) : vmread(VMCS_GUEST_GDTR_BASE);
    location_find(&delivery.cs_access, &c->paging, table + (selector & ~7u) + 5, 1);
    guest_read(delivery.cs_access.gpa, &delivery.cs_access_before, 1);
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
    if (!delivery.real_mode)
        look_at_gate(&c);
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

/* An NMI waits until no step is under way and the guest can take it. */
static void offer_nmi(void)
{
    if (vmx.step != STEP_NONE)
        return;
    if (vmread(VMCS_GUEST_INTERRUPTIBILITY) & (BLOCKED_BY_NMI | BLOCKED_BY_MOV_SS | BLOCKED_BY_STI)) {
        vmx_set_proc(PROC_NMI_WINDOW, true);
        return;
    }
    vmx_set_proc(PROC_NMI_WINDOW, false);
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

/* Words pushed, error code included: outside long mode SS:ESP only with a change of privilege level. */
static unsigned frame_words(const struct code_state *after)
{
    unsigned error = delivery.hook.has_error_code ? 1 : 0;
    if (delivery.real_mode)
        return 3;
    if (delivery.long_mode)
        return 5 + error;
    if (delivery.v86)
        return 9 + error;
    return ((after->context & 3u) != delivery.cpl ? 5 : 3) + error;
}

/* In the order that the CPU pushes. Comes before step_close(), which has the sink to clean. */
static void locate_frame(const struct code_state *after)
{
    const struct vcpu *v = vmx.v;
    unsigned bytes = delivery.real_mode ? 2 : delivery.long_mode ? 8 : delivery.gate_bytes;
    uint64_t base = vmread_nth(VMCS_GUEST_ES_BASE, SEG_SS);
    bool wide = v->seg[SEG_SS].access & SEGMENT_DB;

    delivery.words = frame_words(after);
    for (unsigned i = 0; i < delivery.words; i++) {
        struct location *p = &delivery.frame[i];
        uint64_t at = v->gpr[RSP] + (uint64_t)bytes * (delivery.words - 1 - i);
        gva_t linear =
            after->size == CODE_64 ? at : (uint32_t)(base + (wide ? at & 0xffffffffu : at & 0xffffu));
        location_find(p, &after->paging, linear, bytes);
        if (p->hidden)
            step_touches_sink(p->hidden);
    }
}

static void record_frame(void)
{
    for (unsigned i = 0; i < delivery.words; i++)
        if (delivery.frame[i].traced)
            record_write(&delivery.origin, &delivery.frame[i], 0);
}

static void record_cs_access(void)
{
    uint8_t now;
    if (delivery.real_mode || !delivery.cs_access.traced)
        return;
    guest_read(delivery.cs_access.gpa, &now, 1);
    if (now == delivery.cs_access_before)
        return;
    struct origin o = delivery.origin;
    o.cause = CAUSE_DESCRIPTOR;
    o.vector = 0;
    record_write(&o, &delivery.cs_access, 0);
}

void event_delivered(void)
{
    struct code_state after;
    code_state_load(&after);
    locate_frame(&after);
    step_close();
    counters.events_delivered++;
    hook_event(&delivery.hook);
    record_frame();
    record_cs_access();
}
