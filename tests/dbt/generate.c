/*
 * An instruction is a template with random ModRM, REX, prefix and immediate. Where
 * it has a memory operand, moves before it load base and index, so that the
 * operand lies in the data. The decoder throws out what is no instruction, touches
 * RSP, or may fault.
 */
#include "generate.h"

#include "dbt/front.h"

uint64_t random_next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

uint64_t random_value(uint64_t *s)
{
    uint64_t r = random_next(s);
    switch (r % 8) {
    case 0:
        return r >> 8 & 3;
    case 1:
        return ~(r >> 8 & 3);
    case 2:
        return 1ull << (r >> 8 & 63);
    case 3:
        return (1ull << (r >> 8 & 63)) - 1;
    case 4:
        return r >> 8 & 0xff;
    default:
        return random_next(s);
    }
}

enum {
    MODRM = 1,
    IMM8 = 2,
    IMMZ = 4,
    VEX = 8,
    NO_OPERANDS = 16,
    STRING = 32,
    STACK = 64,
    LOCKABLE = 128,
    SHORT_32 = 256,
    OFFSET_32 = 512
};

static const struct template
{
    uint8_t map; /* 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A */
    uint8_t first, last;
    uint16_t kind;
}
templates[] = {
    {0, 0x00, 0x03, MODRM | LOCKABLE},
    {0, 0x08, 0x0b, MODRM | LOCKABLE},
    {0, 0x10, 0x13, MODRM | LOCKABLE},
    {0, 0x18, 0x1b, MODRM | LOCKABLE},
    {0, 0x20, 0x23, MODRM | LOCKABLE},
    {0, 0x28, 0x2b, MODRM | LOCKABLE},
    {0, 0x30, 0x33, MODRM | LOCKABLE},
    {0, 0x38, 0x3b, MODRM},
    {0, 0x04, 0x04, IMM8},
    {0, 0x05, 0x05, IMMZ},
    {0, 0x80, 0x80, MODRM | IMM8 | LOCKABLE},
    {0, 0x81, 0x81, MODRM | IMMZ},
    {0, 0x83, 0x83, MODRM | IMM8 | LOCKABLE},
    {0, 0x84, 0x8b, MODRM},
    {0, 0x8d, 0x8d, MODRM},
    {0, 0x63, 0x63, MODRM},
    {0, 0x69, 0x69, MODRM | IMMZ},
    {0, 0x6b, 0x6b, MODRM | IMM8},
    {0, 0x98, 0x99, NO_OPERANDS},
    {0, 0x9e, 0x9f, NO_OPERANDS},
    {0, 0xf5, 0xf5, NO_OPERANDS},
    {0, 0xf8, 0xf9, NO_OPERANDS},
    {0, 0xc0, 0xc1, MODRM | IMM8},
    {0, 0xd0, 0xd3, MODRM},
    {0, 0xf6, 0xf7, MODRM | LOCKABLE},
    {0, 0xc6, 0xc6, MODRM | IMM8},
    {0, 0xc7, 0xc7, MODRM | IMMZ},
    {0, 0xfe, 0xff, MODRM | LOCKABLE},
    {0, 0x50, 0x5f, STACK},
    {0, 0xa4, 0xa7, STRING},
    {0, 0xaa, 0xaf, STRING},
    {0, 0x40, 0x4f, SHORT_32},
    {0, 0xa0, 0xa3, OFFSET_32},
    {0, 0x91, 0x97, NO_OPERANDS},
    {0, 0xfc, 0xfd, NO_OPERANDS},
    {0, 0xd7, 0xd7, STRING},
    {1, 0x40, 0x4f, MODRM},
    {1, 0x90, 0x9f, MODRM},
    {1, 0xa3, 0xa3, MODRM},
    {1, 0xab, 0xab, MODRM | LOCKABLE},
    {1, 0xb3, 0xb3, MODRM | LOCKABLE},
    {1, 0xbb, 0xbb, MODRM | LOCKABLE},
    {1, 0xba, 0xba, MODRM | IMM8},
    {1, 0xa4, 0xa4, MODRM | IMM8},
    {1, 0xa5, 0xa5, MODRM},
    {1, 0xac, 0xac, MODRM | IMM8},
    {1, 0xad, 0xad, MODRM},
    {1, 0xaf, 0xaf, MODRM},
    {1, 0xb0, 0xb1, MODRM | LOCKABLE},
    {1, 0xc0, 0xc1, MODRM | LOCKABLE},
    {1, 0xb6, 0xb8, MODRM},
    {1, 0xbc, 0xbf, MODRM},
    {1, 0xc7, 0xc7, MODRM | LOCKABLE},
    {1, 0xc8, 0xcf, NO_OPERANDS},
    {1, 0x10, 0x17, MODRM},
    {1, 0x28, 0x29, MODRM},
    {1, 0x2a, 0x2f, MODRM},
    {1, 0x50, 0x5f, MODRM},
    {1, 0x60, 0x6f, MODRM},
    {1, 0x70, 0x70, MODRM | IMM8},
    {1, 0x74, 0x76, MODRM},
    {1, 0x7e, 0x7f, MODRM},
    {1, 0xc6, 0xc6, MODRM | IMM8},
    {1, 0xd0, 0xff, MODRM},
    {2, 0x00, 0x0b, MODRM},
    {2, 0x1c, 0x1e, MODRM},
    {2, 0xf0, 0xf1, MODRM},
    {2, 0xf6, 0xf6, MODRM},
    {3, 0x0f, 0x0f, MODRM | IMM8},
    {1, 0x10, 0x17, MODRM | VEX},
    {1, 0x50, 0x5f, MODRM | VEX},
    {1, 0x60, 0x6f, MODRM | VEX},
    {1, 0xd0, 0xff, MODRM | VEX},
    {2, 0xf2, 0xf7, MODRM | VEX},
    {3, 0xf0, 0xf0, MODRM | VEX | IMM8},
    {2, 0x98, 0x9f, MODRM | VEX},
};

static bool long_code;

static size_t put_mov(uint8_t *p, unsigned reg, uint64_t value)
{
    if (!long_code) {
        p[0] = 0xb8 | (reg & 7);
        memcpy(p + 1, &value, 4);
        return 5;
    }
    p[0] = 0x48 | (reg >> 3);
    p[1] = 0xb8 | (reg & 7);
    memcpy(p + 2, &value, 8);
    return 10;
}

static unsigned random_register(uint64_t *s)
{
    unsigned r;
    do
        r = random_next(s) % (long_code ? 16 : 8);
    while (r == RSP);
    return r;
}

static uint64_t random_place(uint64_t *s)
{
    uint64_t r = random_next(s);
    /* Often at the border of two pages. */
    uint64_t offset =
        r & 1 ? PAGE_SIZE * (1 + (r >> 1 & 1)) - (r >> 8) % 70 : (r >> 8) % (DATA_BYTES - 0x400);
    return DATA_AT + offset;
}

/* ModRM with memory operand behind the moves that set it up; the extension bits of base and index come back.
 */
static size_t put_memory(uint8_t *setup, size_t *setup_bytes, uint8_t *modrm, unsigned reg, uint64_t *s,
                         unsigned *x, unsigned *b)
{
    unsigned base = random_register(s), index = random_register(s), scale = random_next(s) % 4,
             mod = 1 + random_next(s) % 2;
    uint64_t at = random_place(s), steps = random_next(s) % 8;
    int32_t disp = mod == 1 ? (int8_t)random_next(s) : (int32_t)(random_next(s) % 20000) - 10000;
    bool sib = (base & 7) == 4 || random_next(s) % 2;
    size_t n = 0;

    if (index == base)
        sib = (base & 7) == 4;
    bool indexed = sib && index != base;
    *setup_bytes = put_mov(setup, base, at - (uint64_t)(int64_t)disp - (indexed ? steps << scale : 0));
    if (indexed)
        *setup_bytes += put_mov(setup + *setup_bytes, index, steps);
    modrm[n++] = (uint8_t)(mod << 6 | (reg & 7) << 3 | (sib ? 4 : base & 7));
    if (sib)
        modrm[n++] = (uint8_t)(scale << 6 | (indexed ? index & 7 : 4) << 3 | (base & 7));
    memcpy(modrm + n, &disp, mod == 1 ? 1 : 4);
    *x = indexed ? index >> 3 : 0;
    *b = base >> 3;
    return n + (mod == 1 ? 1 : 4);
}

/* One instruction with its set-up at p; 0: try again. */
static size_t put_random(uint8_t *p, uint64_t *s)
{
    const struct template *t = &templates[random_next(s) % ARRAY_SIZE(templates)];
    uint8_t insn[32], modrm[8];
    size_t n = 0, m = 0, setup = 0;
    unsigned opcode = t->first + (unsigned)(random_next(s) % (t->last - t->first + 1u));
    unsigned reg = (unsigned)random_next(s) % 16, x = random_next(s) % 2, b = random_next(s) % 2;
    bool w = random_next(s) % 2, memory = (t->kind & MODRM) && random_next(s) % 2,
         size = random_next(s) % 5 == 0;

    if (!long_code) {
        reg &= 7;
        x = b = 0;
        w = false;
    } else if (t->kind & (SHORT_32 | OFFSET_32)) {
        return 0;
    }
    if (memory)
        m = put_memory(p, &setup, modrm, reg, s, &x, &b);
    else if (t->kind & MODRM)
        modrm[m++] = (uint8_t)(0xc0 | (reg & 7) << 3 | random_next(s) % 8);
    if (t->kind & STRING) {
        setup += put_mov(p + setup, RSI, random_place(s));
        setup += put_mov(p + setup, RDI, random_place(s));
        if (opcode == 0xd7)
            setup += put_mov(p + setup, RBX, random_place(s));
        else if (random_next(s) % 2) {
            setup += put_mov(p + setup, RCX, random_next(s) % 6);
            insn[n++] = random_next(s) % 2 ? 0xf3 : 0xf2;
        }
    }
    if (t->kind & VEX) {
        insn[n++] = 0xc4;
        insn[n++] = (uint8_t)((reg >> 3 ? 0 : 0x80) | (x ? 0 : 0x40) | (b ? 0 : 0x20) | t->map);
        insn[n++] = (uint8_t)(w << 7 | random_next(s) % 128 | (long_code ? 0 : 0x40));
    } else {
        if (size)
            insn[n++] = 0x66;
        unsigned repeat = random_next(s) % 6;
        if (t->map && repeat < 2)
            insn[n++] = repeat ? 0xf3 : 0xf2;
        if (memory && t->kind & LOCKABLE && random_next(s) % 4 == 0)
            insn[n++] = 0xf0;
        if (long_code && (w || reg >> 3 || x || b || random_next(s) % 4 == 0))
            insn[n++] = (uint8_t)(0x40 | w << 3 | (reg >> 3) << 2 | x << 1 | b);
        if (t->map)
            insn[n++] = 0x0f;
        if (t->map > 1)
            insn[n++] = t->map == 2 ? 0x38 : 0x3a;
    }
    insn[n++] = (uint8_t)opcode;
    memcpy(insn + n, modrm, m);
    n += m;
    uint64_t immediate = t->kind & OFFSET_32 ? random_place(s) : random_value(s);
    memcpy(insn + n, &immediate, 8); /* as much of it as the decoder says belongs to it */

    static struct guest_insn g;
    if (!front_decode(&g, insn, 15, CODE_AT, long_code ? CODE_64 : CODE_32) || g.class == G_UNSUPPORTED ||
        g.class == G_SYSTEM || g.class == G_UD || g.divides ||
        (g.ends_block && g.class != G_STRING && g.class != G_DF && g.class != G_SLOW) || g.class == G_NOP)
        return 0;
    if (!(t->kind & STACK) && front_uses_gpr(&g, RSP))
        return 0;
    if (t->kind & STACK && g.op[0].type == ZYDIS_OPERAND_TYPE_REGISTER && front_gpr(g.op[0].reg.value) == RSP)
        return 0;
    if (g.z.mnemonic == ZYDIS_MNEMONIC_RDRAND || g.z.mnemonic == ZYDIS_MNEMONIC_RDSEED ||
        g.z.meta.category == ZYDIS_CATEGORY_X87_ALU)
        return 0;
    /* A bit offset in a register reaches far. */
    if (g.class == G_SLOW && g.z.mnemonic != ZYDIS_MNEMONIC_XLAT)
        setup += put_mov(p + setup, front_gpr(g.op[1].reg.value),
                         (uint64_t)((int64_t)(random_next(s) % 600) - 300));
    if (g.class == G_SLOW && g.z.mnemonic != ZYDIS_MNEMONIC_XLAT &&
        (front_gpr(g.op[1].reg.value) == front_gpr(g.op[0].mem.base) ||
         front_gpr(g.op[1].reg.value) == front_gpr(g.op[0].mem.index)))
        return 0;
    memcpy(p + setup, insn, g.z.length);
    return setup + g.z.length;
}

void generate(struct sequence *s, uint64_t *state, unsigned instructions, bool long_mode)
{
    long_code = long_mode;
    s->bytes = 0;
    s->count = 0;
    while (s->count < instructions) {
        size_t n = put_random(s->code + s->bytes, state);
        if (!n)
            continue;
        s->start[s->count++] = (uint16_t)s->bytes;
        s->bytes += n;
        s->start[s->count] = (uint16_t)s->bytes;
    }
}
