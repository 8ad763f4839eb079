/*
 * Bytes to struct insn: Zydis says what the operands are; here stands what it
 * leaves open, and what the CPU does that no operand shows.
 *
 * Quirks
 * - SGDT and SIDT are two writes (limit, then base), as Bochs makes them; the SDM does not say.
 * - PUSH of a segment register with 32-bit operand size writes 16 bits and leaves the rest of the slot
 *   alone (SDM Vol. 2B, PUSH; what current processors do); a 64-bit slot is written whole.
 * - BOUND makes two reads, of the lower and the upper bound, as Bochs makes them.
 * - A far CALL is listed without what a call gate to an inner privilege level adds.
 */
#include "decode/insn.h"

#include "decode/xsave.h"
#include "decode/zydis.h"

#include <string.h>

static uint8_t gpr_number(ZydisRegister r)
{
    switch (ZydisRegisterGetClass(r)) {
    case ZYDIS_REGCLASS_GPR8: {
        uint8_t id = (uint8_t)ZydisRegisterGetId(r);
        /* Zydis counts AL CL DL BL AH CH DH BH SPL BPL SIL DIL R8B … */
        return id < 4 ? id : (uint8_t)(id - 4);
    }
    case ZYDIS_REGCLASS_GPR16:
    case ZYDIS_REGCLASS_GPR32:
    case ZYDIS_REGCLASS_GPR64:
        return (uint8_t)ZydisRegisterGetId(r);
    default:
        return NO_REGISTER;
    }
}

static bool is_high_byte(ZydisRegister r)
{
    return r >= ZYDIS_REGISTER_AH && r <= ZYDIS_REGISTER_BH;
}

static uint8_t segment_number(ZydisRegister r)
{
    return r >= ZYDIS_REGISTER_ES && r <= ZYDIS_REGISTER_GS ? (uint8_t)(r - ZYDIS_REGISTER_ES) : SEG_DS;
}

static bool is_stack_operand(const ZydisDecodedOperand *o)
{
    return o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && o->type == ZYDIS_OPERAND_TYPE_MEMORY &&
           o->mem.segment == ZYDIS_REGISTER_SS && gpr_number(o->mem.base) == RSP;
}

/* Operands that look like memory and are none: addresses, hints, cache control. */
static bool touches_no_memory(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_NOP:
    case ZYDIS_MNEMONIC_LEA:
    case ZYDIS_MNEMONIC_PREFETCH:
    case ZYDIS_MNEMONIC_PREFETCHNTA:
    case ZYDIS_MNEMONIC_PREFETCHT0:
    case ZYDIS_MNEMONIC_PREFETCHT1:
    case ZYDIS_MNEMONIC_PREFETCHT2:
    case ZYDIS_MNEMONIC_PREFETCHW:
    case ZYDIS_MNEMONIC_PREFETCHWT1:
    case ZYDIS_MNEMONIC_CLFLUSH:
    case ZYDIS_MNEMONIC_CLFLUSHOPT:
    case ZYDIS_MNEMONIC_CLWB:
    case ZYDIS_MNEMONIC_CLDEMOTE:
    case ZYDIS_MNEMONIC_INVLPG:
    case ZYDIS_MNEMONIC_MONITOR:
    /* Their stack writes are an event's frame, which the engine locates. */
    case ZYDIS_MNEMONIC_INT:
    case ZYDIS_MNEMONIC_INT1:
    case ZYDIS_MNEMONIC_INT3:
    case ZYDIS_MNEMONIC_INTO:
        return true;
    default:
        return false;
    }
}

static struct insn_memory *add_memory(struct insn *insn, uint8_t flags, unsigned size)
{
    if (insn->memory_count == INSN_MEMORY_MAX)
        return NULL;
    struct insn_memory *m = &insn->memory[insn->memory_count++];
    *m = (struct insn_memory){.size = (uint16_t)size, .flags = flags};
    return m;
}

static void use_segment(struct insn *insn, uint8_t segment)
{
    /* In 64-bit mode the bases of the other four count as 0 (SDM Vol. 1, 3.3.4). */
    if (insn->code_size != CODE_64 || segment == SEG_FS || segment == SEG_GS)
        insn->segments |= (uint8_t)(1u << segment);
}

/* An access relative to the stack pointer before the instruction. */
static void add_stack(struct insn *insn, uint8_t flags, int64_t offset, unsigned size, uint8_t base)
{
    struct insn_memory *m = add_memory(insn, flags, size);
    if (!m)
        return;
    m->address = (struct insn_address){
        .displacement = offset, .base = base, .index = NO_REGISTER, .scale = 1, .segment = SEG_SS};
    insn->uses_stack = true;
    use_segment(insn, SEG_SS);
}

static void add_operand(struct insn *insn, const ZydisDecodedOperand *o, uint8_t flags)
{
    struct insn_memory *m = add_memory(insn, flags, o->size / 8u);
    if (!m)
        return;
    struct insn_address *a = &m->address;
    a->displacement = o->mem.disp.value;
    a->rip_relative = o->mem.base == ZYDIS_REGISTER_RIP || o->mem.base == ZYDIS_REGISTER_EIP;
    a->base = gpr_number(o->mem.base);
    a->index = gpr_number(o->mem.index);
    a->scale = o->mem.scale ? o->mem.scale : 1;
    a->segment = segment_number(o->mem.segment);
    a->bytes = insn->address_bytes;
    use_segment(insn, a->segment);
}

static void add_stack_operand(struct insn *insn, const ZydisDecodedInstruction *z,
                              const ZydisDecodedOperand *o)
{
    unsigned size = o->size / 8u;
    bool write = o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
    unsigned slots = 1;

    switch (z->mnemonic) {
    case ZYDIS_MNEMONIC_PUSHA:
    case ZYDIS_MNEMONIC_PUSHAD:
    case ZYDIS_MNEMONIC_POPA:
    case ZYDIS_MNEMONIC_POPAD:
        slots = 8;
        break;
    case ZYDIS_MNEMONIC_CALL:
    case ZYDIS_MNEMONIC_RET:
        slots = z->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ? 2 : 1;
        break;
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
        slots = 3;
        break;
    case ZYDIS_MNEMONIC_IRETQ:
        slots = 5;
        break;
    default:
        break;
    }
    unsigned slot = slots == 1                               ? size
                    : slots == 2 || slots == 3 || slots == 5 ? insn->operand_bytes
                                                             : size / 8;

    if (z->mnemonic == ZYDIS_MNEMONIC_PUSH && z->operand_count && o[-2].type == ZYDIS_OPERAND_TYPE_REGISTER &&
        ZydisRegisterGetClass(o[-2].reg.value) == ZYDIS_REGCLASS_SEGMENT) {
        add_stack(insn, INSN_WRITE, -(int64_t)slot, slot == 8 ? 8 : 2, RSP);
        return;
    }
    for (unsigned i = 0; i < slots; i++) {
        if (write)
            add_stack(insn, INSN_WRITE, -(int64_t)(slot * (i + 1)), slot, RSP);
        else
            add_stack(insn, INSN_READ, (int64_t)slot * i, slot, RSP);
    }
}

/* Reads in operand order, then writes: RMW forms read before they write; PUSH m and CALL m read first. */
static void add_all_operands(struct insn *insn, const ZydisDecodedInstruction *z,
                             const ZydisDecodedOperand *o)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        uint8_t flag = pass ? INSN_WRITE : INSN_READ;
        uint32_t mask = pass ? ZYDIS_OPERAND_ACTION_MASK_WRITE : ZYDIS_OPERAND_ACTION_MASK_READ;
        for (unsigned i = 0; i < z->operand_count; i++) {
            if (o[i].type != ZYDIS_OPERAND_TYPE_MEMORY || o[i].mem.type == ZYDIS_MEMOP_TYPE_AGEN ||
                !(o[i].actions & mask))
                continue;
            if (is_stack_operand(&o[i]))
                add_stack_operand(insn, z, &o[i]);
            else
                add_operand(insn, &o[i], flag);
        }
    }
}

static bool is_pop_to_memory(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *o)
{
    return z->mnemonic == ZYDIS_MNEMONIC_POP && o[0].type == ZYDIS_OPERAND_TYPE_MEMORY;
}

static void adjust_form(struct insn *insn, const ZydisDecodedInstruction *z, const ZydisDecodedOperand *o)
{
    switch (z->mnemonic) {
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC:
        if (o[0].type == ZYDIS_OPERAND_TYPE_MEMORY && o[1].type == ZYDIS_OPERAND_TYPE_REGISTER) {
            insn->form = FORM_BIT_OFFSET;
            insn->bit_register = gpr_number(o[1].reg.value);
        }
        break;
    case ZYDIS_MNEMONIC_XLAT:
        insn->form = FORM_XLAT;
        break;
    case ZYDIS_MNEMONIC_ENTER:
        insn->form = FORM_ENTER;
        insn->nesting = (uint8_t)(o[1].imm.value.u & 31);
        insn->memory_count = 0;
        insn->uses_stack = true;
        use_segment(insn, SEG_SS);
        break;
    case ZYDIS_MNEMONIC_FXSAVE:
    case ZYDIS_MNEMONIC_FXSAVE64:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR64:
        /* Up to the last XMM register of the mode; the rest is reserved or software's (SDM Vol. 1, 10.5.1).
         */
        insn->memory[0].size = (uint16_t)fxsave_bytes(insn->code_size == CODE_64);
        break;
    case ZYDIS_MNEMONIC_XSAVE:
    case ZYDIS_MNEMONIC_XSAVE64:
        insn->form = FORM_XSAVE;
        break;
    case ZYDIS_MNEMONIC_XSAVEOPT:
    case ZYDIS_MNEMONIC_XSAVEOPT64:
        insn->form = FORM_XSAVEOPT;
        break;
    case ZYDIS_MNEMONIC_XSAVEC:
    case ZYDIS_MNEMONIC_XSAVEC64:
    case ZYDIS_MNEMONIC_XSAVES:
    case ZYDIS_MNEMONIC_XSAVES64:
        insn->form = FORM_XSAVEC;
        break;
    case ZYDIS_MNEMONIC_XRSTOR:
    case ZYDIS_MNEMONIC_XRSTOR64:
    case ZYDIS_MNEMONIC_XRSTORS:
    case ZYDIS_MNEMONIC_XRSTORS64:
        insn->form = FORM_XRSTOR;
        break;
    case ZYDIS_MNEMONIC_BOUND:
        insn->memory[0].size /= 2;
        insn->memory[1] = insn->memory[0];
        insn->memory[1].address.displacement += insn->memory[0].size;
        insn->memory_count = 2;
        break;
    case ZYDIS_MNEMONIC_SGDT:
    case ZYDIS_MNEMONIC_SIDT:
        if (insn->memory_count == 1) {
            insn->memory[1] = insn->memory[0];
            insn->memory_count = 2;
            insn->memory[0].size = 2;
            insn->memory[1].size = insn->code_size == CODE_64 ? 8 : 4;
            insn->memory[1].address.displacement += 2;
        }
        break;
    case ZYDIS_MNEMONIC_LEAVE:
        insn->memory_count = 0;
        add_stack(insn, INSN_READ, 0, insn->operand_bytes, RBP);
        break;
    default:
        break;
    }
    /* POP computes a stack-relative destination after it has moved the stack pointer (SDM Vol. 2B, POP). */
    if (is_pop_to_memory(z, o) && gpr_number(o[0].mem.base) == RSP)
        for (unsigned i = 0; i < insn->memory_count; i++)
            if (insn->memory[i].flags & INSN_WRITE)
                insn->memory[i].address.displacement += insn->memory[i].size;
}

static bool may_load_segment(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *o)
{
    switch (z->mnemonic) {
    case ZYDIS_MNEMONIC_LDS:
    case ZYDIS_MNEMONIC_LES:
    case ZYDIS_MNEMONIC_LFS:
    case ZYDIS_MNEMONIC_LGS:
    case ZYDIS_MNEMONIC_LSS:
    case ZYDIS_MNEMONIC_LTR:
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
        return true;
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_POP:
        return o[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
               ZydisRegisterGetClass(o[0].reg.value) == ZYDIS_REGCLASS_SEGMENT;
    default:
        return z->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
    }
}

/* The forms that make up nearly all stores, and that one copy carries out. */
static void describe_store(struct insn *insn, const ZydisDecodedInstruction *z, const ZydisDecodedOperand *o)
{
    struct insn_store *s = &insn->store;
    const ZydisDecodedOperand *source = NULL;

    if (insn->memory_count != 1 || insn->memory[0].flags != INSN_WRITE || insn->rep || insn->locked)
        return;
    switch (z->mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVNTI:
        source = &o[1];
        break;
    case ZYDIS_MNEMONIC_PUSH:
        source = &o[0];
        s->push = (uint8_t)insn->memory[0].size;
        break;
    case ZYDIS_MNEMONIC_STOSB:
    case ZYDIS_MNEMONIC_STOSW:
    case ZYDIS_MNEMONIC_STOSD:
    case ZYDIS_MNEMONIC_STOSQ:
        source = &o[1];
        s->string = (uint8_t)insn->memory[0].size;
        break;
    case ZYDIS_MNEMONIC_CALL:
        if (z->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR || o[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
            return;
        s->source = STORE_NEXT_IP;
        s->immediate = o[0].imm.value.u;
        s->push = (uint8_t)insn->memory[0].size;
        return;
    default:
        return;
    }
    if (source->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        s->source = STORE_IMMEDIATE;
        s->immediate = source->imm.value.u;
    } else if (source->type == ZYDIS_OPERAND_TYPE_REGISTER && gpr_number(source->reg.value) != NO_REGISTER) {
        s->source = STORE_REGISTER;
        s->gpr = gpr_number(source->reg.value);
        s->shift = is_high_byte(source->reg.value) ? 8 : 0;
    }
}

bool insn_decode(struct insn *insn, const uint8_t *bytes, size_t available, enum code_size size)
{
    ZydisDecodedInstruction z;
    ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];

    memset(insn, 0, sizeof *insn);
    if (zydis_decode(&z, o, bytes, available, size) != ZYDIS_DECODED)
        return false;

    insn->length = z.length;
    memcpy(insn->bytes, bytes, z.length);
    insn->code_size = (uint8_t)size;
    insn->operand_bytes = z.operand_width / 8;
    insn->address_bytes = z.address_width / 8;
    insn->rep = z.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE);
    if (touches_no_memory(z.mnemonic))
        return true;

    add_all_operands(insn, &z, o);
    insn->locked =
        insn->memory_count && ((z.attributes & ZYDIS_ATTRIB_HAS_LOCK) || (z.mnemonic == ZYDIS_MNEMONIC_XCHG));
    insn->loads_segment = may_load_segment(&z, o);
    if (lanes_describe(&insn->lanes, &z, o))
        insn->form = FORM_LANES;
    adjust_form(insn, &z, o);
    describe_store(insn, &z, o);
    return true;
}
