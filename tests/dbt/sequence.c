/* Sequences as code. */
#include "generate.h"

#include <string.h>

static uint64_t item_ip(uint32_t offset)
{
    return WINDOW_AT + offset - (world.size == CODE_16 ? world_segment[SEG_CS].base : 0);
}

static bool apply_fix(const struct sequence *s, unsigned i, struct code *code, const uint32_t *start)
{
    const struct fix *f = &s->item[i].fix;
    uint64_t value, end = item_ip(start[i] + f->end);
    switch (f->kind) {
    case FIX_ITEM:
        value = item_ip(start[f->item]) - end;
        break;
    case FIX_ITEM_ABSOLUTE:
        value = item_ip(start[f->item]);
        break;
    case FIX_ADDRESS:
        value = f->address - (WINDOW_AT + start[i] + f->end);
        break;
    default:
        return true;
    }
    memcpy(code->bytes + (start[i] - code->start) + f->at, &value, f->bytes);
    if (f->kind == FIX_ITEM_ABSOLUTE || f->bytes == 8)
        return true;
    int64_t limit = 1ll << (8 * f->bytes - 1);
    return (int64_t)value >= -limit && (int64_t)value < limit;
}

bool sequence_layout(const struct sequence *s, struct code *code, uint32_t *start)
{
    code->start = code->entry = s->start;
    code->length = 0;
    for (unsigned i = 0; i < s->count; i++) {
        start[i] = s->start + code->length;
        if (start[i] + s->item[i].length + 16 > CODE_BYTES)
            return false;
        memcpy(code->bytes + code->length, s->item[i].bytes, s->item[i].length);
        code->length += s->item[i].length;
    }
    start[s->count] = s->start + code->length;
    for (unsigned i = 0; i < s->count; i++)
        if (!apply_fix(s, i, code, start))
            return false;
    return true;
}

void sequence_remove(struct sequence *s, unsigned i)
{
    memmove(&s->item[i], &s->item[i + 1], (s->count - i - 1) * sizeof s->item[0]);
    s->count--;
    for (unsigned k = 0; k < s->count; k++)
        if (s->item[k].fix.item > i)
            s->item[k].fix.item--;
}
