/*
 * System instructions drawn at random, on machines whose tables are partly garbage. Whatever comes of it, an
 * instruction that faults has changed no register, unless in a task that it has switched to, and its
 * exception can be delivered or ends the run.
 */
#include "dbt_machine.h"

#define ROUNDS 150000u
#define ROUNDS_PER_MACHINE 16u

static uint64_t seed = 88172645463325252;
static uint64_t draw(void) /* xorshift64 */
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}
static bool one_in(unsigned n)
{
    return draw() % n == 0;
}

static uint64_t draw_value(void)
{
    switch (draw() % 6) {
    case 0:
        return draw();
    case 1:
        return (uint16_t)draw();
    case 2:
        return (draw() % 32) * 8 + draw() % 4; /* a selector */
    case 3:
        return CODE + draw() % 0x4000;
    case 4:
        return (uint32_t)draw();
    default:
        return UINT64_MAX << draw() % 64;
    }
}

static void machine_virtual_8086(void)
{
    machine_protected(3);
    cpu.v.rflags |= RFLAGS_VM | (one_in(2) ? RFLAGS_IOPL : 0);
    cpu.v.cr4 |= one_in(2) ? CR4_VME : 0;
    for (unsigned s = 0; s <= SEG_GS; s++)
        cpu.v.seg[s] = (struct segment){.limit = 0xffff, .access = 0xf3};
}

/* A TSS in the free slot, whose task may even work. */
static void draw_task(void)
{
    put_descriptor(GDT, FREE_SLOT, LDT + 0x100, one_in(4) ? 0x2b : 0x67, one_in(4) ? 0x81 : 0x89, 0);
    for (unsigned n = 0; n < 0x68; n += 2)
        poke(LDT + 0x100 + n, one_in(2) ? DATA32 : draw_value(), 2);
    poke(LDT + 0x100 + 0x4c, CODE32, 2);
    poke(LDT + 0x100 + 0x60, 0, 2);
}

static void draw_machine(void)
{
    switch (draw() % 8) {
    case 0:
        machine_real();
        break;
    case 1:
        machine_protected(0);
        break;
    case 2:
        machine_protected(3);
        break;
    case 3:
        machine_long(3);
        break;
    case 4:
    case 5:
        machine_virtual_8086();
        break;
    default:
        machine_long(0);
        break;
    }
    draw_task();
    for (unsigned n = 0; n < GDT_LIMIT; n++)
        if (one_in(4))
            ram[GDT + n] = (uint8_t)draw();
    for (unsigned n = 0; n < 0x1000; n++)
        if (one_in(8))
            ram[IDT + n] = (uint8_t)draw();
    for (unsigned vector = 0; one_in(2) && vector < 32; vector++)
        put_idt_gate(vector, cpu.v.efer & EFER_LMA ? CODE64 : CODE32, 0x5678, 0x8e, draw() & 3);
}

static void draw_registers(void)
{
    static const uint32_t msrs[] = {IA32_EFER, IA32_STAR,        IA32_LSTAR,  IA32_FMASK,
                                    IA32_PAT,  IA32_SYSENTER_CS, IA32_FS_BASE};
    for (unsigned n = 0; n < GPR_COUNT; n++)
        if (one_in(4))
            cpu.v.gpr[n] = draw_value();
    if (!one_in(4))
        cpu.v.gpr[RSP] = STACK0 + draw() % 64 * 8;
    if (one_in(8))
        cpu.v.gpr[RCX] = msrs[draw() % ARRAY_SIZE(msrs)];
    poke(CODE + draw() % 0x4000, draw_value(), 8);
}

/* Prefixes, one of the opcodes that dbt/sys/ knows, and whatever follows. */
static bool draw_instruction(struct insn *insn)
{
    static const uint8_t one_byte[] = {
        0x06, 0x07, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x62, 0x63, 0x6c, 0x6d,
        0x6e, 0x6f, 0x8c, 0x8e, 0x9a, 0x9c, 0x9d, 0xc4, 0xc5, 0xc8, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf,
        0xd4, 0xd5, 0xd6, 0xd9, 0xdb, 0xdd, 0xe4, 0xe6, 0xea, 0xed, 0xef, 0xf1, 0xf4, 0xfa, 0xfb, 0xff};
    static const uint8_t two_byte[] = {0x00, 0x01, 0x02, 0x03, 0x05, 0x06, 0x07, 0x08, 0x09, 0x20,
                                       0x21, 0x22, 0x23, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0xa0,
                                       0xa1, 0xa2, 0xa8, 0xa9, 0xb2, 0xb4, 0xb5, 0xae, 0xc7, 0x38};
    uint8_t bytes[INSN_BYTES_MAX];
    unsigned n = 0;

    for (unsigned k = 0; k < sizeof bytes; k++)
        bytes[k] = (uint8_t)draw();
    if (one_in(3))
        bytes[n++] = 0x66;
    if (one_in(8))
        bytes[n++] = 0x67;
    if (one_in(8))
        bytes[n++] = 0xf3;
    if (one_in(3) && sys_code_size(&cpu) == CODE_64)
        bytes[n++] = 0x40 | (draw() & 15);
    if (one_in(2)) {
        bytes[n] = one_byte[draw() % sizeof one_byte];
        if ((bytes[n] == 0xea || bytes[n] == 0x9a) && one_in(2)) {
            bytes[n + 3] = bytes[n + 5] = FREE_SLOT; /* whatever the operand size is */
            bytes[n + 4] = bytes[n + 6] = 0;
        }
    } else {
        bytes[n++] = 0x0f;
        bytes[n] = two_byte[draw() % sizeof two_byte];
        if (bytes[n] == 0x38)
            bytes[n + 1] = 0x82;
    }
    return insn_decode(insn, bytes, sizeof bytes, sys_code_size(&cpu)) && sys_handles(insn);
}

static void expect_registers_unchanged(const struct vcpu *before, const struct insn *insn)
{
    const struct vcpu *now = &cpu.v;
    if (memcmp(before->gpr, now->gpr, sizeof now->gpr) || memcmp(before->seg, now->seg, sizeof now->seg) ||
        before->rip != now->rip || before->rflags != now->rflags || before->cr0 != now->cr0 ||
        before->cr3 != now->cr3 || before->cr4 != now->cr4 || before->efer != now->efer)
        fail_msg("%02x %02x %02x %02x (%u bytes) faulted with vector %u and changed registers",
                 insn->bytes[0], insn->bytes[1], insn->bytes[2], insn->bytes[3], insn->length,
                 cpu.fault.vector);
}

static void expect_virtual_8086_only_where_it_can_be(void)
{
    if (!(cpu.v.rflags & RFLAGS_VM))
        return;
    assert_true(cpu.v.cr0 & CR0_PE);
    assert_false(cpu.v.efer & EFER_LMA);
    assert_int_equal(dbt_cpl(&cpu), 3);
}

/* The x87 and vector state is this process's own. */
static bool execute(const struct insn *insn)
{
    static uint8_t state[512] __attribute__((aligned(16)));
    __asm__ volatile("fxsave64 %0" : "+m"(state));
    bool ok = sys_execute(&cpu, insn);
    __asm__ volatile("fxrstor64 %0" : : "m"(state));
    return ok;
}

static void a_fault_changes_no_register(void **state)
{
    unsigned ran = 0, faults = 0;
    struct insn insn;
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (round % ROUNDS_PER_MACHINE == 0)
            draw_machine();
        draw_registers();
        if (!draw_instruction(&insn))
            continue;
        written.count = reads.count = 0;
        cpu.stop = DBT_RUNS;
        cpu.delivered = false;
        struct vcpu before = cpu.v;
        ran++;
        if (execute(&insn)) {
            assert_true(cpu.v.rflags & RFLAGS_ONE);
            expect_virtual_8086_only_where_it_can_be();
            continue;
        }
        if (!cpu.delivered) /* else it was a task switch, and is the new task's */
            expect_registers_unchanged(&before, &insn);
        assert_int_equal(cpu.event_external, 0);
        if (cpu.stop == DBT_RUNS) {
            faults++;
            if (!sys_deliver_fault(&cpu))
                assert_int_not_equal(cpu.stop, DBT_RUNS);
        }
    }
    /* The draw reaches both ways out. */
    assert_true(ran > ROUNDS / 2);
    assert_true(faults > ran / 10 && faults < ran * 9 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_changes_no_register),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
