/* The receiver's state: what a frame does to it, and when the dump is whole. Asking is in receiver_ask.c. */
#include "recv/receiver.h"
#include "reader/cursor.h"
#include "recv/receiver_ask.h"
#include "trace/crc32c.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Silences: after the first a frame's start is doubted, after the second given up. Emulated machines do
 * pause. */
#define FRAME_PAUSE_MS 100u
#define FRAME_SILENCE_MS 3000u
/* Four END frames at most, one a second, come in a window when Engram has nothing else to send. */
#define IDLE_BYTES 240u
#define RESTARTS_MAX 2u
#define DONE_REPEAT 3u
/* The END frames of one go count as one. */
#define END_BURST_MS 500u

uint64_t receiver_missing(const struct receiver *r)
{
    return r->known ? r->dump.length - r->have.total : 0;
}

bool receiver_hole(const struct receiver *r, uint64_t from, uint64_t limit, struct span *hole)
{
    if (!ranges_hole(&r->have, from, limit, hole))
        return false;
    if (hole->start >= r->gone.start && hole->start < r->gone.end &&
        !ranges_hole(&r->have, r->gone.end, limit, hole))
        return false;
    if (hole->start < r->gone.start && hole->end > r->gone.start)
        hole->end = r->gone.start;
    return true;
}

static void fail(struct receiver *r, const char *why)
{
    if (r->state != RECEIVER_FAILED)
        snprintf(r->error, sizeof(r->error), "%s", why);
    r->state = RECEIVER_FAILED;
}

static void send_done(struct receiver *r)
{
    uint8_t frame[FRAME_BYTES_MAX];
    size_t n = frame_build(frame, FRAME_DONE, 0, NULL, 0);
    for (unsigned i = 0; r->io.send && i < DONE_REPEAT; i++)
        r->io.send(r->io.ctx, frame, n);
}

/* CRC over the file as it was written. */
static bool crc_of_file(struct receiver *r, uint32_t *crc)
{
    uint8_t piece[16384];
    *crc = 0;
    for (uint64_t at = 0; at < r->dump.length;) {
        uint64_t left = r->dump.length - at;
        int64_t n = r->io.read_at(r->io.ctx, at, piece, left < sizeof(piece) ? (size_t)left : sizeof(piece));
        if (n <= 0)
            return false;
        *crc = crc32c_more(*crc, piece, (size_t)n);
        at += (uint64_t)n;
    }
    return true;
}

/* All bytes are there and END was seen: is it the file that was sent? */
static void check_whole(struct receiver *r)
{
    uint32_t crc;
    if (!crc_of_file(r, &crc)) {
        fail(r, "cannot read back what was received");
    } else if (crc == r->end_crc) {
        r->state = RECEIVER_COMPLETE;
        r->ask.open = false;
        send_done(r);
    } else if (r->io.send && r->restarts < RESTARTS_MAX) {
        /* Every frame was right by its own CRC: what was there from an earlier try must be wrong. */
        r->restarts++;
        ranges_clear(&r->have);
    } else {
        snprintf(r->error, sizeof(r->error), "CRC of the whole file is %08" PRIx32 ", should be %08" PRIx32,
                 crc, r->end_crc);
        r->state = RECEIVER_FAILED;
    }
}

/* END was seen, and perhaps there is nothing left to wait for. */
static void check_end(struct receiver *r)
{
    struct span hole;
    if (!r->end_seen || r->state != RECEIVER_RECEIVING)
        return;
    if (receiver_missing(r) == 0) {
        check_whole(r);
    } else if (!receiver_hole(r, 0, r->dump.length, &hole)) {
        r->state = RECEIVER_EXHAUSTED;
        r->ask.open = false;
        send_done(r);
    }
}

static bool is_this_dump(const struct receiver *r, const struct dump_facts *dump)
{
    return dump->run == r->dump.run && dump->length == r->dump.length;
}

/* The file of a run that has been growing has its length now; what stands in its front is sent anew. */
static bool stops_growing(const struct receiver *r, const struct dump_facts *dump)
{
    return r->known && r->dump.front && !dump->front && dump->run == r->dump.run;
}

/* BEGIN and END: which dump this is. False when it is not to be received. */
static bool learn_dump(struct receiver *r, const struct dump_facts *dump, bool begins)
{
    if (receiver_is_over(r)) {
        r->other_dumps += begins && !is_this_dump(r, dump);
        return false;
    }
    if (r->known && is_this_dump(r, dump))
        return true;
    if (dump->length > r->max_bytes) {
        snprintf(r->error, sizeof(r->error),
                 "the dump says it is %" PRIu64 " bytes long, more than --max-size allows", dump->length);
        r->state = RECEIVER_FAILED;
        return false;
    }
    /* Data of which nothing was known belong to the dump that ends, and not to one that begins. */
    if (stops_growing(r, dump))
        ranges_cut_front(&r->have, r->dump.front);
    else if (r->known || begins)
        ranges_clear(&r->have);
    r->gone = (struct span){0, 0};
    ranges_cut(&r->have, dump->length);
    r->known = true;
    r->idle = false;
    r->window_start = r->now;
    r->window_bytes = 0;
    r->end_seen = false;
    r->dump = *dump;
    r->restarts = 0;
    r->ask.open = false;
    r->state = RECEIVER_RECEIVING;
    if (!r->io.start(r->io.ctx, &r->dump, &r->have)) {
        fail(r, "cannot write the file");
        return false;
    }
    if (dump->front && r->have.count && r->have.spans[r->have.count - 1].end > dump->length)
        r->dump.length = r->have.spans[r->have.count - 1].end; /* it had grown further before */
    ranges_cut(&r->have, r->dump.length);
    return true;
}

/* What BEGIN and END have in common. False when the frame is not of this version, or makes no sense. */
static bool read_facts(struct receiver *r, const struct frame *f, unsigned bytes, struct dump_facts *dump)
{
    if (f->bytes == bytes) {
        *dump = (struct dump_facts){.length = load_le(f->payload, 8),
                                    .run = load_le(f->payload + 8, 8),
                                    .first_event = load_le(f->payload + 16, 8),
                                    .end_event = load_le(f->payload + 24, 8)};
        if (dump->first_event <= dump->end_event && dump->end_event <= INT64_MAX)
            return true;
    }
    r->stray_frames++;
    return false;
}

static void on_begin(struct receiver *r, const struct frame *f)
{
    struct dump_facts dump;
    if (read_facts(r, f, FRAME_BEGIN_BYTES, &dump))
        learn_dump(r, &dump, true);
}

/* The run goes on, and the file with it. */
static void on_stream(struct receiver *r, const struct frame *f)
{
    struct dump_facts dump;
    if (!read_facts(r, f, FRAME_STREAM_BYTES, &dump))
        return;
    dump.front = load_le(f->payload + FRAME_BEGIN_BYTES, 8);
    if (dump.front == 0 || dump.front > dump.length ||
        (r->known && !r->dump.front && dump.run == r->dump.run)) {
        r->stray_frames++;
    } else if (r->known && r->dump.front && dump.run == r->dump.run && dump.length <= r->max_bytes) {
        r->dump.length = dump.length > r->dump.length ? dump.length : r->dump.length;
        r->dump.end_event = dump.end_event > r->dump.end_event ? dump.end_event : r->dump.end_event;
    } else {
        learn_dump(r, &dump, false);
    }
}

static void on_gone(struct receiver *r, const struct frame *f)
{
    uint64_t start = f->bytes == FRAME_GONE_BYTES ? load_le(f->payload, 8) : 0;
    uint64_t bytes = f->bytes == FRAME_GONE_BYTES ? load_le(f->payload + 8, 8) : 0;
    if (!r->known || start > r->dump.length || bytes > r->dump.length - start) {
        r->stray_frames++;
        return;
    }
    r->gone = (struct span){start, start + bytes};
    check_end(r);
}

static void on_end(struct receiver *r, const struct frame *f)
{
    struct dump_facts dump;
    if (!read_facts(r, f, FRAME_END_BYTES, &dump))
        return;
    if (receiver_is_over(r) && is_this_dump(r, &dump)) {
        if (r->now - r->last_end >= END_BURST_MS)
            send_done(r); /* the one before got lost */
        r->last_end = r->now;
        return;
    }
    if (!learn_dump(r, &dump, false))
        return;
    r->end_crc = (uint32_t)load_le(f->payload + FRAME_BEGIN_BYTES, 4);
    bool first = !r->end_seen;
    r->end_seen = true;
    r->ends_since_data++;
    r->last_end = r->now;
    check_end(r);
    if (r->state == RECEIVER_RECEIVING)
        receiver_ask_at_end(r, first);
}

static void on_data(struct receiver *r, const struct frame *f)
{
    uint64_t limit = r->known && !r->dump.front ? r->dump.length : r->max_bytes;
    if (receiver_is_over(r))
        return;
    if (f->offset > limit || f->bytes > limit - f->offset) {
        r->stray_frames++;
        return;
    }
    if (r->state == RECEIVER_WAITING) {
        if (!r->io.start(r->io.ctx, NULL, &r->have)) {
            r->stray_frames++;
            return;
        }
        r->state = RECEIVER_RECEIVING;
    }
    uint64_t before = r->have.total;
    if (!r->io.write_at(r->io.ctx, f->offset, f->payload, f->bytes)) {
        fail(r, "cannot write the file");
        return;
    }
    if (!ranges_add(&r->have, f->offset, f->offset + f->bytes)) {
        fail(r, "out of memory");
        return;
    }
    if (r->known && f->offset + f->bytes > r->dump.length)
        r->dump.length = f->offset + f->bytes;
    r->data_frames++;
    r->repeated_bytes += f->bytes - (r->have.total - before);
    r->ends_since_data = 0;
    r->last_data = r->now;
    if (!r->end_seen && f->bytes > r->largest_frame)
        r->largest_frame = f->bytes;
    check_end(r);
    if (r->state == RECEIVER_RECEIVING)
        receiver_ask_at_data(r, f);
}

static void on_frame(void *ctx, const struct frame *f)
{
    struct receiver *r = ctx;
    if (r->state == RECEIVER_FAILED)
        return;
    if (f->type == FRAME_BEGIN)
        on_begin(r, f);
    else if (f->type == FRAME_END)
        on_end(r, f);
    else if (f->type == FRAME_DATA)
        on_data(r, f);
    else if (f->type == FRAME_STREAM)
        on_stream(r, f);
    else if (f->type == FRAME_GONE)
        on_gone(r, f);
    else if (f->type == FRAME_TEXT)
        r->io.text(r->io.ctx, f->payload, f->bytes);
    else
        r->stray_frames++; /* of a later version, or our own, echoed */
}

static void on_text(void *ctx, const uint8_t *bytes, size_t n)
{
    struct receiver *r = ctx;
    if (r->state == RECEIVER_RECEIVING && !r->dump.front)
        r->noise_bytes += n;
    else
        r->io.text(r->io.ctx, bytes, n);
}

void receiver_init(struct receiver *r, const struct receiver_io *io, uint64_t max_bytes)
{
    memset(r, 0, sizeof(*r));
    r->io = *io;
    r->max_bytes = max_bytes;
    r->parser.ctx = r;
    r->parser.frame = on_frame;
    r->parser.text = on_text;
}

void receiver_free(struct receiver *r)
{
    ranges_free(&r->have);
}

void receiver_feed(struct receiver *r, const uint8_t *bytes, size_t n, uint64_t now)
{
    r->now = now;
    if (n == 0)
        return;
    r->last_byte = now;
    r->window_bytes += n;
    frames_feed(&r->parser, bytes, n);
}

static void watch_line(struct receiver *r)
{
    if (r->now - r->window_start < RECEIVER_WINDOW_MS)
        return;
    r->idle = r->window_bytes < IDLE_BYTES;
    r->window_bytes = 0;
    r->window_start = r->now;
}

void receiver_tick(struct receiver *r, uint64_t now)
{
    r->now = now;
    watch_line(r);
    uint64_t silence = now - r->last_byte;
    if (r->io.stored)
        silence = 0;
    if (silence >= FRAME_SILENCE_MS)
        frames_flush(&r->parser);
    else if (silence >= FRAME_PAUSE_MS)
        frames_resync(&r->parser);
    if (r->state == RECEIVER_RECEIVING)
        receiver_ask_at_silence(r);
}

void receiver_finish(struct receiver *r)
{
    frames_flush(&r->parser);
    /* Without END there is no CRC of the whole; each frame had its own. */
    if (r->state == RECEIVER_RECEIVING && r->known && !r->dump.front && !r->end_seen &&
        receiver_missing(r) == 0)
        r->state = RECEIVER_COMPLETE;
}
