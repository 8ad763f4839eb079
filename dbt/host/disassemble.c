#include "dbt/host/disassemble.h"

#include <Zydis/Zydis.h>

#include <Zydis/Formatter.h>
#include <Zydis/Internal/String.h>
#include <stdio.h>
#include <string.h>

#define HOST_CODE_BYTES 15u

/* ---- the fields of struct dbt that translated code touches ---- */

struct field {
    const char *name;
    uint32_t offset, bytes;
    uint32_t element; /* of an array, in bytes: its index is told; 0: none */
};

#define FIELD(member, name)                                                                                  \
    {                                                                                                        \
        name, offsetof(struct dbt, member), sizeof(((struct dbt *)0)->member), 0                             \
    }
#define ARRAY(member, name)                                                                                  \
    {                                                                                                        \
        name, offsetof(struct dbt, member), sizeof(((struct dbt *)0)->member),                               \
            sizeof(((struct dbt *)0)->member[0])                                                             \
    }
#define BASE(segment, name) FIELD(cpu.v.seg[segment].base, name)

static const struct field fields[] = {
    FIELD(cpu.v.rip, "rip"),
    FIELD(cpu.v.rflags, "rflags"),
    BASE(SEG_ES, "es.base"),
    BASE(SEG_CS, "cs.base"),
    BASE(SEG_SS, "ss.base"),
    BASE(SEG_DS, "ds.base"),
    BASE(SEG_FS, "fs.base"),
    BASE(SEG_GS, "gs.base"),
    FIELD(host_rsp, "host_rsp"),
    FIELD(resume, "resume"),
    FIELD(exit_flags, "exit_flags"),
    FIELD(record, "record"),
    FIELD(budget, "budget"),
    FIELD(scratch, "scratch"),
    FIELD(scratch2, "scratch2"),
    ARRAY(spill, "spill"),
    FIELD(spilled_rcx, "spilled_rcx"),
    FIELD(saved_flags, "saved_flags"),
    FIELD(saved_record, "saved_record"),
    FIELD(traced, "traced"),
    ARRAY(temp, "temp"),
    FIELD(exit_site, "exit_site"),
    FIELD(page_mask, "page_mask"),
    FIELD(jump_mask, "jump_mask"),
    FIELD(tlb[0].read, "tlb.read"),
    FIELD(tlb[0].write, "tlb.write"),
    FIELD(tlb[0].host, "tlb.host"),
    FIELD(tlb[0].addend, "tlb.addend"),
    FIELD(tlb[0].traced, "tlb.traced"),
    FIELD(tlb[1].read, "tlb.user.read"),
    FIELD(tlb[1].write, "tlb.user.write"),
    FIELD(tlb[1].host, "tlb.user.host"),
    FIELD(tlb[1].addend, "tlb.user.addend"),
    FIELD(tlb[1].traced, "tlb.user.traced"),
    FIELD(jump_target, "jump_target"),
    ARRAY(bounce, "bounce"),
};

static void name_of_field(uint32_t offset, char *text, size_t size)
{
    static const char *const gpr[GPR_COUNT] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                               "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    const size_t gprs = offsetof(struct dbt, cpu.v.gpr);
    if (offset >= gprs && offset < gprs + 8 * GPR_COUNT) {
        int n = snprintf(text, size, "guest.%s", gpr[(offset - gprs) / 8]);
        if (offset % 8)
            snprintf(text + n, size - (size_t)n, "+%u", offset % 8);
        return;
    }
    for (const struct field *f = fields; f < fields + ARRAY_SIZE(fields); f++) {
        if (offset < f->offset || offset >= f->offset + f->bytes)
            continue;
        uint32_t rest = offset - f->offset;
        int n = snprintf(text, size, "%s", f->name);
        if (f->element) {
            n += snprintf(text + n, size - (size_t)n, "[%u]", rest / f->element);
            rest %= f->element;
        }
        if (rest)
            snprintf(text + n, size - (size_t)n, "+%u", rest);
        return;
    }
    snprintf(text, size, "state+0x%x", offset);
}

/* ---- Zydis's formatter, with our names in it ---- */

static ZydisFormatterFunc default_address, default_disp;

static ZyanStatus append(ZydisFormatterBuffer *buffer, ZydisTokenType type, const char *text)
{
    ZyanString *string;
    const ZydisShortString source = {text, (ZyanU8)strlen(text)};
    ZYAN_CHECK(ZydisFormatterBufferAppend(buffer, type));
    ZYAN_CHECK(ZydisFormatterBufferGetString(buffer, &string));
    return ZydisStringAppendShort(string, &source);
}

static bool is_state(const ZydisFormatterContext *context)
{
    return context->operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
           context->operand->mem.segment == ZYDIS_REGISTER_GS;
}

static ZyanStatus print_disp(const ZydisFormatter *formatter, ZydisFormatterBuffer *buffer,
                             ZydisFormatterContext *context)
{
    char text[64] = "+";
    if (!is_state(context))
        return default_disp(formatter, buffer, context);
    name_of_field((uint32_t)context->operand->mem.disp.value, text + 1, sizeof text - 1);
    return append(buffer, ZYDIS_TOKEN_DISPLACEMENT, text);
}

static ZyanStatus print_address(const ZydisFormatter *formatter, ZydisFormatterBuffer *buffer,
                                ZydisFormatterContext *context)
{
    const struct target_names *names = context->user_data;
    char text[64];
    ZyanU64 target;
    if (is_state(context)) {
        name_of_field((uint32_t)context->operand->mem.disp.value, text, sizeof text);
        return append(buffer, ZYDIS_TOKEN_DISPLACEMENT, text);
    }
    ZYAN_CHECK(
        ZydisCalcAbsoluteAddress(context->instruction, context->operand, context->runtime_address, &target));
    if (names && names->name(names, target, text, sizeof text))
        return append(buffer, ZYDIS_TOKEN_ADDRESS_ABS, text);
    return default_address(formatter, buffer, context);
}

static void set_up(ZydisFormatter *f)
{
    static const ZydisFormatterProperty unpadded[] = {
        ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE, ZYDIS_FORMATTER_PROP_ADDR_PADDING_RELATIVE,
        ZYDIS_FORMATTER_PROP_DISP_PADDING, ZYDIS_FORMATTER_PROP_IMM_PADDING};
    ZydisFormatterInit(f, ZYDIS_FORMATTER_STYLE_INTEL);
    for (size_t i = 0; i < ARRAY_SIZE(unpadded); i++)
        ZydisFormatterSetProperty(f, unpadded[i], ZYDIS_PADDING_DISABLED);
    ZydisFormatterSetProperty(f, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE);
}

static const ZydisFormatter *guest_formatter(void)
{
    static ZydisFormatter f;
    static bool ready;
    if (!ready)
        set_up(&f);
    ready = true;
    return &f;
}

static const ZydisFormatter *host_formatter(void)
{
    static ZydisFormatter f;
    static bool ready;
    if (ready)
        return &f;
    set_up(&f);
    const void *hook = (const void *)print_disp;
    ZydisFormatterSetHook(&f, ZYDIS_FORMATTER_FUNC_PRINT_DISP, &hook);
    memcpy(&default_disp, &hook, sizeof hook);
    hook = (const void *)print_address;
    ZydisFormatterSetHook(&f, ZYDIS_FORMATTER_FUNC_PRINT_ADDRESS_ABS, &hook);
    memcpy(&default_address, &hook, sizeof hook);
    ready = true;
    return &f;
}

/* ---- instructions ---- */

struct decoded {
    ZydisDecodedInstruction z;
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

static bool decode(struct decoded *d, const uint8_t *bytes, size_t available, ZydisMachineMode mode,
                   ZydisStackWidth width)
{
    ZydisDecoder decoder;
    return ZYAN_SUCCESS(ZydisDecoderInit(&decoder, mode, width)) &&
           ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, available, &d->z, d->op));
}

static unsigned format(const ZydisFormatter *f, const struct decoded *d, uint64_t at, char *text, void *names)
{
    if (!ZYAN_SUCCESS(ZydisFormatterFormatInstruction(f, &d->z, d->op, d->z.operand_count_visible, text,
                                                      DBT_PRINT_TEXT, at, names)))
        snprintf(text, DBT_PRINT_TEXT, "?");
    return d->z.length;
}

static unsigned no_instruction(char *text)
{
    snprintf(text, DBT_PRINT_TEXT, "(no instruction)");
    return 0;
}

unsigned disassemble_guest(const uint8_t *bytes, size_t available, uint64_t ip, enum code_size size,
                           char text[DBT_PRINT_TEXT])
{
    static struct decoded d;
    bool ok = size == CODE_64 ? decode(&d, bytes, available, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)
              : size == CODE_32
                  ? decode(&d, bytes, available, ZYDIS_MACHINE_MODE_LONG_COMPAT_32, ZYDIS_STACK_WIDTH_32)
                  : decode(&d, bytes, available, ZYDIS_MACHINE_MODE_LONG_COMPAT_16, ZYDIS_STACK_WIDTH_16);
    return ok ? format(guest_formatter(), &d, ip, text, NULL) : no_instruction(text);
}

unsigned disassemble_host(const uint8_t *code, const struct target_names *names, char text[DBT_PRINT_TEXT])
{
    static struct decoded d;
    if (!decode(&d, code, HOST_CODE_BYTES, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64))
        return no_instruction(text);
    union {
        const struct target_names *given;
        void *passed;
    } context = {.given = names};
    return format(host_formatter(), &d, (uint64_t)(uintptr_t)code, text, context.passed);
}

const uint8_t *disassemble_target(const uint8_t *code)
{
    static struct decoded d;
    ZyanU64 target;
    if (!decode(&d, code, HOST_CODE_BYTES, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64) ||
        d.op[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE || !d.op[0].imm.is_relative ||
        !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&d.z, &d.op[0], (uint64_t)(uintptr_t)code, &target)))
        return NULL;
    return (const uint8_t *)(uintptr_t)target;
}
