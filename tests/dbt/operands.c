/*
 * Operands of random instructions: the decoder says which registers make the
 * address, and moves before the instruction set these so that it lies in the data.
 */
#include "maker.h"

#include <string.h>

bool decode(struct decoded *d, const uint8_t *bytes, unsigned available)
{
    return zydis_decode(&d->z, d->op, bytes, available, world.size) == ZYDIS_DECODED;
}

unsigned gpr_of(ZydisRegister r)
{
    switch (ZydisRegisterGetClass(r)) {
    case ZYDIS_REGCLASS_GPR8: {
        /* AL CL DL BL AH CH DH BH SPL BPL SIL DIL R8B … */
        unsigned id = (unsigned)ZydisRegisterGetId(r);
        return id < 4 ? id : id - 4;
    }
    case ZYDIS_REGCLASS_GPR16:
    case ZYDIS_REGCLASS_GPR32:
    case ZYDIS_REGCLASS_GPR64:
        return (unsigned)ZydisRegisterGetId(r);
    default:
        return NO_REGISTER;
    }
}

/* ---- what is left out ---- */

/* Not the same twice, or the operating system's, or with segments that the two runs do not share. */
static bool is_forbidden(const struct decoded *d)
{
    switch (d->z.mnemonic) {
    case ZYDIS_MNEMONIC_SYSCALL:
    case ZYDIS_MNEMONIC_SYSENTER:
    case ZYDIS_MNEMONIC_SYSRET:
    case ZYDIS_MNEMONIC_SYSEXIT:
    case ZYDIS_MNEMONIC_RDTSC:
    case ZYDIS_MNEMONIC_RDTSCP:
    case ZYDIS_MNEMONIC_RDPMC:
    case ZYDIS_MNEMONIC_RDRAND:
    case ZYDIS_MNEMONIC_RDSEED:
    case ZYDIS_MNEMONIC_RDPID:
    case ZYDIS_MNEMONIC_RDPRU:
    case ZYDIS_MNEMONIC_CPUID:
    case ZYDIS_MNEMONIC_XGETBV:
    case ZYDIS_MNEMONIC_SGDT:
    case ZYDIS_MNEMONIC_SIDT:
    case ZYDIS_MNEMONIC_SLDT:
    case ZYDIS_MNEMONIC_STR:
    case ZYDIS_MNEMONIC_SMSW:
    case ZYDIS_MNEMONIC_LAR:
    case ZYDIS_MNEMONIC_LSL:
    case ZYDIS_MNEMONIC_VERR:
    case ZYDIS_MNEMONIC_VERW:
    case ZYDIS_MNEMONIC_VMCALL:
    case ZYDIS_MNEMONIC_VMMCALL:
    case ZYDIS_MNEMONIC_POPF:
    case ZYDIS_MNEMONIC_POPFD:
    case ZYDIS_MNEMONIC_POPFQ:
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
    case ZYDIS_MNEMONIC_LDS:
    case ZYDIS_MNEMONIC_LES:
    case ZYDIS_MNEMONIC_LFS:
    case ZYDIS_MNEMONIC_LGS:
    case ZYDIS_MNEMONIC_LSS:
    case ZYDIS_MNEMONIC_ENTER: /* these four have items of their own */
    case ZYDIS_MNEMONIC_LEAVE:
    case ZYDIS_MNEMONIC_XRSTOR:
    case ZYDIS_MNEMONIC_XRSTOR64:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR64:
    case ZYDIS_MNEMONIC_WRFSBASE:
    case ZYDIS_MNEMONIC_WRGSBASE:
    case ZYDIS_MNEMONIC_INT1: /* hypervisors get its RIP wrong */
        return true;
    case ZYDIS_MNEMONIC_PUSHF:
    case ZYDIS_MNEMONIC_PUSHFD:
    case ZYDIS_MNEMONIC_PUSHFQ: /* shows IF, TF */
    case ZYDIS_MNEMONIC_INT3:
    case ZYDIS_MNEMONIC_INT:
    case ZYDIS_MNEMONIC_INTO:
        return !world.user || world.stepping ||
               (d->z.mnemonic == ZYDIS_MNEMONIC_INT && d->op[0].imm.value.u == 0x80);
    default:
        break;
    }
    switch (d->z.meta.category) {
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_UNCOND_BR:
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_RET:
    case ZYDIS_CATEGORY_DECIMAL: /* an item of their own */
        return true;
    default:
        return d->z.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE;
    }
}

static bool writes_segment(const struct decoded *d)
{
    for (unsigned i = 0; i < d->z.operand_count; i++)
        if (d->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            (d->op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
            ZydisRegisterGetClass(d->op[i].reg.value) == ZYDIS_REGCLASS_SEGMENT)
            return true;
    return false;
}

static bool pushes_segment(const struct decoded *d)
{
    return d->z.mnemonic == ZYDIS_MNEMONIC_PUSH && d->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
           ZydisRegisterGetClass(d->op[0].reg.value) == ZYDIS_REGCLASS_SEGMENT && world.size != CODE_64;
}

/* Some CPUs take an RSP that the last push has not moved yet, where EVEX.X is set. */
static bool reads_stack_pointer_by_evex(const struct decoded *d)
{
    for (unsigned i = 0; i < d->z.operand_count; i++)
        if (d->z.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX &&
            d->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER && gpr_of(d->op[i].reg.value) == RSP)
            return true;
    return false;
}

/* Other than by pushing and popping. */
static bool writes_stack_pointer(const struct decoded *d)
{
    for (unsigned i = 0; i < d->z.operand_count; i++)
        if (d->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            (d->op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) && gpr_of(d->op[i].reg.value) == RSP &&
            d->op[i].visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN)
            return true;
    return false;
}

/* ---- memory operands ---- */

static unsigned segment_of(ZydisRegister r)
{
    return r >= ZYDIS_REGISTER_ES && r <= ZYDIS_REGISTER_GS ? (unsigned)(r - ZYDIS_REGISTER_ES) : SEG_DS;
}

/* False: addresses of this width do not reach it. */
static bool effective_address(const struct decoded *d, const ZydisDecodedOperand *o, uint64_t linear,
                              uint64_t *at)
{
    unsigned segment = segment_of(o->mem.segment), unused = 64 - d->z.address_width;
    bool flat = world.size == CODE_64 && segment != SEG_FS && segment != SEG_GS;
    *at = flat ? linear : offset_in(segment, linear);
    return *at << unused >> unused == *at || (world.size != CODE_64 && d->z.address_width == 32);
}

/* The field of the displacement holds the address itself. */
static bool patch_displacement(const struct decoded *d, uint8_t *bytes, uint64_t value)
{
    unsigned n = d->z.raw.disp.size / 8u;
    if (!n)
        return false;
    memcpy(bytes + d->z.raw.disp.offset, &value, n);
    return n != 4 || d->z.address_width != 64 || (uint64_t)(int64_t)(int32_t)value == value;
}

/* An index vector out of the table: VMOVDQU. */
static void put_index_vector(struct maker *m, const struct decoded *d, ZydisRegister index)
{
    unsigned n = (unsigned)ZydisRegisterGetId(index);
    bool wide = d->z.mnemonic == ZYDIS_MNEMONIC_VPGATHERQD || d->z.mnemonic == ZYDIS_MNEMONIC_VPGATHERQQ ||
                d->z.mnemonic == ZYDIS_MNEMONIC_VGATHERQPD || d->z.mnemonic == ZYDIS_MNEMONIC_VGATHERQPS ||
                d->z.mnemonic == ZYDIS_MNEMONIC_VPSCATTERQD || d->z.mnemonic == ZYDIS_MNEMONIC_VPSCATTERQQ ||
                d->z.mnemonic == ZYDIS_MNEMONIC_VSCATTERQPD || d->z.mnemonic == ZYDIS_MNEMONIC_VSCATTERQPS;
    uint32_t table = (uint32_t)(INDEX_TABLE_AT + (wide ? 512 : 0) + any(m) % 56 * 8);
    if (d->z.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX) {
        put(m, (uint8_t[]){0xc5, n & 8 ? 0x7e : 0xfe, 0x6f}, 3); /* VMOVDQU ymm */
    } else {
        put(m,
            (uint8_t[]){0x62, (uint8_t)(0x61 | (n & 8 ? 0 : 0x80) | (n & 16 ? 0 : 0x10)), 0x7e, 0x48, 0x6f},
            5); /* VMOVDQU32 zmm */
    }
    if (world.size == CODE_64)
        put(m, (uint8_t[]){(uint8_t)((n & 7) << 3 | 4), 0x25}, 2);
    else
        put8(m, (n & 7) << 3 | 5);
    put_value(m, table, 4);
}

/* MOV r32, imm32 in 16-bit code. */
static void put_wide_mov(struct maker *m, unsigned reg, uint64_t value)
{
    put8(m, 0x66);
    put8(m, 0xb8 | reg);
    put_value(m, value, 4);
}

/* Registers 16-bit addresses leave out are taken as they are. */
static void put_address_register(struct maker *m, const struct decoded *d, unsigned reg, uint64_t value)
{
    if (d->z.address_width == 32 && register_bytes() == 8)
        value = (uint32_t)value | any(m) << 32;
    if (d->z.address_width == 16 && register_bytes() == 4)
        value = (uint16_t)value | (any(m) & 0xffff) << 16;
    if (d->z.address_width == 32 && register_bytes() == 2) {
        put_wide_mov(m, reg, value);
        return;
    }
    put_mov(m, reg, value);
}

static bool is_near_stack(const struct decoded *d, const ZydisDecodedOperand *o)
{
    int64_t disp = o->mem.disp.value;
    return disp > -0x400 && disp < 0x100 && o->mem.index == ZYDIS_REGISTER_NONE &&
           (segment_of(o->mem.segment) == SEG_SS || world.size != CODE_16) &&
           segment_of(o->mem.segment) < SEG_FS && d->z.address_width >= 32 &&
           d->z.address_width / 8 >= register_bytes();
}

#define INDEX_REACH (60u * 8u) /* of the table's numbers, scaled */

/* Sets up the operand; false: its address cannot be chosen. */
static bool set_up(struct maker *m, const struct decoded *d, const ZydisDecodedOperand *o, uint8_t *bytes,
                   struct fix *fix)
{
    unsigned base = gpr_of(o->mem.base), index = gpr_of(o->mem.index), size = o->size / 8u;
    bool relative = o->mem.base == ZYDIS_REGISTER_RIP || o->mem.base == ZYDIS_REGISTER_EIP;
    uint64_t linear = any_place(m, size ? size : 1), steps = any(m) % 8;
    uint64_t at;

    if (o->mem.type == ZYDIS_MEMOP_TYPE_VSIB && linear - DATA_AT < INDEX_REACH)
        linear += INDEX_REACH;
    if (!effective_address(d, o, linear, &at))
        return false;
    if (relative) {
        *fix = (struct fix){.kind = FIX_ADDRESS, .at = d->z.raw.disp.offset, .bytes = 4, .address = linear};
        return segment_of(o->mem.segment) < SEG_FS;
    }
    if (o->mem.type == ZYDIS_MEMOP_TYPE_VSIB) {
        put_index_vector(m, d, o->mem.index);
        if (base == NO_REGISTER)
            return patch_displacement(d, bytes, at);
        if (base == RSP)
            return false;
        put_address_register(m, d, base, at - (uint64_t)o->mem.disp.value);
        return true;
    }
    if (base == NO_REGISTER && index == NO_REGISTER)
        return patch_displacement(d, bytes, at);
    if (base == RSP)
        return is_near_stack(d, o);
    if (index == base)
        return false;
    uint64_t scaled = index == NO_REGISTER ? 0 : steps * (o->mem.scale ? o->mem.scale : 1);
    if (index != NO_REGISTER)
        put_address_register(m, d, index, steps);
    if (base == NO_REGISTER)
        return patch_displacement(d, bytes, at - scaled);
    at -= (uint64_t)o->mem.disp.value + scaled;
    put_address_register(m, d, base,
                         d->z.address_width == 64   ? at
                         : d->z.address_width == 32 ? (uint32_t)at
                                                    : (uint16_t)at);
    return true;
}

static bool set_up_memory(struct maker *m, const struct decoded *d, uint8_t *bytes, struct fix *fix)
{
    for (unsigned i = 0; i < d->z.operand_count; i++) {
        const ZydisDecodedOperand *o = &d->op[i];
        if (o->type != ZYDIS_OPERAND_TYPE_MEMORY || o->mem.type == ZYDIS_MEMOP_TYPE_AGEN ||
            o->mem.type == ZYDIS_MEMOP_TYPE_MIB)
            continue;
        if (o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && gpr_of(o->mem.base) == RSP)
            continue;
        if (!set_up(m, d, o, bytes, fix))
            return false;
    }
    return true;
}

/* ---- other operands ---- */

/* The bit may be far from the operand, but not out of the data. */
static bool set_up_bit_offset(struct maker *m, const struct decoded *d)
{
    bool is_bit = d->z.mnemonic == ZYDIS_MNEMONIC_BT || d->z.mnemonic == ZYDIS_MNEMONIC_BTS ||
                  d->z.mnemonic == ZYDIS_MNEMONIC_BTR || d->z.mnemonic == ZYDIS_MNEMONIC_BTC;
    if (!is_bit || d->op[0].type != ZYDIS_OPERAND_TYPE_MEMORY || d->op[1].type != ZYDIS_OPERAND_TYPE_REGISTER)
        return true;
    unsigned reg = gpr_of(d->op[1].reg.value);
    if (reg == gpr_of(d->op[0].mem.base) || reg == gpr_of(d->op[0].mem.index) || reg == RSP)
        return false;
    uint64_t offset = (uint64_t)((int64_t)(any(m) % 600) - 300);
    if (d->z.operand_width == 32 && world.size == CODE_16)
        put_wide_mov(m, reg, offset);
    else
        put_mov(m, reg, offset);
    return true;
}

static bool uses_address_register(const struct decoded *d, unsigned reg)
{
    for (unsigned i = 0; i < d->z.operand_count; i++)
        if (d->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
            (gpr_of(d->op[i].mem.base) == reg || gpr_of(d->op[i].mem.index) == reg))
            return true;
    return false;
}

/* So that most quotients fit. */
static void set_up_division(struct maker *m, const struct decoded *d)
{
    bool divides = d->z.mnemonic == ZYDIS_MNEMONIC_DIV || d->z.mnemonic == ZYDIS_MNEMONIC_IDIV;
    unsigned high = d->z.operand_width == 8 ? RAX : RDX;
    if (divides && !uses_address_register(d, high) && !one_in(m, 4))
        put_mov(m, high, high == RAX ? any(m) & 0x7f : one_in(m, 4) ? any(m) & 3 : 0);
}

/* The count of a string instruction, and of what else counts by rCX. */
static void set_up_count(struct maker *m, const struct decoded *d)
{
    const uint64_t any_rep = ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;
    /* INS and OUTS check the port even with a count of 0, or not: it depends on the CPU. */
    if (d->z.attributes & any_rep)
        put_address_register(m, d, RCX, d->z.meta.category == ZYDIS_CATEGORY_IOSTRINGOP ? 1 : any(m) % 6);
}

bool put_instruction(struct maker *m, uint8_t *bytes)
{
    struct decoded d;
    struct fix fix = {.kind = FIX_NONE};
    if (!decode(&d, bytes, 15) || is_forbidden(&d) || writes_segment(&d) || pushes_segment(&d) ||
        writes_stack_pointer(&d) || reads_stack_pointer_by_evex(&d))
        return false;
    if (!set_up_memory(m, &d, bytes, &fix) || !set_up_bit_offset(m, &d))
        return false;
    set_up_division(m, &d);
    set_up_count(m, &d);
    if (fix.kind != FIX_NONE) {
        fix.at += m->item.length;
        fix.end = (uint8_t)(m->item.length + d.z.length);
        m->item.fix = fix;
    }
    put(m, bytes, d.z.length);
    return !m->failed;
}
