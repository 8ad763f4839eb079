/* Memory types as the firmware set them: EPT has to repeat them, or device memory would become cacheable. */
#ifndef ENGRAM_VMX_MTRR_H
#define ENGRAM_VMX_MTRR_H

#include "types.h"

/* Takes over the MTRRs as `read_msr` (rdmsr(), or a test's) shows them. Without it all memory is UC. */
void mtrr_read(unsigned physical_bits, uint64_t (*read_msr)(uint32_t msr));

/* Type of the page at `p` (SDM Vol. 3A, 11.11.4.1). */
uint8_t mtrr_type(hpa_t p);

/* True if [start, end), a power of 2 in size and aligned to it, has one type only. Overlapping ranges may
 * count as different though their types combine to the same. */
bool mtrr_uniform(hpa_t start, hpa_t end);

#endif
