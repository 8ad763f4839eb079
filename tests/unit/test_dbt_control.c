/* Control and debug registers, MSRs, flags and what depends on IOPL: SDM Vol. 2 and Vol. 3A, 2.5, 9.8.5. */
#include "dbt/sys/parts.h"
#include "dbt_machine.h"
#include "x86/debug.h"

#define MOV_CR0 0x0f, 0x22, 0xc0 /* mov crN, eax */
#define MOV_CR3 0x0f, 0x22, 0xd8
#define MOV_CR4 0x0f, 0x22, 0xe0

static void set_rax(uint64_t v)
{
    cpu.v.gpr[RAX] = v;
}

static void msr(uint32_t number, uint64_t value)
{
    cpu.v.gpr[RCX] = number;
    cpu.v.gpr[RAX] = (uint32_t)value;
    cpu.v.gpr[RDX] = value >> 32;
}

/* ---- MOV CR0 ---- */

static void cr0_keeps_et_and_ignores_reserved_bits(void **state)
{
    (void)state;
    machine_protected(0);
    set_rax(CR0_PE | CR0_NE | 1 << 7 | 1 << 20);
    RUNS(MOV_CR0);
    assert_int_equal(cpu.v.cr0, CR0_PE | CR0_NE | CR0_ET);
    RUNS(0x0f, 0x20, 0xc1); /* mov ecx, cr0 */
    assert_int_equal(cpu.v.gpr[RCX], CR0_PE | CR0_NE | CR0_ET);
    assert_int_equal(flushes, 0);
    assert_true(mode_changes > 0);
}

static void cr0_invalid_combinations(void **state)
{
    (void)state;
    machine_protected(0);
    set_rax(CR0_PG);
    FAULTS(VECTOR_GP, 0, MOV_CR0);
    set_rax(CR0_PE | CR0_NW);
    FAULTS(VECTOR_GP, 0, MOV_CR0);
    machine_long(0);
    set_rax(cpu.v.cr0 | 1ull << 32);
    FAULTS(VECTOR_GP, 0, MOV_CR0);
}

static void cr0_is_for_level_0(void **state)
{
    (void)state;
    machine_protected(3);
    FAULTS(VECTOR_GP, 0, MOV_CR0);
    FAULTS(VECTOR_GP, 0, 0x0f, 0x20, 0xc0);
    FAULTS(VECTOR_GP, 0, 0x0f, 0x06);       /* clts */
    FAULTS(VECTOR_GP, 0, 0x0f, 0x01, 0xf0); /* lmsw ax */
    FAULTS(VECTOR_GP, 0, 0xf4);
    FAULTS(VECTOR_GP, 0, 0x0f, 0x09);       /* wbinvd */
    FAULTS(VECTOR_GP, 0, 0x0f, 0x32);       /* rdmsr */
    FAULTS(VECTOR_GP, 0, 0x0f, 0x01, 0x38); /* invlpg [eax] */
}

static void turning_paging_on_flushes(void **state)
{
    (void)state;
    machine_protected(0);
    set_rax(CR0_PE | CR0_PG);
    RUNS(MOV_CR0);
    assert_int_equal(global_flushes, 1);
    assert_false(cpu.v.efer & EFER_LMA);
    set_rax(CR0_PE | CR0_PG | CR0_WP);
    RUNS(MOV_CR0);
    assert_int_equal(global_flushes, 2);
    set_rax(CR0_PE);
    RUNS(MOV_CR0);
    assert_int_equal(global_flushes, 3);
}

static void paging_with_lme_enters_ia32e_mode(void **state)
{
    (void)state;
    machine_protected(0);
    cpu.v.efer = EFER_LME;
    set_rax(CR0_PE | CR0_PG);
    FAULTS(VECTOR_GP, 0, MOV_CR0); /* without PAE */
    cpu.v.cr4 = CR4_PAE;
    cpu.v.seg[SEG_CS].access |= SEGMENT_L;
    FAULTS(VECTOR_GP, 0, MOV_CR0); /* from a segment with L */
    cpu.v.seg[SEG_CS].access &= ~SEGMENT_L;
    cpu.v.seg[SEG_TR].access = 0x83;
    FAULTS(VECTOR_GP, 0, MOV_CR0); /* with a 16-bit TSS */
    cpu.v.seg[SEG_TR].access = 0x8b;
    RUNS(MOV_CR0);
    assert_int_equal(cpu.v.efer, EFER_LME | EFER_LMA);
    assert_int_equal(sys_code_size(&cpu), CODE_32); /* compatibility mode */
    set_rax(CR0_PE);
    RUNS(MOV_CR0);
    assert_int_equal(cpu.v.efer, EFER_LME);
}

static void paging_cannot_be_left_in_64_bit_mode(void **state)
{
    (void)state;
    machine_long(0);
    set_rax(CR0_PE);
    FAULTS(VECTOR_GP, 0, MOV_CR0);
}

static void pae_paging_loads_the_pdptes(void **state)
{
    (void)state;
    machine_protected(0);
    cpu.v.cr4 = CR4_PAE;
    cpu.v.cr3 = TABLES;
    poke(TABLES + 8, 0x5001, 8);
    set_rax(CR0_PE | CR0_PG);
    RUNS(MOV_CR0);
    assert_int_equal(cpu.pdpte[1], 0x5001);
    poke(TABLES + 0x28, 0x6003, 8);
    poke(0, 1, 8);
    set_rax(TABLES + 0x20);
    FAULTS(VECTOR_GP, 0, MOV_CR3);
    assert_int_equal(cpu.v.cr3, TABLES);
    assert_int_equal(cpu.pdpte[1], 0x5001);
}

static void lmsw_sets_but_never_clears_pe(void **state)
{
    (void)state;
    machine_protected(0);
    set_rax(0xfff0 | CR0_TS);
    RUNS(0x0f, 0x01, 0xf0);
    assert_int_equal(cpu.v.cr0, CR0_PE | CR0_ET | CR0_TS);
    RUNS(0x0f, 0x06);
    assert_int_equal(cpu.v.cr0, CR0_PE | CR0_ET);
    machine_real();
    set_rax(CR0_PE | CR0_MP);
    RUNS(0x0f, 0x01, 0xf0);
    assert_int_equal(cpu.v.cr0, CR0_PE | CR0_MP | CR0_ET);
}

static void smsw_widths_and_umip(void **state)
{
    (void)state;
    machine_protected(3);
    cpu.v.cr0 |= CR0_PG | CR0_WP;
    cpu.v.gpr[RAX] = UINT64_MAX;
    poke(TABLES, 0, 4);
    RUNS(0x0f, 0x01, 0xe0); /* smsw eax */
    assert_int_equal(cpu.v.gpr[RAX], CR0_PE | CR0_ET | CR0_PG | CR0_WP);
    cpu.v.gpr[RAX] = 0xaaaa5555;
    RUNS(0x66, 0x0f, 0x01, 0xe0); /* smsw ax */
    assert_int_equal(cpu.v.gpr[RAX], 0xaaaa0000 | CR0_PE | CR0_ET);
    cpu.v.cr4 |= CR4_UMIP;
    FAULTS(VECTOR_GP, 0, 0x0f, 0x01, 0xe0);
}

/* ---- CR3, CR4, CR8, the TLB ---- */

static void cr3_flushes_all_but_global_pages(void **state)
{
    (void)state;
    machine_long(0);
    set_rax(TABLES | 0x18);
    RUNS(MOV_CR3);
    assert_int_equal(cpu.v.cr3, TABLES | 0x18);
    assert_int_equal(flushes, 1);
    assert_int_equal(global_flushes, 0);
    set_rax(1ull << 40);
    FAULTS(VECTOR_GP, 0, MOV_CR3); /* above MAXPHYADDR */
    set_rax(TABLES | 1ull << 63);
    FAULTS(VECTOR_GP, 0, MOV_CR3); /* without PCIDE */
    cpu.v.cr4 |= CR4_PCIDE;
    set_rax(TABLES | 1ull << 63 | 7);
    RUNS(MOV_CR3);
    assert_int_equal(cpu.v.cr3, TABLES | 7);
}

static void cr4_checks(void **state)
{
    (void)state;
    machine_long(0);
    set_rax(CR4_PAE | CR4_VMXE);
    FAULTS(VECTOR_GP, 0, MOV_CR4); /* not allowed */
    set_rax(0);
    FAULTS(VECTOR_GP, 0, MOV_CR4); /* PAE is needed */
    set_rax(CR4_PAE | CR4_LA57);
    FAULTS(VECTOR_GP, 0, MOV_CR4);
    cpu.v.cr3 = TABLES | 8;
    set_rax(CR4_PAE | CR4_PCIDE);
    FAULTS(VECTOR_GP, 0, MOV_CR4); /* with a PCID that is not 0 */
    cpu.v.cr3 = TABLES;
    RUNS(MOV_CR4);
    assert_int_equal(global_flushes, 1);
    set_rax(CR4_PAE | CR4_PCIDE | CR4_OSFXSR);
    RUNS(MOV_CR4);
    assert_int_equal(flushes, 1);
    machine_protected(0);
    set_rax(CR4_PCIDE);
    FAULTS(VECTOR_GP, 0, MOV_CR4); /* outside IA-32e mode */
}

static void cr8_is_the_task_priority(void **state)
{
    (void)state;
    machine_long(0);
    set_rax(9);
    RUNS(0x44, 0x0f, 0x22, 0xc0); /* mov cr8, rax */
    assert_int_equal(cpu.v.cr8, 9);
    set_rax(16);
    FAULTS(VECTOR_GP, 0, 0x44, 0x0f, 0x22, 0xc0);
    RUNS(0x45, 0x0f, 0x20, 0xc1); /* mov r9, cr8 */
    assert_int_equal(cpu.v.gpr[R9], 9);
}

static void cr2_holds_64_bits(void **state)
{
    (void)state;
    machine_long(0);
    set_rax(0x123456789abcdef0);
    RUNS(0x0f, 0x22, 0xd0);
    RUNS(0x0f, 0x20, 0xd3); /* mov rbx, cr2 */
    assert_int_equal(cpu.v.gpr[RBX], 0x123456789abcdef0);
}

static void invlpg_names_a_linear_address(void **state)
{
    (void)state;
    machine_protected(0);
    cpu.v.seg[SEG_DS].base = 0x1000;
    cpu.v.gpr[RBX] = 0x5234;
    RUNS(0x0f, 0x01, 0x7b, 0x10); /* invlpg [ebx + 16] */
    assert_int_equal(page_flushes, 1);
    assert_int_equal(flushed_page, 0x6244);
    machine_long(0);
    cpu.v.gpr[RBX] = 0x800000000000;
    RUNS(0x0f, 0x01, 0x3b);
    assert_int_equal(page_flushes, 0);
}

static void invpcid_types(void **state)
{
    (void)state;
    machine_long(0);
    poke(0x5000, 0, 8);
    poke(0x5008, 0x1234000, 8);
    cpu.v.gpr[RBX] = 0x5000;
    set_rax(0);
    RUNS(0x66, 0x0f, 0x38, 0x82, 0x03); /* invpcid rax, [rbx] */
    assert_int_equal(flushed_page, 0x1234000);
    set_rax(2);
    RUNS(0x66, 0x0f, 0x38, 0x82, 0x03);
    assert_int_equal(global_flushes, 1);
    set_rax(3);
    RUNS(0x66, 0x0f, 0x38, 0x82, 0x03);
    assert_int_equal(global_flushes, 1);
    assert_int_equal(flushes, 2);
    set_rax(4);
    FAULTS(VECTOR_GP, 0, 0x66, 0x0f, 0x38, 0x82, 0x03);
    set_rax(1);
    poke(0x5000, 5, 8);
    FAULTS(VECTOR_GP, 0, 0x66, 0x0f, 0x38, 0x82, 0x03); /* a PCID without PCIDE */
    poke(0x5000, 0x1000, 8);
    set_rax(3);
    FAULTS(VECTOR_GP, 0, 0x66, 0x0f, 0x38, 0x82, 0x03); /* reserved bits */
}

/* ---- DRn ---- */

static void debug_registers(void **state)
{
    (void)state;
    machine_protected(0);
    set_rax(0x1234);
    RUNS(0x0f, 0x23, 0xd8); /* mov dr3, eax */
    assert_int_equal(cpu.v.dr[3], 0x1234);
    set_rax(0);
    RUNS(0x0f, 0x23, 0xf0); /* mov dr6, eax */
    assert_int_equal(cpu.v.dr6, 0xffff0ff0);
    set_rax(0xffff);
    RUNS(0x0f, 0x23, 0xe8); /* mov dr5, eax: DR7's other name */
    assert_int_equal(cpu.v.dr7, 0x27ff);
    cpu.v.dr7 = 0x400;
    RUNS(0x0f, 0x21, 0xe1); /* mov ecx, dr4 */
    assert_int_equal(cpu.v.gpr[RCX], 0xffff0ff0);
    cpu.v.cr4 |= CR4_DE;
    UNDEFINED(0x0f, 0x21, 0xe1);
    cpu.v.dr7 |= DR7_GD;
    expect_fault(EXECUTE(0x0f, 0x21, 0xc0), VECTOR_DB, false, 0);
    assert_true(cpu.v.dr6 & DR6_BD);
    machine_protected(3);
    FAULTS(VECTOR_GP, 0, 0x0f, 0x21, 0xc0);
    machine_long(0);
    set_rax(1ull << 32);
    FAULTS(VECTOR_GP, 0, 0x0f, 0x23, 0xf8); /* mov dr7, rax */
}

/* ---- MSRs ---- */

static void msrs_of_the_engine_read_back(void **state)
{
    static const uint32_t numbers[] = {IA32_SYSENTER_CS, IA32_SYSENTER_ESP,   IA32_SYSENTER_EIP,
                                       IA32_STAR,        IA32_LSTAR,          IA32_CSTAR,
                                       IA32_FS_BASE,     IA32_KERNEL_GS_BASE, IA32_GS_BASE};
    (void)state;
    machine_long(0);
    for (unsigned n = 0; n < ARRAY_SIZE(numbers); n++) {
        msr(numbers[n], 0x7fff00000000 | n);
        RUNS(0x0f, 0x30);
    }
    for (unsigned n = 0; n < ARRAY_SIZE(numbers); n++) {
        msr(numbers[n], 0);
        RUNS(0x0f, 0x32);
        assert_int_equal(cpu.v.gpr[RAX], n);
        assert_int_equal(cpu.v.gpr[RDX], 0x7fff);
    }
    assert_int_equal(cpu.v.seg[SEG_GS].base, 0x7fff00000008);
}

static void msr_values_are_checked(void **state)
{
    static const struct {
        uint32_t msr;
        uint64_t value;
    } cases[] = {
        {IA32_LSTAR, 0x800000000000},
        {IA32_CSTAR, 0x800000000000},
        {IA32_FS_BASE, 0x800000000000},
        {IA32_GS_BASE, 1ull << 63},
        {IA32_KERNEL_GS_BASE, 1ull << 63},
        {IA32_SYSENTER_EIP, 1ull << 63},
        {IA32_SYSENTER_ESP, 1ull << 63},
        {IA32_FMASK, 1ull << 32},
        {IA32_TSC_AUX, 1ull << 32},
        {IA32_PAT, 0x0007040600070402},
        {IA32_PAT, 0x0800000000000000},
        {IA32_EFER, 1ull << 12},
        {0x99999, 0},
    };
    (void)state;
    machine_long(0);
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        msr(cases[n].msr, cases[n].value);
        FAULTS(VECTOR_GP, 0, 0x0f, 0x30);
    }
    msr(IA32_PAT, 0x0007040600070406);
    RUNS(0x0f, 0x30);
    assert_int_equal(cpu.pat, 0x0007040600070406);
}

static void efer_lme_is_fixed_while_paging(void **state)
{
    (void)state;
    machine_long(0);
    msr(IA32_EFER, EFER_SCE | EFER_NXE);
    FAULTS(VECTOR_GP, 0, 0x0f, 0x30);
    msr(IA32_EFER, EFER_LME | EFER_SCE); /* LMA is not written */
    RUNS(0x0f, 0x30);
    assert_int_equal(cpu.v.efer, EFER_LME | EFER_LMA | EFER_SCE);
    assert_int_equal(global_flushes, 1); /* NXE changed */
    machine_protected(0);
    msr(IA32_EFER, EFER_LME | EFER_LMA);
    RUNS(0x0f, 0x30);
    assert_int_equal(cpu.v.efer, EFER_LME);
}

static void other_msrs_are_the_cores(void **state)
{
    (void)state;
    machine_protected(0);
    msr(CORE_MSR, 0);
    RUNS(0x0f, 0x32);
    assert_int_equal(cpu.v.gpr[RAX], 0x55667788);
    assert_int_equal(cpu.v.gpr[RDX], 0x11223344);
    cpu.v.gpr[RCX] = CORE_MSR;
    RUNS(0x0f, 0x30);
    msr(0x99999, 0);
    FAULTS(VECTOR_GP, 0, 0x0f, 0x32);
}

static void xcr0(void **state)
{
    static const uint64_t invalid[] = {0, 2, 5, 0x27, 0xc7, 0x207, 0xe3};
    (void)state;
    machine_protected(0);
    UNDEFINED(0x0f, 0x01, 0xd0);
    UNDEFINED(0x0f, 0x01, 0xd1);
    cpu.v.cr4 |= CR4_OSXSAVE;
    msr(0, 0xe7);
    RUNS(0x0f, 0x01, 0xd1);
    assert_int_equal(cpu.v.xcr0, 0xe7);
    for (unsigned n = 0; n < ARRAY_SIZE(invalid); n++) {
        msr(0, invalid[n]);
        FAULTS(VECTOR_GP, 0, 0x0f, 0x01, 0xd1);
    }
    msr(1, 7);
    FAULTS(VECTOR_GP, 0, 0x0f, 0x01, 0xd1);
    msr(0, 0);
    RUNS(0x0f, 0x01, 0xd0);
    assert_int_equal(cpu.v.gpr[RAX], 0xe7);
    msr(2, 0);
    FAULTS(VECTOR_GP, 0, 0x0f, 0x01, 0xd0);
}

static void cpuid_and_time_stamps(void **state)
{
    (void)state;
    machine_long(3);
    RUNS(0x0f, 0xa2);
    assert_int_equal(cpu.v.gpr[RBX], 0x1d);
    cpu.tsc_aux = 5;
    RUNS(0x0f, 0x01, 0xf9); /* rdtscp */
    assert_int_equal(cpu.v.gpr[RAX], 0x66554433);
    assert_int_equal(cpu.v.gpr[RDX], 0x998877);
    assert_int_equal(cpu.v.gpr[RCX], 5);
    cpu.has |= 1u << HAS_RDPID;
    RUNS(0xf3, 0x41, 0x0f, 0xc7, 0xf8); /* rdpid r8 */
    assert_int_equal(cpu.v.gpr[R8], 5);
    cpu.v.cr4 |= CR4_TSD;
    FAULTS(VECTOR_GP, 0, 0x0f, 0x31);
    FAULTS(VECTOR_GP, 0, 0x0f, 0x33); /* rdpmc */
    machine_long(0);
    cpu.v.cr4 |= CR4_TSD;
    RUNS(0x0f, 0x31);
}

/* ---- flags ---- */

static void sti_shadows_only_when_interrupts_were_off(void **state)
{
    (void)state;
    machine_protected(0);
    RUNS(0xfb);
    assert_true(cpu.v.rflags & RFLAGS_IF);
    assert_true(cpu.interrupt_shadow);
    assert_false(cpu.shadow_is_mov_ss);
    RUNS(0xfb);
    assert_false(cpu.interrupt_shadow);
    RUNS(0xfa);
    assert_false(cpu.v.rflags & RFLAGS_IF);
}

static void cli_and_sti_need_iopl(void **state)
{
    (void)state;
    machine_protected(3);
    FAULTS(VECTOR_GP, 0, 0xfa);
    FAULTS(VECTOR_GP, 0, 0xfb);
    cpu.v.rflags |= RFLAGS_IOPL;
    RUNS(0xfb);
    RUNS(0xfa);
}

static void popf_by_privilege(void **state)
{
    static const struct {
        unsigned cpl;
        uint64_t before, popped, after;
    } cases[] = {
        {0, 0, 0xffffffff, 0x247fd7}, /* not RF, VM, VIF, VIP */
        {0, RFLAGS_IOPL | RFLAGS_IF, 0, 0x2}, {0, RFLAGS_VIF | RFLAGS_VIP, 0, 0x180002},
        {3, 0, 0xffffffff, 0x244dd7}, /* nor IOPL, IF */
        {3, RFLAGS_IOPL, RFLAGS_IF, 0x3202},  {3, RFLAGS_IF, 0, 0x202},
    };
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        machine_protected(cases[n].cpl);
        cpu.v.rflags |= cases[n].before;
        poke(cpu.v.gpr[RSP], cases[n].popped, 4);
        RUNS(0x9d);
        if (cpu.v.rflags != cases[n].after)
            fail_msg("case %u: expected 0x%lx, got 0x%lx", n, cases[n].after, cpu.v.rflags);
    }
}

static void popf_16_bits(void **state)
{
    (void)state;
    machine_protected(0);
    cpu.v.rflags |= RFLAGS_AC | RFLAGS_ID;
    poke(STACK0, 0, 4);
    RUNS(0x66, 0x9d);
    assert_int_equal(cpu.v.rflags, RFLAGS_ONE | RFLAGS_AC | RFLAGS_ID);
    assert_int_equal(cpu.v.gpr[RSP], STACK0 + 2);
}

static void pushf_hides_vm_and_rf(void **state)
{
    (void)state;
    machine_long(3);
    cpu.v.rflags |= RFLAGS_RF | RFLAGS_AC;
    RUNS(0x9c);
    EXPECT_WRITES({STACK3 - 8, RFLAGS_ONE | RFLAGS_AC, 8, CAUSE_INSTRUCTION, 0});
    RUNS(0x66, 0x9c);
    EXPECT_WRITES({STACK3 - 10, RFLAGS_ONE, 2, CAUSE_INSTRUCTION, 0});
}

static void tf_and_ac_change_the_mode(void **state)
{
    (void)state;
    machine_protected(0);
    poke(STACK0, RFLAGS_TF, 4);
    RUNS(0x9d);
    assert_int_equal(mode_changes, 1);
    RUNS(0x0f, 0x01, 0xcb); /* stac */
    assert_true(cpu.v.rflags & RFLAGS_AC);
    assert_int_equal(mode_changes, 2);
    RUNS(0x0f, 0x01, 0xca); /* clac */
    assert_false(cpu.v.rflags & RFLAGS_AC);
    machine_protected(3);
    UNDEFINED(0x0f, 0x01, 0xca);
}

static void hlt_halts_behind_itself(void **state)
{
    (void)state;
    machine_protected(0);
    RUNS(0xf4);
    assert_true(cpu.halted);
    assert_int_equal(cpu.v.rip, CODE + 1);
}

static void ports_by_iopl_and_bitmap(void **state)
{
    (void)state;
    machine_protected(0);
    assert_true(sys_io_allowed(&cpu, 0x80, 1));
    machine_protected(3);
    poke(TSS + 0x66, 0x68, 2);
    expect_fault(sys_io_allowed(&cpu, 0x80, 1), VECTOR_GP, true, 0); /* no bitmap within the limit */
    cpu.v.rflags |= RFLAGS_IOPL;
    assert_true(sys_io_allowed(&cpu, 0x80, 1));
    cpu.v.rflags &= ~RFLAGS_IOPL;
    cpu.v.seg[SEG_TR].limit = 0x68 + 0x11;
    poke(TSS + 0x68 + 0x10, 0xfe7f, 2); /* 0x87 and 0x88 are open */
    assert_true(sys_io_allowed(&cpu, 0x87, 2));
    assert_true(sys_io_allowed(&cpu, 0x87, 1));
    expect_fault(sys_io_allowed(&cpu, 0x86, 2), VECTOR_GP, true, 0);
    expect_fault(sys_io_allowed(&cpu, 0x87, 4), VECTOR_GP, true, 0);
    expect_fault(sys_io_allowed(&cpu, 0x88, 1), VECTOR_GP, true,
                 0); /* its second byte lies behind the limit */
    machine_real();
    assert_true(sys_io_allowed(&cpu, 0x80, 4));
}

static void rip_wraps_at_4_gib_outside_64_bit_mode(void **state)
{
    (void)state;
    machine_protected(0);
    cpu.v.rip = 0xffffffff;
    RUNS(0xfa);
    assert_int_equal(cpu.v.rip, 0);
}

static void what_is_not_the_systems(void **state)
{
    static const uint8_t others[][4] = {{0x90},          {0x89, 0xc8},       {0xff, 0xd0},
                                        {0xe8, 0, 0, 0}, {0x0f, 0xaf, 0xc0}, {0xc3}};
    struct insn insn;
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(others); n++) {
        uint8_t bytes[INSN_BYTES_MAX] = {0};
        memcpy(bytes, others[n], sizeof others[n]);
        assert_true(insn_decode(&insn, bytes, sizeof bytes, CODE_64));
        assert_false(sys_handles(&insn));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cr0_keeps_et_and_ignores_reserved_bits),
        cmocka_unit_test(cr0_invalid_combinations),
        cmocka_unit_test(cr0_is_for_level_0),
        cmocka_unit_test(turning_paging_on_flushes),
        cmocka_unit_test(paging_with_lme_enters_ia32e_mode),
        cmocka_unit_test(paging_cannot_be_left_in_64_bit_mode),
        cmocka_unit_test(pae_paging_loads_the_pdptes),
        cmocka_unit_test(lmsw_sets_but_never_clears_pe),
        cmocka_unit_test(smsw_widths_and_umip),
        cmocka_unit_test(cr3_flushes_all_but_global_pages),
        cmocka_unit_test(cr4_checks),
        cmocka_unit_test(cr8_is_the_task_priority),
        cmocka_unit_test(cr2_holds_64_bits),
        cmocka_unit_test(invlpg_names_a_linear_address),
        cmocka_unit_test(invpcid_types),
        cmocka_unit_test(debug_registers),
        cmocka_unit_test(msrs_of_the_engine_read_back),
        cmocka_unit_test(msr_values_are_checked),
        cmocka_unit_test(efer_lme_is_fixed_while_paging),
        cmocka_unit_test(other_msrs_are_the_cores),
        cmocka_unit_test(xcr0),
        cmocka_unit_test(cpuid_and_time_stamps),
        cmocka_unit_test(sti_shadows_only_when_interrupts_were_off),
        cmocka_unit_test(cli_and_sti_need_iopl),
        cmocka_unit_test(popf_by_privilege),
        cmocka_unit_test(popf_16_bits),
        cmocka_unit_test(pushf_hides_vm_and_rf),
        cmocka_unit_test(tf_and_ac_change_the_mode),
        cmocka_unit_test(hlt_halts_behind_itself),
        cmocka_unit_test(ports_by_iopl_and_bitmap),
        cmocka_unit_test(rip_wraps_at_4_gib_outside_64_bit_mode),
        cmocka_unit_test(what_is_not_the_systems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
