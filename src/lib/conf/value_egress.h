/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the block egress; as conf_value_read. */
#ifndef IMS_CONF_VALUE_EGRESS_H
#define IMS_CONF_VALUE_EGRESS_H

#include "lib/conf/value.h"

/* Addresses without brackets, of both families: 192.0.2.1 2001:db8::1. */
bool conf_read_ips(const struct str *values, size_t count, struct arena *arena,
		   struct conf_ips *out, struct conf_problem *problem);
void conf_write_ips(const struct conf_ips *ips, struct buf *out);
/* A day: 2026-11-22. */
bool conf_read_date(struct str value, int64_t *out, struct conf_problem *problem);
void conf_write_date(int64_t unix_ms, struct buf *out);

#endif
