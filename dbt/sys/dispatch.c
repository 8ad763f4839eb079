/* Which instruction goes where: by opcode, and for groups by ModRM's reg field (SDM Vol. 2D, appendix A). */
#include "dbt/sys/parts.h"
#include "trace/format.h"

/* After a STEP execution goes on behind the instruction; a BRANCH leaves RIP where it goes on. */
enum kind { NOT_HANDLED, STEP, BRANCH };
struct entry {
    enum kind kind;
    sys_handler *run;
};

static const struct entry one_byte[256] = {
    [0x06] = {STEP, op_push_segment},
    [0x07] = {STEP, op_pop_segment},
    [0x0e] = {STEP, op_push_segment},
    [0x16] = {STEP, op_push_segment},
    [0x17] = {STEP, op_pop_segment},
    [0x1e] = {STEP, op_push_segment},
    [0x1f] = {STEP, op_pop_segment},
    [0x27] = {STEP, op_daa},
    [0x2f] = {STEP, op_das},
    [0x37] = {STEP, op_aaa},
    [0x3f] = {STEP, op_aas},
    [0x60] = {STEP, op_pusha},
    [0x61] = {STEP, op_popa},
    [0x6c] = {BRANCH, op_ins},
    [0x6d] = {BRANCH, op_ins},
    [0x6e] = {BRANCH, op_outs},
    [0x6f] = {BRANCH, op_outs},
    [0x8c] = {STEP, op_mov_from_segment},
    [0x8e] = {STEP, op_mov_to_segment},
    [0x9a] = {BRANCH, op_far_call},
    [0x9c] = {STEP, op_pushf},
    [0x9d] = {STEP, op_popf},
    [0xc4] = {STEP, op_load_far_pointer},
    [0xc5] = {STEP, op_load_far_pointer},
    [0xc8] = {STEP, op_enter},
    [0xca] = {BRANCH, op_far_ret_pop},
    [0xcb] = {BRANCH, op_far_ret},
    [0xcc] = {BRANCH, op_int3},
    [0xcd] = {BRANCH, op_int},
    [0xce] = {BRANCH, op_into},
    [0xcf] = {BRANCH, op_iret},
    [0xd4] = {STEP, op_aam},
    [0xd5] = {STEP, op_aad},
    [0xd6] = {STEP, op_salc},
    [0xe4] = {STEP, op_in},
    [0xe5] = {STEP, op_in},
    [0xe6] = {STEP, op_out},
    [0xe7] = {STEP, op_out},
    [0xea] = {BRANCH, op_far_jmp},
    [0xec] = {STEP, op_in},
    [0xed] = {STEP, op_in},
    [0xee] = {STEP, op_out},
    [0xef] = {STEP, op_out},
    [0xf1] = {BRANCH, op_int1},
    [0xf4] = {STEP, op_hlt},
    [0xfa] = {STEP, op_cli},
    [0xfb] = {STEP, op_sti},
};

static const struct entry two_byte[256] = {
    [0x02] = {STEP, op_lar},
    [0x03] = {STEP, op_lsl},
    [0x05] = {BRANCH, op_syscall},
    [0x06] = {STEP, op_clts},
    [0x07] = {BRANCH, op_sysret},
    [0x08] = {STEP, op_invd},
    [0x09] = {STEP, op_invd},
    [0x20] = {STEP, op_mov_from_cr},
    [0x21] = {STEP, op_mov_from_dr},
    [0x22] = {STEP, op_mov_to_cr},
    [0x23] = {STEP, op_mov_to_dr},
    [0x30] = {STEP, op_wrmsr},
    [0x31] = {STEP, op_rdtsc},
    [0x32] = {STEP, op_rdmsr},
    [0x33] = {STEP, op_rdpmc},
    [0x34] = {BRANCH, op_sysenter},
    [0x35] = {BRANCH, op_sysexit},
    [0xa0] = {STEP, op_push_segment},
    [0xa1] = {STEP, op_pop_segment},
    [0xa2] = {STEP, op_cpuid},
    [0xa8] = {STEP, op_push_segment},
    [0xa9] = {STEP, op_pop_segment},
    [0xb2] = {STEP, op_load_far_pointer},
    [0xb4] = {STEP, op_load_far_pointer},
    [0xb5] = {STEP, op_load_far_pointer},
};

static const struct entry none = {NOT_HANDLED, NULL};

static const struct entry group_ff[8] = {
    [3] = {BRANCH, op_far_call_indirect}, [5] = {BRANCH, op_far_jmp_indirect}};
static const struct entry group_0f00[8] = {{STEP, op_sldt}, {STEP, op_str},  {STEP, op_lldt},
                                           {STEP, op_ltr},  {STEP, op_verr}, {STEP, op_verw}};
static const struct entry group_0f01_memory[8] = {{STEP, op_sgdt}, {STEP, op_sidt},  {STEP, op_lgdt},
                                                  {STEP, op_lidt}, {STEP, op_smsw},  {NOT_HANDLED, NULL},
                                                  {STEP, op_lmsw}, {STEP, op_invlpg}};

/* 0F 01 with a register operand: ModRM's whole byte tells. */
static const struct entry *find_0f01_register(const struct sys_insn *i)
{
    static const struct {
        uint8_t modrm;
        struct entry entry;
    } exact[] = {
        {0xc1, {STEP, op_vmcall}}, {0xca, {STEP, op_clac}},   {0xcb, {STEP, op_stac}},
        {0xd0, {STEP, op_xgetbv}}, {0xd1, {STEP, op_xsetbv}}, {0xf8, {STEP, op_swapgs}},
        {0xf9, {STEP, op_rdtscp}}, {0xfc, {STEP, op_clzero}},
    };
    static const struct entry group[8] = {[4] = {STEP, op_smsw}, [6] = {STEP, op_lmsw}};
    for (unsigned n = 0; n < ARRAY_SIZE(exact); n++)
        if (exact[n].modrm == i->modrm)
            return &exact[n].entry;
    return &group[i->reg & 7];
}

/* The x87 instructions that know of its pointers, or reset them. */
static const struct entry *find_x87(const struct sys_insn *i)
{
    static const struct entry d9[8] = {[4] = {STEP, op_fldenv}, [6] = {STEP, op_fnstenv}};
    static const struct entry dd[8] = {[4] = {STEP, op_frstor}, [6] = {STEP, op_fnsave}};
    static const struct entry fnclex = {STEP, op_fnclex}, fninit = {STEP, op_fninit};
    switch (i->opcode) {
    case 0xd9:
        return i->memory ? &d9[i->reg & 7] : &none;
    case 0xdd:
        return i->memory ? &dd[i->reg & 7] : &none;
    default:
        return i->modrm == 0xe2 ? &fnclex : i->modrm == 0xe3 ? &fninit : &none;
    }
}

static const struct entry *find_one_byte(const struct sys_insn *i)
{
    static const struct entry bound = {STEP, op_bound}, arpl = {STEP, op_arpl};
    bool code_64 = i->insn->code_size == CODE_64;
    switch (i->opcode) {
    case 0x62: /* in 64-bit mode, and with a register, the EVEX prefix */
        return !code_64 && i->memory ? &bound : &none;
    case 0x63: /* in 64-bit mode MOVSXD */
        return !code_64 ? &arpl : &none;
    case 0xd9:
    case 0xdb:
    case 0xdd:
        return find_x87(i);
    case 0xff:
        return i->memory ? &group_ff[i->reg & 7] : &none;
    case 0xc4:
    case 0xc5: /* VEX prefixes, but for LES and LDS (Vol. 2A, 2.3.5) */
        return !code_64 && i->memory ? &one_byte[i->opcode] : &none;
    default:
        return &one_byte[i->opcode];
    }
}

/* 0F AE and 0F C7: by prefix and ModRM. */
static const struct entry *find_0fae(const struct sys_insn *i)
{
    static const struct entry fs_gs_base = {STEP, op_fs_gs_base}, flush = {STEP, op_flush_line};
    static const struct entry memory[8] = {
        [0] = {STEP, op_fxsave}, [1] = {STEP, op_fxrstor},  [4] = {STEP, op_xsave},
        [5] = {STEP, op_xrstor}, [6] = {STEP, op_xsaveopt}, [7] = {STEP, op_flush_line}};
    if (!i->memory)
        return i->repeat == 0xf3 && (i->reg & 7) < 4 ? &fs_gs_base : &none;
    if (i->repeat)
        return &none;
    if (i->operand_size) /* CLWB, CLFLUSHOPT */
        return (i->reg & 7) >= 6 ? &flush : &none;
    return &memory[i->reg & 7];
}

static const struct entry *find_0fc7(const struct sys_insn *i)
{
    static const struct entry rdpid = {STEP, op_rdpid};
    static const struct entry memory[8] = {
        [3] = {STEP, op_xrstors}, [4] = {STEP, op_xsavec}, [5] = {STEP, op_xsaves}};
    if (!i->memory)
        return i->repeat == 0xf3 && (i->reg & 7) == 7 ? &rdpid : &none;
    return i->repeat || i->operand_size ? &none : &memory[i->reg & 7];
}

static const struct entry *find_0f(const struct sys_insn *i)
{
    switch (i->opcode) {
    case 0x00:
        return &group_0f00[i->reg & 7];
    case 0x01:
        return i->memory ? &group_0f01_memory[i->reg & 7] : find_0f01_register(i);
    case 0xae:
        return find_0fae(i);
    case 0xc7:
        return find_0fc7(i);
    default:
        return &two_byte[i->opcode];
    }
}

static const struct entry *find(const struct sys_insn *i)
{
    static const struct entry invpcid = {STEP, op_invpcid}, movdir64b = {STEP, op_movdir64b};
    switch (i->map) {
    case MAP_ONE_BYTE:
        return find_one_byte(i);
    case MAP_0F:
        return find_0f(i);
    case MAP_0F38:
        if (!i->memory || !i->operand_size)
            return &none;
        return i->opcode == 0x82 ? &invpcid : i->opcode == 0xf8 && !i->repeat ? &movdir64b : &none;
    default:
        return &none;
    }
}

bool sys_handles(const struct insn *insn)
{
    struct sys_insn i;
    sys_take_apart(insn, &i);
    return find(&i)->run != NULL;
}

bool sys_reaches_further(const struct insn *insn)
{
    static sys_handler *const further[] = {op_push_segment,
                                           op_pop_segment,
                                           op_mov_to_segment,
                                           op_load_far_pointer,
                                           op_pusha,
                                           op_popa,
                                           op_enter,
                                           op_far_call,
                                           op_far_jmp,
                                           op_far_ret,
                                           op_far_ret_pop,
                                           op_iret,
                                           op_int,
                                           op_int1,
                                           op_int3,
                                           op_into,
                                           op_lldt,
                                           op_ltr,
                                           op_lar,
                                           op_lsl,
                                           op_verr,
                                           op_verw,
                                           op_sgdt,
                                           op_sidt,
                                           op_lgdt,
                                           op_lidt,
                                           op_far_call_indirect,
                                           op_far_jmp_indirect};
    struct sys_insn i;
    sys_take_apart(insn, &i);
    sys_handler *run = find(&i)->run;
    for (unsigned n = 0; run && n < ARRAY_SIZE(further); n++)
        if (run == further[n])
            return true;
    return false;
}

uint64_t next_rip(const struct dbt_cpu *c, const struct sys_insn *i)
{
    uint64_t rip = c->v.rip + i->insn->length;
    return code_is_64(c) ? rip : (uint32_t)rip;
}

bool require_cpl0(struct dbt_cpu *c)
{
    return !protected_mode(c) || dbt_cpl(c) == 0 || raise_gp(c);
}
bool require_protected(struct dbt_cpu *c)
{
    return !real_segments(c) || raise_ud(c);
}

enum code_size sys_code_size(const struct dbt_cpu *c)
{
    if (code_is_64(c))
        return CODE_64;
    return c->v.seg[SEG_CS].access & SEGMENT_DB ? CODE_32 : CODE_16;
}

gva_t sys_code_linear(const struct dbt_cpu *c)
{
    return code_is_64(c) ? c->v.rip : (uint32_t)(c->v.seg[SEG_CS].base + c->v.rip);
}

uint8_t sys_context(const struct dbt_cpu *c)
{
    static const uint8_t modes[] = {
        [CODE_16] = MODE_PROT16, [CODE_32] = MODE_PROT32, [CODE_64] = MODE_LONG64};
    unsigned mode = real_segments(c) ? MODE_REAL : modes[sys_code_size(c)];
    return (uint8_t)((protected_mode(c) ? dbt_cpl(c) : 0) | mode << CONTEXT_MODE_SHIFT |
                     (c->v.cr0 & CR0_PG ? CONTEXT_PAGING : 0));
}

bool sys_execute(struct dbt_cpu *c, const struct insn *insn)
{
    struct sys_insn i;
    sys_take_apart(insn, &i);
    const struct entry *e = find(&i);
    if (!e->run)
        return raise_ud(c);

    uint64_t next = next_rip(c, &i);
    bool shadow = c->interrupt_shadow, mov_ss = c->shadow_is_mov_ss;
    c->interrupt_shadow = c->shadow_is_mov_ss = false;
    /* RF is over with the instruction, which may load it anew (SDM Vol. 3B, 17.3.1.1). */
    const uint64_t rf = c->v.rflags & RFLAGS_RF;
    c->v.rflags &= ~RFLAGS_RF;
    if (!e->run(c, &i)) {
        c->v.rflags |= rf;
        c->interrupt_shadow = shadow;
        c->shadow_is_mov_ss = mov_ss;
        return false;
    }
    if (e->kind == STEP)
        c->v.rip = next;
    return true;
}
