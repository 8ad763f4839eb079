/* SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS and the FS and GS bases: SDM Vol. 2B, Vol. 3A 5.8.7 and 5.8.8.
 */
#include "dbt_machine.h"

static void expect_segment(unsigned segment, uint16_t selector, uint32_t access)
{
    const struct segment *s = &cpu.v.seg[segment];
    if (s->selector != selector || s->base || s->limit != 0xffffffff || s->access != access)
        fail_msg("segment %u: expected flat 0x%x access 0x%x, got 0x%x base 0x%lx limit 0x%x access 0x%x",
                 segment, selector, access, s->selector, s->base, s->limit, s->access);
}

static void syscall_enters_level_0(void **state)
{
    (void)state;
    machine_long(3);
    cpu.star = 0x0023001000000000;
    cpu.lstar = 0xffffffff81000000;
    cpu.fmask = RFLAGS_IF | RFLAGS_TF | RFLAGS_AC;
    cpu.v.rflags = RFLAGS_ONE | RFLAGS_IF | RFLAGS_AC | RFLAGS_RF | RFLAGS_ZF;
    RUNS(0x0f, 0x05);
    assert_int_equal(cpu.v.rip, 0xffffffff81000000);
    assert_int_equal(cpu.v.gpr[RCX], CODE + 2);
    assert_int_equal(cpu.v.gpr[R11], RFLAGS_ONE | RFLAGS_IF | RFLAGS_AC | RFLAGS_ZF);
    assert_int_equal(cpu.v.rflags, RFLAGS_ONE | RFLAGS_ZF);
    expect_segment(SEG_CS, 0x10, 0xa09b);
    expect_segment(SEG_SS, 0x18, 0xc093);
    assert_int_equal(dbt_cpl(&cpu), 0);
    assert_int_equal(cpu.v.gpr[RSP], STACK3);
    expect_no_writes();
    assert_true(mode_changes > 0);
}

static void syscall_needs_sce_and_64_bit_code(void **state)
{
    (void)state;
    machine_long(3);
    cpu.v.efer &= ~EFER_SCE;
    UNDEFINED(0x0f, 0x05);
    machine_long(0);
    cpu.v.efer &= ~EFER_SCE;
    UNDEFINED(0x48, 0x0f, 0x07);
}

static void sysret_to_64_bit_code(void **state)
{
    (void)state;
    machine_long(0);
    cpu.star = 0x0020001000000000;
    cpu.v.gpr[RCX] = 0x7fffffffe000;
    cpu.v.gpr[R11] = 0xffffffff;
    RUNS(0x48, 0x0f, 0x07);
    assert_int_equal(cpu.v.rip, 0x7fffffffe000);
    assert_int_equal(cpu.v.rflags, 0x3c7fd7);
    expect_segment(SEG_CS, 0x33, 0xa0fb);
    expect_segment(SEG_SS, 0x2b, 0xc0f3);
    assert_int_equal(dbt_cpl(&cpu), 3);
}

static void sysret_to_compatibility_mode(void **state)
{
    (void)state;
    machine_long(0);
    cpu.star = 0x0020001000000000;
    cpu.v.gpr[RCX] = 0x100001234;
    RUNS(0x0f, 0x07);
    assert_int_equal(cpu.v.rip, 0x1234);
    expect_segment(SEG_CS, 0x23, 0xc0fb);
    expect_segment(SEG_SS, 0x2b, 0xc0f3);
    assert_int_equal(cpu.v.rflags, RFLAGS_ONE);
    assert_int_equal(sys_code_size(&cpu), CODE_32);
}

static void sysret_faults(void **state)
{
    (void)state;
    machine_long(3);
    FAULTS(VECTOR_GP, 0, 0x48, 0x0f, 0x07);
    machine_long(0);
    cpu.v.gpr[RCX] = 0x800000000000;
    FAULTS(VECTOR_GP, 0, 0x48, 0x0f, 0x07);
}

static void sysenter_in_protected_mode(void **state)
{
    (void)state;
    machine_protected(3);
    cpu.sysenter_cs = 0x63;
    cpu.sysenter_esp = 0x10000a000;
    cpu.sysenter_eip = 0x100005678;
    cpu.v.rflags |= RFLAGS_IF;
    RUNS(0x0f, 0x34);
    assert_int_equal(cpu.v.rip, 0x5678);
    assert_int_equal(cpu.v.gpr[RSP], 0xa000);
    assert_int_equal(cpu.v.rflags, RFLAGS_ONE);
    expect_segment(SEG_CS, 0x60, 0xc09b);
    expect_segment(SEG_SS, 0x68, 0xc093);
    cpu.v.gpr[RDX] = 0x1111;
    cpu.v.gpr[RCX] = 0x2222;
    RUNS(0x0f, 0x35);
    assert_int_equal(cpu.v.rip, 0x1111);
    assert_int_equal(cpu.v.gpr[RSP], 0x2222);
    expect_segment(SEG_CS, 0x73, 0xc0fb);
    expect_segment(SEG_SS, 0x7b, 0xc0f3);
}

static void sysenter_and_sysexit_in_ia32e_mode(void **state)
{
    (void)state;
    machine_long(3);
    cpu.sysenter_cs = 0x10;
    cpu.sysenter_esp = 0xffff80000000a000;
    cpu.sysenter_eip = 0xffff800000005678;
    RUNS(0x0f, 0x34);
    assert_int_equal(cpu.v.rip, 0xffff800000005678);
    assert_int_equal(cpu.v.gpr[RSP], 0xffff80000000a000);
    expect_segment(SEG_CS, 0x10, 0xa09b);
    expect_segment(SEG_SS, 0x18, 0xc093);
    cpu.v.gpr[RDX] = 0x7fff00001111;
    cpu.v.gpr[RCX] = 0x7fff00002222;
    RUNS(0x48, 0x0f, 0x35);
    assert_int_equal(cpu.v.rip, 0x7fff00001111);
    expect_segment(SEG_CS, 0x33, 0xa0fb);
    expect_segment(SEG_SS, 0x3b, 0xc0f3);
}

static void sysenter_and_sysexit_faults(void **state)
{
    (void)state;
    machine_protected(3);
    cpu.sysenter_cs = 3;
    FAULTS(VECTOR_GP, 0, 0x0f, 0x34);
    cpu.sysenter_cs = 0x10;
    FAULTS(VECTOR_GP, 0, 0x0f, 0x35); /* level 3 */
    machine_protected(0);
    FAULTS(VECTOR_GP, 0, 0x0f, 0x35); /* no CS */
    machine_real();
    cpu.sysenter_cs = 0x10;
    FAULTS(VECTOR_GP, 0, 0x0f, 0x34);
    machine_long(0);
    cpu.sysenter_cs = 0x10;
    cpu.v.gpr[RDX] = 0x800000000000;
    FAULTS(VECTOR_GP, 0, 0x48, 0x0f, 0x35);
}

static void swapgs_swaps(void **state)
{
    (void)state;
    machine_long(0);
    cpu.v.seg[SEG_GS].base = 0x1111;
    cpu.kernel_gs_base = 0xffff800000002222;
    RUNS(0x0f, 0x01, 0xf8);
    assert_int_equal(cpu.v.seg[SEG_GS].base, 0xffff800000002222);
    assert_int_equal(cpu.kernel_gs_base, 0x1111);
    assert_int_equal(mode_changes, 1);
    machine_long(3);
    FAULTS(VECTOR_GP, 0, 0x0f, 0x01, 0xf8);
}

static void fs_and_gs_base_instructions(void **state)
{
    (void)state;
    machine_long(3);
    UNDEFINED(0xf3, 0x48, 0x0f, 0xae, 0xc0);
    cpu.v.cr4 |= CR4_FSGSBASE;
    cpu.v.seg[SEG_FS].base = 0x7fff12345678;
    RUNS(0xf3, 0x48, 0x0f, 0xae, 0xc0); /* rdfsbase rax */
    assert_int_equal(cpu.v.gpr[RAX], 0x7fff12345678);
    RUNS(0xf3, 0x0f, 0xae, 0xc1); /* rdfsbase ecx */
    assert_int_equal(cpu.v.gpr[RCX], 0x12345678);
    cpu.v.gpr[R9] = 0xffff800000001000;
    RUNS(0xf3, 0x49, 0x0f, 0xae, 0xd9); /* wrgsbase r9 */
    assert_int_equal(cpu.v.seg[SEG_GS].base, 0xffff800000001000);
    cpu.v.gpr[R9] = 0x800000000000;
    FAULTS(VECTOR_GP, 0, 0xf3, 0x49, 0x0f, 0xae, 0xd1); /* wrfsbase r9 */
    cpu.v.seg[SEG_GS].base = 0x4321;
    RUNS(0xf3, 0x48, 0x0f, 0xae, 0xcb); /* rdgsbase rbx */
    assert_int_equal(cpu.v.gpr[RBX], 0x4321);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syscall_enters_level_0),
        cmocka_unit_test(syscall_needs_sce_and_64_bit_code),
        cmocka_unit_test(sysret_to_64_bit_code),
        cmocka_unit_test(sysret_to_compatibility_mode),
        cmocka_unit_test(sysret_faults),
        cmocka_unit_test(sysenter_in_protected_mode),
        cmocka_unit_test(sysenter_and_sysexit_in_ia32e_mode),
        cmocka_unit_test(sysenter_and_sysexit_faults),
        cmocka_unit_test(swapgs_swaps),
        cmocka_unit_test(fs_and_gs_base_instructions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
