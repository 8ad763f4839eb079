/*
 * The dump protocol: docs/format.md, "The dump on a serial line". Everything is
 * sent once; then whoever listens asks for what it lacks. What comes in is looked
 * at between any two bytes that go out, for a UART's FIFO is short and a receiver
 * does not wait; it is acted on between frames.
 */
#include "trace/dump.h"

#include "trace/bytes.h"
#include "trace/crc32c.h"
#include "trace/drain.h"
#include "trace/dump_file.h"
#include "trace/frame.h"

#include <string.h>

#define QUEUE_BYTES 4096u /* more than arrives while the longest frame goes out */
#define RANGES_MAX 64u    /* asked for and not yet sent; a receiver repeats what is dropped */
/*
 * BEGIN and END say how long the file is and which events it holds: what a receiver on a one-way line must
 * know to tell what is missing. With 1% of the bytes damaged, one of these six arrives in 99.6% of the cases.
 */
#define BEGIN_TIMES 3
#define END_TIMES 3
#define GET_BURST 16 /* a UART's FIFO */

#define REQUEST_HEAD 2u
#define REQUEST_RANGE 16u
#define REQUEST_MAX (REQUEST_HEAD + FRAME_REQUEST_RANGES_MAX * REQUEST_RANGE)
#define INCOMING_MAX (FRAME_HEADER_BYTES + REQUEST_MAX + FRAME_CRC_BYTES)

struct range {
    uint64_t offset, end;
    uint32_t payload; /* of the frames that it is sent in */
};

static struct {
    const struct dump_line *line;
    struct dump_file file;
    uint64_t run_id;
    uint32_t file_crc;
    bool active;
    bool done;       /* the receiver said so */
    bool asked_gone; /* for what was sent while the guest ran, and is no longer in the ring */
    uint64_t heard;  /* seconds: when somebody last wanted something, or got it */
    uint8_t queue[QUEUE_BYTES];
    uint32_t queue_in, queue_out; /* count bytes; they may wrap */
    uint8_t frame[INCOMING_MAX];  /* coming in */
    uint32_t frame_have;
    struct range range[RANGES_MAX];
    uint32_t ranges;
} dump;

/* ---- bytes ------------------------------------------------------------------ */

static void poll_line(void)
{
    for (int i = 0; i < GET_BURST; i++) {
        int byte = dump.line->get();
        if (byte < 0)
            return;
        if (dump.queue_in - dump.queue_out < QUEUE_BYTES)
            dump.queue[dump.queue_in++ % QUEUE_BYTES] = (uint8_t)byte;
    }
}

static void send_frame(enum frame_type type, uint64_t offset, const void *payload, uint32_t bytes)
{
    const struct frame_line line = {.put = dump.line->put, .between = poll_line};

    frame_send(&line, type, offset, payload, bytes);
}

/* ---- frames that come in ---------------------------------------------------- */

static uint32_t clamp_payload(uint32_t bytes)
{
    if (bytes < FRAME_PAYLOAD_MIN)
        return FRAME_PAYLOAD_MIN;
    return bytes > FRAME_PAYLOAD_MAX ? FRAME_PAYLOAD_MAX : bytes;
}

static void add_range(const struct range *new)
{
    if (new->offset >= new->end)
        return;
    for (uint32_t i = 0; i < dump.ranges; i++)
        if (dump.range[i].offset == new->offset && dump.range[i].end == new->end) /* asked twice */
            return;
    if (dump.ranges < RANGES_MAX)
        dump.range[dump.ranges++] = *new;
}

/* Notes what is to be sent of a range that was asked for: all of it, or what lies before and behind the bytes
 * that are gone. False when nothing of it lies in the file. */
static bool ask_for(uint64_t offset, uint64_t length, uint32_t payload)
{
    const struct dump_file *f = &dump.file;

    if (offset >= f->bytes || !length)
        return false;
    uint64_t end = length > f->bytes - offset ? f->bytes : offset + length;
    if (f->gone_start == f->gone_end || end <= f->gone_start || offset >= f->gone_end) {
        add_range(&(struct range){offset, end, payload});
        return true;
    }
    dump.asked_gone = true;
    add_range(&(struct range){offset, f->gone_start, payload});
    add_range(&(struct range){f->gone_end, end, payload});
    return true;
}

static void take_request(const uint8_t *payload, uint32_t bytes)
{
    if (bytes < REQUEST_HEAD + REQUEST_RANGE || (bytes - REQUEST_HEAD) % REQUEST_RANGE)
        return;
    uint32_t frame_payload = clamp_payload(load16(payload));
    for (uint32_t at = REQUEST_HEAD; at < bytes; at += REQUEST_RANGE)
        if (ask_for(load64(payload + at), load64(payload + at + 8), frame_payload))
            dump.heard = dump.line->seconds();
}

/* How far the bytes in dump.frame are a frame: 0 not at all, else its length, which may be more than is
 * there. */
static uint32_t frame_length(void)
{
    const uint8_t *f = dump.frame;
    uint32_t have = dump.frame_have;

    if (f[0] != FRAME_START)
        return 0;
    if (have < 4)
        return FRAME_HEADER_BYTES;
    if (load16(f + 2) > REQUEST_MAX)
        return 0;
    return FRAME_HEADER_BYTES + load16(f + 2) + FRAME_CRC_BYTES;
}

static bool frame_is_whole(uint32_t length)
{
    return load32(dump.frame + length - FRAME_CRC_BYTES) ==
           crc32c(dump.frame + 1, length - FRAME_CRC_BYTES - 1);
}

/* Acts on the frames at the beginning of dump.frame, of unknown type on none; of what is no frame, the first
 * byte goes. */
static void take_frames(void)
{
    while (dump.frame_have) {
        uint32_t length = frame_length();
        if (length > dump.frame_have)
            return;
        if (length && frame_is_whole(length)) {
            if (dump.frame[1] == FRAME_DONE)
                dump.done = true;
            else if (dump.frame[1] == FRAME_REQUEST)
                take_request(dump.frame + FRAME_HEADER_BYTES, load16(dump.frame + 2));
        } else {
            length = 1;
        }
        dump.frame_have -= length;
        memmove(dump.frame, dump.frame + length, dump.frame_have);
    }
}

static void take_queue(void)
{
    poll_line();
    while (dump.queue_out != dump.queue_in) {
        dump.frame[dump.frame_have++] = dump.queue[dump.queue_out++ % QUEUE_BYTES];
        take_frames();
    }
}

/* ---- what goes out ---------------------------------------------------------- */

/* What BEGIN and END have in common. */
static void put_facts(uint8_t payload[FRAME_BEGIN_BYTES])
{
    store64(payload, dump.file.bytes);
    store64(payload + 8, dump.run_id);
    store64(payload + 16, dump.file.first_event);
    store64(payload + 24, dump.file.end_event);
}

static void send_begin(void)
{
    uint8_t payload[FRAME_BEGIN_BYTES];

    put_facts(payload);
    for (int i = 0; i < BEGIN_TIMES; i++)
        send_frame(FRAME_BEGIN, 0, payload, sizeof(payload));
}

static void send_end(int times)
{
    uint8_t payload[FRAME_END_BYTES];

    put_facts(payload);
    store32(payload + FRAME_BEGIN_BYTES, dump.file_crc);
    for (int i = 0; i < times && !dump.done; i++) {
        send_frame(FRAME_END, 0, payload, sizeof(payload));
        take_queue();
    }
}

/* Sends the first frame of a range and takes it off; its data stay in `data`. Returns their length. */
static uint32_t send_part(struct range *range, uint8_t data[FRAME_PAYLOAD_MAX])
{
    uint64_t left = range->end - range->offset;
    uint32_t n = left < range->payload ? (uint32_t)left : range->payload;

    dump_file_read(&dump.file, range->offset, data, n);
    send_frame(FRAME_DATA, range->offset, data, n);
    range->offset += n;
    return n;
}

static void send_gone(void)
{
    uint8_t payload[FRAME_GONE_BYTES];

    if (!dump.asked_gone)
        return;
    dump.asked_gone = false;
    store64(payload, dump.file.gone_start);
    store64(payload + 8, dump.file.gone_end - dump.file.gone_start);
    send_frame(FRAME_GONE, 0, payload, sizeof(payload));
}

/* Sends all that was asked for, and what is asked for meanwhile. */
static void serve_requests(void)
{
    uint8_t data[FRAME_PAYLOAD_MAX];

    for (take_queue(), send_gone(); dump.ranges && !dump.done; take_queue(), send_gone()) {
        send_part(&dump.range[0], data);
        if (dump.range[0].offset == dump.range[0].end) {
            dump.ranges--;
            memmove(dump.range, dump.range + 1, dump.ranges * sizeof(dump.range[0]));
        }
        dump.heard = dump.line->seconds();
    }
}

/* A part of the first pass; its CRC, which begins with `crc`. */
static uint32_t send_all(uint64_t from, uint64_t to, uint32_t crc, const struct dump_options *options)
{
    struct range all = {from, to, clamp_payload(options->frame_payload)};
    uint8_t data[FRAME_PAYLOAD_MAX];

    while (all.offset < all.end && !dump.done) {
        uint32_t n = send_part(&all, data);
        crc = crc32c_more(crc, data, n);
        if (options->progress)
            options->progress(all.offset, dump.file.bytes);
        serve_requests();
    }
    return crc;
}

/* Of a ring that was drained the front, which is known at the end only, and what was not sent before. */
static void first_pass(const struct dump_options *options)
{
    const struct drain *d = options->drained;
    uint64_t front = d ? d->ring->front_bytes : 0;
    uint32_t first = send_all(0, front, 0, options);
    uint32_t rest = send_all(d ? d->offset : 0, dump.file.bytes, d ? d->crc : 0, options);

    dump.file_crc = crc32c_join(first, rest, dump.file.bytes - front);
}

/* END three times, then once each second, and at once when a request has been served, so that its receiver
 * need not wait. */
static enum dump_end answer_requests(uint32_t wait_seconds)
{
    dump.heard = dump.line->seconds();
    for (int times = END_TIMES; !dump.done; times = 1) {
        uint64_t sent_at = dump.line->seconds();
        send_end(times);
        do
            take_queue();
        while (!dump.done && !dump.ranges && !dump.asked_gone && dump.line->seconds() == sent_at &&
               sent_at - dump.heard < wait_seconds);
        serve_requests();
        if (!dump.done && dump.line->seconds() - dump.heard >= wait_seconds)
            return DUMP_UNANSWERED;
    }
    return DUMP_DONE;
}

enum dump_end dump_send(struct ring *ring, const char *meta, uint32_t meta_bytes, uint64_t run_id,
                        const struct dump_line *line, const struct dump_options *options)
{
    dump.line = line;
    dump.run_id = run_id;
    dump.done = dump.asked_gone = false;
    dump.queue_in = dump.queue_out = 0;
    dump.frame_have = 0;
    dump.ranges = 0;
    dump.active = true;
    dump_file_make(&dump.file, ring, meta, meta_bytes, options->compress, poll_line);
    dump_file_add(&dump.file, options->more, options->more_bytes);
    send_begin();
    first_pass(options);
    enum dump_end end = answer_requests(options->wait_seconds);
    dump.active = false;
    return end;
}

bool dump_text(const char *text, uint64_t bytes)
{
    if (!dump.active)
        return false;
    while (bytes) {
        uint32_t part = (uint32_t)text_cut(text, bytes, FRAME_PAYLOAD_MAX);
        send_frame(FRAME_TEXT, 0, text, part);
        text += part;
        bytes -= part;
    }
    return true;
}
