/* Memory that is there: where it is not, the program says so and ends with EXIT_FINDINGS. For commands, whose
 * death leaves nothing behind; the reader below them reports it instead. */
#ifndef ENGRAM_NEED_H
#define ENGRAM_NEED_H

#include <stddef.h>

void *need(size_t bytes);
void *need_zeroed(size_t count, size_t bytes);
void *need_resized(void *old, size_t count, size_t bytes);
char *need_text(const char *text);

#endif
