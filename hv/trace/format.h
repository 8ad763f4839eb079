/*
 * The trace format, version 1: the numbers that writer and reader share.
 * docs/format.md is the specification and says what each of them means.
 */
#ifndef ENGRAM_TRACE_FORMAT_H
#define ENGRAM_TRACE_FORMAT_H

#include <stdint.h>

#define TRACE_MAGIC 0x4d524745u /* "EGRM" */
#define TRACE_VERSION 1

enum chunk_type { CHUNK_META = 1, CHUNK_SEGMENT = 2, CHUNK_END = 3, CHUNK_INDEX = 4 };
enum chunk_encoding { ENCODING_PACKED = 0, ENCODING_RAW = 1 };
enum chunk_compression { COMPRESSION_NONE = 0, COMPRESSION_LZ4 = 1 };

struct chunk_header {
    uint32_t magic;
    uint16_t version;
    uint16_t header_bytes;
    uint8_t type;        /* enum chunk_type */
    uint8_t encoding;    /* enum chunk_encoding */
    uint8_t compression; /* enum chunk_compression */
    uint8_t reserved0;
    uint32_t stored_bytes; /* body as stored */
    uint32_t body_bytes;   /* body when decompressed */
    uint32_t body_crc;     /* CRC-32C of the stored body */
    uint64_t sequence;
    uint64_t first_event;
    uint64_t event_count;
    uint64_t lost_before;
    uint64_t tsc;
    uint32_t reserved1;
    uint32_t header_crc; /* CRC-32C of the bytes before it */
};
_Static_assert(sizeof(struct chunk_header) == 72, "chunk header is 72 bytes");

#define CHUNK_BODY_MAX (1u << 20)

/* The body of INDEX: numbers of 64 bits, then INDEX_TRAILER_BYTES that a reader finds at the file's end. */
#define INDEX_HEAD_BYTES 40u
#define INDEX_ENTRY_BYTES 32u
#define INDEX_TRAILER_BYTES 8u
#define INDEX_MAGIC 0x58444745u /* "EGDX" */
#define INDEX_NO_ICOUNT UINT64_MAX
#define META_LINE_MAX 1023u

enum packet_type {
    PACKET_PAD = 0x00,
    PACKET_SYNC = 0x01,
    PACKET_CONTEXT = 0x02,
    PACKET_TIME = 0x03,
    PACKET_SITE = 0x04,
    PACKET_BLOCK = 0x05,
    PACKET_TLB_FILL = 0x06,
    PACKET_TLB_FLUSH = 0x07,
    PACKET_EVENT = 0x08,
    PACKET_RUN = 0x09,
    PACKET_MARK = 0x0a,
    PACKET_LOSS = 0x0b,
    PACKET_FILTER = 0x0c,
    PACKET_STOP = 0x0d,
    PACKET_ACCESS = 0x80, /* this bit set: an access */
};

#define SYNC_ICOUNT 0x01u

/* The context byte. */
#define CONTEXT_CPL_MASK 0x03u
#define CONTEXT_MODE_SHIFT 2
#define CONTEXT_PAGING 0x10u
enum context_mode { MODE_REAL = 0, MODE_PROT16 = 1, MODE_PROT32 = 2, MODE_LONG64 = 3 };

/* A site's `what` byte: kind in bit 0, cause in bits 1 to 3. */
#define SITE_CAUSE_SHIFT 1
#define SITE_ID_MAX 65535u

#define EVENT_ERROR_CODE 0x01u /* flag of EVENT */

#define RUN_DESCENDING 0x01u
#define RUN_DATA_DIFFER 0x02u
#define RUN_PAIR 0x04u          /* two accesses in each iteration */
#define RUN_PAIR_HAS_DATA 0x08u /* the second's data are not the first's */

#define MARK_ENGRAM 0
#define MARK_CONSOLE 1
#define MARK_HYPERCALL 2

/* The first byte of an access packet: 1 s gg dd i n. */
#define ACCESS_SITE_EXPLICIT 0x40u
#define ACCESS_ADDR_SHIFT 4
enum access_addr { ADDR_SAME = 0, ADDR_STRIDE = 1, ADDR_SITE_DELTA = 2, ADDR_PREV_DELTA = 3 };
#define ACCESS_DATA_SHIFT 2
enum access_data { DATA_SAME = 0, DATA_ZERO = 1, DATA_DELTA = 2, DATA_RAW = 3 };
#define ACCESS_ICOUNT_STEP 0x02u
#define ACCESS_NO_DATA 0x01u

/* Frames on the serial line. */
#define FRAME_START 0xf7u
#define FRAME_HEADER_BYTES 12u /* up to the payload */
#define FRAME_CRC_BYTES 4u
#define FRAME_PAYLOAD_MAX 1024u
#define FRAME_PAYLOAD_MIN 16u /* smallest that a REQUEST may ask for */
/*
 * Of the first pass. With 0.1% of the bytes damaged, 76% of such frames arrive and 35% of those of 1024
 * bytes; on a clean line they cost 4.6% more time.
 */
#define FRAME_PAYLOAD_FIRST 256u
#define FRAME_BEGIN_BYTES 32u /* payload */
#define FRAME_END_BYTES 36u
#define FRAME_REQUEST_RANGES_MAX 8u
enum frame_type {
    FRAME_LITERAL = 0x00, /* F7 00: a console byte F7 */
    FRAME_BEGIN = 0x01,
    FRAME_DATA = 0x02,
    FRAME_END = 0x03,
    FRAME_TEXT = 0x04,
    FRAME_REQUEST = 0x41,
    FRAME_DONE = 0x42,
};

#endif
