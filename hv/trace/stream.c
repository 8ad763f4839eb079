/*
 * The packet writer. stream_access() is on the path of every traced access, so
 * it decides with few branches and leaves what is rare out of line:
 *
 *   site     the successor of the site before it?      else hash lookup, or a SITE packet
 *   page     mapping known to the reader?              else a TLB_FILL packet
 *   address  same, same stride?                        else the shorter difference
 *   data     same, zero, small difference?             else the bytes
 */
#include "trace/stream.h"

#include "trace/bytes.h"
#include "trace/format.h"
#include "trace/leb128.h"

#include <string.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define PACKET_HEAD 2u /* type and a length below 128 */
#define COUNT_PACKET_MAX (PACKET_HEAD + LEB_MAX)

/* All that one access may bring with it. */
#define CONTEXT_MAX (PACKET_HEAD + 1 + LEB_MAX)
#define SITE_MAX (PACKET_HEAD + 3 + LEB_MAX + 2 + 1 + 1)
#define FILL_MAX (PACKET_HEAD + 2 * LEB_MAX)
#define ACCESS_MAX (1 + 3 + LEB_MAX + ACCESS_SIZE_MAX + LEB_MAX)
#define RESERVE_ACCESS (CONTEXT_MAX + SITE_MAX + 2 * FILL_MAX + ACCESS_MAX)

/* Kept for the packets that end a segment (FILTER, LOSS) and, in one that is reopened, a recording (these and
 * STOP). */
#define RESERVE_END (4 * COUNT_PACKET_MAX + PACKET_HEAD + 1 + STREAM_STOP_TEXT_MAX)

#define PAGE_NUMBER_BITS 52
#define PAGE_NUMBER_MASK ((1ull << PAGE_NUMBER_BITS) - 1)

/*
 * A site's key: kind, cause, vector, flags and size, as they lie in struct access
 * one behind the other, so that one load compares them all.
 */
#define KEY_MASK 0xffffffffffull
_Static_assert(offsetof(struct access, cause) == offsetof(struct access, kind) + 1 &&
                   offsetof(struct access, vector) == offsetof(struct access, kind) + 2 &&
                   offsetof(struct access, flags) == offsetof(struct access, kind) + 3 &&
                   offsetof(struct access, size) == offsetof(struct access, kind) + 4,
               "the parts of a site's key are neighbours");

static inline uint64_t key_of(const struct access *a)
{
    return load64((const uint8_t *)a + offsetof(struct access, kind)) & KEY_MASK;
}

/* A zigzag difference of data is worth it when it takes fewer bytes than the data: by size, below these. */
static const uint64_t delta_limit[9] = {[2] = 1ull << 7, [4] = 1ull << 21, [8] = 1ull << 49};

static inline uint8_t *put_u64(uint8_t *p, uint64_t v)
{
    store64(p, v);
    return p + 8;
}

/* Length of the payload that began behind `packet`'s head: it is always below 128 here. */
static inline void set_length(uint8_t *packet, const uint8_t *end)
{
    packet[1] = (uint8_t)(end - packet - (ptrdiff_t)PACKET_HEAD);
}

static bool has_room(const struct stream *s, uint32_t bytes)
{
    return s->body && (uint64_t)(s->end - s->pos) >= (uint64_t)bytes + RESERVE_END;
}

/* ---- segments --------------------------------------------------------------- */

void stream_close(struct stream *s)
{
    s->body = s->end = NULL;
    s->pos = (uint8_t *)s + 1; /* any place behind the limit */
    s->limit = (const uint8_t *)s;
}

static void set_body(struct stream *s, void *body, uint32_t capacity)
{
    s->body = body;
    s->end = s->body + capacity;
    s->limit = s->end - RESERVE_END - RESERVE_ACCESS;
}

/* A new epoch makes all mappings unknown without touching them; only when epochs run out they are cleared. */
static void forget_pages(struct stream *s)
{
    s->page_epoch += 1ull << PAGE_NUMBER_BITS;
    if (!(s->page_epoch >> PAGE_NUMBER_BITS)) {
        memset(s->page, 0, sizeof(s->page));
        s->page_epoch = 1ull << PAGE_NUMBER_BITS;
    }
}

static void put_sync(struct stream *s, uint64_t tsc)
{
    uint8_t *p = s->pos;

    *p++ = PACKET_SYNC;
    *p++ = 2 + 3 * 8;
    *p++ = s->has_icount ? SYNC_ICOUNT : 0;
    *p++ = s->context;
    p = put_u64(p, s->cr3);
    p = put_u64(p, tsc);
    p = put_u64(p, s->has_icount ? s->icount : 0);
    s->pos = p;
}

void stream_open(struct stream *s, void *body, uint32_t capacity, bool has_icount, uint64_t tsc,
                 const struct access *first)
{
    set_body(s, body, capacity);
    s->pos = s->body;
    s->has_icount = has_icount;
    if (first) {
        s->context = first->context;
        s->cr3 = first->cr3;
        s->icount = first->icount;
    }
    s->last_address = 0;
    s->site_rip = 0;
    s->site_count = 0;
    memset(s->bucket, 0, sizeof(s->bucket));
    s->nowhere.successor = &s->nowhere;
    s->nowhere.key = ~0ull; /* no access's */
    s->last_site = &s->nowhere;
    forget_pages(s);
    put_sync(s, tsc);
}

void stream_reopen(struct stream *s, void *body, uint32_t capacity, uint32_t written)
{
    set_body(s, body, capacity);
    s->pos = s->body + written;
    s->limit = s->body; /* of its sites nothing is known any more: no access */
}

/* ---- sites ------------------------------------------------------------------ */

static uint32_t bucket_of(uint64_t rip, uint64_t key)
{
    return (uint32_t)(((rip ^ key << 24) * 0x9e3779b97f4a7c15ull) >> 52) % STREAM_BUCKETS;
}

static struct stream_site *find_site(struct stream *s, uint64_t rip, uint64_t key)
{
    for (uint16_t link = s->bucket[bucket_of(rip, key)]; link; link = s->site[link - 1].chain) {
        struct stream_site *site = &s->site[link - 1];
        if (site->rip == rip && site->key == key)
            return site;
    }
    return NULL;
}

/* A SITE packet replaces what its id stood for; what is not replaced yet can still be a successor. */
static void reuse_sites(struct stream *s)
{
    s->site_count = 0;
    memset(s->bucket, 0, sizeof(s->bucket));
}

static struct stream_site *new_site(struct stream *s, uint64_t rip, uint64_t key)
{
    uint16_t *bucket = &s->bucket[bucket_of(rip, key)];
    struct stream_site *site = &s->site[s->site_count];

    memset(site, 0, sizeof(*site));
    site->rip = rip;
    site->key = key;
    site->successor = &s->nowhere;
    site->id = s->site_count++;
    site->chain = *bucket;
    *bucket = (uint16_t)(site->id + 1);
    return site;
}

static uint8_t *put_site(struct stream *s, uint8_t *packet, const struct stream_site *site,
                         const struct access *a)
{
    bool delivery = a->cause == CAUSE_EXCEPTION || a->cause == CAUSE_INTERRUPT;
    uint8_t *p = packet + PACKET_HEAD;

    packet[0] = PACKET_SITE;
    p = leb_put(p, site->id);
    p = leb_put(p, zig_encode((int64_t)(a->rip - s->site_rip)));
    *p++ = (uint8_t)(a->kind | a->cause << SITE_CAUSE_SHIFT);
    *p++ = a->flags;
    p = leb_put(p, a->size);
    *p++ = delivery ? a->vector : 0;
    set_length(packet, p);
    s->site_rip = a->rip;
    return p;
}

/* The access's site where it is not the predicted one, introduced at *p when it is new. NULL: no room, or no
 * access. */
static __attribute__((noinline)) struct stream_site *other_site(struct stream *s, uint8_t **p,
                                                                const struct access *a, uint64_t key)
{
    struct stream_site *site = find_site(s, a->rip, key);

    if (site)
        return site;
    if (!stream_accepts(a))
        return NULL;
    if (s->site_count == STREAM_SITES)
        reuse_sites(s);
    site = new_site(s, a->rip, key);
    *p = put_site(s, *p, site, a);
    return site;
}

/* ---- context and pages ------------------------------------------------------ */

static __attribute__((noinline)) uint8_t *put_context(struct stream *s, uint8_t *packet,
                                                      const struct access *a)
{
    uint8_t *p = packet + PACKET_HEAD;

    packet[0] = PACKET_CONTEXT;
    *p++ = a->context;
    p = leb_put(p, a->cr3);
    set_length(packet, p);
    if (a->cr3 != s->cr3)
        forget_pages(s);
    s->cr3 = a->cr3;
    s->context = a->context;
    return p;
}

static __attribute__((noinline)) uint8_t *put_fill(struct stream *s, uint8_t *packet, uint64_t page,
                                                   uint64_t frame)
{
    struct stream_page *known = &s->page[page % STREAM_PAGES];
    uint8_t *p = packet + PACKET_HEAD;

    packet[0] = PACKET_TLB_FILL;
    p = leb_put(p, page);
    p = leb_put(p, zig_encode((int64_t)(frame - page)));
    set_length(packet, p);
    known->tag = page | s->page_epoch;
    known->frame = frame;
    return p;
}

static inline uint8_t *map_page(struct stream *s, uint8_t *p, uint64_t page, uint64_t frame)
{
    const struct stream_page *known = &s->page[page % STREAM_PAGES];

    if (unlikely(known->tag != (page | s->page_epoch) || known->frame != frame))
        return put_fill(s, p, page, frame);
    return p;
}

/* ---- accesses --------------------------------------------------------------- */

/* Data of more than 8 bytes. */
static __attribute__((noinline)) uint8_t *put_wide(uint8_t *p, unsigned *form, struct stream_site *site,
                                                   const struct access *a)
{
    static const uint8_t zero[ACCESS_SIZE_MAX];

    if (!memcmp(site->data.bytes, a->data, a->size))
        return p;
    memcpy(site->data.bytes, a->data, a->size);
    if (!memcmp(a->data, zero, a->size)) {
        *form |= DATA_ZERO << ACCESS_DATA_SHIFT;
        return p;
    }
    *form |= DATA_RAW << ACCESS_DATA_SHIFT;
    memcpy(p, a->data, a->size);
    return p + a->size;
}

static inline uint8_t *put_data(uint8_t *p, unsigned *form, struct stream_site *site, const struct access *a)
{
    if (unlikely(a->size > 8)) {
        unsigned wide = *form; /* *form is to stay in a register */
        p = put_wide(p, &wide, site, a);
        *form = wide;
        return p;
    }

    unsigned unused = 64 - 8u * a->size; /* bits */
    uint64_t value = load64(a->data) << unused >> unused;
    uint64_t last = site->data.word;
    if (value == last)
        return p;
    site->data.word = value;
    if (value == 0) {
        *form |= DATA_ZERO << ACCESS_DATA_SHIFT;
        return p;
    }
    uint64_t delta = zig_encode((int64_t)((value - last) << unused) >> unused);
    if (delta < delta_limit[a->size]) {
        *form |= DATA_DELTA << ACCESS_DATA_SHIFT;
        return leb_put(p, delta);
    }
    *form |= DATA_RAW << ACCESS_DATA_SHIFT;
    store64(p, value); /* the bytes above the size are written over by what follows */
    return p + a->size;
}

static inline uint8_t *put_address(struct stream *s, uint8_t *p, unsigned *form, struct stream_site *site,
                                   uint64_t address)
{
    uint64_t stride = address - site->address;

    if (stride == site->stride) {
        *form |= (stride ? ADDR_STRIDE : ADDR_SAME) << ACCESS_ADDR_SHIFT;
    } else if (stride == 0) {
        *form |= ADDR_SAME << ACCESS_ADDR_SHIFT;
    } else {
        uint64_t from_site = zig_encode((int64_t)stride);
        uint64_t from_last = zig_encode((int64_t)(address - s->last_address));
        bool site_nearer = from_site <= from_last;
        *form |= (site_nearer ? ADDR_SITE_DELTA : ADDR_PREV_DELTA) << ACCESS_ADDR_SHIFT;
        p = leb_put(p, site_nearer ? from_site : from_last);
    }
    site->stride = stride;
    site->address = address;
    s->last_address = address;
    return p;
}

bool stream_access(struct stream *s, const struct access *a)
{
    uint8_t *p = s->pos;

    if (unlikely(p > s->limit))
        return false;

    uint64_t key = key_of(a);
    struct stream_site *before = s->last_site;
    struct stream_site *site = before->successor;
    bool predicted = site->rip == a->rip && site->key == key;
    if (unlikely(!predicted)) {
        uint8_t *introduced = p; /* p itself is to stay in a register */
        site = other_site(s, &introduced, a, key);
        if (!site)
            return false;
        p = introduced;
    }
    if (unlikely(a->cr3 != s->cr3 || a->context != s->context))
        p = put_context(s, p, a);
    p = map_page(s, p, a->gva >> 12, a->gpa >> 12);
    if (unlikely(a->flags & ACCESS_CROSSES))
        p = map_page(s, p, ((a->gva >> 12) + 1) & PAGE_NUMBER_MASK, a->gpa2 >> 12);

    uint8_t *head = p++;
    unsigned form = PACKET_ACCESS;
    if (unlikely(!predicted)) {
        form |= ACCESS_SITE_EXPLICIT;
        p = leb_put(p, site->id);
    }
    p = put_address(s, p, &form, site, a->gva);
    if (likely(a->has_data))
        p = put_data(p, &form, site, a);
    else
        form |= ACCESS_NO_DATA;
    if (s->has_icount) {
        uint64_t step = a->icount - s->icount;
        if (step != site->icount_step) {
            form |= ACCESS_ICOUNT_STEP;
            p = leb_put(p, step);
            site->icount_step = step;
        }
        s->icount = a->icount;
    }
    *head = (uint8_t)form;
    before->successor = site;
    s->last_site = site;
    s->pos = p;
    return true;
}

/* ---- runs -------------------------------------------------------------------- */

#define RUN_HEAD_MAX                                                                                         \
    (1 + 2 * 3 + 3 + 1 + 3 * LEB_MAX) /* all but data and the payload's length of 3 bytes                    \
                                       */

/* A site by hash, introduced at *p when it is new. There is room. */
static struct stream_site *site_of(struct stream *s, uint8_t **p, const struct access *a)
{
    return other_site(s, p, a, key_of(a));
}

/* As the reader goes on from access to access. */
static void advance_to(struct stream *s, struct stream_site *site, uint64_t address, const uint8_t *data,
                       unsigned size)
{
    site->stride = address - site->address;
    site->address = s->last_address = address;
    memcpy(site->data.bytes, data, size);
    s->last_site->successor = site;
    s->last_site = site;
}

/* What the sites' states are behind the last iteration follows from the last two. Both sites may be one
 * (CMPS). */
static void finish_run(struct stream *s, const struct stream_run *r, struct stream_site *a,
                       struct stream_site *b)
{
    const unsigned size = r->a->size;
    for (uint32_t i = r->count > 2 ? r->count - 2 : 0; i < r->count; i++) {
        const uint32_t offset = i * size;
        const uint64_t step = r->descends ? 0 - (uint64_t)offset : offset;
        const uint8_t *data = r->data + (r->one ? 0 : offset);
        advance_to(s, a, r->a->gva + step, data, size);
        if (b)
            advance_to(s, b, r->b->gva + step, r->data_b ? r->data_b + offset : data, size);
    }
    if (s->has_icount)
        s->icount = r->a->icount;
}

bool stream_run(struct stream *s, const struct stream_run *r)
{
    const uint32_t elements = r->count * r->a->size, bytes_a = r->one ? r->a->size : elements,
                   bytes_b = r->data_b ? elements : 0;
    const uint32_t most = CONTEXT_MAX + 2 * (SITE_MAX + FILL_MAX) + RUN_HEAD_MAX + 3 + bytes_a + bytes_b;
    uint8_t head[RUN_HEAD_MAX], *q = head;

    if (!has_room(s, most))
        return false;
    uint8_t *p = s->pos;
    if (s->site_count + 2u > STREAM_SITES) /* not between the two */
        reuse_sites(s);
    struct stream_site *a = site_of(s, &p, r->a), *b = r->b ? site_of(s, &p, r->b) : NULL;
    if (!a || (r->b && !b))
        return false;
    if (r->a->cr3 != s->cr3 || r->a->context != s->context)
        p = put_context(s, p, r->a);
    p = map_page(s, p, r->a->gva >> 12, r->a->gpa >> 12);
    if (b)
        p = map_page(s, p, r->b->gva >> 12, r->b->gpa >> 12);

    q = leb_put(q, a->id);
    q = leb_put(q, r->count);
    *q++ = (uint8_t)((r->descends ? RUN_DESCENDING : 0) | (r->one ? 0 : RUN_DATA_DIFFER) |
                     (b ? RUN_PAIR : 0) | (r->data_b ? RUN_PAIR_HAS_DATA : 0));
    q = leb_put(q, zig_encode((int64_t)(r->a->gva - a->address)));
    if (b) {
        q = leb_put(q, b->id);
        q = leb_put(q, zig_encode((int64_t)(r->b->gva - b->address)));
    }
    if (s->has_icount)
        q = leb_put(q, r->a->icount - s->icount);

    *p++ = PACKET_RUN;
    p = leb_put(p, (uint64_t)(q - head) + bytes_a + bytes_b);
    memcpy(p, head, (size_t)(q - head));
    p += q - head;
    memcpy(p, r->data, bytes_a);
    p += bytes_a;
    if (bytes_b)
        memcpy(p, r->data_b, bytes_b);
    s->pos = p + bytes_b;
    finish_run(s, r, a, b);
    return true;
}

/* ---- what else stands in the stream ----------------------------------------- */

/* A packet that holds one number. */
static void put_count(struct stream *s, enum packet_type type, uint64_t count)
{
    uint8_t *packet = s->pos;

    packet[0] = (uint8_t)type;
    s->pos = leb_put(packet + PACKET_HEAD, count);
    set_length(packet, s->pos);
}

static bool put_count_if_room(struct stream *s, enum packet_type type, uint64_t count)
{
    if (!has_room(s, COUNT_PACKET_MAX))
        return false;
    put_count(s, type, count);
    return true;
}

bool stream_time(struct stream *s, uint64_t tsc)
{
    return put_count_if_room(s, PACKET_TIME, tsc);
}
bool stream_filter(struct stream *s, uint64_t count)
{
    return put_count_if_room(s, PACKET_FILTER, count);
}

bool stream_event(struct stream *s, const struct hook_event *e, uint64_t tsc)
{
    if (!has_room(s, PACKET_HEAD + 3 + 3 * LEB_MAX))
        return false;

    uint8_t *packet = s->pos, *p = packet + PACKET_HEAD;
    packet[0] = PACKET_EVENT;
    *p++ = e->vector;
    *p++ = e->type;
    *p++ = e->has_error_code ? EVENT_ERROR_CODE : 0;
    p = leb_put(p, e->has_error_code ? e->error_code : 0);
    p = leb_put(p, e->rip);
    p = leb_put(p, tsc);
    set_length(packet, p);
    s->pos = p;
    return true;
}

bool stream_mark(struct stream *s, uint8_t source, const char *text, uint32_t length)
{
    if (length > STREAM_TEXT_MAX || !has_room(s, 1 + 2 + 1 + length))
        return false;

    uint8_t *p = s->pos;
    *p++ = PACKET_MARK;
    p = leb_put(p, length + 1);
    *p++ = source;
    memcpy(p, text, length);
    s->pos = p + length;
    return true;
}

void stream_end_filter(struct stream *s, uint64_t count)
{
    put_count(s, PACKET_FILTER, count);
}
void stream_end_loss(struct stream *s, uint64_t count)
{
    put_count(s, PACKET_LOSS, count);
}

void stream_end_stop(struct stream *s, const char *why)
{
    size_t length = text_cut(why, strlen(why), STREAM_STOP_TEXT_MAX);
    uint8_t *p = s->pos;

    *p++ = PACKET_STOP;
    p = leb_put(p, length);
    memcpy(p, why, length);
    s->pos = p + length;
}
