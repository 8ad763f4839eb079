/*
 * Vector and mask registers for C code, which itself may use none: a few bytes of
 * code for each register, written when the cache is made, that move it to and from
 * memory at RDI. How wide they are is what the host has switched on.
 */
#include "dbt/vector.h"

#include "x86/cpu.h"

#define ROUTINE_BYTES 16u
#define VECTORS 32u
#define MASKS 8u
#define MMX_REGISTERS 8u
#define CPUID_1_ECX_OSXSAVE (1u << 27)

enum width { WIDTH_XMM, WIDTH_YMM, WIDTH_ZMM };

static enum width host_width(void)
{
    const uint64_t avx = XCR0_SSE | XCR0_AVX;
    uint64_t enabled = cpuid(1, 0).ecx & CPUID_1_ECX_OSXSAVE ? xgetbv(0) : 0;
    if ((enabled & avx) != avx)
        return WIDTH_XMM;
    return (enabled & XCR0_AVX512) == XCR0_AVX512 ? WIDTH_ZMM : WIDTH_YMM;
}

/* MOVUPS, VMOVDQU or VMOVDQU64 between register n and [rdi], and RET. */
static void emit_move_vector(struct emit *e, enum width width, unsigned n, bool store)
{
    unsigned modrm = (n & 7) << 3 | RDI, r = n & 8 ? 0 : 0x80;
    switch (width) {
    case WIDTH_ZMM:
        emit_bytes(e, (uint8_t[]){0x62, (uint8_t)(r | 0x61 | (n & 16 ? 0 : 0x10)), 0xfe, 0x48}, 4);
        emit8(e, store ? 0x7f : 0x6f);
        break;
    case WIDTH_YMM:
        emit_bytes(e, (uint8_t[]){0xc5, (uint8_t)(r | 0x7e)}, 2);
        emit8(e, store ? 0x7f : 0x6f);
        break;
    default:
        if (n & 8)
            emit8(e, 0x44);
        emit_bytes(e, (uint8_t[]){0x0f, store ? 0x11 : 0x10}, 2);
    }
    emit8(e, modrm);
    emit8(e, 0xc3);
}

/* KMOVQ: VEX.L0.0F.W1 90, 91. */
static void emit_move_mask(struct emit *e, unsigned n, bool store)
{
    emit_bytes(e, (uint8_t[]){0xc4, 0xe1, 0xf8, store ? 0x91 : 0x90, (uint8_t)(n << 3 | RDI), 0xc3}, 6);
}

static void emit_move_mmx(struct emit *e, unsigned n)
{
    emit_bytes(e, (uint8_t[]){0x0f, 0x7f, (uint8_t)(n << 3 | RDI), 0xc3}, 4);
}

static void next_routine(struct emit *e, uint8_t *start)
{
    while (e->p < start + ROUTINE_BYTES && !e->full)
        emit8(e, 0xcc);
}

/* In this order: stores of vectors, loads, stores of masks, loads, stores of MMX registers. */
void vector_init(struct dbt *d, struct emit *e)
{
    enum width width = host_width();
    d->vector_routines = e->p;
    for (unsigned n = 0; n < 2 * VECTORS; n++) {
        uint8_t *start = e->p;
        emit_move_vector(e, width, n % (width == WIDTH_ZMM ? VECTORS : VECTORS / 2), n < VECTORS);
        next_routine(e, start);
    }
    for (unsigned n = 0; n < 2 * MASKS; n++) {
        uint8_t *start = e->p;
        emit_move_mask(e, n % MASKS, n < MASKS);
        next_routine(e, start);
    }
    for (unsigned n = 0; n < MMX_REGISTERS; n++) {
        uint8_t *start = e->p;
        emit_move_mmx(e, n);
        next_routine(e, start);
    }
}

static void call(const struct dbt *d, unsigned routine, void *memory)
{
    void (*run)(void *);
    const uint8_t *code = d->vector_routines + routine * ROUTINE_BYTES;
    memcpy(&run, &code, sizeof(run));
    run(memory);
}

void vector_read(const struct dbt *d, unsigned n, uint8_t *bytes)
{
    memset(bytes, 0, VECTOR_BYTES);
    call(d, n, bytes);
}

void vector_write(const struct dbt *d, unsigned n, uint8_t *bytes)
{
    call(d, VECTORS + n, bytes);
}

uint64_t opmask_read(const struct dbt *d, unsigned n)
{
    uint64_t mask;
    call(d, 2 * VECTORS + n, &mask);
    return mask;
}

void opmask_write(const struct dbt *d, unsigned n, uint64_t mask)
{
    call(d, 2 * VECTORS + MASKS + n, &mask);
}

void mmx_read(const struct dbt *d, unsigned n, uint8_t *bytes)
{
    call(d, 2 * VECTORS + 2 * MASKS + n, bytes);
}
