/* Delivery of events: SDM Vol. 3A, chapter 6 (real mode: 21.1.4). */
#include "dbt_machine.h"
#include "x86/debug.h"

#define HANDLER 0x5678u
#define TRAP32 0x8f
#define INTERRUPT32 0x8e
#define FROM_USER 0x60 /* gate DPL 3 */
#define ERROR_IDT(vector, ext) ((vector)*8u | 2 | (ext))

static void expect_at(uint16_t cs, uint64_t rip, uint64_t rsp, unsigned cpl)
{
    const struct vcpu *v = &cpu.v;
    if (v->seg[SEG_CS].selector != cs || v->rip != rip || v->gpr[RSP] != rsp || dbt_cpl(&cpu) != cpl)
        fail_msg("expected %04x:%lx RSP 0x%lx CPL %u, got %04x:%lx RSP 0x%lx CPL %u", cs, rip, rsp, cpl,
                 v->seg[SEG_CS].selector, v->rip, v->gpr[RSP], dbt_cpl(&cpu));
}

static bool raise(uint8_t vector, bool has_error, uint32_t error)
{
    cpu.fault = (struct dbt_fault){.vector = vector, .has_error = has_error, .error = error};
    return sys_deliver_fault(&cpu);
}

static void real_mode_pushes_three_words(void **state)
{
    (void)state;
    machine_real();
    poke(0x21 * 4, 0x11223344, 4);
    cpu.v.seg[SEG_CS] = (struct segment){.selector = 0x700, .base = 0x7000, .limit = 0xffff, .access = 0x9b};
    cpu.v.rip = 0x10;
    cpu.v.rflags |= RFLAGS_IF | RFLAGS_TF | 1;
    RUNS(0xcd, 0x21);
    EXPECT_WRITES({STACK0 - 2, 0x303, 2, CAUSE_EXCEPTION, 0x21},
                  {STACK0 - 4, 0x700, 2, CAUSE_EXCEPTION, 0x21},
                  {STACK0 - 6, 0x12, 2, CAUSE_EXCEPTION, 0x21});
    expect_at(0x1122, 0x3344, STACK0 - 6, 0);
    assert_int_equal(cpu.v.seg[SEG_CS].base, 0x11220);
    assert_int_equal(cpu.v.rflags, RFLAGS_ONE | 1);
    assert_int_equal(events, 1);
    assert_int_equal(recorded_event.vector, 0x21);
    assert_int_equal(recorded_event.type, SYS_SOFTWARE_INTERRUPT);
    assert_int_equal(recorded_event.rip, 0x7010);
}

static void real_mode_pushes_no_error_code(void **state)
{
    (void)state;
    machine_real();
    poke(VECTOR_GP * 4, 0x00500000, 4);
    assert_true(raise(VECTOR_GP, true, 0));
    assert_int_equal(cpu.v.gpr[RSP], STACK0 - 6);
    assert_int_equal(peek(STACK0 - 6, 2), CODE);
}

static void real_mode_without_ivt_is_a_shutdown(void **state)
{
    (void)state;
    machine_real();
    cpu.v.idtr.limit = 0;
    assert_false(raise(VECTOR_UD, false, 0));
    assert_int_equal(cpu.stop, DBT_TRIPLE_FAULT);
    expect_no_writes();
}

static void interrupt_gate_32_same_level(void **state)
{
    (void)state;
    machine_protected(0);
    put_idt_gate(0x30, CODE32, 0xa0001234, INTERRUPT32, 0);
    cpu.v.rflags |= RFLAGS_IF | RFLAGS_NT;
    cpu.halted = true;
    assert_true(sys_deliver_interrupt(&cpu, 0x30));
    EXPECT_WRITES({STACK0 - 4, RFLAGS_ONE | RFLAGS_IF | RFLAGS_NT, 4, CAUSE_INTERRUPT, 0x30},
                  {STACK0 - 8, CODE32, 4, CAUSE_INTERRUPT, 0x30},
                  {STACK0 - 12, CODE, 4, CAUSE_INTERRUPT, 0x30},
                  {GDT + CODE32 + 5, 0x9b, 1, CAUSE_DESCRIPTOR, 0});
    expect_at(CODE32, 0xa0001234, STACK0 - 12, 0);
    assert_int_equal(cpu.v.rflags, RFLAGS_ONE);
    assert_false(cpu.halted);
    assert_int_equal(recorded_event.type, SYS_EXTERNAL);
}

static void trap_gate_leaves_if(void **state)
{
    (void)state;
    machine_protected(0);
    put_idt_gate(0x80, CODE32, HANDLER, TRAP32, 0);
    cpu.v.rflags |= RFLAGS_IF | RFLAGS_TF;
    RUNS(0xcd, 0x80);
    assert_int_equal(cpu.v.rflags, RFLAGS_ONE | RFLAGS_IF);
}

static void inner_level_switches_to_the_tss_stack(void **state)
{
    (void)state;
    machine_protected(3);
    put_idt_gate(VECTOR_PF, CODE32, HANDLER, INTERRUPT32, 0);
    cpu.fault = (struct dbt_fault){.vector = VECTOR_PF, .has_error = true, .error = 6, .address = 0xbad000};
    assert_true(sys_deliver_fault(&cpu));
    EXPECT_WRITES({STACK_TSS - 4, USER_DATA32, 4, CAUSE_EXCEPTION, VECTOR_PF},
                  {STACK_TSS - 8, STACK3, 4, CAUSE_EXCEPTION, VECTOR_PF},
                  {STACK_TSS - 12, RFLAGS_ONE | RFLAGS_RF, 4, CAUSE_EXCEPTION, VECTOR_PF},
                  {STACK_TSS - 16, USER_CODE32, 4, CAUSE_EXCEPTION, VECTOR_PF},
                  {STACK_TSS - 20, CODE, 4, CAUSE_EXCEPTION, VECTOR_PF},
                  {STACK_TSS - 24, 6, 4, CAUSE_EXCEPTION, VECTOR_PF},
                  {GDT + CODE32 + 5, 0x9b, 1, CAUSE_DESCRIPTOR, 0},
                  {GDT + DATA32 + 5, 0x93, 1, CAUSE_DESCRIPTOR, 0});
    expect_at(CODE32, HANDLER, STACK_TSS - 24, 0);
    assert_int_equal(cpu.v.seg[SEG_SS].selector, DATA32);
    assert_int_equal(cpu.v.seg[SEG_DS].selector, USER_DATA32);
    assert_int_equal(cpu.v.cr2, 0xbad000);
    assert_int_equal(recorded_event.error_code, 6);
    assert_true(recorded_event.has_error_code);
}

static void conforming_handler_stays_at_level_3(void **state)
{
    (void)state;
    machine_protected(3);
    put_idt_gate(0x80, CONFORMING, HANDLER, TRAP32 | FROM_USER, 0);
    RUNS(0xcd, 0x80);
    expect_at(CONFORMING | 3, HANDLER, STACK3 - 12, 3);
}

static void gate_16_pushes_words(void **state)
{
    (void)state;
    machine_protected(0);
    put_idt_gate(0x30, CODE32, 0xffff1234, 0x86, 0);
    cpu.v.rflags |= RFLAGS_IF | RFLAGS_AC;
    assert_true(sys_deliver_interrupt(&cpu, 0x30));
    expect_at(CODE32, 0x1234, STACK0 - 6, 0);
    assert_int_equal(written.entry[0].bytes, 2);
    assert_int_equal(written.entry[0].value, 0x202);
}

static void sixteen_bit_tss_names_a_word_stack(void **state)
{
    (void)state;
    machine_protected(3);
    cpu.v.seg[SEG_TR].access = 0x83;
    poke(TSS + 2, 0xa800, 2);
    poke(TSS + 4, DATA32, 2);
    put_idt_gate(0x30, CODE32, HANDLER, INTERRUPT32, 0);
    assert_true(sys_deliver_interrupt(&cpu, 0x30));
    expect_at(CODE32, HANDLER, 0xa800 - 20, 0);
}

static void software_interrupts_need_the_gates_level(void **state)
{
    (void)state;
    machine_protected(3);
    put_idt_gate(0x80, CODE32, HANDLER, TRAP32, 0);
    put_idt_gate(VECTOR_BP, CODE32, HANDLER, TRAP32, 0);
    put_idt_gate(VECTOR_DB, CODE32, HANDLER, TRAP32, 0);
    FAULTS(VECTOR_GP, ERROR_IDT(0x80, 0), 0xcd, 0x80);
    FAULTS(VECTOR_GP, ERROR_IDT(VECTOR_BP, 0), 0xcc);
    expect_no_writes();
    RUNS(0xf1); /* INT1 is not asked */
    expect_at(CODE32, HANDLER, STACK_TSS - 20, 0);
    assert_int_equal(recorded_event.type, SYS_PRIVILEGED_SOFTWARE);
    assert_int_equal(peek(STACK_TSS - 20, 4), CODE + 1);
}

static void int3_and_into_are_traps(void **state)
{
    (void)state;
    machine_protected(0);
    put_idt_gate(VECTOR_BP, CODE32, HANDLER, TRAP32, 0);
    put_idt_gate(VECTOR_OF, CODE32, HANDLER, TRAP32, 0);
    RUNS(0xcc);
    assert_int_equal(recorded_event.type, SYS_SOFTWARE_EXCEPTION);
    assert_int_equal(peek(STACK0 - 12, 4), CODE + 1);
    assert_int_equal(peek(STACK0 - 4, 4), RFLAGS_ONE);
    expect_at(CODE32, HANDLER, STACK0 - 12, 0);
    events = 0;
    RUNS(0xce);
    assert_int_equal(cpu.v.rip, HANDLER + 1);
    assert_int_equal(events, 0);
    cpu.v.rflags |= 1 << 11;
    RUNS(0xce);
    assert_int_equal(recorded_event.vector, VECTOR_OF);
    assert_int_equal(peek(STACK0 - 24, 4), HANDLER + 2);
}

/* What a broken gate or handler is answered with; the event is an external interrupt, then INT n. */
static void gate_faults(void **state)
{
    static const struct {
        const char *what;
        uint16_t selector;
        uint8_t access;
        uint8_t vector;
        uint32_t error; /* without EXT */
    } cases[] = {
        {"no gate", CODE32, 0x00, VECTOR_GP, ERROR_IDT(0x30, 0)},
        {"a code segment for a gate", CODE32, 0x9e, VECTOR_GP, ERROR_IDT(0x30, 0)},
        {"a call gate", CODE32, 0x8c, VECTOR_GP, ERROR_IDT(0x30, 0)},
        {"gate not present", CODE32, 0x0e, VECTOR_NP, ERROR_IDT(0x30, 0)},
        {"null selector", 0, 0x8e, VECTOR_GP, 0},
        {"selector outside the GDT", 0xa0, 0x8e, VECTOR_GP, 0xa0},
        {"handler in a data segment", DATA32, 0x8e, VECTOR_GP, DATA32},
        {"handler not present", ABSENT_CODE, 0x8e, VECTOR_NP, ABSENT_CODE},
        {"handler at an outer level", USER_CODE32, 0x8e, VECTOR_GP, USER_CODE32 & ~3},
    };
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++)
        for (unsigned ext = 0; ext < 2; ext++) {
            machine_protected(0);
            put_idt_gate(0x30, cases[n].selector, HANDLER, cases[n].access, 0);
            for (unsigned v = VECTOR_NP; v <= VECTOR_GP; v++)
                put_idt_gate(v, CODE32, 0x1000 + v, INTERRUPT32, 0);
            if (ext) {
                assert_true(sys_deliver_interrupt(&cpu, 0x30));
            } else {
                assert_false(EXECUTE(0xcd, 0x30));
                assert_true(sys_deliver_fault(&cpu));
            }
            uint32_t error = (uint32_t)peek(STACK0 - 16, 4);
            if (cpu.v.rip != 0x1000u + cases[n].vector || error != (cases[n].error | ext) ||
                peek(STACK0 - 12, 4) != CODE)
                fail_msg("%s: expected vector %u error 0x%x, got vector %lu error 0x%x", cases[n].what,
                         cases[n].vector, cases[n].error | ext, cpu.v.rip - 0x1000, error);
            assert_int_equal(events, 1);
        }
}

static void vector_behind_the_idt_limit(void **state)
{
    (void)state;
    machine_protected(0);
    cpu.v.idtr.limit = 0x30 * 8 + 6;
    FAULTS(VECTOR_GP, ERROR_IDT(0x30, 0), 0xcd, 0x30);
}

static void handler_behind_the_segment_limit(void **state)
{
    (void)state;
    machine_protected(0);
    put_idt_gate(0x30, CODE16, 0x10000, INTERRUPT32, 0);
    FAULTS(VECTOR_GP, 0, 0xcd, 0x30);
    expect_no_writes();
}

static void inner_stack_faults(void **state)
{
    static const struct {
        const char *what;
        uint16_t ss;
        uint16_t tss_limit;
        uint8_t vector;
        uint32_t error;
    } cases[] = {
        {"TSS too short", DATA32, 0x08, VECTOR_TS, TSS_SELECTOR},
        {"null", 0, 0x67, VECTOR_TS, 0},
        {"RPL is not the new level", DATA32 | 3, 0x67, VECTOR_TS, DATA32},
        {"read-only", READ_ONLY, 0x67, VECTOR_TS, READ_ONLY},
        {"outside the GDT", 0xa0, 0x67, VECTOR_TS, 0xa0},
        {"not present", ABSENT_DATA, 0x67, VECTOR_SS, ABSENT_DATA},
        {"no room", DATA16, 0x67, VECTOR_SS, DATA16},
    };
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        machine_protected(3);
        put_idt_gate(0x80, CODE32, HANDLER, TRAP32 | FROM_USER, 0);
        put_descriptor(GDT, DATA16, 0, 0xff, 0x92, 0);
        poke(TSS + 8, cases[n].ss, 4);
        cpu.v.seg[SEG_TR].limit = cases[n].tss_limit;
        if (EXECUTE(0xcd, 0x80) || cpu.fault.vector != cases[n].vector || cpu.fault.error != cases[n].error)
            fail_msg("%s: expected vector %u error 0x%x, got %u 0x%x", cases[n].what, cases[n].vector,
                     cases[n].error, cpu.fault.vector, cpu.fault.error);
        expect_no_writes();
        expect_at(USER_CODE32, CODE, STACK3, 3);
    }
}

static void long_mode_always_pushes_the_stack(void **state)
{
    (void)state;
    machine_long(0);
    put_idt_gate(0x30, CODE64, 0xffff800000001234, INTERRUPT32, 0);
    cpu.v.gpr[RSP] = STACK0 - 3; /* is aligned to 16 bytes first */
    cpu.v.rflags |= RFLAGS_IF;
    assert_true(sys_deliver_interrupt(&cpu, 0x30));
    uint64_t top = STACK0 - 16;
    EXPECT_WRITES({top - 8, DATA32, 8, CAUSE_INTERRUPT, 0x30},
                  {top - 16, STACK0 - 3, 8, CAUSE_INTERRUPT, 0x30},
                  {top - 24, RFLAGS_ONE | RFLAGS_IF, 8, CAUSE_INTERRUPT, 0x30},
                  {top - 32, CODE64, 8, CAUSE_INTERRUPT, 0x30}, {top - 40, CODE, 8, CAUSE_INTERRUPT, 0x30},
                  {GDT + CODE64 + 5, 0x9b, 1, CAUSE_DESCRIPTOR, 0});
    expect_at(CODE64, 0xffff800000001234, top - 40, 0);
    assert_int_equal(cpu.v.seg[SEG_SS].selector, DATA32); /* no change of level: SS stays */
}

static void long_mode_inner_level_gets_a_null_ss(void **state)
{
    (void)state;
    machine_long(3);
    put_idt_gate(VECTOR_GP, CODE64, HANDLER, INTERRUPT32, 0);
    assert_true(raise(VECTOR_GP, true, 0x18));
    expect_at(CODE64, HANDLER, STACK_TSS - 48, 0);
    assert_int_equal(cpu.v.seg[SEG_SS].selector, 0);
    assert_true(cpu.v.seg[SEG_SS].access & SEGMENT_UNUSABLE);
    assert_int_equal(peek(STACK_TSS - 48, 8), 0x18);
    assert_int_equal(peek(STACK_TSS - 8, 8), USER_DATA32);
    assert_int_equal(peek(STACK_TSS - 24, 8), RFLAGS_ONE | RFLAGS_RF);
}

static void ist_switches_stacks_at_the_same_level(void **state)
{
    (void)state;
    machine_long(0);
    put_idt_gate(VECTOR_NMI, CODE64, HANDLER, INTERRUPT32, 1);
    assert_true(sys_deliver_nmi(&cpu));
    expect_at(CODE64, HANDLER, STACK_IST - 40, 0);
    assert_int_equal(cpu.v.seg[SEG_SS].selector, DATA32);
    assert_int_equal(written.entry[0].cause, CAUSE_INTERRUPT);
    assert_int_equal(recorded_event.type, SYS_NMI);
    assert_true(cpu.nmi_blocked);
}

static void long_mode_from_compatibility_mode(void **state)
{
    (void)state;
    machine_long(3);
    cpu.v.seg[SEG_CS].access = 0xc0fb;
    cpu.v.seg[SEG_CS].selector = USER_CODE32;
    put_idt_gate(0x80, CODE64, HANDLER, TRAP32 | FROM_USER, 0);
    RUNS(0xcd, 0x80);
    expect_at(CODE64, HANDLER, STACK_TSS - 40, 0);
    assert_int_equal(peek(STACK_TSS - 32, 8), USER_CODE32);
}

static void long_mode_gate_faults(void **state)
{
    (void)state;
    machine_long(0);
    put_idt_gate(0x30, CODE32, HANDLER, INTERRUPT32, 0); /* not a 64-bit code segment */
    FAULTS(VECTOR_GP, CODE32, 0xcd, 0x30);
    put_idt_gate(0x30, CODE64, HANDLER, 0x86, 0); /* 16-bit gates do not exist */
    FAULTS(VECTOR_GP, ERROR_IDT(0x30, 0), 0xcd, 0x30);
    put_idt_gate(0x30, CODE64, 0x800000000000, INTERRUPT32, 0);
    FAULTS(VECTOR_GP, 0, 0xcd, 0x30);
    put_idt_gate(0x30, CODE64, HANDLER, INTERRUPT32, 2); /* IST 2 is not canonical */
    poke(TSS + 0x2c, 0x800000000010, 8);
    FAULTS(VECTOR_SS, 0, 0xcd, 0x30);
}

static void second_exception_makes_a_double_fault(void **state)
{
    (void)state;
    machine_protected(0);
    put_idt_gate(VECTOR_DF, CODE32, HANDLER, INTERRUPT32, 0);
    /* #GP, whose gate is missing: #GP again */
    assert_true(raise(VECTOR_GP, true, 0x10));
    expect_at(CODE32, HANDLER, STACK0 - 16, 0);
    assert_int_equal(peek(STACK0 - 16, 4), 0);
    assert_int_equal(peek(STACK0 - 12, 4), CODE);
    assert_int_equal(recorded_event.vector, VECTOR_DF);
    assert_int_equal(written.entry[0].vector, VECTOR_DF);
    assert_int_equal(events, 1);
}

static void benign_first_is_handled_serially(void **state)
{
    (void)state;
    machine_protected(0);
    put_idt_gate(VECTOR_GP, CODE32, HANDLER, INTERRUPT32, 0);
    assert_true(raise(VECTOR_UD, false, 0));
    expect_at(CODE32, HANDLER, STACK0 - 16, 0);
    assert_int_equal(peek(STACK0 - 16, 4), ERROR_IDT(VECTOR_UD, 1));
}

static void page_fault_during_page_fault_is_a_double_fault(void **state)
{
    (void)state;
    machine_long(3);
    put_idt_gate(VECTOR_PF, CODE64, HANDLER, INTERRUPT32, 0);
    put_idt_gate(VECTOR_DF, CODE64, HANDLER + 8, INTERRUPT32, 1);
    poke(TSS + 4, 0x400000, 8); /* the stack is not mapped */
    cpu.fault = (struct dbt_fault){.vector = VECTOR_PF, .has_error = true, .error = 4, .address = 0x123000};
    assert_true(sys_deliver_fault(&cpu));
    expect_at(CODE64, HANDLER + 8, STACK_IST - 48, 0);
    assert_int_equal(cpu.v.cr2, 0x400000 - 8);
    assert_int_equal(peek(STACK_IST - 40, 8), CODE);
}

static void general_protection_then_page_fault_is_serial(void **state)
{
    (void)state;
    machine_long(3);
    put_idt_gate(VECTOR_GP, CODE64, HANDLER, INTERRUPT32, 0);
    put_idt_gate(VECTOR_PF, CODE64, HANDLER + 8, INTERRUPT32, 1);
    poke(TSS + 4, 0x400000, 8);
    assert_true(raise(VECTOR_GP, true, 0));
    expect_at(CODE64, HANDLER + 8, STACK_IST - 48, 0);
    assert_int_equal(peek(STACK_IST - 48, 8), FAULT_WRITE); /* a supervisor's push, whatever the CPL was */
}

static void no_double_fault_handler_is_a_shutdown(void **state)
{
    (void)state;
    machine_protected(0);
    assert_false(raise(VECTOR_GP, true, 0));
    assert_int_equal(cpu.stop, DBT_TRIPLE_FAULT);
    expect_at(CODE32, CODE, STACK0, 0);
}

static void a_software_interrupts_fault_is_no_double_fault(void **state)
{
    (void)state;
    machine_protected(0);
    put_idt_gate(VECTOR_NP, CODE32, HANDLER, INTERRUPT32, 0);
    put_idt_gate(VECTOR_GP, ABSENT_CODE, HANDLER, TRAP32, 0);
    assert_false(EXECUTE(0xcd, VECTOR_GP));
    assert_true(sys_deliver_fault(&cpu));
    expect_at(CODE32, HANDLER, STACK0 - 16, 0);
    assert_int_equal(peek(STACK0 - 16, 4), ABSENT_CODE);
}

static void debug_exceptions_set_dr6_and_clear_gd(void **state)
{
    (void)state;
    machine_protected(0);
    put_idt_gate(VECTOR_DB, CODE32, HANDLER, INTERRUPT32, 0);
    cpu.v.dr7 |= DR7_GD;
    cpu.v.rflags |= RFLAGS_TF;
    assert_true(sys_deliver_debug(&cpu, DR6_BS));
    assert_int_equal(cpu.v.dr6, 0xffff4ff0);
    assert_int_equal(cpu.v.dr7, 0x400);
    assert_int_equal(peek(STACK0 - 4, 4), RFLAGS_ONE | RFLAGS_TF);
    assert_int_equal(cpu.v.rflags, RFLAGS_ONE);
}

static void delivery_ends_the_shadow(void **state)
{
    (void)state;
    machine_protected(0);
    put_idt_gate(VECTOR_UD, CODE32, HANDLER, INTERRUPT32, 0);
    cpu.interrupt_shadow = cpu.shadow_is_mov_ss = true;
    assert_true(raise(VECTOR_UD, false, 0));
    assert_false(cpu.interrupt_shadow || cpu.shadow_is_mov_ss);
}

static void a_stack_page_that_is_absent_faults_with_the_old_state(void **state)
{
    (void)state;
    machine_long(0);
    put_idt_gate(0x80, CODE64, HANDLER, TRAP32, 0);
    cpu.v.gpr[RSP] = 0x200010;
    assert_false(EXECUTE(0xcd, 0x80)); /* SS is written into 0x200008: absent */
    assert_int_equal(cpu.fault.vector, VECTOR_PF);
    assert_int_equal(cpu.fault.address, 0x200008);
    expect_at(CODE64, CODE, 0x200010, 0);
    assert_int_equal(cpu.event_vector, 0);
    assert_int_equal(cpu.event_external, 0);
}

/* Vectors, gates and stacks out of the TSS, as Bochs reads them. */
static void reads_of_a_delivery(void **state)
{
    (void)state;
    machine_real();
    poke(0x21 * 4, 0x11223344, 4);
    RUNS(0xcd, 0x21);
    EXPECT_READS({0x84, 0x3344, 2, CAUSE_EXCEPTION, 0x21}, {0x86, 0x1122, 2, CAUSE_EXCEPTION, 0x21});
    machine_protected(3);
    put_idt_gate(0x30, CODE32, HANDLER, INTERRUPT32, 0);
    assert_true(sys_deliver_interrupt(&cpu, 0x30));
    EXPECT_READS({IDT + 0x180, 0x00008e0000085678, 8, CAUSE_DESCRIPTOR, 0},
                 {GDT + CODE32, 0xcf9a000000ffff, 8, CAUSE_DESCRIPTOR, 0},
                 {TSS + 8, DATA32, 2, CAUSE_INTERRUPT, 0x30}, {TSS + 4, STACK_TSS, 4, CAUSE_INTERRUPT, 0x30},
                 {GDT + DATA32, 0xcf92000000ffff, 8, CAUSE_DESCRIPTOR, 0});
    machine_long(3);
    put_idt_gate(0x30, CODE64, HANDLER, INTERRUPT32, 0);
    assert_true(sys_deliver_interrupt(&cpu, 0x30));
    EXPECT_READS({IDT + 0x300, 0x00008e0000385678, 8, CAUSE_DESCRIPTOR, 0},
                 {IDT + 0x308, 0, 8, CAUSE_DESCRIPTOR, 0},
                 {GDT + CODE64, 0xaf9a000000ffff, 8, CAUSE_DESCRIPTOR, 0},
                 {TSS + 4, STACK_TSS, 8, CAUSE_INTERRUPT, 0x30});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_mode_pushes_three_words),
        cmocka_unit_test(real_mode_pushes_no_error_code),
        cmocka_unit_test(real_mode_without_ivt_is_a_shutdown),
        cmocka_unit_test(interrupt_gate_32_same_level),
        cmocka_unit_test(trap_gate_leaves_if),
        cmocka_unit_test(inner_level_switches_to_the_tss_stack),
        cmocka_unit_test(conforming_handler_stays_at_level_3),
        cmocka_unit_test(gate_16_pushes_words),
        cmocka_unit_test(sixteen_bit_tss_names_a_word_stack),
        cmocka_unit_test(software_interrupts_need_the_gates_level),
        cmocka_unit_test(int3_and_into_are_traps),
        cmocka_unit_test(gate_faults),
        cmocka_unit_test(vector_behind_the_idt_limit),
        cmocka_unit_test(handler_behind_the_segment_limit),
        cmocka_unit_test(inner_stack_faults),
        cmocka_unit_test(long_mode_always_pushes_the_stack),
        cmocka_unit_test(long_mode_inner_level_gets_a_null_ss),
        cmocka_unit_test(ist_switches_stacks_at_the_same_level),
        cmocka_unit_test(long_mode_from_compatibility_mode),
        cmocka_unit_test(long_mode_gate_faults),
        cmocka_unit_test(second_exception_makes_a_double_fault),
        cmocka_unit_test(benign_first_is_handled_serially),
        cmocka_unit_test(page_fault_during_page_fault_is_a_double_fault),
        cmocka_unit_test(general_protection_then_page_fault_is_serial),
        cmocka_unit_test(no_double_fault_handler_is_a_shutdown),
        cmocka_unit_test(a_software_interrupts_fault_is_no_double_fault),
        cmocka_unit_test(debug_exceptions_set_dr6_and_clear_gd),
        cmocka_unit_test(delivery_ends_the_shadow),
        cmocka_unit_test(reads_of_a_delivery),
        cmocka_unit_test(a_stack_page_that_is_absent_faults_with_the_old_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
