/* Far JMP, CALL, RET and IRET: SDM Vol. 2 and Vol. 3A, 5.8. */
#include "dbt_machine.h"

#define TARGET 0x5678u
#define FAR(opcode, selector) opcode, 0x78, 0x56, 0, 0, (selector)&0xff, (selector) >> 8
#define JMP_FAR(selector) FAR(0xea, selector)
#define CALL_FAR(selector) FAR(0x9a, selector)

static void expect_at(uint16_t cs, uint64_t rip, uint64_t rsp, unsigned cpl)
{
    const struct vcpu *v = &cpu.v;
    if (v->seg[SEG_CS].selector != cs || v->rip != rip || v->gpr[RSP] != rsp || dbt_cpl(&cpu) != cpl)
        fail_msg("expected %04x:%lx RSP 0x%lx CPL %u, got %04x:%lx RSP 0x%lx CPL %u", cs, rip, rsp, cpl,
                 v->seg[SEG_CS].selector, v->rip, v->gpr[RSP], dbt_cpl(&cpu));
}

/* Words of `bytes` on the stack in use, the first of them on top. */
static void put_frame_(unsigned bytes, const uint64_t *words, unsigned count)
{
    for (unsigned n = 0; n < count; n++)
        poke(cpu.v.gpr[RSP] + n * bytes, words[n], bytes);
}
#define FRAME(bytes, ...)                                                                                    \
    put_frame_(bytes, (const uint64_t[]){__VA_ARGS__},                                                       \
               sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* A call gate in the free slot. */
static void gate(uint16_t selector, uint8_t access, uint8_t parameters)
{
    put_gate(GDT + FREE_SLOT, selector, TARGET, access, parameters, cpu.v.efer & EFER_LMA);
}
#define GATE32 0x8c
#define GATE16 0x84
#define FROM_USER 0x60

/* ---- JMP ---- */

static void jmp_real_mode(void **state)
{
    (void)state;
    machine_real();
    RUNS(0xea, 0x78, 0x56, 0x34, 0x12);
    expect_at(0x1234, 0x5678, STACK0, 0);
    assert_int_equal(cpu.v.seg[SEG_CS].base, 0x12340);
    FAULTS(VECTOR_GP, 0, 0x66, 0xea, 0, 0, 1, 0, 0x34, 0x12); /* offset behind the limit */
}

static void jmp_enters_protected_mode(void **state)
{
    (void)state;
    machine_real();
    put_gdt();
    cpu.v.gdtr = (struct table_register){GDT, GDT_LIMIT};
    cpu.v.gpr[RAX] = CR0_PE;
    RUNS(0x0f, 0x22, 0xc0);
    RUNS(0x66, JMP_FAR(CODE32));
    expect_at(CODE32, TARGET, STACK0, 0);
    assert_int_equal(cpu.v.seg[SEG_CS].access, 0xc09b);
    EXPECT_WRITES({GDT + CODE32 + 5, 0x9b, 1, CAUSE_DESCRIPTOR, 0});
}

static void jmp_same_level_and_conforming(void **state)
{
    (void)state;
    machine_protected(3);
    RUNS(JMP_FAR(CONFORMING));
    expect_at(CONFORMING | 3, TARGET, STACK3, 3);
    RUNS(JMP_FAR(USER_CODE32));
    expect_at(USER_CODE32, TARGET, STACK3, 3);
    machine_protected(0);
    RUNS(JMP_FAR(CODE16));
    expect_at(CODE16, TARGET, STACK0, 0);
    assert_int_equal(cpu.v.seg[SEG_CS].base, 0x100);
    assert_int_equal(sys_code_size(&cpu), CODE_16);
}

static void jmp_faults(void **state)
{
    static const struct {
        const char *what;
        unsigned cpl;
        uint16_t selector;
        uint8_t vector;
        uint16_t error;
    } cases[] = {
        {"null", 0, 3, VECTOR_GP, 0},
        {"outside the GDT", 0, 0xa0, VECTOR_GP, 0xa0},
        {"data", 0, DATA32, VECTOR_GP, DATA32},
        {"inner level", 3, CODE32 | 3, VECTOR_GP, CODE32},
        {"outer level", 0, USER_CODE32, VECTOR_GP, USER_CODE32 & ~3},
        {"RPL above CPL", 0, CODE32 | 3, VECTOR_GP, CODE32},
        {"not present", 0, ABSENT_CODE, VECTOR_NP, ABSENT_CODE},
        {"an LDT", 0, LDT_SELECTOR, VECTOR_GP, LDT_SELECTOR},
    };
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        machine_protected(cases[n].cpl);
        uint64_t rsp = cpu.v.gpr[RSP];
        uint16_t cs = cpu.v.seg[SEG_CS].selector;
        uint16_t s = cases[n].selector;
        if (EXECUTE(JMP_FAR(s)) || cpu.fault.vector != cases[n].vector || cpu.fault.error != cases[n].error)
            fail_msg("%s: expected vector %u error 0x%x, got %u 0x%x", cases[n].what, cases[n].vector,
                     cases[n].error, cpu.fault.vector, cpu.fault.error);
        expect_at(cs, CODE, rsp, cases[n].cpl);
        expect_no_writes();
    }
}

static void jmp_behind_the_limit(void **state)
{
    (void)state;
    machine_protected(0);
    FAULTS(VECTOR_GP, 0, 0xea, 0, 0, 1, 0, CODE16, 0);
    expect_no_writes();
}

static void jmp_indirect(void **state)
{
    (void)state;
    machine_long(0);
    poke(0x5000, 0x12345, 4);
    poke(0x5004, CODE32, 2);
    cpu.v.gpr[RBX] = 0x5000;
    RUNS(0xff, 0x2b); /* jmp far [rbx], m16:32: into compatibility mode */
    expect_at(CODE32, 0x12345, STACK0, 0);
    assert_int_equal(sys_code_size(&cpu), CODE_32);
    machine_long(0);
    cpu.v.gpr[RBX] = 0x5000;
    poke(0x5000, 0xffff800000001000, 8);
    poke(0x5008, CODE64, 2);
    RUNS(0x48, 0xff, 0x2b); /* m16:64 */
    expect_at(CODE64, 0xffff800000001000, STACK0, 0);
    poke(0x5000, 0x800000000000, 8);
    FAULTS(VECTOR_GP, 0, 0x48, 0xff, 0x2b);
}

static void code_with_l_and_d_is_refused_in_ia32e_mode(void **state)
{
    (void)state;
    machine_long(0);
    put_descriptor(GDT, FREE_SLOT, 0, 0xfffff, 0x9a, 0xe);
    poke(0x5000, TARGET, 4);
    poke(0x5004, FREE_SLOT, 2);
    cpu.v.gpr[RBX] = 0x5000;
    FAULTS(VECTOR_GP, FREE_SLOT, 0xff, 0x2b);
}

/* ---- CALL ---- */

static void call_real_mode(void **state)
{
    (void)state;
    machine_real();
    cpu.v.seg[SEG_CS].selector = 0x77;
    RUNS(0x9a, 0x78, 0x56, 0x34, 0x12);
    EXPECT_WRITES({STACK0 - 2, 0x77, 2, CAUSE_INSTRUCTION, 0},
                  {STACK0 - 4, CODE + 5, 2, CAUSE_INSTRUCTION, 0});
    expect_at(0x1234, 0x5678, STACK0 - 4, 0);
}

static void call_same_level(void **state)
{
    (void)state;
    machine_protected(3);
    RUNS(CALL_FAR(CONFORMING));
    EXPECT_WRITES({STACK3 - 4, USER_CODE32, 4, CAUSE_INSTRUCTION, 0},
                  {STACK3 - 8, CODE + 7, 4, CAUSE_INSTRUCTION, 0},
                  {GDT + CONFORMING + 5, 0x9f, 1, CAUSE_DESCRIPTOR, 0});
    expect_at(CONFORMING | 3, TARGET, STACK3 - 8, 3);
}

static void call_without_room_for_the_second_word(void **state)
{
    (void)state;
    machine_protected(0);
    cpu.v.seg[SEG_SS] = (struct segment){.selector = DATA16, .limit = 0xffff, .access = 0x93};
    cpu.v.gpr[RSP] = 0x70006; /* a 16-bit stack: SP is 6 */
    expect_fault(EXECUTE(CALL_FAR(CODE16)), VECTOR_SS, true, 0);
    EXPECT_WRITES({2, CODE32, 4, CAUSE_INSTRUCTION, 0}); /* what was pushed stays, as on a CPU */
    expect_at(CODE32, CODE, 0x70006, 0);
    cpu.v.gpr[RSP] = 0x70008;
    RUNS(CALL_FAR(CODE16));
    assert_int_equal(cpu.v.gpr[RSP], 0x70000);
}

static void call_gate_to_the_same_level(void **state)
{
    (void)state;
    machine_protected(0);
    gate(CODE32, GATE16, 0);
    RUNS(0x9a, 1, 2, 3, 4, FREE_SLOT, 0); /* the offset is not used; a 16-bit gate pushes words */
    expect_at(CODE32, TARGET, STACK0 - 4, 0);
    EXPECT_WRITES({STACK0 - 2, CODE32, 2, CAUSE_INSTRUCTION, 0},
                  {STACK0 - 4, CODE + 7, 2, CAUSE_INSTRUCTION, 0},
                  {GDT + CODE32 + 5, 0x9b, 1, CAUSE_DESCRIPTOR, 0});
}

static void call_gate_to_an_inner_level_copies_parameters(void **state)
{
    (void)state;
    machine_protected(3);
    gate(CODE32, GATE32 | FROM_USER, 2);
    FRAME(4, 0x111, 0x222, 0x333);
    RUNS(CALL_FAR(FREE_SLOT | 3));
    EXPECT_WRITES(
        {STACK_TSS - 4, USER_DATA32, 4, CAUSE_INSTRUCTION, 0},
        {STACK_TSS - 8, STACK3, 4, CAUSE_INSTRUCTION, 0}, {STACK_TSS - 12, 0x222, 4, CAUSE_INSTRUCTION, 0},
        {STACK_TSS - 16, 0x111, 4, CAUSE_INSTRUCTION, 0},
        {STACK_TSS - 20, USER_CODE32, 4, CAUSE_INSTRUCTION, 0},
        {STACK_TSS - 24, CODE + 7, 4, CAUSE_INSTRUCTION, 0}, {GDT + DATA32 + 5, 0x93, 1, CAUSE_DESCRIPTOR, 0},
        {GDT + CODE32 + 5, 0x9b, 1, CAUSE_DESCRIPTOR, 0});
    expect_at(CODE32, TARGET, STACK_TSS - 24, 0);
    assert_int_equal(cpu.v.seg[SEG_SS].selector, DATA32);
    RUNS(0xca, 8, 0); /* and back: both stacks give up the parameters */
    expect_at(USER_CODE32, CODE + 7, STACK3 + 8, 3);
}

static void call_gate_faults(void **state)
{
    static const struct {
        const char *what;
        unsigned cpl;
        uint16_t code;
        uint8_t access;
        uint8_t vector;
        uint16_t error;
    } cases[] = {
        {"gate DPL below CPL", 3, CODE32, GATE32, VECTOR_GP, FREE_SLOT},
        {"gate not present", 0, CODE32, 0x0c, VECTOR_NP, FREE_SLOT},
        {"null code selector", 0, 0, GATE32, VECTOR_GP, 0},
        {"data", 0, DATA32, GATE32, VECTOR_GP, DATA32},
        {"code outside the GDT", 0, 0xa0, GATE32, VECTOR_GP, 0xa0},
        {"outer level", 0, USER_CODE32, GATE32, VECTOR_GP, USER_CODE32 & ~3},
        {"code not present", 0, ABSENT_CODE, GATE32, VECTOR_NP, ABSENT_CODE},
    };
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        machine_protected(cases[n].cpl);
        gate(cases[n].code, cases[n].access, 0);
        if (EXECUTE(CALL_FAR(FREE_SLOT)) || cpu.fault.vector != cases[n].vector ||
            cpu.fault.error != cases[n].error)
            fail_msg("%s: expected vector %u error 0x%x, got %u 0x%x", cases[n].what, cases[n].vector,
                     cases[n].error, cpu.fault.vector, cpu.fault.error);
        expect_no_writes();
    }
}

static void jmp_through_a_gate_keeps_the_level(void **state)
{
    (void)state;
    machine_protected(3);
    gate(CODE32, GATE32 | FROM_USER, 0);
    FAULTS(VECTOR_GP, CODE32, JMP_FAR(FREE_SLOT | 3));
    gate(CONFORMING, GATE32 | FROM_USER, 0);
    RUNS(JMP_FAR(FREE_SLOT | 3));
    expect_at(CONFORMING | 3, TARGET, STACK3, 3);
}

static void call_gate_64(void **state)
{
    (void)state;
    machine_long(3);
    gate(CODE64, GATE32 | FROM_USER, 0);
    poke(GDT + FREE_SLOT + 8, 0xffff8000, 4);
    poke(0x5004, FREE_SLOT | 3, 2);
    cpu.v.gpr[RBX] = 0x5000;
    RUNS(0xff, 0x1b); /* call far [rbx] */
    EXPECT_WRITES({STACK_TSS - 8, USER_DATA32, 8, CAUSE_INSTRUCTION, 0},
                  {STACK_TSS - 16, STACK3, 8, CAUSE_INSTRUCTION, 0},
                  {STACK_TSS - 24, USER_CODE64, 8, CAUSE_INSTRUCTION, 0},
                  {STACK_TSS - 32, CODE + 2, 8, CAUSE_INSTRUCTION, 0},
                  {GDT + CODE64 + 5, 0x9b, 1, CAUSE_DESCRIPTOR, 0});
    expect_at(CODE64, 0xffff800000000000 | TARGET, STACK_TSS - 32, 0);
    assert_int_equal(cpu.v.seg[SEG_SS].selector, 0);
    RUNS(0x48, 0xcb);
    expect_at(USER_CODE64, CODE + 2, STACK3, 3);
    assert_int_equal(cpu.v.seg[SEG_SS].selector, USER_DATA32);
}

static void call_gate_64_must_lead_to_64_bit_code(void **state)
{
    (void)state;
    machine_long(0);
    gate(CODE32, GATE32, 0);
    poke(0x5004, FREE_SLOT, 2);
    cpu.v.gpr[RBX] = 0x5000;
    FAULTS(VECTOR_GP, CODE32, 0xff, 0x1b);
    gate(CODE64, GATE32, 0);
    poke(GDT + FREE_SLOT + 12, 0x900, 4); /* the upper half's type is not 0 */
    FAULTS(VECTOR_GP, FREE_SLOT, 0xff, 0x1b);
    gate(CODE64, GATE16, 0);
    FAULTS(VECTOR_GP, FREE_SLOT, 0xff, 0x1b);
}

/* ---- RET ---- */

static void ret_real_mode(void **state)
{
    (void)state;
    machine_real();
    FRAME(2, 0x5678, 0x1234);
    RUNS(0xca, 6, 0);
    expect_at(0x1234, 0x5678, STACK0 + 10, 0);
    assert_int_equal(cpu.v.seg[SEG_CS].base, 0x12340);
}

static void ret_same_level(void **state)
{
    (void)state;
    machine_protected(0);
    FRAME(4, TARGET, 0xffff0000 | CODE32);
    RUNS(0xcb);
    expect_at(CODE32, TARGET, STACK0 + 8, 0);
}

static void ret_faults(void **state)
{
    static const struct {
        const char *what;
        uint16_t cs, ss;
        uint8_t vector;
        uint16_t error;
    } cases[] = {
        {"null CS", 0, 0, VECTOR_GP, 0},
        {"data", DATA32, 0, VECTOR_GP, DATA32},
        {"RPL is not DPL", CODE32 | 3, 0, VECTOR_GP, CODE32},
        {"not present", ABSENT_CODE, 0, VECTOR_NP, ABSENT_CODE},
        {"null SS", USER_CODE32, 0, VECTOR_GP, 0},
        {"SS of the wrong level", USER_CODE32, DATA32 | 3, VECTOR_GP, DATA32},
        {"SS with the wrong RPL", USER_CODE32, USER_DATA32 & ~3, VECTOR_GP, USER_DATA32 & ~3},
    };
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        machine_protected(0);
        FRAME(4, TARGET, cases[n].cs, STACK3, cases[n].ss);
        if (EXECUTE(0xcb) || cpu.fault.vector != cases[n].vector || cpu.fault.error != cases[n].error)
            fail_msg("%s: expected vector %u error 0x%x, got %u 0x%x", cases[n].what, cases[n].vector,
                     cases[n].error, cpu.fault.vector, cpu.fault.error);
        expect_at(CODE32, CODE, STACK0, 0);
        expect_no_writes();
    }
    machine_protected(3);
    FRAME(4, TARGET, CODE32);
    FAULTS(VECTOR_GP, CODE32, 0xcb); /* never inwards */
}

static void ret_outwards_drops_inner_segments(void **state)
{
    (void)state;
    machine_protected(0);
    cpu.v.seg[SEG_FS] = cpu.v.seg[SEG_GS] =
        (struct segment){.limit = 0xffff, .selector = USER_DATA32, .access = 0xf3};
    cpu.v.seg[SEG_GS].selector = CONFORMING;
    cpu.v.seg[SEG_GS].access = 0x9f;
    FRAME(4, TARGET, USER_CODE32, STACK3, USER_DATA32);
    RUNS(0xcb);
    expect_at(USER_CODE32, TARGET, STACK3, 3);
    EXPECT_WRITES({GDT + (USER_CODE32 & ~3) + 5, 0xfb, 1, CAUSE_DESCRIPTOR, 0},
                  {GDT + (USER_DATA32 & ~3) + 5, 0xf3, 1, CAUSE_DESCRIPTOR, 0});
    assert_int_equal(cpu.v.seg[SEG_DS].selector, 0);
    assert_true(cpu.v.seg[SEG_DS].access & SEGMENT_UNUSABLE);
    assert_true(cpu.v.seg[SEG_ES].access & SEGMENT_UNUSABLE);
    assert_int_equal(cpu.v.seg[SEG_FS].selector, USER_DATA32);
    assert_int_equal(cpu.v.seg[SEG_GS].selector, CONFORMING);
}

/* ---- IRET ---- */

#define ALL_FLAGS 0x3d7fd7u /* everything but VM (and bits that are fixed) */

static void iret_real_mode(void **state)
{
    (void)state;
    machine_real();
    FRAME(2, 0x5678, 0x1234, 0xffff);
    RUNS(0xcf);
    expect_at(0x1234, 0x5678, STACK0 + 6, 0);
    assert_int_equal(cpu.v.rflags, 0x7fd7);
}

static void iret_to_the_same_level(void **state)
{
    (void)state;
    machine_protected(0);
    cpu.nmi_blocked = true;
    FRAME(4, TARGET, CODE32, ALL_FLAGS);
    RUNS(0xcf);
    expect_at(CODE32, TARGET, STACK0 + 12, 0);
    assert_int_equal(cpu.v.rflags, ALL_FLAGS);
    assert_false(cpu.nmi_blocked);
}

static void iret_16_bits_leaves_the_upper_flags(void **state)
{
    (void)state;
    machine_protected(0);
    cpu.v.rflags |= RFLAGS_AC | RFLAGS_ID;
    FRAME(2, TARGET, CODE32, 0xffff);
    RUNS(0x66, 0xcf);
    expect_at(CODE32, TARGET, STACK0 + 6, 0);
    assert_int_equal(cpu.v.rflags, RFLAGS_AC | RFLAGS_ID | 0x7fd7);
}

static void iret_at_level_3_cannot_change_iopl_and_if(void **state)
{
    (void)state;
    machine_protected(3);
    FRAME(4, TARGET, USER_CODE32, ALL_FLAGS);
    RUNS(0xcf);
    assert_int_equal(cpu.v.rflags, ALL_FLAGS & ~(RFLAGS_IOPL | RFLAGS_IF | RFLAGS_VIF | RFLAGS_VIP));
    machine_protected(3);
    cpu.v.rflags |= RFLAGS_IOPL;
    FRAME(4, TARGET, USER_CODE32, RFLAGS_IF);
    RUNS(0xcf);
    assert_int_equal(cpu.v.rflags, RFLAGS_ONE | RFLAGS_IOPL | RFLAGS_IF);
}

static void iret_to_level_3(void **state)
{
    (void)state;
    machine_protected(0);
    FRAME(4, TARGET, USER_CODE32, RFLAGS_IF | RFLAGS_IOPL, STACK3, USER_DATA32);
    RUNS(0xcf);
    expect_at(USER_CODE32, TARGET, STACK3, 3);
    assert_int_equal(cpu.v.rflags, RFLAGS_ONE | RFLAGS_IF | RFLAGS_IOPL);
    assert_true(cpu.v.seg[SEG_DS].access & SEGMENT_UNUSABLE);
}

static void iret_unblocks_nmi_even_when_it_faults(void **state)
{
    (void)state;
    machine_protected(0);
    cpu.nmi_blocked = true;
    FRAME(4, TARGET, 0, 0);
    FAULTS(VECTOR_GP, 0, 0xcf);
    assert_false(cpu.nmi_blocked);
}

static void iretq_always_pops_the_stack(void **state)
{
    (void)state;
    machine_long(0);
    FRAME(8, TARGET, CODE64, RFLAGS_IF, STACK_IST, 0);
    RUNS(0x48, 0xcf);
    expect_at(CODE64, TARGET, STACK_IST, 0);
    assert_int_equal(cpu.v.seg[SEG_SS].selector, 0);
    assert_int_equal(cpu.v.rflags, RFLAGS_ONE | RFLAGS_IF);
}

static void iretq_to_64_bit_level_3(void **state)
{
    (void)state;
    machine_long(0);
    cpu.v.seg[SEG_GS].base = 0x1234; /* DPL 0: becomes null */
    FRAME(8, 0x7fffffffe000, USER_CODE64, RFLAGS_IF, 0x7fffffffd000, USER_DATA32);
    RUNS(0x48, 0xcf);
    expect_at(USER_CODE64, 0x7fffffffe000, 0x7fffffffd000, 3);
    EXPECT_WRITES({GDT + (USER_CODE64 & ~3) + 5, 0xfb, 1, CAUSE_DESCRIPTOR, 0},
                  {GDT + (USER_DATA32 & ~3) + 5, 0xf3, 1, CAUSE_DESCRIPTOR, 0});
    machine_long(0);
    FRAME(8, 0x800000000000, USER_CODE64, RFLAGS_IF, STACK3, USER_DATA32);
    FAULTS(VECTOR_GP, 0, 0x48, 0xcf);
    FRAME(8, TARGET, USER_CODE64, RFLAGS_IF, STACK3, 3);
    FAULTS(VECTOR_GP, 0, 0x48, 0xcf); /* a null SS is not for level 3 */
}

static void iretq_to_compatibility_mode(void **state)
{
    (void)state;
    machine_long(0);
    FRAME(8, 0x100005678, USER_CODE32, RFLAGS_IF, 0xff00009000, USER_DATA32);
    FAULTS(VECTOR_GP, 0, 0x48, 0xcf); /* behind 4 GiB */
    FRAME(8, TARGET, USER_CODE32, RFLAGS_IF, 0xff00009000, USER_DATA32);
    RUNS(0x48, 0xcf);
    expect_at(USER_CODE32, TARGET, STACK3, 3);
    assert_int_equal(sys_code_size(&cpu), CODE_32);
}

static void iretd_in_compatibility_mode_to_the_same_level(void **state)
{
    (void)state;
    machine_long(3);
    set_level(3, USER_CODE32, 0xc09b, USER_DATA32);
    FRAME(4, TARGET, USER_CODE32, 0);
    RUNS(0xcf);
    expect_at(USER_CODE32, TARGET, STACK3 + 12, 3);
}

static void iret_with_nt_faults_in_ia32e_mode(void **state)
{
    (void)state;
    machine_long(0);
    cpu.v.rflags |= RFLAGS_NT;
    FAULTS(VECTOR_GP, 0, 0x48, 0xcf);
}

static void rf_survives_iret_alone(void **state)
{
    (void)state;
    machine_protected(0);
    FRAME(4, TARGET, CODE32, RFLAGS_RF);
    RUNS(0xcf);
    assert_true(cpu.v.rflags & RFLAGS_RF);
    RUNS(0xfa); /* cli */
    assert_false(cpu.v.rflags & RFLAGS_RF);
}

static void reads_come_in_bochss_order(void **state)
{
    (void)state;
    machine_protected(0);
    poke(0x5000, TARGET, 4);
    poke(0x5004, CODE32, 2);
    put_descriptor(GDT, CODE32, 0, 0xfffff, 0x9b, 0xc);
    RUNS(0xff, 0x2d, 0x00, 0x50, 0, 0); /* jmp far [0x5000] */
    EXPECT_READS({0x5000, TARGET, 4, CAUSE_INSTRUCTION, 0}, {0x5004, CODE32, 2, CAUSE_INSTRUCTION, 0},
                 {GDT + CODE32, 0xcf9b000000ffff, 8, CAUSE_DESCRIPTOR, 0});
    FRAME(4, TARGET, USER_CODE32, STACK3, USER_DATA32);
    RUNS(0xcb);
    EXPECT_READS(
        {STACK0 + 4, USER_CODE32, 4, CAUSE_INSTRUCTION, 0}, {STACK0, TARGET, 4, CAUSE_INSTRUCTION, 0},
        {GDT + 0x18, 0xcffa000000ffff, 8, CAUSE_DESCRIPTOR, 0},
        {STACK0 + 12, USER_DATA32, 2, CAUSE_INSTRUCTION, 0}, {STACK0 + 8, STACK3, 4, CAUSE_INSTRUCTION, 0},
        {GDT + 0x20, 0xcff2000000ffff, 8, CAUSE_DESCRIPTOR, 0});
    machine_protected(0);
    FRAME(4, TARGET, USER_CODE32, 2, STACK3, USER_DATA32);
    RUNS(0xcf);
    EXPECT_READS({STACK0 + 8, 2, 4, CAUSE_INSTRUCTION, 0}, {STACK0 + 4, USER_CODE32, 4, CAUSE_INSTRUCTION, 0},
                 {STACK0, TARGET, 4, CAUSE_INSTRUCTION, 0},
                 {GDT + 0x18, 0xcffa000000ffff, 8, CAUSE_DESCRIPTOR, 0},
                 {STACK0 + 16, USER_DATA32, 2, CAUSE_INSTRUCTION, 0},
                 {GDT + 0x20, 0xcff2000000ffff, 8, CAUSE_DESCRIPTOR, 0},
                 {STACK0 + 12, STACK3, 4, CAUSE_INSTRUCTION, 0});
    machine_long(0);
    FRAME(8, TARGET, USER_CODE64, 2, STACK3, USER_DATA32);
    RUNS(0x48, 0xcf);
    EXPECT_READS(
        {STACK0 + 16, 2, 8, CAUSE_INSTRUCTION, 0}, {STACK0 + 8, USER_CODE64, 8, CAUSE_INSTRUCTION, 0},
        {STACK0, TARGET, 8, CAUSE_INSTRUCTION, 0}, {GDT + 0x40, 0xaffa000000ffff, 8, CAUSE_DESCRIPTOR, 0},
        {STACK0 + 32, USER_DATA32, 8, CAUSE_INSTRUCTION, 0}, {STACK0 + 24, STACK3, 8, CAUSE_INSTRUCTION, 0},
        {GDT + 0x20, 0xcff2000000ffff, 8, CAUSE_DESCRIPTOR, 0});
    machine_real();
    FRAME(2, TARGET, 0x700, 2);
    RUNS(0xcf);
    EXPECT_READS({STACK0, TARGET, 2, CAUSE_INSTRUCTION, 0}, {STACK0 + 2, 0x700, 2, CAUSE_INSTRUCTION, 0},
                 {STACK0 + 4, 2, 2, CAUSE_INSTRUCTION, 0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jmp_real_mode),
        cmocka_unit_test(jmp_enters_protected_mode),
        cmocka_unit_test(jmp_same_level_and_conforming),
        cmocka_unit_test(jmp_faults),
        cmocka_unit_test(jmp_behind_the_limit),
        cmocka_unit_test(jmp_indirect),
        cmocka_unit_test(code_with_l_and_d_is_refused_in_ia32e_mode),
        cmocka_unit_test(call_real_mode),
        cmocka_unit_test(call_same_level),
        cmocka_unit_test(call_without_room_for_the_second_word),
        cmocka_unit_test(call_gate_to_the_same_level),
        cmocka_unit_test(call_gate_to_an_inner_level_copies_parameters),
        cmocka_unit_test(call_gate_faults),
        cmocka_unit_test(jmp_through_a_gate_keeps_the_level),
        cmocka_unit_test(call_gate_64),
        cmocka_unit_test(call_gate_64_must_lead_to_64_bit_code),
        cmocka_unit_test(ret_real_mode),
        cmocka_unit_test(ret_same_level),
        cmocka_unit_test(ret_faults),
        cmocka_unit_test(ret_outwards_drops_inner_segments),
        cmocka_unit_test(iret_real_mode),
        cmocka_unit_test(iret_to_the_same_level),
        cmocka_unit_test(iret_16_bits_leaves_the_upper_flags),
        cmocka_unit_test(iret_at_level_3_cannot_change_iopl_and_if),
        cmocka_unit_test(iret_to_level_3),
        cmocka_unit_test(iret_unblocks_nmi_even_when_it_faults),
        cmocka_unit_test(iretq_always_pops_the_stack),
        cmocka_unit_test(iretq_to_64_bit_level_3),
        cmocka_unit_test(iretq_to_compatibility_mode),
        cmocka_unit_test(iretd_in_compatibility_mode_to_the_same_level),
        cmocka_unit_test(iret_with_nt_faults_in_ia32e_mode),
        cmocka_unit_test(rf_survives_iret_alone),
        cmocka_unit_test(reads_come_in_bochss_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
