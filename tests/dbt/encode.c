/* Random bytes in the form of an instruction: prefixes, opcode, ModRM, SIB, displacement, immediate. */
#include "maker.h"

#include <string.h>

enum {
    MODRM = 1,
    LOCKABLE = 2,
    ONLY_32 = 4, /* not in 64-bit mode */
};

/* Whatever else an opcode needs the decoder knows. */
static const struct template
{
    uint8_t map; /* 0: one byte, 1: 0F */
    uint8_t first, last;
    uint8_t kind;
}
integer[] = {
    {0, 0x00, 0x03, MODRM | LOCKABLE},
    {0, 0x08, 0x0b, MODRM | LOCKABLE},
    {0, 0x10, 0x13, MODRM | LOCKABLE},
    {0, 0x18, 0x1b, MODRM | LOCKABLE},
    {0, 0x20, 0x23, MODRM | LOCKABLE},
    {0, 0x28, 0x2b, MODRM | LOCKABLE},
    {0, 0x30, 0x33, MODRM | LOCKABLE},
    {0, 0x38, 0x3b, MODRM},
    {0, 0x04, 0x05, 0},
    {0, 0x0c, 0x0d, 0},
    {0, 0x14, 0x15, 0},
    {0, 0x1c, 0x1d, 0},
    {0, 0x24, 0x25, 0},
    {0, 0x2c, 0x2d, 0},
    {0, 0x34, 0x35, 0},
    {0, 0x3c, 0x3d, 0},
    {0, 0x40, 0x4f, ONLY_32},
    {0, 0x62, 0x62, MODRM | ONLY_32},
    {0, 0x63, 0x63, MODRM},
    {0, 0x68, 0x68, 0},
    {0, 0x6a, 0x6a, 0},
    {0, 0x69, 0x69, MODRM},
    {0, 0x6b, 0x6b, MODRM},
    {0, 0x80, 0x83, MODRM | LOCKABLE},
    {0, 0x84, 0x8b, MODRM},
    {0, 0x86, 0x87, MODRM | LOCKABLE},
    {0, 0x8c, 0x8c, MODRM},
    {0, 0x8d, 0x8d, MODRM},
    {0, 0x8f, 0x8f, MODRM},
    {0, 0x90, 0x9f, 0},
    {0, 0xa0, 0xa3, 0},
    {0, 0xa4, 0xa7, 0},
    {0, 0xa8, 0xa9, 0},
    {0, 0xaa, 0xaf, 0},
    {0, 0xb0, 0xbf, 0},
    {0, 0xc0, 0xc1, MODRM},
    {0, 0xc6, 0xc7, MODRM},
    {0, 0xd0, 0xd3, MODRM},
    {0, 0xd7, 0xd7, 0},
    {0, 0xf5, 0xf5, 0},
    {0, 0xf6, 0xf7, MODRM | LOCKABLE},
    {0, 0xf8, 0xf9, 0},
    {0, 0xfc, 0xfd, 0},
    {0, 0xfe, 0xff, MODRM | LOCKABLE},
    {0, 0x50, 0x5f, 0},
    {0, 0x60, 0x61, ONLY_32},
    {1, 0x0d, 0x0d, MODRM},
    {1, 0x18, 0x1f, MODRM},
    {1, 0x40, 0x4f, MODRM},
    {1, 0x90, 0x9f, MODRM},
    {1, 0xa0, 0xa0, 0},
    {1, 0xa3, 0xa5, MODRM},
    {1, 0xa8, 0xa8, 0},
    {1, 0xab, 0xaf, MODRM | LOCKABLE},
    {1, 0xb0, 0xb1, MODRM | LOCKABLE},
    {1, 0xb3, 0xb3, MODRM | LOCKABLE},
    {1, 0xb6, 0xb8, MODRM},
    {1, 0xba, 0xbb, MODRM | LOCKABLE},
    {1, 0xbc, 0xbf, MODRM},
    {1, 0xc0, 0xc1, MODRM | LOCKABLE},
    {1, 0xc3, 0xc3, MODRM},
    {1, 0xc7, 0xc7, MODRM | LOCKABLE},
    {1, 0xc8, 0xcf, 0},
};

static unsigned put_one(uint8_t *to, unsigned v)
{
    *to = (uint8_t)v;
    return 1;
}

/* Segment, address size, and now and then prefixes that mean nothing. */
static unsigned encode_prefixes(struct maker *m, uint8_t *to)
{
    static const uint8_t segments[] = {0x64, 0x65, 0x26, 0x2e, 0x36, 0x3e};
    unsigned n = 0;
    if (one_in(m, 12))
        n += put_one(to + n, segments[any(m) % (one_in(m, 2) ? 2 : 6)]);
    if (one_in(m, 16))
        n += put_one(to + n, 0x67);
    if (one_in(m, 40))
        n += put_one(to + n, (uint8_t[]){0xf2, 0xf3, 0x66, 0x67}[any(m) % 4]);
    if (world.size == CODE_64 && one_in(m, 60))
        n += put_one(to + n, 0x40 | any(m) % 16); /* REX that does not count, with a prefix behind it */
    return n;
}

/* With a REX prefix in 64-bit code, else AH to BH can be meant. */
static unsigned encode_rex(struct maker *m, uint8_t *to)
{
    if (world.size != CODE_64 || one_in(m, 3))
        return 0;
    return put_one(to, 0x40 | any(m) % 16);
}

/* ModRM and what belongs to it; room for immediate bytes behind. */
static unsigned encode_modrm(struct maker *m, uint8_t *to)
{
    unsigned mod = one_in(m, 2) ? 3 : (unsigned)any(m) % 3;
    unsigned n = put_one(to, mod << 6 | any(m) % 64);
    uint64_t tail[2] = {any(m), any(m)};
    if (mod != 3 && (to[0] & 7) == 4 && world.size != CODE_16)
        n += put_one(to + n, any(m));
    /* Displacements of 32 bits near 0, so that addresses do not wrap in the segments' limits. */
    if (mod == 2 || (mod == 0 && ((to[0] & 7) == 5 || n == 2))) {
        int32_t near = (int32_t)(any(m) % 20000) - 10000;
        memcpy(tail, &near, 4);
    }
    memcpy(to + n, tail, sizeof tail);
    return n + sizeof tail;
}

static unsigned encode_immediate(struct maker *m, uint8_t *to)
{
    uint64_t v = random_value(m->random);
    memcpy(to, &v, sizeof v);
    return sizeof v;
}

unsigned encode_integer(struct maker *m, uint8_t *to)
{
    const struct template *t = &integer[any(m) % (sizeof integer / sizeof integer[0])];
    unsigned n = encode_prefixes(m, to), opcode = t->first + (unsigned)(any(m) % (t->last - t->first + 1u));
    if (world.size == CODE_64 && t->kind & ONLY_32)
        return 0;
    if (one_in(m, 5))
        n += put_one(to + n, 0x66);
    if (one_in(m, t->map || (opcode >= 0xa4 && opcode <= 0xaf) ? 4 : 30))
        n += put_one(to + n, one_in(m, 2) ? 0xf2 : 0xf3);
    if (t->kind & LOCKABLE ? one_in(m, 6) : one_in(m, 200))
        n += put_one(to + n, 0xf0);
    n += encode_rex(m, to + n);
    if (t->map)
        n += put_one(to + n, 0x0f);
    n += put_one(to + n, opcode);
    if (t->kind & MODRM)
        n += encode_modrm(m, to + n);
    return n + encode_immediate(m, to + n);
}

/* MMX, SSE and what else lies in the maps 0F, 0F 38 and 0F 3A. */
unsigned encode_legacy_vector(struct maker *m, uint8_t *to)
{
    unsigned n = encode_prefixes(m, to), map = 1 + any(m) % 3;
    unsigned mandatory = (uint8_t[]){0, 0x66, 0xf3, 0xf2}[any(m) % 4];
    if (mandatory)
        n += put_one(to + n, mandatory);
    if (one_in(m, 20))
        n += put_one(to + n, 0x66);
    n += encode_rex(m, to + n);
    n += put_one(to + n, 0x0f);
    if (map > 1)
        n += put_one(to + n, map == 2 ? 0x38 : 0x3a);
    unsigned opcode = (unsigned)any(m) & 0xff;
    if (map == 1 && opcode < 0x10)
        return 0;
    n += put_one(to + n, opcode);
    return n + encode_modrm(m, to + n);
}

/* Bits of registers that 16- and 32-bit code does not have are 1 (inverted). */
unsigned encode_vex(struct maker *m, uint8_t *to)
{
    unsigned n = encode_prefixes(m, to);
    unsigned extensions = world.size == CODE_64 ? (unsigned)any(m) & 0xe0 : 0xe0;
    unsigned p = (unsigned)any(m) & 0xff;
    if (one_in(m, 3))
        p |= 0x78; /* no second source */
    if (world.size != CODE_64)
        p |= 0x40;
    if (one_in(m, 4)) {
        n += put_one(to + n, 0xc5);
        n += put_one(to + n, (extensions & 0x80) | (p & 0x7f));
    } else {
        n += put_one(to + n, 0xc4);
        n += put_one(to + n, extensions | (1 + any(m) % 3));
        n += put_one(to + n, p);
    }
    n += put_one(to + n, any(m));
    return n + encode_modrm(m, to + n);
}

unsigned encode_evex(struct maker *m, uint8_t *to)
{
    unsigned n = encode_prefixes(m, to);
    unsigned p0 = (unsigned)any(m) & 0xf0, p1 = ((unsigned)any(m) & 0xff) | 4, p2 = (unsigned)any(m) & 0xff;
    if (world.size != CODE_64) {
        p0 |= 0xf0;
        p1 |= 0x40;
        p2 |= 0x08;
    }
    if (one_in(m, 3)) {
        p1 |= 0x78;
        p2 |= 0x08;
    }
    if (one_in(m, 2))
        p2 &= 0xef; /* neither broadcast nor rounding */
    n += put_one(to + n, 0x62);
    n += put_one(to + n, p0 | (1 + any(m) % 3));
    n += put_one(to + n, p1);
    n += put_one(to + n, p2);
    n += put_one(to + n, any(m));
    return n + encode_modrm(m, to + n);
}

unsigned encode_x87(struct maker *m, uint8_t *to)
{
    unsigned n = encode_prefixes(m, to);
    if (one_in(m, 20))
        n += put_one(to + n, 0x66);
    n += put_one(to + n, one_in(m, 16) ? 0x9b : 0xd8 + any(m) % 8);
    return n + encode_modrm(m, to + n);
}

/* What no table above thinks of: all one-byte opcodes and all maps, as they come. */
unsigned encode_any_bytes(struct maker *m, uint8_t *to)
{
    unsigned n = encode_prefixes(m, to);
    if (one_in(m, 3))
        n += put_one(to + n, (uint8_t[]){0x66, 0xf2, 0xf3, 0xf0, 0x66, 0x67, 0x2e, 0x66}[any(m) % 8]);
    n += encode_rex(m, to + n);
    if (!one_in(m, 3)) {
        n += put_one(to + n, 0x0f);
        if (one_in(m, 3))
            n += put_one(to + n, one_in(m, 2) ? 0x38 : 0x3a);
    }
    n += put_one(to + n, any(m));
    return n + encode_modrm(m, to + n);
}
