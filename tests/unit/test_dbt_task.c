/* Hardware task switches and virtual-8086 mode: SDM Vol. 3A, 7.3; Vol. 3B, 21.2 and 21.3. */
#include "dbt_machine.h"

#define NEW_TSS 0x5000u
#define NEW_STACK 0xc000u
#define HANDLER 0x5678u
#define BUSY 2u
#define ALL_BUT_VM 0x3d7fd7u
#define JMP_FAR(selector) 0xea, 0x78, 0x56, 0, 0, (selector)&0xff, (selector) >> 8
#define CALL_FAR(selector) 0x9a, 0x78, 0x56, 0, 0, (selector)&0xff, (selector) >> 8

/* Offsets in a 32-bit TSS (figure 7-2). */
enum { LINK = 0, EIP = 0x20, FLAGS = 0x24, GPRS = 0x28, SEGMENTS = 0x48, TSS_LDT = 0x60, TRAP = 0x64 };

/* A TSS in the free slot, of a task at level 0 that begins at HANDLER. */
static void put_task(void)
{
    machine_protected(0);
    put_descriptor(GDT, FREE_SLOT, NEW_TSS, 0x67, 0x89, 0);
    poke(NEW_TSS + EIP, HANDLER, 4);
    poke(NEW_TSS + FLAGS, RFLAGS_ONE, 4);
    for (unsigned r = 0; r < 8; r++)
        poke(NEW_TSS + GPRS + 4 * r, r == RSP ? NEW_STACK : 0x100 + r, 4);
    for (unsigned s = 0; s <= SEG_GS; s++)
        poke(NEW_TSS + SEGMENTS + 4 * s, s == SEG_CS ? CODE32 : DATA32, 2);
    poke(GDT + TSS_SELECTOR + 5, 0x89 | BUSY, 1);
}

static void expect_task(uint16_t tr, uint16_t cs, uint64_t rip, unsigned cpl)
{
    const struct vcpu *v = &cpu.v;
    if (v->seg[SEG_TR].selector != tr || v->seg[SEG_CS].selector != cs || v->rip != rip ||
        dbt_cpl(&cpu) != cpl)
        fail_msg("expected task %04x at %04x:%lx CPL %u, got task %04x at %04x:%lx CPL %u", tr, cs, rip, cpl,
                 v->seg[SEG_TR].selector, v->seg[SEG_CS].selector, v->rip, dbt_cpl(&cpu));
    assert_true(v->cr0 & CR0_TS);
    assert_int_equal(v->seg[SEG_TR].access & 0xff, 0x89 | BUSY);
}

static bool is_busy(uint16_t selector)
{
    return peek(GDT + selector + 5, 1) & BUSY;
}

static void jmp_leaves_the_old_task(void **state)
{
    (void)state;
    put_task();
    cpu.v.rflags = ALL_BUT_VM & ~(RFLAGS_NT | RFLAGS_RF);
    cpu.v.gpr[RSI] = 0x12345678;
    cpu.v.dr7 = 0x7ff;
    RUNS(JMP_FAR(FREE_SLOT));
    expect_task(FREE_SLOT, CODE32, HANDLER, 0);
    assert_false(is_busy(TSS_SELECTOR));
    assert_true(is_busy(FREE_SLOT));
    assert_int_equal(peek(TSS + EIP, 4), CODE + 7);
    assert_int_equal(peek(TSS + FLAGS, 4), ALL_BUT_VM & ~(RFLAGS_NT | RFLAGS_RF));
    assert_int_equal(peek(TSS + GPRS + 4 * RSI, 4), 0x12345678);
    assert_int_equal(peek(TSS + GPRS + 4 * RSP, 4), STACK0);
    assert_int_equal(peek(TSS + SEGMENTS + 4 * SEG_CS, 4), CODE32);
    assert_int_equal(peek(NEW_TSS + LINK, 2), 0);
    assert_int_equal(cpu.v.rflags, RFLAGS_ONE);
    assert_int_equal(cpu.v.gpr[RSP], NEW_STACK);
    assert_int_equal(cpu.v.gpr[RBX], 0x100 + RBX);
    assert_int_equal(cpu.v.seg[SEG_GS].selector, DATA32);
    assert_int_equal(cpu.v.dr7, 0x7ff & ~0x155);
}

static void call_nests_and_iret_returns(void **state)
{
    (void)state;
    put_task();
    RUNS(CALL_FAR(FREE_SLOT));
    expect_task(FREE_SLOT, CODE32, HANDLER, 0);
    assert_true(is_busy(TSS_SELECTOR));
    assert_int_equal(peek(NEW_TSS + LINK, 2), TSS_SELECTOR);
    assert_int_equal(cpu.v.rflags, RFLAGS_ONE | RFLAGS_NT);
    cpu.v.cr0 &= ~CR0_TS;
    RUNS(0xcf);
    expect_task(TSS_SELECTOR, CODE32, CODE + 7, 0);
    assert_true(is_busy(TSS_SELECTOR));
    assert_false(is_busy(FREE_SLOT));
    assert_int_equal(peek(NEW_TSS + FLAGS, 4), RFLAGS_ONE);
    assert_int_equal(peek(NEW_TSS + EIP, 4), HANDLER + 1);
    assert_int_equal(cpu.v.rflags, RFLAGS_ONE);
}

static void what_is_wrong_with_the_tss_is_the_old_tasks(void **state)
{
    (void)state;
    put_task();
    FAULTS(VECTOR_GP, TSS_SELECTOR, JMP_FAR(TSS_SELECTOR)); /* busy */
    put_descriptor(GDT, FREE_SLOT, NEW_TSS, 0x66, 0x89, 0);
    FAULTS(VECTOR_TS, FREE_SLOT, CALL_FAR(FREE_SLOT));
    put_descriptor(GDT, FREE_SLOT, NEW_TSS, 0x67, 0x09, 0);
    FAULTS(VECTOR_NP, FREE_SLOT, CALL_FAR(FREE_SLOT));
    cpu.v.rflags |= RFLAGS_NT;
    poke(TSS + LINK, CODE32, 2);
    FAULTS(VECTOR_TS, CODE32, 0xcf);
    expect_no_writes();
    assert_false(cpu.v.cr0 & CR0_TS);
}

static void what_is_wrong_with_its_segments_is_the_new_tasks(void **state)
{
    static const struct {
        unsigned field;
        uint16_t selector;
        uint8_t vector;
        unsigned cpl;
    } cases[] = {
        {TSS_LDT, DATA32, VECTOR_TS, 3},
        {SEGMENTS + 4 * SEG_SS, READ_ONLY, VECTOR_TS, 3},
        {SEGMENTS + 4 * SEG_SS, ABSENT_DATA, VECTOR_SS, 3},
        {SEGMENTS + 4 * SEG_DS, EXECUTE_ONLY, VECTOR_TS, 0},
        {SEGMENTS + 4 * SEG_FS, ABSENT_DATA, VECTOR_NP, 0},
        {SEGMENTS + 4 * SEG_CS, ABSENT_CODE, VECTOR_NP, 0},
        {SEGMENTS + 4 * SEG_CS, DATA32, VECTOR_TS, 0},
    };
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        put_task();
        poke(NEW_TSS + cases[n].field, cases[n].selector, 2);
        expect_fault(EXECUTE(JMP_FAR(FREE_SLOT)), cases[n].vector, true, cases[n].selector);
        assert_int_equal(cpu.v.rip, HANDLER);
        assert_int_equal(cpu.v.seg[SEG_TR].selector, FREE_SLOT);
        assert_int_equal(dbt_cpl(&cpu), cases[n].cpl);
    }
    put_task();
    poke(NEW_TSS + SEGMENTS + 4 * SEG_CS, CODE16, 2);
    poke(NEW_TSS + EIP, 0x10000, 4);
    expect_fault(EXECUTE(JMP_FAR(FREE_SLOT)), VECTOR_GP, true, 0);
}

static void a_task_handles_double_faults(void **state)
{
    (void)state;
    put_task();
    put_idt_gate(VECTOR_DF, FREE_SLOT, 0, 0x85, 0);
    cpu.fault = (struct dbt_fault){.vector = VECTOR_DF, .has_error = true};
    assert_true(sys_deliver_fault(&cpu));
    expect_task(FREE_SLOT, CODE32, HANDLER, 0);
    assert_int_equal(recorded_event.vector, VECTOR_DF);
    assert_int_equal(cpu.v.gpr[RSP], NEW_STACK - 4);
    const struct logged *error = &written.entry[written.count - 1];
    assert_int_equal(error->at, NEW_STACK - 4);
    assert_int_equal(error->cause, CAUSE_EXCEPTION);
    assert_int_equal(error->vector, VECTOR_DF);
}

static void the_trap_bit_is_a_debug_trap(void **state)
{
    (void)state;
    put_task();
    poke(NEW_TSS + TRAP, 1, 2);
    RUNS(JMP_FAR(FREE_SLOT));
    assert_int_equal(cpu.debug_traps, 1u << 15);
}

/* ---- virtual-8086 mode ---- */

static void enter_v86(uint64_t flags)
{
    const uint32_t frame[] = {0x1234, 0x2000, (uint32_t)(RFLAGS_VM | flags), 0xfff0, 0x3000, 0x11, 0x22,
                              0x33,   0x44};
    machine_protected(0);
    memcpy(ram + STACK0, frame, sizeof frame);
    RUNS(0xcf);
}

static void iret_enters_virtual_8086_mode(void **state)
{
    (void)state;
    enter_v86(ALL_BUT_VM);
    const struct vcpu *v = &cpu.v;
    static const struct {
        unsigned segment;
        uint16_t selector;
    } expected[] = {{SEG_CS, 0x2000}, {SEG_SS, 0x3000}, {SEG_ES, 0x11},
                    {SEG_DS, 0x22},   {SEG_FS, 0x33},   {SEG_GS, 0x44}};
    for (unsigned n = 0; n < ARRAY_SIZE(expected); n++) {
        const struct segment *s = &v->seg[expected[n].segment];
        assert_int_equal(s->selector, expected[n].selector);
        assert_int_equal(s->base, expected[n].selector << 4);
        assert_int_equal(s->limit, 0xffff);
    }
    assert_int_equal(dbt_cpl(&cpu), 3);
    assert_int_equal(sys_code_size(&cpu), CODE_16);
    assert_int_equal(v->rip, 0x1234);
    assert_int_equal(v->gpr[RSP], 0xfff0);
    assert_int_equal(v->rflags, RFLAGS_VM | ALL_BUT_VM);
}

static void events_leave_virtual_8086_mode(void **state)
{
    (void)state;
    enter_v86(RFLAGS_IF);
    put_idt_gate(0x30, CODE32, HANDLER, 0x8e, 0);
    assert_true(sys_deliver_interrupt(&cpu, 0x30));
    const uint32_t frame[] = {0x1234, 0x2000, RFLAGS_VM | RFLAGS_IF | RFLAGS_ONE, 0xfff0, 0x3000, 0x11, 0x22,
                              0x33,   0x44};
    assert_int_equal(cpu.v.gpr[RSP], STACK_TSS - sizeof frame);
    assert_memory_equal(ram + STACK_TSS - sizeof frame, frame, sizeof frame);
    assert_int_equal(cpu.v.rflags, RFLAGS_ONE);
    assert_int_equal(cpu.v.rip, HANDLER);
    assert_int_equal(dbt_cpl(&cpu), 0);
    for (unsigned n = SEG_ES; n <= SEG_GS; n++)
        if (n != SEG_CS && n != SEG_SS)
            assert_true(cpu.v.seg[n].access & SEGMENT_UNUSABLE);
    RUNS(0xcf);
    assert_int_equal(cpu.v.rflags, RFLAGS_VM | RFLAGS_IF | RFLAGS_ONE);
    assert_int_equal(cpu.v.seg[SEG_GS].base, 0x440);
}

static void iopl_decides_in_virtual_8086_mode(void **state)
{
    (void)state;
    enter_v86(2 << 12);
    put_idt_gate(0x30, CODE32, HANDLER, 0xee, 0);
    FAULTS(VECTOR_GP, 0, 0xfa);
    FAULTS(VECTOR_GP, 0, 0xfb);
    FAULTS(VECTOR_GP, 0, 0x9c);
    FAULTS(VECTOR_GP, 0, 0x9d);
    FAULTS(VECTOR_GP, 0, 0xcd, 0x30);
    FAULTS(VECTOR_GP, 0, 0xcf);
    FAULTS(VECTOR_GP, 0, 0xf4);
    UNDEFINED(0x0f, 0x00, 0xd0); /* LLDT: not in real mode either */
    enter_v86(RFLAGS_IOPL);
    RUNS(0xfa);
    RUNS(0xfb);
    RUNS(0x9c);
    RUNS(0x9d);
    poke(TSS + 0x66, 0x68, 2);
    FAULTS(VECTOR_GP, 0, 0xe6, 0x80); /* IOPL or not, the bitmap decides; it ends before that */
}

static void enter_extended(uint64_t flags)
{
    enter_v86(flags);
    cpu.v.cr4 |= CR4_VME;
    poke(TSS + 0x66, 0x88, 2); /* ports; before them INT n */
    cpu.v.seg[SEG_TR].limit = 0x87;
    memset(ram + TSS + 0x68, 0xff, 32);
}

static void a_program_has_an_interrupt_flag_of_its_own(void **state)
{
    (void)state;
    enter_extended(RFLAGS_IF);
    RUNS(0x9c); /* PUSHF */
    assert_int_equal(peek(0x30000 + 0xffee, 2), RFLAGS_IOPL | RFLAGS_ONE);
    RUNS(0xfb); /* STI */
    assert_int_equal(cpu.v.rflags, RFLAGS_VM | RFLAGS_IF | RFLAGS_VIF | RFLAGS_ONE);
    RUNS(0x9c);
    assert_int_equal(peek(0x30000 + 0xffec, 2), RFLAGS_IOPL | RFLAGS_IF | RFLAGS_ONE);
    RUNS(0xfa); /* CLI */
    assert_int_equal(cpu.v.rflags, RFLAGS_VM | RFLAGS_IF | RFLAGS_ONE);
    RUNS(0x9d); /* POPF */
    assert_true(cpu.v.rflags & RFLAGS_VIF);
    FAULTS(VECTOR_GP, 0, 0x66, 0x9c);
    cpu.v.rflags |= RFLAGS_VIP;
    FAULTS(VECTOR_GP, 0, 0xfb);
}

static void int_n_goes_where_the_tss_says(void **state)
{
    (void)state;
    enter_extended(0);
    poke(0x21 * 4, 0x05000010, 4);
    poke(TSS + 0x68 + 0x20 / 8, 0xfd, 1);
    RUNS(0xcd, 0x21);
    assert_int_equal(cpu.v.seg[SEG_CS].base, 0x5000);
    assert_int_equal(cpu.v.rip, 0x10);
    assert_true(cpu.v.rflags & RFLAGS_VM);
    assert_int_equal(recorded_event.vector, 0x21);
    EXPECT_WRITES({0x3ffee, RFLAGS_IOPL | RFLAGS_ONE, 2, CAUSE_EXCEPTION, 0x21},
                  {0x3ffec, 0x2000, 2, CAUSE_EXCEPTION, 0x21}, {0x3ffea, 0x1236, 2, CAUSE_EXCEPTION, 0x21});
    FAULTS(VECTOR_GP, 0, 0xcd, 0x20); /* to the monitor, as IOPL is 0 */
}

static void what_waits_for_the_program_is_the_monitors(void **state)
{
    (void)state;
    machine_protected(0);
    cpu.v.cr4 |= CR4_VME;
    const uint32_t frame[] = {
        0x1234, 0x2000, (uint32_t)(RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP), 0xfff0, 0x3000, 0, 0, 0, 0};
    memcpy(ram + STACK0, frame, sizeof frame);
    expect_fault(EXECUTE(0xcf), VECTOR_GP, true, 0);
    assert_true(cpu.v.rflags & RFLAGS_VM);
    assert_int_equal(cpu.v.rip, 0x1234);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jmp_leaves_the_old_task),
        cmocka_unit_test(call_nests_and_iret_returns),
        cmocka_unit_test(what_is_wrong_with_the_tss_is_the_old_tasks),
        cmocka_unit_test(what_is_wrong_with_its_segments_is_the_new_tasks),
        cmocka_unit_test(a_task_handles_double_faults),
        cmocka_unit_test(the_trap_bit_is_a_debug_trap),
        cmocka_unit_test(iret_enters_virtual_8086_mode),
        cmocka_unit_test(events_leave_virtual_8086_mode),
        cmocka_unit_test(iopl_decides_in_virtual_8086_mode),
        cmocka_unit_test(a_program_has_an_interrupt_flag_of_its_own),
        cmocka_unit_test(int_n_goes_where_the_tss_says),
        cmocka_unit_test(what_waits_for_the_program_is_the_monitors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
