/*
 * CRC-32C by the SSE4.2 instruction where the CPU has it, else eight bytes at a
 * time by table. The instruction works on general-purpose registers, so the
 * hypervisor may use it. A segment of 64 KiB costs about 25 thousand instructions
 * with it and 200 thousand by table.
 */
#include "trace/crc32c.h"

#include "trace/bytes.h"

#include <stdbool.h>

#define POLYNOMIAL 0x82f63b78u
#define CPUID_1_ECX_SSE42 (1u << 20)

static uint32_t table[8][256];
static bool table_ready;

/* table[k][b] is the CRC of byte b followed by k zero bytes. */
static void make_table(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        table[0][byte] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t byte = 0; byte < 256; byte++)
            table[k][byte] = table[k - 1][byte] >> 8 ^ table[0][table[k - 1][byte] & 0xff];
    table_ready = true;
}

uint32_t crc32c_more_by_table(uint32_t crc, const void *data, size_t bytes)
{
    const uint8_t *p = data;

    if (!table_ready)
        make_table();
    crc = ~crc;
    for (; bytes >= 8; bytes -= 8, p += 8) {
        uint64_t word = load64(p) ^ crc;
        crc = 0;
        for (int k = 0; k < 8; k++)
            crc ^= table[7 - k][word >> 8 * k & 0xff];
    }
    for (; bytes; bytes--, p++)
        crc = crc >> 8 ^ table[0][(crc ^ *p) & 0xff];
    return ~crc;
}

static uint32_t by_instruction(uint32_t crc, const void *data, size_t bytes)
{
    const uint8_t *p = data;
    uint64_t sum = ~crc;

    for (; bytes >= 8; bytes -= 8, p += 8)
        __asm__("crc32q %1, %0" : "+r"(sum) : "r"(load64(p)));
    uint32_t rest = (uint32_t)sum;
    for (; bytes; bytes--, p++)
        __asm__("crc32b %1, %0" : "+r"(rest) : "rm"(*p));
    return ~rest;
}

static enum { UNKNOWN, NO, YES } known;

/* CPUID may exit to a hypervisor below, so it is asked once. */
static bool has_instruction(void)
{
    if (known == UNKNOWN) {
        uint32_t a = 1, b, c = 0, d;
        __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
        known = c & CPUID_1_ECX_SSE42 ? YES : NO;
    }
    return known == YES;
}

void crc32c_avoid_instruction(void)
{
    known = NO;
}

uint32_t crc32c_more(uint32_t crc, const void *data, size_t bytes)
{
    return has_instruction() ? by_instruction(crc, data, bytes) : crc32c_more_by_table(crc, data, bytes);
}

uint32_t crc32c(const void *data, size_t bytes)
{
    return crc32c_more(0, data, bytes);
}

/* The product of two polynomials modulo the CRC's; bit 31 is the coefficient of x^0. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;

    for (; a; a <<= 1) {
        if (a & 1u << 31)
            product ^= b;
        b = b >> 1 ^ (b & 1 ? POLYNOMIAL : 0);
    }
    return product;
}

/* What stands before n bytes weighs x^(8n) more; the initial value and the final XOR cancel out. */
uint32_t crc32c_join(uint32_t first, uint32_t second, uint64_t bytes)
{
    uint32_t square = 1u << 23; /* x^8 */

    for (; bytes; bytes >>= 1) {
        if (bytes & 1)
            first = multiply(square, first);
        square = multiply(square, square);
    }
    return first ^ second;
}
