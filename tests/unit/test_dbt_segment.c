/* Segment registers, descriptor tables and the instructions that look at descriptors: SDM Vol. 2 and Vol. 3A,
 * ch. 5. */
#include "dbt_machine.h"

#define MOV_TO(segment) 0x8e, 0xc0 | (segment) << 3 /* from AX */
#define MOV_DS MOV_TO(SEG_DS)
#define MOV_SS MOV_TO(SEG_SS)
#define MOV_FS MOV_TO(SEG_FS)

static void start(unsigned cpl, uint16_t ax)
{
    machine_protected(cpl);
    cpu.v.gpr[RAX] = 0xdead0000 | ax;
}

static void expect_segment(unsigned segment, uint16_t selector, uint64_t base, uint32_t limit,
                           uint32_t access)
{
    const struct segment *s = &cpu.v.seg[segment];
    if (s->selector != selector || s->base != base || s->limit != limit || s->access != access)
        fail_msg("segment %u: expected 0x%x base 0x%lx limit 0x%x access 0x%x, got 0x%x 0x%lx 0x%x 0x%x",
                 segment, selector, base, limit, access, s->selector, s->base, s->limit, s->access);
}

static void expect_zero_flag(bool on)
{
    assert_int_equal(!!(cpu.v.rflags & RFLAGS_ZF), on);
}

static void real_mode_changes_the_base_alone(void **state)
{
    (void)state;
    machine_real();
    cpu.v.seg[SEG_DS].limit = 0xffffffff; /* widened by protected mode before */
    cpu.v.gpr[RAX] = 0x1234;
    RUNS(MOV_DS);
    expect_segment(SEG_DS, 0x1234, 0x12340, 0xffffffff, 0x93);
    assert_int_equal(cpu.v.rip, CODE + 2);
    expect_no_writes();
}

static void a_load_sets_the_accessed_bit_in_memory(void **state)
{
    (void)state;
    start(0, DATA16);
    RUNS(MOV_DS);
    expect_segment(SEG_DS, DATA16, 0x100, 0xffff, 0x93);
    EXPECT_WRITES({GDT + DATA16 + 5, 0x93, 1, CAUSE_DESCRIPTOR, 0});
    RUNS(MOV_DS);
    expect_no_writes();
    assert_true(mode_changes > 0);
}

static void granular_limits_count_in_pages(void **state)
{
    (void)state;
    start(0, DATA32);
    RUNS(MOV_DS);
    expect_segment(SEG_DS, DATA32, 0, 0xffffffff, 0xc093);
}

static void a_null_data_segment_is_unusable(void **state)
{
    (void)state;
    start(3, 3);
    RUNS(MOV_DS);
    expect_segment(SEG_DS, 3, 0, 0, SEGMENT_UNUSABLE);
    /* mov eax, [0] would now fault; here: a segment load from memory through DS */
    FAULTS(VECTOR_GP, 0, 0x8e, 0x05, 0, 0, 0, 0);
}

static void data_segment_faults(void **state)
{
    static const struct {
        const char *what;
        unsigned cpl;
        uint16_t selector;
        uint8_t vector;
        uint16_t error;
    } cases[] = {
        {"outside the GDT", 0, 0xa0, VECTOR_GP, 0xa0},
        {"no LDT", 0, 0x0c, VECTOR_GP, 0x0c},
        {"a system descriptor", 0, TSS_SELECTOR, VECTOR_GP, TSS_SELECTOR},
        {"execute-only code", 0, EXECUTE_ONLY, VECTOR_GP, EXECUTE_ONLY},
        {"CPL above DPL", 3, DATA32 | 3, VECTOR_GP, DATA32},
        {"RPL above DPL", 0, DATA32 | 3, VECTOR_GP, DATA32},
        {"not present", 0, ABSENT_DATA, VECTOR_NP, ABSENT_DATA},
    };
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        start(cases[n].cpl, cases[n].selector);
        struct segment before = cpu.v.seg[SEG_DS];
        if (EXECUTE(MOV_DS) || cpu.fault.vector != cases[n].vector || cpu.fault.error != cases[n].error)
            fail_msg("%s: expected vector %u error 0x%x, got %u 0x%x", cases[n].what, cases[n].vector,
                     cases[n].error, cpu.fault.vector, cpu.fault.error);
        assert_memory_equal(&before, &cpu.v.seg[SEG_DS], sizeof before);
        expect_no_writes();
    }
}

static void conforming_code_may_be_read_from_anywhere(void **state)
{
    (void)state;
    start(3, CONFORMING | 3);
    RUNS(MOV_DS);
    expect_segment(SEG_DS, CONFORMING | 3, 0, 0xffffffff, 0xc09f);
}

static void stack_segment_faults(void **state)
{
    static const struct {
        const char *what;
        unsigned cpl;
        uint16_t selector;
        uint8_t vector;
        uint16_t error;
    } cases[] = {
        {"null", 0, 0, VECTOR_GP, 0},
        {"RPL is not CPL", 0, DATA32 | 3, VECTOR_GP, DATA32},
        {"DPL is not CPL", 3, DATA32 | 3, VECTOR_GP, DATA32},
        {"read-only", 0, READ_ONLY, VECTOR_GP, READ_ONLY},
        {"code", 0, CODE32, VECTOR_GP, CODE32},
        {"not present", 0, ABSENT_DATA, VECTOR_SS, ABSENT_DATA},
    };
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        start(cases[n].cpl, cases[n].selector);
        if (EXECUTE(MOV_SS) || cpu.fault.vector != cases[n].vector || cpu.fault.error != cases[n].error)
            fail_msg("%s: expected vector %u error 0x%x, got %u 0x%x", cases[n].what, cases[n].vector,
                     cases[n].error, cpu.fault.vector, cpu.fault.error);
        assert_false(cpu.interrupt_shadow);
    }
}

static void mov_ss_shadows_the_next_instruction(void **state)
{
    (void)state;
    start(0, DATA32);
    RUNS(MOV_SS);
    assert_true(cpu.interrupt_shadow && cpu.shadow_is_mov_ss);
    RUNS(MOV_DS);
    assert_false(cpu.interrupt_shadow || cpu.shadow_is_mov_ss);
}

static void mov_to_cs_is_undefined(void **state)
{
    struct insn insn;
    (void)state;
    start(0, CODE32);
    /* The decoder refuses it as well; whoever gets past it must not load CS. */
    if (insn_decode(&insn, (const uint8_t[]){MOV_TO(SEG_CS)}, 2, CODE_32))
        UNDEFINED(MOV_TO(SEG_CS));
    assert_int_equal(cpu.v.seg[SEG_CS].selector, CODE32);
}

static void null_ss_is_for_64_bit_code_below_level_3(void **state)
{
    (void)state;
    machine_long(0);
    cpu.v.gpr[RAX] = 0;
    RUNS(MOV_SS);
    expect_segment(SEG_SS, 0, 0, 0, SEGMENT_UNUSABLE);
    assert_int_equal(dbt_cpl(&cpu), 0);
    cpu.v.gpr[RAX] = 3;
    FAULTS(VECTOR_GP, 0, MOV_SS);
    machine_long(3);
    cpu.v.gpr[RAX] = 3;
    FAULTS(VECTOR_GP, 0, MOV_SS);
}

static void descriptors_are_found_in_the_ldt(void **state)
{
    (void)state;
    start(0, LDT_SELECTOR);
    RUNS(0x0f, 0x00, 0xd0); /* lldt ax */
    expect_segment(SEG_LDTR, LDT_SELECTOR, LDT, 0x0f, 0x82);
    put_descriptor(LDT, 8, 0x5000, 0xff, 0x93, 0);
    cpu.v.gpr[RAX] = 0x0c;
    RUNS(MOV_FS);
    expect_segment(SEG_FS, 0x0c, 0x5000, 0xff, 0x93);
    cpu.v.gpr[RAX] = 0x14; /* beyond its limit */
    FAULTS(VECTOR_GP, 0x14, MOV_FS);
}

static void lldt_checks(void **state)
{
    (void)state;
    start(0, 0);
    RUNS(0x0f, 0x00, 0xd0);
    assert_true(cpu.v.seg[SEG_LDTR].access & SEGMENT_UNUSABLE);
    cpu.v.gpr[RAX] = DATA32;
    FAULTS(VECTOR_GP, DATA32, 0x0f, 0x00, 0xd0);
    cpu.v.gpr[RAX] = 0x0c;
    FAULTS(VECTOR_GP, 0x0c, 0x0f, 0x00, 0xd0);
    put_descriptor(GDT, FREE_SLOT, LDT, 7, 0x02, 0);
    cpu.v.gpr[RAX] = FREE_SLOT;
    FAULTS(VECTOR_NP, FREE_SLOT, 0x0f, 0x00, 0xd0);
    start(3, LDT_SELECTOR);
    FAULTS(VECTOR_GP, 0, 0x0f, 0x00, 0xd0);
    machine_real();
    UNDEFINED(0x0f, 0x00, 0xd0);
}

static void ltr_sets_busy(void **state)
{
    (void)state;
    start(0, TSS_SELECTOR);
    RUNS(0x0f, 0x00, 0xd8); /* ltr ax */
    expect_segment(SEG_TR, TSS_SELECTOR, TSS, 0x67, 0x8b);
    EXPECT_WRITES({GDT + TSS_SELECTOR + 4, 0x8b00, 4, CAUSE_DESCRIPTOR, 0});
    FAULTS(VECTOR_GP, TSS_SELECTOR, 0x0f, 0x00, 0xd8); /* busy */
    cpu.v.gpr[RAX] = 0;
    FAULTS(VECTOR_GP, 0, 0x0f, 0x00, 0xd8);
    put_descriptor(GDT, TSS_SELECTOR, TSS, 0x67, 0x09, 0);
    cpu.v.gpr[RAX] = TSS_SELECTOR;
    FAULTS(VECTOR_NP, TSS_SELECTOR, 0x0f, 0x00, 0xd8);
}

static void ltr_takes_16_bytes_in_64_bit_mode(void **state)
{
    (void)state;
    machine_long(0);
    poke(GDT + TSS_SELECTOR + 8, 0xffff8000, 4);
    cpu.v.gpr[RAX] = TSS_SELECTOR;
    RUNS(0x0f, 0x00, 0xd8);
    expect_segment(SEG_TR, TSS_SELECTOR, 0xffff800000000000 | TSS, 0x67, 0x8b);
    put_descriptor(GDT, FREE_SLOT, TSS, 0x67, 0x81, 0); /* a 16-bit TSS */
    cpu.v.gpr[RAX] = FREE_SLOT;
    FAULTS(VECTOR_GP, FREE_SLOT, 0x0f, 0x00, 0xd8);
}

static void pop_and_push_segment(void **state)
{
    (void)state;
    start(0, 0);
    poke(STACK0, 0xffff0000 | DATA16, 4);
    RUNS(0x1f); /* pop ds */
    expect_segment(SEG_DS, DATA16, 0x100, 0xffff, 0x93);
    assert_int_equal(cpu.v.gpr[RSP], STACK0 + 4);
    written.count = reads.count = 0;
    RUNS(0x1e); /* push ds: two bytes of the slot */
    EXPECT_WRITES({STACK0, DATA16, 2, CAUSE_INSTRUCTION, 0});
    assert_int_equal(cpu.v.gpr[RSP], STACK0);
    RUNS(0x66, 0x0f, 0xa8); /* push gs, 16 bits */
    EXPECT_WRITES({STACK0 - 2, DATA32, 2, CAUSE_INSTRUCTION, 0});
    assert_int_equal(cpu.v.gpr[RSP], STACK0 - 2);
}

static void pop_into_ss_counts_in_the_old_stack(void **state)
{
    (void)state;
    start(0, 0);
    poke(STACK0, DATA16, 4);
    RUNS(0x17); /* pop ss: a 16-bit stack from now on */
    expect_segment(SEG_SS, DATA16, 0x100, 0xffff, 0x93);
    assert_int_equal(cpu.v.gpr[RSP], STACK0 + 4);
    assert_true(cpu.shadow_is_mov_ss);
}

static void a_faulting_pop_leaves_the_stack_pointer(void **state)
{
    (void)state;
    start(0, 0);
    poke(STACK0, ABSENT_DATA, 4);
    FAULTS(VECTOR_NP, ABSENT_DATA, 0x0f, 0xa1); /* pop fs */
}

static void push_fs_in_64_bit_mode_moves_8(void **state)
{
    (void)state;
    machine_long(3);
    RUNS(0x0f, 0xa0);
    EXPECT_WRITES({STACK3 - 8, USER_DATA32, 8, CAUSE_INSTRUCTION, 0});
    poke(STACK3 - 8, 0, 8);
    RUNS(0x0f, 0xa1);
    expect_segment(SEG_FS, 0, 0, 0, SEGMENT_UNUSABLE);
    assert_int_equal(cpu.v.gpr[RSP], STACK3);
}

static void lds_loads_pointer_and_segment(void **state)
{
    (void)state;
    start(0, 0);
    poke(0x5000, 0x11223344, 4);
    poke(0x5004, DATA16, 2);
    RUNS(0xc5, 0x1d, 0x00, 0x50, 0, 0); /* lds ebx, [0x5000] */
    assert_int_equal(cpu.v.gpr[RBX], 0x11223344);
    expect_segment(SEG_DS, DATA16, 0x100, 0xffff, 0x93);
    cpu.v.gpr[RBX] = 0x5000 - 0x100;
    RUNS(0x0f, 0xb4, 0x0b); /* lfs ecx, [ebx], with DS's base */
    assert_int_equal(cpu.v.gpr[RCX], 0x11223344);
    poke(0x5004, ABSENT_DATA, 2);
    cpu.v.gpr[RSI] = 7;
    FAULTS(VECTOR_NP, ABSENT_DATA, 0x0f, 0xb5, 0x33); /* lgs esi, [ebx] */
    assert_int_equal(cpu.v.gpr[RSI], 7);
}

static void reads_come_in_bochss_order(void **state)
{
    (void)state;
    start(0, 0);
    poke(0x5004, DATA16, 2);
    RUNS(0x0f, 0xb4, 0x0d, 0x00, 0x50, 0, 0); /* lfs ecx, [0x5000] */
    EXPECT_READS({0x5004, DATA16, 2, CAUSE_INSTRUCTION, 0}, {0x5000, 0, 4, CAUSE_INSTRUCTION, 0},
                 {GDT + DATA16, peek(GDT + DATA16, 8) & ~(1ull << 40), 8, CAUSE_DESCRIPTOR, 0});
    RUNS(0x0f, 0x01, 0x1d, 0x00, 0x50, 0, 0); /* lidt [0x5000] */
    EXPECT_READS({0x5000, 0, 2, CAUSE_INSTRUCTION, 0}, {0x5002, DATA16 << 16, 4, CAUSE_INSTRUCTION, 0});
    poke(STACK0, 0, 4);
    RUNS(0x0f, 0xa1); /* pop fs */
    EXPECT_READS({STACK0, 0, 2, CAUSE_INSTRUCTION, 0});
    machine_long(0);
    RUNS(0x0f, 0x01, 0x1c, 0x25, 0x00, 0x50, 0, 0);
    EXPECT_READS({0x5002, 0, 8, CAUSE_INSTRUCTION, 0}, {0x5000, 0, 2, CAUSE_INSTRUCTION, 0});
}

static void vex_prefixes_are_no_lds(void **state)
{
    static const uint8_t vzeroupper[] = {0xc5, 0xf8, 0x77};
    struct insn insn;
    (void)state;
    for (enum code_size size = CODE_32; size <= CODE_64; size++) {
        assert_true(insn_decode(&insn, vzeroupper, sizeof vzeroupper, size));
        assert_false(sys_handles(&insn));
    }
}

static void mov_from_segment_widths(void **state)
{
    (void)state;
    start(0, 0);
    cpu.v.gpr[RAX] = 0xaabbccdd;
    RUNS(0x66, 0x8c, 0xd8); /* mov ax, ds */
    assert_int_equal(cpu.v.gpr[RAX], 0xaabb0000 | DATA32);
    RUNS(0x8c, 0xd8);
    assert_int_equal(cpu.v.gpr[RAX], DATA32);
    RUNS(0x8c, 0x1d, 0x00, 0x50, 0, 0); /* mov [0x5000], ds */
    EXPECT_WRITES({0x5000, DATA32, 2, CAUSE_INSTRUCTION, 0});
}

static void memory_operands_obey_segmentation(void **state)
{
    (void)state;
    start(0, DATA16);
    RUNS(MOV_DS);
    written.count = reads.count = 0;
    cpu.v.gpr[RBX] = 0xffff;
    FAULTS(VECTOR_GP, 0, 0x8c, 0x1b); /* mov [ebx], ds: the second byte lies behind the limit */
    cpu.v.gpr[RBX] = 0xfffe;
    RUNS(0x8c, 0x1b);
    EXPECT_WRITES({0x100fe, DATA16, 2, CAUSE_INSTRUCTION, 0});
    cpu.v.seg[SEG_SS] = cpu.v.seg[SEG_DS];
    cpu.v.gpr[RBP] = 0x20000;
    FAULTS(VECTOR_SS, 0, 0x8c, 0x5d, 0x00); /* mov [ebp], ds */
    FAULTS(VECTOR_GP, 0, 0x2e, 0x8c, 0x1b); /* mov cs:[ebx], ds: code is not written */
}

static void effective_addresses(void **state)
{
    (void)state;
    machine_long(0);
    cpu.v.gpr[RBX] = 0x5000;
    cpu.v.gpr[R9] = 0x10;
    RUNS(0x8c, 0x1d, 0x00, 0x01, 0, 0); /* mov [rip + 0x100], ds */
    EXPECT_WRITES({CODE + 6 + 0x100, DATA32, 2, CAUSE_INSTRUCTION, 0});
    RUNS(0x42, 0x8c, 0x5c, 0x8b, 0xf8); /* mov [rbx + r9 * 4 - 8], ds */
    EXPECT_WRITES({0x5038, DATA32, 2, CAUSE_INSTRUCTION, 0});
    cpu.v.seg[SEG_GS].base = 0x1000;
    RUNS(0x65, 0x8c, 0x1c, 0x25, 0x34, 0x12, 0, 0); /* mov gs:[0x1234], ds */
    EXPECT_WRITES({0x2234, DATA32, 2, CAUSE_INSTRUCTION, 0});
    cpu.v.gpr[RBX] = 0x100005000;
    RUNS(0x67, 0x8c, 0x1b); /* mov [ebx], ds */
    EXPECT_WRITES({0x5000, DATA32, 2, CAUSE_INSTRUCTION, 0});
    cpu.v.gpr[RBX] = 0x800000000000;
    FAULTS(VECTOR_GP, 0, 0x8c, 0x1b);
    cpu.v.gpr[RBP] = 0x800000000000;
    FAULTS(VECTOR_SS, 0, 0x8c, 0x5d, 0x00);
    machine_real();
    cpu.v.gpr[RBP] = 0xfff0;
    cpu.v.gpr[RDI] = 0x1030;
    RUNS(0x8c, 0x5b, 0xf0); /* mov [bp + di - 16], ds: 16 bits wrap */
    EXPECT_WRITES({0x1010, 0, 2, CAUSE_INSTRUCTION, 0});
    RUNS(0x8c, 0x1e, 0x34, 0x12); /* mov [0x1234], ds */
    EXPECT_WRITES({0x1234, 0, 2, CAUSE_INSTRUCTION, 0});
}

static void lgdt_and_sgdt(void **state)
{
    (void)state;
    start(0, 0);
    poke(0x5000, 0x1234, 2);
    poke(0x5002, 0xabcdef01, 4);
    RUNS(0x0f, 0x01, 0x15, 0x00, 0x50, 0, 0);
    assert_int_equal(cpu.v.gdtr.base, 0xabcdef01);
    assert_int_equal(cpu.v.gdtr.limit, 0x1234);
    RUNS(0x66, 0x0f, 0x01, 0x1d, 0x00, 0x50, 0, 0); /* lidt, 24 bits of base */
    assert_int_equal(cpu.v.idtr.base, 0xcdef01);
    RUNS(0x0f, 0x01, 0x05, 0x00, 0x60, 0, 0);
    EXPECT_WRITES({0x6000, 0x1234, 2, CAUSE_INSTRUCTION, 0}, {0x6002, 0xabcdef01, 4, CAUSE_INSTRUCTION, 0});
    start(3, 0);
    FAULTS(VECTOR_GP, 0, 0x0f, 0x01, 0x15, 0x00, 0x50, 0, 0);
    RUNS(0x0f, 0x01, 0x0d, 0x00, 0x60, 0, 0); /* sidt: anyone may, without UMIP */
    cpu.v.cr4 |= CR4_UMIP;
    FAULTS(VECTOR_GP, 0, 0x0f, 0x01, 0x0d, 0x00, 0x60, 0, 0);
}

static void lidt_takes_ten_bytes_in_64_bit_mode(void **state)
{
    (void)state;
    machine_long(0);
    poke(0x5000, 0xfff, 2);
    poke(0x5002, 0xffff800000001000, 8);
    RUNS(0x0f, 0x01, 0x1c, 0x25, 0x00, 0x50, 0, 0);
    assert_int_equal(cpu.v.idtr.base, 0xffff800000001000);
    poke(0x5002, 0x800000000000, 8);
    FAULTS(VECTOR_GP, 0, 0x0f, 0x01, 0x1c, 0x25, 0x00, 0x50, 0, 0);
    RUNS(0x0f, 0x01, 0x0c, 0x25, 0x00, 0x60, 0, 0);
    EXPECT_WRITES({0x6000, 0xfff, 2, CAUSE_INSTRUCTION, 0},
                  {0x6002, 0xffff800000001000, 8, CAUSE_INSTRUCTION, 0});
}

static void sldt_and_str(void **state)
{
    (void)state;
    start(3, 0);
    RUNS(0x0f, 0x00, 0xc9); /* str ecx */
    assert_int_equal(cpu.v.gpr[RCX], TSS_SELECTOR);
    RUNS(0x0f, 0x00, 0x05, 0x00, 0x60, 0, 0); /* sldt [0x6000] */
    EXPECT_WRITES({0x6000, 0, 2, CAUSE_INSTRUCTION, 0});
    cpu.v.cr4 |= CR4_UMIP;
    FAULTS(VECTOR_GP, 0, 0x0f, 0x00, 0xc9);
    machine_real();
    UNDEFINED(0x0f, 0x00, 0xc9);
}

/* LAR, LSL, VERR, VERW of one selector: what each says. */
static void looking_at_descriptors(void **state)
{
    static const struct {
        unsigned cpl;
        uint16_t selector;
        bool lar, lsl, verr, verw;
        uint32_t rights, limit;
    } cases[] = {
        {0, 0, false, false, false, false, 0, 0},
        {0, 0xa0, false, false, false, false, 0, 0}, /* outside */
        {0, CODE32, true, true, true, false, 0xc09a00, 0xffffffff},
        {0, EXECUTE_ONLY, true, true, false, false, 0xc09800, 0xffffffff},
        {0, DATA16, true, true, true, true, 0x009200, 0xffff},
        {0, READ_ONLY, true, true, true, false, 0xc09000, 0xffffffff},
        {3, DATA32, false, false, false, false, 0, 0},
        {3, CONFORMING, true, true, true, false, 0xc09e00, 0xffffffff},
        {0, DATA32 | 3, false, false, false, false, 0, 0}, /* RPL counts */
        {0, ABSENT_DATA, true, true, true, true, 0xc01200, 0xffffffff},
        {0, TSS_SELECTOR, true, true, false, false, 0x008900, 0x67},
        {0, FREE_SLOT, true, false, false, false, 0x008c00, 0}, /* a call gate has no limit */
    };
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        start(cases[n].cpl, cases[n].selector);
        put_gate(GDT + FREE_SLOT, CODE32, 0, 0x8c, 0, false);
        cpu.v.gpr[RCX] = cpu.v.gpr[RDX] = 0x55;
        RUNS(0x0f, 0x02, 0xc8); /* lar ecx, ax */
        expect_zero_flag(cases[n].lar);
        /* Bits 19:16 are undefined. */
        assert_int_equal(cpu.v.gpr[RCX] & ~0xf0000ull, cases[n].lar ? cases[n].rights : 0x55);
        RUNS(0x0f, 0x03, 0xd0); /* lsl edx, ax */
        expect_zero_flag(cases[n].lsl);
        assert_int_equal(cpu.v.gpr[RDX], cases[n].lsl ? cases[n].limit : 0x55);
        RUNS(0x0f, 0x00, 0xe0); /* verr ax */
        expect_zero_flag(cases[n].verr);
        RUNS(0x0f, 0x00, 0xe8); /* verw ax */
        expect_zero_flag(cases[n].verw);
        expect_no_writes();
    }
}

static void lar_knows_fewer_types_in_ia32e_mode(void **state)
{
    (void)state;
    machine_long(0);
    put_descriptor(GDT, FREE_SLOT, TSS, 0x2b, 0x81, 0);
    cpu.v.gpr[RAX] = FREE_SLOT;
    RUNS(0x0f, 0x02, 0xc8);
    expect_zero_flag(false);
    machine_real();
    UNDEFINED(0x0f, 0x02, 0xc8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_mode_changes_the_base_alone),
        cmocka_unit_test(a_load_sets_the_accessed_bit_in_memory),
        cmocka_unit_test(granular_limits_count_in_pages),
        cmocka_unit_test(a_null_data_segment_is_unusable),
        cmocka_unit_test(data_segment_faults),
        cmocka_unit_test(conforming_code_may_be_read_from_anywhere),
        cmocka_unit_test(stack_segment_faults),
        cmocka_unit_test(mov_ss_shadows_the_next_instruction),
        cmocka_unit_test(mov_to_cs_is_undefined),
        cmocka_unit_test(null_ss_is_for_64_bit_code_below_level_3),
        cmocka_unit_test(descriptors_are_found_in_the_ldt),
        cmocka_unit_test(lldt_checks),
        cmocka_unit_test(ltr_sets_busy),
        cmocka_unit_test(ltr_takes_16_bytes_in_64_bit_mode),
        cmocka_unit_test(pop_and_push_segment),
        cmocka_unit_test(pop_into_ss_counts_in_the_old_stack),
        cmocka_unit_test(a_faulting_pop_leaves_the_stack_pointer),
        cmocka_unit_test(push_fs_in_64_bit_mode_moves_8),
        cmocka_unit_test(lds_loads_pointer_and_segment),
        cmocka_unit_test(reads_come_in_bochss_order),
        cmocka_unit_test(vex_prefixes_are_no_lds),
        cmocka_unit_test(mov_from_segment_widths),
        cmocka_unit_test(memory_operands_obey_segmentation),
        cmocka_unit_test(effective_addresses),
        cmocka_unit_test(lgdt_and_sgdt),
        cmocka_unit_test(lidt_takes_ten_bytes_in_64_bit_mode),
        cmocka_unit_test(sldt_and_str),
        cmocka_unit_test(looking_at_descriptors),
        cmocka_unit_test(lar_knows_fewer_types_in_ia32e_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
