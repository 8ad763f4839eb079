/*
 * The kinds of items that sequences are made of: single instructions, and groups
 * that belong together (branches, loops, calls, frames, saved states, flags).
 */
#include "maker.h"

#include "x86/cpu.h"

#include <string.h>

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

/* ---- the maker ---- */

void put(struct maker *m, const void *bytes, unsigned n)
{
    if (m->item.length + n > ITEM_BYTES) {
        m->failed = true;
        return;
    }
    memcpy(m->item.bytes + m->item.length, bytes, n);
    m->item.length = (uint8_t)(m->item.length + n);
}

static void put_rex(struct maker *m, unsigned w, unsigned reg, unsigned rm)
{
    if (world.size == CODE_64)
        put8(m, 0x40 | w << 3 | (reg >> 3) << 2 | rm >> 3);
}

void put_mov(struct maker *m, unsigned reg, uint64_t value)
{
    put_rex(m, 1, 0, reg);
    put8(m, 0xb8 | (reg & 7));
    put_value(m, value, register_bytes());
}

void put_mov_item(struct maker *m, unsigned reg, unsigned item)
{
    put_mov(m, reg, 0);
    m->item.fix = (struct fix){.kind = FIX_ITEM_ABSOLUTE,
                               .at = (uint8_t)(m->item.length - register_bytes()),
                               .bytes = (uint8_t)register_bytes(),
                               .end = m->item.length,
                               .item = (uint8_t)item};
}

unsigned any_register(struct maker *m)
{
    unsigned r;
    do
        r = (unsigned)any(m) % (world.size == CODE_64 ? 16 : 8);
    while (r == RSP);
    return r;
}

static uint64_t faulting_place(struct maker *m)
{
    switch (any(m) % 4) {
    case 0:
        return HOLE_AT + any(m) % 0x800;
    case 1:
        return DATA_AT - any(m) % 70;
    case 2:
        return READ_ONLY_AT + any(m) % 0x800;
    default:
        return READ_ONLY_AT + 0x1000 - any(m) % 70;
    }
}

uint64_t any_place(struct maker *m, unsigned bytes)
{
    uint64_t r = any(m), alignment = (uint64_t[]){1, 1, 16, 64}[any(m) % 4];
    /* A CPU may touch more of a state image than it writes. */
    if (bytes > 512)
        return DATA_AT + 64 * (r >> 8) % (DATA_BYTES - 0xc00);
    if (world.user && world.paging && one_in(m, 50))
        return faulting_place(m);
    /* Often at the border of two pages. */
    uint64_t offset =
        r & 1 ? 0x1000 * (1 + (r >> 1 & 1)) - (r >> 8) % 70 : 64 + (r >> 8) % (DATA_BYTES - 0x640);
    return DATA_AT + (offset & ~(alignment - 1));
}

/* ---- single instructions ---- */

typedef bool item_maker(struct maker *m);

static bool make_encoded(struct maker *m, encoder *encode)
{
    uint8_t bytes[64] = {0};
    return encode(m, bytes) && put_instruction(m, bytes);
}
static bool make_integer(struct maker *m)
{
    return make_encoded(m, encode_integer);
}
static bool make_legacy_vector(struct maker *m)
{
    return make_encoded(m, encode_legacy_vector);
}
static bool make_vex(struct maker *m)
{
    return make_encoded(m, encode_vex);
}
static bool make_evex(struct maker *m)
{
    return make_encoded(m, encode_evex);
}
static bool make_x87(struct maker *m)
{
    return make_encoded(m, encode_x87);
}
static bool make_any_bytes(struct maker *m)
{
    return make_encoded(m, encode_any_bytes);
}

/* ---- branches ---- */

static unsigned later_item(struct maker *m)
{
    return m->index + 1 + (unsigned)any(m) % (m->count - m->index);
}

/* The displacement in the last bytes of the item. */
static void fix_displacement(struct maker *m, unsigned item)
{
    unsigned bytes = world.size == CODE_16 ? 2 : 4;
    put_value(m, 0, bytes);
    m->item.fix = (struct fix){.kind = FIX_ITEM,
                               .at = (uint8_t)(m->item.length - bytes),
                               .bytes = (uint8_t)bytes,
                               .end = m->item.length,
                               .item = (uint8_t)item};
}

/* INC or ADD, which short branches go over. */
static void put_small(struct maker *m)
{
    put(m, (uint8_t[]){0x83, (uint8_t)(0xc0 | RBX), (uint8_t)any(m)}, 3);
}

static bool make_branch(struct maker *m)
{
    switch (any(m) % 6) {
    case 0:
        put8(m, 0xe9);
        fix_displacement(m, later_item(m));
        break;
    case 1: /* LOOPNE, LOOPE, LOOP, JrCXZ */
        if (one_in(m, 2))
            put_mov(m, RCX, any(m) % 3);
        if (one_in(m, 8))
            put8(m, 0x67);
        put(m, (uint8_t[]){(uint8_t)(0xe0 + any(m) % 4), 3}, 2);
        put_small(m);
        break;
    case 2:
        put(m, (uint8_t[]){(uint8_t)(0x70 + any(m) % 16), 3}, 2);
        put_small(m);
        break;
    default:
        put(m, (uint8_t[]){0x0f, (uint8_t)(0x80 + any(m) % 16)}, 2);
        fix_displacement(m, later_item(m));
    }
    return true;
}

/* A loop of a few turns in one item: its own block, and so unrolled. */
static bool make_small_loop(struct maker *m)
{
    unsigned reg = any_register(m);
    put_mov(m, RCX, 1 + any(m) % 9);
    unsigned body = m->item.length;
    if (reg != RCX)
        put(m, (uint8_t[]){0x01, (uint8_t)(0xc0 | (reg & 7) << 3 | RBX)}, 2);
    if (one_in(m, 2)) { /* on the stack */
        put8(m, 0x50 | RBX);
        put8(m, 0x58 | RDI);
    }
    bool with_loop = one_in(m, 2);
    if (with_loop)
        put8(m, 0xe2);
    else if (world.size == CODE_64)
        put(m, (uint8_t[]){0x48, 0xff, 0xc9, 0x75}, 4); /* DEC RCX; JNZ */
    else
        put(m, (uint8_t[]){0x49, 0x75}, 2);
    put8(m, body - (m->item.length + 1u));
    return true;
}

static bool make_call(struct maker *m)
{
    unsigned reg = any_register(m);
    switch (any(m) % 5) {
    case 0:
        put8(m, 0xe8);
        fix_displacement(m, later_item(m));
        return true;
    case 1: /* RET, also with an operand, to a place that was pushed */
        put_mov_item(m, reg, later_item(m));
        put_rex(m, 0, 0, reg);
        put8(m, 0x50 | (reg & 7));
        if (one_in(m, 2))
            put8(m, 0xc3);
        else
            put(m, (uint8_t[]){0xc2, (uint8_t)(any(m) % 16), 0}, 3);
        return true;
    case 2: /* JMP, CALL by a register */
        put_mov_item(m, reg, later_item(m));
        put_rex(m, 0, 0, reg);
        put(m, (uint8_t[]){0xff, (uint8_t)(0xc0 | (one_in(m, 2) ? 2 : 4) << 3 | (reg & 7))}, 2);
        return true;
    default: /* the same by memory */
        if (world.size == CODE_16)
            return false;
        put_mov_item(m, reg, later_item(m));
        put_rex(m, 0, 0, reg);
        put8(m, 0x50 | (reg & 7));
        put(m, (uint8_t[]){0xff, one_in(m, 2) ? 0x14 : 0x24, 0x24}, 3);
        return true;
    }
}

/* ---- the stack ---- */

static bool make_frame(struct maker *m)
{
    uint64_t near = STACK_AT - any(m) % 0x400;
    put_mov(m, RBP, offset_in(world.size == CODE_64 ? SEG_CS : SEG_SS, near));
    if (one_in(m, 4))
        put8(m, 0x66);
    if (one_in(m, 3))
        put8(m, 0xc9);
    else
        put(m, (uint8_t[]){0xc8, (uint8_t)any(m), 0, (uint8_t)(any(m) % (one_in(m, 4) ? 32 : 4))}, 4);
    return true;
}

/*
 * PUSH of a segment register leaves half of a 32-bit slot alone on Intel's CPUs and clears it on AMD's: here
 * it is cleared.
 */
static void put_segment_push(struct maker *m)
{
    static const uint8_t opcodes[] = {0x06, 0x0e, 0x16, 0x1e};
    bool wide = world.size == CODE_32 ? !one_in(m, 4) : one_in(m, 4);
    if (wide != (world.size == CODE_32))
        put8(m, 0x66);
    if (one_in(m, 2))
        put(m, (uint8_t[]){0x0f, one_in(m, 2) ? 0xa0 : 0xa8}, 2);
    else
        put8(m, opcodes[any(m) % 4]);
    if (!wide)
        return;
    if (world.size == CODE_16) /* MOV word [ESP + 2], 0 */
        put8(m, 0x67);
    else
        put8(m, 0x66);
    put(m, (uint8_t[]){0xc7, 0x44, 0x24, 2, 0, 0}, 6);
}

/* Segment registers are the same in both runs, so they can be loaded with what they hold. */
static bool make_segment(struct maker *m)
{
    if (world.size != CODE_64 && one_in(m, 2)) {
        put_segment_push(m);
        return true;
    }
    unsigned from = (uint8_t[]){SEG_ES, SEG_SS, SEG_DS, SEG_FS, SEG_GS}[any(m) % 5];
    unsigned to = (uint8_t[]){SEG_ES, SEG_DS}[any(m) % 2];
    if (!world.user || world.size != CODE_32)
        return false;
    if (from >= SEG_FS)
        return false;
    put(m, (uint8_t[]){0x8c, (uint8_t)(0xc0 | from << 3 | RAX)}, 2);
    put(m, (uint8_t[]){0x8e, (uint8_t)(0xc0 | to << 3 | RAX)}, 2);
    return true;
}

/* ---- decimal arithmetic: of what it leaves undefined the next instruction makes zeros ---- */

static bool make_decimal(struct maker *m)
{
    static const struct {
        uint8_t opcode;
        uint16_t undefined;
    } decimal[] = {{0x27, 0x800}, {0x2f, 0x800}, {0x37, 0x8c4}, {0x3f, 0x8c4}, {0xd4, 0x811}, {0xd5, 0x811}};
    unsigned k = (unsigned)any(m) % 6;
    if (world.size == CODE_64)
        return false;
    put8(m, decimal[k].opcode);
    if (decimal[k].opcode >= 0xd4)
        put8(m, one_in(m, 3) ? any(m) : 10);
    /* PUSHF; AND word [(E)SP], mask; POPF */
    if (!world.user || world.stepping)
        return false;
    uint16_t mask = (uint16_t)~decimal[k].undefined;
    if (world.size == CODE_32) {
        put(m, (uint8_t[]){0x9c, 0x66, 0x81, 0x24, 0x24, (uint8_t)mask, (uint8_t)(mask >> 8), 0x9d}, 8);
    } else {
        put(m, (uint8_t[]){0x9c, 0x67, 0x81, 0x24, 0x24, (uint8_t)mask, (uint8_t)(mask >> 8), 0x9d}, 8);
    }
    return true;
}

/* ---- flags ---- */

#define FLAGS_ANY (ARITHMETIC | RFLAGS_DF | RFLAGS_ID)
#define ARITHMETIC 0x8d5u
static bool make_flags(struct maker *m)
{
    uint32_t flags = (uint32_t)(any(m) & FLAGS_ANY) | RFLAGS_ONE | RFLAGS_IF;
    if (!world.user || world.stepping)
        return false;
    if (one_in(m, 16))
        flags |= RFLAGS_TF;
    if (one_in(m, 16))
        flags |= RFLAGS_NT;
    if (one_in(m, 4))
        flags |= RFLAGS_AC;
    if (world.size == CODE_16)
        put8(m, 0x66);
    put8(m, 0x68);
    put_value(m, flags, 4);
    if (world.size == CODE_16)
        put8(m, 0x66);
    put8(m, 0x9d);
    put8(m, 0x90); /* behind which TF traps */
    return true;
}

/*
 * ---- state images: the components in EDX:EAX ----
 *
 * Loads come from the prepared image and saves go elsewhere: a CPU need not write anew what it loaded from
 * the same place.
 */

static bool make_image(struct maker *m)
{
    static const struct {
        uint8_t opcode, reg;
        bool load;
    } forms[] = {{0xae, 0, false}, {0xae, 1, true}, {0xae, 4, false}, {0xae, 4, false},
                 {0xae, 5, true},  {0xae, 5, true}, {0xae, 6, false}, {0xc7, 4, false}};
    unsigned k = (unsigned)any(m) % 8;
    uint64_t at = forms[k].load ? STATE_IMAGE_AT : (any_place(m, 2048) + 63) & ~63ull;
    put_mov(m, RAX, one_in(m, 2) ? 0xff : any(m) & 0xff);
    put_mov(m, RDX, one_in(m, 4) ? any(m) : 0);
    put_mov(m, RBX, offset_in(world.size == CODE_64 ? SEG_CS : SEG_DS, at));
    if (world.size == CODE_64 && one_in(m, 2))
        put8(m, 0x48);
    put(m,
        (uint8_t[]){0x0f, forms[k].opcode, (uint8_t)(forms[k].reg << 3 | (world.size == CODE_16 ? 7 : RBX))},
        3);
    return true;
}

/* ---- all ---- */

static bool make_single_kind(struct maker *m)
{
    static const struct {
        unsigned weight;
        item_maker *make;
    } kinds[] = {
        {30, make_integer},  {14, make_legacy_vector}, {14, make_vex},       {14, make_evex}, {10, make_x87},
        {2, make_any_bytes}, {3, make_branch},         {1, make_small_loop}, {2, make_call},  {1, make_frame},
        {1, make_segment},   {2, make_decimal},        {1, make_flags},      {1, make_image},
    };
    unsigned total = 0, n = 0;
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        total += kinds[i].weight;
    unsigned pick = (unsigned)any(m) % total;
    while (pick >= kinds[n].weight)
        pick -= kinds[n++].weight;
    return kinds[n].make(m);
}

static void make_item(struct sequence *s, uint64_t *state, unsigned index, unsigned count)
{
    struct maker m;
    do
        m = (struct maker){.random = state, .index = index, .count = count};
    while (!make_single_kind(&m) || m.failed);
    s->item[index] = m.item;
}

/*
 * A counter in memory: the item before the body sets it, the one behind halves it and goes back until it is
 * 0. So it ends whatever branches jump over.
 */
static void put_counter(struct maker *m, uint64_t at)
{
    if (world.size == CODE_64)
        put(m, (uint8_t[]){4, 0x25}, 2);
    else
        put8(m, world.size == CODE_32 ? 5 : 6);
    put_value(m, offset_in(world.size == CODE_64 ? SEG_CS : SEG_DS, at), world.size == CODE_16 ? 2 : 4);
}

static void make_loop(struct sequence *s, uint64_t *state, unsigned first, unsigned last, unsigned number)
{
    struct maker m = {.random = state, .index = first};
    uint64_t at = COUNTERS_AT + 4 * number;
    unsigned bytes = world.size == CODE_16 ? 2 : 4;
    put8(&m, 0xc7);
    put_counter(&m, at);
    put_value(&m, any(&m) % 16, bytes);
    s->item[first] = m.item;
    m = (struct maker){.random = state, .index = last};
    put8(&m, 0xd1);
    put_counter(&m, at);
    m.item.bytes[1] |= 5 << 3; /* SHR by 1 */
    put(&m, (uint8_t[]){0x0f, 0x85}, 2);
    fix_displacement(&m, first + 1);
    s->item[last] = m.item;
}

void generate(struct sequence *s, uint64_t *state)
{
    unsigned count = 1 + (unsigned)(random_next(state) % (ITEMS_MAX - 1)), loops = 0;
    *s = (struct sequence){.count = count};
    s->start = random_next(state) % 2 ? 0 : (uint32_t)(random_next(state) % 0x1000);
    for (unsigned i = 0; i < count; i++) {
        if (!s->item[i].length)
            make_item(s, state, i, count);
        unsigned body = 2 + (unsigned)random_next(state) % 6;
        if (random_next(state) % 20 == 0 && loops < 3 && i + body < count && !s->item[i + body].length)
            make_loop(s, state, i, i + body, loops++);
    }
}
