/* The packets of a packed segment that are no access. Each function gets a cursor over the payload and
 * nothing else; a payload that is too short is left in p->bad. */
#include "reader/decode_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KIND_BIT 1u
#define CAUSE_MASK 7u

static enum control bad_if(bool is_bad)
{
    return is_bad ? CONTROL_BAD : CONTROL_SILENT;
}

static struct trace_item *new_item(struct decoder *d, enum item_kind kind)
{
    d->other_item = (struct trace_item){.kind = kind};
    return &d->other_item;
}

static enum control set_context(struct decoder *d, uint8_t context, uint64_t cr3, uint64_t tsc)
{
    struct trace_item *item = new_item(d, ITEM_CONTEXT);
    d->context = item->context = context;
    d->cr3 = item->cr3 = cr3;
    item->tsc = tsc;
    return CONTROL_ITEM;
}

static enum control packet_sync(struct decoder *d, struct cursor *p)
{
    uint8_t flags = cursor_u8(p), context = cursor_u8(p);
    uint64_t cr3 = cursor_le(p, 8), tsc = cursor_le(p, 8);
    d->icount = cursor_le(p, 8);
    d->has_icount = flags & SYNC_ICOUNT;
    if (!d->has_icount)
        d->icount = 0;
    return set_context(d, context, cr3, tsc);
}

static enum control packet_context(struct decoder *d, struct cursor *p)
{
    uint8_t context = cursor_u8(p);
    uint64_t cr3 = cursor_leb(p);
    if (!p->bad && cr3 != d->cr3)
        pagemap_forget(&d->pages);
    return set_context(d, context, cr3, 0);
}

/* Makes room for site `id`, which is in bounds. New ones belong to segment 0, which is none. */
static bool site_room(struct decoder *d, uint64_t id)
{
    size_t room = d->site_room ? d->site_room : 256;
    if (id < d->site_room)
        return true;
    while (room <= id)
        room *= 2;
    struct site *more = realloc(d->sites, room * sizeof(*more));
    if (!more)
        return decode_fail(d, "out of memory for sites");
    memset(more + d->site_room, 0, (room - d->site_room) * sizeof(*more));
    d->sites = more;
    d->site_room = room;
    return true;
}

/* Defines a site after checking what it says of itself. */
static bool define_site(struct decoder *d, uint64_t id, uint64_t rip, uint8_t what, uint8_t flags,
                        uint64_t size, uint8_t vector)
{
    if (id > SITE_ID_MAX)
        return decode_fail(d, "site %" PRIu64 " is beyond the largest id, %u", id, SITE_ID_MAX);
    if (size < 1 || size > ACCESS_SIZE_MAX)
        return decode_fail(d, "site %" PRIu64 " has a size of %" PRIu64 " bytes", id, size);
    if (what >> (SITE_CAUSE_SHIFT + 3))
        return decode_fail(d, "site %" PRIu64 " has reserved bits set: %02x", id, what);
    if (!site_room(d, id))
        return false;
    d->sites[id] = (struct site){
        .rip = rip,
        .segment = d->segment,
        .successor = NO_SITE,
        .kind = what & KIND_BIT,
        .cause = (what >> SITE_CAUSE_SHIFT) & CAUSE_MASK,
        .flags = flags,
        .size = (uint8_t)size,
        .vector = vector,
    };
    return true;
}

static enum control packet_site(struct decoder *d, struct cursor *p)
{
    uint64_t id = cursor_leb(p), rip = d->site_rip + cursor_zig(p);
    uint8_t what = cursor_u8(p), flags = cursor_u8(p);
    uint64_t size = cursor_leb(p);
    uint8_t vector = cursor_u8(p);
    if (p->bad)
        return CONTROL_BAD;
    d->site_rip = rip;
    return bad_if(!define_site(d, id, rip, what, flags, size, vector));
}

static enum control packet_block(struct decoder *d, struct cursor *p)
{
    uint64_t id = cursor_leb(p), rip = d->site_rip + cursor_zig(p);
    uint64_t instructions = cursor_leb(p), count = cursor_leb(p);
    if (p->bad)
        return CONTROL_BAD;
    d->site_rip = rip;
    if (id > SITE_ID_MAX || count > SITE_ID_MAX + 1 - id)
        return bad_if(
            !decode_fail(d, "block's sites %" PRIu64 " and %" PRIu64 " more go beyond the largest id, %u", id,
                         count, SITE_ID_MAX));
    for (uint64_t i = 0; i < count; i++) {
        uint64_t index = cursor_leb(p), delta = cursor_leb(p);
        uint8_t what = cursor_u8(p), flags = cursor_u8(p);
        uint64_t size = cursor_leb(p);
        if (p->bad)
            return CONTROL_BAD;
        if (index >= instructions)
            return bad_if(
                !decode_fail(d, "block of %" PRIu64 " instructions has an access in instruction %" PRIu64,
                             instructions, index));
        if (!define_site(d, id + i, rip + delta, what, flags, size, 0))
            return CONTROL_BAD;
    }
    return CONTROL_SILENT;
}

static enum control packet_tlb_fill(struct decoder *d, struct cursor *p)
{
    uint64_t virtual_page = cursor_leb(p), physical_page = virtual_page + cursor_zig(p);
    if (p->bad)
        return CONTROL_BAD;
    if (virtual_page >> (64 - PAGE_BITS) || physical_page >> (64 - PAGE_BITS))
        return bad_if(!decode_fail(d, "TLB_FILL of a page number of more than 52 bits"));
    return bad_if(!pagemap_set(&d->pages, virtual_page, physical_page) &&
                  !decode_fail(d, "out of memory for page mappings"));
}

static enum control packet_event(struct decoder *d, struct cursor *p)
{
    struct trace_item *item = new_item(d, ITEM_EVENT);
    item->vector = cursor_u8(p);
    item->event_type = cursor_u8(p);
    item->has_error_code = cursor_u8(p) & EVENT_ERROR_CODE;
    item->error_code = cursor_leb(p);
    item->rip = cursor_leb(p);
    item->tsc = cursor_leb(p);
    return CONTROL_ITEM;
}

static bool run_side(struct decoder *d, uint64_t id, uint64_t delta, struct run_side *side)
{
    struct site *site = site_by_id(d, id);
    if (!site)
        return decode_fail(d, "RUN of site %" PRIu64 ", which is not defined", id);
    *side = (struct run_side){.id = (uint32_t)id, .address = site->address + delta};
    return true;
}

static bool run_sides(struct decoder *d, struct cursor *p, struct run *run, uint64_t *count, uint8_t *flags)
{
    uint64_t id = cursor_leb(p);
    *count = cursor_leb(p);
    *flags = cursor_u8(p);
    uint64_t delta = cursor_zig(p);
    run->pair = *flags & RUN_PAIR;
    if (p->bad || !run_side(d, id, delta, &run->side[0]))
        return false;
    if (!run->pair)
        return true;
    id = cursor_leb(p);
    delta = cursor_zig(p);
    if (p->bad || !run_side(d, id, delta, &run->side[1]))
        return false;
    return d->sites[run->side[0].id].size == d->sites[run->side[1].id].size ||
           decode_fail(d, "RUN of two sites with different sizes");
}

static enum control packet_run(struct decoder *d, struct cursor *p)
{
    struct run run = {0};
    uint64_t count;
    uint8_t flags;
    if (!run_sides(d, p, &run, &count, &flags))
        return CONTROL_BAD;
    uint64_t instructions = d->has_icount ? cursor_leb(p) : 0;
    unsigned size = d->sites[run.side[0].id].size;
    if (p->bad)
        return CONTROL_BAD;
    if (count == 0)
        return bad_if(!decode_fail(d, "RUN of no accesses"));
    if (count > UINT64_MAX / 2)
        return bad_if(!decode_fail(d, "RUN of too many accesses"));
    if (!decode_room(d, run.pair ? 2 * count : count))
        return CONTROL_BAD;
    bool differ = flags & RUN_DATA_DIFFER, own = run.pair && (flags & RUN_PAIR_HAS_DATA);
    uint64_t elements = (differ ? count : 1) + (own ? count : 0);
    if (elements > cursor_left(p) / size)
        return bad_if(!decode_fail(d, "RUN of %" PRIu64 " accesses has data for fewer", count));
    run.side[0].differ = run.side[1].differ = differ;
    run.side[0].data = run.side[1].data = cursor_bytes(p, (differ ? count : 1) * size);
    if (own) {
        run.side[1].data = cursor_bytes(p, count * size);
        run.side[1].differ = true;
    }
    run.step = flags & RUN_DESCENDING ? 0 - (uint64_t)size : size;
    run.left = run.pair ? 2 * count : count;
    d->icount += instructions; /* once: all iterations belong to the instruction that is executing */
    d->run = run;
    return CONTROL_RUN;
}

static enum control packet_count(struct decoder *d, struct cursor *p, enum item_kind kind)
{
    new_item(d, kind)->count = cursor_leb(p);
    return CONTROL_ITEM;
}

static enum control packet_text(struct decoder *d, struct cursor *p, enum item_kind kind)
{
    struct trace_item *item = new_item(d, kind);
    if (kind == ITEM_MARK)
        item->source = cursor_u8(p);
    item->text_bytes = cursor_left(p);
    item->text = (const char *)p->at;
    return CONTROL_ITEM;
}

static enum control packet_time(struct decoder *d, struct cursor *p)
{
    new_item(d, ITEM_TIME)->tsc = cursor_leb(p);
    return CONTROL_ITEM;
}

static enum control read_payload(struct decoder *d, uint8_t type, struct cursor *p)
{
    switch (type) {
    case PACKET_SYNC:
        return bad_if(!decode_fail(d, "SYNC again within the segment"));
    case PACKET_CONTEXT:
        return packet_context(d, p);
    case PACKET_TIME:
        return packet_time(d, p);
    case PACKET_SITE:
        return packet_site(d, p);
    case PACKET_BLOCK:
        return packet_block(d, p);
    case PACKET_TLB_FILL:
        return packet_tlb_fill(d, p);
    case PACKET_TLB_FLUSH:
        pagemap_forget(&d->pages);
        return CONTROL_SILENT;
    case PACKET_EVENT:
        return packet_event(d, p);
    case PACKET_RUN:
        return packet_run(d, p);
    case PACKET_MARK:
        return packet_text(d, p, ITEM_MARK);
    case PACKET_LOSS:
        return packet_count(d, p, ITEM_LOSS);
    case PACKET_FILTER:
        return packet_count(d, p, ITEM_FILTER);
    case PACKET_STOP:
        return packet_text(d, p, ITEM_STOP);
    default:
        return CONTROL_SILENT; /* of a later version: skipped by its length */
    }
}

enum control decode_control(struct decoder *d, bool first)
{
    struct cursor *c = &d->c;
    uint8_t type = cursor_u8(c);
    if (type == PACKET_PAD)
        return CONTROL_SILENT;
    uint64_t bytes = cursor_leb(c);
    if (c->bad || bytes > cursor_left(c))
        return bad_if(!decode_fail(d, "control packet %02x is longer than the segment", type));
    struct cursor payload = {.at = c->at, .end = c->at + bytes};
    c->at += bytes;
    enum control what = first ? packet_sync(d, &payload) : read_payload(d, type, &payload);
    if (payload.bad)
        return bad_if(!decode_fail(d, "payload of control packet %02x is too short", type));
    return what;
}
