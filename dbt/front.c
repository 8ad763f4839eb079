/*
 * The front end: what kind of guest instruction the bytes are, and which of the
 * arithmetic flags are dead where.
 *
 * Only what is known to be safe is copied: an instruction of a category that is
 * not named here is G_UNSUPPORTED, which ends the run with its bytes in the line.
 */
#include "dbt/front.h"

#include "dbt/sys/sys.h"

host_reg front_gpr(ZydisRegister r)
{
    switch (ZydisRegisterGetClass(r)) {
    case ZYDIS_REGCLASS_GPR8: {
        uint8_t id = (uint8_t)ZydisRegisterGetId(r);
        /* Zydis counts AL CL DL BL AH CH DH BH SPL BPL SIL DIL R8B … */
        return id < 4 ? id : (host_reg)(id - 4);
    }
    case ZYDIS_REGCLASS_GPR16:
    case ZYDIS_REGCLASS_GPR32:
    case ZYDIS_REGCLASS_GPR64:
        return (host_reg)ZydisRegisterGetId(r);
    default:
        return HOST_NONE;
    }
}

bool front_uses_gpr(const struct guest_insn *g, host_reg r)
{
    for (unsigned i = 0; i < g->z.operand_count; i++) {
        const ZydisDecodedOperand *o = &g->op[i];
        if (o->type == ZYDIS_OPERAND_TYPE_REGISTER && front_gpr(o->reg.value) == r)
            return true;
        if (o->type == ZYDIS_OPERAND_TYPE_MEMORY &&
            (front_gpr(o->mem.base) == r || front_gpr(o->mem.index) == r))
            return true;
    }
    return false;
}

bool front_writes_gpr(const struct guest_insn *g, host_reg r)
{
    for (unsigned i = 0; i < g->z.operand_count; i++) {
        const ZydisDecodedOperand *o = &g->op[i];
        if (o->type == ZYDIS_OPERAND_TYPE_REGISTER && (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
            front_gpr(o->reg.value) == r)
            return true;
    }
    return false;
}

bool front_wants_alignment(const struct guest_insn *g)
{
    switch (g->z.mnemonic) {
    case ZYDIS_MNEMONIC_CMPXCHG16B:
    case ZYDIS_MNEMONIC_CVTPD2PI:
    case ZYDIS_MNEMONIC_CVTTPD2PI:
        return true;
    case ZYDIS_MNEMONIC_MOVUPS:
    case ZYDIS_MNEMONIC_MOVUPD:
    case ZYDIS_MNEMONIC_MOVDQU:
    case ZYDIS_MNEMONIC_LDDQU:
    case ZYDIS_MNEMONIC_PCMPESTRI:
    case ZYDIS_MNEMONIC_PCMPESTRM:
    case ZYDIS_MNEMONIC_PCMPISTRI:
    case ZYDIS_MNEMONIC_PCMPISTRM:
        return false;
    default:
        break;
    }
    switch (g->z.meta.exception_class) {
    case ZYDIS_EXCEPTION_CLASS_SSE1:
    case ZYDIS_EXCEPTION_CLASS_SSE2:
    case ZYDIS_EXCEPTION_CLASS_SSE4:
        return g->z.meta.category != ZYDIS_CATEGORY_SHA;
    case ZYDIS_EXCEPTION_CLASS_AVX1:
    case ZYDIS_EXCEPTION_CLASS_E1:
    case ZYDIS_EXCEPTION_CLASS_E1NF:
        return true;
    default:
        return false;
    }
}

/* ---- classes ---- */

static bool may_be_copied(const struct guest_insn *g)
{
    switch (g->z.meta.category) {
    case ZYDIS_CATEGORY_ADOX_ADCX:
    case ZYDIS_CATEGORY_AES:
    case ZYDIS_CATEGORY_AVX:
    case ZYDIS_CATEGORY_AVX2:
    case ZYDIS_CATEGORY_BINARY:
    case ZYDIS_CATEGORY_BITBYTE:
    case ZYDIS_CATEGORY_BMI1:
    case ZYDIS_CATEGORY_BMI2:
    case ZYDIS_CATEGORY_BROADCAST:
    case ZYDIS_CATEGORY_CMOV:
    case ZYDIS_CATEGORY_CONVERT:
    case ZYDIS_CATEGORY_DATAXFER:
    case ZYDIS_CATEGORY_FCMOV:
    case ZYDIS_CATEGORY_FLAGOP:
    case ZYDIS_CATEGORY_GFNI:
    case ZYDIS_CATEGORY_LOGICAL:
    case ZYDIS_CATEGORY_LOGICAL_FP:
    case ZYDIS_CATEGORY_LZCNT:
    case ZYDIS_CATEGORY_MMX:
    case ZYDIS_CATEGORY_PCLMULQDQ:
    case ZYDIS_CATEGORY_ROTATE:
    case ZYDIS_CATEGORY_SEMAPHORE:
    case ZYDIS_CATEGORY_SETCC:
    case ZYDIS_CATEGORY_SHA:
    case ZYDIS_CATEGORY_SHIFT:
    case ZYDIS_CATEGORY_SSE:
    case ZYDIS_CATEGORY_STTNI:
    case ZYDIS_CATEGORY_VAES:
    case ZYDIS_CATEGORY_VFMA:
    case ZYDIS_CATEGORY_VPCLMULQDQ:
    case ZYDIS_CATEGORY_X87_ALU:
        break;
    default:
        return false;
    }
    switch (g->z.mnemonic) {
    /* A mask says which elements; x87 environments hold addresses of code and operands. */
    case ZYDIS_MNEMONIC_MASKMOVQ:
    case ZYDIS_MNEMONIC_MASKMOVDQU:
    case ZYDIS_MNEMONIC_VMASKMOVDQU:
    case ZYDIS_MNEMONIC_VMASKMOVPS:
    case ZYDIS_MNEMONIC_VMASKMOVPD:
    case ZYDIS_MNEMONIC_VPMASKMOVD:
    case ZYDIS_MNEMONIC_VPMASKMOVQ:
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_FNSAVE:
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FRSTOR:
    case ZYDIS_MNEMONIC_FXSAVE:
    case ZYDIS_MNEMONIC_FXSAVE64:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR64:
        return false;
    default:
        break;
    }
    if (g->z.encoding == ZYDIS_INSTRUCTION_ENCODING_XOP ||
        g->z.encoding == ZYDIS_INSTRUCTION_ENCODING_3DNOW ||
        g->z.encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX || g->z.avx.mask.mode > ZYDIS_MASK_MODE_DISABLED)
        return false;
    for (unsigned i = 0; i < g->z.operand_count; i++) {
        const ZydisDecodedOperand *o = &g->op[i];
        if (o->type == ZYDIS_OPERAND_TYPE_REGISTER) {
            ZydisRegisterClass c = ZydisRegisterGetClass(o->reg.value);
            if (c == ZYDIS_REGCLASS_SEGMENT || c == ZYDIS_REGCLASS_CONTROL || c == ZYDIS_REGCLASS_DEBUG)
                return false;
        }
        if (o->type == ZYDIS_OPERAND_TYPE_MEMORY && i != (unsigned)g->memory)
            return false; /* a second operand in memory, or a hidden one */
    }
    return g->memory < 0 ||
           (g->op[g->memory].mem.type == ZYDIS_MEMOP_TYPE_MEM && g->op[g->memory].size >= 8 &&
            g->op[g->memory].size <= 512 && g->op[g->memory].size % 8 == 0);
}

static bool is_string(const struct guest_insn *g)
{
    return g->z.meta.category == ZYDIS_CATEGORY_STRINGOP;
}

/* POP to a place that depends on the stack pointer, PUSH of a segment register and the like are left out. */
static uint8_t class_of_push_or_pop(const struct guest_insn *g)
{
    bool push = g->z.mnemonic == ZYDIS_MNEMONIC_PUSH;
    const ZydisDecodedOperand *o = &g->op[0];
    switch (o->type) {
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
        return G_PUSH;
    case ZYDIS_OPERAND_TYPE_REGISTER:
        return front_gpr(o->reg.value) != HOST_NONE ? (push ? G_PUSH : G_POP) : G_UNSUPPORTED;
    case ZYDIS_OPERAND_TYPE_MEMORY:
        return push ? G_PUSH : G_POP;
    default:
        return G_UNSUPPORTED;
    }
}

static uint8_t class_of(const struct guest_insn *g)
{
    switch (g->z.mnemonic) {
    case ZYDIS_MNEMONIC_LEA:
        return G_LEA;
    case ZYDIS_MNEMONIC_NOP:
    case ZYDIS_MNEMONIC_PREFETCH:
    case ZYDIS_MNEMONIC_PREFETCHNTA:
    case ZYDIS_MNEMONIC_PREFETCHT0:
    case ZYDIS_MNEMONIC_PREFETCHT1:
    case ZYDIS_MNEMONIC_PREFETCHT2:
    case ZYDIS_MNEMONIC_PREFETCHW:
    case ZYDIS_MNEMONIC_PREFETCHWT1:
    case ZYDIS_MNEMONIC_ENDBR32:
    case ZYDIS_MNEMONIC_ENDBR64:
    /* One CPU, one thread: nothing to order. */
    case ZYDIS_MNEMONIC_PAUSE:
    case ZYDIS_MNEMONIC_LFENCE:
    case ZYDIS_MNEMONIC_MFENCE:
    case ZYDIS_MNEMONIC_SFENCE:
        return G_NOP;
    case ZYDIS_MNEMONIC_JMP:
        if (g->z.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
            return G_UNSUPPORTED;
        return g->op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? G_JMP : G_JMP_INDIRECT;
    case ZYDIS_MNEMONIC_CALL:
        if (g->z.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
            return G_UNSUPPORTED;
        return g->op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? G_CALL : G_CALL_INDIRECT;
    case ZYDIS_MNEMONIC_RET:
        return g->z.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ? G_UNSUPPORTED : G_RET;
    case ZYDIS_MNEMONIC_PUSH:
    case ZYDIS_MNEMONIC_POP:
        return class_of_push_or_pop(g);
    case ZYDIS_MNEMONIC_LEAVE:
        return G_LEAVE;
    case ZYDIS_MNEMONIC_XLAT:
        return G_SLOW;
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC:
        /* The bit may be far from where the operand says. */
        return g->op[0].type == ZYDIS_OPERAND_TYPE_MEMORY && g->op[1].type == ZYDIS_OPERAND_TYPE_REGISTER
                   ? G_SLOW
                   : G_COPY;
    case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1:
    case ZYDIS_MNEMONIC_UD2:
        return G_UD;
    case ZYDIS_MNEMONIC_CLD:
    case ZYDIS_MNEMONIC_STD:
        return G_DF;
    case ZYDIS_MNEMONIC_LOOP:
    case ZYDIS_MNEMONIC_LOOPE:
    case ZYDIS_MNEMONIC_LOOPNE:
    case ZYDIS_MNEMONIC_JCXZ:
    case ZYDIS_MNEMONIC_JECXZ:
    case ZYDIS_MNEMONIC_JRCXZ:
        return G_LOOP;
    default:
        break;
    }
    if (g->z.meta.category == ZYDIS_CATEGORY_COND_BR)
        return G_JCC;
    if (is_string(g))
        return G_STRING;
    if (g->z.meta.category == ZYDIS_CATEGORY_WIDENOP)
        return G_NOP;
    return may_be_copied(g) ? G_COPY : G_UNSUPPORTED;
}

/* ---- flags ---- */

/* Shifts and rotates by 0, and string instructions that turn 0 times, leave the flags alone. */
static bool may_leave_flags(const struct guest_insn *g)
{
    return g->z.meta.category == ZYDIS_CATEGORY_SHIFT || g->z.meta.category == ZYDIS_CATEGORY_ROTATE ||
           g->z.mnemonic == ZYDIS_MNEMONIC_SHLD || g->z.mnemonic == ZYDIS_MNEMONIC_SHRD || is_string(g);
}

/* Their AF is undefined; every processor clears it. */
static bool is_logic(const struct guest_insn *g)
{
    return g->z.mnemonic == ZYDIS_MNEMONIC_AND || g->z.mnemonic == ZYDIS_MNEMONIC_OR ||
           g->z.mnemonic == ZYDIS_MNEMONIC_XOR || g->z.mnemonic == ZYDIS_MNEMONIC_TEST;
}

static void set_flags_use(struct guest_insn *g)
{
    const ZydisAccessedFlags *f = g->z.cpu_flags;
    bool opaque = g->class == G_SYSTEM || g->class == G_UNSUPPORTED || g->class == G_LOOP ||
                  g->class == G_SLOW || g->class == G_UD;
    if (opaque)
        g->flags_read = ARITHMETIC_FLAGS;
    if (!f || opaque)
        return;
    g->flags_read = f->tested & ARITHMETIC_FLAGS;
    const uint32_t changed = (f->modified | f->set_0 | f->set_1 | f->undefined) & ARITHMETIC_FLAGS;
    /* Undefined flags keep, on some processors, what they were: neither read nor killed. */
    if (!may_leave_flags(g))
        g->flags_killed = is_logic(g) ? changed : changed & ~f->undefined;
    g->flags_mixed = changed && g->flags_killed != ARITHMETIC_FLAGS;
}

void front_liveness(struct guest_insn *g, unsigned count, bool exposed)
{
    uint32_t live = ARITHMETIC_FLAGS;
    bool shown = false;
    for (unsigned i = count; i-- > 0;) {
        /* A conditional branch inside the block is a way out of it. */
        if (g[i].class == G_JCC || g[i].class == G_LOOP)
            live = ARITHMETIC_FLAGS;
        live = (live & ~g[i].flags_killed) | g[i].flags_read;
        if (g[i].flags_mixed && shown)
            live = ARITHMETIC_FLAGS;
        shown = (shown && g[i].flags_killed != ARITHMETIC_FLAGS) || g[i].can_fault || g[i].writes_code ||
                (exposed && g[i].touches_memory);
        g[i].flags_dead = live == 0;
        g[i].flags_shown = shown;
    }
}

/* ---- decoding ---- */

static int8_t explicit_memory(const struct guest_insn *g)
{
    for (unsigned i = 0; i < g->z.operand_count; i++)
        if (g->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY && g->op[i].mem.type != ZYDIS_MEMOP_TYPE_AGEN &&
            g->op[i].visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT)
            return (int8_t)i;
    return -1;
}

static bool is_division(ZydisMnemonic m)
{
    return m == ZYDIS_MNEMONIC_DIV || m == ZYDIS_MNEMONIC_IDIV;
}

/* These may raise #NM, #MF, #XM and #UD. */
static bool uses_vectors(const struct guest_insn *g)
{
    for (unsigned i = 0; i < g->z.operand_count; i++) {
        if (g->op[i].type != ZYDIS_OPERAND_TYPE_REGISTER)
            continue;
        ZydisRegisterClass c = ZydisRegisterGetClass(g->op[i].reg.value);
        if (c != ZYDIS_REGCLASS_FLAGS && c != ZYDIS_REGCLASS_IP && front_gpr(g->op[i].reg.value) == HOST_NONE)
            return true;
    }
    return g->z.meta.category == ZYDIS_CATEGORY_X87_ALU;
}

bool front_decode(struct guest_insn *g, const uint8_t *bytes, size_t available, uint64_t ip,
                  enum code_size size)
{
    static const ZydisMachineMode modes[] = {
        [CODE_16] = ZYDIS_MACHINE_MODE_LONG_COMPAT_16,
        [CODE_32] = ZYDIS_MACHINE_MODE_LONG_COMPAT_32,
        [CODE_64] = ZYDIS_MACHINE_MODE_LONG_64,
    };
    static const ZydisStackWidth widths[] = {
        [CODE_16] = ZYDIS_STACK_WIDTH_16, [CODE_32] = ZYDIS_STACK_WIDTH_32, [CODE_64] = ZYDIS_STACK_WIDTH_64};
    ZydisDecoder decoder;

    if (ZYAN_FAILED(ZydisDecoderInit(&decoder, modes[size], widths[size])) ||
        ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes, available, &g->z, g->op)))
        return false;
    memcpy(g->bytes, bytes, g->z.length);
    g->ip = ip;
    g->memory = explicit_memory(g);
    g->flags_read = g->flags_killed = 0;
    g->flags_mixed = g->flags_dead = g->flags_shown = false;

    struct insn insn;
    g->class = insn_decode(&insn, bytes, available, size) && (sys_handles(&insn) || io_handles(&insn))
                   ? G_SYSTEM
                   : class_of(g);
    set_flags_use(g);
    g->ends_block =
        g->class == G_SYSTEM || g->class == G_UNSUPPORTED || g->class == G_SLOW || g->class == G_UD ||
        g->class == G_JMP || g->class == G_JMP_INDIRECT || g->class == G_CALL ||
        g->class == G_CALL_INDIRECT || g->class == G_RET || g->class == G_JCC || g->class == G_LOOP ||
        g->class == G_DF ||
        (g->class == G_STRING &&
         (g->z.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)));
    g->touches_memory = g->class != G_NOP && g->class != G_LEA && g->class != G_JCC && g->class != G_LOOP &&
                        (g->memory >= 0 || g->class != G_COPY);
    g->writes_code = size != CODE_64 && g->memory >= 0 && g->op[g->memory].mem.segment == ZYDIS_REGISTER_CS &&
                     g->op[g->memory].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
    g->divides = is_division(g->z.mnemonic);
    g->can_fault = is_division(g->z.mnemonic) || (g->class == G_COPY && uses_vectors(g));
    return true;
}
