/* The receiver against the real sender over a noisy line, and against frames that are wrong or of later
 * versions. */
#include "noisy_line.h"

#include "trace/crc32c.h"

static const uint8_t *sent;
static size_t sent_bytes;

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

/* BEGIN or END of the trace, of `length` bytes, in events 0 to 9. */
static void feed_facts(uint8_t type, uint64_t length, uint32_t crc)
{
    uint8_t frame[FRAME_BYTES_MAX], payload[36];
    const uint64_t facts[] = {length, TRACED_RUN, 0, 10};
    memcpy(payload, facts, sizeof(facts));
    memcpy(payload + 32, &crc, 4);
    receiver_feed(&receiver, frame, frame_build(frame, type, 0, payload, type == FRAME_BEGIN ? 32 : 36),
                  line_ms());
}

static void assert_whole(void)
{
    assert_string_equal(receiver.error, "");
    assert_int_equal(receiver.state, RECEIVER_COMPLETE);
    assert_int_equal(receiver.dump.length, sent_bytes);
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

static void damaged_line(unsigned per_million, uint64_t seeds, uint64_t most_times)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        set_up(true, per_million, seed);
        assert_int_equal(send_dump(), DUMP_DONE);
        assert_whole();
        /* Time on the line, as a multiple of sending the file once. */
        uint64_t times = line.steps / sent_bytes;
        print_message("    %u in a million damaged: %" PRIu64 " requests, frames of %u, %" PRIu64
                      " times the file's time\n",
                      per_million, receiver.requests, receiver.ask.frame_bytes, times);
        assert_true(times <= most_times);
        receiver_free(&receiver);
    }
}

static void one_byte_in_1000_damaged_arrives_whole(void **state)
{
    (void)state;
    damaged_line(1000, 3, 6);
}

static void one_percent_damaged_arrives_whole(void **state)
{
    (void)state;
    damaged_line(10000, 5, 15);
}

static void three_percent_damaged_arrive_whole(void **state)
{
    (void)state;
    damaged_line(30000, 2, 60);
}

static void broken_dump_resumes(void **state)
{
    (void)state;
    set_up(true, 2000, 7);
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
    uint8_t frame[FRAME_BYTES_MAX];
    for (unsigned round = 0; receiver.state != RECEIVER_COMPLETE && round < 100; round++) {
        line.steps += BYTES_PER_SECOND;
        feed_facts(FRAME_END, sent_bytes, crc32c(sent, sent_bytes));
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
                                  frame_build(frame, FRAME_DATA, offset, sent + offset, (uint16_t)part),
                                  line_ms());
                }
            }
        }
    }
    assert_whole();
    assert_true(receiver.repeated_bytes < sent_bytes / 8);
    receiver_free(&receiver);
    ranges_clear(&resume);
}

/* BEGIN got lost three times: data are taken all the same, END says whose they are. */
static void late_receiver_takes_data_before_it_knows_the_run(void **state)
{
    (void)state;
    uint8_t frame[FRAME_BYTES_MAX];
    set_up(false, 0, 1);
    receiver_feed(&receiver, frame, frame_build(frame, FRAME_DATA, 1000, sent, 500), 0);
    assert_int_equal(receiver.state, RECEIVER_RECEIVING);
    assert_false(receiver.known);
    feed_facts(FRAME_END, 1500, 0);
    assert_true(receiver.known);
    assert_int_equal(receiver_missing(&receiver), 1000);
    assert_int_equal(starts, 2);
    receiver_free(&receiver);
}

static void huge_lengths_and_offsets_are_refused(void **state)
{
    (void)state;
    uint8_t frame[FRAME_BYTES_MAX];
    set_up(false, 0, 1);
    receiver_feed(&receiver, frame, frame_build(frame, FRAME_DATA, UINT64_MAX - 5, sent, 500), 0);
    receiver_feed(&receiver, frame, frame_build(frame, FRAME_DATA, received_room - 5, sent, 500), 0);
    assert_int_equal(receiver.state, RECEIVER_WAITING);
    assert_int_equal(receiver.stray_frames, 2);
    feed_facts(FRAME_BEGIN, UINT64_MAX, 0);
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
    feed_facts(FRAME_END, sent_bytes, crc32c(sent, sent_bytes));
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
    static const uint8_t bytes[] = {0xf7, 0x02, 0xff, 0x03};
    set_up(false, 0, 1);
    receiver_feed(&receiver, bytes, sizeof(bytes), 0);
    feed_facts(FRAME_BEGIN, 100, 0);
    assert_false(receiver.known);
    receiver_tick(&receiver, 200);
    assert_true(receiver.known);
    assert_int_equal(receiver.dump.length, 100);
    receiver_free(&receiver);
}

/* Types that nobody knows, and BEGIN and END of other lengths: skipped as a whole, with what looks like a
 * frame in them.
 */
static void frames_of_later_versions_are_skipped(void **state)
{
    (void)state;
    uint8_t frame[FRAME_BYTES_MAX], payload[64] = {0};
    const struct {
        uint8_t type;
        uint16_t bytes;
    } others[] = {{0x05, 0},         {0x7f, 64},      {0xff, 64},      {FRAME_BEGIN, 16},
                  {FRAME_BEGIN, 40}, {FRAME_END, 20}, {FRAME_END, 44}, {FRAME_END, 0}};
    set_up(false, 0, 1);
    payload[0] = 100;
    frame_build(payload + 36, FRAME_DONE, 0, NULL, 0);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        receiver_feed(&receiver, frame, frame_build(frame, others[i].type, 0, payload, others[i].bytes), 0);
        assert_int_equal(receiver.stray_frames, i + 1);
    }
    assert_int_equal(receiver.state, RECEIVER_WAITING);
    assert_int_equal(console_bytes, 0);

    /* Ranges of events that end before they begin, or that no run can reach. */
    const uint64_t bad[][4] = {{100, TRACED_RUN, 5, 4}, {100, TRACED_RUN, 0, 1ull << 63}};
    for (size_t i = 0; i < 2; i++)
        receiver_feed(&receiver, frame, frame_build(frame, FRAME_BEGIN, 0, bad[i], 32), 0);
    assert_int_equal(receiver.state, RECEIVER_WAITING);
    feed_facts(FRAME_BEGIN, 100, 0);
    assert_int_equal(receiver.state, RECEIVER_RECEIVING);
    assert_int_equal(receiver.dump.first_event, 0);
    assert_int_equal(receiver.dump.end_event, 10);
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
        cmocka_unit_test(frames_of_later_versions_are_skipped),
        cmocka_unit_test(late_receiver_takes_data_before_it_knows_the_run),
        cmocka_unit_test(huge_lengths_and_offsets_are_refused),
        cmocka_unit_test(wrong_resumed_bytes_are_found),
        cmocka_unit_test(console_byte_f7_and_noise),
        cmocka_unit_test(pause_reveals_a_frame_behind_a_false_start),
    };
    return cmocka_run_group_tests(tests, make_trace, drop_trace);
}
