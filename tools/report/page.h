/* The report's page, as it lies in tools/report: page.html with the places where page.css, the data and
 * page.js go. */
#ifndef ENGRAM_PAGE_H
#define ENGRAM_PAGE_H

#include <stddef.h>
#include <stdio.h>

/* Writes the page around the data, which are JSON; what could end a script there is escaped. */
void page_write(FILE *out, const char *title, const char *data, size_t bytes);

#endif
