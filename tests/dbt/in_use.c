/*
 * State images may differ in what is in use: of a state component in its initial
 * configuration a processor may say that or not, and stores it or leaves it out (SDM Vol.
 * 1, 13.6). AMD's forget by VZEROALL and the like, and remember by any load of the register.
 */
#include "pair.h"

#include "decode/xsave.h"

#include <string.h>

/* SSE, in the legacy area, is the lowest that VZEROALL and the like bring there. */
#define SSE 1u
#define XMM_OFFSET 160u

static uint64_t word_at(const uint8_t *image, unsigned offset)
{
    uint64_t v;
    memcpy(&v, image + offset, sizeof v);
    return v;
}

static bool is_zero(const uint8_t *p, unsigned bytes)
{
    for (unsigned k = 0; k < bytes; k++)
        if (p[k])
            return false;
    return true;
}

static uint32_t offset_of(const struct xsave_layout *l, uint64_t compacted, unsigned n)
{
    return n == SSE ? XMM_OFFSET : xsave_offset(l, compacted, n);
}
static uint32_t bytes_of(const struct xsave_layout *l, unsigned n)
{
    return n == SSE ? (world.size == CODE_64 ? 256 : 128) : l->size[n];
}

/* What `less` leaves out of an image, and `more` has, which must be the initial configuration. */
static bool take_over(const uint8_t *more, uint8_t *less, uint32_t room)
{
    struct xsave_layout layout;
    uint64_t compacted = word_at(more, XSAVE_COMP_BV);
    uint64_t components = word_at(more, XSAVE_STATE_BV) & ~word_at(less, XSAVE_STATE_BV);
    xsave_layout_read(&layout, cpuid);
    for (unsigned n = SSE; n < XSAVE_COMPONENTS; n++) {
        if (!(components >> n & 1))
            continue;
        uint32_t at = offset_of(&layout, compacted, n), bytes = bytes_of(&layout, n);
        if (at + bytes > room || !is_zero(more + at, bytes))
            return false;
        memcpy(less + at, more + at, bytes);
    }
    memcpy(less + XSAVE_STATE_BV, more + XSAVE_STATE_BV, sizeof components);
    return true;
}

/* The headers' bits agree but for some that `more` has as well. */
static bool says_more(const uint8_t *more, const uint8_t *less)
{
    uint64_t a = word_at(more, XSAVE_STATE_BV), b = word_at(less, XSAVE_STATE_BV);
    return a != b && (a & b) == b && !((a ^ b) & ~xstate_mask) && !((a ^ b) & 1) &&
           word_at(more, XSAVE_COMP_BV) == word_at(less, XSAVE_COMP_BV);
}

bool differ_in_use(const uint8_t *a, const uint8_t *b)
{
    static uint8_t x[WINDOW_BYTES], y[WINDOW_BYTES];
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    /* The first byte that differs in an image is in its header: 64 bytes aligned, behind the legacy area. */
    for (unsigned k = CODE_BYTES + XSAVE_STATE_BV; k + XSAVE_HEADER_BYTES < WINDOW_BYTES; k += 64) {
        uint8_t *p = x + k - XSAVE_STATE_BV, *q = y + k - XSAVE_STATE_BV;
        uint32_t room = WINDOW_BYTES - k + XSAVE_STATE_BV;
        if (memcmp(x + k, y + k, XSAVE_HEADER_BYTES) == 0)
            continue;
        if (!(says_more(p, q) ? take_over(p, q, room) : says_more(q, p) && take_over(q, p, room)))
            return false;
    }
    return memcmp(x + CODE_BYTES, y + CODE_BYTES, WINDOW_BYTES - CODE_BYTES) == 0;
}
