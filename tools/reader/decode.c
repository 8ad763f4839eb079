/* Packets of a packed segment. Names and order follow docs/format.md. */
#include "reader/decode.h"
#include "reader/cursor.h"
#include "reader/pagemap.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BITS 12
#define PAGE_BYTES 4096u
#define KIND_BIT 1u
#define CAUSE_MASK 7u
#define NO_SITE UINT32_MAX

struct site {
    uint64_t rip;
    uint64_t address;
    uint64_t stride;
    uint64_t icount_step; /* before its last access */
    uint64_t segment;     /* the segment it was defined in: others do not know it */
    uint32_t successor;
    uint8_t kind;
    uint8_t cause;
    uint8_t flags;
    uint8_t size;
    uint8_t vector;
    uint8_t data[ACCESS_SIZE_MAX];
};

struct decoder {
    struct site *sites; /* by id */
    size_t site_room;   /* grows to what the trace uses */
    struct pagemap pages;
    uint64_t segment;
    /* The segment being decoded. */
    struct decode_result *result;
    item_fn item;
    void *ctx;
    uint64_t number; /* of the next access */
    uint64_t limit;  /* the header's event count */
    uint64_t cr3;
    uint64_t icount;
    uint64_t last_address; /* of the access before, whatever its site */
    uint64_t site_rip;     /* of the SITE or BLOCK before */
    uint32_t last_site;    /* of the access before */
    uint8_t context;
    bool has_icount;
};

struct decoder *decoder_new(void)
{
    return calloc(1, sizeof(struct decoder));
}

void decoder_free(struct decoder *d)
{
    if (!d)
        return;
    pagemap_free(&d->pages);
    free(d->sites);
    free(d);
}

__attribute__((format(printf, 2, 3))) static bool fail(struct decoder *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(d->result->error, sizeof(d->result->error), format, args);
    va_end(args);
    return false;
}

/* Hands an item over. False: stop. */
static bool emit(struct decoder *d, struct trace_item *item)
{
    item->number = d->number;
    if (d->item && !d->item(d->ctx, item)) {
        d->result->stopped = true;
        return false;
    }
    return true;
}

static struct site *site_by_id(struct decoder *d, uint64_t id)
{
    if (id >= d->site_room || d->sites[id].segment != d->segment)
        return NULL;
    return &d->sites[id];
}

/* Fills in the guest-physical side; a page without mapping is counted and left unknown. */
static void translate(struct decoder *d, struct trace_item *item)
{
    struct access *a = &item->access;
    uint64_t page = a->gva >> PAGE_BITS, frame = 0, frame2 = 0;
    uint64_t next = (page + 1) & (UINT64_MAX >> PAGE_BITS);
    item->gpa_known = pagemap_get(&d->pages, page, &frame);
    if (a->flags & ACCESS_CROSSES)
        item->gpa_known = pagemap_get(&d->pages, next, &frame2) && item->gpa_known;
    if (item->gpa_known) {
        a->gpa = (frame << PAGE_BITS) | (a->gva & (PAGE_BYTES - 1));
        a->gpa2 = frame2 << PAGE_BITS;
    } else if (d->result->no_gpa++ == 0) {
        d->result->no_gpa_first = d->number;
    }
}

/* One event of `site`, whose last address and data are already the event's own. */
static bool emit_access(struct decoder *d, const struct site *site, bool has_data)
{
    struct trace_item item = {.kind = ITEM_ACCESS, .icount_known = d->has_icount};
    struct access *a = &item.access;
    a->rip = site->rip;
    a->gva = site->address;
    a->cr3 = d->cr3;
    a->icount = d->has_icount ? d->icount : 0;
    a->kind = site->kind;
    a->cause = site->cause;
    a->vector = site->vector;
    a->flags = site->flags;
    a->size = site->size;
    a->context = d->context;
    a->has_data = has_data;
    if (has_data)
        memcpy(a->data, site->data, site->size);
    translate(d, &item);
    if (!emit(d, &item))
        return false;
    d->number++;
    d->result->events++;
    return true;
}

/* What every access does to the states: its site's, the site's before it, the decoder's. */
static void advance(struct decoder *d, uint32_t id, uint64_t address)
{
    struct site *site = &d->sites[id];
    site->stride = address - site->address;
    site->address = address;
    if (d->last_site != NO_SITE)
        d->sites[d->last_site].successor = id;
    d->last_site = id;
    d->last_address = address;
}

static bool room_for(struct decoder *d, uint64_t events)
{
    if (events <= d->limit - d->result->events)
        return true;
    return fail(d, "more events than the header's %" PRIu64, d->limit);
}

static bool read_address(struct decoder *d, struct cursor *c, const struct site *site, unsigned form,
                         uint64_t *address)
{
    switch (form) {
    case ADDR_SAME:
        *address = site->address;
        break;
    case ADDR_STRIDE:
        *address = site->address + site->stride;
        break;
    case ADDR_SITE_DELTA:
        *address = site->address + cursor_zig(c);
        break;
    default:
        *address = d->last_address + cursor_zig(c);
        break;
    }
    return !c->bad || fail(d, "access packet is cut off in its address");
}

static bool read_data(struct decoder *d, struct cursor *c, struct site *site, unsigned form)
{
    const uint8_t *raw;
    switch (form) {
    case DATA_SAME:
        break;
    case DATA_ZERO:
        memset(site->data, 0, site->size);
        break;
    case DATA_DELTA:
        if (site->size != 1 && site->size != 2 && site->size != 4 && site->size != 8)
            return fail(d, "data difference for a size of %u", site->size);
        store_le(site->data, load_le(site->data, site->size) + cursor_zig(c), site->size);
        break;
    default:
        raw = cursor_bytes(c, site->size);
        if (raw)
            memcpy(site->data, raw, site->size);
        break;
    }
    return !c->bad || fail(d, "access packet is cut off in its data");
}

static bool read_access(struct decoder *d, struct cursor *c)
{
    uint8_t head = cursor_u8(c);
    unsigned address_form = (head >> ACCESS_ADDR_SHIFT) & 3, data_form = (head >> ACCESS_DATA_SHIFT) & 3;
    bool no_data = head & ACCESS_NO_DATA;
    if ((head & ACCESS_ICOUNT_STEP) && !d->has_icount)
        return fail(d, "access packet %02x has an instruction count, and SYNC says that there are none",
                    head);
    if (no_data && data_form != DATA_SAME)
        return fail(d, "access packet %02x is without data and yet has some", head);

    uint64_t id = NO_SITE;
    if (head & ACCESS_SITE_EXPLICIT)
        id = cursor_leb(c);
    else if (d->last_site != NO_SITE)
        id = d->sites[d->last_site].successor;
    if (c->bad)
        return fail(d, "access packet is cut off in its site");
    if (id == NO_SITE && !(head & ACCESS_SITE_EXPLICIT))
        return fail(d, "access packet names no site and none is known to follow the one before");
    struct site *site = site_by_id(d, id);
    if (!site)
        return fail(d, "access of site %" PRIu64 ", which is not defined", id);

    uint64_t address;
    if (!read_address(d, c, site, address_form, &address))
        return false;
    if (!no_data && !read_data(d, c, site, data_form))
        return false;
    if (head & ACCESS_ICOUNT_STEP) {
        site->icount_step = cursor_leb(c);
        if (c->bad)
            return fail(d, "access packet is cut off in its instruction count");
    }
    if (d->has_icount)
        d->icount += site->icount_step;
    if (!room_for(d, 1))
        return false;
    advance(d, (uint32_t)id, address);
    return emit_access(d, site, !no_data);
}

/* ---- control packets: `p` holds the payload and nothing else ---------------- */

static void flush_pages(struct decoder *d)
{
    pagemap_forget(&d->pages);
}

static bool set_context(struct decoder *d, uint8_t context, uint64_t cr3, uint64_t tsc)
{
    d->context = context;
    d->cr3 = cr3;
    struct trace_item item = {.kind = ITEM_CONTEXT, .context = context, .cr3 = cr3, .tsc = tsc};
    return emit(d, &item);
}

static bool packet_sync(struct decoder *d, struct cursor *p)
{
    uint8_t flags = cursor_u8(p), context = cursor_u8(p);
    uint64_t cr3 = cursor_le(p, 8), tsc = cursor_le(p, 8);
    d->icount = cursor_le(p, 8);
    d->has_icount = flags & SYNC_ICOUNT;
    return p->bad || set_context(d, context, cr3, tsc);
}

static bool packet_context(struct decoder *d, struct cursor *p)
{
    uint8_t context = cursor_u8(p);
    uint64_t cr3 = cursor_leb(p);
    if (p->bad)
        return true;
    if (cr3 != d->cr3)
        flush_pages(d);
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
        return fail(d, "out of memory for sites");
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
        return fail(d, "site %" PRIu64 " is beyond the largest id, %u", id, SITE_ID_MAX);
    if (size < 1 || size > ACCESS_SIZE_MAX)
        return fail(d, "site %" PRIu64 " has a size of %" PRIu64 " bytes", id, size);
    if (what >> (SITE_CAUSE_SHIFT + 3))
        return fail(d, "site %" PRIu64 " has reserved bits set: %02x", id, what);
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

static bool packet_site(struct decoder *d, struct cursor *p)
{
    uint64_t id = cursor_leb(p), rip = d->site_rip + cursor_zig(p);
    uint8_t what = cursor_u8(p), flags = cursor_u8(p);
    uint64_t size = cursor_leb(p);
    uint8_t vector = cursor_u8(p);
    if (p->bad)
        return true;
    d->site_rip = rip;
    return define_site(d, id, rip, what, flags, size, vector);
}

static bool packet_block(struct decoder *d, struct cursor *p)
{
    uint64_t id = cursor_leb(p), rip = d->site_rip + cursor_zig(p);
    uint64_t instructions = cursor_leb(p), count = cursor_leb(p);
    if (p->bad)
        return true;
    d->site_rip = rip;
    if (id > SITE_ID_MAX || count > SITE_ID_MAX + 1 - id)
        return fail(d, "block's sites %" PRIu64 " and %" PRIu64 " more go beyond the largest id, %u", id,
                    count, SITE_ID_MAX);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t index = cursor_leb(p), delta = cursor_leb(p);
        uint8_t what = cursor_u8(p), flags = cursor_u8(p);
        uint64_t size = cursor_leb(p);
        if (p->bad)
            return true;
        if (index >= instructions)
            return fail(d, "block of %" PRIu64 " instructions has an access in instruction %" PRIu64,
                        instructions, index);
        if (!define_site(d, id + i, rip + delta, what, flags, size, 0))
            return false;
    }
    return true;
}

static bool packet_tlb_fill(struct decoder *d, struct cursor *p)
{
    uint64_t virtual_page = cursor_leb(p), physical_page = virtual_page + cursor_zig(p);
    if (p->bad)
        return true;
    if (virtual_page >> (64 - PAGE_BITS) || physical_page >> (64 - PAGE_BITS))
        return fail(d, "TLB_FILL of a page number of more than 52 bits");
    return pagemap_set(&d->pages, virtual_page, physical_page) || fail(d, "out of memory for page mappings");
}

static bool packet_event(struct decoder *d, struct cursor *p)
{
    struct trace_item item = {.kind = ITEM_EVENT};
    item.vector = cursor_u8(p);
    item.event_type = cursor_u8(p);
    item.has_error_code = cursor_u8(p) & 1;
    item.error_code = cursor_leb(p);
    item.rip = cursor_leb(p);
    item.tsc = cursor_leb(p);
    return p->bad || emit(d, &item);
}

/* One side of a RUN. */
struct run_side {
    uint64_t id;
    struct site *site;
    uint64_t address; /* of the next element */
    const uint8_t *data;
    bool differ; /* every element has its own data */
};

static bool run_side(struct decoder *d, uint64_t id, uint64_t delta, struct run_side *side)
{
    struct site *site = site_by_id(d, id);
    if (!site)
        return fail(d, "RUN of site %" PRIu64 ", which is not defined", id);
    *side = (struct run_side){.id = id, .site = site, .address = site->address + delta};
    return true;
}

static bool run_element(struct decoder *d, struct run_side *side, uint64_t step)
{
    struct site *site = side->site;
    memcpy(site->data, side->data, site->size);
    advance(d, (uint32_t)side->id, side->address);
    side->address += step;
    if (side->differ)
        side->data += site->size;
    return emit_access(d, site, true);
}

static bool packet_run(struct decoder *d, struct cursor *p)
{
    struct run_side side[2];
    uint64_t id = cursor_leb(p), count = cursor_leb(p);
    uint8_t flags = cursor_u8(p);
    uint64_t delta = cursor_zig(p);
    bool pair = flags & RUN_PAIR;
    if (p->bad)
        return true;
    if (!run_side(d, id, delta, &side[0]))
        return false;
    if (pair) {
        id = cursor_leb(p);
        delta = cursor_zig(p);
        if (p->bad)
            return true;
        if (!run_side(d, id, delta, &side[1]))
            return false;
        if (side[0].site->size != side[1].site->size)
            return fail(d, "RUN of two sites with different sizes");
    }
    uint64_t instructions = d->has_icount ? cursor_leb(p) : 0;
    unsigned size = side[0].site->size;
    if (p->bad)
        return true;
    if (count == 0)
        return fail(d, "RUN of no accesses");
    if (count > UINT64_MAX / 2 || !room_for(d, pair ? 2 * count : count))
        return count <= UINT64_MAX / 2 ? false : fail(d, "RUN of too many accesses");
    bool differ = flags & RUN_DATA_DIFFER, own = pair && (flags & RUN_PAIR_HAS_DATA);
    uint64_t elements = (differ ? count : 1) + (own ? count : 0);
    if (elements > cursor_left(p) / size)
        return fail(d, "RUN of %" PRIu64 " accesses has data for fewer", count);
    side[0].differ = side[1].differ = differ;
    side[0].data = side[1].data = cursor_bytes(p, (differ ? count : 1) * size);
    if (own) {
        side[1].data = cursor_bytes(p, count * size);
        side[1].differ = true;
    }
    uint64_t step = flags & RUN_DESCENDING ? 0 - (uint64_t)size : size;
    d->icount += instructions; /* once: all iterations belong to the instruction that is executing */
    for (uint64_t i = 0; i < count; i++)
        if (!run_element(d, &side[0], step) || (pair && !run_element(d, &side[1], step)))
            return false;
    return true;
}

static bool packet_count(struct decoder *d, struct cursor *p, enum item_kind kind)
{
    struct trace_item item = {.kind = kind, .count = cursor_leb(p)};
    return p->bad || emit(d, &item);
}

static bool packet_text(struct decoder *d, struct cursor *p, enum item_kind kind)
{
    struct trace_item item = {.kind = kind};
    if (kind == ITEM_MARK)
        item.source = cursor_u8(p);
    if (p->bad)
        return true;
    item.text_bytes = cursor_left(p);
    item.text = (const char *)p->at;
    return emit(d, &item);
}

static bool packet_time(struct decoder *d, struct cursor *p)
{
    struct trace_item item = {.kind = ITEM_TIME, .tsc = cursor_leb(p)};
    return p->bad || emit(d, &item);
}

/* False on an error or when the callback stops; a payload too short is left in p->bad. */
static bool control_payload(struct decoder *d, uint8_t type, struct cursor *p)
{
    switch (type) {
    case PACKET_SYNC:
        return fail(d, "SYNC again within the segment");
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
        flush_pages(d);
        return true;
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
        return true; /* of a later version: skipped by its length */
    }
}

static bool read_control(struct decoder *d, struct cursor *c, bool first)
{
    uint8_t type = cursor_u8(c);
    if (type == PACKET_PAD)
        return true;
    uint64_t bytes = cursor_leb(c);
    if (c->bad || bytes > cursor_left(c))
        return fail(d, "control packet %02x is longer than the segment", type);
    struct cursor payload = {.at = c->at, .end = c->at + bytes};
    c->at += bytes;
    bool go_on = first ? packet_sync(d, &payload) : control_payload(d, type, &payload);
    if (go_on && payload.bad)
        return fail(d, "payload of control packet %02x is too short", type);
    return go_on;
}

static void begin(struct decoder *d, uint64_t first_event, uint64_t event_count, item_fn item, void *ctx,
                  struct decode_result *result)
{
    *result = (struct decode_result){0};
    d->segment++;
    pagemap_forget(&d->pages);
    d->result = result;
    d->item = item;
    d->ctx = ctx;
    d->number = first_event;
    d->limit = event_count;
    d->last_address = d->site_rip = 0;
    d->last_site = NO_SITE;
}

bool decode_segment(struct decoder *d, const uint8_t *body, size_t bytes, uint64_t first_event,
                    uint64_t event_count, item_fn item, void *ctx, struct decode_result *result)
{
    begin(d, first_event, event_count, item, ctx, result);
    struct cursor c = {.at = body, .end = body + bytes};
    if (bytes == 0 || body[0] != PACKET_SYNC)
        return fail(d, "the first packet is no SYNC");
    bool go_on = true;
    while (go_on && c.at != c.end) {
        result->at = (uint32_t)(c.at - body);
        go_on = *c.at & PACKET_ACCESS ? read_access(d, &c) : read_control(d, &c, c.at == body);
    }
    if (result->stopped)
        return true;
    if (!go_on)
        return false;
    result->at = (uint32_t)bytes;
    if (result->events != event_count)
        return fail(d, "the header says %" PRIu64 " events, the packets hold %" PRIu64, event_count,
                    result->events);
    return true;
}
