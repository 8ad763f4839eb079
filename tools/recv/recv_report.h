/* How receiving ended, told on stderr. */
#ifndef ENGRAM_RECV_REPORT_H
#define ENGRAM_RECV_REPORT_H

#include "recv/receiver.h"

void recv_report_complete(const struct receiver *r, const char *path);
/* No dump came; gives the exit code. */
int recv_report_nothing(const struct receiver *r, const char *source, bool interrupted);
/* What is missing, in bytes and, by the chunk headers in the file, in segments and events. */
void recv_report_incomplete(const struct receiver *r, const char *path, int fd, bool two_way);

#endif
