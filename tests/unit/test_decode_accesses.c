/*
 * The decode layer: instruction bytes and registers to the list of accesses,
 * as the SDM says it. An access is written R or W, size, @linear address, then
 * L (locked) and P (part of a REP).
 */
#include "unit.h"

#include "decode/insn.h"
#include "decode/xsave.h"
#include "trace/access.h"

struct expectation {
    enum code_size size;
    const char *text;
    const char *bytes;
    const char *accesses;
};

/* clang-format off */
static const struct expectation table[] = {
    {CODE_64, "mov [rax], ebx", "8918", "W4@1000"},
    {CODE_64, "mov [rax+rcx*8+0x10], rbx", "48895cc810", "W8@1028"},
    {CODE_64, "mov byte [rax-1], 5", "c640ff05", "W1@fff"},
    {CODE_64, "mov [r8], al", "418800", "W1@12345678000"},
    {CODE_64, "mov word [rel 0x7100], 1", "66c70425007100000100", "W2@7100"},
    {CODE_64, "mov eax, [fs:rbx]", "648b03", "R4@504000"},
    {CODE_64, "mov [gs:0x10], rax", "654889042510000000", "W8@600010"},
    {CODE_64, "mov [ds:rbx], rax", "3e488903", "W8@4000"},
    {CODE_64, "mov [ebx+r9d], al", "674288040b", "W1@3ff8"},
    {CODE_64, "add [rbx], eax", "0103", "R4@4000 W4@4000"},
    {CODE_64, "lock add [rbx], eax", "f00103", "R4@4000L W4@4000L"},
    {CODE_64, "lock xadd [rbx], cx", "f0660fc10b", "R2@4000L W2@4000L"},
    {CODE_64, "xchg [rbx], rcx", "48870b", "R8@4000L W8@4000L"},
    {CODE_64, "lock cmpxchg [rbx], ecx", "f00fb10b", "R4@4000L W4@4000L"},
    {CODE_64, "lock cmpxchg8b [rbx]", "f00fc70b", "R8@4000L W8@4000L"},
    {CODE_64, "cmpxchg16b [rbx]", "480fc70b", "R16@4000 W16@4000"},
    {CODE_64, "cmp [rbx], eax", "3903", "R4@4000"},
    {CODE_64, "test byte [rbx], 1", "f60301", "R1@4000"},
    {CODE_64, "inc qword [rbx]", "48ff03", "R8@4000 W8@4000"},
    {CODE_64, "not word [rbx]", "66f713", "R2@4000 W2@4000"},
    {CODE_64, "shl dword [rbx], cl", "d323", "R4@4000 W4@4000"},
    {CODE_64, "shld [rbx], eax, 3", "0fa40303", "R4@4000 W4@4000"},
    {CODE_64, "sete [rbx]", "0f9403", "W1@4000"},
    {CODE_64, "cmove eax, [rbx]", "0f4403", "R4@4000"},
    {CODE_64, "lea rax, [rbx]", "488d03", ""},
    {CODE_64, "nop dword [rax]", "0f1f00", ""},
    {CODE_64, "prefetcht0 [rax]", "0f1808", ""},
    {CODE_64, "clflush [rax]", "0fae38", ""},
    {CODE_64, "push rax", "50", "W8@7ff8"},
    {CODE_64, "push word 5", "666a05", "W2@7ffe"},
    {CODE_64, "push qword [rbx]", "ff33", "R8@4000 W8@7ff8"},
    {CODE_64, "push qword [rsp+8]", "ff742408", "R8@8008 W8@7ff8"},
    {CODE_64, "push fs", "0fa0", "W8@7ff8"},
    {CODE_64, "pop rax", "58", "R8@8000"},
    {CODE_64, "pop qword [rbx]", "8f03", "R8@8000 W8@4000"},
    {CODE_64, "pop qword [rsp+8]", "8f442408", "R8@8000 W8@8010"},
    {CODE_64, "pushfq", "9c", "W8@7ff8"},
    {CODE_64, "popfq", "9d", "R8@8000"},
    {CODE_64, "call qword [rbx]", "ff13", "R8@4000 W8@7ff8"},
    {CODE_64, "call $+0x20", "e81b000000", "W8@7ff8"},
    {CODE_64, "call rax", "ffd0", "W8@7ff8"},
    {CODE_64, "ret", "c3", "R8@8000"},
    {CODE_64, "ret 8", "c20800", "R8@8000"},
    {CODE_64, "leave", "c9", "R8@9000"},
    {CODE_64, "enter 16, 0", "c8100000", "W8@7ff8"},
    {CODE_64, "enter 16, 3", "c8100003", "W8@7ff8 R8@8ff8 W8@7ff0 R8@8ff0 W8@7fe8 W8@7fe0"},
    {CODE_64, "movsb", "a4", "R1@20000 W1@10000"},
    {CODE_64, "rep movsq", "f348a5", "R8@20000P W8@10000P"},
    {CODE_64, "stosd", "ab", "W4@10000"},
    {CODE_64, "rep stosw", "f366ab", "W2@10000P"},
    {CODE_64, "lodsq", "48ad", "R8@20000"},
    {CODE_64, "repe cmpsb", "f3a6", "R1@20000P R1@10000P"},
    {CODE_64, "repne scasb", "f2ae", "R1@10000P"},
    {CODE_64, "insb", "6c", "W1@10000"},
    {CODE_64, "rep insd", "f36d", "W4@10000P"},
    {CODE_64, "outsw", "666f", "R2@20000"},
    {CODE_64, "xlatb", "d7", "R1@4000"},
    {CODE_64, "bts [rbx], ecx", "0fab0b", "R4@4000 W4@4000"},
    {CODE_64, "btr [rbx], rsi", "480fb333", "R8@8000 W8@8000"},
    {CODE_64, "btc [rbx], r9d", "440fbb0b", "R4@3ffc W4@3ffc"},
    {CODE_64, "bt [rbx], r9w", "66440fa30b", "R2@3ffe"},
    {CODE_64, "bts dword [rbx], 7", "0fba2b07", "R4@4000 W4@4000"},
    {CODE_64, "movaps [rbx], xmm0", "0f2903", "W16@4000"},
    {CODE_64, "movups xmm0, [rbx]", "0f1003", "R16@4000"},
    {CODE_64, "movss [rbx], xmm0", "f30f1103", "W4@4000"},
    {CODE_64, "movsd [rbx], xmm0", "f20f1103", "W8@4000"},
    {CODE_64, "movq [rbx], xmm0", "660fd603", "W8@4000"},
    {CODE_64, "movhps [rbx], xmm0", "0f1703", "W8@4000"},
    {CODE_64, "pextrb [rbx], xmm0, 1", "660f3a140301", "W1@4000"},
    {CODE_64, "extractps [rbx], xmm0, 1", "660f3a170301", "W4@4000"},
    {CODE_64, "movnti [rbx], eax", "0fc303", "W4@4000"},
    {CODE_64, "movntdq [rbx], xmm0", "660fe703", "W16@4000"},
    {CODE_64, "vmovups [rbx], ymm0", "c5fc1103", "W32@4000"},
    {CODE_64, "vmovdqu64 [rbx], zmm0", "62f1fe487f03", "W64@4000"},
    {CODE_64, "vextracti128 [rbx], ymm0, 1", "c4e37d390301", "W16@4000"},
    {CODE_64, "movbe [rbx], ecx", "0f38f10b", "W4@4000"},
    {CODE_64, "fst dword [rbx]", "d913", "W4@4000"},
    {CODE_64, "fstp tword [rbx]", "db3b", "W10@4000"},
    {CODE_64, "fistp qword [rbx]", "df3b", "W8@4000"},
    {CODE_64, "fnstcw [rbx]", "d93b", "W2@4000"},
    {CODE_64, "fnstsw [rbx]", "dd3b", "W2@4000"},
    {CODE_64, "stmxcsr [rbx]", "0fae1b", "W4@4000"},
    {CODE_64, "fnstenv [rbx]", "d933", "W28@4000"},
    {CODE_64, "fxsave [rbx]", "0fae03", "W64@4000 W64@4040 W64@4080 W64@40c0 W64@4100 W64@4140 W32@4180"},
    {CODE_64, "sgdt [rbx]", "0f0103", "W2@4000 W8@4002"},
    {CODE_64, "sidt [rbx]", "0f010b", "W2@4000 W8@4002"},
    {CODE_64, "sldt [rbx]", "0f0003", "W2@4000"},
    {CODE_64, "str [rbx]", "0f000b", "W2@4000"},
    {CODE_64, "smsw [rbx]", "0f0123", "W2@4000"},
    {CODE_64, "mov [rbx], ds", "8c1b", "W2@4000"},
    {CODE_64, "int 0x80", "cd80", ""},
    {CODE_64, "iretq", "48cf", "R8@8000 R8@8008 R8@8010 R8@8018 R8@8020"},
    {CODE_64, "call far qword [rbx]", "48ff1b", "R10@4000 W8@7ff8 W8@7ff0"},
    {CODE_64, "call far dword [rbx]", "ff1b", "R6@4000 W4@7ffc W4@7ff8"},
    {CODE_64, "mov eax, ebx", "89d8", ""},
    {CODE_32, "mov [eax], ebx", "8918", "W4@401000"},
    {CODE_32, "mov [esp+4], eax", "89442404", "W4@308004"},
    {CODE_32, "mov [ebp], al", "884500", "W1@309000"},
    {CODE_32, "mov [es:eax], al", "268800", "W1@101000"},
    {CODE_32, "mov [bx+si], ax", "66678900", "W2@404000"},
    {CODE_32, "mov [0x1234], eax", "a334120000", "W4@401234"},
    {CODE_32, "push eax", "50", "W4@307ffc"},
    {CODE_32, "push ds", "1e", "W2@307ffc"},
    {CODE_32, "push byte -1", "6aff", "W4@307ffc"},
    {CODE_32, "pushad", "60", "W4@307ffc W4@307ff8 W4@307ff4 W4@307ff0 W4@307fec W4@307fe8 W4@307fe4 W4@307fe0"},
    {CODE_32, "popad", "61", "R4@308000 R4@308004 R4@308008 R4@30800c R4@308010 R4@308014 R4@308018 R4@30801c"},
    {CODE_32, "pushfd", "9c", "W4@307ffc"},
    {CODE_32, "call 0x10:0x1000", "9a001000001000", "W4@307ffc W4@307ff8"},
    {CODE_32, "call far [ebx]", "ff1b", "R6@404000 W4@307ffc W4@307ff8"},
    {CODE_32, "retf", "cb", "R4@308000 R4@308004"},
    {CODE_32, "iretd", "cf", "R4@308000 R4@308004 R4@308008"},
    {CODE_32, "enter 8, 2", "c8080002", "W4@307ffc R4@308ffc W4@307ff8 W4@307ff4"},
    {CODE_32, "movsd", "a5", "R4@420000 W4@110000"},
    {CODE_32, "rep movsb", "f3a4", "R1@420000P W1@110000P"},
    {CODE_32, "a16 rep stosb", "f367aa", "W1@100000P"},
    {CODE_32, "fxsave [ebx]", "0fae03", "W64@404000 W64@404040 W64@404080 W64@4040c0 W32@404100"},
    {CODE_32, "sgdt [ebx]", "0f0103", "W2@404000 W4@404002"},
    {CODE_32, "les eax, [ebx]", "c403", "R6@404000"},
    {CODE_32, "bound eax, [ebx]", "6203", "R4@404000 R4@404004"},
    {CODE_32, "arpl [ebx], ax", "6303", "R2@404000 W2@404000"},
    {CODE_32, "fnsave [ebx]", "dd33", "W64@404000 W44@404040"},
    {CODE_32, "fnsave [0xffbfffe0]", "dd35e0ffbfff", "W64@ffffffe0 W44@20"},
    {CODE_16, "mov [bx], ax", "8907", "W2@404000"},
    {CODE_16, "mov [bp+2], ax", "894602", "W2@309002"},
    {CODE_16, "mov [eax], bl", "678818", "W1@401000"},
    {CODE_16, "push ax", "50", "W2@307ffe"},
    {CODE_16, "push eax", "6650", "W4@307ffc"},
    {CODE_16, "pusha", "60", "W2@307ffe W2@307ffc W2@307ffa W2@307ff8 W2@307ff6 W2@307ff4 W2@307ff2 W2@307ff0"},
    {CODE_16, "call 0x1000:0", "9a00000010", "W2@307ffe W2@307ffc"},
    {CODE_16, "call $+0x10", "e80d00", "W2@307ffe"},
    {CODE_16, "stosw", "ab", "W2@100000"},
    {CODE_16, "enter 4, 1", "c8040001", "W2@307ffe W2@307ffc"},
    {CODE_16, "mov [si+0x7fff], al", "8884ff7f", "W1@407fff"},
};
/* clang-format on */

static const struct vcpu registers = {
    .gpr = {[RAX] = 0x1000,
            [RCX] = 3,
            [RDX] = 0x30000,
            [RBX] = 0x4000,
            [RSP] = 0x8000,
            [RBP] = 0x9000,
            [RSI] = 0x20000,
            [RDI] = 0x10000,
            [R8] = 0x12345678000,
            [R9] = (uint64_t)-8,
            [R15] = 0x7f0000},
    .rip = 0x7000,
    .xcr0 = 3,
    .seg = {[SEG_ES] = {.base = 0x100000},
            [SEG_CS] = {.base = 0x200000},
            [SEG_SS] = {.base = 0x300000, .access = SEGMENT_DB},
            [SEG_DS] = {.base = 0x400000},
            [SEG_FS] = {.base = 0x500000},
            [SEG_GS] = {.base = 0x600000}},
};

static size_t bytes_of(const char *hex, uint8_t *bytes)
{
    size_t n = 0;
    for (; hex[2 * n]; n++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * n, "%2x", &byte), 1);
        bytes[n] = (uint8_t)byte;
    }
    return n;
}

static void write_list(const struct access_list *list, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < list->count; i++) {
        const struct insn_access *a = &list->a[i];
        used += (size_t)snprintf(text + used, size - used, "%s%c%u@%llx%s%s", i ? " " : "",
                                 a->kind == ACCESS_WRITE ? 'W' : 'R', a->size, (unsigned long long)a->linear,
                                 a->flags & ACCESS_LOCKED ? "L" : "", a->flags & ACCESS_REP ? "P" : "");
    }
}

static void list_text(struct insn *insn, const struct vcpu *v, const struct insn_environment *env, char *text,
                      size_t size)
{
    struct access_list list;
    insn_accesses(insn, v, env, &list);
    write_list(&list, text, size);
}

static void decode(struct insn *insn, const char *hex, enum code_size size)
{
    uint8_t bytes[INSN_BYTES_MAX];
    size_t n = bytes_of(hex, bytes);
    assert_true(insn_decode(insn, bytes, n, size));
    assert_int_equal(insn->length, n);
}

static struct vcpu with_stack_of(enum code_size size)
{
    struct vcpu v = registers;
    if (size == CODE_16)
        v.seg[SEG_SS].access = 0;
    return v;
}

static void every_form(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct insn insn;
        char got[1024];
        struct vcpu v = with_stack_of(table[i].size);
        decode(&insn, table[i].bytes, table[i].size);
        list_text(&insn, &v, NULL, got, sizeof got);
        if (strcmp(got, table[i].accesses)) {
            print_error("%s (%s)\n  expected: %s\n  got:      %s\n", table[i].text, table[i].bytes,
                        table[i].accesses, got);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* What is decoded depends on the bytes only up to the instruction's end, and never reads behind the buffer.
 */
static void truncated_bytes_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        uint8_t bytes[INSN_BYTES_MAX];
        size_t n = bytes_of(table[i].bytes, bytes);
        uint8_t *exact = malloc(n);
        struct insn insn;
        assert_non_null(exact);
        memcpy(exact, bytes, n);
        assert_false(insn_decode(&insn, exact, n - 1, table[i].size));
        free(exact);
    }
}

static void rep_with_count_0_touches_nothing(void **state)
{
    (void)state;
    struct insn insn;
    char got[128];
    struct vcpu v = registers;
    v.gpr[RCX] = 0x100000000; /* ECX is 0 */
    decode(&insn, "f3a4", CODE_32);
    list_text(&insn, &v, NULL, got, sizeof got);
    assert_string_equal(got, "");
    decode(&insn, "f3a4", CODE_64);
    list_text(&insn, &v, NULL, got, sizeof got);
    assert_string_equal(got, "R1@20000P W1@10000P");
}

/* A 32-bit program on a 16-bit stack segment: SS.B decides, and SP wraps. */
static void stack_size_is_that_of_ss(void **state)
{
    (void)state;
    struct insn insn;
    char got[128];
    struct vcpu v = registers;
    v.seg[SEG_SS].access = 0;
    v.gpr[RSP] = 0xabcd0002;
    decode(&insn, "50", CODE_32);
    list_text(&insn, &v, NULL, got, sizeof got);
    assert_string_equal(got, "W4@30fffe");
}

static void linear_addresses_wrap_at_4_gib(void **state)
{
    (void)state;
    struct insn insn;
    char got[128];
    struct vcpu v = registers;
    v.gpr[RAX] = 0xffffff00;
    decode(&insn, "8918", CODE_32); /* mov [eax], ebx */
    list_text(&insn, &v, NULL, got, sizeof got);
    assert_string_equal(got, "W4@3fff00");
}

static void mask_with_alternate_elements(unsigned number, bool mmx, uint8_t *bytes)
{
    (void)mmx;
    memset(bytes, 0, 64);
    if (number == 7) /* bytes 1 and 3 */
        bytes[1] = bytes[3] = 0x80;
    if (number == 1) /* doublewords 0 and 5 */
        bytes[3] = bytes[23] = 0xff;
    if (number == 4) /* quadword 1 */
        bytes[15] = 0x80;
}

static uint64_t opmask(unsigned number)
{
    return number == 1 ? 0x15 : number == 2 ? 2 : 0;
}

static void masked_moves_touch_the_masked_elements(void **state)
{
    (void)state;
    const struct insn_environment env = {.vector_register = mask_with_alternate_elements, .opmask = opmask};
    struct insn insn;
    char got[256];
    decode(&insn, "660ff7df", CODE_64); /* maskmovdqu xmm3, xmm7 */
    list_text(&insn, &registers, &env, got, sizeof got);
    assert_string_equal(got, "W1@10001 W1@10003");
    decode(&insn, "0ff7df", CODE_64); /* maskmovq mm3, mm7 */
    list_text(&insn, &registers, &env, got, sizeof got);
    assert_string_equal(got, "W1@10001 W1@10003");
    decode(&insn, "c4e2758e13", CODE_64); /* vpmaskmovd [rbx], ymm1, ymm2 */
    list_text(&insn, &registers, &env, got, sizeof got);
    assert_string_equal(got, "W4@4000 W4@4014");
    decode(&insn, "c4e2592d0b", CODE_64); /* vmaskmovpd xmm1, xmm4, [rbx] */
    list_text(&insn, &registers, &env, got, sizeof got);
    assert_string_equal(got, "R8@4008");
}

/* k1 is 10101B, k2 is 10B; register 3 holds the doublewords 0, 1, 2 …, register 4 the quadwords 0, -1, 0 … */
static void indices(unsigned number, bool mmx, uint8_t *bytes)
{
    (void)mmx;
    memset(bytes, 0, 64);
    for (unsigned n = 0; number == 3 && n < 16; n++)
        bytes[4 * n] = (uint8_t)n;
    if (number == 4)
        memset(bytes + 8, 0xff, 8);
    if (number == 5) /* a mask: doublewords 1 and 3 */
        bytes[7] = bytes[15] = 0x80;
}

static void lanes_are_listed_one_by_one(void **state)
{
    (void)state;
    static const struct {
        const char *name, *bytes, *list;
    } forms[] = {
        {"vmovdqu32 [rbx]{k1}, zmm0", "62f17e497f03", "W4@4000 W4@4008 W4@4010"},
        {"vmovdqu64 xmm0{k2}, [rbx]", "62f1fe0a6f03", "R8@4008"},
        {"vaddps zmm0{k1}, zmm0, [rbx]", "62f17c495803", "R4@4000 R4@4008 R4@4010"},
        {"vaddps zmm0{k1}, zmm0, dword [rbx]{1to16}", "62f17c595803", "R4@4000"},
        {"vaddss xmm0{k2}, xmm0, [rbx]", "62f17e0a5803", ""},
        {"vpcompressd [rbx]{k1}, zmm0", "62f27d498b03", "W4@4000 W4@4004 W4@4008"},
        {"vpexpandd zmm0{k1}, [rbx]", "62f27d498903", "R4@4000 R4@4004 R4@4008"},
        {"vbroadcastf32x4 zmm0{k1}, [rbx]", "62f27d491a03", "R4@4000 R4@4008"},
        {"vpmovqb [rbx]{k1}, zmm0", "62f27e493203", "W1@4000 W1@4002 W1@4004"},
        {"vpmovsxbd zmm0{k1}, [rbx]", "62f27d492103", "R1@4000 R1@4002 R1@4004"},
        {"vpunpckldq zmm0{k1}, zmm0, [rbx]", "62f17d496203", "R64@4000"}, /* no fault suppression */
        {"vgf2p8affineqb zmm0{k1}, zmm0, [rbx], 0", "62f3fd49ce0300", "R64@4000"},
        {"vextracti32x4 [rbx]{k2}, zmm0, 1", "62f37d4a390301", "W4@4004"},
        {"vpgatherdd zmm0{k1}, [rbx+zmm3*8]", "62f27d4990049b", "R4@4000 R4@4008 R4@4010"},
        {"vpscatterqq [rbx+zmm4*8]{k2}, zmm0", "62f2fd4aa104e3", "W8@3ff8"},
        {"vpgatherdd xmm0, [rbx+xmm3*4], xmm5", "c4e25190049b", "R4@4004 R4@400c"},
    };
    const struct insn_environment env = {.vector_register = indices, .opmask = opmask};
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        struct insn insn;
        char got[256] = "";
        decode(&insn, forms[i].bytes, CODE_64);
        list_text(&insn, &registers, &env, got, sizeof got);
        if (strcmp(got, forms[i].list))
            print_error("%s\n", forms[i].name);
        assert_string_equal(got, forms[i].list);
    }
}

static uint64_t x87_and_avx_in_use(void)
{
    return 5;
}

static void saved_states_are_listed_by_component(void **state)
{
    (void)state;
    static const struct xsave_layout layout = {.offset = {[2] = 576, [5] = 832},
                                               .size = {[2] = 256, [5] = 64}};
    static const struct {
        const char *name, *bytes;
        uint64_t mask;
        const char *list;
    } forms[] = {
        {"xsave [rbx]", "0fae23", 4, "R8@4200 W8@4018 W8@4200 W64@4240 W64@4280 W64@42c0 W64@4300"},
        {"xsave [rbx]", "0fae23", 1, "R8@4200 W24@4000 W64@4020 W64@4060 W8@4200"},
        {"xsaveopt [rbx]", "0fae33", 2, "R8@4200 W8@4018 W8@4200"},
        {"xsavec [rbx]", "0fc723", 0x26, "W16@4200 W64@4240 W64@4280 W64@42c0 W64@4300"},
    };
    const struct insn_environment env = {.components_in_use = x87_and_avx_in_use, .layout = &layout};
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        struct vcpu v = registers;
        struct insn insn;
        char got[256] = "";
        v.gpr[RAX] = forms[i].mask;
        v.gpr[RDX] = 0;
        v.xcr0 = 0x27;
        decode(&insn, forms[i].bytes, CODE_64);
        list_text(&insn, &v, &env, got, sizeof got);
        if (strcmp(got, forms[i].list))
            print_error("%s\n", forms[i].name);
        assert_string_equal(got, forms[i].list);
    }
}

static void what_is_not_followed_is_said(void **state)
{
    (void)state;
    struct insn insn;
    struct access_list list;
    decode(&insn, "62f17e497f03", CODE_64); /* vmovdqu32 [rbx]{k1}, zmm0 */
    insn_accesses(&insn, &registers, NULL, &list);
    assert_true(list.incomplete);           /* for want of the mask */
    decode(&insn, "62f17e487f03", CODE_64); /* without the mask */
    insn_accesses(&insn, &registers, NULL, &list);
    assert_false(list.incomplete);
}

struct store_expectation {
    enum code_size size;
    const char *bytes;
    struct insn_store store;
};

/* Only these forms may be carried out outside the CPU, and with exactly these values. */
static void plain_stores_are_known(void **state)
{
    (void)state;
    static const struct store_expectation stores[] = {
        {CODE_64, "8818", {.source = STORE_REGISTER, .gpr = RBX}},             /* mov [rax], bl */
        {CODE_64, "8838", {.source = STORE_REGISTER, .gpr = RBX, .shift = 8}}, /* mov [rax], bh */
        {CODE_64, "408838", {.source = STORE_REGISTER, .gpr = RDI}},           /* mov [rax], dil */
        {CODE_64, "448838", {.source = STORE_REGISTER, .gpr = R15}},           /* mov [rax], r15b */
        {CODE_64,
         "48c700ffffffff",
         {.source = STORE_IMMEDIATE, .immediate = ~0ull}},                   /* mov qword [rax], -1 */
        {CODE_64, "c60080", {.source = STORE_IMMEDIATE, .immediate = 0x80}}, /* mov byte [rax], 0x80 */
        {CODE_64, "6aff", {.source = STORE_IMMEDIATE, .immediate = ~0ull, .push = 8}}, /* push -1 */
        {CODE_64, "54", {.source = STORE_REGISTER, .gpr = RSP, .push = 8}},            /* push rsp */
        {CODE_64, "aa", {.source = STORE_REGISTER, .gpr = RAX, .string = 1}},          /* stosb */
        {CODE_64,
         "e8f0ffffff",
         {.source = STORE_NEXT_IP, .immediate = (uint64_t)-16, .push = 8}}, /* call $-11 */
        {CODE_64, "f3aa", {.source = STORE_NONE}},                          /* rep stosb */
        {CODE_64, "0118", {.source = STORE_NONE}},                          /* add [rax], ebx */
        {CODE_64, "ff33", {.source = STORE_NONE}},                          /* push qword [rbx] */
        {CODE_64, "0fa0", {.source = STORE_NONE}},                          /* push fs */
        {CODE_64, "8c18", {.source = STORE_NONE}},                          /* mov [rax], ds */
        {CODE_64, "8703", {.source = STORE_NONE}},                          /* xchg [rbx], eax */
        {CODE_64, "ff13", {.source = STORE_NONE}},                          /* call [rbx] */
        {CODE_32, "9a000000001000", {.source = STORE_NONE}},                /* call 0x10:0 */
    };
    for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
        struct insn insn;
        const struct insn_store *want = &stores[i].store, *got = &insn.store;
        decode(&insn, stores[i].bytes, stores[i].size);
        if (got->source != want->source)
            print_error("%s: source %u\n", stores[i].bytes, got->source);
        assert_int_equal(got->source, want->source);
        if (want->source == STORE_NONE)
            continue;
        unsigned bits = 8u * insn.memory[0].size;
        uint64_t mask = bits == 64 || want->source == STORE_NEXT_IP ? ~0ull : (1ull << bits) - 1;
        assert_int_equal(got->immediate & mask, want->immediate & mask);
        assert_int_equal(got->gpr, want->gpr);
        assert_int_equal(got->shift, want->shift);
        assert_int_equal(got->push, want->push);
        assert_int_equal(got->string, want->string);
    }
}

/* Any bytes: no crash (the sanitizers watch), sizes and counts in bounds. */
static void any_bytes_are_safe(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252ull;
    for (unsigned i = 0; i < 300000; i++) {
        uint8_t bytes[INSN_BYTES_MAX];
        struct insn insn;
        struct access_list list;
        for (unsigned n = 0; n < sizeof bytes; n++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            bytes[n] = (uint8_t)(seed >> 24);
        }
        enum code_size size = (enum code_size)(i % 3);
        if (!insn_decode(&insn, bytes, 1 + i % sizeof bytes, size))
            continue;
        insn_accesses(&insn, &registers, NULL, &list);
        assert_in_range(list.count, 0, ACCESS_LIST_MAX);
        for (unsigned n = 0; n < list.count; n++)
            assert_in_range(list.a[n].size, 1, ACCESS_SIZE_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form),
        cmocka_unit_test(truncated_bytes_are_refused),
        cmocka_unit_test(rep_with_count_0_touches_nothing),
        cmocka_unit_test(stack_size_is_that_of_ss),
        cmocka_unit_test(linear_addresses_wrap_at_4_gib),
        cmocka_unit_test(masked_moves_touch_the_masked_elements),
        cmocka_unit_test(lanes_are_listed_one_by_one),
        cmocka_unit_test(saved_states_are_listed_by_component),
        cmocka_unit_test(what_is_not_followed_is_said),
        cmocka_unit_test(plain_stores_are_known),
        cmocka_unit_test(any_bytes_are_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
