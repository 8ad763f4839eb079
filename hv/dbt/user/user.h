/* What the files of the DBT engine's part at CPL 3 share. */
#ifndef ENGRAM_DBT_USER_H
#define ENGRAM_DBT_USER_H

#include "dbt/dbt.h"
#include "dbt/shared.h"

/* Hands a request to the core, and comes back with its answer in dbt_shared. */
void user_ask(enum dbt_request request);

/* ---- ports.c ---- */
uint32_t user_port_in(struct dbt *d, uint16_t port, unsigned bytes);
void user_port_out(struct dbt *d, uint16_t port, unsigned bytes, uint32_t value);
/* The core hears of what the guest has sent on the console's line so far. */
void user_hand_over_text(void);

#endif
