/* An analysis's picture as a file. False after a complaint. */
#ifndef ENGRAM_PICTURE_H
#define ENGRAM_PICTURE_H

#include "analyse/analysis.h"

bool picture_svg(const struct analysis *a, void *state, const char *path);
bool picture_png(const struct analysis *a, void *state, const char *path);

#endif
