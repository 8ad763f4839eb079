/* Memory types as the firmware set them: EPT has to repeat them, or device memory would become cacheable. */
#ifndef ENGRAM_VMX_MTRR_H
#define ENGRAM_VMX_MTRR_H

#include "types.h"

void mtrr_read(unsigned physical_bits);

/* Type of the page at `p` (SDM Vol. 3A, 11.11.4.1). */
uint8_t mtrr_type(hpa_t p);

/* True if [start, end) has one type only. */
bool mtrr_uniform(hpa_t start, hpa_t end);

#endif
