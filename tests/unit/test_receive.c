/*
 * The receiver against the real sender (hv/trace/dump.c) over a line that flips
 * and drops bytes in both directions. The clock is the line's: a byte takes
 * 1/11520 s, and so does an idle look at the line.
 */
#include "traced.h"

#include "../../tools/receiver.h" /* and not the small one of the sender's own tests */
#include "trace/crc32c.h"
#include "trace/dump.h"

#define BYTES_PER_SECOND 11520u
#define BACK_BYTES 65536u

static struct {
    uint64_t seed;
    unsigned damage_per_1000; /* of the bytes, each way: half flipped, half dropped */
    uint64_t steps;           /* of the clock */
    uint64_t bytes_sent;
    uint64_t cut_after; /* the line to the receiver is dead after so many bytes; 0: never */
    uint64_t tick_step;
    uint8_t back[BACK_BYTES]; /* from the receiver to the sender */
    uint32_t back_in, back_out;
} line;

static uint8_t *received;
static size_t received_room;
static char console[4096];
static size_t console_bytes;
static struct ranges resume;
static unsigned starts;
static struct receiver receiver;

static uint64_t line_random(void)
{
    line.seed ^= line.seed << 13;
    line.seed ^= line.seed >> 7;
    line.seed ^= line.seed << 17;
    return line.seed >> 11;
}

/* What becomes of a byte: -1 when it is dropped. */
static int through(uint8_t byte)
{
    uint64_t r = line_random() % 2000;
    if (r < line.damage_per_1000)
        return -1;
    if (r < 2 * line.damage_per_1000)
        return byte ^ (1 << line_random() % 8);
    return byte;
}

static uint64_t line_ms(void) { return line.steps * 1000 / BYTES_PER_SECOND; }

static void step(void)
{
    line.steps++;
    if (line.steps >= line.tick_step) {
        line.tick_step = line.steps + BYTES_PER_SECOND / 50;
        receiver_tick(&receiver, line_ms());
    }
}

static void line_put(uint8_t byte)
{
    int got = through(byte);
    line.bytes_sent++;
    step();
    if (got < 0 || (line.cut_after && line.bytes_sent > line.cut_after))
        return;
    byte = (uint8_t)got;
    receiver_feed(&receiver, &byte, 1, line_ms());
}

static int line_get(void)
{
    if (line.back_out == line.back_in || (line.cut_after && line.bytes_sent > line.cut_after))
        return -1;
    return line.back[line.back_out++ % BACK_BYTES];
}

static uint64_t line_seconds(void)
{
    step();
    return line_ms() / 1000;
}

static bool on_start(void *ctx, bool known, uint64_t run, uint64_t length, struct ranges *have)
{
    (void)ctx;
    starts++;
    if (!known)
        return true;
    assert_int_equal(run, TRACED_RUN);
    assert_true(length <= received_room);
    for (size_t i = 0; i < resume.count; i++)
        assert_true(ranges_add(have, resume.spans[i].start, resume.spans[i].end));
    return true;
}

static bool on_write(void *ctx, uint64_t offset, const uint8_t *bytes, size_t n)
{
    (void)ctx;
    assert_true(offset + n <= received_room);
    memcpy(received + offset, bytes, n);
    return true;
}

static int64_t on_read(void *ctx, uint64_t offset, void *to, size_t n)
{
    (void)ctx;
    memcpy(to, received + offset, n);
    return (int64_t)n;
}

static void on_text(void *ctx, const uint8_t *bytes, size_t n)
{
    (void)ctx;
    n = n < sizeof(console) - console_bytes ? n : sizeof(console) - console_bytes;
    memcpy(console + console_bytes, bytes, n);
    console_bytes += n;
}

static void on_send(void *ctx, const uint8_t *bytes, size_t n)
{
    (void)ctx;
    for (size_t i = 0; i < n; i++) {
        int got = through(bytes[i]);
        if (got >= 0)
            line.back[line.back_in++ % BACK_BYTES] = (uint8_t)got;
    }
}

static const uint8_t *sent;
static size_t sent_bytes;

static void set_up(bool two_way, unsigned damage_per_1000, uint64_t seed)
{
    const struct receiver_io io = {.start = on_start, .write_at = on_write, .read_at = on_read, .text = on_text,
                                   .send = two_way ? on_send : NULL};
    memset(&line, 0, sizeof(line));
    line.seed = seed * 2654435761u + 1;
    line.damage_per_1000 = damage_per_1000;
    console_bytes = 0;
    starts = 0;
    received_room = 8u << 20;
    free(received);
    received = calloc(1, received_room);
    assert_non_null(received);
    receiver_init(&receiver, &io, received_room);
}

static enum dump_end send_dump(void)
{
    static const struct dump_line to = {.put = line_put, .get = line_get, .seconds = line_seconds};
    static const struct dump_options options = {.compress = true, .wait_seconds = 10, .frame_payload = 1024};
    return dump_send(&traced_ring, traced_meta, (uint32_t)strlen(traced_meta), TRACED_RUN, &to, &options);
}

static int make_trace(void **state)
{
    (void)state;
    trace_accesses(20000, RING_WRAP, TRACED_SLOTS);
    sent = traced_file(&sent_bytes, true);
    return 0;
}

static int drop_trace(void **state)
{
    (void)state;
    free((void *)(uintptr_t)sent);
    free(received);
    ranges_free(&resume);
    return 0;
}

static void assert_whole(void)
{
    assert_string_equal(receiver.error, "");
    assert_int_equal(receiver.state, RECEIVER_COMPLETE);
    assert_int_equal(receiver.length, sent_bytes);
    assert_memory_equal(received, sent, sent_bytes);
    assert_int_equal(receiver_missing(&receiver), 0);
}

static void clean_line_needs_no_request(void **state)
{
    (void)state;
    set_up(true, 0, 1);
    receiver_feed(&receiver, (const uint8_t *)"before\n", 7, 0);
    assert_int_equal(send_dump(), DUMP_DONE);
    receiver_feed(&receiver, (const uint8_t *)"after\n", 6, line_ms());
    assert_whole();
    assert_int_equal(receiver.requests, 0);
    assert_int_equal(console_bytes, 13);
    assert_memory_equal(console, "before\nafter\n", 13);
    receiver_free(&receiver);
}

static void damaged_line(unsigned per_1000, uint64_t seeds, uint64_t most_times)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        set_up(true, per_1000, seed);
        assert_int_equal(send_dump(), DUMP_DONE);
        assert_whole();
        /* Time on the line, as a multiple of sending the file once. */
        uint64_t times = line.steps / sent_bytes;
        print_message("    %u in 1000 damaged: %" PRIu64 " requests, frames of %u, %" PRIu64 " times the file's time\n",
                      per_1000, receiver.requests, receiver.ask.frame_bytes, times);
        assert_true(times <= most_times);
        receiver_free(&receiver);
    }
}

static void one_byte_in_1000_damaged_arrives_whole(void **state)
{
    (void)state;
    damaged_line(1, 3, 6);
}

static void one_percent_damaged_arrives_whole(void **state)
{
    (void)state;
    damaged_line(10, 5, 15);
}

static void three_percent_damaged_arrive_whole(void **state)
{
    (void)state;
    damaged_line(30, 2, 60);
}

static void broken_dump_resumes(void **state)
{
    (void)state;
    set_up(true, 2, 7);
    line.cut_after = sent_bytes / 2;
    assert_int_equal(send_dump(), DUMP_UNANSWERED);
    receiver_finish(&receiver);
    assert_int_equal(receiver.state, RECEIVER_RECEIVING);
    uint64_t had = receiver.have.total;
    assert_true(had > 0 && had < sent_bytes);

    /* Started again while Engram says END: the bytes that are there must not be asked for again. */
    uint8_t *kept = received;
    received = NULL;
    for (size_t i = 0; i < receiver.have.count; i++)
        assert_true(ranges_add(&resume, receiver.have.spans[i].start, receiver.have.spans[i].end));
    receiver_free(&receiver);
    set_up(true, 0, 1);
    memcpy(received, kept, sent_bytes);
    free(kept);
    uint8_t frame[FRAME_BYTES_MAX], end[20];
    for (unsigned i = 0; i < 8; i++) {
        end[i] = (uint8_t)(sent_bytes >> 8 * i);
        end[8 + i] = (uint8_t)(TRACED_RUN >> 8 * i);
    }
    uint32_t crc = crc32c(sent, sent_bytes);
    memcpy(end + 16, &crc, 4);
    for (unsigned round = 0; receiver.state != RECEIVER_COMPLETE && round < 100; round++) {
        line.steps += BYTES_PER_SECOND;
        receiver_feed(&receiver, frame, frame_build(frame, FRAME_END, 0, end, 20), line_ms());
        /* The answer to the last REQUEST that came back. */
        while (line.back_out != line.back_in) {
            uint8_t request[FRAME_BYTES_MAX];
            for (unsigned i = 0; i < 4; i++)
                request[i] = line.back[line.back_out++ % BACK_BYTES];
            unsigned n = request[2] + 256u * request[3] + FRAME_HEADER_BYTES + FRAME_CRC_BYTES;
            for (unsigned i = 4; i < n; i++)
                request[i] = line.back[line.back_out++ % BACK_BYTES];
            if (request[1] != FRAME_REQUEST)
                continue;
            uint16_t size;
            memcpy(&size, request + 12, 2);
            for (unsigned at = 14; at + 16 <= n - 4; at += 16) {
                uint64_t offset, length;
                memcpy(&offset, request + at, 8);
                memcpy(&length, request + at + 8, 8);
                for (uint64_t part; length; offset += part, length -= part) {
                    part = length < size ? length : size;
                    receiver_feed(&receiver, frame,
                                  frame_build(frame, FRAME_DATA, offset, sent + offset, (uint16_t)part), line_ms());
                }
            }
        }
    }
    assert_whole();
    assert_true(receiver.repeated_bytes < sent_bytes / 8);
    receiver_free(&receiver);
    ranges_clear(&resume);
}

/* Nothing can be asked for: what came is right, and the rest is known as missing. */
static void one_way_line_knows_what_is_missing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        set_up(false, 1, seed);
        assert_int_equal(send_dump(), DUMP_UNANSWERED);
        receiver_finish(&receiver);
        assert_int_equal(receiver.state, RECEIVER_RECEIVING);
        assert_int_equal(receiver.length, sent_bytes);
        uint64_t missing = receiver_missing(&receiver);
        assert_true(missing > 0 && missing < sent_bytes);
        for (size_t i = 0; i < receiver.have.count; i++) {
            struct span s = receiver.have.spans[i];
            assert_memory_equal(received + s.start, sent + s.start, s.end - s.start);
        }
        receiver_free(&receiver);
    }
}

/* BEGIN got lost three times: data are taken all the same, END says whose they are. */
static void late_receiver_takes_data_before_it_knows_the_run(void **state)
{
    (void)state;
    uint8_t frame[FRAME_BYTES_MAX], end[20];
    set_up(false, 0, 1);
    receiver_feed(&receiver, frame, frame_build(frame, FRAME_DATA, 1000, sent, 500), 0);
    assert_int_equal(receiver.state, RECEIVER_RECEIVING);
    assert_false(receiver.known);
    memset(end, 0, sizeof(end));
    end[0] = 0xdc; /* 1500 */
    end[1] = 5;
    for (unsigned i = 0; i < 8; i++)
        end[8 + i] = (uint8_t)(TRACED_RUN >> 8 * i);
    receiver_feed(&receiver, frame, frame_build(frame, FRAME_END, 0, end, 20), 0);
    assert_true(receiver.known);
    assert_int_equal(receiver_missing(&receiver), 1000);
    assert_int_equal(starts, 2);
    receiver_free(&receiver);
}

static void huge_lengths_and_offsets_are_refused(void **state)
{
    (void)state;
    uint8_t frame[FRAME_BYTES_MAX], begin[16];
    set_up(false, 0, 1);
    memset(begin, 0xff, sizeof(begin));
    receiver_feed(&receiver, frame, frame_build(frame, FRAME_DATA, UINT64_MAX - 5, sent, 500), 0);
    receiver_feed(&receiver, frame, frame_build(frame, FRAME_DATA, received_room - 5, sent, 500), 0);
    assert_int_equal(receiver.state, RECEIVER_WAITING);
    assert_int_equal(receiver.stray_frames, 2);
    receiver_feed(&receiver, frame, frame_build(frame, FRAME_BEGIN, 0, begin, 16), 0);
    assert_int_equal(receiver.state, RECEIVER_FAILED);
    assert_non_null(strstr(receiver.error, "--max-size"));
    receiver_free(&receiver);
}

/* What is there from an earlier try is wrong: the CRC of the whole tells, and all is received anew. */
static void wrong_resumed_bytes_are_found(void **state)
{
    (void)state;
    set_up(true, 0, 1);
    assert_true(ranges_add(&resume, 100, 3000));
    assert_int_equal(send_dump(), DUMP_DONE);
    assert_whole(); /* the first pass sends them again */
    receiver_free(&receiver);

    set_up(true, 0, 1);
    assert_true(ranges_add(&resume, 0, sent_bytes));
    memcpy(received, sent, sent_bytes);
    received[sent_bytes / 2] ^= 1;
    line.cut_after = 0;
    uint8_t frame[FRAME_BYTES_MAX], end[20];
    for (unsigned i = 0; i < 8; i++) {
        end[i] = (uint8_t)(sent_bytes >> 8 * i);
        end[8 + i] = (uint8_t)(TRACED_RUN >> 8 * i);
    }
    uint32_t crc = crc32c(sent, sent_bytes);
    memcpy(end + 16, &crc, 4);
    receiver_feed(&receiver, frame, frame_build(frame, FRAME_END, 0, end, 20), 0);
    assert_int_equal(receiver.state, RECEIVER_RECEIVING);
    assert_int_equal(receiver.restarts, 1);
    assert_int_equal(receiver_missing(&receiver), sent_bytes);
    assert_int_equal(receiver.requests, 1);
    receiver_free(&receiver);
    ranges_clear(&resume);
}

static void console_byte_f7_and_noise(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {'a', 0xf7, 0x00, 'b', 0xf7, 0xff, 0xff, 0xff, 'c', 0xf7, 0x02, 0x10};
    static const uint8_t expected[] = {'a', 0xf7, 'b', 0xff, 0xff, 0xff, 'c'};
    set_up(false, 0, 1);
    receiver_feed(&receiver, bytes, sizeof(bytes), 0);
    assert_int_equal(console_bytes, sizeof(expected));
    assert_memory_equal(console, expected, sizeof(expected));
    receiver_tick(&receiver, 1000); /* a pause: more may come */
    assert_int_equal(console_bytes, sizeof(expected));
    receiver_tick(&receiver, 10000); /* silence: the start of a frame was none */
    assert_int_equal(console_bytes, sizeof(expected) + 2);
    receiver_free(&receiver);
}

/* The header of a damaged frame promises more than will come: frames behind it are not held back. */
static void pause_reveals_a_frame_behind_a_false_start(void **state)
{
    (void)state;
    uint8_t bytes[FRAME_BYTES_MAX] = {0xf7, 0x02, 0xff, 0x03}, begin[16] = {100};
    set_up(false, 0, 1);
    memcpy(begin + 8, (const uint64_t[]){TRACED_RUN}, 8);
    size_t n = 4 + frame_build(bytes + 4, FRAME_BEGIN, 0, begin, 16);
    receiver_feed(&receiver, bytes, n, 0);
    assert_false(receiver.known);
    receiver_tick(&receiver, 200);
    assert_true(receiver.known);
    assert_int_equal(receiver.length, 100);
    receiver_free(&receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_line_needs_no_request),
        cmocka_unit_test(one_byte_in_1000_damaged_arrives_whole),
        cmocka_unit_test(one_percent_damaged_arrives_whole),
        cmocka_unit_test(three_percent_damaged_arrive_whole),
        cmocka_unit_test(broken_dump_resumes),
        cmocka_unit_test(one_way_line_knows_what_is_missing),
        cmocka_unit_test(late_receiver_takes_data_before_it_knows_the_run),
        cmocka_unit_test(huge_lengths_and_offsets_are_refused),
        cmocka_unit_test(wrong_resumed_bytes_are_found),
        cmocka_unit_test(console_byte_f7_and_noise),
        cmocka_unit_test(pause_reveals_a_frame_behind_a_false_start),
    };
    return cmocka_run_group_tests(tests, make_trace, drop_trace);
}
