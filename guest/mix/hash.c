/* FNV-1a, SipHash-2-4 and SHA-256 (FIPS 180-4) of a text of some KiB. */
#include "mix.h"

#define TEXT_BYTES 4000u

static uint8_t text[TEXT_BYTES];

static uint64_t load_le(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static uint64_t fnv(const uint8_t *p, size_t n)
{
    uint64_t h = 0xcbf29ce484222325ull;
    while (n--)
        h = (h ^ *p++) * 0x100000001b3ull;
    return h;
}

/* ---- SipHash ---- */

static uint64_t rotate64(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}

static void sip_rounds(uint64_t v[4], unsigned rounds)
{
    while (rounds--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate64(v[1], 13) ^ v[0];
        v[3] = rotate64(v[3], 16) ^ v[2];
        v[0] = rotate64(v[0], 32) + v[3];
        v[2] += v[1];
        v[3] = rotate64(v[3], 21) ^ v[0];
        v[1] = rotate64(v[1], 17) ^ v[2];
        v[2] = rotate64(v[2], 32);
    }
}

static uint64_t siphash(const uint8_t *p, size_t n, uint64_t key0, uint64_t key1)
{
    uint64_t v[4] = {key0 ^ 0x736f6d6570736575ull, key1 ^ 0x646f72616e646f6dull, key0 ^ 0x6c7967656e657261ull,
                     key1 ^ 0x7465646279746573ull};
    uint64_t last = (uint64_t)n << 56;

    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word = load_le(p, 8);
        v[3] ^= word;
        sip_rounds(v, 2);
        v[0] ^= word;
    }
    last |= load_le(p, (unsigned)n);
    v[3] ^= last;
    sip_rounds(v, 2);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- SHA-256 ---- */

static const uint32_t sha_constant[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate32(uint32_t v, unsigned n)
{
    return v >> n | v << (32 - n);
}

static void sha_block(uint32_t state[8], const uint8_t *p)
{
    uint32_t w[64], s[8];

    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 |
               p[4 * i + 3];
    for (unsigned i = 16; i < 64; i++) {
        uint32_t a = rotate32(w[i - 15], 7) ^ rotate32(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t b = rotate32(w[i - 2], 17) ^ rotate32(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    memcpy(s, state, sizeof s);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t a = rotate32(s[4], 6) ^ rotate32(s[4], 11) ^ rotate32(s[4], 25);
        uint32_t t1 = s[7] + a + ((s[4] & s[5]) ^ (~s[4] & s[6])) + sha_constant[i] + w[i];
        uint32_t b = rotate32(s[0], 2) ^ rotate32(s[0], 13) ^ rotate32(s[0], 22);
        uint32_t t2 = b + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof s[0]);
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++)
        state[i] += s[i];
}

/* Of less than 2^29 bytes. */
static void sha256(uint32_t state[8], const uint8_t *p, size_t n)
{
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t tail[128] = {0};
    size_t rest = n % 64, tail_bytes = rest < 56 ? 64 : 128;

    memcpy(state, initial, sizeof initial);
    memcpy(tail, p + (n - rest), rest);
    tail[rest] = 0x80;
    for (unsigned i = 0; i < 4; i++)
        tail[tail_bytes - 1 - i] = (uint8_t)((uint32_t)n << 3 >> 8 * i);
    for (size_t at = 0; at + 64 <= n; at += 64)
        sha_block(state, p + at);
    for (size_t at = 0; at < tail_bytes; at += 64)
        sha_block(state, tail + at);
}

uint64_t mix_hash(uint64_t seed)
{
    uint64_t key0 = next_random(&seed), key1 = next_random(&seed), sum;
    uint32_t digest[8];

    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = (uint8_t)random_below(&seed, 256);
    sum = fold(fnv(text, TEXT_BYTES), siphash(text, TEXT_BYTES, key0, key1));
    for (size_t at = 0; at < TEXT_BYTES; at += 100) /* keys as a table would have them */
        sum = fold(sum, siphash(text + at, 5 + at % 32, key0, key1));
    sha256(digest, text, TEXT_BYTES);
    for (unsigned i = 0; i < 8; i++)
        sum = fold(sum, digest[i]);
    return sum;
}
