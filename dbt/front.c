/*
 * The front end: what kind of guest instruction the bytes are, and which of the
 * arithmetic flags are dead where.
 *
 * Only what is known to be safe is copied: all else that no C code executes is for
 * the guest as on a processor that does not know it, which is what CPUID says.
 */
#include "dbt/front.h"

#include "dbt/sys/sys.h"
#include "x86/exceptions.h"

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

/* ---- features ---- */

static bool has_register_of(const struct guest_insn *g, ZydisRegisterClass class)
{
    for (unsigned i = 0; i < g->z.operand_count; i++)
        if (g->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            ZydisRegisterGetClass(g->op[i].reg.value) == class)
            return true;
    return false;
}

/* Of these the operands need not show it. */
static bool uses_vector_state(const struct guest_insn *g)
{
    switch (g->z.mnemonic) {
    case ZYDIS_MNEMONIC_LDMXCSR:
    case ZYDIS_MNEMONIC_STMXCSR:
    case ZYDIS_MNEMONIC_VLDMXCSR:
    case ZYDIS_MNEMONIC_VSTMXCSR:
    case ZYDIS_MNEMONIC_VZEROALL:
    case ZYDIS_MNEMONIC_VZEROUPPER:
    case ZYDIS_MNEMONIC_CVTPS2PI:
    case ZYDIS_MNEMONIC_CVTTPS2PI:
    case ZYDIS_MNEMONIC_CVTPD2PI:
    case ZYDIS_MNEMONIC_CVTTPD2PI:
    case ZYDIS_MNEMONIC_CVTSS2SI:
    case ZYDIS_MNEMONIC_CVTTSS2SI:
    case ZYDIS_MNEMONIC_CVTSD2SI:
    case ZYDIS_MNEMONIC_CVTTSD2SI:
    case ZYDIS_MNEMONIC_VCVTSS2SI:
    case ZYDIS_MNEMONIC_VCVTTSS2SI:
    case ZYDIS_MNEMONIC_VCVTSD2SI:
    case ZYDIS_MNEMONIC_VCVTTSD2SI:
        return true;
    default:
        return has_register_of(g, ZYDIS_REGCLASS_XMM) || has_register_of(g, ZYDIS_REGCLASS_YMM);
    }
}

#define OPCODE_WAIT 0x9bu
static uint8_t feature_of_legacy(const struct guest_insn *g)
{
    if (g->z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT) {
        if ((g->z.opcode & 0xf8) == 0xd8)
            return FEATURE_X87;
        return g->z.opcode == OPCODE_WAIT ? FEATURE_WAIT : FEATURE_NONE;
    }
    if (uses_vector_state(g))
        return FEATURE_SSE;
    return has_register_of(g, ZYDIS_REGCLASS_MMX) || g->z.mnemonic == ZYDIS_MNEMONIC_EMMS ? FEATURE_MMX
                                                                                          : FEATURE_NONE;
}

static uint8_t feature_of(const struct guest_insn *g)
{
    switch (g->z.encoding) {
    case ZYDIS_INSTRUCTION_ENCODING_LEGACY:
        return feature_of_legacy(g);
    case ZYDIS_INSTRUCTION_ENCODING_VEX:
        if (g->z.meta.category == ZYDIS_CATEGORY_KMASK || has_register_of(g, ZYDIS_REGCLASS_MASK))
            return FEATURE_AVX512;
        return uses_vector_state(g) ? FEATURE_AVX : FEATURE_VEX;
    default:
        return FEATURE_AVX512;
    }
}

/* The exception that the mode makes of the instruction, or 0. */
static uint8_t fault_of(const struct guest_insn *g, uint64_t mode)
{
    uint8_t if_task_switched = mode & MODE_TS ? VECTOR_NM : 0;
    switch (g->feature) {
    case FEATURE_X87:
        return mode & MODE_EM ? VECTOR_NM : if_task_switched;
    case FEATURE_WAIT:
        return mode & MODE_WAIT_NM ? VECTOR_NM : 0;
    case FEATURE_MMX:
        return mode & MODE_EM ? VECTOR_UD : if_task_switched;
    case FEATURE_SSE:
        return mode & (MODE_EM | MODE_NO_SSE) ? VECTOR_UD : if_task_switched;
    case FEATURE_VEX:
        return mode & MODE_NO_VEX ? VECTOR_UD : 0;
    case FEATURE_AVX:
        return mode & (MODE_NO_VEX | MODE_NO_AVX) ? VECTOR_UD : if_task_switched;
    case FEATURE_AVX512:
        return mode & (MODE_NO_VEX | MODE_NO_AVX512) ? VECTOR_UD : if_task_switched;
    default:
        return 0;
    }
}

/* MXCSR.MM, which AMD's processors have (APM Vol. 1, 4.2.2); Intel's keep it 0. */
static bool misaligned_operands_allowed(void)
{
    uint32_t mxcsr;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    return mxcsr >> 17 & 1;
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
    case ZYDIS_EXCEPTION_CLASS_SSE1: /* moves of aligned data */
        return true;
    case ZYDIS_EXCEPTION_CLASS_SSE2:
    case ZYDIS_EXCEPTION_CLASS_SSE4:
        return g->z.meta.category != ZYDIS_CATEGORY_SHA && !misaligned_operands_allowed();
    case ZYDIS_EXCEPTION_CLASS_AVX1:
    case ZYDIS_EXCEPTION_CLASS_E1:
    case ZYDIS_EXCEPTION_CLASS_E1NF:
        return true;
    default:
        return false;
    }
}

unsigned front_released(const struct guest_insn *g)
{
    return g->z.operand_count_visible && g->op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE
               ? (unsigned)(g->op[0].imm.value.u & 0xffff)
               : 0;
}

bool front_waits(const struct guest_insn *g)
{
    switch (g->z.mnemonic) {
    case ZYDIS_MNEMONIC_FNINIT:
    case ZYDIS_MNEMONIC_FNCLEX:
    case ZYDIS_MNEMONIC_FNSTCW:
    case ZYDIS_MNEMONIC_FNSTSW:
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_FNSAVE:
        return false;
    default:
        return g->feature == FEATURE_X87 || has_register_of(g, ZYDIS_REGCLASS_MMX);
    }
}

/* ---- classes ---- */

/* Categories of instructions that the host's CPU executes for the guest, or knows to be undefined. */
static bool is_copied_category(ZydisInstructionCategory category)
{
    switch (category) {
    case ZYDIS_CATEGORY_ADOX_ADCX:
    case ZYDIS_CATEGORY_AES:
    case ZYDIS_CATEGORY_AVX:
    case ZYDIS_CATEGORY_AVX2:
    case ZYDIS_CATEGORY_AVX2GATHER:
    case ZYDIS_CATEGORY_AVX512:
    case ZYDIS_CATEGORY_AVX512_BITALG:
    case ZYDIS_CATEGORY_AVX512_VBMI:
    case ZYDIS_CATEGORY_AVX512_VP2INTERSECT:
    case ZYDIS_CATEGORY_BINARY:
    case ZYDIS_CATEGORY_BITBYTE:
    case ZYDIS_CATEGORY_BLEND:
    case ZYDIS_CATEGORY_BMI1:
    case ZYDIS_CATEGORY_BMI2:
    case ZYDIS_CATEGORY_BROADCAST:
    case ZYDIS_CATEGORY_CMOV:
    case ZYDIS_CATEGORY_COMPRESS:
    case ZYDIS_CATEGORY_CONFLICT:
    case ZYDIS_CATEGORY_CONVERT:
    case ZYDIS_CATEGORY_DATAXFER:
    case ZYDIS_CATEGORY_EXPAND:
    case ZYDIS_CATEGORY_FCMOV:
    case ZYDIS_CATEGORY_FLAGOP:
    case ZYDIS_CATEGORY_FP16:
    case ZYDIS_CATEGORY_GATHER:
    case ZYDIS_CATEGORY_GFNI:
    case ZYDIS_CATEGORY_IFMA:
    case ZYDIS_CATEGORY_KMASK:
    case ZYDIS_CATEGORY_LOGICAL:
    case ZYDIS_CATEGORY_LOGICAL_FP:
    case ZYDIS_CATEGORY_LZCNT:
    case ZYDIS_CATEGORY_MMX:
    case ZYDIS_CATEGORY_MOVDIR:
    case ZYDIS_CATEGORY_PCLMULQDQ:
    case ZYDIS_CATEGORY_RDRAND:
    case ZYDIS_CATEGORY_RDSEED:
    case ZYDIS_CATEGORY_ROTATE:
    case ZYDIS_CATEGORY_SCATTER:
    case ZYDIS_CATEGORY_SEMAPHORE:
    case ZYDIS_CATEGORY_SETCC:
    case ZYDIS_CATEGORY_SHA:
    case ZYDIS_CATEGORY_SHIFT:
    case ZYDIS_CATEGORY_SSE:
    case ZYDIS_CATEGORY_STTNI:
    case ZYDIS_CATEGORY_VAES:
    case ZYDIS_CATEGORY_VBMI2:
    case ZYDIS_CATEGORY_VEX:
    case ZYDIS_CATEGORY_VFMA:
    case ZYDIS_CATEGORY_VPCLMULQDQ:
    case ZYDIS_CATEGORY_X87_ALU:
        return true;
    default:
        return false;
    }
}

static bool names_system_register(const struct guest_insn *g)
{
    return has_register_of(g, ZYDIS_REGCLASS_SEGMENT) || has_register_of(g, ZYDIS_REGCLASS_CONTROL) ||
           has_register_of(g, ZYDIS_REGCLASS_DEBUG) || has_register_of(g, ZYDIS_REGCLASS_TEST);
}

static bool has_known_encoding(const struct guest_insn *g)
{
    return g->z.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY ||
           g->z.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX ||
           g->z.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX;
}

/* One operand in memory, which the probe can find, of a size that a record holds. */
static bool has_plain_memory(const struct guest_insn *g)
{
    for (unsigned i = 0; i < g->z.operand_count; i++)
        if (g->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY && i != (unsigned)g->memory)
            return false; /* a second one, or a hidden one */
    if (g->memory < 0)
        return true;
    const ZydisDecodedOperand *o = &g->op[g->memory];
    return o->mem.type == ZYDIS_MEMOP_TYPE_MEM && o->size >= 8 && o->size <= 512 && o->size % 8 == 0;
}

/* Outside 64-bit mode the encodings of VPINSRQ and VPEXTRQ are not those of VPINSRD and VPEXTRD. */
static bool is_undefined_with_w(const struct guest_insn *g)
{
    return (g->z.mnemonic == ZYDIS_MNEMONIC_VPINSRD || g->z.mnemonic == ZYDIS_MNEMONIC_VPEXTRD) &&
           g->z.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX && g->z.raw.vex.W;
}

static uint8_t class_of_copied(const struct guest_insn *g)
{
    if (!is_copied_category(g->z.meta.category) || !has_known_encoding(g) || names_system_register(g) ||
        is_undefined_with_w(g))
        return G_UD;
    struct insn_lanes lanes;
    if (lanes_describe(&lanes, &g->z, g->op))
        return G_LANES;
    return has_plain_memory(g) ? G_COPY : G_UD;
}

static bool is_hint(const struct guest_insn *g)
{
    switch (g->z.meta.category) {
    case ZYDIS_CATEGORY_NOP:
    case ZYDIS_CATEGORY_WIDENOP:
    case ZYDIS_CATEGORY_PREFETCH:
    case ZYDIS_CATEGORY_PREFETCHWT1:
    case ZYDIS_CATEGORY_CLDEMOTE:
    case ZYDIS_CATEGORY_MPX: /* without MPX its opcodes are hints */
        return g->z.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY;
    default:
        return false;
    }
}

/* With a register as operand some processors know no such hint. */
static uint8_t class_of_hint(const struct guest_insn *g)
{
    return (g->z.attributes & ZYDIS_ATTRIB_HAS_MODRM) && g->z.raw.modrm.mod == 3 ? G_COPY : G_NOP;
}

static uint8_t class_of_push_or_pop(const struct guest_insn *g)
{
    return g->z.mnemonic == ZYDIS_MNEMONIC_PUSH ? G_PUSH : G_POP;
}

static uint8_t class_of_branch(const struct guest_insn *g, uint8_t direct, uint8_t indirect)
{
    if (g->z.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
        return G_UD; /* those that exist are system instructions */
    return g->op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? direct : indirect;
}

static uint8_t class_of_mnemonic(const struct guest_insn *g)
{
    switch (g->z.mnemonic) {
    case ZYDIS_MNEMONIC_LEA:
        return G_LEA;
    case ZYDIS_MNEMONIC_ENDBR32:
    case ZYDIS_MNEMONIC_ENDBR64:
    case ZYDIS_MNEMONIC_RDSSPD: /* no shadow stacks: these are hints (SDM Vol. 2B, RDSSP) */
    case ZYDIS_MNEMONIC_RDSSPQ:
    /* One CPU, one thread: nothing to order. */
    case ZYDIS_MNEMONIC_PAUSE:
    case ZYDIS_MNEMONIC_LFENCE:
    case ZYDIS_MNEMONIC_MFENCE:
    case ZYDIS_MNEMONIC_SFENCE:
        return G_NOP;
    case ZYDIS_MNEMONIC_JMP:
        return class_of_branch(g, G_JMP, G_JMP_INDIRECT);
    case ZYDIS_MNEMONIC_CALL:
        return class_of_branch(g, G_CALL, G_CALL_INDIRECT);
    case ZYDIS_MNEMONIC_RET:
        return class_of_branch(g, G_RET, G_RET);
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
    case ZYDIS_MNEMONIC_XBEGIN: /* no transactions */
    case ZYDIS_MNEMONIC_XEND:
    case ZYDIS_MNEMONIC_XTEST:
    case ZYDIS_MNEMONIC_XABORT:
    case ZYDIS_MNEMONIC_FEMMS: /* 3DNow! */
        return G_UD;
    default:
        return class_of_copied(g);
    }
}

static bool is_conditional_jump(const struct guest_insn *g)
{
    return (g->z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (g->z.opcode & 0xf0) == 0x70) ||
           (g->z.opcode_map == ZYDIS_OPCODE_MAP_0F && (g->z.opcode & 0xf0) == 0x80);
}

static uint8_t class_of(const struct guest_insn *g)
{
    if (is_hint(g))
        return class_of_hint(g);
    switch (g->z.meta.category) {
    case ZYDIS_CATEGORY_COND_BR:
        return is_conditional_jump(g) ? G_JCC : class_of_mnemonic(g);
    case ZYDIS_CATEGORY_STRINGOP:
        return G_STRING;
    default:
        return class_of_mnemonic(g);
    }
}

/* ---- flags ---- */

/* Shifts and rotates by 0, and string instructions that turn 0 times, leave the flags alone. */
static bool may_leave_flags(const struct guest_insn *g)
{
    return g->z.meta.category == ZYDIS_CATEGORY_SHIFT || g->z.meta.category == ZYDIS_CATEGORY_ROTATE ||
           g->z.mnemonic == ZYDIS_MNEMONIC_SHLD || g->z.mnemonic == ZYDIS_MNEMONIC_SHRD ||
           g->class == G_STRING;
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
                  g->class == G_SLOW || g->class == G_LANES || g->class == G_UD || g->class == G_NM;
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

/* Other than by its operand, or on processors that translated code runs on at all: those with BMI2. */
static bool may_fault(const struct guest_insn *g)
{
    switch (g->z.meta.category) {
    case ZYDIS_CATEGORY_ADOX_ADCX:
    case ZYDIS_CATEGORY_MOVDIR:
    case ZYDIS_CATEGORY_RDSEED:
        return true;
    default:
        return is_hint(g) || g->z.mnemonic == ZYDIS_MNEMONIC_CMPXCHG16B ||
               (g->feature != FEATURE_NONE && g->feature != FEATURE_VEX);
    }
}

static bool ends_block(const struct guest_insn *g)
{
    const uint64_t any_rep = ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;
    switch (g->class) {
    case G_COPY:
    case G_NOP:
    case G_LEA:
    case G_PUSH:
    case G_POP:
    case G_LEAVE:
        return false;
    case G_STRING:
        return g->z.attributes & any_rep;
    default:
        return true;
    }
}

static uint8_t class_in_mode(const struct guest_insn *g, uint64_t mode)
{
    uint8_t class = class_of(g);
    if (class != G_COPY && class != G_LANES)
        return class;
    uint8_t fault = fault_of(g, mode);
    return fault == VECTOR_UD ? G_UD : fault == VECTOR_NM ? G_NM : class;
}

enum zydis_result front_decode(struct guest_insn *g, const uint8_t *bytes, size_t available, uint64_t ip,
                               uint64_t mode)
{
    const enum code_size size = (enum code_size)(mode & MODE_CODE_SIZE);
    enum zydis_result result = zydis_decode(&g->z, g->op, bytes, available, size);
    if (result != ZYDIS_DECODED)
        return result;
    memcpy(g->bytes, bytes, g->z.length);
    g->ip = ip;
    g->memory = explicit_memory(g);
    g->flags_read = g->flags_killed = 0;
    g->flags_mixed = g->flags_dead = g->flags_shown = false;

    struct insn insn;
    g->feature = feature_of(g);
    g->class =
        insn_decode(&insn, bytes, available, size) && sys_handles(&insn) ? G_SYSTEM : class_in_mode(g, mode);
    set_flags_use(g);
    g->ends_block = ends_block(g);
    g->touches_memory = g->class != G_NOP && g->class != G_LEA && g->class != G_JCC && g->class != G_LOOP &&
                        (g->memory >= 0 || g->class != G_COPY);
    g->writes_code = size != CODE_64 && g->memory >= 0 && g->op[g->memory].mem.segment == ZYDIS_REGISTER_CS &&
                     g->op[g->memory].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
    g->divides = is_division(g->z.mnemonic);
    g->can_fault = g->divides || (g->class == G_COPY && may_fault(g));
    return result;
}
