/* CRC-32C (Castagnoli), as the trace format uses it everywhere. */
#ifndef ENGRAM_TRACE_CRC32C_H
#define ENGRAM_TRACE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of `bytes` bytes. */
uint32_t crc32c(const void *data, size_t bytes);

/* Of data in pieces: start with crc 0, hand in the result of the piece before. */
uint32_t crc32c_more(uint32_t crc, const void *data, size_t bytes);

/* Of two pieces one behind the other whose CRCs are known, the second `bytes` long. */
uint32_t crc32c_join(uint32_t first, uint32_t second, uint64_t bytes);

/* crc32c_more() by table, whatever the CPU offers: what the instruction is tested against. */
uint32_t crc32c_more_by_table(uint32_t crc, const void *data, size_t bytes);

/* From now on always by table: where CPUID tells of the instruction, but who runs this code does not know it.
 */
void crc32c_avoid_instruction(void);

#endif
