/*
 * The delivery of an event while recording: injected under the open view with
 * MTF set. What it will touch in the CPU's tables is noted before; the MTF exit
 * comes after it and before the handler's first instruction, and there the
 * frame is located and recorded.
 */
#include "vmx/vmx.h"

#include "trace/bytes.h"
#include "trace/hook.h"
#include "x86/cpu.h"

/* The delivery under way, as it was before it. */
static struct {
    struct origin origin;
    struct hook_event hook;
    bool real_mode, long_mode, v86;
    unsigned cpl;
    unsigned gate_bytes; /* of a pushed word, outside long mode */
} delivery;

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

void delivery_begin(const struct pending_event *p)
{
    struct code_state c;
    code_state_load(&c);
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

void delivery_end(void)
{
    struct code_state after;
    step_close();
    counters.events_delivered++;
    code_state_load(&after);
    hook_event(&delivery.hook);
    record_frame(&after);
    tables_record_rest();
}
