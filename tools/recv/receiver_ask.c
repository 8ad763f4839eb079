/*
 * Asking for what is missing. Engram keeps no state and says END when it has
 * sent all that was asked for, so the receiver asks in rounds: a few REQUESTs at
 * once, then no more before the last byte asked for has come, or END, or nothing
 * for a while. On a bad line the REQUESTs are short, for long ones would not get
 * through, and several, so that some do. How many of the frames came decides about
 * the size of the next ones: with 1% of the bytes damaged a frame of 1024 bytes
 * never gets through, and one of 32 bytes does so in 62% of the cases.
 */
#include "recv/receiver_ask.h"
#include "reader/cursor.h"

#define ANSWER_MS_FIRST 100u /* until measured */
#define TIMEOUT_MS_MIN 60u
/* Below a second: then Engram repeats END, and on a bad line that may be but noise. */
#define TIMEOUT_MS_MAX 600u
#define FRAMES_TO_JUDGE 8u /* fewer say nothing about the line */

static unsigned requests_per_round(uint16_t frame_bytes)
{
    return frame_bytes >= 512 ? 1 : frame_bytes >= 128 ? 3 : RECEIVER_REQUESTS_MAX;
}

static unsigned ranges_per_request(uint16_t frame_bytes)
{
    return frame_bytes >= 512 ? FRAME_REQUEST_RANGES_MAX : frame_bytes >= 128 ? 4 : 2;
}

/* Between two holes so near to each other the bytes are sent again: cheaper than one more range. */
static uint64_t worth_repeating(uint16_t frame_bytes)
{
    return frame_bytes <= 128 ? 256 : frame_bytes;
}

static uint64_t bytes_per_request(uint16_t frame_bytes)
{
    return frame_bytes <= 128 ? 16384 : 262144;
}

/* One part to ask for, from `from` on, of at most `limit` bytes. */
static bool next_part(const struct receiver *r, uint64_t from, uint64_t limit, struct span *part)
{
    struct span hole;
    if (!ranges_hole(&r->have, from, r->dump.length, part))
        return false;
    while (part->end - part->start < limit && ranges_hole(&r->have, part->end, r->dump.length, &hole) &&
           hole.start - part->end < worth_repeating(r->ask.frame_bytes))
        part->end = hole.end;
    if (part->end - part->start > limit)
        part->end = part->start + limit;
    return true;
}

/* One REQUEST for holes from `from` on. Returns where the last part ends, or `from` when there is none. */
static uint64_t send_request(struct receiver *r, uint64_t from, uint64_t *budget)
{
    uint8_t payload[2 + 16 * FRAME_REQUEST_RANGES_MAX], frame[FRAME_BYTES_MAX];
    unsigned count = 0, most = ranges_per_request(r->ask.frame_bytes), index = r->ask.frames;
    struct span part;
    store_le(payload, r->ask.frame_bytes, 2);
    for (; count < most && *budget && next_part(r, from, *budget, &part); count++) {
        uint64_t bytes = part.end - part.start;
        store_le(payload + 2 + 16 * count, part.start, 8);
        store_le(payload + 10 + 16 * count, bytes, 8);
        if (count == 0) {
            r->ask.frame[index].start = part.start;
            r->ask.frame[index].expected = r->ask.frame[index].got = 0;
        }
        r->ask.frame[index].expected += (bytes + r->ask.frame_bytes - 1) / r->ask.frame_bytes;
        r->ask.frame[index].end = from = part.end;
        *budget -= bytes;
    }
    if (count == 0)
        return from;
    r->ask.frames++;
    r->requests++;
    r->io.send(r->io.ctx, frame, frame_build(frame, FRAME_REQUEST, 0, payload, (uint16_t)(2 + 16 * count)));
    return from;
}

static void ask(struct receiver *r)
{
    uint64_t budget = bytes_per_request(r->ask.frame_bytes);
    r->ask.frames = 0;
    r->ask.last_end = 0;
    for (unsigned i = 0; i < requests_per_round(r->ask.frame_bytes); i++)
        r->ask.last_end = send_request(r, r->ask.last_end, &budget);
    r->ask.open = r->ask.frames != 0;
    r->ask.answered = false;
    r->ask.sent_at = r->now;
}

/* Takes the share of frames that came as the measure for the size of the next ones. */
static void adapt(struct receiver *r, uint64_t got, uint64_t expected)
{
    uint64_t percent = expected ? 100 * got / expected : 100;
    uint32_t size = r->ask.frame_bytes;
    if (percent < 5)
        size /= 16;
    else if (percent < 20)
        size /= 4;
    else if (percent < 50)
        size /= 2;
    else if (percent > 95)
        size *= 2;
    size = size < FRAME_PAYLOAD_MIN ? FRAME_PAYLOAD_MIN : size;
    r->ask.frame_bytes = (uint16_t)(size > FRAME_PAYLOAD_MAX ? FRAME_PAYLOAD_MAX : size);
}

/* What came of the round that is over. A REQUEST of which nothing came was lost itself, most likely. */
static void judge_round(struct receiver *r)
{
    uint64_t got = 0, expected = 0;
    r->ask.unanswered = r->ask.answered ? 0 : r->ask.unanswered + 1;
    bool count_all = r->ask.unanswered && r->ask.unanswered % 4 == 0;
    for (unsigned i = 0; i < r->ask.frames; i++) {
        if (r->ask.frame[i].got || count_all)
            expected += r->ask.frame[i].expected;
        got += r->ask.frame[i].got;
    }
    if (expected >= FRAMES_TO_JUDGE || count_all)
        adapt(r, got, expected);
}

static void ask_again(struct receiver *r)
{
    if (r->ask.open)
        judge_round(r);
    ask(r);
}

void receiver_ask_at_end(struct receiver *r, bool first)
{
    if (!r->io.send)
        return;
    if (first || r->ask.frame_bytes == 0) {
        uint16_t size = r->largest_frame ? r->largest_frame : FRAME_PAYLOAD_MAX / 4;
        r->ask.frame_bytes = size < FRAME_PAYLOAD_MIN ? FRAME_PAYLOAD_MIN : size;
        r->ask.answer_time = ANSWER_MS_FIRST;
        if (r->data_frames)
            adapt(r, r->have.total, r->dump.length);
        ask(r);
        return;
    }
    /* An END that was under way when the request went out says nothing about it. */
    if (!r->ask.open || r->ask.answered || r->now - r->ask.sent_at > 2 * r->ask.answer_time + 20)
        ask_again(r);
}

void receiver_ask_at_data(struct receiver *r, const struct frame *f)
{
    if (!r->io.send || !r->ask.open)
        return;
    if (!r->ask.answered)
        r->ask.answer_time = (3 * r->ask.answer_time + (r->now - r->ask.sent_at)) / 4;
    r->ask.answered = true;
    for (unsigned i = 0; i < r->ask.frames; i++)
        r->ask.frame[i].got += f->offset >= r->ask.frame[i].start && f->offset < r->ask.frame[i].end;
    if (f->offset + f->bytes == r->ask.last_end)
        ask_again(r);
}

static uint64_t silence_allowed(const struct receiver *r)
{
    unsigned failures = r->ask.unanswered < 3 ? r->ask.unanswered : 3;
    uint64_t ms = (2 * r->ask.answer_time + 20) << failures;
    return ms < TIMEOUT_MS_MIN ? TIMEOUT_MS_MIN : ms > TIMEOUT_MS_MAX ? TIMEOUT_MS_MAX : ms;
}

void receiver_ask_at_silence(struct receiver *r)
{
    if (!r->io.send || !r->known)
        return;
    if (r->ask.open) {
        uint64_t allowed = silence_allowed(r);
        if (r->now - r->last_byte >= allowed && r->now - r->ask.sent_at >= allowed)
            ask_again(r);
    } else if (r->idle && receiver_missing(r)) {
        receiver_ask_at_end(r, true); /* END itself got lost */
    }
}
