#include "trace/drain.h"

#include "trace/bytes.h"
#include "trace/crc32c.h"
#include "trace/dump_file.h"

/* META's numbers grow during the run, and it says how the run ended. */
#define FRONT_SPARE 4096u

/* A receiver that comes later, or again, takes nothing before it knows of which run it is. */
#define FRAMES_PER_STREAM 16u

static void send_stream(struct drain *d)
{
    uint8_t payload[FRAME_STREAM_BYTES];

    store64(payload, d->offset);
    store64(payload + 8, ring_run_id(d->ring));
    store64(payload + 16, 0);
    store64(payload + 24, d->end_event);
    store64(payload + 32, d->ring->front_bytes);
    frame_send(d->line, FRAME_STREAM, 0, payload, sizeof(payload));
    d->frames = 0;
}

static uint32_t send_data(const struct drain *d, uint64_t offset, const uint8_t *data, uint64_t left)
{
    uint32_t n = left < FRAME_PAYLOAD_FIRST ? (uint32_t)left : FRAME_PAYLOAD_FIRST;

    frame_send(d->line, FRAME_DATA, offset, data, n);
    return n;
}

void drain_begin(struct drain *d, struct ring *ring, const struct frame_line *line, const char *meta,
                 uint32_t meta_bytes)
{
    static struct dump_file front;
    uint8_t data[FRAME_PAYLOAD_FIRST];

    ring->front_bytes = (uint32_t)sizeof(struct chunk_header) + meta_bytes + FRONT_SPARE;
    *d = (struct drain){.ring = ring, .line = line, .offset = ring->front_bytes};
    dump_file_make(&front, ring, meta, meta_bytes, false, NULL);
    send_stream(d);
    for (uint64_t at = 0; at < d->offset;) {
        uint64_t left = d->offset - at;
        dump_file_read(&front, at, data, left < sizeof(data) ? left : sizeof(data));
        at += send_data(d, at, data, left);
    }
}

/* The oldest segment that was not sent; NULL: there is none that is ready. */
static struct chunk_header *next_segment(const struct drain *d)
{
    const struct ring *ring = d->ring;
    uint64_t index = ring->sent - ring_first_sequence(ring);

    if (index >= ring_count(ring))
        return NULL;
    struct chunk_header *h = ring_segment(ring, index);
    return h->encoding == ENCODING_PACKED ? h : NULL;
}

bool drain_step(struct drain *d)
{
    struct chunk_header *h = next_segment(d);

    if (!h)
        return false;
    if (d->at == 0)
        dump_file_compress(h);
    uint32_t bytes = (uint32_t)sizeof(*h) + h->stored_bytes;
    const uint8_t *data = (const uint8_t *)h + d->at;
    uint32_t n = send_data(d, d->offset, data, bytes - d->at);
    d->crc = crc32c_more(d->crc, data, n);
    d->offset += n;
    d->at += n;
    d->frames++;
    if (d->at == bytes) {
        d->at = 0;
        d->ring->sent++;
        d->end_event = h->first_event + h->event_count;
    }
    if (d->at == 0 || d->frames == FRAMES_PER_STREAM)
        send_stream(d);
    return true;
}
