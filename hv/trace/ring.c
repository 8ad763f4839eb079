/*
 * The ring. Segment s lies in slot 1 + s % slots; slot 0 holds the ring's own
 * header, which changes with every segment that is closed. A reset may come in
 * the middle of that change, so what changes is kept twice, written in turn.
 */
#include "trace/ring.h"

#include "trace/crc32c.h"

#include <string.h>

#define RING_MAGIC 0x474e49524d524745ull /* "EGRMRING" */
#define RING_VERSION 2
#define CLOSED_MAX (1ull << 48) /* 2^64 bytes of trace: more is no ring of ours */

/* How far the run has come. */
struct ring_state {
    uint64_t count;  /* of such states in this run */
    uint64_t closed; /* segments closed in this run; the next one's sequence */
    struct ring_notes notes;
    uint32_t reserved;
    uint32_t crc; /* of the bytes before it */
};

struct ring_header {
    uint64_t magic;
    uint32_t version;
    uint32_t segment_bytes;
    uint64_t bytes; /* of the whole memory */
    uint64_t run_id;
    uint32_t mode;
    uint32_t crc;               /* of the bytes before it */
    struct ring_state state[2]; /* valid with the higher count is the present one */
    struct kept_header {
        uint32_t bytes; /* of the data */
        uint32_t data_crc;
        uint32_t crc; /* of the two before it */
    } kept[RING_KEPT_COUNT];
};
#define HEADER_BYTES 4096u
_Static_assert(sizeof(struct ring_header) <= HEADER_BYTES, "what ring_find_bytes() looks at");
_Static_assert(HEADER_BYTES + RING_META_MAX + RING_FILTER_MAX <= RING_SEGMENT_BYTES,
               "all of it fits into its slot");

static struct ring_header *header_of(const struct ring *ring)
{
    return (struct ring_header *)ring->memory;
}

static uint32_t header_crc(const struct ring_header *h)
{
    return crc32c(h, offsetof(struct ring_header, crc));
}
static uint32_t state_crc(const struct ring_state *s)
{
    return crc32c(s, offsetof(struct ring_state, crc));
}

static uint32_t chunk_crc(const struct chunk_header *h)
{
    return crc32c(h, offsetof(struct chunk_header, header_crc));
}

static struct chunk_header *slot_of(const struct ring *ring, uint64_t sequence)
{
    return (struct chunk_header *)(ring->memory + (1 + sequence % ring->slots) * ring->segment_bytes);
}

static uint64_t closed_count(const struct ring *ring)
{
    return ring->next_sequence - ring->open_count;
}

/* Over the older of the two. */
void ring_save(struct ring *ring)
{
    struct ring_header *h = header_of(ring);
    struct ring_state *state = &h->state[++ring->saves & 1];

    *state = (struct ring_state){.count = ring->saves, .closed = closed_count(ring), .notes = ring->notes};
    state->crc = state_crc(state);
}

void ring_init(struct ring *ring, void *memory, uint64_t bytes, uint32_t segment_bytes, enum ring_mode mode,
               uint64_t run_id)
{
    struct ring_header *h = memory;

    *ring = (struct ring){
        .memory = memory, .segment_bytes = segment_bytes, .slots = bytes / segment_bytes - 1, .mode = mode};
    memset(h, 0, sizeof(*h));
    h->magic = RING_MAGIC;
    h->version = RING_VERSION;
    h->segment_bytes = segment_bytes;
    h->bytes = bytes;
    h->run_id = run_id;
    h->mode = mode;
    h->crc = header_crc(h);
    ring_save(ring);
    /* Segments of a run before must not be taken for this one's. */
    for (uint64_t i = 0; i < ring->slots; i++)
        slot_of(ring, i)->magic = 0;
}

static struct chunk_header segment_header(uint64_t sequence)
{
    return (struct chunk_header){.magic = TRACE_MAGIC,
                                 .version = TRACE_VERSION,
                                 .header_bytes = sizeof(struct chunk_header),
                                 .type = CHUNK_SEGMENT,
                                 .encoding = ENCODING_PACKED,
                                 .sequence = sequence};
}

static bool is_full(const struct ring *ring)
{
    switch (ring->mode) {
    case RING_STOP:
        return ring->next_sequence >= ring->slots;
    case RING_DRAIN:
        return ring->next_sequence - ring->sent >= ring->slots;
    default:
        return ring->open_count == ring->slots;
    }
}

struct chunk_header *ring_open(struct ring *ring)
{
    while (is_full(ring))
        if (!ring->make_room || !ring->make_room(ring))
            return NULL;

    /* A segment that was given back has overwritten its slot before. */
    bool overwrites = ring->opened == ring->next_sequence && ring->opened >= ring->slots;
    if (overwrites && ring->mode == RING_DRAIN)
        ring->gone_bytes += ring_chunk_bytes(ring, 0);

    struct chunk_header *h = slot_of(ring, ring->next_sequence);
    *h = segment_header(ring->next_sequence++);
    if (ring->opened < ring->next_sequence)
        ring->opened = ring->next_sequence;
    if (ring->open_count++ == 0)
        ring->open = h;
    return h;
}

static void no_longer_open(struct ring *ring)
{
    ring->open_count--;
    ring->open = ring->open_count ? slot_of(ring, ring->next_sequence - ring->open_count) : NULL;
}

void ring_set_packed(struct chunk_header *h, uint32_t body_bytes)
{
    h->encoding = ENCODING_PACKED;
    h->compression = COMPRESSION_NONE;
    h->stored_bytes = body_bytes;
    h->body_bytes = body_bytes;
    h->body_crc = crc32c(h + 1, body_bytes);
    ring_seal(h);
}

void ring_close(struct ring *ring, uint32_t body_bytes)
{
    ring_set_packed(ring->open, body_bytes);
    no_longer_open(ring);
    ring_save(ring);
}

static void write_header(struct chunk_header *h, uint64_t sequence, enum chunk_encoding encoding,
                         const struct chunk_header *facts, uint32_t body_bytes)
{
    *h = segment_header(sequence);
    h->encoding = (uint8_t)encoding;
    h->first_event = facts->first_event;
    h->event_count = facts->event_count;
    h->lost_before = facts->lost_before;
    h->tsc = facts->tsc;
    h->body_crc = facts->body_crc;
    h->stored_bytes = h->body_bytes = body_bytes;
    ring_seal(h);
}

void ring_close_raw(struct ring *ring, const struct chunk_header *facts, uint32_t body_bytes)
{
    write_header(ring->open, closed_count(ring), ENCODING_RAW, facts, body_bytes);
    no_longer_open(ring);
}

void ring_note_open(struct ring *ring, uint32_t index, const struct chunk_header *facts, uint32_t body_bytes)
{
    const struct chunk_header copy = *facts; /* it may be the header itself */
    uint64_t sequence = closed_count(ring) + index;
    write_header(slot_of(ring, sequence), sequence, copy.encoding, &copy, body_bytes);
}

void ring_give_back(struct ring *ring)
{
    ring->next_sequence -= ring->open_count;
    ring->open_count = 0;
    ring->open = NULL;
}

/* ---- beside the header ---- */

static uint8_t *kept_data(const struct ring *ring, enum ring_kept what, uint32_t *most)
{
    *most = what == RING_META ? RING_META_MAX : RING_FILTER_MAX;
    return ring->memory + HEADER_BYTES + (what == RING_META ? 0 : RING_META_MAX);
}

void ring_keep(struct ring *ring, enum ring_kept what, const void *data, uint32_t bytes)
{
    struct kept_header *k = &header_of(ring)->kept[what];
    uint32_t most;
    uint8_t *to = kept_data(ring, what, &most);

    k->bytes = bytes < most ? bytes : most;
    memcpy(to, data, k->bytes);
    k->data_crc = crc32c(to, k->bytes);
    k->crc = crc32c(k, offsetof(struct kept_header, crc));
}

const void *ring_kept(const struct ring *ring, enum ring_kept what, uint32_t *bytes)
{
    const struct kept_header *k = &header_of(ring)->kept[what];
    uint32_t most;
    const uint8_t *data = kept_data(ring, what, &most);

    if (k->crc != crc32c(k, offsetof(struct kept_header, crc)) || k->bytes > most ||
        k->data_crc != crc32c(data, k->bytes))
        return NULL;
    *bytes = k->bytes;
    return data;
}

void ring_seal(struct chunk_header *h)
{
    h->header_crc = chunk_crc(h);
}

struct chunk_header *ring_reopen(struct ring *ring)
{
    if (ring->open || !ring_count(ring))
        return NULL;
    ring->open_count = 1;
    ring->open = slot_of(ring, ring->next_sequence - 1);
    return ring->open;
}

uint64_t ring_first_sequence(const struct ring *ring)
{
    return ring->opened > ring->slots ? ring->opened - ring->slots : 0;
}

uint64_t ring_count(const struct ring *ring)
{
    return closed_count(ring) - ring_first_sequence(ring);
}

uint64_t ring_run_id(const struct ring *ring)
{
    return header_of(ring)->run_id;
}

struct chunk_header *ring_segment(const struct ring *ring, uint64_t index)
{
    return slot_of(ring, ring_first_sequence(ring) + index);
}

static bool intact(const struct ring *ring, const struct chunk_header *h, uint64_t sequence)
{
    return h->magic == TRACE_MAGIC && h->version == TRACE_VERSION && h->header_bytes == sizeof(*h) &&
           h->type == CHUNK_SEGMENT && h->sequence == sequence &&
           h->stored_bytes <= ring_body_capacity(ring) && h->body_bytes <= ring_body_capacity(ring) &&
           h->stored_bytes <= h->body_bytes && h->header_crc == chunk_crc(h);
}

bool ring_segment_intact(const struct ring *ring, uint64_t index)
{
    return intact(ring, ring_segment(ring, index), ring_first_sequence(ring) + index);
}

uint64_t ring_chunk_bytes(const struct ring *ring, uint64_t index)
{
    if (!ring_segment_intact(ring, index))
        return 0;
    return sizeof(struct chunk_header) + ring_segment(ring, index)->stored_bytes;
}

void ring_events(const struct ring *ring, uint64_t *first, uint64_t *end)
{
    uint64_t oldest = 0, count = ring_count(ring);

    *first = *end = 0;
    while (oldest < count && !ring_segment_intact(ring, oldest))
        oldest++;
    if (oldest == count)
        return;
    while (!ring_segment_intact(ring, count - 1))
        count--;
    const struct chunk_header *last = ring_segment(ring, count - 1);
    *first = ring->mode == RING_DRAIN ? 0 : ring_segment(ring, oldest)->first_event;
    *end = last->first_event + last->event_count;
}

/* The newer of the two states that hold; NULL when neither does. */
static const struct ring_state *present_state(const struct ring_header *h)
{
    const struct ring_state *present = NULL;

    for (int i = 0; i < 2; i++) {
        const struct ring_state *s = &h->state[i];
        if (s->crc == state_crc(s) && (s->count & 1) == (uint64_t)i &&
            (!present || s->count > present->count))
            present = s;
    }
    return present;
}

static bool header_fits(const struct ring_header *h, uint64_t bytes)
{
    return h->magic == RING_MAGIC && h->version == RING_VERSION && h->bytes == bytes &&
           bytes >= RING_BYTES_MIN && bytes % RING_SEGMENT_BYTES == 0 && h->segment_bytes != 0 &&
           h->segment_bytes % RING_SEGMENT_BYTES == 0 && h->segment_bytes <= RING_SEGMENT_MAX &&
           h->segment_bytes <= bytes / 4 && h->mode <= RING_DRAIN && h->crc == header_crc(h);
}

uint64_t ring_find_bytes(const void *memory)
{
    const struct ring_header *h = memory;

    return header_fits(h, h->bytes) ? h->bytes : 0;
}

void ring_forget(void *memory)
{
    struct ring_header *h = memory;

    h->magic = 0;
}

/* Segments that were open, as far as ring_note_open() has told of them. */
static void find_open(struct ring *ring)
{
    const uint64_t most = ring->mode == RING_STOP ? ring->slots : ring->next_sequence + ring->slots;

    while (ring->next_sequence < most &&
           intact(ring, slot_of(ring, ring->next_sequence), ring->next_sequence))
        ring->next_sequence++;
    ring->opened = ring->next_sequence;
}

bool ring_find(struct ring *ring, void *memory, uint64_t bytes)
{
    const struct ring_header *h = memory;

    if (bytes < RING_BYTES_MIN || !header_fits(h, bytes))
        return false;

    const struct ring_state *state = present_state(h);
    uint64_t slots = bytes / h->segment_bytes - 1;
    if (!state || state->closed > CLOSED_MAX || (h->mode == RING_STOP && state->closed > slots))
        return false;

    *ring = (struct ring){.memory = memory,
                          .segment_bytes = h->segment_bytes,
                          .slots = slots,
                          .mode = h->mode == RING_STOP ? RING_STOP : RING_WRAP,
                          .next_sequence = state->closed,
                          .notes = state->notes,
                          .saves = state->count};
    find_open(ring);
    /* The reset may have come while segments were being written over the oldest ones. */
    for (uint64_t over = 0; ring->mode == RING_WRAP && ring->opened >= slots && over < slots; over++) {
        if (ring_segment_intact(ring, 0))
            break;
        ring->opened++;
    }
    return true;
}
